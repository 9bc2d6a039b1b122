"""The features that a network decides by: what its last linear layer is given."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from medadv_desktop.analysis.activations import first_tensor, layers_that_ran, read_layer, visiting
from medadv_desktop.errors import AnalysisError
from medadv_desktop.models.diagnostic import DiagnosticModel


class FeatureReader:
    """Reads a vector of features of each image, along with the model's answer.

    Args:
        layer: whose outputs are read, maps and tokens averaged over their places; "" takes what is
            given to the last linear layer that runs or, in a network without one, the outputs of
            the last layer with maps.

    Attributes:
        name: of the layer; `width`: D, number of features.

    Raises:
        ModelError: there is no such layer, or the layers cannot be read.
        AnalysisError: it does not run, or gives no features.
    """

    def __init__(self, model: DiagnosticModel, device: torch.device, layer: str = "") -> None:
        self._model = model
        self._before = False
        self.name = layer
        black = torch.zeros((model.images_at_a_time or 1, *model.card.input_shape), device=device)
        if not layer:
            self._choose(black)
        self.width = int(self.read(black)[0].shape[1])

    @property
    def title(self) -> str:
        """For people."""
        return f"input of {self.name}" if self._before else self.name

    def _choose(self, black: Tensor) -> None:
        if not self._model.layers():
            self._model.layer("")  # says why there is none
        linear = [n for n in self._model.layers() if isinstance(self._model.layer(n), nn.Linear)]
        ran: list[str] = []

        def seen(name: str, _output: object) -> None:
            ran.append(name)

        with torch.no_grad(), visiting(self._model, tuple(linear), seen):
            self._model(black)
        if ran:
            self.name, self._before = ran[-1], True
            return
        maps = [n for n, r in layers_that_ran(self._model, black) if r.kind in ("maps", "tokens")]
        if not maps:
            raise AnalysisError(
                "has no layer whose features could be taken",
                subject=self._model.card.name,
                remedy="Name a layer",
            )
        self.name = maps[-1]

    def read(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """N×D float32 features and N×K logits of N×C×H×W images in [0, 1]; no gradients.

        Raises:
            AnalysisError: the layer gives no features.
        """
        size = self._model.images_at_a_time or len(images)
        found = [self._part(images[k : k + size]) for k in range(0, len(images), size)]
        return torch.cat([f for f, _ in found]), torch.cat([logits for _, logits in found])

    def _part(self, images: Tensor) -> tuple[Tensor, Tensor]:
        kept: list[object] = []

        def before(_module: nn.Module, inputs: tuple[Any, ...]) -> None:
            kept[:] = [inputs[0].clone()]

        def after(_module: nn.Module, _inputs: object, output: object) -> None:
            tensor, _ = first_tensor(output)
            kept[:] = [output if tensor is None else tensor.clone()]

        layer = self._model.layer(self.name)
        handle = (
            layer.register_forward_pre_hook(before)
            if self._before
            else layer.register_forward_hook(after)
        )
        try:
            with torch.no_grad():
                logits: Tensor = self._model(images)
        finally:
            handle.remove()
        return self._flat(kept, len(images)), logits

    def _flat(self, kept: list[object], count: int) -> Tensor:
        if not kept:
            raise AnalysisError(
                "does not run when the network looks at an image", subject=self.name
            )
        tensor, note = first_tensor(kept[0])
        if tensor is None or tensor.dim() < 2 or len(tensor) < count:
            raise AnalysisError(
                note or "does not give an output for each image",
                subject=self.name,
                remedy="Choose another layer",
            )
        own = tensor[:count]
        kind = read_layer(own).kind
        if kind == "maps":
            own = own.mean(dim=(2, 3))
        elif own.dim() == 3:
            own = own.mean(dim=1)
        return own.flatten(1).float()
