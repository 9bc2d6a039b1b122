"""Signs of a wrong card, made on purpose."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from medadv_desktop.datasets.phantoms import phantoms
from medadv_desktop.errors import ModelError
from medadv_desktop.models.assignment import best_assignment
from medadv_desktop.models.card import ModelCard, Preprocessing
from medadv_desktop.models.checking import check_model
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.loading import load_model, open_model
from medadv_desktop.models.roc import roc_areas
from medadv_desktop.resources import resource

DOMAINS = ("dermoscopy", "fundus", "radiograph")


@pytest.fixture(scope="module")
def samples() -> dict[str, tuple[Tensor, NDArray[np.generic]]]:
    """Phantoms of each domain as model inputs, with labels."""
    return {domain: sample(domain) for domain in DOMAINS}


def sample(domain: str) -> tuple[Tensor, NDArray[np.generic]]:
    images, labels = [], []
    for each in phantoms(domain, 99, 24):
        pixels = each.pixels if each.pixels.ndim == 3 else each.pixels[..., None]
        top = 255 if pixels.dtype == np.uint8 else 4095
        images.append(torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32) / top))
        labels.append(each.labels)
    truth = np.array(labels, bool) if domain == "radiograph" else np.array(labels)[:, 0]
    return torch.stack(images), truth


def with_card(domain: str, **fields: object) -> DiagnosticModel:
    card = load_model(f"demo-{domain}").card
    return open_model(ModelCard(**card.model_dump() | fields), resource("models"))


def signs(model: DiagnosticModel, images: Tensor, labels: object = None) -> list[str]:
    return [warning.sign for warning in check_model(model, images, labels)]


@pytest.mark.parametrize("domain", DOMAINS)
def test_that_a_right_card_gives_no_warning(
    samples: dict[str, tuple[Tensor, NDArray[np.generic]]], domain: str
) -> None:
    images, labels = samples[domain]
    assert check_model(load_model(f"demo-{domain}"), images, labels) == ()


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("std", [1.0, 1 / 255])
def test_that_a_missing_or_wrong_normalisation_is_seen_without_labels(
    samples: dict[str, tuple[Tensor, NDArray[np.generic]]], domain: str, std: float
) -> None:
    model = with_card(domain, mean=(0.0,), std=(std,))
    assert "normalisation" in signs(model, samples[domain][0])


def test_that_saturated_probabilities_are_seen(
    samples: dict[str, tuple[Tensor, NDArray[np.generic]]],
) -> None:
    model = with_card("dermoscopy", mean=(0.0,), std=(1 / 255,))
    assert "saturated" in signs(model, samples["dermoscopy"][0])


@pytest.mark.parametrize("domain", DOMAINS)
def test_that_another_order_of_the_classes_is_seen_and_named(
    samples: dict[str, tuple[Tensor, NDArray[np.generic]]], domain: str
) -> None:
    images, labels = samples[domain]
    model = load_model(f"demo-{domain}")
    last = len(model.card.classes) - 1
    swapped = labels[:, ::-1] if labels.ndim == 2 else last - labels
    found = [w for w in check_model(model, images, swapped) if w.sign == "class-order"]
    assert len(found) == 1
    assert f"{model.card.classes[0]} → {model.card.classes[last]}" in found[0].message


def test_that_swapped_light_and_dark_are_seen(
    samples: dict[str, tuple[Tensor, NDArray[np.generic]]],
) -> None:
    images, labels = samples["radiograph"]
    found = check_model(load_model("demo-radiograph"), 1 - images, labels)
    assert any("light and dark" in warning.message for warning in found)


def small_card(**fields: object) -> ModelCard:
    values: dict[str, object] = {
        "id": "m",
        "name": "M",
        "architecture": "compact-resnet",
        "task": "single-label",
        "classes": ("a", "b", "c"),
        "preprocessing": Preprocessing(height=8, width=8, channels=1),
        "weights": "m",
    }
    return ModelCard(**values | fields)


class Scores(nn.Module):
    """Logits that stand in the image: the first K pixels."""

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)[:, :3] * 5


def images_with(decisions: NDArray[np.int64]) -> Tensor:
    images = torch.zeros(len(decisions), 1, 8, 8)
    images.flatten(1)[torch.arange(len(decisions)), torch.from_numpy(decisions)] = 1
    return images


def test_that_constant_outputs_are_seen() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    nn.init.zeros_(network[1].weight)
    assert signs(DiagnosticModel(network, small_card()), torch.rand(9, 1, 8, 8)) == ["constant"]


def test_that_outputs_that_are_not_finite_are_counted() -> None:
    images = torch.rand(5, 1, 8, 8)
    images[3] = float("nan")
    found = check_model(DiagnosticModel(Scores(), small_card()), images)
    assert found[0].sign == "not-finite"
    assert "1 of 5" in found[0].message


def test_that_dropout_left_on_is_seen() -> None:
    class Noisy(Scores):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images) + torch.rand(len(images), 3)

    images = images_with(np.arange(12) % 3)
    assert "not-deterministic" in signs(DiagnosticModel(Noisy(), small_card()), images)


def test_that_accuracy_below_chance_is_seen() -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 3, 90)
    # Never right, and either wrong class equally often: no order of classes mends that.
    decided = (truth + generator.integers(1, 3, 90)) % 3
    found = signs(DiagnosticModel(Scores(), small_card()), images_with(decided), truth)
    assert found in (["below-chance"], ["class-order"])


def test_that_chance_itself_is_no_warning() -> None:
    generator = np.random.default_rng(1)
    model = DiagnosticModel(Scores(), small_card())
    alarms = 0
    for _ in range(20):
        truth, decided = generator.integers(0, 3, 30), generator.integers(0, 3, 30)
        alarms += bool(signs(model, images_with(decided), truth))
    assert alarms <= 3


@pytest.mark.parametrize("labels", [[0, 1], [0, 1, 3], [[0], [1], [2]]])
def test_that_labels_that_do_not_fit_are_refused(labels: object) -> None:
    model = DiagnosticModel(Scores(), small_card())
    with pytest.raises(ModelError, match="label"):
        check_model(model, torch.rand(3, 1, 8, 8), labels)  # type: ignore[arg-type]


def test_that_the_assignment_is_that_of_scipy() -> None:
    generator = np.random.default_rng(0)
    for size in (1, 2, 3, 5, 14):
        for _ in range(20):
            costs = generator.normal(size=(size, size)).round(int(generator.integers(0, 3)))
            order = best_assignment(costs)
            assert sorted(order) == list(range(size))
            rows, columns = linear_sum_assignment(costs)
            assert costs[np.arange(size), order].sum() == pytest.approx(costs[rows, columns].sum())


def test_that_areas_are_those_of_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(40, 3)).round(1)
    truth = generator.random((40, 3)) < 0.4
    expected = [[roc_auc_score(truth[:, j], logits[:, i]) for j in range(3)] for i in range(3)]
    np.testing.assert_allclose(roc_areas(logits, truth), expected)
