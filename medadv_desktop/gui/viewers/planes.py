"""A series as a volume: axial, sagittal and coronal planes through one point of the patient."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.running import Failure
from medadv_desktop.gui.state.measurements import FrameKey
from medadv_desktop.gui.theme import MEDIUM, SMALL
from medadv_desktop.gui.viewers import overlays
from medadv_desktop.gui.viewers.camera import Projection, fitting
from medadv_desktop.gui.viewers.patient_space import PointMm, place_at, point_at
from medadv_desktop.gui.viewers.pictures import to_image
from medadv_desktop.gui.viewers.showing import aspect_of, frame_key, voi_of
from medadv_desktop.gui.viewers.wording import translate
from medadv_desktop.imaging.display import render
from medadv_desktop.imaging.frame import Frame, Instance
from medadv_desktop.jobs import CancelToken, Emit, Progress

if TYPE_CHECKING:  # volumes import the DICOM library, which the first paint does not wait for
    from medadv_desktop.imaging.series import Series
    from medadv_desktop.imaging.volumes import Orthogonal, Plane

PLANES = ("axial", "sagittal", "coronal")
_GAP = 6
_ARROWS = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}


@dataclass(frozen=True, eq=False)
class Built:
    """A volume on the axes of the patient.

    Attributes:
        slices: instance, frame and depth along `normal` of each plane that was taken; empty where
            planes were interpolated.
    """

    planes: Orthogonal
    normal: PointMm
    slices: tuple[tuple[Instance, int, float], ...]

    def slice_near(self, point: PointMm) -> tuple[Instance, int] | None:
        """The plane that was taken nearest to a point; None where they were interpolated."""
        if not self.slices:
            return None
        depth = sum(a * b for a, b in zip(point, self.normal, strict=True))
        instance, frame, _ = min(self.slices, key=lambda s: abs(s[2] - depth))
        return instance, frame

    def middle(self) -> PointMm:
        """The point in the middle of the volume."""
        sizes = reversed(self.planes.stored.shape[:3])
        steps = reversed(self.planes.spacing_mm)
        x, y, z = (
            o + (n - 1) * d / 2 for o, n, d in zip(self.planes.origin_mm, sizes, steps, strict=True)
        )
        return x, y, z


def build(series: Series, token: CancelToken, emit: Emit) -> Built:
    """Read a series and put it onto the axes of the patient.

    Raises:
        ImageError: it is no volume, as `imaging.volumes.build_volume` says.
        JobCancelled: the token was cancelled.
    """
    from medadv_desktop.imaging.volumes import build_volume, orthogonal

    volume = build_volume(series, token, emit)
    token.check()
    planes = orthogonal(volume)
    normal, start = volume.pose.normal, volume.pose.depth_mm
    step = sum(a * b for a, b in zip(volume.step_mm, normal, strict=True))
    slices = tuple((i, f, start + k * step) for k, (i, f) in enumerate(volume.instances))
    return Built(planes, normal, slices)


class PlaneView(QWidget):
    """One plane, fitted, at its right aspect, with the cross-hair of all three.

    Wheel and page keys go through the planes; a click, a drag or Shift and arrows set the point.

    Signals:
        pointed: the point that was clicked on, in LPS millimetres.
    """

    pointed = Signal(object)

    def __init__(self, bench: Workbench, plane: str) -> None:
        super().__init__()
        self._view, self._theme = bench.view, bench.theme
        self.plane = plane
        self._built: Built | None = None
        self._point: PointMm = (0.0, 0.0, 0.0)
        self._drawn: tuple[object, ...] = ()
        self._image = QImage()
        self._frame: Frame | None = None
        self.title = {
            "axial": self.tr("Axial"),
            "sagittal": self.tr("Sagittal"),
            "coronal": self.tr("Coronal"),
        }[plane]
        self.setAccessibleName(self.title)
        self.setToolTip(
            self.tr("Click, drag or Shift and arrows: the point under study. Wheel: planes")
        )
        self.setMinimumSize(110, 90)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        for changed in (bench.view.window_changed, bench.view.overlays_changed):
            changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(240, 180)

    def show_point(self, built: Built | None, point: PointMm) -> None:
        if built is not self._built:
            self._drawn, self._frame = (), None
        self._built, self._point = built, point
        self.update()

    def frame(self) -> Frame | None:
        """The plane through the point."""
        if self._built is None:
            return None
        index = self.index()
        if self._frame is None or self._frame.provenance.frame != index:
            self._frame = self._built.planes.frame(self._kind(), index)
        return self._frame

    def index(self) -> int:
        """Which plane of its kind is shown, from 0."""
        return self._built.planes.index_at(self._kind(), self._point)

    def projection(self, frame: Frame) -> Projection:
        aspect = aspect_of(frame)
        camera = fitting(frame.shape, aspect, self.width(), self.height(), margin=SMALL)
        return Projection(camera, self.width(), self.height(), aspect)

    def step(self, by: int) -> None:
        """Go so many planes on, the point staying where it is otherwise."""
        if self._built is None:
            return
        planes, kind = self._built.planes, self._kind()
        index = min(max(self.index() + by, 0), planes.count(kind) - 1)
        frame = self.frame()
        place = place_at(frame, self._point)
        target = point_at(planes.frame(kind, index), place)
        if target is not None:
            self.pointed.emit(target)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._theme.color("image"))
        frame = self.frame()
        if frame is not None:
            projection = self.projection(frame)
            self._paint_plane(painter, frame, projection)
            shown = self._view.overlays
            if "letters" in shown:
                overlays.paint_letters(painter, frame, projection, self._theme)
            if "scale-bar" in shown:
                overlays.paint_scale_bar(painter, frame, projection, self._theme)
            if "crosshair" in shown:
                self._paint_cross(painter, frame, projection)
            count = self._built.planes.count(self._kind())
            text = f"{self.title}  {frame.provenance.frame + 1} / {count}"
            overlays.paint_text(painter, QPointF(MEDIUM, SMALL), text, self._theme, centred=False)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(self._theme.color("image_accent"))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _paint_plane(self, painter: QPainter, frame: Frame, projection: Projection) -> None:
        key = (frame, self._view.policy, self._view.invert)
        if self._drawn != key:
            voi = voi_of(self._view.policy, frame)
            self._image, self._drawn = to_image(render(frame, voi, self._view.invert)), key
        rows, columns = frame.shape
        corner = QPointF(projection.x(0), projection.y(0))
        target = QRectF(corner, QPointF(projection.x(columns), projection.y(rows)))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(target, self._image, QRectF(self._image.rect()))

    def _paint_cross(self, painter: QPainter, frame: Frame, projection: Projection) -> None:
        place = place_at(frame, self._point)
        if place is None:
            return
        y, x = projection.y(place[0]), projection.x(place[1])
        color = QColor(self._theme.color("crosshair"))
        color.setAlpha(200)
        lines = (
            QLineF(0, y, x - _GAP, y),
            QLineF(x + _GAP, y, self.width(), y),
            QLineF(x, 0, x, y - _GAP),
            QLineF(x, y + _GAP, x, self.height()),
        )
        for ink, width in ((QColor(0, 0, 0, 110), 3), (color, 1)):
            painter.setPen(QPen(ink, width))
            painter.drawLines(lines)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self._point_at(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._point_at(event.position())

    def _point_at(self, at: QPointF) -> None:
        frame = self.frame()
        if frame is None:
            return
        projection = self.projection(frame)
        row = min(max(projection.row(at.y()), 0.0), frame.shape[0] - 1e-3)
        column = min(max(projection.column(at.x()), 0.0), frame.shape[1] - 1e-3)
        if (point := point_at(frame, (row, column))) is not None:
            self.pointed.emit(point)

    def wheelEvent(self, event: QWheelEvent) -> None:
        notches = event.angleDelta().y() / 120
        if notches:
            self.step(-1 if notches > 0 else 1)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        way = {Qt.Key.Key_PageUp: -1, Qt.Key.Key_PageDown: 1}.get(event.key())
        arrow = _ARROWS.get(event.key())
        if way is not None:
            self.step(way)
        elif arrow is not None and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._move_point(*arrow)
        else:
            super().keyPressEvent(event)

    def _move_point(self, down: int, across: int) -> None:
        """Put the point a pixel of the plane further, from middle to middle."""
        frame = self.frame()
        place = place_at(frame, self._point) if frame is not None else None
        if place is None:
            return
        rows, columns = frame.shape
        row = min(max(math.floor(place[0]) + down + 0.5, 0.5), rows - 0.5)
        column = min(max(math.floor(place[1]) + across + 0.5, 0.5), columns - 0.5)
        if (point := point_at(frame, (row, column))) is not None:
            self.pointed.emit(point)

    def _kind(self) -> Plane:
        from medadv_desktop.imaging.volumes import Plane

        return Plane(self.plane)


class PlanesPanel(QWidget):
    """Builds the volume of the series that is looked at, when asked, and shows its planes."""

    def __init__(self, bench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench, self._background = bench, bench.controller.background
        self._job: int | None = None
        self._series: Series | None = None
        self._awaited: FrameKey | None = None
        self.built: Built | None = None
        self.point: PointMm = (0.0, 0.0, 0.0)
        self.views = tuple(PlaneView(bench, plane) for plane in PLANES)
        self.words = QLabel()
        self.words.setProperty("role", "muted")
        self.words.setWordWrap(True)
        self.words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.button = QPushButton(self.tr("&Build the planes"))
        self.button.setToolTip(self.tr("Read the whole series and cut it in three directions"))
        self.button.clicked.connect(lambda _: self.start())
        self.stop = QPushButton(self.tr("&Stop"))
        self.stop.setToolTip(self.tr("Stop reading the series"))
        self.stop.clicked.connect(lambda _: self._cancel())
        self.bar = QProgressBar()
        self.bar.setMaximumWidth(260)
        self.bar.setAccessibleName(self.tr("Progress of the planes"))
        asking = QVBoxLayout()
        asking.addStretch(1)
        asking.addWidget(self.words)
        for widget in (self.bar, self.button, self.stop):
            asking.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
        asking.addStretch(1)
        showing = QHBoxLayout()
        showing.setContentsMargins(0, 0, 0, 0)
        showing.setSpacing(SMALL)
        for view in self.views:
            view.pointed.connect(self._pointed)
            showing.addWidget(view, 1)
        self._pages = QStackedLayout(self)
        for content in (asking, showing):
            page = QWidget()
            page.setLayout(content)
            self._pages.addWidget(page)
        self._background.progress.connect(self._progressed)
        self._background.finished.connect(self._finished)
        self._background.failed.connect(self._failed)
        self._background.cancelled.connect(self._cancelled)
        bench.case.frame_changed.connect(self._look)
        bench.studies.changed.connect(self._look)
        bench.view.probe_changed.connect(self._probed)
        self._look()

    def start(self) -> None:
        """Read the series that is looked at."""
        series = self._series
        if series is None or self._job is not None:
            return

        def work(token: CancelToken, emit: Emit) -> Built:
            return build(series, token, emit)

        self._job = self._background.submit(work, Urgency.SCAN)
        self.bar.setRange(0, 0)
        self._refresh("")

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show_point()

    def _look(self) -> None:
        """See whether another series is looked at."""
        instance = self._bench.case.instance
        series = self._bench.studies.series_of(instance) if instance is not None else None
        if series is not None and self._series is not None and series == self._series:
            self._arrived()
            self._probed()
            return
        self._cancel()
        self._awaited = None
        self._series, self.built = series, None
        self._refresh("")

    def _cancel(self) -> None:
        if self._job is not None:
            self._background.cancel(self._job)
            self._job = None
            self._refresh("")

    def _refresh(self, error: str) -> None:
        """Show the planes, or what stands in their place."""
        running = self._job is not None
        several = self._series is not None and len(self._series.slices) > 1
        self.button.setVisible(several and not running)
        self.bar.setVisible(running)
        self.stop.setVisible(running)
        if error:
            text = error
        elif running:
            text = self.tr("Reading the series…")
        elif several:
            text = self.tr("Axial, sagittal and coronal planes of this series.")
        else:
            text = self.tr("Open a series of parallel slices to see it in three directions.")
        self.words.setText(text)
        self._pages.setCurrentIndex(0 if self.built is None else 1)
        self._show_point()

    def _progressed(self, job_id: int, progress: Progress) -> None:
        if job_id == self._job:
            self.bar.setRange(0, progress.total or 0)
            self.bar.setValue(progress.done)

    def _finished(self, job_id: int, answer: Built) -> None:
        if job_id != self._job:
            return
        self._job, self.built = None, answer
        for note in answer.planes.notes:
            self._bench.log.add(note)
        self.point = answer.middle()
        self._probed()
        self._refresh("")

    def _failed(self, job_id: int, failure: Failure) -> None:
        if job_id == self._job:
            self._job = None
            self._refresh(self._bench.controller.names.text(failure.text))

    def _cancelled(self, job_id: int) -> None:
        if job_id == self._job:
            self._job = None
            self._refresh(translate("Viewers", "Stopped."))

    def _probed(self) -> None:
        """Follow the point under study of the other viewers."""
        frame, probe = self._bench.case.frame, self._bench.view.probe
        if self.built is None or frame is None or probe is None or self._awaited is not None:
            return
        point = point_at(frame, probe)
        if point is not None:
            self.point = point
            self._show_point()

    def _pointed(self, point: PointMm) -> None:
        """A click in a plane: go to that point, and in the series to the slice through it."""
        self.point = point
        self._show_point()
        found = self.built.slice_near(point) if self.built is not None else None
        if found is None:
            return
        # Until that slice is on screen, probes on the one before it are no news.
        self._awaited = (found[0].path, found[1])
        self._bench.controller.select(*found)
        self._arrived()

    def _arrived(self) -> None:
        """Put the probe on the point, once the slice through it is on screen."""
        frame = self._bench.case.frame
        if frame is None or self._awaited != frame_key(frame):
            return
        if (place := place_at(frame, self.point)) is not None:
            self._bench.view.set_probe(place)
        self._awaited = None

    def _show_point(self) -> None:
        if self.isVisible():
            for view in self.views:
                view.show_point(self.built, self.point)
