"""What is written reads back exactly, here and in other libraries, or is not there at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from medadv_desktop.errors import ExportError
from medadv_desktop.imaging.export import write_arrays, write_png
from medadv_desktop.imaging.frame import PixelSpace
from medadv_desktop.imaging.reading import read_frame

RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 3), (1, 1), (1, 1, 3)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_that_a_png_reads_back_equal_here_and_elsewhere(
    tmp_path: Path, shape: tuple[int, ...], kind: type
) -> None:
    pixels = RANDOM.integers(0, np.iinfo(kind).max, shape, endpoint=True).astype(kind)
    path = tmp_path / "a.png"
    write_png(path, pixels)
    np.testing.assert_array_equal(read_frame(path).stored, pixels)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), pixels)
    if kind is np.uint8 or len(shape) == 2:
        with Image.open(path) as image:
            np.testing.assert_array_equal(np.asarray(image), pixels)


def test_that_any_deep_colour_survives_a_png(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("png") / "a.png"
    shapes = st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(3))

    @settings(max_examples=40, deadline=None)
    @given(arrays(np.uint16, shapes))
    def survives(pixels: np.ndarray) -> None:
        write_png(path, pixels)
        np.testing.assert_array_equal(read_frame(path).stored, pixels)

    survives()


def test_that_strided_and_foreign_endian_pixels_are_written_right(tmp_path: Path) -> None:
    pixels = RANDOM.integers(0, 65536, (8, 6, 3)).astype(">u2")[::2, ::-1]
    write_png(tmp_path / "a.png", pixels)
    np.testing.assert_array_equal(read_frame(tmp_path / "a.png").stored, pixels)


def test_that_texts_are_found_again(tmp_path: Path) -> None:
    texts = {"medadv-space": "model-input", "Comment": "ε = 4/255", "empty": ""}
    write_png(tmp_path / "a.png", np.zeros((2, 2), np.uint8), texts)
    with Image.open(tmp_path / "a.png") as image:
        image.load()
        assert image.text == texts
    assert read_frame(tmp_path / "a.png").space is PixelSpace.MODEL_INPUT


@pytest.mark.parametrize("keyword", ["", "x" * 80, "snow ☃", "nul\0"])
def test_that_an_impossible_keyword_is_refused(tmp_path: Path, keyword: str) -> None:
    with pytest.raises(ExportError, match="keyword"):
        write_png(tmp_path / "a.png", np.zeros((2, 2), np.uint8), {keyword: "x"})
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((2, 2)),
        np.zeros((2, 2, 4), np.uint8),
        np.zeros((0, 4), np.uint8),
        np.zeros(4, np.uint8),
    ],
)
def test_that_what_is_no_png_image_is_refused(tmp_path: Path, pixels: np.ndarray) -> None:
    with pytest.raises(ExportError, match="no PNG image"):
        write_png(tmp_path / "a.png", pixels)


def test_that_arrays_read_back_exactly(tmp_path: Path) -> None:
    delta = RANDOM.normal(size=(3, 4, 5)).astype(np.float32)
    stored = RANDOM.integers(-9, 9, (4, 5)).astype(np.int16)
    write_arrays(tmp_path / "a.npz", delta=delta, stored=stored)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as loaded:
        np.testing.assert_array_equal(loaded["delta"], delta)
        assert loaded["delta"].dtype == np.float32
        np.testing.assert_array_equal(loaded["stored"], stored)


def test_that_arrays_of_objects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="objects"):
        write_arrays(tmp_path / "a.npz", bad=np.array([{}], dtype=object))


def test_that_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ExportError, match="No space left") as caught:
        write_png(path, np.zeros((2, 2), np.uint8))
    assert str(path) in str(caught.value)
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_that_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("a file")
    with pytest.raises(ExportError, match="cannot be written"):
        write_png(tmp_path / "folder" / "a.png", np.zeros((2, 2), np.uint8))
