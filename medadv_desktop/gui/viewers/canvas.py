"""The dark area of a viewer: paints a picture where the camera says and reads mouse and keys."""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from medadv_desktop.gui.state.case import Case
from medadv_desktop.gui.state.measurements import Measurement
from medadv_desktop.gui.state.view import Camera, ViewState
from medadv_desktop.gui.theme import MEDIUM, SMALL, Theme, font
from medadv_desktop.gui.viewers import marks, overlays
from medadv_desktop.gui.viewers.camera import Projection, fitting
from medadv_desktop.gui.viewers.hand import Hand
from medadv_desktop.gui.viewers.pictures import Part, Picture, Region, to_image
from medadv_desktop.gui.viewers.showing import (
    as_window,
    aspect_of,
    current_voi,
    dragged_window,
    frame_key,
    looks_inverted,
    own_window,
)

_CROSS_GAP, _CROSS_ARM = 5, 15
_WHEEL_STEP = 120  # Qt: eighths of a degree of one notch
_ZOOM_PER_NOTCH = 1.2
_PAN_BY_KEY = 40
_FINE = 0.1  # share of a window drag that counts while Ctrl is held

_TEXT_FLAGS = {
    "top-left": Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft,
    "top-right": Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight,
    "bottom-left": Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft,
    "bottom-right": Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignRight,
}


class ImageCanvas(QWidget):
    """Shows one picture in frame coordinates, linked with all others through the view state.

    Left drag: window (of colour each channel's), finely with Ctrl; or what the tool of the view
    draws; or a measurement under the cursor. Middle drag, or left with Shift or Space: pan. Right
    drag: zoom. Wheel: frames where there are several, else zoom; Ctrl and wheel: zoom. Double
    click: fit.

    Signals:
        notes_needed: place, size or point under study changed: corner texts may have to change.
    """

    notes_needed = Signal()

    def __init__(
        self, case: Case, view: ViewState, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._case, self._view, self._theme = case, view, theme
        self._picture: Picture | None = None
        self._painted: tuple[object, ...] = ()
        self._image = QImage()
        self._message = ""
        self._outline: Region | None = None
        self._notes: dict[str, str] = {}
        self._figures: Callable[[Measurement], tuple[str, ...]] = lambda _: ()
        self._drag: _Drag | None = None
        self._hand = Hand(case, view)
        self._space = False
        self._wheel = 0
        self.setMinimumSize(140, 110)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setCursor(Qt.CursorShape.CrossCursor)
        # No tooltip: it would stand in front of the image.
        self.setWhatsThis(self._help())
        view.camera_changed.connect(self._moved)
        view.one_to_one_requested.connect(self._one_to_one)
        view.probe_changed.connect(self._moved)
        for changed in (
            view.smooth_changed,
            view.overlays_changed,
            view.measurements.changed,
            view.measurements.selected_changed,
        ):
            changed.connect(self.update)
        view.tool_changed.connect(self._hand.cancel)
        case.frame_changed.connect(self._hand.cancel)

    def sizeHint(self) -> QSize:
        return QSize(340, 280)

    def _help(self) -> str:
        return self.tr(
            "Drag with the left button: window (right: wider, up: brighter; with Ctrl: finely). "
            "L: window, D: distance, A: angle, B: rectangle, E: ellipse; drag, or click each "
            "point; Return sets a point at the probe. Drag a line or handle to change it, Delete "
            "removes it. O: texts and marks over the image. "
            "Shift or Space and left button, or middle button: move. Right button: zoom. "
            "Wheel: frames, or zoom; with Ctrl always zoom. Double click or F: fit. 1: one to one. "
            "I: invert. R: the file's window. S: blend enlarged pixels. Arrows: move. "
            "Shift and arrows: step the probe. "
            "Page up and down, Home and End: frames. P: play. W: window presets."
        )

    def set_picture(self, picture: Picture | None, message: str = "") -> None:
        """Show a picture, or in its place a sentence that says what to do."""
        self._picture, self._message = picture, message
        self._painted = ()
        self.update()

    def set_outline(self, region: Region | None) -> None:
        """Frame a part of the image: what the model sees of it."""
        self._outline = region
        self.update()

    def set_notes(self, notes: dict[str, str]) -> None:
        """Texts in the corners: "top-left", "top-right", "bottom-left", "bottom-right"."""
        if notes != self._notes:
            self._notes = notes
            self.update()

    def set_figures(self, figures: Callable[[Measurement], tuple[str, ...]]) -> None:
        """What to write beside each measurement."""
        self._figures = figures

    @property
    def picture(self) -> Picture | None:
        return self._picture

    @property
    def message(self) -> str:
        return self._message

    def projection(self) -> Projection | None:
        """Where frame points stand on this canvas; None without a frame."""
        frame = self._case.frame
        if frame is None:
            return None
        aspect = aspect_of(frame)
        camera = self._view.camera or fitting(
            frame.shape, aspect, self.width(), self.height(), margin=SMALL
        )
        return Projection(camera, self.width(), self.height(), aspect)

    # Painting

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._theme.color("image"))
        projection = self.projection()
        if self._picture is None or projection is None:
            self._paint_message(painter)
        else:
            self._paint_picture(painter, projection)
            self._paint_overlays(painter, projection)
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.color("image_accent"), 1))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _paint_picture(self, painter: QPainter, projection: Projection) -> None:
        picture = self._picture
        region = picture.region
        down, across = region[2] / picture.size[0], region[3] / picture.size[1]
        on_screen = projection.camera.scale * across * self.devicePixelRatioF()
        reduction = max(int(1 / on_screen + 1e-6), 1)
        part = self._part_in_sight(projection, region, (down * reduction, across * reduction))
        if part is None:
            return
        key = (reduction, *((s.start, s.stop) for s in part))
        if key != self._painted:
            self._image, self._painted = to_image(picture.pixels(reduction, part)), key
        smooth = self._view.smooth or on_screen < 1
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        target = _on_screen(
            projection,
            (
                region[0] + part[0].start * reduction * down,
                region[1] + part[1].start * reduction * across,
                self._image.height() * reduction * down,
                self._image.width() * reduction * across,
            ),
        )
        painter.save()
        painter.setClipRect(_on_screen(projection, region))
        painter.drawImage(target, self._image, QRectF(self._image.rect()))
        painter.restore()

    def _part_in_sight(
        self, projection: Projection, region: Region, pixel: tuple[float, float]
    ) -> Part | None:
        """The reduced pixels on the canvas, one more on each side; None where there are none."""
        seen = (
            (projection.row(0), projection.row(self.height()), region[0], region[2], pixel[0]),
            (projection.column(0), projection.column(self.width()), region[1], region[3], pixel[1]),
        )
        slices = []
        for first, last, start, length, side in seen:
            count = math.ceil(length / side - 1e-9)
            low = max(math.floor((first - start) / side) - 1, 0)
            high = min(math.ceil((last - start) / side) + 1, count)
            if low >= high:
                return None
            slices.append(slice(low, high))
        return slices[0], slices[1]

    def _paint_overlays(self, painter: QPainter, projection: Projection) -> None:
        shown, frame = self._view.overlays, self._case.frame
        if "crop" in shown:
            self._paint_outline(painter, projection)
        if "letters" in shown:
            overlays.paint_letters(painter, frame, projection, self._theme)
        if "scale-bar" in shown:
            overlays.paint_scale_bar(painter, frame, projection, self._theme)
        self._paint_notes(painter)
        if "measurements" in shown:
            self._paint_measurements(painter, projection)
        if "crosshair" in shown:
            self._paint_cross(painter, projection)

    def _paint_measurements(self, painter: QPainter, projection: Projection) -> None:
        measured, taken = self._view.measurements, []
        here = measured.on(frame_key(self._case.frame))
        for m in sorted(here, key=lambda m: m.id == measured.selected):
            chosen = m.id == measured.selected
            # All figures of the one selected; of the others a line, lest they hide the image.
            lines = self._figures(m) if chosen else self._figures(m)[:1]
            marks.paint(painter, projection, m, lines, self._theme, chosen, taken)
        if (draft := self._hand.draft) is not None:
            lines = self._figures(draft)
            marks.paint(painter, projection, draft, lines, self._theme, True, taken)

    def _paint_outline(self, painter: QPainter, projection: Projection) -> None:
        if self._outline is None:
            return
        pen = QPen(self._theme.color("region"), 1.2, Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.drawRect(_on_screen(projection, self._outline))

    def _paint_cross(self, painter: QPainter, projection: Projection) -> None:
        if self._view.probe is None:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        y, x = projection.y(self._view.probe[0]), projection.x(self._view.probe[1])
        for color, width in ((QColor(0, 0, 0, 160), 3.0), (self._theme.color("crosshair"), 1.2)):
            painter.setPen(QPen(color, width))
            for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                near = QPointF(x + dx * _CROSS_GAP, y + dy * _CROSS_GAP)
                painter.drawLine(near, QPointF(x + dx * _CROSS_ARM, y + dy * _CROSS_ARM))

    def _paint_notes(self, painter: QPainter) -> None:
        painter.setFont(font("small"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = self.rect().adjusted(MEDIUM, SMALL + 2, -MEDIUM, -SMALL - 2)
        for corner, text in self._notes.items():
            if not text:
                continue
            flags = _TEXT_FLAGS[corner]
            plate = painter.boundingRect(box, flags, text).adjusted(-4, -1, 4, 1)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(8, 10, 13, 165))  # readable over white bone too
            painter.drawRoundedRect(plate, 3, 3)
            painter.setPen(self._theme.color("image_text"))
            painter.drawText(box, flags, text)

    def _paint_message(self, painter: QPainter) -> None:
        painter.setFont(font("body"))
        painter.setPen(self._theme.color("image_muted"))
        width = min(self.width() - 4 * LARGE_GAP, 300)
        box = QRectF((self.width() - width) / 2, LARGE_GAP, width, self.height() - 2 * LARGE_GAP)
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(box, flags, self._message)

    # Moving

    def _moved(self) -> None:
        self.notes_needed.emit()
        self.update()

    def _set_camera(self, camera: Camera) -> None:
        """Move all viewers, but never so far that the image leaves the middle."""
        rows, columns = self._case.frame.shape
        row, column = min(max(camera.row, 0), rows), min(max(camera.column, 0), columns)
        self._view.set_camera(Camera(row, column, camera.scale))

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Enlarge all viewers about a point of this one, by default its middle."""
        projection = self.projection()
        if projection is not None:
            at = at or QPointF(self.width() / 2, self.height() / 2)
            self._set_camera(projection.zoomed(factor, at.x(), at.y()))

    def _pan(self, dx: float, dy: float) -> None:
        projection = self.projection()
        if projection is not None:
            self._set_camera(projection.moved(dx, dy))

    def _one_to_one(self) -> None:
        projection = self.projection()
        if projection is not None:
            middle = projection.camera
            self._set_camera(Camera(middle.row, middle.column, 1 / self.devicePixelRatioF()))

    # Mouse and keys

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._case.frame is None:
            return
        modifiers, button, projection = event.modifiers(), event.button(), self.projection()
        pans = self._space or bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
        if button is Qt.MouseButton.LeftButton and not pans:
            event.accept()
            if self._hand.press(event.position(), projection):
                return
        if button is Qt.MouseButton.RightButton:
            kind = "zoom"
        elif button is Qt.MouseButton.MiddleButton or pans:
            kind = "pan"
        elif button is Qt.MouseButton.LeftButton:
            kind = "window"
        else:
            kind = "pan"
        self._drag = _Drag(kind, button, event.position(), self)
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position()
        projection = self.projection()
        if projection is None:
            return
        if self._drag is not None:
            fine = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            self._drag.move(at, fine)
        elif self._hand.holds:
            self._hand.move(at, projection)
        else:
            held = self._hand.reaches(at, projection)
            shape = Qt.CursorShape.SizeAllCursor if held else Qt.CursorShape.CrossCursor
            if shape != self.cursor().shape():
                self.setCursor(shape)
        self._probe_at(at)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        projection = self.projection()
        if self._drag is not None and event.button() is self._drag.button:
            self._drag = None
        elif projection is not None and event.button() is Qt.MouseButton.LeftButton:
            self._hand.release(event.position(), projection)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self._hand.holds or self._view.tool != "window":
            self.mousePressEvent(event)  # two quick clicks set two points
        else:
            self._view.fit_requested.emit()

    def leaveEvent(self, event: QEvent) -> None:
        self._view.set_probe(None)
        super().leaveEvent(event)

    def contextMenuEvent(self, event: QEvent) -> None:
        event.accept()  # the right button zooms; a menu would end the drag

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self._case.frame is None:
            return
        self._wheel += event.angleDelta().y()
        notches = int(self._wheel / _WHEEL_STEP)
        several = self._view.several
        event.accept()
        if several and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            if notches:
                self._wheel -= notches * _WHEEL_STEP
                self._view.frame_step.emit(-notches)
            return
        self._wheel = 0  # touch pads send fractions of a notch: they zoom without steps
        self.zoom(_ZOOM_PER_NOTCH ** (event.angleDelta().y() / _WHEEL_STEP), event.position())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space:
            self._space = True
            return
        modifiers = event.modifiers()
        shift = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
        if modifiers & Qt.KeyboardModifier.ControlModifier and self._nudge(event.key()):
            return
        # With Ctrl, Alt or Meta a key is a shortcut of the window, or nothing.
        of_window = modifiers & _OF_WINDOW
        if of_window or not (self._measure_by(event.key()) or self._act_on(event.key(), shift)):
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = False
        super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._space = False
        super().focusOutEvent(event)

    def event(self, event: QEvent) -> bool:
        # While something is drawn, Escape is for it, not for the window's "Cancel".
        overrides = event.type() is QEvent.Type.ShortcutOverride and self._hand.holds
        if overrides and event.key() == Qt.Key.Key_Escape:
            event.accept()
            return True
        return super().event(event)

    def _measure_by(self, key: int) -> bool:
        """Draw and delete by keys; False where the key means something else."""
        measured = self._view.measurements
        if key in _TOOL_KEYS:
            self._view.set_tool(_TOOL_KEYS[key])
        elif key == Qt.Key.Key_Escape and self._hand.holds:
            self._hand.cancel()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._view.probe is not None:
            self._hand.place(self._view.probe)
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and measured.selected is not None:
            measured.delete(measured.selected)
        else:
            return False
        return True

    def _nudge(self, key: int) -> bool:
        """Move the selected measurement by a pixel of the frame."""
        arrow, measured = _ARROWS.get(key), self._view.measurements
        selected = measured.get(measured.selected)
        if arrow is None or selected is None:
            return False
        measured.move(selected, selected.moved(*arrow))
        return True

    def _act_on(self, key: int, shift: bool) -> bool:
        arrow = _ARROWS.get(key)
        if arrow is not None and shift:
            self._step_probe(*arrow)
            if self._hand.draft is not None and self._view.probe is not None:
                self._hand.follow(self._view.probe)
        elif arrow is not None:
            self._pan(-arrow[1] * _PAN_BY_KEY, -arrow[0] * _PAN_BY_KEY)
        elif key in _KEYS:
            _KEYS[key](self, self._view)
        else:
            return False
        return True

    def _probe_at(self, at: QPointF) -> None:
        projection = self.projection()
        if projection is None:
            return
        row, column = projection.row(at.y()), projection.column(at.x())
        rows, columns = self._case.frame.shape
        inside = 0 <= row < rows and 0 <= column < columns
        self._view.set_probe((row, column) if inside else None)

    def _step_probe(self, down: int, across: int) -> None:
        """Move the point under study by one pixel of the picture, to the middle of the next."""
        frame = self._case.frame
        if frame is None:
            return
        rows, columns = frame.shape
        row, column = self._view.probe or (rows / 2, columns / 2)
        tall = wide = 1.0
        if self._picture is not None:
            tall = self._picture.region[2] / self._picture.size[0]
            wide = self._picture.region[3] / self._picture.size[1]
        row = min(max(row + down * tall, 0), rows - 1e-3)
        column = min(max(column + across * wide, 0), columns - 1e-3)
        self._view.set_probe((row, column))


class _Drag:
    """One drag from press to release, each kind by what was when it began."""

    def __init__(self, kind: str, button: Qt.MouseButton, at: QPointF, canvas: ImageCanvas) -> None:
        self.kind, self.button = kind, button
        self._canvas = canvas
        self._first = self._last = at
        voi = current_voi(canvas._case, canvas._view)
        self._window = None if voi is None else as_window(voi)
        self._total = QPointF()

    def move(self, at: QPointF, fine: bool) -> None:
        canvas, step = self._canvas, at - self._last
        self._last = at
        if self.kind == "pan":
            canvas._pan(step.x(), step.y())
        elif self.kind == "zoom":
            canvas.zoom(math.exp(-step.y() / 120), self._first)
        elif canvas._case.frame is not None:
            self._total += step * (_FINE if fine else 1.0)
            total = self._total
            own = own_window(canvas._case.frame)
            inverted = looks_inverted(canvas._case, canvas._view)
            window = dragged_window(self._window, own, total.x(), total.y(), inverted=inverted)
            canvas._view.set_window(window)


LARGE_GAP = 16

_ARROWS = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}

_KEYS: dict[int, Callable[[ImageCanvas, ViewState], None]] = {
    Qt.Key.Key_Plus: lambda canvas, _: canvas.zoom(_ZOOM_PER_NOTCH),
    Qt.Key.Key_Equal: lambda canvas, _: canvas.zoom(_ZOOM_PER_NOTCH),
    Qt.Key.Key_Minus: lambda canvas, _: canvas.zoom(1 / _ZOOM_PER_NOTCH),
    Qt.Key.Key_PageUp: lambda _, view: view.frame_step.emit(-1),
    Qt.Key.Key_PageDown: lambda _, view: view.frame_step.emit(1),
    Qt.Key.Key_Home: lambda _, view: view.cine.go_to(0),
    Qt.Key.Key_End: lambda _, view: view.cine.go_to(view.cine.count - 1),
    Qt.Key.Key_P: lambda _, view: view.cine.toggle(),
    Qt.Key.Key_W: lambda _, view: view.presets_wanted.emit(),
    Qt.Key.Key_O: lambda _, view: view.toggle_overlays(),
    Qt.Key.Key_F: lambda _, view: view.fit_requested.emit(),
    Qt.Key.Key_1: lambda _, view: view.one_to_one_requested.emit(),
    Qt.Key.Key_I: lambda _, view: view.set_invert(not view.invert),
    Qt.Key.Key_S: lambda _, view: view.set_smooth(not view.smooth),
    Qt.Key.Key_R: lambda _, view: view.set_window(None),
}

_OF_WINDOW = (
    Qt.KeyboardModifier.ControlModifier
    | Qt.KeyboardModifier.AltModifier
    | Qt.KeyboardModifier.MetaModifier
)
_TOOL_KEYS = {
    Qt.Key.Key_L: "window",
    Qt.Key.Key_D: "distance",
    Qt.Key.Key_A: "angle",
    Qt.Key.Key_B: "rectangle",
    Qt.Key.Key_E: "ellipse",
}


def _on_screen(projection: Projection, region: Region) -> QRectF:
    top, left, height, width = region
    first = QPointF(projection.x(left), projection.y(top))
    return QRectF(first, QPointF(projection.x(left + width), projection.y(top + height)))
