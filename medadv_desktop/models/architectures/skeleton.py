"""An architecture without memory for its weights: to compare with, or to be filled from a file."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from medadv_desktop.models.architectures import build_network
from medadv_desktop.models.card import ModelCard


class _Weightless(TorchFunctionMode):
    """What layers make for their weights has a shape but no memory; other arithmetic is real.

    `torch.device("meta")` goes too far: RegNet works out its widths with tensors.
    """

    _MAKERS = (torch.empty, torch.zeros, torch.ones)

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in self._MAKERS and kwargs.get("device") is None:
            kwargs["device"] = "meta"
        return func(*args, **kwargs)


def skeleton(card: ModelCard) -> nn.Module:
    """The network of a card; every value that a state dict gives has its shape alone.

    Raises:
        ModelError: as `build_network`.
    """
    try:
        with _Weightless():
            network = build_network(card)
    except (RuntimeError, NotImplementedError):
        return build_network(card)
    saved = network.state_dict()
    hollow = [name for name, value in network.named_buffers() if value.is_meta]
    return network if all(name in saved for name in hollow) else build_network(card)
