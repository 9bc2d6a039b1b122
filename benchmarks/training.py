"""An epoch of MPAdvT by our trainer against the bare loop written in twenty lines of torch.

    python -m benchmarks.training [--samples 512] [--batch 32] [--width 32] [--side 64] [--runs 3]
                                  [--threads 2] [--network compact-resnet]

One process, in turn; same network, images, optimiser, and the same budgets and numbers of steps in
every batch. Printed are medians and their ratio: ours over the bare loop.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medadv_desktop.audit.inputs_at_hand import Inputs
from medadv_desktop.audit.runner.team import Team
from medadv_desktop.defenses.objectives.lesson import Draws
from medadv_desktop.jobs import CancelToken, Event
from medadv_desktop.models.architectures import build_network
from medadv_desktop.models.card import ModelCard
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.training.loop import Digests, Trainer
from medadv_desktop.training.recipe import Recipe
from medadv_desktop.training.requests import TrainingControl
from medadv_desktop.training.samples import Samples

RATE = 0.01


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--network", default="compact-resnet")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    inputs = _inputs(options.samples, options.side)
    recipe = _recipe(options)
    plan = _plan(recipe, options.samples // options.batch)
    ours: list[float] = []
    bare: list[float] = []
    for run in range(options.runs + 1):
        seconds = _ours(recipe, inputs), _bare(recipe, inputs, plan)
        if run:  # the first one warms up
            ours.append(seconds[0])
            bare.append(seconds[1])
    steps = sum(steps for _, steps in plan)
    mine, theirs = statistics.median(ours), statistics.median(bare)
    print(
        f"{options.network}, width {options.width}, {options.side}×{options.side}, "
        f"{options.samples} samples in batches of {options.batch}, {options.threads} threads: "
        f"{len(plan)} batches, {steps} attack steps"
    )
    print(f"  ours {mine:.2f} s   bare loop {theirs:.2f} s   ratio {mine / theirs:.3f}")


def _inputs(samples: int, side: int) -> Inputs:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 65536, (samples, 1, side, side), np.uint16)
    labels = tuple((int(k),) for k in rng.integers(0, 2, samples))
    return Inputs(images, labels, tuple(map(str, range(samples))), ())


def _recipe(options: argparse.Namespace) -> Recipe:
    side = {"channels": 1, "height": options.side, "width": options.side}
    width = {"width": options.width} if options.network == "compact-resnet" else {}
    return Recipe(
        model={
            "id": "bench",
            "architecture": options.network,
            "architecture_options": width,
            "preprocessing": side,
        },
        data={"path": "none"},
        objective="mpadvt",
        optimiser={"kind": "sgd", "learning_rate": RATE, "weight_decay": 0},
        schedule={"kind": "constant", "warmup": 0},
        budget={"epochs": 1, "batch_size": options.batch},
        validation={"every": 10_000},
    )


def _model(recipe: Recipe) -> DiagnosticModel:
    asked = recipe.model
    card = ModelCard(
        id=asked.id,
        name=asked.id,
        architecture=asked.architecture,
        architecture_options=asked.architecture_options,
        task="single-label",
        classes=("a", "b"),
        preprocessing=asked.preprocessing,
        mean=asked.mean,
        std=asked.std,
        weights="bench.safetensors",
    )
    torch.manual_seed(0)
    return DiagnosticModel(build_network(card), card)


def _plan(recipe: Recipe, batches: int) -> list[tuple[float, int]]:
    """What our objective draws for each batch: budget and steps; 0 steps for a clean one."""
    plan = []
    for batch in range(batches):
        drawn = Draws(recipe.seed, batch, 0, 1, 1).shared("mpadvt")
        if drawn.random() >= 0.5:
            plan.append((0.0, 0))
            continue
        plan.append((float(drawn.uniform(0.01, 0.04)), int(drawn.integers(1, 9, endpoint=True))))
    return plan


def _ours(recipe: Recipe, inputs: Inputs) -> float:
    def heard(_event: Event) -> None:
        """As a window would be: events are made and dropped."""

    model = _model(recipe)
    samples = Samples.of(inputs, model.card)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            recipe,
            model,
            samples,
            Samples(samples.inputs, samples.labels[:0], model.card),
            folder=Path(folder),
            digests=Digests("", "", ""),
            team=Team(),
            control=TrainingControl(),
            token=CancelToken(),
            emit=heard,
        )
        trainer._validated = lambda figures: figures  # type: ignore[method-assign]  # not timed
        began = time.perf_counter()
        trainer.run()
        return time.perf_counter() - began


def _bare(recipe: Recipe, inputs: Inputs, plan: list[tuple[float, int]]) -> float:
    model = _model(recipe)
    images = torch.from_numpy(inputs.images.astype(np.float32) / 65535)
    labels = torch.tensor(inputs.labels)[:, 0]
    began = time.perf_counter()
    bare_loop(model, images, labels, recipe.budget.batch_size, plan)
    return time.perf_counter() - began


def bare_loop(
    model: nn.Module, images: Tensor, labels: Tensor, batch: int, plan: list[tuple[float, int]]
) -> None:
    """The twenty lines."""
    optimiser = torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9)
    order = torch.randperm(len(images))
    for turn, (epsilon, steps) in enumerate(plan):
        chosen = order[turn * batch : (turn + 1) * batch]
        x, y = images[chosen], labels[chosen]
        adversarial = x
        if steps:
            model.eval()
            adversarial = (x + epsilon * (2 * torch.rand_like(x) - 1)).clamp(0, 1)
            for _ in range(steps):
                adversarial.requires_grad_()
                loss = F.cross_entropy(model(adversarial), y)
                (gradient,) = torch.autograd.grad(loss, adversarial)
                adversarial = adversarial.detach() + gradient.sign() / 255
                adversarial = x + (adversarial - x).clamp(-epsilon, epsilon)
                adversarial = adversarial.clamp(0, 1)
        model.train()
        optimiser.zero_grad()
        F.cross_entropy(model(adversarial), y).backward()
        optimiser.step()


if __name__ == "__main__":
    main()
