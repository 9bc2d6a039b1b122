"""Running figures over layers against numpy over everything at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from medadv_desktop.analysis.activations import LayerReading
from medadv_desktop.analysis.features.distances import FeatureCurve
from medadv_desktop.analysis.layer_statistics import RunningDistances, groups_of
from medadv_desktop.analysis.norm_inputs import NormInputs
from medadv_desktop.models.card import ModelCard, Preprocessing
from medadv_desktop.models.diagnostic import DiagnosticModel


def curve(distances: np.ndarray) -> FeatureCurve:
    reading = LayerReading("vector", (1,))
    logits = np.zeros((distances.shape[1], 2))
    return FeatureCurve(("one", "two"), (reading, reading), distances, (), logits, logits)


def test_that_means_by_group_are_those_of_all_samples_at_once() -> None:
    rng = np.random.default_rng(0)
    distances = rng.uniform(size=(2, 20))
    distances[1, 3] = np.nan
    labels = rng.integers(0, 2, (20, 1)).astype(np.int16)
    right = rng.uniform(size=20) < 0.6
    running = RunningDistances()
    for part in (slice(0, 1), slice(1, 9), slice(9, 20)):
        running.add(curve(distances[:, part]), groups_of(labels[part], right[part], ("a", "b")))
    found = {own.group: own for own in running.result().groups}
    assert list(found) == ["all", "clean right", "clean wrong", "class a", "class b"]
    for name, chosen in groups_of(labels, right, ("a", "b")).items():
        own = distances[:, chosen]
        assert found[name].mean == pytest.approx(np.nanmean(own, 1))
        assert found[name].deviation == pytest.approx(np.nanstd(own, 1, ddof=1))
        assert found[name].undefined == tuple(np.isnan(own).sum(1))


def test_that_a_group_without_samples_has_no_mean() -> None:
    running = RunningDistances()
    labels = np.zeros((3, 1), np.int16)
    running.add(curve(np.ones((2, 3))), groups_of(labels, np.ones(3, bool), ("a", "b")))
    found = running.result()
    assert found.groups[2].mean == (None, None)
    lines = [[line.name for line in chart.lines] for chart in found.charts()]
    assert lines == [["all (3)"], ["class a (3)"]]


def test_that_shifts_of_batch_norm_inputs_are_counted_in_running_deviations() -> None:
    norm = nn.BatchNorm2d(1, eps=0.0)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.fill_(0.5)
    norm.running_var.fill_(0.04)
    card = ModelCard(
        id="norm", name="Norm", architecture="compact-resnet", task="single-label",
        classes=("a", "b"), weights="none.safetensors",
        preprocessing=Preprocessing(channels=1, height=8, width=8),
        mean=(0.0,), std=(1.0,),
    )  # fmt: skip
    network = nn.Sequential(norm, nn.Flatten(), nn.Linear(64, 2)).eval()
    model = DiagnosticModel(network, card)
    inputs = NormInputs(model)
    with torch.no_grad():
        for side, level in (("clean", 0.5), ("adversarial", 0.9)):
            with inputs.listening(side):
                for _ in range(2):
                    model(torch.full((3, 1, 8, 8), level))
    (shift,) = inputs.shifts()
    assert (shift.layer, shift.channels) == ("0", 1)
    assert shift.clean == pytest.approx(0, abs=1e-6)
    assert shift.adversarial == pytest.approx(2, abs=1e-5)
    assert shift.moved == pytest.approx(2, abs=1e-5)
