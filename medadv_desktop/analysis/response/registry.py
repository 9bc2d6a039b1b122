"""The response methods by name. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from medadv_desktop.analysis.response.activation_maps import (
    GradCam,
    GradCamPlusPlus,
    LayerCam,
    ScoreCam,
)
from medadv_desktop.analysis.response.attention import OwnAttention
from medadv_desktop.analysis.response.attributions import IntegratedGradients, Occlusion
from medadv_desktop.analysis.response.method import ResponseMethod
from medadv_desktop.errors import SettingsError
from medadv_desktop.settings import parse

RESPONSE_METHODS: Final[Mapping[str, type[ResponseMethod]]] = MappingProxyType(
    {
        method.name: method
        for method in (
            GradCam,
            GradCamPlusPlus,
            LayerCam,
            ScoreCam,
            IntegratedGradients,
            Occlusion,
            OwnAttention,
        )
    }
)


def make_method(name: str, values: Mapping[str, object]) -> ResponseMethod:
    """The method of a name with settings.

    Raises:
        SettingsError: no such method or field, or a value outside what the field allows.
    """
    if name not in RESPONSE_METHODS:
        raise SettingsError(
            "there is no response method of that name",
            subject=name,
            remedy=f"Name one of {', '.join(RESPONSE_METHODS)}",
        )
    return parse(RESPONSE_METHODS[name], values)
