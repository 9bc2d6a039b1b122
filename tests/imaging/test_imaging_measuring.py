"""Distances, angles, regions, scale bars and anatomical letters, against plain geometry."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imaging_samples import frame_of, shipped

from medadv_desktop.imaging.frame import ModalityTransform, Pose, Spacing
from medadv_desktop.imaging.measuring import (
    EdgeLetters,
    Ellipse,
    Measure,
    Rectangle,
    angle,
    area,
    distance,
    edge_letters,
    frame_statistics,
    letters_of,
    opposite,
    region_statistics,
    scale_bar,
)
from medadv_desktop.imaging.reading import read_frame

QUICK = settings(max_examples=60, deadline=None)
FINE = Spacing(0.5, 0.25)
places = st.floats(-50, 50)
sides = st.just(0.0) | st.floats(1e-3, 40)


def test_that_a_distance_is_in_millimetres_along_both_spacings() -> None:
    # 6 rows of 0.5 mm and 16 columns of 0.25 mm: 3 and 4 mm.
    assert distance((1, 2), (7, 18), FINE) == Measure(5.0, "mm")


def test_that_without_calibration_a_distance_says_pixels() -> None:
    assert distance((0, 0), (3, 4), None) == Measure(5.0, "px")
    # Pixels twice as high as wide: 3 rows are 6 widths.
    assert distance((0, 0), (3, 8), Spacing(2, 1, calibrated=False)) == Measure(10.0, "px")


@QUICK
@given(st.floats(0.01, math.pi - 0.01), st.floats(0, 6), places, places)
def test_that_an_angle_is_measured_on_the_true_shape(
    true: float, turn: float, row: float, column: float
) -> None:
    def at(direction: float) -> tuple[float, float]:
        return row + math.sin(direction) / FINE.row_mm, column + math.cos(
            direction
        ) / FINE.column_mm

    measured = angle(at(turn), (row, column), at(turn + true), FINE)
    assert measured.value == pytest.approx(math.degrees(true), abs=1e-6)
    assert measured.unit == "°"


def test_that_an_angle_without_an_arm_is_none() -> None:
    assert math.isnan(angle((1, 1), (1, 1), (2, 2), None).value)


def test_that_areas_are_those_of_the_drawn_shapes() -> None:
    assert area(Rectangle(0, 0, 10, 20), FINE) == Measure(25.0, "mm²")
    assert area(Ellipse(0, 0, 10, 20), FINE).value == pytest.approx(math.pi * 2.5 * 2.5)
    assert area(Rectangle(0, 0, 2, 3), None) == Measure(6.0, "px²")


@QUICK
@given(places, places, sides, sides, st.booleans())
def test_that_a_region_holds_the_pixels_whose_centres_lie_in_it(
    top: float, left: float, height: float, width: float, ellipse: bool
) -> None:
    values = np.random.default_rng(1).normal(size=(12, 15))
    region = (Ellipse if ellipse else Rectangle)(top, left, height, width)
    inside = []
    for r in range(12):
        for c in range(15):
            down, across = r + 0.5 - top, c + 0.5 - left
            if ellipse:
                hit = height > 0 and width > 0 and (
                    ((down - height / 2) / (height / 2)) ** 2
                    + ((across - width / 2) / (width / 2)) ** 2 <= 1
                )  # fmt: skip
            else:
                # In the same order of sums as it is drawn: a centre on the edge is inside.
                hit = top <= r + 0.5 <= top + height and left <= c + 0.5 <= left + width
            if hit:
                inside.append(values[r, c])
    found = region_statistics(values, region, None)
    assert abs(found.pixels - len(inside)) <= (1 if ellipse else 0)
    if inside and found.pixels == len(inside):
        mean = sum(inside) / len(inside)
        deviation = math.sqrt(sum((v - mean) ** 2 for v in inside) / len(inside))
        assert (found.mean, found.deviation) == pytest.approx((mean, deviation), abs=1e-9)
        assert (found.minimum, found.maximum) == (min(inside), max(inside))


def test_that_a_region_of_a_frame_is_in_hounsfield_units_without_padding() -> None:
    stored = np.array([[1000, 1010], [1020, -2000]], np.int16)
    frame = frame_of(
        stored, modality=ModalityTransform(1, -1024, "HU"), padding=(-2000.0, -2000.0),
        spacing=Spacing(2, 3),
    )  # fmt: skip
    found = frame_statistics(frame, Rectangle(0, 0, 2, 2))
    assert (found.pixels, found.mean, found.minimum, found.maximum) == (3, -14, -24, -4)
    assert found.deviation == pytest.approx(math.sqrt(200 / 3))
    assert (found.area, found.units) == (Measure(24.0, "mm²"), "HU")


def test_that_the_same_region_is_measured_on_the_attacked_image() -> None:
    frame = frame_of(np.zeros((6, 6), np.int16), spacing=Spacing(1, 1))
    attacked = np.zeros((6, 6))
    attacked[2, 3] = 9
    region = Rectangle(2, 2, 1, 3)
    assert frame_statistics(frame, region).mean == 0
    assert region_statistics(attacked, region, frame.spacing).mean == 3


def test_that_colour_is_measured_as_luma() -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[0, 0] = (100, 50, 200)
    found = frame_statistics(frame_of(pixels), Rectangle(0, 0, 1, 1))
    assert found.mean == pytest.approx(0.299 * 100 + 0.587 * 50 + 0.114 * 200)


def test_that_a_region_beside_the_frame_holds_nothing() -> None:
    for region in (Rectangle(50, 50, 4, 4), Rectangle(-9, 0, 4, 4), Ellipse(1, 1, 0, 5)):
        found = frame_statistics(frame_of(np.ones((8, 8), np.uint8)), region)
        assert found.pixels == 0
        assert math.isnan(found.mean)


@pytest.mark.parametrize(
    ("mm", "room", "expected"),
    [
        (0.5, 200, (100.0, "10 cm")),
        (0.5, 199, (50.0, "5 cm")),
        (1, 25, (20.0, "2 cm")),
        (0.1, 49, (2.0, "2 mm")),
        (0.001, 200, (0.2, "0.2 mm")),
        (0.0005, 180, (0.05, "50 µm")),
        (0.0, 100, None),
        (math.nan, 100, None),
    ],
)
def test_that_a_scale_bar_is_the_longest_round_length_that_fits(
    mm: float, room: float, expected: tuple[float, str] | None
) -> None:
    found = scale_bar(mm, room)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert (pytest.approx(expected[0]), expected[1]) == found


@pytest.mark.parametrize(
    ("direction", "letters"),
    [
        ((1, 0, 0), "L"), ((-1, 0, 0), "R"), ((0, 1, 0), "P"), ((0, -1, 0), "A"),
        ((0, 0, 1), "H"), ((0, 0, -1), "F"), ((0.6, -0.8, 0), "AL"),
        ((0.1, 0.2, -0.97), "FPL"), ((1, 1e-5, 0), "L"), ((0, 0, 0), ""),
        ((math.nan, 0, 1), ""),
    ],
)  # fmt: skip
def test_that_directions_have_the_letters_of_the_patients_axes(
    direction: tuple[float, float, float], letters: str
) -> None:
    assert letters_of(direction) == letters


def pose(*orientation: float) -> Pose:
    return Pose((0.0, 0.0, 0.0), orientation)


@pytest.mark.parametrize(
    ("orientation", "letters"),
    [
        ((1, 0, 0, 0, 1, 0), EdgeLetters("R", "L", "A", "P")),  # axial
        ((1, 0, 0, 0, 0, -1), EdgeLetters("R", "L", "H", "F")),  # coronal
        ((0, 1, 0, 0, 0, -1), EdgeLetters("A", "P", "H", "F")),  # sagittal
    ],
)
def test_that_the_edges_of_the_three_planes_are_lettered_as_always(
    orientation: tuple[float, ...], letters: EdgeLetters
) -> None:
    stored = np.zeros((2, 2), np.int16)
    assert edge_letters(frame_of(stored, pose=pose(*orientation))) == letters


def test_that_a_radiograph_takes_its_letters_from_patient_orientation() -> None:
    # RG1 says L\F: rows run to the left, columns to the feet.
    assert edge_letters(read_frame(shipped("RG1_UNCI.dcm"))) == EdgeLetters("R", "L", "H", "F")
    assert edge_letters(read_frame(shipped("CT_small.dcm"))) == EdgeLetters("R", "L", "A", "P")
    assert edge_letters(frame_of(np.zeros((2, 2), np.uint8))) == EdgeLetters()


@pytest.mark.parametrize(
    ("letters", "other"),
    [
        ("A", "P"), ("AL", "PR"), ("FPL", "HAR"), ("LE", "RT"), ("V", "D"), ("CD", "CR"),
        ("PA", "PL"), ("PL", "AR"), ("XY", ""), ("", ""), ("AP", ""), ("AA", ""),
    ],
)  # fmt: skip
def test_that_letters_have_opposites(letters: str, other: str) -> None:
    assert opposite(letters) == other
