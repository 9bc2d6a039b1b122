"""The whole grey-scale chain of DICOM PS3.3 C.11, against a scalar evaluation written here, and
next to what pydicom and SimpleITK make of the same files."""

from __future__ import annotations

import math
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st
from imaging_samples import dataset_of, frame_of, shipped, write_dicom
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi, apply_windowing

from medadv_desktop.errors import ImageError, NotAnImageError
from medadv_desktop.imaging import display
from medadv_desktop.imaging.dicom_tables import read_table
from medadv_desktop.imaging.display import default_voi, default_window, render
from medadv_desktop.imaging.frame import (
    Frame,
    ModalityTransform,
    Photometric,
    Window,
)
from medadv_desktop.imaging.lookup import ModalityLut, VoiLut
from medadv_desktop.imaging.reading import read_frame

DEPTHS = [*range(1, 17), 32]


# --- the standard, one value at a time -----------------------------------------------------------


def table_output(x: float, entries: list[int], first: int) -> float:
    """C.11.1.1 and C.11.2.1.1; between whole inputs, where they are silent, the straight line."""
    place = min(max(x - first, 0), len(entries) - 1)
    low = math.floor(place)
    high = min(low + 1, len(entries) - 1)
    return entries[low] * (1 - (place - low)) + entries[high] * (place - low)


def window_output(x: float, c: float, w: float, function: str) -> float:
    """C.11.2.1.2.1 (LINEAR), C.11.2.1.3.1 (SIGMOID), C.11.2.1.3.2 (LINEAR_EXACT), 0 to 255."""
    if function == "SIGMOID":
        return 255 / (1 + math.exp(min(-4 * (x - c) / w, 700)))
    if function == "LINEAR":
        c, w = c - 0.5, w - 1
    if x <= c - w / 2:
        return 0.0
    if x > c + w / 2:
        return 255.0
    return ((x - c) / w + 0.5) * 255


def light(stored: int, chain: dict[str, Any]) -> float:
    """Padding, modality, VOI, presentation, in this order."""
    if chain["padding"] and chain["padding"][0] <= stored <= chain["padding"][1]:
        return 0.0
    if chain["modality_table"]:
        x = table_output(stored, *chain["modality_table"])
    else:
        x = stored * chain["slope"] + chain["intercept"]
    if chain["voi_table"]:
        entries, first, bits = chain["voi_table"]
        y = table_output(x, entries, first) * 255 / (2**bits - 1)
    else:
        y = window_output(x, *chain["window"])
    dark_is_high = chain["monochrome1"] or chain["inverse"]
    return 255 - y if dark_is_high else y


# --- the same as frames --------------------------------------------------------------------------


def table_strategy(low: int, high: int) -> st.SearchStrategy[tuple[list[int], int, int]]:
    def of_bits(bits: int) -> st.SearchStrategy[tuple[list[int], int, int]]:
        entries = st.lists(st.integers(0, 2**bits - 1), min_size=1, max_size=40)
        return st.tuples(entries, st.integers(max(low, -40000), min(high, 40000)), st.just(bits))

    return st.integers(1, 16).flatmap(of_bits)


@st.composite
def chains(draw: st.DrawFn, low: int, high: int) -> dict[str, Any]:
    modality_table = draw(st.none() | table_strategy(low, high))
    ends = sorted(draw(st.tuples(st.integers(low, high), st.integers(low, high))))
    slopes = st.floats(-4, 4).filter(lambda v: abs(v) > 0.01)
    widths = st.floats(1.01, 5000)
    functions = st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"])
    return {
        "slope": draw(slopes),
        "intercept": draw(st.floats(-2000, 2000)),
        "modality_table": modality_table[:2] if modality_table else None,
        "voi_table": draw(st.none() | table_strategy(-2000, 5000)),
        "window": draw(st.tuples(st.floats(-3000, 3000), widths, functions)),
        "padding": draw(st.none() | st.just(ends)),
        "monochrome1": draw(st.booleans()),
        "inverse": draw(st.booleans()),
    }


def as_frame(stored: np.ndarray, bits: int, chain: dict[str, Any]) -> tuple[Frame, Any]:
    modality = ModalityTransform(chain["slope"], chain["intercept"])
    if chain["modality_table"]:
        entries, first = chain["modality_table"]
        lut = ModalityLut(np.array(entries, np.uint16), first, 16)
        modality = ModalityTransform(lut=lut)
    voi: Any = Window(*chain["window"])
    if chain["voi_table"]:
        entries, first, depth = chain["voi_table"]
        voi = VoiLut(np.array(entries, np.uint16), first, depth)
    frame = frame_of(
        stored,
        bits_stored=bits,
        photometric=Photometric.MONOCHROME1 if chain["monochrome1"] else Photometric.MONOCHROME2,
        inverted_presentation=chain["inverse"],
        modality=modality,
        padding=tuple(map(float, chain["padding"])) if chain["padding"] else None,
    )
    return frame, voi


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("bits", DEPTHS)
@pytest.mark.parametrize("by_table", [False, True], ids=["direct", "by-table"])
def test_that_every_depth_and_sign_is_shown_as_the_standard_says(
    bits: int, signed: bool, by_table: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    low = -(2 ** (bits - 1)) if signed else 0
    high = low + 2**bits - 1
    size = 8 if bits <= 8 else 16 if bits <= 16 else 32
    kind = np.dtype(f"{'i' if signed else 'u'}{size // 8}")
    if by_table:
        monkeypatch.setattr(display, "MAX_DIRECT", 0)

    @settings(max_examples=8, deadline=None)
    @given(st.lists(st.integers(low, high), min_size=1, max_size=12), chains(low, high))
    def agrees(values: list[int], chain: dict[str, Any]) -> None:
        stored = np.array([[*values, low, high]], kind)
        frame, voi = as_frame(stored, bits, chain)
        shown = render(frame, voi)[0]
        for value, pixel in zip(stored[0].tolist(), shown.tolist(), strict=True):
            assert abs(pixel - light(value, chain)) <= 0.5 + 1e-6

    agrees()


# --- tables out of files -------------------------------------------------------------------------


def lut_item(descriptor: list[int], data: Any, vr: str = "US", **elements: Any) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if descriptor[1] < 0 else "US", descriptor)
    item.add_new("LUTData", vr, data)
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def test_that_a_shipped_modality_table_gives_its_entries() -> None:
    frame = read_frame(shipped("mlut_18.dcm"))
    item = pydicom.dcmread(shipped("mlut_18.dcm")).ModalityLUTSequence[0]
    expected = np.array(item.LUTData)[frame.stored.astype(int) - item.LUTDescriptor[1]]
    np.testing.assert_array_equal(frame.modality_values(), expected)


def test_that_a_shipped_voi_table_is_what_is_first_shown() -> None:
    frame = read_frame(shipped("vlut_04.dcm"))
    item = pydicom.dcmread(shipped("vlut_04.dcm")).VOILUTSequence[0]
    expected = np.rint(np.array(item.LUTData)[frame.stored.astype(int)] * (255 / 65535))
    assert isinstance(default_voi(frame), VoiLut)
    np.testing.assert_array_equal(render(frame), expected)


def test_that_inputs_beyond_a_table_take_its_end_entries(tmp_path: Path) -> None:
    stored = np.array([[-500, -10, -9, -8, 400]], np.int16)
    item = lut_item([3, -10, 16], [7, 8, 9])
    frame = read_frame(write_dicom(tmp_path / "t.dcm", stored, ModalityLUTSequence=[item]))
    assert frame.modality_values().tolist() == [[7, 7, 8, 9, 9]]


def test_that_a_first_input_written_unsigned_is_signed_where_the_values_are(tmp_path: Path) -> None:
    # C.11.1.1: the second number is signed as Pixel Representation says; writers put US.
    stored = np.array([[-10, -9]], np.int16)
    item = lut_item([2, 65526, 16], [5, 6])
    frame = read_frame(write_dicom(tmp_path / "t.dcm", stored, ModalityLUTSequence=[item]))
    assert frame.modality_values().tolist() == [[5, 6]]


@pytest.mark.parametrize(
    ("intercept", "first"), [("-1024", -8), ("0", 65528)], ids=["signed", "unsigned"]
)
def test_that_a_voi_tables_first_input_is_signed_only_if_its_input_may_be(
    tmp_path: Path, intercept: str, first: int
) -> None:
    # C.11.2.1.1: SS where the output of the rescale may be negative, else US.
    path = write_dicom(
        tmp_path / "t.dcm", np.zeros((2, 2), np.uint16), RescaleSlope="1",
        RescaleIntercept=intercept, VOILUTSequence=[lut_item([2, 65528, 16], [5, 6])],
    )  # fmt: skip
    assert read_frame(path).voi_luts[0].first == first


def test_that_a_count_of_zero_means_65536_entries(tmp_path: Path) -> None:
    data = np.arange(65536, dtype="<u2")[::-1].tobytes()
    path = write_dicom(
        tmp_path / "t.dcm", np.array([[0, 65535]], np.uint16),
        ModalityLUTSequence=[lut_item([0, 0, 16], data, "OW")],
    )  # fmt: skip
    assert read_frame(path).modality_values().tolist() == [[65535, 0]]


@pytest.mark.parametrize("packed", [True, False])
def test_that_entries_of_eight_bits_are_read_packed_and_in_words(
    tmp_path: Path, packed: bool
) -> None:
    entries = np.random.default_rng(0).integers(0, 256, 301)
    data = entries.astype("u1").tobytes() + b"\0" if packed else entries.astype("<u2").tobytes()
    path = write_dicom(
        tmp_path / "t.dcm", np.arange(304, dtype=np.uint16)[None],
        VOILUTSequence=[lut_item([301, 2, 8], data, "OW")],
    )  # fmt: skip
    lut = read_frame(path).voi_luts[0]
    assert (lut.first, lut.bits) == (2, 8)
    np.testing.assert_array_equal(lut.values, entries)


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("vr", ["US", "OW"])
def test_that_tables_are_read_in_every_encoding(
    tmp_path: Path, order: str, implicit: bool, vr: str
) -> None:
    if implicit and order == "big":
        pytest.skip("DICOM has no such encoding")
    entries = [1, 300, 4000, 65535]
    word = ">u2" if order == "big" else "<u2"
    data: Any = entries if vr == "US" else np.array(entries, word).tobytes()
    dataset = dataset_of(np.zeros((2, 2), np.int16))
    dataset.VOILUTSequence = [lut_item([4, -2, 16], data, vr, LUTExplanation="BONE")]
    del dataset.file_meta
    bare = tmp_path / "bare"
    dataset.save_as(bare, implicit_vr=implicit, little_endian=order == "little")
    lut = read_frame(bare).voi_luts[0]
    assert (lut.values.tolist(), lut.first, lut.explanation) == (entries, -2, "BONE")


def test_that_entries_above_the_declared_bits_widen_the_table_with_a_note(tmp_path: Path) -> None:
    item = lut_item([2, 0, 10], [0, 4095])
    path = write_dicom(tmp_path / "t.dcm", np.array([[0, 1]], np.uint16), VOILUTSequence=[item])
    frame = read_frame(path)
    assert frame.voi_luts[0].bits == 12
    assert any("12" in note for note in frame.notes)
    assert render(frame).tolist() == [[0, 255]]


@pytest.mark.parametrize(
    ("descriptor", "data"),
    [([5, 0, 16], [1, 2]), ([2, 0, 0], [1, 2]), ([2, 0, 17], [1, 2]), ([2, 0], [1, 2])],
)
def test_that_a_broken_modality_table_refuses_and_a_broken_voi_table_is_noted(
    tmp_path: Path, descriptor: list[int], data: list[int]
) -> None:
    stored = np.zeros((2, 2), np.uint16)
    item = lut_item(descriptor, data)
    with pytest.raises(ImageError, match="LUT"):
        read_frame(write_dicom(tmp_path / "m.dcm", stored, ModalityLUTSequence=[item]))
    frame = read_frame(write_dicom(tmp_path / "v.dcm", stored, VOILUTSequence=[item]))
    assert frame.voi_luts == ()
    assert any("ignored" in note for note in frame.notes)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(0, 65535), max_size=4),
    st.binary(max_size=64) | st.lists(st.integers(0, 65535), max_size=32),
    st.booleans(),
)
def test_that_any_table_is_read_or_refused_with_a_reason(
    descriptor: list[int], data: Any, signed: bool
) -> None:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", descriptor)
    item.add_new("LUTData", "OW" if isinstance(data, bytes) else "US", data)
    table = None
    with suppress(ImageError):
        table = read_table(VoiLut, item, Dataset(), signed, "file", [])
    if table is not None:
        assert len(table.values) == (descriptor[0] or 65536)
        assert table.values.max() <= table.top


def test_that_a_window_drag_evaluates_the_values_that_can_occur_and_not_the_pixels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored = np.random.default_rng(0).integers(-2000, 3000, (400, 400)).astype(np.int16)
    frame = frame_of(stored, modality=ModalityTransform(1, -1024), padding=(-2000.0, -2000.0))
    evaluated: list[int] = []
    apply_window = display.apply_window

    def counted(values: np.ndarray, window: Window) -> np.ndarray:
        evaluated.append(values.size)
        return apply_window(values, window)

    monkeypatch.setattr(display, "apply_window", counted)
    render(frame, Window(40, 400))
    assert evaluated == [2**16]


def test_that_windows_and_tables_of_a_file_are_offered_together(tmp_path: Path) -> None:
    path = write_dicom(
        tmp_path / "b.dcm", np.zeros((2, 2), np.uint16), WindowCenter=["40", "300"],
        WindowWidth=["400", "2000"], WindowCenterWidthExplanation=["SOFT", "BONE"],
        VOILUTSequence=[
            lut_item([2, 0, 16], [1, 2], LUTExplanation="NORMAL"),
            lut_item([2, 0, 16], [3, 4], LUTExplanation="HARDER"),
        ],
    )  # fmt: skip
    choices = read_frame(path).voi_choices
    assert [c.explanation for c in choices] == ["SOFT", "BONE", "NORMAL", "HARDER"]
    assert default_voi(read_frame(path)) == Window(40, 400, "LINEAR", "SOFT")


def test_that_a_window_without_a_files_own_spans_the_table_outputs_that_occur() -> None:
    lut = ModalityLut(np.array([50, 900, 20, 700], np.uint16), 0, 16)
    frame = frame_of(np.array([[0, 1, 3]], np.uint16), modality=ModalityTransform(lut=lut))
    assert default_window(frame) == Window(475.5, 851)  # 50 to 900


def test_that_colour_goes_through_a_window_too() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    shown = render(frame_of(pixels), Window(100, 61))
    expected = np.array([window_output(float(v), 100, 61, "LINEAR") for v in pixels.ravel()])
    np.testing.assert_allclose(shown.ravel(), expected, atol=0.5 + 1e-6)


def test_that_tables_are_values() -> None:
    one = VoiLut(np.array([1, 2], np.uint16), 0, 8, "A")
    same = VoiLut(np.array([1, 2], np.uint16), 0, 8, "A")
    assert one == same
    assert hash(one) == hash(same)
    assert one != ModalityLut(np.array([1, 2], np.uint16), 0, 8, "A")
    assert not one.values.flags.writeable
    with pytest.raises(ValueError, match="fit"):
        VoiLut(np.array([256], np.uint16), 0, 8)


def test_that_float_images_have_a_padding_value_of_their_own(tmp_path: Path) -> None:
    stored = np.array([[-1e30, 0.25], [0.75, 0.5]], np.float32)
    path = write_dicom(
        tmp_path / "f.dcm", np.zeros((2, 2), np.uint32), PixelData=None, BitsStored=None,
        HighBit=None, PixelRepresentation=None, FloatPixelData=stored.tobytes(),
        FloatPixelPaddingValue=float(stored[0, 0]),
    )  # fmt: skip
    frame = read_frame(path)
    mask = frame.padding_mask()
    assert mask is not None
    assert mask.tolist() == [[True, False], [False, False]]
    assert default_window(frame) == Window(0.5, 0.5, "LINEAR_EXACT")
    assert render(frame).tolist() == [[0, 0], [255, 128]]


# --- faults of pydicom and SimpleITK that must not be ours ---------------------------------------


def test_that_a_table_of_eight_bits_and_300_entries_does_not_wrap(tmp_path: Path) -> None:
    entries = [0] * 256 + [255] * 44
    data = bytes(entries)
    path = write_dicom(
        tmp_path / "w.dcm", np.array([[10, 270]], np.uint16),
        VOILUTSequence=[lut_item([300, 0, 8], data, "OW")],
    )  # fmt: skip
    assert render(read_frame(path)).tolist() == [[0, 255]]
    dataset = Dataset()
    dataset.VOILUTSequence = [lut_item([300, 0, 8], entries)]
    assert apply_voi(np.array([270], np.uint16), dataset).tolist() == [0]  # 270 − 256 = 14


def test_that_a_slope_without_an_intercept_is_applied(tmp_path: Path) -> None:
    stored = np.array([[10, 20]], np.uint16)
    path = write_dicom(tmp_path / "s.dcm", stored, RescaleSlope="2.5")
    assert read_frame(path).modality_values().tolist() == [[25, 50]]
    assert apply_modality_lut(stored, pydicom.dcmread(path)).tolist() == [[10, 20]]


def test_that_a_modality_table_of_twelve_bits_is_applied(tmp_path: Path) -> None:
    stored = np.array([[0, 1]], np.uint16)
    path = write_dicom(
        tmp_path / "t.dcm", stored, ModalityLUTSequence=[lut_item([2, 0, 12], [9, 4095])]
    )
    assert read_frame(path).modality_values().tolist() == [[9, 4095]]
    with pytest.raises((TypeError, ValueError, NotImplementedError)):
        apply_modality_lut(stored, pydicom.dcmread(path))


def test_that_a_negative_slope_does_not_turn_the_window_round(tmp_path: Path) -> None:
    stored = np.array([[0, 50, 100]], np.uint16)
    path = write_dicom(
        tmp_path / "n.dcm", stored, RescaleSlope="-1", RescaleIntercept="0",
        WindowCenter="-50", WindowWidth="101",
    )  # fmt: skip
    # Modality values 0, −50, −100; C.11.2.1.2.1: ((x + 50.5) / 100 + 0.5) × 255.
    assert render(read_frame(path)).tolist() == [[255, 129, 1]]
    dataset = pydicom.dcmread(path)
    theirs = apply_windowing(apply_modality_lut(stored, dataset), dataset)[0]
    assert theirs[0] < theirs[2]


@pytest.mark.parametrize("elements", [{"WindowWidth": "0"}, {}])
def test_that_a_window_without_a_usable_width_is_left_aside(
    tmp_path: Path, elements: dict[str, str]
) -> None:
    stored = np.array([[0, 1000]], np.uint16)
    path = write_dicom(tmp_path / "w.dcm", stored, WindowCenter="40", **elements)
    assert render(read_frame(path)).tolist() == [[0, 255]]
    with pytest.raises((ValueError, KeyError)):
        apply_windowing(stored, pydicom.dcmread(path))


def test_that_the_functional_groups_of_each_frame_are_applied(tmp_path: Path) -> None:
    def group(slope: str, center: str) -> Dataset:
        transform, window, outer = Dataset(), Dataset(), Dataset()
        transform.RescaleSlope, transform.RescaleIntercept = slope, "0"
        window.WindowCenter, window.WindowWidth = center, "11"
        outer.PixelValueTransformationSequence = [transform]
        outer.FrameVOILUTSequence = [window]
        return outer

    stored = np.array([[1, 2], [1, 2]], np.uint16)
    path = write_dicom(
        tmp_path / "e.dcm", stored, Rows=1, NumberOfFrames=2,
        PerFrameFunctionalGroupsSequence=[group("10", "20.5"), group("20", "40.5")],
    )  # fmt: skip
    frames = [read_frame(path, i) for i in (0, 1)]
    assert [f.modality_values().tolist() for f in frames] == [[[10, 20]], [[20, 40]]]
    assert [render(f).tolist() for f in frames] == [[[0, 128]], [[0, 128]]]
    assert apply_modality_lut(stored[1], pydicom.dcmread(path)).tolist() == [1, 2]


def test_that_a_text_is_no_image_however_it_is_called(tmp_path: Path) -> None:
    path = tmp_path / "scan.dcm"
    path.write_text("This is a letter and no image at all.\n" * 20)
    with pytest.raises(NotAnImageError, match="text"):
        read_frame(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert pydicom.dcmread(path, force=True) is not None


def test_that_monochrome1_keeps_its_stored_values_and_is_light_where_they_are_low() -> None:
    path = shipped("RG3_UNCI.dcm")
    frame = read_frame(path)
    stored = pydicom.dcmread(path).pixel_array
    np.testing.assert_array_equal(frame.stored, stored)
    assert frame.photometric is Photometric.MONOCHROME1
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))[0]
    assert not np.array_equal(theirs, stored)
    np.testing.assert_array_equal(theirs, theirs.max() + stored.min() - stored)
    light_pixels = render(frame)
    assert light_pixels[stored == stored.min()].min() > light_pixels[stored == stored.max()].max()
