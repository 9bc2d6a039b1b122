"""Lines, angles and regions: drawn, moved, evaluated on every image, undone."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from viewer_cases import color_frame, grey_frame, open_case, outcome, plan_for, predicted, turn

from medadv_desktop.gui.docks import adversarial, original, perturbation
from medadv_desktop.gui.docks import measurements as measurements_dock
from medadv_desktop.gui.state.measurements import new_measurement
from medadv_desktop.gui.viewers import marks
from medadv_desktop.gui.viewers.measured import figure, statistics_on
from medadv_desktop.gui.viewers.showing import frame_key
from medadv_desktop.imaging.frame import Photometric, Spacing
from medadv_desktop.imaging.measuring import Ellipse, Rectangle

LEFT = Qt.MouseButton.LeftButton
PLAIN = Qt.KeyboardModifier.NoModifier


def attacked(bench, photometric=Photometric.MONOCHROME2, **changes):
    """A 40×60 frame seen whole as 20×30 pixels, changed by +1 % of the scale on the right."""
    frame = grey_frame(photometric=photometric, spacing=Spacing(0.5, 0.25), **changes)
    plan = plan_for(frame, crop=False)
    image = np.linspace(0, 1, 400, dtype=np.float32).reshape(1, 20, 20)
    changed = image.copy()
    changed[:, :, 10:] = np.minimum(changed[:, :, 10:] + np.float32(0.01), 1)
    predicted(bench, frame, image, plan)
    bench.case.set_outcome(outcome(frame, plan, image, changed))
    return frame, plan, image, changed


def at(canvas, row: float, column: float) -> QPoint:
    projection = canvas.projection()
    return QPoint(round(projection.x(column)), round(projection.y(row)))


def drag(canvas, start: tuple[float, float], end: tuple[float, float]) -> None:
    first, last = at(canvas, *start), at(canvas, *end)
    QTest.mousePress(canvas, LEFT, PLAIN, first)
    QTest.mouseMove(canvas, last)
    QTest.mouseRelease(canvas, LEFT, PLAIN, last)


def near(points) -> list:
    """A pixel of the screen is a fraction of one of the frame."""
    return [pytest.approx(p, abs=0.2) for p in points]


def draw(bench, kind: str, *points) -> int:
    m = new_measurement(kind, frame_key(bench.case.frame), points)
    bench.view.measurements.add(m)
    return m.id


def test_that_figures_equal_numpy_on_every_image(bench):
    frame, _, image, changed = attacked(bench)
    region = Rectangle(10, 15, 12, 30)
    source = statistics_on(bench.case, "source", region)
    values = frame.stored[10:22, 15:45] * 2.0 - 100
    assert source.pixels == values.size
    assert (source.mean, source.deviation) == pytest.approx((values.mean(), values.std()))
    assert (source.minimum, source.maximum) == (values.min(), values.max())
    assert source.area.value == pytest.approx(12 * 30 * 0.5 * 0.25)
    assert (source.area.unit, source.units) == ("mm²", "HU")
    # The input has 20×20 pixels of 2×3 of the frame's: rows 5 to 10, columns 5 to 14.
    for name, pixels in (("model-input", image), ("adversarial", changed)):
        found = statistics_on(bench.case, name, region)
        behind = -100 + pixels[0, 5:11, 5:15].astype(np.float64) * 8190
        assert found.pixels == 60
        assert (found.mean, found.deviation) == pytest.approx((behind.mean(), behind.std()))
        assert (found.minimum, found.maximum) == pytest.approx((behind.min(), behind.max()))
        assert found.area == source.area


def test_that_figures_of_an_inverted_image_are_its_own_values(bench):
    _, _, image, _ = attacked(bench, photometric=Photometric.MONOCHROME1)
    found = statistics_on(bench.case, "model-input", Rectangle(0, 0, 40, 60))
    behind = -100 + (1 - image[0].astype(np.float64)) * 8190
    assert found.mean == pytest.approx(behind.mean())
    assert found.minimum == pytest.approx(behind.min(), abs=1e-3)


def test_that_figures_of_colour_are_luma_on_both_sides(bench):
    frame = color_frame()
    plan = plan_for(frame, channels=3)
    image = np.zeros((3, 20, 20), np.float32)
    image[0] = 1.0
    predicted(bench, frame, image, plan)
    assert statistics_on(bench.case, "model-input", Rectangle(0, 0, 9, 9)).mean == pytest.approx(
        0.299 * 255
    )
    luma = np.array((10, 20, 30)) @ (0.299, 0.587, 0.114)
    assert statistics_on(bench.case, "source", Rectangle(5, 7, 1, 1)).maximum == pytest.approx(luma)


def test_that_padding_is_not_counted_on_any_image(bench):
    stored = np.full((40, 60), 500, np.uint16)
    stored[:, :30] = 0
    attacked(bench, stored=stored, padding=(0, 0))
    assert statistics_on(bench.case, "source", Rectangle(0, 20, 10, 20)).pixels == 100
    # To the left of the middle there is padding alone, whatever the model input holds there.
    assert statistics_on(bench.case, "adversarial", Rectangle(0, 20, 10, 9)).pixels == 0


def test_that_an_ellipse_drawn_in_one_viewer_is_evaluated_in_all(bench, show):
    frame, _, _, _ = attacked(bench)
    bench.view.set_original_view("source")
    first = show(original.DOCK.build(bench), 500, 400)
    second = show(adversarial.DOCK.build(bench), 400, 400)
    third = show(perturbation.DOCK.build(bench))
    bench.view.set_tool("ellipse")
    drag(first.canvas, (5, 10), (25, 40))
    (m,) = bench.view.measurements.on(frame_key(frame))
    assert list(m.points) == near([(5, 10), (25, 40)])
    expected = frame.modality_values()[m.region.mask(frame.shape)]
    mean = first._figures_of(m)[0]
    assert mean == f"{m.id}: mean {figure(expected.mean())} HU, SD {figure(expected.std())}"
    assert isinstance(m.region, Ellipse)
    assert second._figures_of(m)[0] != mean
    assert second._figures_of(m)[-1] == first._figures_of(m)[-1]
    assert "/255" in third._figures_of(m)[0]
    bench.view.set_original_view("model-input")
    turn()
    assert first._figures_of(m)[0] != mean


def test_that_a_length_is_drawn_by_dragging_or_by_two_clicks(bench, show):
    open_case(bench, grey_frame(spacing=Spacing(0.5, 0.25)))
    pane = show(original.DOCK.build(bench), 500, 400)
    bench.view.set_tool("distance")
    drag(pane.canvas, (10, 10), (10, 50))
    QTest.mouseClick(pane.canvas, LEFT, PLAIN, at(pane.canvas, 30, 10))
    QTest.mouseMove(pane.canvas, at(pane.canvas, 30, 20))
    QTest.mouseClick(pane.canvas, LEFT, PLAIN, at(pane.canvas, 30, 50))
    first, second = bench.view.measurements.on(frame_key(bench.case.frame))
    assert list(first.points) == near([(10, 10), (10, 50)])
    assert list(second.points) == near([(30, 10), (30, 50)])
    assert float(pane._figures_of(first)[0].split()[1]) == pytest.approx(40 * 0.25, abs=0.1)
    assert bench.view.window is None


def test_that_an_angle_has_its_vertex_in_the_middle(bench, show):
    open_case(bench, grey_frame())
    pane = show(original.DOCK.build(bench), 500, 400)
    bench.view.set_tool("angle")
    drag(pane.canvas, (10, 10), (30, 10))
    assert bench.view.measurements.on(frame_key(bench.case.frame)) == ()
    QTest.mouseClick(pane.canvas, LEFT, PLAIN, at(pane.canvas, 30, 40))
    (m,) = bench.view.measurements.on(frame_key(bench.case.frame))
    assert list(m.points) == near([(10, 10), (30, 10), (30, 40)])
    value = float(pane._figures_of(m)[0].split(": ")[1].rstrip("°"))
    assert value == pytest.approx(90, abs=1)


def test_that_handles_and_lines_are_dragged_and_undone(bench, show):
    open_case(bench, grey_frame())
    pane = show(original.DOCK.build(bench), 500, 400)
    number = draw(bench, "rectangle", (10, 10), (20, 30))
    measured, undo = bench.view.measurements, bench.view.measurements.undo
    drag(pane.canvas, (20, 30), (30, 40))  # a corner
    assert list(measured.get(number).points) == near([(10, 10), (30, 40)])
    drag(pane.canvas, (10, 25), (5, 30))  # the upper edge
    moved = measured.get(number).points
    assert list(moved) == near([(5, 15), (25, 45)])
    undo.undo()
    assert list(measured.get(number).points) == near([(10, 10), (30, 40)])
    undo.undo()
    assert measured.get(number).points == ((10, 10), (20, 30))
    undo.undo()
    assert measured.get(number) is None
    for _ in range(3):
        undo.redo()
    assert measured.get(number).points == moved
    # None of this touched the window, which a drag beside the lines still does.
    assert bench.view.window is None
    drag(pane.canvas, (15, 20), (15, 25))
    assert bench.view.window is not None


def test_that_the_two_corners_that_were_not_drawn_are_handles_too():
    m = new_measurement("rectangle", (None, 0), ((10, 10), (20, 30)))
    assert m.handles[2:] == ((10, 30), (20, 10))
    assert m.with_handle(2, (12, 35)).points == ((12, 10), (20, 35))
    assert m.with_handle(3, (25, 5)).points == ((10, 5), (25, 30))
    assert m.with_handle(0, (40, 50)).region == Rectangle(20, 30, 20, 20)


def test_that_deleting_is_undone(bench, show):
    open_case(bench, grey_frame())
    pane = show(original.DOCK.build(bench))
    number = draw(bench, "distance", (1, 1), (5, 5))
    other = draw(bench, "distance", (1, 1), (9, 5))
    QTest.keyClick(pane.canvas, Qt.Key.Key_Delete)
    assert bench.view.measurements.get(other) is None
    bench.view.measurements.undo.undo()
    bench.view.measurements.delete_all(frame_key(bench.case.frame))
    assert bench.view.measurements.on(frame_key(bench.case.frame)) == ()
    bench.view.measurements.undo.undo()
    found = bench.view.measurements.on(frame_key(bench.case.frame))
    assert [m.id for m in found] == [number, other]


def test_that_keys_draw_and_move(bench, show):
    open_case(bench, grey_frame())
    pane = show(original.DOCK.build(bench))
    QTest.keyClick(pane.canvas, Qt.Key.Key_D)
    assert bench.view.tool == "distance"
    bench.view.set_probe((10.5, 10.5))
    QTest.keyClick(pane.canvas, Qt.Key.Key_Return)
    for _ in range(3):
        QTest.keyClick(pane.canvas, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(pane.canvas, Qt.Key.Key_Return)
    (m,) = bench.view.measurements.on(frame_key(bench.case.frame))
    assert m.points == ((10.5, 10.5), (10.5, 13.5))
    QTest.keyClick(pane.canvas, Qt.Key.Key_Down, Qt.KeyboardModifier.ControlModifier)
    assert bench.view.measurements.get(m.id).points == ((11.5, 10.5), (11.5, 13.5))


def test_that_escape_gives_up_what_is_drawn_and_keeps_the_key(bench, show):
    open_case(bench, grey_frame())
    pane = show(original.DOCK.build(bench))
    bench.view.set_tool("angle")
    drag(pane.canvas, (10, 10), (30, 10))
    key = QKeyEvent(QKeyEvent.Type.ShortcutOverride, Qt.Key.Key_Escape, PLAIN)
    key.ignore()
    QApplication.sendEvent(pane.canvas, key)
    assert key.isAccepted()
    QTest.keyClick(pane.canvas, Qt.Key.Key_Escape)
    assert not pane.canvas._hand.holds
    assert bench.view.measurements.on(frame_key(bench.case.frame)) == ()


def test_that_a_click_without_a_drag_measures_nothing(bench, show):
    open_case(bench, grey_frame())
    pane = show(original.DOCK.build(bench))
    bench.view.set_tool("rectangle")
    QTest.mouseClick(pane.canvas, LEFT, PLAIN, at(pane.canvas, 10, 10))
    QTest.mouseClick(pane.canvas, LEFT, PLAIN, at(pane.canvas, 10, 10))
    assert bench.view.measurements.on(frame_key(bench.case.frame)) == ()
    assert not bench.view.measurements.undo.canUndo()


def test_that_measurements_belong_to_their_frame(bench, show):
    open_case(bench, grey_frame())
    show(original.DOCK.build(bench))
    number = draw(bench, "distance", (1, 1), (5, 5))
    first = bench.case.frame
    open_case(bench, color_frame())
    assert bench.view.measurements.on(frame_key(bench.case.frame)) == ()
    open_case(bench, first)
    assert [m.id for m in bench.view.measurements.on(frame_key(first))] == [number]


def test_that_points_outside_are_put_on_the_edge(bench, show):
    open_case(bench, grey_frame())
    pane = show(original.DOCK.build(bench), 500, 400)
    bench.view.set_tool("distance")
    drag(pane.canvas, (10, 10), (90, 10))
    (m,) = bench.view.measurements.on(frame_key(bench.case.frame))
    assert m.points[1][0] == 40


def test_that_measurements_are_painted_and_can_be_hidden(bench, show):
    open_case(bench, grey_frame(np.zeros((40, 60), np.uint16)))
    pane = show(original.DOCK.build(bench), 500, 400)
    draw(bench, "rectangle", (10, 10), (20, 30))
    color = bench.theme.color("measure")
    place = at(pane.canvas, 10, 20)

    def painted() -> bool:
        image = pane.canvas.grab().toImage()
        around = [image.pixelColor(place + QPoint(0, d)) for d in (-1, 0, 1)]
        return any(abs(c.green() - color.green()) < 40 and c.green() > c.red() for c in around)

    assert painted()
    bench.view.set_overlay("measurements", False)
    assert not painted()


def test_that_figures_stand_where_they_cover_the_least():
    canvas, size = QSizeF(300, 200), QSizeF(80, 30)

    def at(shape: QRectF, *taken: QRectF) -> tuple[float, float]:
        box = marks.placed(size, shape, canvas, taken)
        assert QRectF(QPointF(), canvas).contains(box)
        return box.left(), box.top()

    shape = QRectF(100, 50, 60, 40)
    assert at(shape) == (168, 50)  # to its right
    assert at(shape, QRectF(165, 40, 135, 50)) == (100, 96)  # below
    assert at(QRectF(200, 50, 90, 40)) == (200, 96)  # no room to its right
    assert at(QRectF(200, 150, 90, 40)) == (200, 114)  # nor below
    assert at(QRectF(10, 100, 280, 0)) == (10, 106)  # below a line from side to side


# The list


def test_that_the_list_tells_every_image_and_copies(bench, show):
    frame, _, _, changed = attacked(bench)
    panel = show(measurements_dock.DOCK.build(bench), 700, 240)
    assert "menu Measure" in panel.words.text()
    draw(bench, "distance", (0, 0), (0, 40))
    number = draw(bench, "rectangle", (10, 15), (22, 45))
    texts = [[i.text(c) for c in range(8)] for i in panel.tree.items()]
    assert texts[0][1] == "10.00 mm"
    assert [t[0] for t in texts[2:]] == ["Source", "Model input", "Adversarial"]
    behind = -100 + changed[0, 5:11, 5:15].astype(np.float64) * 8190
    assert texts[4][2] == figure(behind.mean())
    assert texts[4][6:] == ["HU", "60"]
    panel.copy.click()
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0].startswith("Measurement\tSize\tMean")
    assert len(lines) == 6
    panel.csv.click()
    rows = list(csv.DictReader(io.StringIO(QGuiApplication.clipboard().text())))
    assert [r["image"] for r in rows] == ["", "Source", "Model input", "Adversarial"]
    assert float(rows[3]["mean"]) == pytest.approx(behind.mean())
    assert rows[1]["file"] == ""  # patient data is hidden
    bench.controller.privacy.set_masked(False)
    panel.csv.click()
    assert "scan.dcm" in QGuiApplication.clipboard().text()
    panel.tree.setCurrentItem(panel.tree.items()[2])
    assert bench.view.measurements.selected == number
    panel.remove.click()
    assert len(panel.rows()) == 1
    assert frame_key(frame) == panel.rows()[0].measurement.frame


def test_that_selecting_on_the_image_selects_in_the_list(bench, show):
    open_case(bench, grey_frame())
    panel = show(measurements_dock.DOCK.build(bench), 700, 240)
    first = draw(bench, "distance", (0, 0), (0, 40))
    draw(bench, "distance", (0, 0), (20, 40))
    bench.view.measurements.select(first)
    assert panel.tree.currentItem().text(0).startswith(f"{first} ")
    bench.view.measurements.select(None)
    assert not panel.remove.isEnabled()
