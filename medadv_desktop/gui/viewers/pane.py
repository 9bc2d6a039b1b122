"""The frame around every picture: caption above, controls below, one height everywhere.

Heads and feet are equally high in all panes, so that panes side by side show the same place at the
same height.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.state.measurements import Measurement
from medadv_desktop.gui.theme import MEDIUM, SMALL, font
from medadv_desktop.gui.viewers.canvas import ImageCanvas
from medadv_desktop.gui.viewers.measured import extent, measure_text, statistics_text
from medadv_desktop.gui.viewers.presets import policy_name
from medadv_desktop.gui.viewers.probe import ProbeReading, read_probe
from medadv_desktop.gui.viewers.showing import (
    adversarial_of,
    as_window,
    current_voi,
    original_of,
    plan_of,
)
from medadv_desktop.gui.viewers.stack import StackBar
from medadv_desktop.gui.viewers.wording import number
from medadv_desktop.imaging.lookup import VoiLut
from medadv_desktop.imaging.measuring import Region, RegionStatistics
from medadv_desktop.imaging.windowing import FileVoi

HEAD, FOOT = 30, 34
_VALUES = ("top-right", "bottom-left", "bottom-right")
_KEPT_FIGURES = 200


class Pane(QWidget):
    """A canvas with head and foot. Subclasses say in `refresh` what is shown.

    Nothing is worked out while the pane is hidden, and once for all that changes in one turn of the
    event loop: an attack that ends changes five things at once.

    Attributes:
        no_image: the sentence shown while nothing is open.
        plays: the bar of frames can play them, not only go through them.
    """

    plays = False
    _refresh_wanted = Signal()

    def __init__(self, bench: Workbench, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench = bench
        self.no_image = ""
        self._stale = True
        self.case, self.view, self.theme = bench.case, bench.view, bench.theme
        self.canvas = ImageCanvas(bench.case, bench.view, bench.theme)
        self.canvas.setAccessibleName(title)
        self.canvas.set_figures(self._figures_of)
        self._figures: dict[Measurement, tuple[str, ...]] = {}
        self.dot = SeriesDot()
        self.caption = ElidedLabel()
        self.caption.setFont(font("strong"))
        self.caption.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self.details = ElidedLabel(whole=True)
        self.details.setProperty("role", "muted")
        self.head = QHBoxLayout()
        self.head.setContentsMargins(MEDIUM, 0, SMALL, 0)
        self.head.setSpacing(SMALL + 2)
        self.head.addWidget(self.dot)
        self.head.addWidget(self.caption)
        self.head.addWidget(self.details, 1)
        self.foot = QHBoxLayout()
        self.foot.setContentsMargins(MEDIUM, 0, SMALL, 0)
        self.foot.setSpacing(SMALL + 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(_bar(self.head, HEAD))
        layout.addWidget(self.canvas, 1)
        self.stack_bar = StackBar(bench, plays=self.plays)
        layout.addWidget(self.stack_bar)
        layout.addWidget(_bar(self.foot, FOOT))
        self.setAccessibleName(title)
        # Queued, not a timer: posted calls come before the repaint that is posted meanwhile.
        self._refresh_wanted.connect(self._refresh_soon, Qt.ConnectionType.QueuedConnection)
        self.canvas.notes_needed.connect(self._notes)
        self.view.overlays_changed.connect(self._notes)
        bench.controller.privacy.changed.connect(self._notes)
        for changed in (
            self.case.frame_changed,
            self.case.model_changed,
            self.case.prediction_changed,
            self.case.preview_changed,
            self.case.outcome_changed,
            self.view.window_changed,
            bench.jobs.busy_changed,
            bench.controller.ready_to_attack_changed,
            self.theme.changed,
        ):
            changed.connect(self.mark_stale)

    def refresh(self) -> None:
        """Show what is to be shown now."""
        raise NotImplementedError

    def corner_notes(self, reading: ProbeReading | None) -> dict[str, str]:
        """Texts over the corners of the picture, given the point under study."""
        raise NotImplementedError

    def statistics(self, region: Region) -> RegionStatistics | None:
        """Figures of a region on the image shown, None without one."""
        raise NotImplementedError

    def mark_stale(self) -> None:
        """Refresh in a moment if anybody sees it, else once somebody does."""
        if not self._stale:
            self._stale = True
            self._refresh_wanted.emit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self._refresh_now()

    def set_caption(self, caption: str, details: str, series: str = "") -> None:
        """The head: what it is, then the smaller print; `series` colours the dot before it."""
        self.caption.setText(caption)
        self.details.setText(details)
        self.dot.set_color(self.theme.color(series) if series else None)
        self.canvas.setAccessibleDescription(" ".join(t for t in (caption, details) if t))

    def missing_prediction(self) -> str:
        """The sentence in place of a picture that needs the model's input."""
        if self.case.frame is None:
            return self.missing_frame()
        if not self.case.model:
            return self.tr("Choose a model to see what it sees.")
        if self._bench.view.cine.playing:
            return self.tr("Predicted once the image stands still.")
        if self._bench.jobs.busy:
            return self.tr("The model is looking at the image…")
        return self.tr("The model gave no prediction. The log says why.")

    def missing_frame(self) -> str:
        """The sentence in place of an image."""
        if self.case.instance is not None:
            return self.tr("This file could not be shown. The log says why.")
        return self.no_image

    def missing_attack(self) -> str:
        """The sentence in place of what only an attack brings."""
        if self.case.frame is None or not self.case.model:
            return self.missing_prediction()
        if self._bench.controller.attacking:
            return self.tr("The attack is running. Its first step will show here.")
        return self.tr("Run an attack to see what it does to this image.")

    def scale_note(self) -> str:
        """Zoom in per cent of one frame pixel on one screen pixel, and the window."""
        projection = self.canvas.projection()
        if projection is None:
            return ""
        percent = projection.camera.scale * self.devicePixelRatioF() * 100
        return f"{number(percent, 0)} %"

    def window_note(self) -> str:
        voi = current_voi(self.case, self.view)
        if voi is None or (self.case.frame.is_color and self.view.policy == FileVoi()):
            return ""  # colour as it is stored needs no word
        name = policy_name(self.view.policy, self.case.frame)
        if isinstance(voi, VoiLut):
            return name
        window = as_window(voi)
        decimals = 0 if window.width >= 20 else 3
        text = self.tr("C {0}  W {1}")
        shown = text.format(number(window.center, decimals), number(window.width, decimals))
        return f"{name}\n{shown}" if name else shown

    def _figures_of(self, measurement: Measurement) -> tuple[str, ...]:
        """What stands beside a measurement here, worked out once for each place it is at."""
        if measurement not in self._figures:
            if len(self._figures) > _KEPT_FIGURES:
                self._figures.clear()
            size = measure_text(extent(measurement, self.case.frame.spacing))
            region = measurement.region
            found = self.statistics(region) if region is not None else None
            first, *rest = (*(statistics_text(found) if found else ()), size)
            self._figures[measurement] = (f"{measurement.id}: {first}", *rest)
        return self._figures[measurement]

    def _refresh_soon(self) -> None:
        if self._stale and self.isVisible():
            self._refresh_now()

    def _refresh_now(self) -> None:
        self._stale = False
        self._figures.clear()
        self.refresh()
        self._notes()

    def _notes(self) -> None:
        if self._stale or not self.isVisible():
            return  # a refresh brings them along
        notes = self.corner_notes(reading_of(self._bench))
        # The upper left corner is the patient's, the others hold values.
        for overlay, corners in (("values", _VALUES), ("patient", ("top-left",))):
            if overlay not in self.view.overlays:
                notes = {corner: t for corner, t in notes.items() if corner not in corners}
        self.canvas.set_notes(notes)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._notes()


def reading_of(bench: Workbench) -> ProbeReading | None:
    """What is known of the point under study; None without one."""
    case, point = bench.case, bench.view.probe
    if case.frame is None or point is None:
        return None
    return read_probe(case.frame, point, plan_of(case), original_of(case), adversarial_of(case))


class ElidedLabel(QLabel):
    """A line that gives way: what does not fit is cut with an ellipsis and told in the tooltip.

    With `whole` it is shown whole or not at all.
    """

    def __init__(
        self, text: str = "", parent: QWidget | None = None, *, whole: bool = False
    ) -> None:
        super().__init__(parent)
        self._full, self._whole = "", whole
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(text)

    def setText(self, text: str) -> None:
        if text == self._full:
            return  # a new geometry lays out the whole window anew
        self._full = text
        self.setAccessibleName(text)
        self.updateGeometry()
        self._elide()

    def full_text(self) -> str:
        return self._full

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self.font())
        if self._whole:  # takes what others leave
            return QSize(0, metrics.height() + 2)
        return QSize(metrics.horizontalAdvance(self._full) + 4, metrics.height() + 2)

    def minimumSizeHint(self) -> QSize:
        metrics = QFontMetrics(self.font())
        least = 0 if self._whole else metrics.averageCharWidth() * 6
        shown = min(metrics.horizontalAdvance(self._full), least)
        return QSize(shown + 4, metrics.height() + 2)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        metrics = QFontMetrics(self.font())
        mode = Qt.TextElideMode.ElideRight
        shown = metrics.elidedText(self._full, mode, max(self.width() - 2, 0))
        super().setText("" if self._whole and shown != self._full else shown)
        self.setToolTip(self._full if shown != self._full else "")


class SeriesDot(QWidget):
    """A spot in the colour that stands for clean or adversarial wherever the two are compared."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._color: QColor | None = None
        self.setFixedSize(9, 9)
        self.setVisible(False)

    def set_color(self, color: QColor | None) -> None:
        self._color = color
        self.setVisible(color is not None)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._color or Qt.GlobalColor.transparent)
        painter.drawEllipse(self.rect().adjusted(1, 1, -1, -1))
        painter.end()


class Segments(QWidget):
    """Two or three buttons of which one is down.

    Signals:
        chosen: the value of the button that was pressed by hand.
    """

    chosen = Signal(str)

    def __init__(
        self, name: str, options: Sequence[tuple[str, str, str]], parent: QWidget | None = None
    ) -> None:
        """`options`: value, text and tooltip of each button."""
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QToolButton] = {}
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for place, (value, text, tip) in enumerate(options):
            button = QToolButton()
            button.setText(text)
            button.setToolTip(tip)
            button.setAccessibleName(f"{name}: {text}")
            button.setCheckable(True)
            end = "first" if place == 0 else "last" if place == len(options) - 1 else "middle"
            button.setProperty("segment", end)
            button.setFont(font("small"))
            button.clicked.connect(lambda _=False, v=value: self.chosen.emit(v))
            self._group.addButton(button)
            self._buttons[value] = button
            layout.addWidget(button)

    def set_value(self, value: str) -> None:
        self._buttons[value].setChecked(True)

    def value(self) -> str:
        return next(v for v, button in self._buttons.items() if button.isChecked())

    def button(self, value: str) -> QToolButton:
        return self._buttons[value]


def _bar(content: QHBoxLayout, height: int) -> QWidget:
    bar = QWidget()
    bar.setProperty("role", "pane-bar")
    bar.setFixedHeight(height)
    bar.setLayout(content)
    return bar
