"""Feature maps of one layer: each channel before and after the attack, in one scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QHelpEvent,
    QImage,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.audit.requests import FeatureResult
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL, Theme, font
from medadv_desktop.gui.viewers.colormaps import heat_colors
from medadv_desktop.gui.viewers.pane import ElidedLabel
from medadv_desktop.gui.viewers.pictures import to_image
from medadv_desktop.gui.viewers.wording import number

_LEAST_SIDE, _MOST_SIDE = 64, 132
_GAP = 2
_LINE = 18
_ROOM_FOR_LEGEND = 190
_END_OF_NETWORK = ("pool", "flatten", "head", "fc", "classifier", "dropout", "logits")


@dataclass(frozen=True)
class MapPair:
    """A channel in one colour scale before and after; `adversarial` may be missing."""

    channel: int
    change: float
    low: float
    high: float
    original: QImage
    adversarial: QImage | None


def map_pairs(result: FeatureResult) -> tuple[MapPair, ...]:
    """Pictures of all channels of a result. Each pair spans its own smallest to largest value."""
    return tuple(_pair(result, place) for place in range(len(result.channels)))


def _pair(result: FeatureResult, place: int) -> MapPair:
    maps: list[NDArray[np.float32]] = [result.original[place]]
    if result.adversarial is not None:
        maps.append(result.adversarial[place])
    low, high = float(min(m.min() for m in maps)), float(max(m.max() for m in maps))
    images = [to_image(heat_colors(m, low, high)) for m in maps]
    return MapPair(
        channel=result.channels[place],
        change=float(result.change[place]),
        low=low,
        high=high,
        original=images[0],
        adversarial=images[1] if len(images) > 1 else None,
    )


def default_layer(layers: tuple[str, ...]) -> int:
    """The layer nearest to the decision that is likely to have maps left, not single numbers."""
    likely = [
        i
        for i, name in enumerate(layers)
        if not any(end in name.rpartition(".")[2].lower() for end in _END_OF_NETWORK)
    ]
    return likely[-1] if likely else len(layers) - 1


class FeaturePanel(QWidget):
    """Choice of the layer, how far it moved as a whole, and its channels that moved most."""

    def __init__(self, bench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench, self._case = bench, bench.case
        self._asked: object = None
        self.layer = QComboBox()
        self.layer.setAccessibleName(self.tr("Layer"))
        self.layer.setToolTip(self.tr("Layer of the network whose feature maps are shown"))
        self.layer.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.layer.setMinimumContentsLength(10)
        self.layer.activated.connect(self._request)
        label = QLabel(self.tr("&Layer"))
        label.setBuddy(self.layer)
        self.distance = ElidedLabel()
        self.distance.setFont(font("numbers"))
        self.distance.setProperty("role", "muted")
        row = QHBoxLayout()
        row.setSpacing(MEDIUM)
        row.addWidget(label)
        row.addWidget(self.layer, 1)
        row.addWidget(self.distance, 2)
        self.grid = FeatureGrid(bench.theme)
        scroll = _GridArea(self.grid)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MEDIUM, SMALL, MEDIUM, SMALL)
        layout.setSpacing(SMALL)
        layout.addLayout(row)
        layout.addWidget(scroll, 1)
        for changed in (
            self._case.frame_changed,
            self._case.model_changed,
            self._case.prediction_changed,
            self._case.outcome_changed,
            self._case.features_changed,
            bench.jobs.busy_changed,
        ):
            changed.connect(self._changed)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._changed()

    def _changed(self) -> None:
        """Hidden, it neither draws nor makes the network compute anything."""
        if self.isVisible():
            self._list_layers()
            self._ask()
            self._show()

    def _list_layers(self) -> None:
        layers = self._case.loaded.layers if self._case.loaded else ()
        if layers != tuple(self.layer.itemText(i) for i in range(self.layer.count())):
            self.layer.clear()
            self.layer.addItems(layers)
            self.layer.setCurrentIndex(default_layer(layers))
        if self._case.layer in layers:
            self.layer.setCurrentIndex(layers.index(self._case.layer))
        self.layer.setEnabled(bool(layers))

    def _ask(self) -> None:
        """Ask for what the current images do in the layer, once for each pair of images."""
        wanted = self._wanted()
        if wanted is None:
            self._asked = None
        elif self._case.features is None and wanted != self._asked:
            self._request()

    def _wanted(self) -> tuple[str, object] | None:
        """The layer that is chosen, and the answer whose images it is about."""
        layer, source = self.layer.currentText(), self._case.outcome or self._case.prediction
        return (layer, source) if layer and source is not None else None

    def _request(self) -> None:
        self._asked = self._wanted()
        self._bench.controller.request_features(self.layer.currentText())

    def _show(self) -> None:
        features = self._case.features
        if features is None:
            self.distance.setText("")
            self.grid.set_pairs((), self._missing())
            return
        self._asked = None  # answered: should they be dropped, they are asked for again
        if features.adversarial is not None:
            text = self.tr("moved by {0} of its length").format(number(features.distance, 3))
            self.distance.setText(text)
            self.distance.setToolTip(self.tr("‖f(x+δ) − f(x)‖₂ / ‖f(x)‖₂ over the whole layer"))
        else:
            self.distance.setText(self.tr("clean image only"))
        self.grid.set_pairs(map_pairs(features), "")

    def _missing(self) -> str:
        case = self._case
        if case.frame is None:
            return self.tr("Open an image to look inside the network.")
        if not case.model:
            return self.tr("Choose a model to look inside it.")
        if self._bench.view.cine.playing:
            return self.tr("Computed once the image stands still.")
        if self._bench.jobs.busy:
            return self.tr("The engine is at work…")
        if case.loaded is not None and not case.loaded.layers:
            return self.tr("This model has no layers that can be looked into.")
        return self.tr("There are no feature maps. The log says why.")


@dataclass(frozen=True)
class Tiling:
    """How pairs of maps fill a space.

    Attributes:
        columns: tiles in a row.
        side: of a map.
        across, down: maps of a tile, beside and below each other.
    """

    columns: int
    side: int
    across: int
    down: int

    @property
    def width(self) -> int:
        return self.across * self.side + (self.across - 1) * _GAP

    @property
    def height(self) -> int:
        return self.down * self.side + (self.down - 1) * _GAP + _LINE


def tile(pairs: int, maps: int, width: int, room: int) -> Tiling:
    """Fit tiles of `maps` maps into `width`, if it can be so that `room` shows whole ones.

    Where it is too low for maps below each other and wide enough, they stand beside each other.
    """
    below = (room - _LINE - (maps - 1) * _GAP) // maps
    low = below < _LEAST_SIDE and width > 2 * room
    across, down = (maps, 1) if low else (1, maps)
    in_sight = room - _LINE if low else below
    side = min(max(in_sight, _LEAST_SIDE), _MOST_SIDE)
    columns = max((width + MEDIUM) // (across * side + (across - 1) * _GAP + MEDIUM), 1)
    columns = min(columns, max(pairs, 1))
    room_for_each = (width + MEDIUM) // columns - MEDIUM
    side = min(side, (room_for_each - (across - 1) * _GAP) // across)
    return Tiling(columns, max(side, 1), across, down)


class _GridArea(QScrollArea):
    """Scrolls the grid up and down, and tells it how high the part in sight is."""

    def __init__(self, grid: FeatureGrid) -> None:
        super().__init__()
        self._grid = grid
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(grid)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._grid.set_room(self.viewport().height())
        super().resizeEvent(event)


class FeatureGrid(QWidget):
    """Pairs of maps in as many columns as there is room for."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._pairs: tuple[MapPair, ...] = ()
        self._message = ""
        self._room = 0
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName(self.tr("Feature maps"))
        theme.changed.connect(self.update)

    def set_pairs(self, pairs: tuple[MapPair, ...], message: str) -> None:
        """Show pairs, or the sentence in their place."""
        self._pairs, self._message = pairs, message
        lines = [self._told(pair) for pair in pairs]
        self.setAccessibleDescription("\n".join(lines) or message)
        self._fit_height()
        self.update()

    def set_room(self, height: int) -> None:
        """The height in sight: where it can be, a whole pair fits into it."""
        if height != self._room:
            self._room = height
            self._fit_height()
            self.update()

    @property
    def pairs(self) -> tuple[MapPair, ...]:
        return self._pairs

    @property
    def message(self) -> str:
        return self._message

    def sizeHint(self) -> QSize:
        return QSize(264, self.heightForWidth(264))

    def minimumSizeHint(self) -> QSize:
        return QSize(_LEAST_SIDE + 2, 60)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        if not self._pairs:
            return 80
        tiling = self._tiling(width)
        rows = -(-len(self._pairs) // tiling.columns)
        return self._head() + rows * (tiling.height + LARGE) - LARGE

    def _fit_height(self) -> None:
        self.setMinimumHeight(self.heightForWidth(self.width()))
        self.updateGeometry()

    def _head(self) -> int:
        """Height of the legend; where there is little room the maps need it more."""
        return _LINE + MEDIUM if self._room >= _ROOM_FOR_LEGEND else 0

    def _tiling(self, width: int) -> Tiling:
        maps = 2 if any(p.adversarial is not None for p in self._pairs) else 1
        return tile(len(self._pairs), maps, width, self._room - self._head())

    def _tiles(self) -> list[tuple[MapPair, QRect]]:
        """Each pair and where it stands."""
        tiling = self._tiling(self.width())
        return [
            (
                pair,
                QRect(
                    (place % tiling.columns) * (tiling.width + MEDIUM),
                    self._head() + (place // tiling.columns) * (tiling.height + LARGE),
                    tiling.width,
                    tiling.height,
                ),
            )
            for place, pair in enumerate(self._pairs)
        ]

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_height()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        if not self._pairs:
            painter.setPen(self._theme.color("muted"))
            box = QRectF(self.rect()).adjusted(LARGE, LARGE, -LARGE, -LARGE)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(box, flags, self._message)
            painter.end()
            return
        painter.setFont(font("small"))
        if self._head():
            self._paint_legend(painter)
        tiling = self._tiling(self.width())
        for pair, box in self._tiles():
            self._paint_pair(painter, pair, box, tiling)
        painter.end()

    def _paint_pair(self, painter: QPainter, pair: MapPair, box: QRect, tiling: Tiling) -> None:
        side, step = tiling.side, tiling.side + _GAP
        self._paint_map(painter, pair.original, box.left(), box.top(), side, "clean")
        if pair.adversarial is not None:
            left = box.left() + step * (tiling.across - 1)
            top = box.top() + step * (tiling.down - 1)
            self._paint_map(painter, pair.adversarial, left, top, side, "adversarial")
        line = QRect(box.left(), box.bottom() + 1 - _LINE, box.width(), _LINE)
        channel, change = f"#{pair.channel}", number(pair.change, 2)
        change = f"Δ {change}" if pair.adversarial is not None else change
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(self._theme.color("text"))
        painter.drawText(line, middle | Qt.AlignmentFlag.AlignLeft, channel)
        metrics = painter.fontMetrics()
        if metrics.horizontalAdvance(f"{channel}  {change}") <= line.width():
            painter.setPen(self._theme.color("muted"))
            painter.drawText(line, middle | Qt.AlignmentFlag.AlignRight, change)

    def _paint_legend(self, painter: QPainter) -> None:
        legend = [(self.tr("original"), "clean")]
        if any(p.adversarial is not None for p in self._pairs):
            legend.append((self.tr("adversarial, same scale"), "adversarial"))
        x = 0
        for text, color in legend:
            painter.fillRect(x, 3, 3, _LINE - 6, self._theme.color(color))
            painter.setPen(self._theme.color("muted"))
            painter.drawText(QRectF(x + 8, 0, 400, _LINE), Qt.AlignmentFlag.AlignVCenter, text)
            x += 8 + painter.fontMetrics().horizontalAdvance(text) + LARGE

    def _paint_map(
        self, painter: QPainter, image: QImage, left: int, top: int, side: int, series: str
    ) -> None:
        painter.fillRect(left, top, side, side, QColor(0, 0, 4))
        size = image.size().scaled(side, side, Qt.AspectRatioMode.KeepAspectRatio)
        x, y = left + (side - size.width()) // 2, top + (side - size.height()) // 2
        painter.drawImage(QRectF(x, y, size.width(), size.height()), image, QRectF(image.rect()))
        painter.fillRect(left, top, 3, side, self._theme.color(series))

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.ToolTip:
            self._show_tip(event)
            return True
        return super().event(event)

    def _show_tip(self, event: QHelpEvent) -> None:
        at: QPoint = event.pos()
        for pair, box in self._tiles():
            if box.contains(at):
                QToolTip.showText(event.globalPos(), self._told(pair), self)
                return
        QToolTip.hideText()

    def _told(self, pair: MapPair) -> str:
        size = f"{pair.original.width()}×{pair.original.height()}"
        if pair.adversarial is None:
            text = self.tr("Channel {0}, {1}: {2} of the layer's energy; dark {3}, light {4}")
        else:
            text = self.tr("Channel {0}, {1}: changed by {2} of its length; dark {3}, light {4}")
        return text.format(
            pair.channel, size, number(pair.change, 3), number(pair.low, 3), number(pair.high, 3)
        )
