"""Every corruption and perturbation sequence by name, and the doors that build them. No torch."""

from __future__ import annotations

from collections.abc import Mapping

from medadv_desktop.corruptions.blur import DefocusBlur, GaussianBlur, MotionBlur, ZoomBlur
from medadv_desktop.corruptions.corruption import Corruption
from medadv_desktop.corruptions.dermoscopy import Bubbles, Hair, Ruler, Vignette
from medadv_desktop.corruptions.digital import Jpeg, Pixelation
from medadv_desktop.corruptions.fundus import Haze, UnevenLight
from medadv_desktop.corruptions.noise import GaussianNoise, ImpulseNoise, ShotNoise, SpeckleNoise
from medadv_desktop.corruptions.radiograph import Collimation, GridLines, LowDose
from medadv_desktop.corruptions.sequences.registry import SEQUENCES
from medadv_desktop.corruptions.sequences.sequence import PerturbationSequence
from medadv_desktop.corruptions.tone import (
    BrightnessDown,
    BrightnessUp,
    ContrastDown,
    ContrastUp,
    GammaDown,
    GammaUp,
)
from medadv_desktop.errors import SettingsError
from medadv_desktop.settings import parse

__all__ = ["CORRUPTIONS", "SEQUENCES", "corruptions_for", "make_corruption", "make_sequence"]

CORRUPTIONS: dict[str, type[Corruption]] = {
    kind.name: kind
    for kind in (
        GaussianNoise,
        ShotNoise,
        ImpulseNoise,
        SpeckleNoise,
        GaussianBlur,
        DefocusBlur,
        MotionBlur,
        ZoomBlur,
        BrightnessUp,
        BrightnessDown,
        ContrastUp,
        ContrastDown,
        GammaUp,
        GammaDown,
        Jpeg,
        Pixelation,
        Hair,
        Ruler,
        Vignette,
        Bubbles,
        UnevenLight,
        Haze,
        Collimation,
        GridLines,
        LowDose,
    )
}


def corruptions_for(modality: str) -> tuple[type[Corruption], ...]:
    """The kinds that may happen to images of a modality; "" gives those for every image."""
    return tuple(k for k in CORRUPTIONS.values() if not k.modalities or modality in k.modalities)


def make_corruption(name: str, values: Mapping[str, object]) -> Corruption:
    """Build a corruption from its name and the values of its fields.

    Raises:
        SettingsError: no such corruption, no such field, or a value outside what it allows.
    """
    if name not in CORRUPTIONS:
        raise SettingsError(
            "there is no corruption of that name",
            subject=name,
            remedy=f"Name one of {', '.join(CORRUPTIONS)}",
        )
    return parse(CORRUPTIONS[name], values)


def make_sequence(name: str, values: Mapping[str, object]) -> PerturbationSequence:
    """Build a perturbation sequence from its name and the values of its fields.

    Raises:
        SettingsError: no such sequence, no such field, or a value outside what it allows.
    """
    if name not in SEQUENCES:
        raise SettingsError(
            "there is no perturbation sequence of that name",
            subject=name,
            remedy=f"Name one of {', '.join(SEQUENCES)}",
        )
    return parse(SEQUENCES[name], values)
