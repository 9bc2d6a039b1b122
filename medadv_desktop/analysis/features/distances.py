"""How far two images lie apart in every layer of a network, in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medadv_desktop.analysis.activations import (
    LayerReading,
    check_batch,
    first_tensor,
    read_layer,
    repeats,
    visiting,
)
from medadv_desktop.errors import AnalysisError
from medadv_desktop.jobs import CancelToken
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.isolation import undisturbed

_KEPT_BYTES: Final = 64 * 2**20


@dataclass(frozen=True, eq=False)
class FeatureCurve:
    """Relative feature distance ‖f(x+δ) − f(x)‖₂ / ‖f(x)‖₂ of N pairs in L layers.

    Attributes:
        layers: names, in the order in which the network runs them.
        readings: how each is read.
        distances: L×N float64; 0 where nothing changed, NaN (undefined) where f(x) is all zero and
            f(x+δ) is not.
        left_out: layers that were asked for and not read, with the reason.
        clean_logits, adversarial_logits: N×K float64, of the same pass.
    """

    layers: tuple[str, ...]
    readings: tuple[LayerReading, ...]
    distances: NDArray[np.float64]
    left_out: tuple[tuple[str, str], ...]
    clean_logits: NDArray[np.float64]
    adversarial_logits: NDArray[np.float64]


def feature_distances(
    model: DiagnosticModel,
    original: Tensor,
    adversarial: Tensor,
    layers: tuple[str, ...] | None = None,
    *,
    token: CancelToken | None = None,
) -> FeatureCurve:
    """The distances between pairs of images, layer by layer.

    Both images of a pair go through the network together and each layer's outputs are reduced to
    norms as they appear, so never more than one layer's outputs are held beyond what the network
    itself needs. (A network that takes one image at a time is run over groups of layers whose
    outputs together stay below 64 MiB.) A layer that runs several times counts as its last run.

    Args:
        original, adversarial: N×C×H×W in [0, 1] on the model's device.
        layers: names; None for every layer that runs, containers that hand on the output of their
            last layer left out.
        token: heeded inside every pass.

    Raises:
        ModelError: there is no such layer, or the layers cannot be read.
        AnalysisError: the images differ in shape, no layer could be read, or the network takes
            another number of images at a time.
        JobCancelled: the token was cancelled.
    """
    if original.shape != adversarial.shape:
        shapes = f"{tuple(original.shape)} and {tuple(adversarial.shape)}"
        raise AnalysisError(f"images of one shape are compared, not of {shapes}")
    comparing = _Comparing(len(original), skip_repeats=layers is None)
    names = model.layers() if layers is None else layers
    if not names:
        model.layer("")  # says why there is none
    with undisturbed(model, original.device, 0, token), torch.no_grad():
        if model.images_at_a_time is None:
            with visiting(model, names, comparing.visit_pair):
                logits = model(torch.cat((original, adversarial)))
            clean, attacked = logits.chunk(2)
        else:
            check_batch(model, original, model.card.name)
            clean, attacked = model(original), model(adversarial)
            for group in _groups(model, original, names):
                _compare_group(model, original, adversarial, group, comparing)
    return comparing.curve(names if layers is not None else (), clean, attacked)


class _Comparing:
    """Collects distances while a network runs."""

    def __init__(self, count: int, skip_repeats: bool) -> None:
        self.count = count
        self.skip_repeats = skip_repeats
        self.found: dict[str, tuple[LayerReading, Tensor]] = {}
        self.left_out: dict[str, str] = {}
        self._last: list[tuple[Tensor, int]] = []

    def visit_pair(self, name: str, output: object) -> None:
        """The layer's output for originals and adversarials, one batch."""
        tensor, note = first_tensor(output)
        if tensor is None:
            self.left_out[name] = note
            return
        if self.skip_repeats and repeats(tensor, self._last):
            return
        if tensor.dim() < 2 or tensor.shape[0] % (2 * self.count):
            self.left_out[name] = "does not give an output for each image"
            return
        if tensor.shape[0] != 2 * self.count:  # windows of each image, one after the other
            tensor = tensor.reshape(2 * self.count, -1, *tensor.shape[1:])
        first, second = tensor.chunk(2)
        self.add(name, first, second, note)

    def add(self, name: str, first: Tensor, second: Tensor, note: str) -> None:
        self.found.pop(name, None)
        self.found[name] = (read_layer(first, note), _relative(first, second))

    def curve(self, wanted: tuple[str, ...], clean: Tensor, attacked: Tensor) -> FeatureCurve:
        reasons = {name: why for name, why in self.left_out.items() if name not in self.found}
        for name in wanted:
            if name not in self.found:
                reasons.setdefault(name, "does not run when the network looks at an image")
        if not self.found:
            name, why = next(iter(reasons.items()), ("", "has no layers that run"))
            raise AnalysisError(why, subject=name, remedy="Choose another layer")
        return FeatureCurve(
            layers=tuple(self.found),
            readings=tuple(reading for reading, _ in self.found.values()),
            distances=torch.stack([d for _, d in self.found.values()]).cpu().numpy(),
            left_out=tuple(reasons.items()),
            clean_logits=clean.double().cpu().numpy(),
            adversarial_logits=attacked.double().cpu().numpy(),
        )


def _relative(first: Tensor, second: Tensor) -> Tensor:
    """N float64; see `FeatureCurve.distances`."""
    norm = torch.linalg.vector_norm
    # Half precision overflows at norms that activations reach.
    change = norm((second - first).flatten(1), dim=1, dtype=torch.float64)
    size = norm(first.flatten(1), dim=1, dtype=torch.float64)
    return torch.where(change == 0, 0.0, torch.where(size > 0, change / size, torch.nan))


def _groups(
    model: DiagnosticModel, images: Tensor, names: tuple[str, ...]
) -> tuple[tuple[str, ...], ...]:
    """The layers that run, in order, in groups whose outputs fit together into `_KEPT_BYTES`."""
    sizes: dict[str, int] = {}

    def weigh(name: str, output: object) -> None:
        tensor, _ = first_tensor(output)
        sizes.pop(name, None)
        sizes[name] = 0 if tensor is None else tensor.numel() * tensor.element_size()

    with visiting(model, names, weigh):
        model(images)
    groups: list[list[str]] = []
    held = _KEPT_BYTES
    for name, size in sizes.items():
        if held + size > _KEPT_BYTES:
            groups.append([])
            held = 0
        groups[-1].append(name)
        held += size
    return tuple(tuple(group) for group in groups)


def _compare_group(
    model: DiagnosticModel,
    original: Tensor,
    adversarial: Tensor,
    group: tuple[str, ...],
    comparing: _Comparing,
) -> None:
    kept: dict[str, Tensor] = {}
    last: list[tuple[Tensor, int]] = []

    def keep(name: str, output: object) -> None:
        tensor, note = first_tensor(output)
        if tensor is None:
            comparing.left_out[name] = note
        elif not (comparing.skip_repeats and repeats(tensor, last)):
            kept[name] = tensor.clone()

    def compare(name: str, output: object) -> None:
        tensor, note = first_tensor(output)
        if tensor is not None and name in kept:
            comparing.add(name, kept[name], tensor, note)

    with visiting(model, group, keep):
        model(original)
    with visiting(model, group, compare):
        model(adversarial)
