"""The feature maps of one layer for an original and an adversarial image, most changed first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medadv_desktop.analysis.activations import (
    LayerReading,
    as_maps,
    check_batch,
    first_tensor,
    read_layer,
    visiting,
)
from medadv_desktop.errors import AnalysisError
from medadv_desktop.jobs import CancelToken
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.isolation import undisturbed


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """Channels of a layer, those that change most first (without an adversarial: the strongest).

    Attributes:
        layer, reading: which, and how it is read; a vector's channels are maps of 1×1.
        original, adversarial: k×h×w float32; adversarial is None where none was asked for.
        channels: index in the layer of each of the k maps.
        energy: k float64, ‖f_c(x)‖₂ of each channel.
        change: k float64, ‖f_c(x+δ) − f_c(x)‖₂ of each channel, which they are sorted by; 0
            without an adversarial.
        distance: relative feature distance of the whole layer, ‖f(x+δ) − f(x)‖₂ / ‖f(x)‖₂; 0
            without an adversarial, NaN (undefined) where f(x) is all zero and f(x+δ) is not.
    """

    layer: str
    reading: LayerReading
    original: NDArray[np.float32]
    adversarial: NDArray[np.float32] | None
    channels: tuple[int, ...]
    energy: NDArray[np.float64]
    change: NDArray[np.float64]
    distance: float

    @property
    def difference(self) -> NDArray[np.float32] | None:
        """Adversarial minus original, k×h×w, signed."""
        return None if self.adversarial is None else self.adversarial - self.original

    @property
    def relative_change(self) -> NDArray[np.float64]:
        """k: change over energy; 0 where nothing changed, NaN where a silent channel awoke."""
        with np.errstate(divide="ignore", invalid="ignore"):
            quotient = self.change / self.energy
        quotient = np.where(self.energy > 0, quotient, np.nan)
        return np.where(self.change == 0, 0.0, quotient)


def feature_maps(
    model: DiagnosticModel,
    layer: str,
    original: Tensor,
    adversarial: Tensor | None = None,
    *,
    channels: int | None = None,
    token: CancelToken | None = None,
) -> FeatureMaps:
    """Run the network on one image, or two, and read a layer.

    Args:
        layer: its name; of several runs in a pass the last one counts.
        original, adversarial: 1×C×H×W in [0, 1] on the model's device.
        channels: how many maps to hand out; None for all.
        token: heeded inside every pass.

    Raises:
        ModelError: there is no such layer, or the layers cannot be read.
        AnalysisError: the layer does not run, or gives neither maps nor a vector.
        JobCancelled: the token was cancelled.
    """
    with undisturbed(model, original.device, 0, token), torch.no_grad():
        first, reading = _maps(model, layer, original)
        second = None if adversarial is None else _maps(model, layer, adversarial)[0]
    energy = _norms(first)
    change = torch.zeros_like(energy) if second is None else _norms(second - first)
    order = (energy if second is None else change).argsort(descending=True, stable=True)[:channels]
    moved, size = float(change.norm()), float(energy.norm())
    return FeatureMaps(
        layer=layer,
        reading=reading,
        original=_array(first[order]),
        adversarial=None if second is None else _array(second[order]),
        channels=tuple(order.tolist()),
        energy=energy[order].cpu().numpy(),
        change=change[order].cpu().numpy(),
        distance=0.0 if moved == 0 else moved / size if size else float("nan"),
    )


def _maps(model: DiagnosticModel, layer: str, image: Tensor) -> tuple[Tensor, LayerReading]:
    """C×h×w of a layer for 1×C×H×W."""
    check_batch(model, image, layer)
    found: list[tuple[Tensor | None, str]] = []

    def visit(_name: str, output: object) -> None:
        tensor, note = first_tensor(output)
        # A copy: an in-place activation behind this layer would overwrite it.
        found[:] = [(None if tensor is None else tensor.clone(), note)]

    with visiting(model, (layer,), visit):
        model(image)
    tensor, note = found[0] if found else (None, "does not run when the network looks at an image")
    if tensor is not None and len(tensor) != 1:
        tensor, note = None, "does not give one output for an image"
    if tensor is None:
        raise AnalysisError(note, subject=layer, remedy="Choose another layer")
    reading = read_layer(tensor, note)
    maps = tensor[..., None, None] if reading.kind == "vector" else as_maps(tensor)
    if maps is None:
        raise AnalysisError(
            reading.note,
            subject=layer,
            remedy="Choose a layer with feature maps; its distance is in the curve over all layers",
        )
    return maps[0], reading


def _norms(maps: Tensor) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(maps.flatten(1), dim=1, dtype=torch.float64)
    return norms


def _array(maps: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(maps.float().cpu().numpy()).copy()
