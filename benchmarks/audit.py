"""What an audit costs beside its attacks, and what its store can take.

    python -m benchmarks.audit overhead [--samples 1024] [--side 64] [--steps 20] [--width 32]
                                         [--architecture compact-resnet]
    python -m benchmarks.audit rows [--rows 1000000]

`overhead` runs one attack cell over images on disk as an audit does, and the same attack calls bare
on images in memory, in turn in one process, and prints the ratio. Decoding, judging the images as
they are and as they would be saved, norms, SSIM, PSNR and the store are what the audit adds.

`rows` writes a cell of so many synthetic samples, batch by batch; then processes of their own open
the run and draw its first chart, and work out all figures of the cell. Peaks are of resident
memory of the whole process, the interpreter and its libraries included.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

BATCH = 32
PLAN = """
[[models]]
id = "m"
model = {model!r}
[[datasets]]
id = "d"
path = {data!r}
[[attacks]]
id = "pgd"
attack = "pgd"
settings = {{ steps = {steps} }}
epsilons = [{epsilon}]
[running]
batch_size = 32
precision = "float32"
probed = 0
[keep]
gallery = 0
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=("overhead", "rows", "open", "figures"))
    parser.add_argument("--samples", type=int, default=1024)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--architecture", default="compact-resnet")
    parser.add_argument("--width", type=int, default=32, help="of the network; demo models: 32")
    parser.add_argument("--epsilon", type=float, default=0.25 / 255)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--run", type=Path, help="of open and figures")
    options = parser.parse_args()
    if options.what == "overhead":
        _overhead(options)
    elif options.what == "rows":
        _rows(options.rows)
    elif options.what == "open":
        _open(options.run)
    else:
        _figures(options.run)


def _overhead(options: argparse.Namespace) -> None:
    import torch
    from PIL import Image

    from medadv_desktop.attacks.gradient.pgd import PGD
    from medadv_desktop.attacks.objectives import Untargeted
    from medadv_desktop.audit.engine import Engine
    from medadv_desktop.audit.plan.files import plan_of
    from medadv_desktop.audit.runs import AuditRequest
    from medadv_desktop.audit.store.store import AuditStore
    from medadv_desktop.datasets.subset import hashed

    count, side, steps = options.samples, options.side, options.steps
    epsilon, rounds = options.epsilon, options.rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        card = _write_model(folder, options)
        engine = Engine("cpu")
        model = engine.model(str(card))
        rng = np.random.default_rng(0)
        pixels = rng.integers(0, 256, (count, side, side), np.uint8)
        images = torch.from_numpy(pixels.astype(np.float32) / 255)[:, None]
        images = images.expand(-1, model.card.input_shape[0], -1, -1)
        with torch.no_grad():
            labels = torch.cat([model(part).argmax(dim=1) for part in images.split(BATCH)])
        lines = ["image,label"]
        (folder / "set").mkdir()
        for k in range(count):
            Image.fromarray(pixels[k]).save(folder / "set" / f"{k:05}.png")
            lines.append(f"{k:05}.png,{model.card.classes[int(labels[k])]}")
        (folder / "set" / "labels.csv").write_text("\n".join(lines))
        attack = PGD(steps=steps, epsilon=epsilon)

        def bare(count: int = count) -> float:
            began, withstood = time.perf_counter(), 0
            for first in range(0, count, BATCH):
                here = slice(first, first + BATCH)
                ids = [hashed(0, f"{k:05}.png") for k in range(first, min(first + BATCH, count))]
                found = attack.run(
                    model, images[here], labels[here], Untargeted(), sample_ids=ids,
                    precision="float32",
                )  # fmt: skip
                withstood += int((~found.success).sum())
            print(f"  withstood {withstood / count:.2f}", flush=True)
            return time.perf_counter() - began

        def audited(number: int) -> float:
            data = str(folder / "set" / "labels.csv")
            plan = plan_of(PLAN.format(model=str(card), data=data, steps=steps, epsilon=epsilon))
            run = folder / f"run{number}"
            engine.run(AuditRequest(run, plan, cache=folder / "digests"))
            with AuditStore.open(run) as store:
                record = next(r for r in store.cells() if r.cell.kind == "attack")
            print(f"  inside the attack {record.attack_seconds / record.seconds:.3f}", flush=True)
            return record.seconds

        bare(BATCH)  # whatever is done once is done
        times = [(bare(), audited(k)) for k in range(rounds)]
    ratios = sorted(audit / alone for alone, audit in times)
    print(
        f"{count} samples of {side}×{side}, {options.architecture}, PGD-{steps} at "
        f"{epsilon * 255:g}/255, batches of {BATCH}: attack cell of an audit over the bare "
        f"attack calls {ratios[len(ratios) // 2]:.3f} (least {ratios[0]:.3f}, "
        f"most {ratios[-1]:.3f})"
    )


def _write_model(folder: Path, options: argparse.Namespace) -> Path:
    import torch
    from safetensors.torch import save

    from medadv_desktop.models.architectures import build_network
    from medadv_desktop.models.card import ModelCard, Preprocessing, write_card

    side, compact = options.side, options.architecture == "compact-resnet"
    card = ModelCard(
        id="bench",
        name="Bench",
        architecture=options.architecture,
        architecture_options={"width": options.width} if compact else {},
        task="single-label",
        classes=("naevus", "melanoma"),
        preprocessing=Preprocessing(channels=1 if compact else 3, height=side, width=side),
        mean=(0.5,),
        std=(0.25,),
        weights="bench.safetensors",
    )
    torch.manual_seed(0)
    content = save(build_network(card).state_dict())
    (folder / card.weights).write_bytes(content)
    card = ModelCard(**card.model_dump() | {"sha256": hashlib.sha256(content).hexdigest()})
    write_card(card, folder / "bench.toml")
    return folder / "bench.toml"


def _rows(count: int) -> None:
    from medadv_desktop.audit.plan.files import plan_of
    from medadv_desktop.audit.store.records import Batch, CellOutcome, ModelRecord, SampleName
    from medadv_desktop.audit.store.store import AuditStore
    from medadv_desktop.models.card import read_card
    from medadv_desktop.resources import resource

    with tempfile.TemporaryDirectory() as name:
        run = Path(name) / "run"
        plan = plan_of(
            PLAN.format(model="demo-dermoscopy", data="set", steps=10, epsilon='"2/255", "4/255"')
        )
        with AuditStore.create(run, plan) as store:
            card = read_card(resource("models") / "demo-dermoscopy.toml")
            store.record_model(ModelRecord("m", "demo-dermoscopy", card, card.sha256))
            other, cell = (r.cell.id for r in store.cells() if r.cell.kind == "attack")
            size = 256
            store.begin_cell(cell, -(-count // size))
            spent = 0.0
            for number, first in enumerate(range(0, count, size)):
                rows = _synthetic(first, min(size, count - first))
                names = tuple(
                    SampleName(int(p), f"image-{p:08}.png", f"p{p // 3}") for p in rows.places
                )
                began = time.perf_counter()
                store.add_batch(cell, Batch(number, rows, names))
                spent += time.perf_counter() - began
            rate = count / spent
            print(f"{count:,} rows in batches of {size}: {rate:,.0f} rows a second", flush=True)
            _work_out(run, store, cell)
            for done in (cell, other):  # a curve has two points at least
                store.finish_cell(done, CellOutcome(figures=_FOUND[0]))
        _peak("after writing and all figures")
        for what in ("figures", "open"):
            subprocess.run(
                [sys.executable, "-m", "benchmarks.audit", what, "--run", str(run)], check=True
            )


_FOUND: list[dict[str, object]] = []


def _work_out(_run: Path, store: object, cell: str) -> None:
    from medadv_desktop.audit.runner.outcome import figures_of_cell
    from medadv_desktop.audit.store.store import AuditStore

    assert isinstance(store, AuditStore)
    record = store.cell(cell)
    began = time.perf_counter()
    rows = store.rows(cell)
    read = time.perf_counter() - began
    _FOUND[:] = [figures_of_cell(record.cell, store.models()["m"].card, rows)]
    print(
        f"rows read in {read:.2f} s, all figures in {time.perf_counter() - began - read:.2f} s",
        flush=True,
    )


def _synthetic(first: int, count: int) -> object:
    from medadv_desktop.audit.store.records import Rows

    rng = np.random.default_rng(first)
    labels = rng.integers(0, 2, (count, 1)).astype(np.int16)
    clean = rng.normal(size=(count, 2)).astype(np.float32)
    clean[np.arange(count), labels[:, 0]] += 2
    after = (clean - rng.random((count, 1)) * 3 * (labels == np.arange(2))).astype(np.float32)
    real = rng.random(count)
    return Rows(
        places=np.arange(first, first + count),
        labels=labels,
        clean_decisions=clean.argmax(axis=1)[:, None].astype(np.int16),
        clean_logits=clean,
        changed=np.ones(count, np.bool_),
        decisions=after.argmax(axis=1)[:, None].astype(np.int16),
        logits=after,
        success=after.argmax(axis=1) != labels[:, 0],
        steps=np.full(count, 10),
        queries=np.full(count, 11),
        l0=np.full(count, 50_176),
        linf=real / 64,
        l2=real,
        l1=real * 9,
        ssim=real,
        psnr=30 + real,
        seconds=real,
        smallest=np.full(count, np.nan),
    )


def _open(run: Path) -> None:
    from medadv_desktop.audit.store.store import AuditStore

    began = time.perf_counter()
    with AuditStore.open(run) as store:
        from medadv_desktop.analysis.charts.drawing import draw
        from medadv_desktop.audit.results.curves import security_curves
        from medadv_desktop.audit.results.reading import read_results

        picture = draw(security_curves(read_results(store))[0], "png")
    took = time.perf_counter() - began
    print(f"opened and first chart drawn ({len(picture):,} bytes) in {took:.2f} s")
    _peak("open")


def _figures(run: Path) -> None:
    from medadv_desktop.audit.store.store import AuditStore

    with AuditStore.open(run) as store:
        cell = next(r.cell.id for r in store.cells() if r.rows)
        _work_out(run, store, cell)
    _peak("figures alone")


def _peak(what: str) -> None:
    """Print the peak of resident memory of this process, where the system tells it."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    print(f"peak memory, {what}: {peak / 1024:.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
