"""Where along a network an attack grows over many samples, and how batch-norm sees it. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.analysis.charts.palette import SERIES
from medadv_desktop.analysis.charts.values import Axis, Line, LineChart, Number, Table

if TYPE_CHECKING:
    from medadv_desktop.analysis.features.distances import FeatureCurve

ALL: Final = "all"
CLEAN_WRONG: Final = "clean wrong"
"""Samples that were wrong before the attack: little is left for it to change there."""
CLEAN_RIGHT: Final = "clean right"


@dataclass(frozen=True)
class LayerFigures:
    """Relative feature distance in L layers, mean over the samples of a group.

    Attributes:
        group: `ALL`, `CLEAN_RIGHT`, `CLEAN_WRONG`, or a class ("class melanoma").
        samples: in the group.
        mean, deviation: L; None where no sample of the group has one there; the deviation needs
            two.
        undefined: L counts of samples left out for their clean features are all zero.
    """

    group: str
    samples: int
    mean: tuple[Number, ...]
    deviation: tuple[Number, ...]
    undefined: tuple[int, ...]


@dataclass(frozen=True)
class NormShift:
    """What reaches a batch-norm layer, against the running statistics it was trained with.

    Attributes:
        clean, adversarial: mean over channels of |mean of the input − running mean| in running
            standard deviations.
        moved: the same between adversarial and clean input.
        clean_spread, adversarial_spread: geometric mean over channels of the variance of the input
            over the running one; None where a channel of the input does not vary.
    """

    layer: str
    channels: int
    clean: float
    adversarial: float
    moved: float
    clean_spread: Number
    adversarial_spread: Number


@dataclass(frozen=True)
class LayerStatistics:
    """Of all pairs of images: layers in the order in which they run."""

    layers: tuple[str, ...]
    groups: tuple[LayerFigures, ...]
    norms: tuple[NormShift, ...]
    left_out: tuple[tuple[str, str], ...]

    def charts(self, title: str = "") -> tuple[LineChart, ...]:
        """Distance by layer for the groups, and the shift of batch-norm inputs where there are."""
        after = f", {title}" if title else ""
        places = tuple(float(k) for k in range(len(self.layers)))
        wrong = any(own.group == CLEAN_WRONG and own.samples for own in self.groups)
        overall = (ALL, CLEAN_RIGHT, CLEAN_WRONG) if wrong else (ALL,)
        told = (
            (
                "Feature distance by layer",
                "Mean over samples of ‖f(x+δ) − f(x)‖/‖f(x)‖ in every layer, input side first; "
                "samples that were wrong before the attack also apart.",
                [own for own in self.groups if own.group in overall],
            ),
            (
                "Feature distance by layer and class",
                "The same for the samples of each class, or with each finding.",
                [own for own in self.groups if own.group not in (ALL, CLEAN_RIGHT, CLEAN_WRONG)],
            ),
        )
        found = [
            LineChart(
                f"{name}{after}",
                caption,
                _layer_axis(self.layers),
                Axis("relative distance", low=0.0),
                tuple(
                    Line(
                        f"{own.group} ({own.samples})",
                        places,
                        own.mean,
                        color=k,
                        dashed=k >= len(SERIES),
                        markers=False,
                    )
                    for k, own in enumerate(groups)
                    if own.samples
                ),
            )
            for name, caption, groups in told
        ]
        if self.norms:
            own_places = tuple(float(k) for k in range(len(self.norms)))
            sides: tuple[Literal["clean", "adversarial"], ...] = ("clean", "adversarial")
            found.append(
                LineChart(
                    f"Batch-norm inputs{after}",
                    "How far the mean of what reaches a batch-norm layer is from the running mean "
                    "it was trained with, in running standard deviations, mean over channels.",
                    _layer_axis(tuple(norm.layer for norm in self.norms)),
                    Axis("shift", low=0.0),
                    tuple(
                        Line(
                            side,
                            own_places,
                            tuple(getattr(norm, side) for norm in self.norms),
                            color=k,
                            markers=False,
                        )
                        for k, side in enumerate(sides)
                    ),
                )
            )
        return tuple(found)

    def table(self) -> Table:
        """A row for each layer and group."""
        rows = tuple(
            (layer, own.group, own.samples - own.undefined[k], own.mean[k], own.deviation[k])
            for own in self.groups
            for k, layer in enumerate(self.layers)
        )
        return Table(("layer", "group", "samples", "mean distance", "standard deviation"), rows)

    def norm_table(self) -> Table:
        """A row for each batch-norm layer."""
        head = ("layer", "channels", "clean shift", "adversarial shift", "moved", "clean spread",
                "adversarial spread")  # fmt: skip
        return Table(
            head,
            tuple(
                (n.layer, n.channels, n.clean, n.adversarial, n.moved, n.clean_spread,
                 n.adversarial_spread)
                for n in self.norms
            ),
        )  # fmt: skip


def _layer_axis(layers: tuple[str, ...]) -> Axis:
    """Layers by name, as many as can be read."""
    step = max(1, -(-len(layers) // 12))
    return Axis("layer", tuple((float(k), layers[k]) for k in range(0, len(layers), step)))


class RunningDistances:
    """Means and deviations of distances, batch by batch: no sample is kept.

    Welford's update in the form for batches (Chan, Golub and LeVeque 1983).
    """

    def __init__(self) -> None:
        self._layers: tuple[str, ...] = ()
        self._left_out: dict[str, str] = {}
        self._groups: dict[str, _Running] = {}

    def add(self, curve: FeatureCurve, groups: dict[str, NDArray[np.bool_]]) -> None:
        """The distances of N more pairs; `groups` are N bool by name, the same in every batch."""
        if not self._layers:
            self._layers = curve.layers
        rows = [curve.layers.index(layer) for layer in self._layers]
        self._left_out.update(curve.left_out)
        distances = curve.distances[rows]
        for name, chosen in groups.items():
            running = self._groups.setdefault(name, _Running(len(self._layers)))
            running.add(distances[:, chosen])

    def result(self, norms: tuple[NormShift, ...] = ()) -> LayerStatistics:
        """What was found so far."""
        return LayerStatistics(
            self._layers,
            tuple(running.figures(name) for name, running in self._groups.items()),
            norms,
            tuple(self._left_out.items()),
        )


class _Running:
    def __init__(self, layers: int) -> None:
        self.samples = 0
        self.count = np.zeros(layers, np.int64)
        self.mean = np.zeros(layers)
        self.square = np.zeros(layers)

    def add(self, distances: NDArray[np.float64]) -> None:
        self.samples += distances.shape[1]
        defined = np.isfinite(distances)
        fresh = defined.sum(axis=1)
        total = self.count + fresh
        safe = np.maximum(fresh, 1)
        mean = np.where(defined, distances, 0).sum(axis=1) / safe
        square = (np.where(defined, distances - mean[:, None], 0) ** 2).sum(axis=1)
        apart = np.where(fresh > 0, mean - self.mean, 0)
        weight = fresh / np.maximum(total, 1)
        self.square += square + apart**2 * self.count * weight
        self.mean += apart * weight
        self.count = total

    def figures(self, group: str) -> LayerFigures:
        deviation = np.sqrt(self.square / np.maximum(self.count - 1, 1))
        return LayerFigures(
            group,
            self.samples,
            tuple(float(m) if n else None for m, n in zip(self.mean, self.count, strict=True)),
            tuple(float(d) if n > 1 else None for d, n in zip(deviation, self.count, strict=True)),
            tuple(int(self.samples - n) for n in self.count),
        )


def groups_of(
    labels: NDArray[np.int16], right: NDArray[np.bool_], classes: tuple[str, ...]
) -> dict[str, NDArray[np.bool_]]:
    """N bool for each group of `LayerFigures`: labels N×1 of classes, or N×K of findings."""
    groups = {ALL: np.ones(len(right), np.bool_), CLEAN_RIGHT: right, CLEAN_WRONG: ~right}
    for k, name in enumerate(classes):
        own = labels[:, 0] == k if labels.shape[1] == 1 else labels[:, k] > 0
        groups[f"class {name}"] = own
    return groups
