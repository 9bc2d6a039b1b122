"""Going through the frames of a file and the slices of a series: slider, number, cine."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QSlider, QToolButton, QWidget

from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.icons import bind_icon
from medadv_desktop.gui.state.cine import FASTEST, SLOWEST
from medadv_desktop.gui.theme import MEDIUM, SMALL, font
from medadv_desktop.imaging.frame import Instance

BAR = 28


class PlaceFollowsCase(QObject):
    """Tells the view which of how many frames is on screen.

    A file of several frames, and a DICOM series of several, is gone through by the wheel; images
    that merely lie in one folder are gone through by the keys.
    """

    def __init__(self, bench: Workbench, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bench = bench
        self._instance: Instance | None = None
        bench.case.frame_changed.connect(self.refresh)
        bench.studies.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Count anew."""
        case, view = self._bench.case, self._bench.view
        instance, frame = case.instance, case.frame
        if instance is None or frame is None:
            view.several = False
            view.cine.set_place(0, 0)
            return
        studies = self._bench.studies
        if studies.current is not None and studies.current.instance.path != instance.path:
            return  # another is being read; what is on screen now goes in a moment
        at, count = studies.slice_place() or (frame.provenance.frame, instance.frames)
        in_series = count > 1 and bool(instance.provenance.series_instance_uid)
        view.several = instance.frames > 1 or in_series
        if instance != self._instance:
            self._instance = instance
            view.cine.set_file_rate(instance.frame_time_ms)
        view.cine.set_place(at, count)


class PlaceLabel(QWidget):
    """ "12 / 96". A QLabel would have the window laid out anew at each frame."""

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        self.setFont(font("numbers"))

    def text(self) -> str:
        return self._text

    def show_place(self, index: int, count: int) -> None:
        """Show a place, `index` from 0."""
        width = self.fontMetrics().horizontalAdvance(f"{count} / {count}") + SMALL
        if width != self.width():
            self.setFixedWidth(width)
        self._text = f"{index + 1} / {count}"
        self.setAccessibleName(self._text)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(self.rect(), right, self._text)
        painter.end()


class StackBar(QWidget):
    """Slider and number of the frame; where it `plays`, play, rate and loop.

    Not there for a single frame.
    """

    def __init__(
        self, bench: Workbench, parent: QWidget | None = None, *, plays: bool = True
    ) -> None:
        super().__init__(parent)
        self._plays = plays
        self._view, self._cine = bench.view, bench.view.cine
        self._theme = bench.theme
        self.setProperty("role", "pane-bar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(BAR)
        self.play = self._button("play", self.tr("Play the frames (P)"))
        self.play.clicked.connect(lambda _: self._cine.toggle())
        self.stop = self._button("pause", self.tr("Stop playing (P)"))
        self.stop.clicked.connect(lambda _: self._cine.toggle())
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setMinimumWidth(40)
        self.slider.setAccessibleName(self.tr("Frame"))
        self.slider.setToolTip(self.tr("Go through the frames (wheel, page up and down)"))
        self.slider.valueChanged.connect(self._slid)
        self.place = PlaceLabel()
        self.place.setToolTip(self.tr("Frame shown, and how many there are"))
        self.rate = QDoubleSpinBox()
        self.rate.setRange(SLOWEST, FASTEST)
        self.rate.setDecimals(1)
        self.rate.setSuffix(self.tr("/s"))
        self.rate.setFont(font("small"))
        self.rate.setKeyboardTracking(False)
        self.rate.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.rate.setFixedWidth(self.rate.fontMetrics().horizontalAdvance("120.0/s") + 2 * MEDIUM)
        self.rate.setAccessibleName(self.tr("Frames a second"))
        self.rate.setToolTip(self.tr("Frames a second, as the file asks for or as set here"))
        self.rate.valueChanged.connect(self._cine.set_rate)
        self.loop = self._button("loop", self.tr("Begin anew behind the last frame"))
        self.loop.setCheckable(True)
        self.loop.toggled.connect(self._cine.set_loop)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SMALL, 0, MEDIUM, 0)
        layout.setSpacing(SMALL)
        for widget in (self.play, self.stop):
            layout.addWidget(widget)
        layout.addWidget(self.slider, 1)
        for widget in (self.place, self.rate, self.loop):
            layout.addWidget(widget)
        self.rate.setVisible(plays)
        self.loop.setVisible(plays)
        self._cine.place_changed.connect(self._show_place)
        self._cine.changed.connect(self._show_cine)
        self._show_place()
        self._show_cine()

    def _button(self, icon: str, tip: str) -> QToolButton:
        button = QToolButton()
        bind_icon(button, icon, self._theme)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        return button

    def _show_place(self) -> None:
        cine = self._cine
        self.setVisible(cine.count > 1)
        self.slider.blockSignals(True)
        if self.slider.maximum() != max(cine.count - 1, 0):
            self.slider.setRange(0, max(cine.count - 1, 0))
            self.slider.setPageStep(max(cine.count // 10, 1))
        self.slider.setValue(cine.index)
        self.slider.blockSignals(False)
        self.place.show_place(cine.index, cine.count)

    def _show_cine(self) -> None:
        cine = self._cine
        self.play.setVisible(self._plays and not cine.playing)
        self.stop.setVisible(self._plays and cine.playing)
        for widget, show in (
            (self.rate, lambda: self.rate.setValue(cine.rate)),
            (self.loop, lambda: self.loop.setChecked(cine.loop)),
        ):
            widget.blockSignals(True)
            show()
            widget.blockSignals(False)

    def _slid(self, index: int) -> None:
        self._cine.go_to(index)
