"""Networks by name. Adding one: a file here with a `build` function, and an entry below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from medadv_desktop.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

    from medadv_desktop.models.card import ModelCard

Build = Callable[["ModelCard"], "nn.Module"]

ARCHITECTURES: Mapping[str, str] = {
    "compact-resnet": "compact_resnet",
}


def build_network(card: ModelCard) -> nn.Module:
    """The untrained network that a card describes.

    Raises:
        ModelError: unknown architecture, or options it does not take.
    """
    module = ARCHITECTURES.get(card.architecture)
    if module is None:
        raise ModelError(
            f"the architecture of {card.name} is not known to this program",
            subject=card.architecture,
            remedy=f"Known are: {', '.join(ARCHITECTURES)}",
        )
    build: Build = import_module(f"{__name__}.{module}").build
    try:
        return build(card)
    except TypeError as error:
        raise ModelError(
            f"the architecture options of {card.name} do not fit ({error})",
            subject=card.architecture,
        ) from None
