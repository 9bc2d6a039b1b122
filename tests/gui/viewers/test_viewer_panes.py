"""The four panes, driven by mouse and keys."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QKeySequence, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel
from viewer_cases import (
    card,
    color_frame,
    grey_frame,
    instance_of,
    open_case,
    outcome,
    plan_for,
    predicted,
    says,
    squeezed,
    turn,
)

from medadv_desktop.attacks.attack import AttackPreview
from medadv_desktop.gui.docks import adversarial, original, perturbation, second
from medadv_desktop.gui.palette import ShortcutSheet
from medadv_desktop.gui.state.view import Camera
from medadv_desktop.gui.viewers import canvas
from medadv_desktop.gui.viewers.colormaps import signed_table
from medadv_desktop.gui.viewers.controls import ProbeBar
from medadv_desktop.gui.viewers.input_steps import InputStepsDialog
from medadv_desktop.gui.viewers.keys import viewer_keys
from medadv_desktop.imaging.display import render
from medadv_desktop.imaging.frame import Photometric, Window

LEFT, RIGHT, MIDDLE = (
    Qt.MouseButton.LeftButton,
    Qt.MouseButton.RightButton,
    Qt.MouseButton.MiddleButton,
)


def drag(canvas, button, start: tuple[int, int], end: tuple[int, int], keys=None) -> None:
    keys = keys or Qt.KeyboardModifier.NoModifier
    QTest.mousePress(canvas, button, keys, QPoint(*start))
    QTest.mouseMove(canvas, QPoint(*end))
    QTest.mouseRelease(canvas, button, keys, QPoint(*end))


def turn_wheel(canvas, notches: int, at: tuple[int, int], keys=None) -> None:
    keys = keys or Qt.KeyboardModifier.NoModifier
    place = QPointF(*at)
    event = QWheelEvent(
        place,
        canvas.mapToGlobal(place),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        keys,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, event)


def painted(canvas) -> QImage:
    turn()
    return canvas.grab().toImage()


def color_at(canvas, row: float, column: float) -> QColor:
    projection = canvas.projection()
    at = QPoint(int(projection.x(column)), int(projection.y(row)))
    return painted(canvas).pixelColor(at)


def attacked_case(bench, frame=None, channels: int = 1):
    """A frame with a prediction and an outcome; δ is +4/255 in the upper half, −4/255 below."""
    frame = frame or grey_frame()
    plan = plan_for(frame, channels=channels)
    image = np.full((channels, 20, 20), 0.5, np.float32)
    delta = np.full_like(image, 4 / 255)
    delta[:, 10:] *= -1
    delta[:, :, 15:] = 0
    predicted(bench, frame, image, plan)
    result = outcome(frame, plan, image, image + delta)
    bench.case.set_outcome(result)
    turn()
    return result


def test_that_the_original_shows_what_render_shows(bench, show):
    pane = show(original.DOCK.build(bench), 260, 300)
    bench.view.toggle_overlays()
    frame = grey_frame()
    open_case(bench, frame)
    expected = render(frame, frame.windows[0])
    for row, column in ((2.5, 3.5), (20.5, 30.5), (38.5, 57.5)):
        assert color_at(pane.canvas, row, column).red() == expected[int(row), int(column)]


def test_that_a_left_drag_changes_window_and_pixels(bench, show):
    pane = show(original.DOCK.build(bench))
    frame = grey_frame()
    open_case(bench, frame)
    drag(pane.canvas, LEFT, (150, 100), (180, 90))
    # 300 pixels are the width of the file's window, 900; up is brighter.
    assert bench.view.window == Window(320.0, 990.0)
    expected = render(frame, Window(320.0, 990.0))
    bench.view.set_probe(None)
    assert color_at(pane.canvas, 20.5, 30.5).red() == expected[20, 30]


def test_that_a_drag_in_colour_changes_brightness_and_contrast(bench, show):
    pane = show(original.DOCK.build(bench))
    open_case(bench, color_frame())
    drag(pane.canvas, LEFT, (150, 100), (180, 90))
    # 300 pixels are the width of the whole range, 256.
    assert bench.view.window == Window(128 - 256 / 30, 256 + 25.6)
    assert bench.view.camera is None


def test_that_panes_of_different_size_show_the_same_place(bench, show):
    attacked_case(bench)
    small = show(original.DOCK.build(bench), 260, 260)
    large = show(adversarial.DOCK.build(bench), 500, 400)
    turn_wheel(small.canvas, 3, (100, 60))
    cameras = {p.canvas.projection().camera for p in (small, large)}
    assert cameras == {bench.view.camera}
    drag(large.canvas, MIDDLE, (100, 100), (120, 90))
    moved = bench.view.camera
    assert small.canvas.projection().camera == moved
    bench.view.fit_requested.emit()
    assert bench.view.camera is None
    assert small.canvas.projection().camera.scale < large.canvas.projection().camera.scale


def test_that_the_wheel_zooms_about_the_cursor(bench, show):
    pane = show(original.DOCK.build(bench))
    open_case(bench, grey_frame())
    before = pane.canvas.projection()
    turn_wheel(pane.canvas, 2, (120, 80))
    after = pane.canvas.projection()
    assert after.camera.scale == pytest.approx(before.camera.scale * 1.2**2)
    assert after.column(120) == pytest.approx(before.column(120))
    assert after.row(80) == pytest.approx(before.row(80))


def test_that_the_wheel_goes_through_frames_where_there_are_several(bench, show, qtbot):
    pane = show(original.DOCK.build(bench))
    frame = grey_frame()
    bench.case.set_frame(instance_of(frame, frames=5), frame)
    with qtbot.waitSignal(bench.view.frame_step) as step:
        turn_wheel(pane.canvas, -1, (50, 50))
    assert step.args == [1]
    assert bench.view.camera is None
    turn_wheel(pane.canvas, 1, (50, 50), Qt.KeyboardModifier.ControlModifier)
    assert bench.view.camera is not None


def test_that_shift_and_the_left_button_pan_and_the_right_button_zooms(bench, show):
    pane = show(original.DOCK.build(bench))
    open_case(bench, grey_frame())
    before = pane.canvas.projection().camera
    drag(pane.canvas, LEFT, (100, 80), (110, 80), Qt.KeyboardModifier.ShiftModifier)
    moved = bench.view.camera
    assert moved.column == pytest.approx(before.column - 10 / before.scale)
    assert bench.view.window is None
    drag(pane.canvas, RIGHT, (100, 80), (100, 40))
    assert bench.view.camera.scale > moved.scale


def test_that_keys_do_what_the_mouse_does(bench, show, qtbot):
    pane = show(original.DOCK.build(bench))
    open_case(bench, grey_frame())
    canvas = pane.canvas
    fitted = canvas.projection().camera.scale
    QTest.keyClick(canvas, Qt.Key.Key_Plus)
    assert bench.view.camera.scale == pytest.approx(1.2 * fitted)
    QTest.keyClick(canvas, Qt.Key.Key_1)
    assert bench.view.camera.scale * canvas.devicePixelRatioF() == 1.0
    column = bench.view.camera.column
    QTest.keyClick(canvas, Qt.Key.Key_Right)
    assert bench.view.camera.column > column
    QTest.keyClick(canvas, Qt.Key.Key_F)
    assert bench.view.camera is None
    QTest.keyClick(canvas, Qt.Key.Key_I)
    assert bench.view.invert
    bench.view.set_window(Window(1, 2))
    QTest.keyClick(canvas, Qt.Key.Key_R)
    assert bench.view.window is None
    with qtbot.waitSignal(bench.view.frame_step) as step:
        QTest.keyClick(canvas, Qt.Key.Key_PageDown)
    assert step.args == [1]


def test_that_enlarged_pixels_are_squares_until_blending_is_asked_for(bench, show):
    stored = np.zeros((40, 60), np.uint16)
    stored[:, 30:] = 4000
    pane = show(original.DOCK.build(bench))
    open_case(bench, grey_frame(stored))
    bench.view.set_camera(Camera(20, 30, 40))
    shades = {painted(pane.canvas).pixelColor(x, 100).red() for x in range(120, 180)}
    assert len(shades) == 2
    QTest.keyClick(pane.canvas, Qt.Key.Key_S)
    assert bench.view.smooth
    shades = {painted(pane.canvas).pixelColor(x, 100).red() for x in range(120, 180)}
    assert len(shades) > 5


def test_that_every_key_of_the_viewers_is_on_the_sheet(qapp):
    listed = " ".join(keys for _, keys in viewer_keys()["In a viewer"]).replace("−", "-").split()
    names = {QKeySequence(key).toString() for key in (*canvas._KEYS, *canvas._TOOL_KEYS)}
    assert names - {"="} <= set(listed)  # the plus sign without Shift
    sheet = ShortcutSheet({})
    everywhere = Qt.MatchFlag.MatchContains | Qt.MatchFlag.MatchRecursive
    texts = [item.text(0) for item in sheet.list.findItems("", everywhere)]
    assert {does for group in viewer_keys().values() for does, _ in group} <= set(texts)
    sheet.deleteLater()


def test_that_the_image_cannot_be_lost(bench, show):
    pane = show(original.DOCK.build(bench))
    open_case(bench, grey_frame())
    for _ in range(40):
        QTest.keyClick(pane.canvas, Qt.Key.Key_Right)
    assert bench.view.camera.column == 60


def test_that_pixels_have_the_aspect_of_their_spacing(bench, show):
    pane = show(original.DOCK.build(bench))
    open_case(bench, squeezed(2.0))
    projection = pane.canvas.projection()
    wide = projection.x(31) - projection.x(30)
    high = projection.y(21) - projection.y(20)
    assert high == pytest.approx(2 * wide)


def test_that_the_model_input_lies_on_the_part_of_the_frame_it_was_made_from(bench, show):
    frame = grey_frame(np.zeros((40, 60), np.uint16))
    plan = plan_for(frame, crop=True)
    image = np.zeros((1, 20, 20), np.float32)
    changed = image.copy()
    changed[0, 0, 0] = 1.0  # the model's first pixel: rows 0 to 2, columns 10 to 12
    predicted(bench, frame, image, plan)
    bench.case.set_outcome(outcome(frame, plan, image, changed))
    pane = show(adversarial.DOCK.build(bench), 360, 300)
    assert color_at(pane.canvas, 1, 11).red() == 255
    assert color_at(pane.canvas, 1, 13).red() < 60
    assert color_at(pane.canvas, 3, 11).red() < 60
    assert color_at(pane.canvas, 1, 5) == bench.theme.color("image")


def test_that_the_way_to_the_model_input_is_told_number_by_number(bench, show):
    pane = show(original.DOCK.build(bench))
    frame = grey_frame()
    open_case(bench, frame)
    told = pane.which.button("model-input").toolTip
    assert told().count("\n") == 0
    plan = plan_for(frame)
    predicted(bench, frame, np.zeros((1, 20, 20), np.float32), plan)
    assert f"{plan.low:g} to {plan.high:g}" in told()
    assert "20 × 20" in told()


def test_that_the_steps_to_the_model_input_stand_in_a_window_and_are_copied(bench, show):
    pane = show(original.DOCK.build(bench), 400, 300)
    frame = grey_frame()
    plan = replace(plan_for(frame, crop=True), notes=("12 padding pixels are black",))
    predicted(bench, frame, np.zeros((1, 20, 20), np.float32), plan)
    QTest.mouseClick(pane.steps, LEFT)
    dialog = pane.findChild(InputStepsDialog)
    texts = [label.text() for label in dialog.findChildren(QLabel)]
    for said in (
        "First net",
        "60×40, grey, 12 bit",
        "-100 to 8090 become 0 to 1, clipped beyond",
        "20 × 30, bilinear with antialiasing",
        "20 × 20 from row 0, column 5",
        "rows 0.0 to 40.0, columns 10.0 to 50.0 of the file",
        "minus mean (0), over standard deviation (1)",
        "12 padding pixels are black",
    ):
        assert said in texts, said
    dialog.copy()
    assert "Crop: 20 × 20 from row 0, column 5" in QApplication.clipboard().text()
    bench.case.set_frame(None, None)
    assert not dialog.steps.sections
    bench.view.input_steps_wanted.emit()
    assert pane.findChildren(InputStepsDialog) == [dialog]
    dialog.close()


def test_that_the_crop_is_outlined_on_the_source(bench, show):
    frame = grey_frame()
    plan = plan_for(frame, crop=True)
    predicted(bench, frame, np.zeros((1, 20, 20), np.float32), plan)
    pane = show(original.DOCK.build(bench))
    assert pane.canvas._outline == (0, 10, 40, 40)
    predicted(bench, frame, np.zeros((1, 20, 20), np.float32), plan_for(frame))
    assert pane.canvas._outline is None


@pytest.mark.parametrize("photometric", [Photometric.MONOCHROME1, Photometric.MONOCHROME2])
def test_that_source_and_model_view_agree_on_light_and_dark(bench, show, photometric):
    stored = np.zeros((40, 60), np.uint16)
    stored[:, 30:] = 4000
    frame = grey_frame(stored, photometric, windows=())
    plan = plan_for(frame)
    values = (frame.modality_values()[::2, ::3] - plan.low) / (plan.high - plan.low)
    values = 1 - values if plan.inverted else values
    predicted(bench, frame, values[None].astype(np.float32), plan)
    pane = show(original.DOCK.build(bench))
    bench.view.set_original_view("source")
    source = color_at(pane.canvas, 20, 10).red(), color_at(pane.canvas, 20, 50).red()
    bench.view.set_original_view("model-input")
    turn()
    model = color_at(pane.canvas, 20, 10).red(), color_at(pane.canvas, 20, 50).red()
    assert source == model
    bright_right = photometric is Photometric.MONOCHROME2
    assert (source[1] > source[0]) is bright_right


def test_that_the_perturbation_is_coloured_by_sign_with_zero_neutral(bench, show):
    attacked_case(bench)
    pane = show(perturbation.DOCK.build(bench))
    table = [QColor(*map(int, c)) for c in (signed_table()[-1], signed_table()[0])]
    assert color_at(pane.canvas, 5, 10) == table[0]
    assert color_at(pane.canvas, 35, 10) == table[1]
    assert color_at(pane.canvas, 5, 55) == QColor(*map(int, signed_table()[255]))
    assert pane.bar.labels() == ("−4.0", "0", "+4.0 /255")


def test_that_amplification_moves_the_limits_and_says_that_colours_are_clipped(bench, show):
    attacked_case(bench)
    pane = show(perturbation.DOCK.build(bench))
    assert "arrows" not in pane.bar.toolTip()
    pane.slider.slider.setValue(20)
    turn()
    assert bench.view.amplification == 4.0
    assert pane.bar.labels() == ("−1.0", "0", "+1.0 /255")
    assert "arrows" in pane.bar.toolTip()


def test_that_the_channel_is_offered_for_colour_only(bench, show):
    attacked_case(bench)
    pane = show(perturbation.DOCK.build(bench))
    assert not pane.channel.isVisible()
    attacked_case(bench, color_frame(), channels=3)
    assert pane.channel.isVisible()


def test_that_the_original_turns_to_the_model_input_when_an_outcome_arrives(bench, show):
    pane = show(original.DOCK.build(bench))
    attacked_case(bench)
    assert pane.which.value() == "model-input"
    open_case(bench, grey_frame())
    assert pane.which.value() == "source"


def test_that_a_choice_of_the_original_made_by_hand_stays(bench, show):
    pane = show(original.DOCK.build(bench))
    open_case(bench, grey_frame())
    QTest.mouseClick(pane.which.button("model-input"), LEFT)
    QTest.mouseClick(pane.which.button("source"), LEFT)
    attacked_case(bench)
    assert bench.view.original_view == "source"


def test_that_a_running_attack_shows_its_step(bench, show):
    frame = grey_frame()
    image = np.full((1, 20, 20), 0.5, np.float32)
    predicted(bench, frame, image, plan_for(frame))
    pane = show(adversarial.DOCK.build(bench))
    assert pane.canvas.message == "Run an attack to see what it does to this image."
    bench.controller.attacking = True
    bench.controller.ready_to_attack_changed.emit()
    turn()
    assert "running" in pane.canvas.message
    bench.case.set_preview(AttackPreview(5, 20, image + np.float32(0.1)))
    turn()
    assert pane.caption.full_text() == "Step 5 of 20"
    assert pane.canvas.picture is not None


def test_that_empty_panes_say_what_to_do(bench, show):
    first = show(original.DOCK.build(bench))
    assert first.canvas.message == "Open an image, or drop files or a folder here."
    other = show(second.DOCK.build(bench))
    open_case(bench, grey_frame())
    assert other.canvas.message.startswith("Choose a second model")
    bench.view.set_original_view("model-input")
    turn()
    assert first.canvas.message == "Choose a model to see what it sees."
    bench.case.set_model("net")
    turn()
    assert first.canvas.message == "The model gave no prediction. The log says why."
    bench.jobs.add(1, "Predict")
    turn()
    assert first.canvas.message == "The model is looking at the image…"


def test_that_the_second_model_shows_its_own_input_and_verdict(bench, show):
    frame, plan = grey_frame(), plan_for(grey_frame())
    image = np.full((1, 20, 20), 0.5, np.float32)
    own = np.zeros((1, 10, 10), np.float32)
    predicted(bench, frame, image, plan)
    bench.case.set_second_model("other")
    pane = show(second.DOCK.build(bench), 420, 300)
    other = card(name="Other net")
    result = outcome(
        frame,
        plan,
        image,
        image,
        second_clean=says(other, 0.9, 0.1),
        second_attacked=says(other, 0.2, 0.8),
        second_plan=plan_for(frame, size=10),
        second_original=own,
        second_adversarial=own + 1,
    )
    bench.case.set_outcome(result)
    turn()
    assert pane.caption.full_text() == "melanoma 0.80"
    assert pane.judgement.full_text() == "Other net: naevus → melanoma"
    assert color_at(pane.canvas, 20, 30).red() == 255
    QTest.mouseClick(pane.which.button("clean"), LEFT)
    turn()
    assert pane.caption.full_text() == "naevus 0.90"
    assert color_at(pane.canvas, 20, 30).red() < 60


def test_that_the_probe_is_seen_in_all_panes_and_read_in_each(bench, show):
    attacked_case(bench)
    first = show(original.DOCK.build(bench))
    third = show(perturbation.DOCK.build(bench))
    bar = show(ProbeBar(bench), 700, 30)
    projection = first.canvas.projection()
    at = QPoint(round(projection.x(10.5)), round(projection.y(5.5)))
    QTest.mouseMove(first.canvas, at)
    row, column = (int(v) for v in bench.view.probe)
    assert (row, column) == (5, 10)
    value = 10 * row + column
    assert bar.text().startswith(
        f"row 5, column 10 · stored {value} · modality {2 * value - 100} HU"
    )
    assert bar.text().endswith("δ +4.0/255")
    assert third.canvas._notes["bottom-left"] == "δ +4.0/255"
    cross = third.canvas.projection()
    x, y = round(cross.x(bench.view.probe[1])), round(cross.y(bench.view.probe[0]))
    assert painted(third.canvas).pixelColor(x + 10, y) == bench.theme.color("crosshair")


def test_that_the_probe_leaves_with_the_cursor(bench, show):
    pane = show(original.DOCK.build(bench))
    open_case(bench, grey_frame())
    QTest.mouseMove(pane.canvas, QPoint(150, 100))
    assert bench.view.probe is not None
    QTest.mouseMove(pane.canvas, QPoint(1, 1))
    assert bench.view.probe is None


def test_that_window_fields_and_view_follow_each_other(bench, show):
    pane = show(original.DOCK.build(bench), 420, 300)
    open_case(bench, grey_frame())
    bar = pane.window_bar
    assert (bar.center.value(), bar.width_field.value()) == (350, 900)
    bar.width_field.setValue(400)
    assert bench.view.window == Window(350.0, 400.0)
    bench.view.set_window(Window(40.0, 80.0))
    assert (bar.center.value(), bar.width_field.value()) == (40, 80)
    QTest.mouseClick(bar.reset, LEFT)
    assert bench.view.window is None
    assert bar.width_field.value() == 900
    QTest.mouseClick(bar.invert, LEFT)
    assert bench.view.invert


def test_that_another_file_starts_fitted_in_its_own_window_and_another_frame_does_not(bench, show):
    pane = show(original.DOCK.build(bench))
    frame = grey_frame()
    instance = instance_of(frame, frames=2)
    bench.case.set_frame(instance, frame)
    bench.view.set_window(Window(1.0, 2.0))
    bench.view.set_camera(Camera(10, 10, 3))
    bench.case.set_frame(instance, grey_frame(frame.stored + 1))
    assert bench.view.window == Window(1.0, 2.0)
    assert bench.view.camera == Camera(10, 10, 3)
    open_case(bench, color_frame())
    assert bench.view.window is None
    assert bench.view.camera is None
    assert pane.canvas.picture.size == (20, 30)


def test_that_hidden_panes_do_no_work(bench, show):
    pane = show(original.DOCK.build(bench))
    pane.hide()
    open_case(bench, grey_frame())
    assert pane.canvas.picture is None
    pane.show()
    assert pane.canvas.picture is not None


def test_that_every_control_has_a_name_and_a_tooltip(bench, show):
    attacked_case(bench, color_frame(), channels=3)
    for dock in (original, perturbation, adversarial, second):
        pane = show(dock.DOCK.build(bench))
        for kind in ("QToolButton", "QComboBox", "QSlider", "QDoubleSpinBox"):
            for control in pane.findChildren(object):
                if control.metaObject().className() == kind:
                    assert control.accessibleName(), (dock, kind)
                    assert control.toolTip(), (dock, kind)
        assert pane.canvas.accessibleName()


def test_that_dragging_the_window_of_a_large_radiograph_is_smooth(bench, show):
    rng = np.random.default_rng(0)
    stored = rng.integers(0, 4096, (2000, 2000)).astype(np.uint16)
    pane = show(original.DOCK.build(bench), 350, 364)
    open_case(bench, grey_frame(stored))
    pane.canvas.grab()
    times = []
    for step in range(9):
        start = time.thread_time()  # others may need the processor meanwhile
        bench.view.set_window(Window(2000.0 + step, 3000.0))
        turn()
        pane.canvas.repaint()
        times.append(time.thread_time() - start)
    assert np.median(times) < 0.03
