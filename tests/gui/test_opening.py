"""Every kind of file, dropped on the window: listed, read, and shown as it was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own name for itself
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid
from PySide6.QtCore import QModelIndex, Qt

from medadv_desktop.gui.study_nodes import Kind
from medadv_desktop.imaging import windowing
from medadv_desktop.imaging.display import render
from medadv_desktop.imaging.windowing import Preset
from tests.gui.conftest import close_session
from tests.gui.dicom_samples import ct_slice, report
from tests.gui.test_browser import nodes
from tests.gui.test_main_job import drop

VOLUME = np.random.default_rng(3).integers(-900, 900, (3, 20, 24)).astype(np.int16)
PAGES = np.random.default_rng(4).integers(0, 255, (3, 20, 24)).astype(np.uint8)
DEEP = np.random.default_rng(5).integers(0, 65535, (20, 24)).astype(np.uint16)


def volume(suffix: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        image = sitk.GetImageFromArray(VOLUME)
        image.SetSpacing((0.5, 0.5, 2.0))
        sitk.WriteImage(image, str(folder / f"volume{suffix}"))
        return folder / f"volume{suffix}"

    return write


def tiff(folder: Path) -> Path:
    first, *rest = [Image.fromarray(page) for page in PAGES]
    first.save(folder / "pages.tif", save_all=True, append_images=rest)
    return folder / "pages.tif"


def deep_png(folder: Path) -> Path:
    Image.fromarray(DEEP).save(folder / "deep.png")
    return folder / "deep.png"


@pytest.mark.parametrize(
    ("write", "stored"),
    [
        (volume(".nii.gz"), VOLUME),
        (volume(".mha"), VOLUME),
        (volume(".mhd"), VOLUME),
        (volume(".nrrd"), VOLUME),
        (tiff, PAGES),
        (deep_png, DEEP[None]),
    ],
    ids=["nifti", "metaimage", "metaimage-header", "nrrd", "multi-page-tiff", "16-bit-png"],
)
def test_that_a_dropped_file_is_listed_and_every_frame_shows_what_was_written(
    qtbot, session, tmp_path, write, stored
):
    path, bench = write(tmp_path), session.bench
    drop(session.window, [path])
    qtbot.waitUntil(lambda: bench.case.frame is not None and not bench.jobs.busy)
    assert [n.value.path for n in nodes(session, Kind.INSTANCE)] == [path]
    assert not bench.controller.notices.notices
    canvas = session.window.docks["original"].widget().canvas
    for index, wanted in enumerate(stored):
        qtbot.waitUntil(lambda i=index: bench.case.frame and bench.case.frame.provenance.frame == i)
        frame = bench.case.frame
        assert frame.stored.dtype == stored.dtype
        assert np.array_equal(frame.stored, wanted)
        qtbot.waitUntil(lambda f=frame: canvas.picture is not None and canvas.picture._frame is f)
        assert np.array_equal(canvas.picture.pixels(1), render(frame))
        bench.view.frame_step.emit(1)
    assert bench.view.cine.count == len(stored)


def test_that_a_nested_folder_shows_its_images_and_lists_its_reports_with_readable_tags(
    qtbot, session, tmp_path
):
    study, bench = generate_uid(), session.bench
    deep = tmp_path / "disc" / "patient" / "study 1"
    deep.mkdir(parents=True)
    ct_slice(deep / "IM1", depth=0, number=1, study=study, series=generate_uid())
    report(deep.parent / "SR1", study)
    deep_png(tmp_path / "disc")
    (tmp_path / "disc" / "notes.txt").write_text("no image")
    drop(session.window, [tmp_path / "disc"])
    qtbot.waitUntil(lambda: bench.case.frame is not None and not bench.jobs.busy)
    assert {n.value.path.name for n in nodes(session, Kind.INSTANCE)} == {"IM1", "deep.png"}
    (item,) = nodes(session, Kind.OBJECT)
    assert item.value.path.name == "SR1"
    session.window.docks["tags"].raise_()
    browser, tags = (session.window.docks[name].widget() for name in ("browser", "tags"))
    browser.view.setCurrentIndex(browser.tree.index_of(item))
    reader = bench.controller.tags
    qtbot.waitUntil(lambda: reader.tree is not None and reader.tree.path.name == "SR1")
    found = {}
    for row in range(tags.model.rowCount(QModelIndex())):
        tag = tags.model.node(tags.model.index(row, 0)).tag
        found[tag.name] = tags.model.index(row, 3).data()
    assert found["Value Type"] == "CONTAINER"
    assert found["Patient's Name"] == "•••"


def test_that_a_file_of_frames_plays_at_its_own_rate(qtbot, session):
    path = Path(get_testdata_file("examples_ybr_color.dcm", download=False))
    drop(session.window, [path])
    cine = session.bench.view.cine
    qtbot.waitUntil(lambda: cine.count == 30)
    assert cine.rate == pytest.approx(30, abs=0.01)  # Frame Time is 33.333 ms
    cine.set_loop(False)
    cine.go_to(25)
    qtbot.waitUntil(lambda: cine.index == 25)
    bar = session.window.docks["original"].widget().stack_bar
    assert bar.rate.value() == pytest.approx(30, abs=0.1)
    qtbot.mouseClick(bar.play, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not cine.playing)
    assert cine.index == 29


def test_that_an_own_window_preset_is_there_in_the_next_session(
    qtbot, session, open_window, tmp_path, monkeypatch
):
    monkeypatch.setattr(windowing, "presets_path", lambda: tmp_path / "windows.toml")
    path = ct_slice(
        tmp_path / "ct.dcm", depth=0, number=1, study=generate_uid(), series=generate_uid()
    )
    for once in (session, None):
        window = (once or open_window()).window
        bench, bar = window.bench, window.docks["original"].widget().window_bar
        bench.controller.open_paths([path])
        qtbot.waitUntil(lambda b=bench: b.case.frame is not None)
        bar.menu.fill()
        offered = {action.text().split("  ")[-1]: action for action in bar.menu.actions()}
        assert ("Nodules" in offered) is (once is None)
        if once is not None:
            bar.width_field.setValue(700)
            bar.menu.save_preset("Nodules")
            close_session(qtbot, once)
    offered["Nodules"].trigger()
    assert bench.view.policy == Preset("Nodules", 40, 700, modality="CT")
