"""What reaches the batch-norm layers of a network, against what they were trained with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from medadv_desktop.analysis.layer_statistics import NormShift
from medadv_desktop.models.diagnostic import DiagnosticModel

_NORMS: Final = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class NormInputs:
    """Sums of what reaches the batch-norm layers, for clean and for adversarial images."""

    def __init__(self, model: DiagnosticModel) -> None:
        self._model = model
        self._names = tuple(
            name
            for name in model.layers()
            if isinstance(module := model.layer(name), _NORMS) and module.running_mean is not None
        )
        self._sums: dict[tuple[str, str], tuple[float, NDArray[np.float64], NDArray[np.float64]]]
        self._sums = {}

    @contextmanager
    def listening(self, side: Literal["clean", "adversarial"]) -> Iterator[None]:
        """Within the context every pass counts for a side."""
        handles = []
        try:
            for name in self._names:
                layer = self._model.layer(name)

                def before(_module: nn.Module, inputs: tuple[Tensor, ...], own: str = name) -> None:
                    self._add(own, side, inputs[0])

                handles.append(layer.register_forward_pre_hook(before))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _add(self, name: str, side: str, values: Tensor) -> None:
        wide = values.detach().double().transpose(0, 1).flatten(1)
        count, first, second = self._sums.get((name, side), (0, 0.0, 0.0))
        self._sums[name, side] = (
            count + wide.shape[1],
            first + wide.sum(dim=1).cpu().numpy(),
            second + (wide**2).sum(dim=1).cpu().numpy(),
        )

    def shifts(self) -> tuple[NormShift, ...]:
        """Of the layers that both sides reached."""
        return tuple(
            self._shift(name)
            for name in self._names
            if (name, "clean") in self._sums and (name, "adversarial") in self._sums
        )

    def _shift(self, name: str) -> NormShift:
        layer = self._model.layer(name)
        assert isinstance(layer, _NORMS)
        assert layer.running_mean is not None
        assert layer.running_var is not None
        mean = layer.running_mean.double().cpu().numpy()
        variance = (layer.running_var.double() + layer.eps).cpu().numpy()
        deviation = np.sqrt(variance)
        sides = {}
        for side in ("clean", "adversarial"):
            count, first, second = self._sums[name, side]
            own = first / count
            sides[side] = own, np.maximum(second / count - own**2, 0)
        clean, adversarial = sides["clean"], sides["adversarial"]
        return NormShift(
            layer=name,
            channels=len(mean),
            clean=float((np.abs(clean[0] - mean) / deviation).mean()),
            adversarial=float((np.abs(adversarial[0] - mean) / deviation).mean()),
            moved=float((np.abs(adversarial[0] - clean[0]) / deviation).mean()),
            clean_spread=_geometric(clean[1] / variance),
            adversarial_spread=_geometric(adversarial[1] / variance),
        )


def _geometric(ratios: NDArray[np.float64]) -> float | None:
    return float(np.exp(np.log(ratios).mean())) if (ratios > 0).all() else None
