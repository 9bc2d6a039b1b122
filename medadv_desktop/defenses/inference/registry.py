"""Every defence at inference by name, and the door that builds them. No torch."""

from __future__ import annotations

from collections.abc import Mapping

from medadv_desktop.defenses.inference.bit_depth import BitDepth
from medadv_desktop.defenses.inference.filters import GaussianFilter, MedianFilter
from medadv_desktop.defenses.inference.jpeg import Jpeg
from medadv_desktop.defenses.inference.procedure import InferenceDefence
from medadv_desktop.defenses.inference.resize_pad import ResizePad
from medadv_desktop.defenses.inference.smoothing import Smoothing
from medadv_desktop.errors import SettingsError
from medadv_desktop.settings import parse

DEFENCES: dict[str, type[InferenceDefence]] = {
    defence.name: defence
    for defence in (Jpeg, BitDepth, MedianFilter, GaussianFilter, ResizePad, Smoothing)
}


def make_defence(name: str, values: Mapping[str, object]) -> InferenceDefence:
    """Build a defence from its name and the values of its fields.

    Raises:
        SettingsError: no such defence, no such field, or a value outside what the field allows.
    """
    if name not in DEFENCES:
        raise SettingsError(
            "there is no defence of that name",
            subject=name,
            remedy=f"Name one of {', '.join(DEFENCES)}",
        )
    return parse(DEFENCES[name], values)
