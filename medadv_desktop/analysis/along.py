"""An attack step by step: what the model says, and how far the image and its features have come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medadv_desktop.analysis.activations import LayerReading
from medadv_desktop.analysis.features.distances import feature_distances
from medadv_desktop.errors import AnalysisError
from medadv_desktop.jobs import CancelToken, Emit, Progress, silent
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.isolation import undisturbed


@dataclass(frozen=True, eq=False)
class AlongAttack:
    """S recorded steps of one attack.

    Attributes:
        steps: S, the number of each in the attack, rising.
        loss: S float64, the attacker's loss; larger is nearer to the goal.
        logits, probabilities: S×K float64.
        linf, l2: S float64, norms of step minus original, in units of the [0, 1] grey scale.
        layers, readings: L of them; () where the network's layers cannot be read.
        distances: L×S float64, relative feature distance to the original; see `FeatureCurve`.
    """

    steps: tuple[int, ...]
    loss: NDArray[np.float64]
    logits: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    linf: NDArray[np.float64]
    l2: NDArray[np.float64]
    layers: tuple[str, ...]
    readings: tuple[LayerReading, ...]
    distances: NDArray[np.float64]


def along_attack(
    model: DiagnosticModel,
    original: Tensor,
    images: Sequence[Tensor],
    steps: Sequence[int],
    loss: Callable[[Tensor], Tensor],
    layers: tuple[str, ...] | None = None,
    *,
    at_a_time: int = 8,
    token: CancelToken | None = None,
    emit: Emit = silent,
) -> AlongAttack:
    """Look at the recorded steps of an attack once more.

    Args:
        original: 1×C×H×W in [0, 1] on the model's device.
        images: S recorded images, C×H×W each, on any device.
        steps: their numbers.
        loss: the attacker's, M×K logits to M losses.
        layers: whose distances; None for all that can be read, () for none.
        at_a_time: steps in one pass.

    Raises:
        AnalysisError: there are no steps, or numbers and images do not pair.
        ModelError: there is no such layer, or the layers cannot be read.
        JobCancelled: the token was cancelled.
    """
    if not images or len(images) != len(steps):
        raise AnalysisError(
            f"{len(images)} images are not those of {len(steps)} steps",
            subject="recorded steps",
            remedy="Attack the image again, so that its way is recorded",
        )
    if model.images_at_a_time is not None:
        at_a_time = model.images_at_a_time
    if not model.layers() and layers is None:
        layers = ()
    scores, curves, norms = [], [], []
    for start in range(0, len(images), at_a_time):
        emit(Progress(start, len(images), "steps of the attack"))
        part = torch.stack([i.to(original) for i in images[start : start + at_a_time]])
        delta = (part - original).double().flatten(1)
        norms.append(torch.stack((delta.abs().amax(dim=1), delta.norm(dim=1))))
        if layers == ():
            with undisturbed(model, part.device, 0, token), torch.no_grad():
                scores.append(model(part).double().cpu())
            continue
        curve = feature_distances(model, original.expand_as(part), part, layers, token=token)
        curves.append(curve)
        scores.append(torch.from_numpy(curve.adversarial_logits))
    logits = torch.cat(scores)
    distances = [curve.distances for curve in curves] or [np.zeros((0, len(images)))]
    linf, l2 = torch.cat(norms, dim=1).cpu().numpy()
    return AlongAttack(
        steps=tuple(steps),
        loss=loss(logits).double().numpy(),
        logits=logits.numpy(),
        probabilities=model.probabilities(logits).numpy(),
        linf=linf,
        l2=l2,
        layers=curves[0].layers if curves else (),
        readings=curves[0].readings if curves else (),
        distances=np.concatenate(distances, axis=1),
    )
