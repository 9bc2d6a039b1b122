"""Every perturbation sequence by name. No torch."""

from __future__ import annotations

from medadv_desktop.corruptions.sequences.blur import (
    GaussianBlurSequence,
    MotionBlurSequence,
    ZoomBlurSequence,
)
from medadv_desktop.corruptions.sequences.geometry import Rotate, Scale, Shear, Tilt, Translate
from medadv_desktop.corruptions.sequences.noise import (
    GaussianNoiseSequence,
    ShotNoiseSequence,
    SpeckleNoiseSequence,
)
from medadv_desktop.corruptions.sequences.sequence import PerturbationSequence
from medadv_desktop.corruptions.sequences.weather import Brightness, Snow, Spatter

SEQUENCES: dict[str, type[PerturbationSequence]] = {
    kind.name: kind
    for kind in (
        GaussianNoiseSequence,
        ShotNoiseSequence,
        MotionBlurSequence,
        ZoomBlurSequence,
        Snow,
        Brightness,
        Translate,
        Rotate,
        Tilt,
        Scale,
        SpeckleNoiseSequence,
        GaussianBlurSequence,
        Spatter,
        Shear,
    )
}
