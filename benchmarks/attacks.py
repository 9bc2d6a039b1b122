"""Time of PGD here over time of torchattacks' PGD, for the same images, budget and steps.

    python -m benchmarks.attacks [--network resnet18] [--batch 4] [--steps 5] [--runs 5]

The network has random weights and batch norm in eval mode; no sample is allowed to leave the batch
(`stop_when_beaten` off, no random start), so both libraries take the same gradient steps to the
same images. Ours also looks at the image after the last step, which torchattacks does not: one
forward pass more for every attack. Runs alternate; the median of each is compared.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torchattacks
import torchvision

from medadv_desktop.attacks.objectives import Untargeted
from medadv_desktop.attacks.pgd import PGD
from medadv_desktop.models.card import ModelCard, Preprocessing
from medadv_desktop.models.diagnostic import DiagnosticModel

EPSILON, ALPHA, CLASSES = 4 / 255, 1 / 255, 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--network", default="resnet18", help="a torchvision classifier")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    model = _model(options.network).to(options.device)
    images = torch.rand(options.batch, 3, 224, 224, device=options.device)
    labels = torch.arange(options.batch, device=options.device) % CLASSES
    attack = PGD(
        epsilon=EPSILON,
        step_size=ALPHA,
        steps=options.steps,
        random_start=False,
        stop_when_beaten=False,
    )
    other = torchattacks.PGD(
        model, eps=EPSILON, alpha=ALPHA, steps=options.steps, random_start=False
    )
    contestants: dict[str, Callable[[], torch.Tensor]] = {
        "ours": lambda: attack.run(model, images, labels, Untargeted()).adversarial,
        "torchattacks": lambda: other(images, labels),
    }
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for name, run in contestants.items():
        print(f"{name}: first run {_seconds(run):.2f} s")
    for _ in range(options.runs):
        for name, run in contestants.items():
            times[name].append(_seconds(run))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name}: median {median:.3f} s")
    same = (contestants["ours"]() - contestants["torchattacks"]()).abs() < ALPHA / 2
    print(f"pixels alike: {same.double().mean():.4%}")
    print(f"ours / torchattacks: {medians['ours'] / medians['torchattacks']:.3f}")


def _model(name: str) -> DiagnosticModel:
    torch.manual_seed(0)
    network = torchvision.models.get_model(name, weights=None, num_classes=CLASSES)
    card = ModelCard(
        id="benchmark",
        name=name,
        architecture=name,
        task="single-label",
        classes=tuple(f"class {i}" for i in range(CLASSES)),
        preprocessing=Preprocessing(height=224, width=224, channels=3),
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        weights="none.safetensors",
    )
    return DiagnosticModel(network, card).eval()


def _seconds(run: Callable[[], torch.Tensor]) -> float:
    start = time.perf_counter()
    result = run()
    if result.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
