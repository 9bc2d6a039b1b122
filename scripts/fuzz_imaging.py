"""Reads tens of thousands of broken DICOM files: ``python scripts/fuzz_imaging.py --count 20000``.

Every file that pydicom (and pydicom-data, where it is installed) ships is mutated by a seeded
generator, opened, decoded, rendered and its tags listed. Each outcome must be an image or an
`ImageError` that names the file and the reason; within five seconds and a gigabyte, and with the
process alive. Batches run in processes of their own; what kills one is kept in the folder that is
named at the end.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

BATCH = 500
LARGEST_SEED = 200_000
SECONDS = 5.0
MAX_BYTES = 2**30
FRAMES = 3


@dataclass(frozen=True)
class Outcome:
    """What became of one broken file; `fault` is "" where all is as it should be."""

    kind: str
    seconds: float
    fault: str = ""


def seeds() -> list[Path]:
    """The files to break, smallest first."""
    roots = []
    for package, folder in (("pydicom", "data/test_files"), ("data_store", "data")):
        found = importlib.util.find_spec(package)
        if found is not None and found.submodule_search_locations:
            roots += [Path(place) / folder for place in found.submodule_search_locations]
    files = [p for root in roots for p in sorted(root.rglob("*")) if p.is_file()]
    dicom = [p for p in files if 132 < p.stat().st_size <= LARGEST_SEED and _is_dicom(p)]
    # The same few bytes in 48 files would be a quarter of the work.
    return sorted(
        (p for p in dicom if "TINY_ALPHA" not in p.parts), key=lambda p: (p.stat().st_size, p.name)
    )


def mutated(data: bytes, chance: random.Random) -> bytes:
    """`data` with one to eight faults: bytes changed, lengths made absurd, parts cut out, doubled,
    moved, or the end cut off."""
    broken = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 5, 8))):
        if len(broken) < 16:
            break
        reach = min(len(broken), chance.choice((400, 2000, 10**9)))
        at = chance.randrange(reach)
        fault = chance.randrange(8)
        if fault <= 2:
            broken[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        elif fault == 3:
            broken[at] ^= 1 << chance.randrange(8)
        elif fault == 4:
            word = chance.choice(
                (b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\xfe\xff")
            )
            broken[at : at + len(word)] = word
        elif fault == 5:
            del broken[at : at + chance.randrange(1, 64)]
        elif fault == 6:
            part = broken[at : at + chance.randrange(1, 64)]
            place = chance.randrange(len(broken))
            broken[place:place] = part
        elif chance.random() < 0.3:
            del broken[chance.randrange(len(broken)) :]
    return bytes(broken)


def judge(path: Path) -> Outcome:
    """Do everything with a file that the program does, and hold what comes of it to the rule."""
    from medadv_desktop.errors import ImageError
    from medadv_desktop.imaging.display import render
    from medadv_desktop.imaging.frame import Instance
    from medadv_desktop.imaging.reading import describe, read_frame
    from medadv_desktop.imaging.series import group
    from medadv_desktop.imaging.tags import as_json, read_tags

    began = time.monotonic()
    fault = kind = ""
    try:
        found = describe(path)
        if isinstance(found, Instance):
            group([found])
            for index in range(min(found.frames, FRAMES)):
                render(read_frame(path, index))
            kind = "image"
        else:
            kind = f"not opened: {found.reason}"
            fault = "" if found.reason else "no reason"
    except ImageError as error:
        kind = f"refused: {error.reason}"
        if str(path) not in str(error) or not error.reason:
            fault = f"the error does not name file and reason: {error}"
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"
    try:
        as_json(read_tags(path).tags)
    except ImageError:
        pass
    except Exception as error:
        fault = f"tags: {type(error).__name__}: {error}"
    seconds = time.monotonic() - began
    if seconds > SECONDS:
        fault = fault or f"took {seconds:.1f} s"
    return Outcome(kind, seconds, fault)


def run_batch(seed: int, count: int, keep: Path) -> None:
    """Judge `count` files; a line of JSON on standard output for each."""
    import resource

    warnings.simplefilter("error")
    from medadv_desktop.imaging import decoding

    originals = seeds()
    chance = random.Random(seed)
    path = keep / f"running-{seed}.dcm"
    for number in range(count):
        original = chance.choice(originals)
        path.write_bytes(mutated(original.read_bytes(), chance))
        outcome = judge(path)
        if outcome.fault:
            path.replace(keep / f"fault-{seed}-{number}-{original.name}")
        line = {"seed": original.name, "kind": outcome.kind, "seconds": outcome.seconds}
        print(json.dumps(line | {"fault": outcome.fault}), flush=True)
    path.unlink(missing_ok=True)
    decoding.stop()
    usage = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    peak = max(u.ru_maxrss for u in usage)
    print(json.dumps({"peak_bytes": peak * (1 if sys.platform == "darwin" else 1024)}))


def drive(count: int, seed: int, jobs: int, keep: Path) -> int:
    """Run all batches and print what came of them; the number of faults."""
    batches = [(seed * 1_000_003 + n, min(BATCH, count - at)) for n, at in
               enumerate(range(0, count, BATCH))]  # fmt: skip

    def one(batch: tuple[int, int]) -> tuple[list[dict[str, object]], str]:
        number, size = batch
        command = [sys.executable, __file__, "--batch", str(number), "--count", str(size)]
        try:
            done = subprocess.run(
                [*command, "--keep", str(keep)],
                capture_output=True,
                text=True,
                timeout=SECONDS * 10 + size,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return [], f"batch {number} hung"
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        said = " / ".join(done.stderr.splitlines()[-3:])
        return lines, f"batch {number} ended with {done.returncode}: {said}" if (
            done.returncode or done.stderr
        ) else ""

    began = time.monotonic()
    kinds: Counter[str] = Counter()
    faults: list[str] = []
    slowest, peak, files = 0.0, 0, 0
    with ThreadPoolExecutor(jobs) as pool:
        for lines, trouble in pool.map(one, batches):
            if trouble:
                faults.append(trouble)
            for line in lines:
                if "peak_bytes" in line:
                    peak = max(peak, int(str(line["peak_bytes"])))
                    continue
                files += 1
                kinds[str(line["kind"]).partition(":")[0] or "fault"] += 1
                slowest = max(slowest, float(str(line["seconds"])))
                if line["fault"]:
                    faults.append(f"{line['seed']}: {line['fault']}")
    if peak > MAX_BYTES:
        faults.append(f"memory reached {peak / 2**20:.0f} MiB")
    print(f"{files} broken files from {len(seeds())} originals in {time.monotonic() - began:.0f} s")
    print(", ".join(f"{kind}: {number}" for kind, number in kinds.most_common()))
    print(f"slowest file {slowest:.2f} s, most memory of a process {peak / 2**20:.0f} MiB")
    for fault in faults[:50]:
        print("FAULT", fault)
    print(f"{len(faults)} faults" + (f"; kept in {keep}" if faults else ""))
    return len(faults)


def _is_dicom(path: Path) -> bool:
    from medadv_desktop.imaging.reading import HEAD_BYTES, Kind, sniff

    with path.open("rb") as file:
        return sniff(file.read(HEAD_BYTES), path.stat().st_size) is Kind.DICOM


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=20_000, help="how many broken files")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--keep", type=Path, help="folder for the files that make trouble")
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    keep = options.keep or Path(tempfile.mkdtemp(prefix="fuzz-imaging-"))
    if options.batch is not None:
        run_batch(options.batch, options.count, keep)
        return 0
    return 1 if drive(options.count, options.seed, options.jobs, keep) else 0


if __name__ == "__main__":
    sys.exit(main())
