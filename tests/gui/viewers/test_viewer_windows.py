"""Windows: presets, percentiles, ends, fine drag, tables, histogram."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from viewer_cases import color_frame, grey_frame, open_case, outcome, plan_for, predicted, turn

from medadv_desktop.gui.docks import histogram as histogram_dock
from medadv_desktop.gui.docks import original, perturbation
from medadv_desktop.gui.state.view import Camera
from medadv_desktop.gui.viewers.histogram import HistogramPanel, ticks
from medadv_desktop.gui.viewers.pictures import input_table
from medadv_desktop.gui.viewers.showing import own_window, window_ends, window_from_ends
from medadv_desktop.imaging import windowing
from medadv_desktop.imaging.display import apply_window, render
from medadv_desktop.imaging.frame import ModalityTransform, Window
from medadv_desktop.imaging.lookup import ModalityLut, VoiLut
from medadv_desktop.imaging.windowing import FileVoi, Manual, MinMax, Percentile, Preset
from medadv_desktop.models.card import Preprocessing
from medadv_desktop.models.input_plan import plan_input

LEFT = Qt.MouseButton.LeftButton
LUNG = Preset("Lung", -600, 1500, modality="CT")


@pytest.fixture(autouse=True)
def own_presets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "windows.toml"
    monkeypatch.setattr(windowing, "presets_path", lambda: path)
    return path


def shown_pane(bench, show, frame):
    """The Original viewer on a frame, with nothing over the image."""
    pane = show(original.DOCK.build(bench))
    bench.view.set_overlays(frozenset())
    open_case(bench, frame)
    return pane


def light_at(pane, row: int, column: int) -> int:
    turn()
    projection = pane.canvas.projection()
    at = QPoint(int(projection.x(column + 0.5)), int(projection.y(row + 0.5)))
    return pane.canvas.grab().toImage().pixelColor(at).red()


def names_in(menu) -> list[str]:
    return [a.text().lstrip("&123456789").strip() for a in menu.actions() if a.text()]


def action_of(menu, name: str):
    return next(a for a in menu.actions() if a.text().endswith(name))


def test_that_the_menu_offers_windows_and_tables_of_the_file_by_name(bench, show):
    table = VoiLut(np.arange(4096, dtype=np.uint16), -100, 12, "Soft")
    windows = (Window(350, 900, explanation="Normal"), Window(100, 50, explanation="Harder"))
    pane = shown_pane(bench, show, grey_frame(windows=windows, voi_luts=(table,)))
    menu = pane.window_bar.menu
    menu.fill()
    assert names_in(menu)[:4] == ["Of the file", "Normal", "Harder", "Soft"]
    assert action_of(menu, "Normal").isChecked()
    action_of(menu, "Soft").trigger()
    expected = render(bench.case.frame, table)
    assert light_at(pane, 20, 30) == expected[20, 30]
    assert pane.window_note() == "Soft"
    action_of(menu, "Harder").trigger()
    assert light_at(pane, 3, 4) == render(bench.case.frame, windows[1])[3, 4]


def test_that_a_preset_of_the_modality_shows_what_render_shows(bench, show):
    pane = shown_pane(bench, show, grey_frame())
    menu = pane.window_bar.menu
    menu.fill()
    action_of(menu, "Lung").trigger()
    assert bench.view.policy == LUNG
    assert light_at(pane, 5, 6) == render(bench.case.frame, Window(-600, 1500))[5, 6]
    assert pane.window_note() == "Lung\nC −600  W 1500"
    menu.fill()
    assert action_of(menu, "Lung").isChecked()


def test_that_percentiles_are_those_of_numpy_on_every_frame(bench, show):
    pane = shown_pane(bench, show, grey_frame())
    bench.view.set_policy(Percentile(2, 98))
    for frame in (grey_frame(), grey_frame(grey_frame().stored // 2)):
        open_case(bench, frame)
        low, high = np.percentile(frame.stored * 2.0 - 100, (2, 98))
        # The window between two values that are not whole is LINEAR_EXACT: value by share.
        share = (frame.stored[20, 30] * 2.0 - 100 - low) / (high - low)
        assert light_at(pane, 20, 30) == pytest.approx(255 * share, abs=1)


def test_that_smallest_to_largest_spans_the_pixels(bench, show):
    pane = shown_pane(bench, show, grey_frame())
    bench.view.set_policy(MinMax())
    assert light_at(pane, 0, 0) == 0
    assert light_at(pane, 39, 59) == 255


def test_that_a_window_is_kept_as_a_preset_and_deleted(bench, show, own_presets):
    pane = shown_pane(bench, show, grey_frame())
    bench.view.set_window(Window(70, 250))
    menu = pane.window_bar.menu
    menu.save_preset("Mine")
    assert windowing.read_presets(own_presets) == (Preset("Mine", 70, 250, modality="CT"),)
    assert bench.view.policy == Preset("Mine", 70, 250, modality="CT")
    menu.fill()
    assert "Mine" in names_in(menu)
    bench.view.set_window(Window(80, 260))
    menu.save_preset("Mine")  # replaces it
    assert [p.center for p in windowing.read_presets(own_presets)] == [80]
    menu.delete_preset(windowing.read_presets(own_presets)[0])
    assert windowing.read_presets(own_presets) == ()


def test_that_broken_presets_are_told_and_the_menu_opens(bench, show, own_presets):
    own_presets.write_text("version = 99")
    pane = shown_pane(bench, show, grey_frame())
    pane.window_bar.menu.fill()
    assert "Lung" in names_in(pane.window_bar.menu)
    assert "version 99" in bench.controller.notices.notices[0].text


def test_that_colour_has_a_window_for_each_channel_on_the_source_and_the_input_alike(bench, show):
    frame = color_frame()
    pane = shown_pane(bench, show, frame)
    assert np.array_equal(pane.canvas.picture.pixels(1), frame.stored)
    assert (pane.window_bar.center.value(), pane.window_bar.width_field.value()) == (128, 256)
    assert "each channel" in pane.window_bar.center.toolTip()
    pane.window_bar.menu.fill()
    assert {"As it is stored", "Smallest to largest"} <= set(names_in(pane.window_bar.menu))
    bench.view.set_window(Window(20.5, 21))  # 10 is black, 30 is white (C.11.2.1.2.1)
    turn()
    assert pane.canvas.picture.pixels(1)[5, 7].tolist() == [0, 128, 255]
    table = input_table(plan_for(frame), frame, Window(20.5, 21), invert=False)
    levels = np.rint(np.array([10, 20, 30]) / 255 * 65535).astype(int)
    assert table[levels].tolist() == [0, 128, 255]


def test_that_smallest_and_largest_can_be_entered(bench, show):
    pane = shown_pane(bench, show, grey_frame())
    bar = pane.window_bar
    bar.ends.setChecked(True)
    # Centre 350 and width 900: values up to −100 are black, from 799 on white (C.11.2.1.2.1).
    assert (bar.center.value(), bar.width_field.value()) == (-100, 799)
    bar.width_field.setValue(299)
    assert bench.view.window == Window(100, 400)
    assert light_at(pane, 0, 0) == 0
    assert bar.center.accessibleName() == "Smallest value"


def test_that_a_drag_with_ctrl_is_ten_times_finer(bench, show):
    pane = shown_pane(bench, show, grey_frame())
    canvas, fine = pane.canvas, Qt.KeyboardModifier.ControlModifier
    QTest.mousePress(canvas, LEFT, fine, QPoint(150, 100))
    QTest.mouseMove(canvas, QPoint(150, 100))
    at = QPoint(180, 90)
    # QTest.mouseMove knows no keys.
    move = QMouseEvent(
        QMouseEvent.Type.MouseMove, at, canvas.mapToGlobal(at), Qt.MouseButton.NoButton, LEFT, fine
    )
    canvas.mouseMoveEvent(move)
    QTest.mouseRelease(canvas, LEFT, fine, at)
    # 300 pixels are the width of the file's window, 900: 30 pixels 90, a tenth of it 9.
    assert bench.view.window == Window(pytest.approx(347.0), pytest.approx(909.0))


def test_that_a_drag_on_a_table_starts_from_the_window_that_spans_it(bench, show):
    table = VoiLut(np.arange(1000, dtype=np.uint16), 0, 10)
    pane = shown_pane(bench, show, grey_frame(windows=(), voi_luts=(table,)))
    QTest.mousePress(pane.canvas, LEFT, Qt.KeyboardModifier.NoModifier, QPoint(150, 100))
    QTest.mouseMove(pane.canvas, QPoint(180, 100))
    QTest.mouseRelease(pane.canvas, LEFT, Qt.KeyboardModifier.NoModifier, QPoint(180, 100))
    assert bench.view.window == Window(500.0, 1100.0)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_that_the_ends_of_a_window_are_its_inverse(function):
    frame = grey_frame()
    window = Window(100.0, 400.0, function)
    again = window_from_ends(*window_ends(window), frame, function)
    values = np.arange(-300.0, 500.0)
    assert apply_window(values, again) == pytest.approx(apply_window(values, window), abs=0.7)


def test_that_a_lut_of_modality_values_is_read_by_the_probe(bench, show):
    lut = ModalityLut(np.arange(1000, dtype=np.uint16) // 2, 0, 16)
    frame = grey_frame(modality=ModalityTransform(lut=lut, units="US"), windows=())
    pane = shown_pane(bench, show, frame)
    bench.view.set_overlays(frozenset({"values"}))
    bench.view.set_probe((5.5, 10.5))
    assert "stored 60\nmodality 30 US" in pane.canvas._notes["bottom-left"]


def test_that_model_inputs_go_through_the_curve_of_their_plan():
    table = VoiLut((np.arange(256, dtype=np.uint16) ** 2) // 256, 0, 8)
    frame = grey_frame(voi_luts=(table,), windows=(), modality=ModalityTransform())
    plan = plan_input(Preprocessing(height=40, width=60, channels=1, window="file"), frame)
    assert plan.curve == table
    light = input_table(plan, frame, table, invert=False)
    # Grey of the file's own table, looked up and shown through that table, is that grey again.
    grey = table.look_up(np.array([100.0, 200.0])) / 255
    assert light[np.rint(grey * 65535).astype(int)] == pytest.approx(grey * 255, abs=1)


def test_that_slices_of_a_series_keep_window_and_place(bench, show):
    pane = shown_pane(bench, show, grey_frame())
    for number in range(2):
        frame = grey_frame()
        known = replace(frame.provenance, path=Path(f"{number}.dcm"), series_instance_uid="1.2.3")
        open_case(bench, grey_frame(provenance=known))
        if number == 0:
            bench.view.set_policy(LUNG)
            bench.view.set_camera(Camera(5, 5, 3))
    assert bench.view.policy == LUNG
    assert bench.view.camera == Camera(5, 5, 3)
    open_case(bench, grey_frame())
    assert bench.view.policy == FileVoi()
    assert pane.canvas.picture is not None


# The histogram


def shown_histogram(bench, show, frame) -> HistogramPanel:
    panel = show(histogram_dock.DOCK.build(bench), 420, 200)
    open_case(bench, frame)
    return panel


def test_that_the_histogram_counts_as_numpy_does(bench, show):
    frame = grey_frame()
    panel = shown_histogram(bench, show, frame)
    counted = panel.plot.counted
    values = frame.stored * 2.0 - 100
    assert counted.counts.sum() == values.size
    expected, _ = np.histogram(values, counted.edges)
    assert (counted.counts == expected).all()
    assert panel.words.text() == "Modality values in HU"


def test_that_large_frames_are_counted_off_the_gui_thread(bench, show, qtbot):
    stored = np.arange(40 * 60, dtype=np.uint32).reshape(40, 60)
    panel = shown_histogram(bench, show, grey_frame(stored, bits_stored=32))
    assert panel.plot.counted is None
    assert panel.words.text() == "Counting…"
    qtbot.waitUntil(lambda: panel.plot.counted is not None)
    assert panel.plot.counted.total == 2400


def test_that_a_drag_of_an_end_sets_the_window(bench, show):
    panel = shown_histogram(bench, show, grey_frame(windows=(Window(300, 401),)))
    plot = panel.plot
    assert window_ends(plot.window()) == (99.5, 499.5)
    drag(plot, plot.x(499.5), plot.x(700))
    low, high = window_ends(bench.view.window)
    assert high == pytest.approx(700, abs=4)
    assert low == pytest.approx(99.5, abs=0.51)
    drag(plot, plot.x(low), plot.x(400))
    assert window_ends(bench.view.window)[0] == pytest.approx(400, abs=4)
    assert window_ends(bench.view.window)[1] == high


def test_that_a_drag_between_the_ends_moves_the_window(bench, show):
    panel = shown_histogram(bench, show, grey_frame(windows=(Window(300, 401),)))
    plot = panel.plot
    drag(plot, plot.x(300), plot.x(500))
    window = bench.view.window
    assert window.width == pytest.approx(401, abs=1)
    assert window.center == pytest.approx(500, abs=5)
    QTest.mouseDClick(plot, LEFT)
    assert bench.view.policy == FileVoi()


def test_that_keys_move_and_widen_the_window(bench, show):
    panel = shown_histogram(bench, show, grey_frame(windows=(Window(300, 400),)))
    QTest.keyClick(panel.plot, Qt.Key.Key_Right)
    # A hundredth of 399 values, to whole ones.
    assert bench.view.window == Window(304, 400)
    QTest.keyClick(panel.plot, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert bench.view.window == Window(304, 408)


def test_that_the_ends_can_never_cross(bench, show):
    panel = shown_histogram(bench, show, grey_frame(windows=(Window(300, 401),)))
    plot = panel.plot
    drag(plot, plot.x(99.5), plot.x(800))
    low, high = window_ends(bench.view.window)
    assert low == high == 500
    assert bench.view.window.width == 1


def test_that_another_frame_is_counted_when_it_stays(bench, show, qtbot):
    panel = shown_histogram(bench, show, grey_frame())
    first = panel.plot.counted
    open_case(bench, grey_frame(grey_frame().stored + 7))
    assert panel.plot.counted is first
    qtbot.waitUntil(lambda: panel.plot.counted is not first)


def test_that_ticks_are_round_and_inside():
    assert ticks(-3, 101, 5) == (0, 50, 100)
    assert ticks(0, 1, 10) == pytest.approx([i / 10 for i in range(11)])
    assert ticks(5, 5, 4) == ()


def test_that_logarithmic_heights_can_be_switched_off(bench, show):
    panel = shown_histogram(bench, show, grey_frame())
    before = panel.plot._bars()
    panel.logarithmic.setChecked(False)
    assert panel.plot._bars() != before


def drag(widget, start: float, end: float) -> None:
    # Rounded away from the other part: half a pixel is a value or two.
    first, last = QPoint(round(start), 40), QPoint(round(end), 40)
    QTest.mousePress(widget, LEFT, Qt.KeyboardModifier.NoModifier, first)
    QTest.mouseMove(widget, last)
    QTest.mouseRelease(widget, LEFT, Qt.KeyboardModifier.NoModifier, last)


def test_that_a_manual_window_outlives_the_frame(bench, show):
    pane = shown_pane(bench, show, grey_frame())
    bench.view.set_window(Window(50, 60))
    assert bench.view.policy == Manual(Window(50, 60))
    assert pane.window_bar.reset.isEnabled()
    pane.window_bar.reset.click()
    assert bench.view.policy == FileVoi()
    assert own_window(bench.case.frame) == Window(350, 900)


def test_that_perturbation_norms_leave_padding_out(bench, show):
    stored = np.full((40, 60), 500, np.uint16)
    stored[:, 30:] = 0
    frame = grey_frame(stored, padding=(0, 0))
    plan = plan_for(frame)
    image = np.full((1, 20, 20), 0.5, np.float32)
    changed = image + np.float32(2 / 255)
    changed[:, :, 15:] += np.float32(6 / 255)
    predicted(bench, frame, image, plan)
    bench.case.set_outcome(outcome(frame, plan, image, changed))
    pane = show(perturbation.DOCK.build(bench))
    assert pane.caption.full_text() == "Largest |δ| 2.0/255"
    assert pane.bar._clipped
