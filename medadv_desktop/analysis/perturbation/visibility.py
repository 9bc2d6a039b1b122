"""Would it be seen? A perturbation in just-noticeable differences of a calibrated display."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from medadv_desktop.analysis.perturbation.gsdf import jnd_index_of
from medadv_desktop.errors import AnalysisError
from medadv_desktop.imaging.display import WHITE, apply_voi
from medadv_desktop.imaging.frame import Voi
from medadv_desktop.models.input_plan import InputPlan
from medadv_desktop.settings import Settings

# ITU-R BT.601, as where a colour image is read by a grey model.
_LUMA = (0.299, 0.587, 0.114)


class Display(Settings):
    """A display calibrated to the Grayscale Standard Display Function.

    The default is a diagnostic display of 500 cd/m² and a contrast of 1000 to 1. The
    ACR-AAPM-SIIM standard for electronic practice asks for at least 350 cd/m² at a ratio of about
    350; the wider range shows more steps, so that more counts as visible.
    """

    luminance_min: float = Field(
        0.5,
        ge=0.05,
        lt=3993.404,
        description="Luminance of black, with the room's light reflected by the screen",
        json_schema_extra={"unit": "cd/m²"},
    )
    luminance_max: float = Field(
        500.0,
        gt=0.05,
        le=3993.404,
        description="Luminance of white, with the room's light reflected by the screen",
        json_schema_extra={"unit": "cd/m²"},
    )
    bits: int | None = Field(
        None,
        ge=6,
        le=16,
        description="Of a grey level; nothing means that the display shows every difference",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.luminance_min < self.luminance_max:
            raise ValueError("luminance_min must be below luminance_max")
        return self

    @property
    def steps(self) -> float:
        """Just-noticeable differences from black to white."""
        low, high = jnd_index_of(np.array([self.luminance_min, self.luminance_max]))
        return float(high - low)


@dataclass(frozen=True, eq=False)
class Visibility:
    """A perturbation as an observer's steps.

    Attributes:
        jnds: H×W float64, after minus before in steps of the JND index, signed; 0 at padding.
        excess: H×W float64, how far each pixel's change exceeds one step: max(|jnds| − 1, 0).
        visible_share: of the pixels counted, those that change by more than one step; None
            (undefined) where there is no pixel to count.
        largest, mean: of |jnds| over the pixels counted; None likewise.
        counted: pixels that are neither padding nor border.
        steps: from black to white on this display.
        display: what it was judged on.
    """

    jnds: NDArray[np.float64]
    excess: NDArray[np.float64]
    visible_share: float | None
    largest: float | None
    mean: float | None
    counted: int
    steps: float
    display: Display


def visibility(
    before: NDArray[np.floating],
    after: NDArray[np.floating],
    display: Display | None = None,
    padding: NDArray[np.bool_] | None = None,
) -> Visibility:
    """Judge each pixel's change on a calibrated display.

    Such a display gives display values (P-values, PS3.14, 3) luminances that lie evenly in JND
    indices, so the steps between two display values are their difference over 255, times the steps
    from black to white.

    Args:
        before, after: H×W display values, 0 (black) to 255 (white), through the same window.
        display: None for the default.
        padding: H×W, True at pixels that are not counted.

    Raises:
        AnalysisError: the sizes differ, or a value is not from 0 to 255.
    """
    display = display or Display()
    if before.shape != after.shape or (padding is not None and padding.shape != before.shape):
        raise AnalysisError("images and padding of one size are compared", subject="visibility")
    values = [np.asarray(image, np.float64) for image in (before, after)]
    if not all(bool(((v >= 0) & (v <= WHITE)).all()) for v in values):
        raise AnalysisError("display values lie from 0 to 255", subject="visibility")
    if display.bits is not None:
        top = 2**display.bits - 1
        values = [np.rint(v / WHITE * top) / top * WHITE for v in values]
    jnds = (values[1] - values[0]) / WHITE * display.steps
    counts = np.ones(jnds.shape, np.bool_) if padding is None else ~padding
    jnds = np.where(counts, jnds, 0.0)
    size = np.abs(jnds)
    seen = size[counts]
    return Visibility(
        jnds=jnds,
        excess=np.maximum(size - 1, 0),
        visible_share=float((seen > 1).mean()) if seen.size else None,
        largest=float(seen.max()) if seen.size else None,
        mean=float(seen.mean()) if seen.size else None,
        counted=int(seen.size),
        steps=display.steps,
        display=display,
    )


def displayed(
    plan: InputPlan, image: NDArray[np.floating], voi: Voi, *, color: bool = False
) -> NDArray[np.float64]:
    """Display values of a model input as a viewer with a window would show it: H×W, 0 to 255.

    The model input is led back to modality values by its plan, then through the window or table,
    then inverted where the file is. What the model's own grey scale clipped is not there any more
    and shows as its end. A grey image's channels are averaged; a colour image is shown as its luma
    (BT.601), for the display function is one of grey.

    Args:
        plan: how the frame became the model input.
        image: C×H×W in [0, 1].
        voi: the window or table in modality values (colour: in stored values).
        color: the frame is RGB and the model takes three channels.

    Raises:
        SettingsError: the window cannot be applied.
    """
    x = np.asarray(image, np.float64)
    if not (color and len(x) == 3):
        x = x.mean(axis=0, keepdims=True)
    light = apply_voi(plan.modality_of(1 - x if plan.inverted else x), voi)
    if plan.inverted:
        light = WHITE - light
    if len(light) == 1:
        return np.asarray(light[0])
    return np.asarray(np.tensordot(_LUMA, light, axes=1))
