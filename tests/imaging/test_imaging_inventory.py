"""Every file with pixels that pydicom ships: read as pydicom reads it, or refused for a reason."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from imaging_samples import shipped
from pydicom.pixels import apply_color_lut, iter_pixels

from medadv_desktop.imaging.inventory import InventoryRow, as_table, inventory
from medadv_desktop.imaging.reading import read_frame
from medadv_desktop.jobs import CancelToken, JobCancelled

pytestmark = pytest.mark.slow

ROOTS = (Path(pydicom.__file__).parent / "data", shipped("JPEG-LL.dcm").parent)

REFUSED = {
    "chrJapMulti.dcm": "no Pixel Data",
    "chrJapMultiExplicitIR6.dcm": "no Pixel Data",
    "chrKoreanMulti.dcm": "no Pixel Data",
    "JPEG-lossy.dcm": "12-bit JPEG Extended",
    "JPGExtended.dcm": "12-bit JPEG Extended",
    "JPEG2000-embedded-sequence-delimiter.dcm": "3722445056 × 1024",
    "meta_missing_tsyntax.dcm": "lacks Rows",
    "nested_priv_SQ.dcm": "lacks Rows",
    "MR_truncated.dcm": "8,130 are there",
    "rtplan_truncated.dcm": "cut off inside its header",
}
"""Files with pixels, or with the header of an image, that cannot be shown, and why."""

NOT_BY_PYDICOM = {"OT-PAL-8-face.dcm", "badVR.dcm", "emri_small_jpeg_2k_lossless_too_short.dcm"}
"""pydicom stops at a missing transfer syntax, a frame count of "1A", and a wrong offset table."""

SWAPPED_BY_PYDICOM = {"OBXXXX1A_expb.dcm", "OBXXXX1A_expb_2frame.dcm"}
"""pydicom does not swap the 16-bit palettes of big-endian files."""


@pytest.fixture(scope="module")
def rows() -> list[InventoryRow]:
    return list(inventory(ROOTS, CancelToken()))


def test_that_every_file_is_read_or_refused_for_its_reason(rows: list[InventoryRow]) -> None:
    refused = {row.path.name: row.outcome for row in rows if not row.read}
    expected = REFUSED
    if any(row.read for row in rows if row.path.name == "JPGExtended.dcm"):
        # With the GPL codecs: one is read, and the other turns out to be broken.
        expected = expected | {"JPEG-lossy.dcm": "misplaced marker"}
        del expected["JPGExtended.dcm"]
    assert set(refused) == set(expected)
    for name, reason in expected.items():
        assert reason in refused[name]
    assert sum(row.read for row in rows) > 150


def test_that_stored_values_equal_pydicoms_for_every_frame(rows: list[InventoryRow]) -> None:
    compared = 0
    for row in rows:
        if not row.read or row.path.name in NOT_BY_PYDICOM | SWAPPED_BY_PYDICOM:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(row.path, force=True)
            # Of the two cines of a hundred frames a few.
            wanted = sorted({*range(0, row.frames, 1 if row.frames < 40 else 40), row.frames - 1})
            for index, expected in zip(wanted, iter_pixels(dataset, indices=wanted), strict=True):
                stored = read_frame(row.path, index).stored
                if row.photometric == "PALETTE COLOR":
                    expected = apply_color_lut(expected, dataset)  # noqa: PLW2901
                np.testing.assert_array_equal(stored, expected, err_msg=row.path.name)
                compared += 1
    assert compared > 290


def test_that_big_endian_palettes_give_the_colours_of_their_twins() -> None:
    for one, other in (("OBXXXX1A.dcm", "OBXXXX1A_expb.dcm"),):
        np.testing.assert_array_equal(read_frame(shipped(one)).stored,
                                      read_frame(shipped(other)).stored)  # fmt: skip


def test_that_a_wrong_offset_table_does_not_hide_the_frames() -> None:
    for index in (0, 9):
        np.testing.assert_array_equal(
            read_frame(shipped("emri_small_jpeg_2k_lossless_too_short.dcm"), index).stored,
            read_frame(shipped("emri_small.dcm"), index).stored,
        )


def test_that_the_table_has_a_line_for_each_file(rows: list[InventoryRow]) -> None:
    lines = as_table(rows, ROOTS[0]).splitlines()
    assert len(lines) == len(rows) + 1
    line = next(line for line in lines if "CT_small" in line)
    assert line.split("  ")[0] == "test_files/CT_small.dcm"
    assert "Explicit VR Little Endian" in line
    assert line.endswith("read: 1 × 128 × 128, int16")


def test_that_an_inventory_can_be_cancelled() -> None:
    token = CancelToken()
    rows = inventory(ROOTS, token)
    next(rows)
    token.cancel()
    with pytest.raises(JobCancelled):
        next(rows)
