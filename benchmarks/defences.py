"""The paper's table of defences on PneumoniaMNIST: standard, AdvT, MPAdvT, MAAdvT.

    python -m benchmarks.defences --data pneumoniamnist.npz [--epochs 12] [--seeds 0 1 2]
                                  [--width 32] [--count N] [--test N] [--objectives standard advt …]
                                  [--epsilon 8/255] [--gap] [--out FOLDER] [--threads 2]

Every model is the compact network of one size, trained by `training.run` with the recipe below and
selected by the mean of its clean and robust scores on the validation split. On the test split:
clean accuracy and AUC; PGD-20 over a sweep of budgets; the worst case of an ensemble (PGD, APGD on
two losses, FAB, Square) at 4 and 8 of 255; with `--gap`, a generator trained against each model.
Accuracy is robust accuracy over all samples, FR the share of changed predictions. Means over seeds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.gap.attack import GAP
from medadv_desktop.attacks.gap.recipe import GapRecipe
from medadv_desktop.attacks.gap.training import train_generator
from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import Untargeted
from medadv_desktop.attacks.prepared import Origin
from medadv_desktop.attacks.searches.worst_case import WorstCase
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.loading import load_model
from medadv_desktop.models.roc import roc_area
from medadv_desktop.settings import parse_fraction
from medadv_desktop.training.recipe import Recipe
from medadv_desktop.training.requests import TrainingRequest
from medadv_desktop.training.run import run_training

ATTACKED = 8 / 255
OBJECTIVES = ("standard", "advt", "mpadvt", "maadvt")
SWEEP = (1, 2, 4, 8)
BATCH = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--count", type=int, help="training samples, drawn by the seed; else all")
    parser.add_argument("--test", type=int, help="test samples, from the first on; else all")
    parser.add_argument("--objectives", nargs="+", default=list(OBJECTIVES))
    parser.add_argument("--epsilon", type=parse_fraction, default=8 / 255, help="of AdvT, MAAdvT")
    parser.add_argument("--gap", action="store_true")
    parser.add_argument("--out", type=Path, help="folder of the trainings, kept; else a temporary")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    images, labels = _test(options.data, options.test)
    rows: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.out or Path(temporary)
        for objective in options.objectives:
            figures: dict[str, list[float]] = defaultdict(list)
            for seed in options.seeds:
                began = time.perf_counter()
                model = _trained(objective, seed, folder / f"{objective}-{seed}", options)
                figures["minutes"].append((time.perf_counter() - began) / 60)
                _measure(model, images, labels, figures)
                if options.gap:
                    _generator(model, images, labels, folder, figures)
            rows[objective] = figures
            _print_row(objective, figures)
    print(f"\nmean of {len(options.seeds)} seeds, {len(labels)} test samples")
    for objective, figures in rows.items():
        _print_row(objective, figures)


def _trained(
    objective: str, seed: int, folder: Path, options: argparse.Namespace
) -> DiagnosticModel:
    card = folder / "model" / f"{objective}-{seed}.toml"
    if not card.exists():
        recipe = Recipe(
            seed=seed,
            model={
                "id": f"{objective}-{seed}",
                "architecture_options": {"width": options.width},
                "preprocessing": {"channels": 1, "height": 28, "width": 28},
            },
            data={
                "path": str(options.data),
                "train": {"splits": "train", "count": options.count, "seed": seed},
            },
            objective=objective,
            objective_settings=_settings(objective, options.epsilon),
            augmentation={"flip_horizontal": True, "rotate": 10, "shift": 0.05},
            optimiser={"learning_rate": 3e-3, "weight_decay": 1e-2},
            budget={"epochs": options.epochs, "batch_size": BATCH},
            # Standard training is selected by its clean score: its robust one is noise around 0.
            validation={"select": "clean" if objective == "standard" else "mean"},
        )
        run_training(TrainingRequest(folder, recipe, resume=(folder / "recipe.toml").exists()))
    return load_model(card)


def _settings(objective: str, epsilon: float) -> dict[str, object]:
    """Seven steps of a quarter of the budget; MPAdvT draws its own."""
    if objective not in ("advt", "maadvt"):
        return {}
    return {"epsilon": epsilon, "step_size": epsilon / 4, "steps": 7}


def _test(path: Path, count: int | None) -> tuple[Tensor, Tensor]:
    with np.load(path) as arrays:
        pixels, labels = arrays["test_images"][:count], arrays["test_labels"][:count]
    images = torch.from_numpy(pixels.astype(np.float32) / 255)[:, None]
    return images, torch.from_numpy(labels.astype(np.int64)[:, 0])


def _measure(
    model: DiagnosticModel, images: Tensor, labels: Tensor, figures: dict[str, list[float]]
) -> None:
    clean = _logits(model, images)
    _note("clean", clean, clean, labels, figures)
    for k in SWEEP:
        _attacked(PGD(epsilon=k / 255, steps=20), f"PGD {k}", model, images, labels, figures)
    for k in (4, 8):
        ensemble = WorstCase(epsilon=k / 255)
        _attacked(ensemble, f"worst {k}", model, images, labels, figures)


def _attacked(
    attack: Attack,
    name: str,
    model: DiagnosticModel,
    images: Tensor,
    labels: Tensor,
    figures: dict[str, list[float]],
) -> None:
    clean, adversarial = [], []
    for first in range(0, len(labels), BATCH):
        part = slice(first, first + BATCH)
        places = range(first, first + len(labels[part]))
        result = attack.run(model, images[part], labels[part], Untargeted(), sample_ids=places,
                            precision="float32")  # fmt: skip
        clean.append(result.clean_logits)
        adversarial.append(result.adversarial_logits)
    _note(name, torch.cat(clean), torch.cat(adversarial), labels, figures)


def _generator(
    model: DiagnosticModel,
    images: Tensor,
    labels: Tensor,
    folder: Path,
    figures: dict[str, list[float]],
) -> None:
    path = folder / f"gap-{model.card.id}.safetensors"
    recipe = GapRecipe(epsilon=ATTACKED, epochs=4, width=16)
    origin = Origin(model.card.id, model.card.sha256, "", len(images))

    def batches(epoch: int) -> list[Tensor]:
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(epoch))
        return list(images[order].split(32))

    train_generator(model, batches, recipe, path, origin=origin)
    _attacked(GAP(generator=str(path), epsilon=ATTACKED), "GAP 8", model, images, labels, figures)


def _note(
    name: str, clean: Tensor, attacked: Tensor, labels: Tensor, figures: dict[str, list[float]]
) -> None:
    decided = attacked.argmax(1)
    figures[f"{name} acc"].append(float((decided == labels).double().mean()))
    scores = (attacked[:, 1] - attacked[:, 0]).double().numpy()
    area = roc_area(scores, (labels == 1).numpy())
    figures[f"{name} AUC"].append(float("nan") if area is None else area)
    if name != "clean":
        figures[f"{name} FR"].append(float((decided != clean.argmax(1)).double().mean()))


def _logits(model: DiagnosticModel, images: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([model(part) for part in images.split(256)])


def _print_row(objective: str, figures: dict[str, list[float]]) -> None:
    cells = "  ".join(f"{name} {np.mean(values):.3f}" for name, values in figures.items())
    print(f"{objective:9} {cells}", flush=True)


if __name__ == "__main__":
    main()
