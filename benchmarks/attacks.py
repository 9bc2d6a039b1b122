"""Our PGD against those of torchattacks, foolbox and ART: time, memory, robust accuracy.

    python -m benchmarks.attacks [--network resnet18 densenet121] [--batch 32] [--steps 10]
                                 [--runs 3] [--epsilon 2/255] [--robust] [--linear] [--memory]
                                 [--peers torchattacks foolbox ART] [--device cpu]

One process, in turn, same network, images, ε, α and steps. The network is a torchvision one, fine
tuned for a moment on phantoms of skin lesions, so that its predictions mean something; with
`--robust` by PGD training, so that most samples withstand the attack and stay in the batch to the
end. Ours is run in every precision; all contestants are judged by the network in float32. Printed
are ratios of medians: contestant over ours, so more than 1 means that ours is faster.

`--linear` shows how our time grows with samples, steps and image side. `--memory` runs each of them
once in a process of its own and prints how far its peak memory rises above where it began.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import Untargeted
from medadv_desktop.datasets.phantoms import phantoms
from medadv_desktop.models.card import ModelCard, Preprocessing
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.settings import parse_fraction

SIDE, CLASSES, ALPHA = 224, 2, 1 / 255
Contestant = Callable[[], Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--network", nargs="+", default=["resnet18"])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--epsilon", type=parse_fraction, default=2 / 255)
    parser.add_argument("--train", type=int, default=96, help="phantoms to train on")
    parser.add_argument("--robust", action="store_true")
    parser.add_argument("--linear", action="store_true")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--peers", nargs="*", default=["torchattacks", "foolbox", "ART"])
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.manual_seed(0)
    for name in options.network:
        images, labels = _phantoms(options.batch, seed=2)
        images, labels = images.to(options.device), labels.to(options.device)
        model = _trained(name, options).to(options.device).eval()
        if options.linear:
            _growth(model, images, labels, options)
        elif options.memory:
            _memory(name, model, options)
        else:
            _compare(name, model, images, labels, options)


def _compare(
    name: str, model: DiagnosticModel, images: Tensor, labels: Tensor, options: argparse.Namespace
) -> None:
    contestants = _contestants(model, images, labels, options)
    times: dict[str, list[float]] = {contestant: [] for contestant in contestants}
    for run in contestants.values():
        run()  # warm up: folding, kernels, caches
    accuracies: dict[str, float] = {}
    for _ in range(options.runs):
        for contestant, run in contestants.items():
            began = time.perf_counter()
            adversarial = run()
            times[contestant].append(time.perf_counter() - began)
            accuracies[contestant] = _accuracy(model, adversarial.clamp(0, 1), labels)
            moved = float((adversarial - images).abs().max())
            assert moved <= options.epsilon * 1.001, f"{contestant} left the budget: {moved}"
    clean = _accuracy(model, images, labels)
    print(
        f"{name}{', robust' if options.robust else ''}: batch {options.batch}, "
        f"{options.steps} steps, ε {options.epsilon * 255:g}/255, clean accuracy {clean:.3f}"
    )
    medians = {contestant: statistics.median(t) for contestant, t in times.items()}
    for contestant, median in medians.items():
        against = "   ".join(
            f"{median / medians[ours]:5.2f}× {ours.removeprefix('ours, ')}"
            for ours in medians
            if ours.startswith("ours")
        )
        print(
            f"  {contestant:22} {median:7.2f} s   robust {accuracies[contestant]:.3f}   {against}"
        )


def _contestants(
    model: DiagnosticModel, images: Tensor, labels: Tensor, options: argparse.Namespace
) -> dict[str, Contestant]:
    attack = PGD(epsilon=options.epsilon, step_size=ALPHA, steps=options.steps)

    def ours(precision: str) -> Contestant:
        return lambda: (
            attack.run(model, images, labels, Untargeted(), precision=precision).adversarial
        )

    contestants = {f"ours, {p}": ours(p) for p in ("exact", "float32", "mixed")}
    peers = _peers(model, images, labels, options)
    return contestants | {name: run for name, run in peers.items() if name in options.peers}


def _peers(
    model: DiagnosticModel, images: Tensor, labels: Tensor, options: argparse.Namespace
) -> dict[str, Contestant]:
    peers: dict[str, Contestant] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import torchattacks

            theirs = torchattacks.PGD(model, eps=options.epsilon, alpha=ALPHA, steps=options.steps)
            peers["torchattacks"] = lambda: theirs(images, labels)
        except ImportError:
            print("torchattacks is not installed")
        try:
            import foolbox

            bounded = foolbox.PyTorchModel(model, bounds=(0, 1), device=images.device)
            linf = foolbox.attacks.LinfPGD(abs_stepsize=ALPHA, steps=options.steps)
            peers["foolbox"] = lambda: linf(bounded, images, labels, epsilons=options.epsilon)[1]
        except ImportError:
            print("foolbox is not installed")
        try:
            from art.attacks.evasion import ProjectedGradientDescentPyTorch
            from art.estimators.classification import PyTorchClassifier

            classifier = PyTorchClassifier(
                model, nn.CrossEntropyLoss(), (3, SIDE, SIDE), CLASSES, clip_values=(0, 1)
            )
            pgd = ProjectedGradientDescentPyTorch(
                classifier, eps=options.epsilon, eps_step=ALPHA, max_iter=options.steps,
                num_random_init=1, batch_size=options.batch, verbose=False,
            )  # fmt: skip
            pixels, truth = images.cpu().numpy(), np.eye(CLASSES)[labels.cpu().numpy()]
            peers["ART"] = lambda: torch.from_numpy(pgd.generate(pixels, truth)).to(images.device)
        except ImportError:
            print("ART is not installed")
    return peers


def _memory(name: str, model: DiagnosticModel, options: argparse.Namespace) -> None:
    """Peaks of processes that load the trained weights, and run one contestant once."""
    names = [*(f"ours, {p}" for p in ("exact", "float32", "mixed")), *options.peers]
    print(f"{name}: batch {options.batch}, {options.steps} steps")
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.pt"
        torch.save(model.network.state_dict(), weights)
        for contestant in names:
            with get_context("spawn").Pool(1) as pool:
                risen = pool.apply(_risen, (name, weights, contestant, options))
            print(f"  {contestant:18} {risen:6.0f} MiB above its start")


def _risen(name: str, weights: Path, contestant: str, options: argparse.Namespace) -> float:
    model = _untrained(name)
    model.network.load_state_dict(torch.load(weights))
    model = model.to(options.device).eval().requires_grad_(False)
    images, labels = (t.to(options.device) for t in _phantoms(options.batch, seed=2))
    run = _contestants(model, images, labels, options)[contestant]
    before = _peak()
    run()
    return _peak() - before


def _peak() -> float:
    """MiB; of this process alone (getrusage also remembers the one that started it). Linux."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _growth(
    model: DiagnosticModel, images: Tensor, labels: Tensor, options: argparse.Namespace
) -> None:
    """Time over the smallest of each row; no sample may leave, so that the work is known."""

    def seconds(samples: int, steps: int, side: int) -> float:
        part = F.interpolate(images[:samples], side, mode="bilinear", antialias=True).clamp(0, 1)
        sized = _resized(model, side)
        attack = PGD(epsilon=options.epsilon, steps=steps, stop_when_beaten=False)
        taken = []
        for _ in range(options.runs):
            began = time.perf_counter()
            attack.run(sized, part, labels[:samples], Untargeted(), precision="float32")
            taken.append(time.perf_counter() - began)
        return statistics.median(taken)

    batch = options.batch
    for title, cells in (
        ("samples", [(batch // k, 5, SIDE) for k in (4, 2, 1)]),
        ("steps", [(batch // 2, 5 * k, SIDE) for k in (1, 2, 4)]),
        ("pixels", [(batch // 2, 5, side) for side in (112, 160, 224)]),
    ):
        taken = [seconds(*cell) for cell in cells]
        told = ", ".join(
            f"{cell} {t / taken[0]:.2f}×" for cell, t in zip(cells, taken, strict=True)
        )
        print(f"{title:8} (samples, steps, side): {told}")


def _resized(model: DiagnosticModel, side: int) -> DiagnosticModel:
    card = ModelCard(
        **model.card.model_dump()
        | {"preprocessing": Preprocessing(height=side, width=side, channels=3)}
    )
    return DiagnosticModel(model.network, card).to(model.mean.device).eval()


def _untrained(name: str) -> DiagnosticModel:
    network = torchvision.models.get_model(name, weights=None, num_classes=CLASSES)
    card = ModelCard(
        id="benchmark",
        name=name,
        architecture=name,
        task="single-label",
        classes=("naevus", "melanoma"),
        preprocessing=Preprocessing(height=SIDE, width=SIDE, channels=3),
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        weights="none",
    )
    return DiagnosticModel(network, card)


def _trained(name: str, options: argparse.Namespace) -> DiagnosticModel:
    model = _untrained(name)
    images, labels = _phantoms(options.train, seed=1)
    optimiser = torch.optim.AdamW(model.network.parameters(), lr=1e-3)
    for _ in range(2 if options.robust else 1):
        for rows in torch.randperm(len(images)).split(16):
            batch = images[rows]
            if options.robust:
                attack = PGD(epsilon=2 * options.epsilon, step_size=options.epsilon, steps=3)
                batch = attack.run(
                    model.eval(), batch, labels[rows], Untargeted(), precision="float32"
                ).adversarial
            loss = F.cross_entropy(model.train()(batch), labels[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return model.eval().requires_grad_(False)


def _phantoms(count: int, seed: int) -> tuple[Tensor, Tensor]:
    samples = list(phantoms("dermoscopy", seed, count, side=SIDE))
    pixels = np.stack([sample.pixels for sample in samples]).astype(np.float32) / 255
    labels = torch.tensor([sample.labels[0] for sample in samples])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), labels


def _accuracy(model: DiagnosticModel, images: Tensor, labels: Tensor) -> float:
    with torch.no_grad():
        return float((model(images).argmax(1) == labels).double().mean())


if __name__ == "__main__":
    main()
