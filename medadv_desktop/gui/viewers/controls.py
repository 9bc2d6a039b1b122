"""Small controls of the panes: window fields, colour bar, amplification, probe read-out."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QAction, QImage, QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QToolButton,
    QWidget,
)

from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.icons import bind_icon
from medadv_desktop.gui.state.view import ViewState
from medadv_desktop.gui.theme import MEDIUM, SMALL, Theme, font
from medadv_desktop.gui.viewers.colormaps import signed_table
from medadv_desktop.gui.viewers.pane import ElidedLabel, reading_of
from medadv_desktop.gui.viewers.pictures import to_image
from medadv_desktop.gui.viewers.presets import PresetMenu
from medadv_desktop.gui.viewers.showing import (
    as_window,
    current_voi,
    own_window,
    window_ends,
    window_from_ends,
)
from medadv_desktop.gui.viewers.wording import delta_text, input_text, number, source_text
from medadv_desktop.imaging.frame import Window
from medadv_desktop.imaging.windowing import FileVoi

_FURTHEST = 1e9
MOST_AMPLIFIED = 32


class WindowBar(QWidget):
    """Centre and width as numbers, back to the file's window, light and dark swapped."""

    def __init__(self, bench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        case, view, theme = bench.case, bench.view, bench.theme
        self._case, self._view = case, view
        self.center, self.width_field = self._field(), self._field()
        self.ends = QAction(self.tr("&Enter smallest and largest value"), self)
        self.ends.setToolTip(
            self.tr("Two fields for black and white, in place of centre and width")
        )
        self.ends.setCheckable(True)
        self.ends.toggled.connect(lambda _: self._show())
        self.menu = PresetMenu(bench, self.ends, self)
        self.presets = self._button("presets", theme, self.tr("Window presets (W)"))
        self.presets.setMenu(self.menu)
        self.presets.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.reset = self._button(
            "reset", theme, self.tr("Back to the window that the file asks for (R)")
        )
        self.reset.clicked.connect(lambda _: view.set_window(None))
        self.invert = self._button("invert", theme, self.tr("Invert light and dark (I)"))
        self.invert.setCheckable(True)
        self.invert.toggled.connect(view.set_invert)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SMALL)
        self._labels = QLabel(), QLabel()
        for label, field in zip(self._labels, (self.center, self.width_field), strict=True):
            label.setProperty("role", "muted")
            label.setBuddy(field)
            layout.addWidget(label)
            layout.addWidget(field, 1)
        self._fields = (*self._labels, self.center, self.width_field, self.presets)
        layout.addStretch(0)
        layout.addWidget(self.presets)
        layout.addWidget(self.invert)
        layout.addWidget(self.reset)
        self._name_fields()
        view.window_changed.connect(self._show)
        case.frame_changed.connect(self._show)
        view.presets_wanted.connect(self._open_menu)
        self._show()

    def _open_menu(self) -> None:
        if self.presets.isVisible():
            self.presets.showMenu()

    def _field(self) -> QDoubleSpinBox:
        field = QDoubleSpinBox()
        field.setRange(-_FURTHEST, _FURTHEST)
        field.setKeyboardTracking(False)
        field.setAccelerated(True)
        field.setFont(font("numbers"))
        field.setMinimumWidth(52)
        field.setMaximumWidth(110)
        field.valueChanged.connect(self._edited)
        return field

    def _button(self, icon: str, theme: Theme, tip: str) -> QToolButton:
        button = QToolButton()
        bind_icon(button, icon, theme)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        return button

    def _show(self) -> None:
        voi, frame = current_voi(self._case, self._view), self._case.frame
        usable = voi is not None
        for widget in self._fields:
            widget.setVisible(usable)
        self.reset.setEnabled(self._view.policy != FileVoi())
        self.invert.blockSignals(True)
        self.invert.setChecked(self._view.invert)
        self.invert.blockSignals(False)
        if not usable:
            return
        self._name_fields()
        window, own = as_window(voi), own_window(frame)
        decimals = 0 if own.width >= 100 else min(6, max(1, 3 - math.floor(math.log10(own.width))))
        least = 1.0 if window.function == "LINEAR" else 10.0**-decimals
        first, second, lowest = window.center, window.width, least
        if self.ends.isChecked():
            first, second = window_ends(window)
            lowest = -_FURTHEST
        self._set(self.center, first, -_FURTHEST, decimals, own.width / 100)
        self._set(self.width_field, second, lowest, decimals, own.width / 100)

    def _name_fields(self) -> None:
        """Centre and width, or smallest and largest: short in sight, in words for whoever asks."""
        if self.ends.isChecked():
            texts = (
                (self.tr("Min"), self.tr("Smallest value"), self.tr("Value shown as black")),
                (self.tr("Max"), self.tr("Largest value"), self.tr("Value shown as white")),
            )
        else:  # letters that radiologists know
            texts = (
                ("C", self.tr("Window centre"), self.tr("Value shown as middle grey")),
                (
                    "W",
                    self.tr("Window width"),
                    self.tr("Span of values from black to white"),
                ),
            )
        fields = self.center, self.width_field
        frame = self._case.frame
        kind = self.tr("In modality values")
        if frame is not None and frame.is_color:
            kind = self.tr("In stored values, each channel alike: brightness and contrast")
        for (short, name, tip), label, field in zip(texts, self._labels, fields, strict=True):
            label.setText(short)
            words = f"{name}: {tip}. {kind}"
            label.setToolTip(words)
            field.setToolTip(words)
            field.setAccessibleName(name)

    def _set(
        self, field: QDoubleSpinBox, value: float, least: float, decimals: int, step: float
    ) -> None:
        field.blockSignals(True)
        # The file's own centre may lie between two whole numbers.
        shown = max(decimals, 1) if value % 1 == 0.5 else decimals
        # Each of these lays out the whole window anew, also where nothing changes.
        if field.decimals() != shown:
            field.setDecimals(shown)
        if field.minimum() != least:
            field.setMinimum(least)
        field.setSingleStep(max(step, 10.0**-decimals))
        field.setValue(value)
        field.blockSignals(False)

    def _edited(self) -> None:
        voi, frame = current_voi(self._case, self._view), self._case.frame
        if voi is None or frame is None:
            return
        window = as_window(voi)
        first, second = self.center.value(), self.width_field.value()
        if self.ends.isChecked():
            window = window_from_ends(
                min(first, second), max(first, second), frame, window.function
            )
        else:
            window = Window(first, second, window.function)
        self._view.set_window(window)


class SignedColorBar(QWidget):
    """The colours of signed values with the limits in n/255; arrows where colours are clipped."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._limit: float | None = None
        self._clipped = False
        self._ramp = to_image(np.repeat(signed_table()[None], 2, axis=0))
        self.setMinimumSize(130, 30)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Colour scale of the perturbation"))
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(170, 30)

    def set_limit(self, limit: float | None, clipped: bool) -> None:
        """`limit` in the [0, 1] grey scale, None where nothing is shown."""
        self._limit, self._clipped = limit, clipped
        self.setVisible(limit is not None)
        if limit is not None:
            self.setToolTip(self._explanation())
            self.setAccessibleDescription(self._explanation())
        self.update()

    def _explanation(self) -> str:
        limit = number(self._limit * 255, 1)
        text = self.tr(
            "Blue: darker than the original, orange: lighter, dark: unchanged. "
            "The ends stand for ±{0}/255 of the grey scale."
        ).format(limit)
        more = self.tr("Larger changes take the end colours (arrows).")
        return f"{text} {more}" if self._clipped else text

    def labels(self) -> tuple[str, str, str]:
        """What stands under the left end, the middle and the right end."""
        limit = (self._limit or 0) * 255
        return number(-limit, 1), "0", f"{number(limit, 1, sign=True)} /255"

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self._limit is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        bar = QRectF(9, 3, self.width() - 18, 9)
        painter.drawImage(bar, QImage(self._ramp))
        table = signed_table()
        if self._clipped:
            painter.setPen(Qt.PenStyle.NoPen)
            for end, way, color in ((bar.left(), -1, table[0]), (bar.right(), 1, table[-1])):
                painter.setBrush(self._theme.color("image").fromRgb(*(int(c) for c in color)))
                corners = ((0, bar.top()), (7 * way, bar.center().y()), (0, bar.bottom()))
                painter.drawPolygon(QPolygonF([QPointF(end + dx, y) for dx, y in corners]))
        painter.setFont(font("small"))
        painter.setPen(self._theme.color("text"))
        left, middle, right = self.labels()
        row = QRectF(2, 13, self.width() - 4, 17)
        for text, flag in (
            (left, Qt.AlignmentFlag.AlignLeft),
            (middle, Qt.AlignmentFlag.AlignHCenter),
            (right, Qt.AlignmentFlag.AlignRight),
        ):
            painter.drawText(row, flag | Qt.AlignmentFlag.AlignVCenter, text)
        painter.end()


class AmplificationSlider(QWidget):
    """How much the colours of the perturbation are strengthened, 1 to 32 times."""

    _PER_DOUBLING = 10

    def __init__(self, view: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, round(math.log2(MOST_AMPLIFIED) * self._PER_DOUBLING))
        self.slider.setPageStep(self._PER_DOUBLING)
        self.slider.setMinimumWidth(56)
        self.slider.setAccessibleName(self.tr("Amplification of the perturbation"))
        self._label = QLabel()
        self._label.setFont(font("numbers"))
        wide = self._label.fontMetrics().horizontalAdvance("×32.0")
        self._label.setMinimumWidth(wide + 2)
        tip = self.tr("Amplification: the colour scale ends at the largest change divided by this")
        self.slider.setToolTip(tip)
        self._label.setToolTip(tip)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SMALL)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self._label)
        self.slider.valueChanged.connect(self._moved)
        view.amplification_changed.connect(self._show)
        self._show()

    def _moved(self, position: int) -> None:
        self._view.set_amplification(2 ** (position / self._PER_DOUBLING))

    def _show(self) -> None:
        factor = self._view.amplification
        self.slider.blockSignals(True)
        self.slider.setValue(round(math.log2(max(factor, 1)) * self._PER_DOUBLING))
        self.slider.blockSignals(False)
        whole = math.isclose(factor, round(factor), rel_tol=1e-6)
        self._label.setText("×" + number(factor, 0 if whole else 1))


class ProbeBar(QWidget):
    """All that is known of the point under the cursor, in one line."""

    def __init__(self, bench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench = bench
        self.setAccessibleName(self.tr("Values under the cursor"))
        self._line = ElidedLabel()
        self._line.setFont(font("numbers"))
        self._line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(MEDIUM, 0, MEDIUM, 0)
        layout.addWidget(self._line, 1)
        self.setMinimumWidth(120)
        for changed in (
            bench.view.probe_changed,
            bench.case.frame_changed,
            bench.case.prediction_changed,
            bench.case.outcome_changed,
            bench.case.preview_changed,
        ):
            changed.connect(self._show)
        self._show()

    def text(self) -> str:
        return self._line.full_text()

    def _show(self) -> None:
        reading = reading_of(self._bench)
        if reading is None:
            self._line.setText("")
            return
        parts = (source_text(reading), input_text(reading), delta_text(reading))
        self._line.setText("  ·  ".join(p for p in parts if p))
