"""Cine, the slider of frames, what stands over the images, and the cache of frames."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from viewer_cases import grey_frame, instance_of, open_case, squeezed, turn

from medadv_desktop.errors import ImageError
from medadv_desktop.gui.docks import adversarial, original
from medadv_desktop.gui.frame_cache import FrameCache, around
from medadv_desktop.gui.state.cine import Cine
from medadv_desktop.gui.state.studies import Position
from medadv_desktop.gui.viewers.camera import Projection, fitting
from medadv_desktop.gui.viewers.overlays import bar_on, patient_text
from medadv_desktop.imaging.frame import Frame, Patient, Pose, Spacing
from medadv_desktop.imaging.series import Series, Study

# Cine


@pytest.fixture
def cine(qapp):
    """A cine whose frames come at once; `steps` are those asked for."""
    player = Cine()
    player.steps = []
    player.step.connect(player.steps.append)
    yield player
    player.stop()


def shown_at_once(player: Cine) -> None:
    player.step.connect(lambda s: player.set_place((player.index + s) % 1000, player.count))


def test_that_playing_steps_through_frames_and_begins_anew(cine):
    shown_at_once(cine)
    cine.set_place(0, 3)
    cine.play()
    for _ in range(4):
        cine.tick()
    assert cine.steps == [1, 1, -2, 1]


def test_that_playing_stops_behind_the_last_frame_without_loop(cine):
    shown_at_once(cine)
    cine.set_place(0, 2)
    cine.set_loop(False)
    cine.play()
    for _ in range(3):
        cine.tick()
    assert cine.steps == [1]
    assert not cine.playing
    cine.play()  # from the end: from the start again
    assert cine.index == 0


def test_that_no_frame_is_asked_for_before_the_last_one_is_shown(cine):
    cine.set_place(0, 9)
    cine.play()
    for _ in range(5):
        cine.tick()
    assert cine.steps == [1]
    cine.set_place(1, 9)
    cine.tick()
    assert cine.steps == [1, 1]


def test_that_the_timer_plays(cine, qtbot):
    shown_at_once(cine)
    cine.set_place(0, 9)
    cine.set_rate(100)
    cine.play()
    qtbot.waitUntil(lambda: cine.index >= 3, timeout=2000)
    cine.stop()
    shown = cine.index
    qtbot.wait(40)
    assert cine.index == shown


def test_that_the_rate_is_the_files_until_it_is_set(cine):
    cine.set_file_rate(40.0)
    assert cine.rate == 25
    cine.set_file_rate(None)
    assert cine.rate == 10
    cine.set_rate(7)
    cine.set_file_rate(None)  # the next slice of a series
    assert cine.rate == 7
    cine.set_file_rate(float("nan"))
    assert cine.rate == 7


def test_that_nothing_plays_where_there_is_one_frame(cine):
    cine.set_place(0, 1)
    cine.play()
    assert not cine.playing
    cine.set_place(0, 5)
    cine.play()
    cine.set_place(0, 0)  # closed
    assert not cine.playing


def multi_frame(bench, frames: int = 5, at: int = 1, **changes) -> None:
    """Open one frame of a file of several, with the study list knowing it."""
    frame = grey_frame()
    frame = grey_frame(provenance=replace(frame.provenance, frame=at))
    instance = replace(instance_of(frame, frames), **changes)
    bench.studies.set((Study("1", "", (Series("2", "", "CT", (instance,)),)),), ())
    bench.studies.set_current(Position(instance, at))
    bench.case.set_frame(instance, frame)


def test_that_the_bar_shows_and_changes_the_frame(bench, show, qtbot):
    pane = show(original.DOCK.build(bench), 420, 300)
    other = show(adversarial.DOCK.build(bench))
    open_case(bench, grey_frame())
    assert not pane.stack_bar.isVisible()
    multi_frame(bench, frame_time_ms=50.0)
    bar = pane.stack_bar
    assert bar.place.text() == "2 / 5"
    assert bar.rate.value() == 20
    assert bar.play.isVisible()
    assert other.stack_bar.isVisible()
    assert not other.stack_bar.play.isVisible()
    with qtbot.waitSignal(bench.view.frame_step) as step:
        bar.slider.setValue(4)
    assert step.args == [3]
    multi_frame(bench, at=4)
    assert bar.place.text() == "5 / 5"


def test_that_keys_play_and_go_to_the_ends(bench, show, qtbot):
    pane = show(original.DOCK.build(bench))
    multi_frame(bench)
    steps = []
    bench.view.frame_step.connect(steps.append)
    QTest.keyClick(pane.canvas, Qt.Key.Key_End)
    multi_frame(bench, at=4)
    QTest.keyClick(pane.canvas, Qt.Key.Key_Home)
    assert steps == [3, -4]
    QTest.keyClick(pane.canvas, Qt.Key.Key_P)
    assert bench.view.cine.playing
    assert pane.stack_bar.stop.isVisible()
    QTest.keyClick(pane.canvas, Qt.Key.Key_P, Qt.KeyboardModifier.AltModifier)
    assert bench.view.cine.playing, "Alt+P is the window's"
    bench.case.set_model("net")
    assert pane.missing_prediction() == "Predicted once the image stands still."
    QTest.keyClick(pane.canvas, Qt.Key.Key_P)
    assert not bench.view.cine.playing


def test_that_playing_ends_with_the_image(bench, show):
    show(original.DOCK.build(bench))
    multi_frame(bench)
    bench.view.cine.play()
    bench.case.set_frame(None, None)
    assert not bench.view.cine.playing


# What stands over the images

PATIENT = Patient("DOE^JANE", "12345", "19700131", "F")


def patient_case(bench) -> None:
    frame = grey_frame()
    instance = replace(
        instance_of(frame),
        patient=PATIENT,
        study_date="20240229",
        study_time="101530.5",
        study_description="Thorax",
        series_description="Axial",
    )
    bench.case.set_frame(instance, frame)
    turn()


def test_that_the_patient_is_masked_until_somebody_asks(bench, show):
    pane = show(original.DOCK.build(bench))
    patient_case(bench)
    shown = pane.canvas._notes["top-left"]
    assert "Patient data hidden" in shown
    for secret in ("DOE", "JANE", "12345", "1970", "2024", "Thorax"):
        assert secret not in shown
    bench.controller.privacy.set_masked(False)
    assert pane.canvas._notes["top-left"] == (
        "DOE JANE\n12345  *1970-01-31  F\nThorax\n2024-02-29  10:15\nAxial"
    )
    bench.view.set_overlay("patient", False)
    assert "top-left" not in pane.canvas._notes
    assert "bottom-right" in pane.canvas._notes


def test_that_a_file_without_patient_says_nothing(bench):
    assert patient_text(instance_of(grey_frame()), lambda _, value: value) == ""


def test_that_the_scale_bar_is_as_long_as_it_says():
    frame = squeezed(2.0)
    frame = grey_frame(spacing=Spacing(0.7, 0.7))
    projection = Projection(fitting(frame.shape, 1.0, 600, 400), 600, 400)
    length, label = bar_on(frame, projection)
    assert label == "1 cm"
    assert length == pytest.approx(10 / 0.7 * projection.camera.scale)
    assert bar_on(grey_frame(), projection) is None
    assert bar_on(grey_frame(spacing=Spacing(1, 1, calibrated=False)), projection) is None


def test_that_overlays_are_painted_and_switched_off(bench, show):
    head_first = Pose((0, 0, 0), (1, 0, 0, 0, 1, 0))
    pane = show(original.DOCK.build(bench), 400, 360)
    frame = grey_frame(np.zeros((40, 60), np.uint16), spacing=Spacing(1, 1), pose=head_first)
    open_case(bench, frame)
    bench.view.set_overlays(frozenset())
    bare = pane.canvas.grab().toImage()
    for overlay in ("letters", "scale-bar", "values"):
        bench.view.set_overlay(overlay, True)
        assert pane.canvas.grab().toImage() != bare, overlay
        bench.view.set_overlay(overlay, False)
    assert pane.canvas.grab().toImage() == bare
    QTest.keyClick(pane.canvas, Qt.Key.Key_O)
    assert "letters" in bench.view.overlays


# The cache


def made(path: Path, index: int) -> Frame:
    if not path.exists():
        raise ImageError("is missing", subject=path)
    return grey_frame(np.full((10, 10), index, np.uint16))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "cine.dcm"
    path.write_bytes(b"1")
    return path


def test_that_frames_are_kept_up_to_the_bound_and_the_oldest_goes(file):
    cache = FrameCache(3 * 200, made)
    frames = [cache.read(file, i) for i in range(3)]
    assert [cache.get(file, i) for i in range(3)] == frames
    cache.get(file, 0)  # used: 1 is the oldest now
    cache.read(file, 3)
    assert cache.get(file, 1) is None
    assert cache.get(file, 0) is frames[0]
    assert cache.size == 600
    cache.set_capacity(200)
    assert cache.size == 200
    cache.clear()
    assert cache.size == 0


def test_that_a_frame_larger_than_the_bound_is_handed_out_and_not_kept(file):
    cache = FrameCache(100, made)
    assert cache.read(file, 7).stored[0, 0] == 7
    assert cache.size == 0


def test_that_a_changed_file_is_read_anew(file):
    cache = FrameCache(10_000, made)
    first = cache.read(file, 0)
    file.write_bytes(b"22")
    os.utime(file, ns=(1, 1))
    assert cache.get(file, 0) is None
    assert cache.read(file, 0) is not first
    assert cache.size == 200


def test_that_a_file_that_cannot_be_read_is_told_each_time(tmp_path):
    cache = FrameCache(10_000, made)
    for _ in range(2):
        with pytest.raises(ImageError, match="missing"):
            cache.read(tmp_path / "gone.dcm", 0)


def test_that_frames_ahead_come_first():
    assert list(around(5, 100, 4, 2, forward=True)) == [6, 7, 4, 8, 9, 3]
    assert list(around(5, 100, 2, 1, forward=False)) == [4, 3, 6]
    assert list(around(98, 100, 4, 1, forward=True)) == [99, 97]
