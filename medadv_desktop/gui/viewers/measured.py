"""Figures of measurements on the source, the model input and the adversarial image. No widget."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.gui.state.case import Case
from medadv_desktop.gui.state.measurements import Measurement
from medadv_desktop.gui.viewers.showing import adversarial_of, original_of, padding_of, plan_of
from medadv_desktop.gui.viewers.wording import number, translate
from medadv_desktop.imaging.frame import Frame, Spacing
from medadv_desktop.imaging.measuring import (
    Measure,
    Region,
    RegionStatistics,
    angle,
    area,
    distance,
    frame_statistics,
    region_statistics,
)
from medadv_desktop.models.input_plan import InputPlan

LUMA = (0.299, 0.587, 0.114)
"""Weights of R, G and B (ITU-R BT.601), as `frame_statistics` weighs the source."""


def extent(measurement: Measurement, spacing: Spacing | None) -> Measure:
    """Length, angle or area as drawn: the same on every image of a frame."""
    if measurement.region is not None:
        return area(measurement.region, spacing)
    if measurement.kind == "angle":
        return angle(*measurement.points, spacing)
    return distance(*measurement.points, spacing)


def input_statistics(
    image: NDArray[np.float32], plan: InputPlan, frame: Frame, region: Region
) -> RegionStatistics:
    """Statistics of a model input, in the modality values that stand behind it.

    Args:
        image: C×H×W in [0, 1]; of a grey image the channels are averaged, of colour weighted.
        region: in pixels of the frame, as drawn.

    Returns:
        `pixels` counts pixels of the model input; `area` is that of the region as drawn.
    """
    grey = np.asarray(image[0], np.float64)
    if len(image) == 3:
        weights = np.asarray(LUMA if frame.is_color else (1 / 3,) * 3)
        grey = np.tensordot(weights, image, axes=1)
    values = plan.modality_of(1 - grey if plan.inverted else grey)
    return _on_input(values, plan, frame, region, frame.modality.units)


def change_statistics(
    change: NDArray[np.float32], plan: InputPlan, frame: Frame, region: Region
) -> RegionStatistics:
    """Statistics of a perturbation, H×W signed, in 1/255 of the grey scale."""
    return _on_input(change * 255.0, plan, frame, region, "/255")


def statistics_on(case: Case, image: str, region: Region) -> RegionStatistics | None:
    """Statistics of a region on one of the images of a case; None where that is not there.

    Args:
        image: "source", "model-input" or "adversarial".
    """
    frame, plan = case.frame, plan_of(case)
    if frame is None:
        return None
    if image == "source":
        return frame_statistics(frame, region)
    values = adversarial_of(case) if image == "adversarial" else original_of(case)
    if values is None or plan is None:
        return None
    return input_statistics(values, plan, frame, region)


def _on_input(
    values: NDArray[np.floating], plan: InputPlan, frame: Frame, region: Region, units: str
) -> RegionStatistics:
    top, left, height, width = plan.region(frame.shape)
    down, across = values.shape[0] / height, values.shape[1] / width
    on_input = type(region)(
        (region.top - top) * down,
        (region.left - left) * across,
        region.height * down,
        region.width * across,
    )
    found = region_statistics(values, on_input, None, padding=padding_of(plan, frame), units=units)
    return dataclasses.replace(found, area=area(region, frame.spacing))


# Words


def figure(value: float) -> str:
    """A measured number with about four figures, "–" where there is none."""
    if not math.isfinite(value):
        return "–"
    size = abs(value)
    return number(value, 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 1 else 3)


def measure_text(measure: Measure) -> str:
    """ "12.3 mm", "42.1°"."""
    space = "" if measure.unit == "°" else " "
    return f"{figure(measure.value)}{space}{measure.unit}"


def kind_text(kind: str) -> str:
    """What was drawn, in a word."""
    return {
        "distance": translate("Viewers", "Distance"),
        "angle": translate("Viewers", "Angle"),
        "rectangle": translate("Viewers", "Rectangle"),
        "ellipse": translate("Viewers", "Ellipse"),
    }[kind]


def statistics_text(found: RegionStatistics) -> tuple[str, ...]:
    """Mean, deviation and bounds in two lines, or a sentence where there are no pixels."""
    if not found.pixels:
        return (translate("Viewers", "no pixels in it"),)
    units = found.units if found.units.startswith("/") else f" {found.units}".rstrip()
    mean = translate("Viewers", "mean {0}{1}, SD {2}")
    bounds = translate("Viewers", "min {0}, max {1}")
    return (
        mean.format(figure(found.mean), units, figure(found.deviation)),
        bounds.format(figure(found.minimum), figure(found.maximum)),
    )
