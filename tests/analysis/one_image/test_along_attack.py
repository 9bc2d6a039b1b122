"""The way of an attack, against what one image at a time gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from one_image_models import convolutional, random_images
from torch import Tensor

from medadv_desktop.analysis.along import along_attack
from medadv_desktop.analysis.features.distances import feature_distances
from medadv_desktop.errors import AnalysisError


def loss(logits: Tensor) -> Tensor:
    labels = torch.zeros(len(logits), dtype=torch.long)
    return F.cross_entropy(logits, labels, reduction="none")


def test_that_every_step_is_judged_as_if_it_came_alone() -> None:
    model, original = convolutional(), random_images()
    images = [original[0] * (1 - step / 10) for step in range(5)]
    found = along_attack(model, original, images, range(0, 10, 2), loss, at_a_time=2)
    assert found.steps == (0, 2, 4, 6, 8)
    for place, image in enumerate(images):
        logits = model(image[None]).detach()
        np.testing.assert_allclose(found.logits[place], logits[0])
        np.testing.assert_allclose(found.probabilities[place], logits.softmax(dim=1)[0])
        assert found.loss[place] == pytest.approx(float(loss(logits)))
        alone = feature_distances(model, original, image[None]).distances[:, 0]
        np.testing.assert_allclose(found.distances[:, place], alone, rtol=1e-9)
        assert found.linf[place] == pytest.approx(float((image - original[0]).abs().max()))
        assert found.l2[place] == pytest.approx(float((image - original[0]).norm()))
    assert not found.distances[:, 0].any()


def test_that_one_layer_or_none_can_be_asked_for() -> None:
    model, original = convolutional(), random_images()
    one = along_attack(model, original, [original[0]], [3], loss, ("3",))
    assert (one.layers, one.distances.shape) == (("3",), (1, 1))
    none = along_attack(model, original, [original[0]], [3], loss, ())
    assert (none.layers, none.distances.shape) == ((), (0, 1))
    np.testing.assert_allclose(none.logits, one.logits)


def test_that_a_way_without_steps_is_refused() -> None:
    with pytest.raises(AnalysisError, match="0 images"):
        along_attack(convolutional(), random_images(), [], [], loss)
