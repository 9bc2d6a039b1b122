"""A diagnostic model: a network together with what its card says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from medadv_desktop.errors import ModelError
from medadv_desktop.models.card import ModelCard
from medadv_desktop.models.formats.contents import FixedBatch
from medadv_desktop.models.outputs import OutputReading

_LOGITS = OutputReading()


class DiagnosticModel(nn.Module):
    """Logits from model input in [0, 1]; normalisation by mean and std happens inside.

    Args:
        network: takes normalised N×C×H×W, returns what `reading` turns into N×K logits.
        card: task, class names, thresholds, preprocessing.
        reading: from the network's outputs to logits.
        white_box: gradients pass through the network; without them only attacks that need scores
            or decisions can be used.
        notes: what was converted or left out when the network was loaded.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: nn.Module,
        card: ModelCard,
        *,
        reading: OutputReading = _LOGITS,
        white_box: bool = True,
        notes: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.network = network
        self.card = card
        self.reading = reading
        self.white_box = white_box
        self.notes = notes
        reference = next((p for p in network.parameters() if p.is_floating_point()), torch.empty(0))
        mean, std = (reference.new_tensor(v).view(1, -1, 1, 1) for v in (card.mean, card.std))
        logits = torch.logit(torch.tensor(card.thresholds, dtype=torch.float64))
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)
        self.register_buffer(
            "_cutoffs", logits.to(reference) if card.multi_label else None, persistent=False
        )

    def forward(self, images: Tensor) -> Tensor:
        """N×C×H×W in [0, 1] to N×K logits."""
        return self.reading(self.network((images - self.mean) / self.std))

    @property
    def cutoffs(self) -> Tensor | None:
        """K logits from which a finding is present; None for a single-label model."""
        cutoffs = self._cutoffs
        assert cutoffs is None or isinstance(cutoffs, Tensor)
        return cutoffs

    def probabilities(self, logits: Tensor) -> Tensor:
        """N×K: softmax over the classes, or the sigmoid of each finding."""
        return logits.sigmoid() if self.card.multi_label else logits.softmax(dim=1)

    def decisions(self, logits: Tensor) -> Tensor:
        """N int64 class indices (single-label), or N×K bool findings (multi-label)."""
        if self.cutoffs is None:
            return logits.argmax(dim=1)
        return logits >= self.cutoffs

    def layers(self) -> tuple[str, ...]:
        """Names of the layers that can be read; none for TorchScript and for score-only models."""
        return tuple(
            name
            for name, module in self._inner().named_modules()
            if name and not isinstance(module, torch.jit.ScriptModule)
        )

    def _inner(self) -> nn.Module:
        return self.network.network if isinstance(self.network, FixedBatch) else self.network

    def spatial_layers(self) -> tuple[str, ...]:
        """Names of the layers whose output is N×C×h×w, input side first; runs one black image.

        None where the network's layers cannot be read (`layers`).
        """
        names = list(self.layers())
        images = self.network.size if isinstance(self.network, FixedBatch) else 1
        black = self.mean.new_zeros((images, *self.card.input_shape))
        with torch.no_grad(), self.tap(names) as outputs:
            self(black)
        return tuple(name for name in names if name in outputs and outputs[name].dim() == 4)

    def layer(self, name: str) -> nn.Module:
        """The layer of a name, to be hooked and never changed.

        Raises:
            ModelError: there is no such layer, or the network's layers cannot be read.
        """
        return self._layers_of((name,))[0]

    def _layers_of(self, names: Sequence[str]) -> tuple[nn.Module, ...]:
        modules = dict(self._inner().named_modules())
        known = self.layers()
        for name in names:
            if not known:
                raise ModelError(
                    f"the layers of {self.card.name} cannot be read: its file holds a finished "
                    "program",
                    subject=name,
                    remedy="Export the network as .pt2, or save its weights as .safetensors",
                )
            if name not in known:
                raise ModelError(
                    f"the network of {self.card.name} has no such layer",
                    subject=name,
                    remedy="Choose one of the layers that the model lists",
                )
        return tuple(modules[name] for name in names)

    @property
    def images_at_a_time(self) -> int | None:
        """How many images the network takes in one pass; None for any number."""
        return self.network.size if isinstance(self.network, FixedBatch) else None

    @contextmanager
    def tap(self, names: Sequence[str]) -> Iterator[dict[str, Tensor]]:
        """Within the context, each forward pass leaves the named layers' outputs in the dict.

        The model is not changed; the outputs are part of the graph, detach them to keep them.

        Raises:
            ModelError: there is no such layer, or the network's layers cannot be read.
        """
        outputs: dict[str, Tensor] = {}
        layers = zip(names, self._layers_of(names), strict=True)
        hooks = [layer.register_forward_hook(_keep(name, outputs)) for name, layer in layers]
        if isinstance(self.network, FixedBatch):
            hooks.append(self.network.register_forward_pre_hook(_refuse_other_sizes))
        try:
            yield outputs
        finally:
            for hook in hooks:
                hook.remove()


def _refuse_other_sizes(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    assert isinstance(module, FixedBatch)
    if len(inputs[0]) != module.size:
        raise ModelError(
            f"takes {module.size} images at a time; its layers can be read for that many only",
            remedy="Export the network for any number of images",
        )


def _keep(name: str, outputs: dict[str, Tensor]) -> Callable[[nn.Module, object, object], None]:
    def hook(_module: nn.Module, _inputs: object, output: object) -> None:
        first = output[0] if isinstance(output, tuple | list) else output
        if isinstance(first, Tensor):
            # A copy: an in-place activation behind this layer would overwrite it.
            outputs[name] = first.clone()

    return hook
