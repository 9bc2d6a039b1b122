"""DICOM reading: stored values against pydicom and hand-made files, meaning against the header."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pydicom
import pytest
from imaging_samples import dataset_of, pydicom_frame, shipped, write_dicom
from pydicom.dataset import Dataset

from medadv_desktop.errors import ImageError, NoPixelsError
from medadv_desktop.imaging.codestream import declared_size
from medadv_desktop.imaging.frame import Photometric, Spacing, Window
from medadv_desktop.imaging.palette import expand_segments
from medadv_desktop.imaging.reading import open_instance, read_frame

COMPRESSED = [
    "693_J2KI.dcm",
    "GDCMJ2K_TextGBR.dcm",
    "J2K_pixelrep_mismatch.dcm",
    "JPEG2000.dcm",
    "JPEGLSNearLossless_08.dcm",
    "JPEGLSNearLossless_16.dcm",
    "MR_small_RLE.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "SC_jpeg_no_color_transform.dcm",
    "SC_rgb_dcmtk_+eb+cr.dcm",
    "SC_rgb_dcmtk_+eb+cy+n1.dcm",
    "SC_rgb_dcmtk_+eb+cy+np.dcm",
    "SC_rgb_dcmtk_+eb+cy+s2.dcm",
    "SC_rgb_dcmtk_+eb+cy+s4.dcm",
    "SC_rgb_gdcm_KY.dcm",
    "SC_rgb_jls_lossy_line.dcm",
    "SC_rgb_jls_lossy_sample.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "SC_rgb_jpeg_lossy_gdcm.dcm",
    "SC_rgb_rle.dcm",
    "SC_rgb_rle_16bit_2frame.dcm",
    "SC_rgb_rle_32bit_2frame.dcm",
    "SC_rgb_small_odd_jpeg.dcm",
    "US1_J2KI.dcm",
    "emri_small_RLE.dcm",
    "emri_small_jpeg_2k_lossless.dcm",
    "emri_small_jpeg_ls_lossless.dcm",
    "examples_ybr_color.dcm",
    "rtdose_rle.dcm",
    "JPEG-LL.dcm",
]
PLAIN = [
    "CT_small.dcm",
    "ExplVR_BigEnd.dcm",
    "MR_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "MR_small_padded.dcm",
    "MR-SIEMENS-DICOM-WithOverlays.dcm",
    "RG1_UNCI.dcm",
    "SC_rgb_16bit_2frame.dcm",
    "SC_rgb_expb_32bit_2frame.dcm",
    "SC_rgb_small_odd.dcm",
    "SC_rgb_small_odd_big_endian.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
    "SC_ybr_full_uncompressed.dcm",
    "color-px.dcm",
    "emri_small.dcm",
    "emri_small_big_endian.dcm",
    "examples_overlay.dcm",
    "liver.dcm",
    "liver_expb.dcm",
    "rtdose.dcm",
    "rtdose_expb.dcm",
]
PALETTES = ["examples_palette.dcm", "OBXXXX1A_2frame.dcm", "OBXXXX1A_rle.dcm"]


@pytest.mark.parametrize("name", PLAIN + COMPRESSED)
def test_that_values_equal_pydicoms_and_frames_say_where_they_come_from(name: str) -> None:
    """Every frame of every file: test_imaging_inventory.py."""
    path = shipped(name)
    instance = open_instance(path)
    header = pydicom.dcmread(path, stop_before_pixels=True)
    assert instance.frames == int(header.get("NumberOfFrames", 1) or 1)
    for index in {0, instance.frames - 1}:
        frame = read_frame(path, index)
        np.testing.assert_array_equal(frame.stored, pydicom_frame(path, index))
        assert frame.stored.dtype.isnative
        assert frame.shape == instance.size == (header.Rows, header.Columns)
        assert frame.provenance.frame == index
        assert frame.provenance.sop_instance_uid == header.get("SOPInstanceUID", "")
        assert frame.source_photometric == header.PhotometricInterpretation


@pytest.mark.parametrize("name", PALETTES)
def test_that_a_palette_gives_the_colours_that_pydicom_gives(name: str) -> None:
    path = shipped(name)
    dataset = pydicom.dcmread(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = pydicom.pixels.apply_color_lut(pydicom_frame(path, 0), dataset)
    frame = read_frame(path)
    assert frame.photometric is Photometric.RGB
    assert frame.source_photometric == "PALETTE COLOR"
    np.testing.assert_array_equal(frame.stored, expected)


def test_that_palettes_in_either_byte_order_give_the_same_colours() -> None:
    little = read_frame(shipped("gdcm-US-ALOKA-16.dcm"))
    big = read_frame(shipped("gdcm-US-ALOKA-16_big.dcm"))
    assert little.is_color
    np.testing.assert_array_equal(little.stored, big.stored)


def test_that_palette_indices_beyond_the_table_take_its_ends(tmp_path: Path) -> None:
    table = {
        f"{color}PaletteColorLookupTable{part}": value
        for color, data in (("Red", b"\x0a\x14"), ("Green", b"\x1e\x28"), ("Blue", b"\x32\x3c"))
        for part, value in (("Descriptor", [2, 300, 8]), ("Data", data))
    }
    stored = np.array([[0, 300, 301, 900]], np.uint16)
    path = write_dicom(
        tmp_path / "p.dcm", stored, PhotometricInterpretation="PALETTE COLOR", **table
    )
    expected = [[[10, 30, 50], [10, 30, 50], [20, 40, 60], [20, 40, 60]]]
    assert read_frame(path).stored.tolist() == expected


def test_that_segmented_palettes_expand_as_in_the_standard() -> None:
    # C.7.9.2: discrete segment of 1 value, then linear ones up and down.
    assert expand_segments([0, 1, 0, 1, 4, 8, 1, 2, 0], 7) == [0, 2, 4, 6, 8, 4, 0]
    with pytest.raises(ValueError, match="type 2"):
        expand_segments([2, 1, 0, 0], 4)


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "u4", "i4"])
@pytest.mark.parametrize("unused", [0, 1, 4])
def test_that_unused_bits_are_cleared_or_sign_extended(
    tmp_path: Path, kind: str, unused: int
) -> None:
    width = 8 * np.dtype(kind).itemsize
    bits = width - unused
    raw = np.random.default_rng(3).integers(0, 2**width, (7, 9), dtype=np.uint64)
    path = write_dicom(tmp_path / "b.dcm", raw.astype(f"u{width // 8}"), bits_stored=bits)
    if kind[0] == "i":
        path = write_dicom(
            path, raw.astype(f"u{width // 8}"), bits_stored=bits, PixelRepresentation=1
        )
    low = [int(v) % 2**bits for v in raw.ravel()]
    expected = [v - 2**bits if kind[0] == "i" and v >= 2 ** (bits - 1) else v for v in low]
    frame = read_frame(path)
    assert frame.stored.ravel().tolist() == expected
    assert frame.bits_stored == bits
    assert frame.stored.dtype == np.dtype(kind)
    assert frame.value_range[0] <= min(expected)
    assert max(expected) <= frame.value_range[1]


def test_that_float_pixel_data_is_read_as_it_is(tmp_path: Path) -> None:
    stored = np.array([[0.5, -3.25], [1e6, 0.0]], np.float32)
    path = write_dicom(
        tmp_path / "f.dcm", np.zeros((2, 2), np.uint32), PixelData=None, BitsStored=None,
        HighBit=None, PixelRepresentation=None, FloatPixelData=stored.tobytes(),
    )  # fmt: skip
    frame = read_frame(path)
    np.testing.assert_array_equal(frame.stored, stored)
    assert frame.stored.dtype == np.float32


def test_that_planes_are_read_as_pixels(tmp_path: Path) -> None:
    pixels = np.random.default_rng(4).integers(0, 256, (5, 4, 3)).astype(np.uint8)
    path = write_dicom(
        tmp_path / "p.dcm", pixels, PlanarConfiguration=1,
        PixelData=pixels.transpose(2, 0, 1).tobytes(),
    )  # fmt: skip
    np.testing.assert_array_equal(read_frame(path).stored, pixels)


def test_that_a_deflated_file_is_read() -> None:
    path = shipped("image_dfl.dcm")
    np.testing.assert_array_equal(read_frame(path).stored, pydicom.dcmread(path).pixel_array)


def test_that_files_without_preamble_or_meta_are_read() -> None:
    frame = read_frame(shipped("OT-PAL-8-face.dcm"))
    assert frame.shape == (480, 640)
    assert any("names no transfer syntax" in note for note in frame.notes)


@pytest.mark.parametrize("order", ["little", "big"])
def test_that_bare_explicit_data_sets_of_both_byte_orders_are_read(
    tmp_path: Path, order: str
) -> None:
    stored = np.arange(12, dtype=np.uint16).reshape(3, 4)
    dataset = dataset_of(stored)
    if order == "big":
        dataset.PixelData = stored.astype(">u2").tobytes()
    del dataset.file_meta
    bare = tmp_path / "bare"
    dataset.save_as(bare, implicit_vr=False, little_endian=order == "little")
    assert bare.read_bytes()[128:132] != b"DICM"
    np.testing.assert_array_equal(read_frame(bare).stored, stored)


def test_that_slope_and_intercept_may_each_stand_alone(tmp_path: Path) -> None:
    stored = np.array([[0, 10]], np.int16)
    slope = read_frame(write_dicom(tmp_path / "s.dcm", stored, RescaleSlope="2.5"))
    assert slope.modality_values().tolist() == [[0, 25]]
    intercept = read_frame(write_dicom(tmp_path / "i.dcm", stored, RescaleIntercept="-1024"))
    assert intercept.modality_values().tolist() == [[-1024, -1014]]


def test_that_ct_values_are_hounsfield_units() -> None:
    frame = read_frame(shipped("CT_small.dcm"))
    assert (frame.modality.slope, frame.modality.intercept, frame.modality.units) == (
        1,
        -1024,
        "HU",
    )
    assert frame.padding == (-2000, -2000)


def test_that_windows_keep_order_names_and_function(tmp_path: Path) -> None:
    path = write_dicom(
        tmp_path / "w.dcm", np.zeros((2, 2), np.int16), WindowCenter=["40", "-600"],
        WindowWidth=["400", "1500"], WindowCenterWidthExplanation=["SOFT", "LUNG"],
        VOILUTFunction="SIGMOID",
    )  # fmt: skip
    assert read_frame(path).windows == (
        Window(40, 400, "SIGMOID", "SOFT"),
        Window(-600, 1500, "SIGMOID", "LUNG"),
    )


@pytest.mark.parametrize(
    ("elements", "windows"),
    [
        ({"WindowCenter": "40"}, ()),
        ({"WindowCenter": "40", "WindowWidth": "0"}, ()),
        ({"WindowCenter": "40", "WindowWidth": "-3"}, ()),
        ({"WindowCenter": ["40", "50"], "WindowWidth": "9"}, (Window(40, 9),)),
        ({"WindowCenter": "1", "WindowWidth": "0.5"}, (Window(1, 0.5, "LINEAR_EXACT"),)),
        ({"WindowCenter": "1", "WindowWidth": "5", "VOILUTFunction": "ODD"}, (Window(1, 5),)),
    ],
)
def test_that_a_broken_window_is_dropped_or_mended_with_a_note(
    tmp_path: Path, elements: dict[str, object], windows: tuple[Window, ...]
) -> None:
    frame = read_frame(write_dicom(tmp_path / "w.dcm", np.zeros((2, 2), np.int16), **elements))
    assert frame.windows == windows
    assert frame.notes


@pytest.mark.parametrize("text", [b"nan ", b"abc ", b"1e999 "])
def test_that_a_window_width_that_is_no_number_is_dropped_with_a_note(
    tmp_path: Path, text: bytes
) -> None:
    path = write_dicom(
        tmp_path / "w.dcm",
        np.zeros((2, 2), np.int16),
        WindowCenter="40",
        WindowWidth="7" * len(text),
    )
    path.write_bytes(path.read_bytes().replace(b"7" * len(text), text))
    frame = read_frame(path)
    assert frame.windows == ()
    assert frame.notes


@pytest.mark.parametrize(
    ("elements", "spacing"),
    [
        ({}, None),
        ({"PixelSpacing": ["0.5", "0.25"]}, Spacing(0.5, 0.25)),
        ({"ImagerPixelSpacing": ["0.2", "0.2"]}, Spacing(0.2, 0.2)),
        ({"PixelSpacing": ["1", "1"], "ImagerPixelSpacing": ["2", "2"]}, Spacing(1, 1)),
        ({"PixelSpacing": ["0", "0"], "ImagerPixelSpacing": ["2", "2"]}, Spacing(2, 2)),
        ({"NominalScannedPixelSpacing": ["0.1", "0.1"]}, Spacing(0.1, 0.1)),
        ({"PixelAspectRatio": ["4", "3"]}, Spacing(4, 3, calibrated=False)),
        ({"PixelSpacing": "1"}, None),
    ],
)
def test_that_spacing_is_the_most_trusted_one_that_is_sound(
    tmp_path: Path, elements: dict[str, object], spacing: Spacing | None
) -> None:
    path = write_dicom(tmp_path / "s.dcm", np.zeros((2, 2), np.int16), **elements)
    assert read_frame(path).spacing == spacing


def test_that_a_padding_range_reaches_from_its_smaller_to_its_larger_end(tmp_path: Path) -> None:
    stored = np.array([[-2000, -1990, -1989, 5]], np.int16)
    frame = read_frame(
        write_dicom(
            tmp_path / "p.dcm", stored, PixelPaddingValue=-1990, PixelPaddingRangeLimit=-2000
        )
    )
    mask = frame.padding_mask()
    assert mask is not None
    assert mask.tolist() == [[True, True, False, False]]


def test_that_a_padding_value_is_cut_to_the_stored_bits_like_the_pixels(tmp_path: Path) -> None:
    stored = np.array([[0xF830, 5]], np.uint16)
    frame = read_frame(
        write_dicom(tmp_path / "p.dcm", stored, bits_stored=12, PixelPaddingValue=0xF830)
    )
    mask = frame.padding_mask()
    assert mask is not None
    assert mask.tolist() == [[True, False]]


def test_that_enhanced_frames_take_their_own_functional_groups(tmp_path: Path) -> None:
    def group(macro: str, **elements: object) -> Dataset:
        inner, outer = Dataset(), Dataset()
        for keyword, value in elements.items():
            setattr(inner, keyword, value)
        setattr(outer, macro, [inner])
        return outer

    shared = group("PixelMeasuresSequence", PixelSpacing=["0.7", "0.6"])
    shared.FrameVOILUTSequence = group(
        "FrameVOILUTSequence", WindowCenter="1", WindowWidth="2"
    ).FrameVOILUTSequence
    frames = [
        group("PixelValueTransformationSequence", RescaleSlope=slope, RescaleType="US")
        for slope in ("2", "3")
    ]
    path = write_dicom(
        tmp_path / "e.dcm", np.ones((4, 3), np.uint16), Rows=2, NumberOfFrames=2,
        SharedFunctionalGroupsSequence=[shared], PerFrameFunctionalGroupsSequence=frames,
    )  # fmt: skip
    read = [read_frame(path, i) for i in (0, 1)]
    assert [f.modality.slope for f in read] == [2, 3]
    assert [f.spacing for f in read] == [Spacing(0.7, 0.6)] * 2
    assert [f.windows for f in read] == [(Window(1, 2),)] * 2


def test_that_a_supplemental_palette_is_told() -> None:
    frame = read_frame(shipped("eCT_Supplemental.dcm"))
    assert not frame.is_color
    assert any("supplemental palette" in note for note in frame.notes)


def test_that_an_inverse_presentation_is_kept(tmp_path: Path) -> None:
    path = write_dicom(
        tmp_path / "i.dcm", np.zeros((2, 2), np.uint16), PresentationLUTShape="INVERSE"
    )
    assert read_frame(path).inverted_presentation


def test_that_an_instance_tells_what_the_browser_needs(tmp_path: Path) -> None:
    path = write_dicom(
        tmp_path / "i.dcm", np.zeros((6, 4), np.uint16), bits_stored=12, Rows=3, NumberOfFrames=2,
        SeriesDescription="AX T2", StudyDescription="KNEE", InstanceNumber="7", FrameTime="40",
    )  # fmt: skip
    instance = open_instance(path)
    assert (instance.size, instance.frames, instance.bits_stored) == ((3, 4), 2, 12)
    assert (instance.series_description, instance.study_description) == ("AX T2", "KNEE")
    assert (instance.instance_number, instance.frame_time_ms) == (7, 40.0)
    assert instance.provenance.transfer_syntax == "Explicit VR Little Endian"
    assert instance.provenance.study_instance_uid == "1.2.3"


def test_that_control_characters_in_texts_are_not_passed_on(tmp_path: Path) -> None:
    path = write_dicom(
        tmp_path / "c.dcm", np.zeros((2, 2), np.uint8), SeriesDescription="RED\x1b[31m"
    )
    assert open_instance(path).series_description == "RED\ufffd[31m"


def test_that_warnings_become_notes_and_do_not_escape() -> None:
    frame = read_frame(shipped("badVR.dcm"))
    assert any("1A" in note for note in frame.notes)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("reportsi.dcm", "Basic Text SR"),
        ("test-SR.dcm", "Comprehensive SR"),
        ("rtplan.dcm", "RT Plan"),
        ("waveform_ecg.dcm", "12-lead ECG Waveform"),
    ],
)
def test_that_an_object_without_pixels_is_named_by_its_kind(name: str, kind: str) -> None:
    for call in (open_instance, read_frame):
        with pytest.raises(NoPixelsError, match=kind) as caught:
            call(shipped(name))
        assert name in str(caught.value)


def test_that_12_bit_jpeg_says_which_decoder_is_missing() -> None:
    if find_spec("libjpeg") is not None:
        pytest.skip("the optional decoder is installed")
    with pytest.raises(ImageError, match="gpl-codecs"):
        read_frame(shipped("JPGExtended.dcm"))


def test_that_a_modality_lut_is_applied() -> None:
    frame = read_frame(shipped("mlut_18.dcm"))
    dataset = pydicom.dcmread(shipped("mlut_18.dcm"))
    entries = np.array(dataset.ModalityLUTSequence[0].LUTData)
    np.testing.assert_array_equal(frame.modality_values(), entries[dataset.pixel_array + 2048])


def test_that_one_frame_of_many_is_decoded_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from medadv_desktop.imaging import dicom_pixels

    decoded: list[int] = []
    decode = dicom_pixels.decode

    def spy(code: bytes, *rest: object) -> object:
        decoded.append(len(code))
        return decode(code, *rest)

    monkeypatch.setattr(dicom_pixels, "decode", spy)
    path = shipped("color3d_jpeg_baseline.dcm")
    frame = read_frame(path, 119)
    assert len(decoded) == 1
    assert decoded[0] < path.stat().st_size / 60
    np.testing.assert_array_equal(frame.stored, pydicom_frame(path, 119))


def test_that_codestream_headers_tell_their_size() -> None:
    sof = b"\xff\xd8\xff\xe0\x00\x04JF\xff\xff\xc0\x00\x11\x08\x00\x20\x00\x30\x03" + b"\0" * 9
    assert declared_size(sof) == (32, 48, 3)
    siz = b"\xff\x4f\xff\x51\x00\x2f\x00\x00" + (48).to_bytes(4, "big") + (32).to_bytes(4, "big")
    siz += b"\0" * 24 + b"\x00\x03" + b"\0" * 9
    assert declared_size(siz) == (32, 48, 3)
    assert declared_size(b"\x01\x00\x00\x00" + b"\0" * 80) is None
