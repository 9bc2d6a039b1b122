"""Going through a series in the window: frames ahead are read, kept, and shown at once."""

from __future__ import annotations

from PySide6.QtWidgets import QInputDialog
from test_viewer_planes import SLICES, write_series

from medadv_desktop.gui.state.measurements import new_measurement
from medadv_desktop.gui.viewers.showing import frame_key


def test_that_the_next_slice_is_at_hand_before_it_is_asked_for(qtbot, session, tmp_path):
    bench, controller = session.bench, session.bench.controller
    paths = write_series(tmp_path)
    controller.open_paths(paths)
    cache = controller.prefetcher.cache
    qtbot.waitUntil(lambda: all((p, 0) in cache for p in paths))
    qtbot.waitUntil(lambda: bench.view.cine.count == SLICES)
    shown = []
    for _ in range(SLICES - 1):
        bench.view.frame_step.emit(1)  # no turn of the event loop between this and the picture
        shown.append(bench.case.frame.provenance.path)
    assert shown == paths[1:]
    assert bench.view.cine.index == SLICES - 1
    assert bench.view.several


def test_that_cine_plays_the_series_through_the_window(qtbot, session, tmp_path):
    bench = session.bench
    bench.controller.open_paths(write_series(tmp_path))
    qtbot.waitUntil(lambda: bench.view.cine.count == SLICES)
    cine = bench.view.cine
    cine.set_rate(100)
    cine.set_loop(False)
    session.window.actions_.refresh()
    session.window.actions_["play"].trigger()
    qtbot.waitUntil(lambda: not cine.playing)
    assert cine.index == SLICES - 1


def test_that_the_memory_for_frames_is_a_setting(qtbot, session, settings_path):
    session.window.actions_["frame-memory"].trigger()
    dialog = session.window.findChild(QInputDialog)
    assert dialog.intValue() == 1024
    dialog.setIntValue(256)
    dialog.accept()
    prefetcher = session.bench.controller.prefetcher
    assert prefetcher.cache.capacity == 256 * 2**20
    assert prefetcher.mebibytes == 256


def test_that_undo_is_offered_when_there_is_something_to_undo(qtbot, opened):
    window, bench = opened.window, opened.bench
    window.actions_.refresh()
    assert not window.actions_["undo"].isEnabled()
    key = frame_key(bench.case.frame)
    bench.view.measurements.add(new_measurement("distance", key, ((1, 1), (5, 5))))
    qtbot.waitUntil(window.actions_["undo"].isEnabled)
    window.actions_["undo"].trigger()
    assert bench.view.measurements.on(key) == ()
    assert window.actions_["redo"].isEnabled()


def test_that_tools_exclude_each_other(qtbot, opened):
    actions = opened.window.actions_
    actions["tool-ellipse"].trigger()
    assert opened.bench.view.tool == "ellipse"
    tools = ("window", "distance", "angle", "rectangle", "ellipse")
    assert [t for t in tools if actions[f"tool-{t}"].isChecked()] == ["ellipse"]
