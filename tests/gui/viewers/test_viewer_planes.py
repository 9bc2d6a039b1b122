"""Axial, sagittal and coronal planes of a series, and the point they have in common."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from viewer_cases import grey_frame

from medadv_desktop.gui.docks import planes as planes_dock
from medadv_desktop.gui.state.log import LogLines
from medadv_desktop.gui.state.studies import Position
from medadv_desktop.gui.viewers.patient_space import place_at, point_at
from medadv_desktop.imaging.frame import Pose, Spacing
from medadv_desktop.imaging.reading import open_instance
from medadv_desktop.imaging.series import group

SLICES, ROWS, COLUMNS = 4, 6, 8


def write_series(folder: Path, step: float = 5.0) -> list[Path]:
    """Slices of 6×8 pixels, 1 mm high and 2 mm wide; value = 100 × slice + 10 × row + column."""
    ds = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    ds.Rows, ds.Columns, ds.PixelSpacing = ROWS, COLUMNS, [1.0, 2.0]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    grid = 10 * np.arange(ROWS)[:, None] + np.arange(COLUMNS)
    paths = []
    for k in range(SLICES):
        ds.PixelData = (grid + 100 * k).astype("<i2").tobytes()
        ds.ImagePositionPatient = [10.0, 20.0, 30.0 + step * k]
        ds.InstanceNumber = k + 1
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        paths.append(folder / f"{k}.dcm")
        ds.save_as(paths[-1])
    return paths


@pytest.fixture
def panel(bench, show, tmp_path, qtbot):
    """The panel on the second slice of the series."""
    object.__setattr__(bench, "log", LogLines())
    instances = [open_instance(p) for p in write_series(tmp_path)]
    bench.studies.set(group(instances), ())
    panel = show(planes_dock.DOCK.build(bench), 700, 260)
    bench.studies.set_current(Position(instances[1]))
    bench.controller.select(instances[1])
    return panel


def built(panel, qtbot):
    panel.button.click()
    assert panel.stop.isVisible()
    qtbot.waitUntil(lambda: panel.built is not None, timeout=20_000)
    return panel


def test_that_points_and_places_are_those_of_the_standard():
    # Rows run to the back, columns to the feet: a sagittal plane.
    pose = Pose((1.0, 2.0, 3.0), (0, 1, 0, 0, 0, -1))
    frame = grey_frame(pose=pose, spacing=Spacing(2.0, 0.5))
    assert point_at(frame, (0.5, 0.5)) == (1, 2, 3)
    assert point_at(frame, (4.5, 10.5)) == (1, 2 + 10 * 0.5, 3 - 4 * 2)
    assert place_at(frame, (99.0, 7.0, -5.0)) == (4.5, 10.5)
    assert point_at(grey_frame(spacing=Spacing(1, 1)), (0, 0)) is None
    assert place_at(grey_frame(pose=pose), (0, 0, 0)) is None


def test_that_planes_show_the_voxels_of_the_series(panel, qtbot):
    axial, sagittal, coronal = built(panel, qtbot).views
    panel._pointed((10.0 + 2 * 3, 20.0 + 4, 30.0 + 5 * 2))  # column 3, row 4, slice 2
    assert axial.frame().stored[4, 3] == 243
    # From head to feet, so the third of four slices is the second line.
    assert sagittal.frame().stored.shape == (SLICES, ROWS)
    assert sagittal.frame().stored[1, 4] == 243
    assert coronal.frame().stored.shape == (SLICES, COLUMNS)
    assert coronal.frame().stored[1, 3] == 243
    wide = sagittal.projection(sagittal.frame())
    # A slice is 5 mm thick, a row of the source 1 mm.
    assert wide.y(1) - wide.y(0) == pytest.approx(5 * (wide.x(1) - wide.x(0)))


def test_that_a_click_in_a_plane_leads_the_series_and_the_probe(bench, panel, qtbot):
    coronal = built(panel, qtbot).views[2]
    projection = coronal.projection(coronal.frame())
    at = QPoint(round(projection.x(5.5)), round(projection.y(0.5)))
    QTest.mouseClick(coronal, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    # The uppermost line is the last slice.
    assert bench.case.frame.pose.position[2] == 45
    assert int(bench.view.probe[1]) == 5
    assert panel.point[2] == pytest.approx(45, abs=1)


def test_that_the_probe_leads_the_planes(bench, panel, qtbot):
    built(panel, qtbot)
    bench.view.set_probe((2.5, 6.5))
    assert panel.point == (10 + 12, 20 + 2, 35)
    assert [view.index() for view in panel.views] == [1, 6, 2]
    assert panel.views[1].frame().stored[2, 2] == 126


def test_that_the_wheel_and_keys_go_through_the_planes(bench, panel, qtbot):
    axial = built(panel, qtbot).views[0]
    panel._pointed((16.0, 24.0, 35.0))
    QTest.keyClick(axial, Qt.Key.Key_PageDown)
    assert axial.index() == 2
    assert bench.case.frame.pose.position[2] == 40
    assert panel.point[:2] == pytest.approx((16.0, 24.0))
    shift = Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(axial, Qt.Key.Key_Right, shift)  # columns are 2 mm apart, rows 1 mm
    QTest.keyClick(axial, Qt.Key.Key_Up, shift)
    assert panel.point[:2] == pytest.approx((18.0, 23.0))
    panel._pointed((16.0, 24.0, panel.point[2]))
    for _ in range(5):
        axial.step(1)
    assert axial.index() == SLICES - 1


def test_that_a_series_that_is_no_volume_says_why(bench, panel, qtbot):
    path = Path(panel._series.instances[2].path)
    path.write_bytes(path.read_bytes()[:700])
    panel.button.click()
    qtbot.waitUntil(lambda: path.name in panel.words.text(), timeout=20_000)
    assert panel.button.isVisible()
    assert panel.built is None


def test_that_another_series_starts_without_planes(bench, panel, qtbot, tmp_path):
    built(panel, qtbot)
    bench.studies.clear()
    bench.case.set_frame(None, None)
    assert panel.built is None
    assert not panel.button.isVisible()
    assert "parallel slices" in panel.words.text()


def test_that_building_can_be_stopped(panel, qtbot):
    panel.button.click()
    panel.stop.click()
    qtbot.waitUntil(lambda: panel._background.idle, timeout=20_000)
    assert panel.built is None
    assert panel.button.isVisible()
