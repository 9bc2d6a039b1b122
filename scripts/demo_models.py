"""Train and measure the demo models: one per phantom domain.

    python scripts/demo_models.py train              rebuild all of resources/models
    python scripts/demo_models.py train fundus       rebuild one
    python scripts/demo_models.py measure            print the figures that the cards quote

Training is deterministic given the seed (one thread), on one machine and one release of torch.
Phantoms of seed TRAIN_SEED are learned from, those of MEASURE_SEED measured on, neither shown by
`medadv demo`.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor

from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import FlipAll, Untargeted
from medadv_desktop.datasets.phantoms import DOMAINS, phantoms
from medadv_desktop.files import write_atomically
from medadv_desktop.models.architectures import build_network
from medadv_desktop.models.card import Figure, ModelCard, Preprocessing, write_card
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.loading import load_model
from medadv_desktop.resources import resource

TRAIN_SEED, MEASURE_SEED = 1, 2
BATCH = 32
MEASURED = 300
MEASURE_COMMAND = "python scripts/demo_models.py measure"


@dataclass(frozen=True)
class Recipe:
    """How one demo model is trained."""

    name: str
    domain: str
    title: str
    summary: str
    samples: int
    epochs: int
    flips: tuple[int, ...]
    """Axes along which the anatomy may be mirrored: 2 vertical, 3 horizontal."""
    rate: float = 3e-3
    """Largest learning rate of the one-cycle schedule."""
    attack: PGD | None = None
    """Adversarial training (Madry et al., ICLR 2018): every batch is attacked first."""


RECIPES = (
    Recipe(
        "dermoscopy",
        "dermoscopy",
        "Demo dermoscopy",
        "Melanoma against naevus on dermoscopy phantoms",
        samples=1600,
        epochs=4,
        flips=(2, 3),
        rate=1e-3,
    ),
    Recipe(
        "dermoscopy-advt",
        "dermoscopy",
        "Demo dermoscopy, AdvT",
        "Melanoma against naevus on dermoscopy phantoms, adversarially trained",
        samples=1600,
        epochs=6,
        flips=(2, 3),
        rate=2e-3,
        attack=PGD(epsilon=6 / 255, step_size=2 / 255, steps=4, stop_when_beaten=False),
    ),
    Recipe(
        "fundus",
        "fundus",
        "Demo fundus",
        "Grade of retinopathy, 0 to 3, on fundus phantoms",
        samples=2400,
        epochs=8,
        flips=(2, 3),
    ),
    Recipe(
        "radiograph",
        "radiograph",
        "Demo chest radiograph",
        "Six findings on chest radiograph phantoms",
        samples=3000,
        epochs=12,
        flips=(),
    ),
)


def make_card(recipe: Recipe) -> ModelCard:
    """The card of a demo model, without figures and fingerprint."""
    domain = DOMAINS[recipe.domain]
    grey = recipe.domain == "radiograph"
    many = domain.task == "multi-label"
    return ModelCard(
        id=f"demo-{recipe.name}",
        name=recipe.title,
        summary=f"{recipe.summary}. Trained on phantoms alone: worthless on patients.",
        domain=recipe.domain,
        architecture="compact-resnet",
        architecture_options={"width": 32},
        task=domain.task,
        classes=domain.classes,
        thresholds=(0.5,) * len(domain.classes) if many else (),
        preprocessing=Preprocessing(
            window="file" if grey else "full-range", channels=1 if grey else 3
        ),
        mean=(0.5,),
        std=(0.25,),
        weights=f"demo-{recipe.name}.safetensors",
        training=f"python scripts/demo_models.py train {recipe.name}",
    )


def samples(domain: str, seed: int, count: int) -> tuple[NDArray[np.generic], Tensor]:
    """Stored pixels N×c×224×224 and labels: N int64, or N×K float."""
    pixels, labels = [], []
    for sample in phantoms(domain, seed, count):
        colour = sample.pixels.ndim == 3
        pixels.append(sample.pixels.transpose(2, 0, 1) if colour else sample.pixels[None])
        labels.append(sample.labels)
    many = DOMAINS[domain].task == "multi-label"
    tensor = torch.tensor(labels)
    return np.stack(pixels), tensor.float() if many else tensor[:, 0]


def as_input(pixels: NDArray[np.generic]) -> Tensor:
    """Stored pixels as model input; the radiograph's window spans its twelve bits."""
    top = 255 if pixels.dtype == np.uint8 else 4095
    return torch.from_numpy(pixels.astype(np.float32) / top)


def train(recipe: Recipe, folder: Path) -> None:
    """Train one demo model and write weights and card, figures included."""
    torch.manual_seed(TRAIN_SEED)
    card = make_card(recipe)
    began = time.perf_counter()
    pixels, labels = samples(recipe.domain, TRAIN_SEED, recipe.samples)
    say(f"{recipe.name}: {len(labels)} phantoms in {time.perf_counter() - began:.0f} s")
    model = DiagnosticModel(build_network(card), card).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=1e-2)
    batches = recipe.samples // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=recipe.rate, total_steps=batches * recipe.epochs, pct_start=0.2
    )
    generator = torch.Generator().manual_seed(TRAIN_SEED)
    for epoch in range(recipe.epochs):
        model.train()
        order = torch.randperm(recipe.samples, generator=generator)
        total = 0.0
        for start in range(0, batches * BATCH, BATCH):
            chosen = order[start : start + BATCH]
            images = as_input(pixels[chosen.numpy()])
            for axis in recipe.flips:
                if torch.rand((), generator=generator) < 0.5:
                    images = images.flip(axis)
            if recipe.attack:
                result = recipe.attack.run(
                    model,
                    images,
                    labels[chosen],
                    Untargeted(),
                    seed=epoch,
                    sample_ids=chosen.tolist(),
                )
                images = result.adversarial
            logits = model(images.contiguous(memory_format=torch.channels_last))
            loss = loss_of(card, logits, labels[chosen])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        took = time.perf_counter() - began
        say(f"  epoch {epoch + 1}/{recipe.epochs}  loss {total / batches:.4f}  {took:.0f} s")
    weights = save({k: v.contiguous() for k, v in model.network.state_dict().items()})
    fingerprint = hashlib.sha256(weights).hexdigest()
    write_atomically(folder / card.weights, weights)
    model.requires_grad_(False).eval()
    figures = measure(model, MEASURED)
    card = ModelCard(**card.model_dump() | {"sha256": fingerprint, "figures": figures})
    write_card(card, folder / f"{card.id}.toml")


def loss_of(card: ModelCard, logits: Tensor, labels: Tensor) -> Tensor:
    if card.multi_label:
        return F.binary_cross_entropy_with_logits(logits, labels)
    return F.cross_entropy(logits, labels)


def measure(model: DiagnosticModel, count: int) -> tuple[Figure, ...]:
    """Clean and robust figures on unseen phantoms."""
    pixels, labels = samples(model.card.domain, MEASURE_SEED, count)
    images = as_input(pixels)
    attack = PGD(epsilon=4 / 255, steps=20)
    goal = FlipAll() if model.card.multi_label else Untargeted()
    clean, robust = [], []
    for start in range(0, count, BATCH):
        batch, reference = images[start : start + BATCH], labels[start : start + BATCH]
        places = range(start, start + len(batch))
        result = attack.run(model, batch, reference, goal, sample_ids=places)
        clean.append(result.clean_logits)
        robust.append(result.adversarial_logits)
    values = figures_of(model, torch.cat(clean), torch.cat(robust), labels)
    for name, value in values.items():
        say(f"  {model.card.id}: {name} {value:.3f} (n = {count})")
    return tuple(
        Figure(name=name, value=round(value, 4), samples=count, command=MEASURE_COMMAND)
        for name, value in values.items()
    )


def figures_of(
    model: DiagnosticModel, clean: Tensor, robust: Tensor, labels: Tensor
) -> dict[str, float]:
    """Accuracy for single-label models; for multi-label ones AUC and accuracy over findings."""
    decisions = (
        (model.decisions(clean) == labels).float(),
        (model.decisions(robust) == labels).float(),
    )
    if not model.card.multi_label:
        return {
            "clean accuracy": float(decisions[0].mean()),
            "robust accuracy, PGD-20, Linf 4/255": float(decisions[1].mean()),
        }
    ending = "PGD-20 flipping all, Linf 4/255"
    return {
        "clean macro AUC": macro_auc(clean, labels),
        "clean accuracy over findings": float(decisions[0].mean()),
        f"macro AUC, {ending}": macro_auc(robust, labels),
        f"robust accuracy over findings, {ending}": float(decisions[1].mean()),
    }


def macro_auc(scores: Tensor, labels: Tensor) -> float:
    """Mean over findings of the share of (present, absent) pairs in the right order."""
    areas = []
    for score, label in zip(scores.double().T, labels.T, strict=True):
        present, absent = score[label == 1], score[label == 0]
        order = present[:, None] - absent[None, :]
        areas.append(((order > 0).double() + 0.5 * (order == 0).double()).mean())
    return float(torch.stack(areas).mean())


def say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("train", "measure"))
    names = [r.name for r in RECIPES]
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(names)}")
    parser.add_argument("--samples", type=int, default=MEASURED, help="phantoms measured on")
    parser.add_argument("--into", type=Path, default=resource("models"), help="folder to write")
    options = parser.parse_args()
    unknown = set(options.models) - set(names)
    if unknown:
        parser.error(f"no such demo model: {', '.join(unknown)}")
    torch.use_deterministic_algorithms(True)
    # The number of threads decides the order of sums, and so the last bits of the weights.
    torch.set_num_threads(1)
    for recipe in RECIPES:
        if options.models and recipe.name not in options.models:
            continue
        if options.what == "train":
            train(recipe, options.into)
        else:
            measure(load_model(f"demo-{recipe.name}"), options.samples)
    return 0


if __name__ == "__main__":
    sys.exit(main())
