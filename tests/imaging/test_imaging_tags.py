"""The tags of any DICOM object, and what is hidden of them."""

from __future__ import annotations

import json
import warnings
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from imaging_samples import shipped, write_dicom
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag as PydicomTag
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from medadv_desktop.errors import ImageError
from medadv_desktop.imaging.phi import (
    ACTIONS,
    MASKED,
    is_phi,
    mask,
    mask_path,
    mask_text,
)
from medadv_desktop.imaging.tags import Tag, as_json, as_text, read_tags, search

GREY = np.zeros((4, 4), np.uint8)
NAME, SEX, ROWS = 0x00100010, 0x00100040, 0x00280010


def value_of(tags: tuple[Tag, ...], number: int) -> str:
    return next(tag.value for tag in tags if tag.number == number)


def all_of(tags: tuple[Tag, ...]) -> list[Tag]:
    return [t for tag in tags for t in (tag, *all_of(tuple(i for item in tag.items for i in item)))]


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "test-SR.dcm", "rtplan.dcm", "rtstruct.dcm", "waveform_ecg.dcm",
             "DICOMDIR", "image_dfl.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm",
             "emri_small_jpeg_2k_lossless.dcm", "MR_truncated.dcm"]
)  # fmt: skip
def test_that_every_element_that_pydicom_finds_is_listed(name: str) -> None:
    path = shipped("DICOMDIR") if name == "DICOMDIR" else shipped(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = dcmread(path, force=True)
        expected = [int(tag) for tag in (*dataset.file_meta.keys(), *dataset.keys())]
        inner = sum(1 for _ in dataset.iterall()) + len(dataset.file_meta)
    tree = read_tags(path, masked=False)
    pixels = [0x7FE00010]
    behind = [tag for tag in expected if tag > pixels[0]]  # what lies behind the pixels is left out
    assert [t.number for t in tree.tags] == sorted(
        (t for t in expected if t not in behind), key=lambda t: (t >> 16 != 2, t)
    )
    assert len(all_of(tree.tags)) == inner - len(behind)


def test_that_values_are_shown_as_text() -> None:
    tags = read_tags(shipped("CT_small.dcm"), masked=False).tags
    assert value_of(tags, NAME) == "CompressedSamples^CT1"
    assert value_of(tags, ROWS) == "128"
    assert (
        value_of(tags, 0x00200037) == "1.000000\\0.000000\\0.000000\\0.000000\\1.000000\\0.000000"
    )
    assert value_of(tags, 0x00080016).endswith("(CT Image Storage)")
    assert value_of(tags, 0x7FE00010) == "32,768 bytes"
    private = next(t for t in tags if t.number == 0x00091001)
    assert (private.private, private.name) == (True, "[Full fidelity]")


def test_that_protected_values_are_hidden_unless_asked_for() -> None:
    hidden = read_tags(shipped("CT_small.dcm"))
    tags = hidden.tags
    assert value_of(tags, NAME) == MASKED
    assert value_of(tags, ROWS) == "128"
    text = as_text(tags) + as_json(tags)
    for secret in ("CompressedSamples", "1CT1", "JFK IMAGING", "GE_GENESIS_FF", "20040119"):
        assert secret in as_text(read_tags(shipped("CT_small.dcm"), masked=False).tags)
        assert secret not in text
    assert all(t.masked == (t.value == MASKED) for t in all_of(tags) if t.vr != "SQ")
    assert value_of(tags, 0x00100030) == ""  # an empty value is shown as such


def test_that_all_within_a_protected_sequence_is_hidden_and_its_shape_kept() -> None:
    masked, plain = (read_tags(shipped("test-SR.dcm"), masked=m).tags for m in (True, False))
    content = [next(t for t in tags if t.number == 0x0040A730) for tags in (masked, plain)]
    assert len(all_of((content[0],))) == len(all_of((content[1],)))
    assert {t.value for t in all_of((content[0],)) if t.vr != "SQ"} <= {MASKED, ""}


def test_that_reports_plans_and_documents_are_readable(tmp_path: Path) -> None:
    document = Dataset()
    document.file_meta = FileMetaDataset()
    document.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    document.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.104.1"
    document.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    document.SOPClassUID = document.file_meta.MediaStorageSOPClassUID
    document.MIMETypeOfEncapsulatedDocument = "application/pdf"
    document.EncapsulatedDocument = b"%PDF-1.4" + b"\0" * 100
    document.save_as(tmp_path / "pdf.dcm", enforce_file_format=True)
    tags = read_tags(tmp_path / "pdf.dcm", masked=False).tags
    assert value_of(tags, 0x00420012) == "application/pdf"
    assert value_of(tags, 0x00420011).startswith("108 bytes: 25 50 44 46")
    assert "Beam Sequence" in as_text(read_tags(shipped("rtplan.dcm")).tags)


def test_that_a_search_keeps_what_matches_and_the_way_to_it() -> None:
    tags = read_tags(shipped("rtplan.dcm"), masked=False).tags
    for text in ("beam name", "BeamName", "300a,00c2", "300A00C2"):
        (beams,) = search(tags, text)
        assert beams.keyword == "BeamSequence"
        assert [[t.keyword for t in item] for item in beams.items] == [["BeamName"]]
    whole = search(tags, "BeamSequence")
    assert any(len(t.items[0]) > 1 for t in whole if t.keyword == "BeamSequence")
    assert search(tags, "  ") == tags
    assert search(tags, "no such thing at all") == ()


def test_that_the_tree_is_written_as_text_and_json() -> None:
    tags = read_tags(shipped("rtplan.dcm"), masked=False).tags
    lines = as_text(tags).splitlines()
    assert "(0008,0060) CS Modality: RTPLAN" in lines
    at = lines.index("(300A,00B0) SQ Beam Sequence: 1 item")
    assert lines[at + 1] == "  item 1"
    assert lines[at + 2].startswith("    (")
    plain = json.loads(as_json(tags))
    beams = next(t for t in plain if t["keyword"] == "BeamSequence")
    assert any(t["keyword"] == "BeamName" for t in beams["items"][0])


def test_that_long_and_broken_values_do_not_hide_the_rest(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", GREY, ImageComments="x" * 5000, KVP="12")
    path.write_bytes(path.read_bytes().replace(b"DS\x02\x0012", b"DS\x02\x00zz"))
    tags = read_tags(path, masked=False).tags
    assert value_of(tags, 0x00204000).endswith("… (5,000 characters)")
    assert "cannot be read" in value_of(tags, 0x00180060) or "zz" in value_of(tags, 0x00180060)
    assert value_of(tags, ROWS) == "4"


def test_that_a_cut_header_shows_what_is_there() -> None:
    tree = read_tags(shipped("rtplan_truncated.dcm"))
    assert len(tree.tags) > 20
    assert any("cut off" in note for note in tree.notes)


def test_that_what_is_no_dicom_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words")
    with pytest.raises(ImageError, match=r"a\.txt"):
        read_tags(tmp_path / "a.txt")


def test_that_the_list_is_that_of_the_basic_profile() -> None:
    named = {
        "PatientName": "Z", "PatientID": "Z/D", "PatientBirthDate": "Z", "AccessionNumber": "Z",
        "StudyInstanceUID": "U", "SOPInstanceUID": "U", "InstitutionName": "X/Z/D",
        "PatientAge": "X", "StudyDescription": "X", "OperatorsName": "X/Z/D", "StudyDate": "Z",
        "DeviceSerialNumber": "X/Z/D", "EthnicGroup": "X", "ImageComments": "X",
        "PatientAddress": "X", "ReferringPhysicianName": "Z", "FrameOfReferenceUID": "U",
        "ContentSequence": "D", "MediaStorageSOPInstanceUID": "U",
    }  # fmt: skip
    for keyword, action in named.items():
        assert ACTIONS[int(PydicomTag(keyword))] == action, keyword
    for keyword in ("Rows", "Modality", "PixelSpacing", "SOPClassUID", "KVP", "WindowCenter"):
        assert not is_phi(int(PydicomTag(keyword)))
    assert len(ACTIONS) == 652


def test_that_private_curves_and_overlays_are_protected() -> None:
    for number in (0x00091001, 0x50000010, 0x50FE3000, 0x60003000, 0x60024000):
        assert is_phi(number)
    assert not is_phi(0x60000010)  # the size of an overlay


def test_that_masking_hides_values_and_keeps_empty_ones() -> None:
    assert mask(NAME, "A^B") == MASKED
    assert mask(NAME, "") == ""
    assert mask(ROWS, "4") == "4"
    assert mask(SEX, "F") == MASKED


def test_that_names_of_files_and_quoted_values_are_hidden() -> None:
    assert mask_path(PurePosixPath("/cd/DOE^JOHN/im1.dcm"), 7) == "file-000007.dcm"
    assert mask_path(PurePosixPath("john.1961"), 8) == "file-000008"
    assert (
        mask_text("Invalid value 'DOE^JOHN' for \"PN\"") == f"Invalid value {MASKED} for {MASKED}"
    )
