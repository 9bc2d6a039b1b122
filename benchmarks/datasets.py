"""Time and memory of opening a manifest of many rows, and speed of streaming images.

    python -m benchmarks.datasets [--rows 1000000] [--images 200] [--side 512]

The manifest has a path, a label, a patient and a split for each row, and a second one 14 findings
separated by |. Each is opened in a process of its own; its peak of resident memory is that of the
whole process, the interpreter and its libraries included. Streaming reads grey PNGs of noise.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

FINDINGS = ("Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule")
FOLDER = "images"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--open", type=Path, help="open this manifest, print time and memory")
    options = parser.parse_args()
    if options.open:
        _open(options.open)
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in (
            ("one class", _rows(options.rows, findings=False)),
            ("findings", _rows(options.rows, findings=True)),
        ):
            path = Path(folder) / f"{name}.csv"
            with path.open("w", encoding="utf-8") as file:
                file.writelines(rows)
            size = path.stat().st_size / 2**20
            print(f"{name}: {options.rows:,} rows, {size:.0f} MiB of text", flush=True)
            command = [sys.executable, "-m", "benchmarks.datasets", "--open", str(path)]
            subprocess.run(command, check=True)
            path.unlink()
        _stream(Path(folder), options.images, options.side)


def _rows(count: int, *, findings: bool) -> Iterator[str]:
    yield "path,label,patient_id,split\n"
    for i in range(count):
        patient, split = i // 3, ("train", "train", "val", "test")[i // 3 % 4]
        label = FINDINGS[i % 5]
        if findings and i % 3:
            label += "|" + FINDINGS[5 - i % 2]
        yield f"{FOLDER}/{i % 100:02d}/{i:08d}.png,{label},P{patient:07d},{split}\n"


def _open(path: Path) -> None:
    import resource

    from medadv_desktop.datasets.opening import open_dataset
    from medadv_desktop.datasets.splitting import split
    from medadv_desktop.datasets.subset import Subset

    def peak() -> str:
        return f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"

    before = peak()
    start = time.perf_counter()
    dataset = open_dataset(path)
    seconds = time.perf_counter() - start
    print(f"  opened {len(dataset):,} samples in {seconds:.2f} s; {peak()} (before: {before})")
    start = time.perf_counter()
    for i in range(0, len(dataset), 1000):
        dataset[i]
    each = (time.perf_counter() - start) / len(range(0, len(dataset), 1000))
    print(f"  a sample: {each * 1e6:.0f} µs")
    start = time.perf_counter()
    Subset(splits="test", count=1000).apply(dataset)
    print(f"  subset of 1,000: {time.perf_counter() - start:.2f} s; {peak()}")
    start = time.perf_counter()
    split(dataset)
    print(f"  split by patient: {time.perf_counter() - start:.2f} s; {peak()}")


def _stream(folder: Path, images: int, side: int) -> None:
    import numpy as np
    from PIL import Image

    from medadv_desktop.datasets.opening import open_dataset
    from medadv_desktop.datasets.streaming import stream

    rng = np.random.default_rng(0)
    for i in range(images):
        file = folder / "set" / str(i % 2) / f"{i:05d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (side, side), np.uint8)).save(file)
    dataset = open_dataset(folder / "set")
    for workers in (1, 2, 4):
        start = time.perf_counter()
        count = sum(1 for _ in stream(dataset, workers))
        rate = count / (time.perf_counter() - start)
        print(f"streaming {side} × {side} PNG, {workers} workers: {rate:.0f} images/s")


if __name__ == "__main__":
    main()
