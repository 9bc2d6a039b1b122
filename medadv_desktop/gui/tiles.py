"""Thumbnails on squares, with the number of images and a mark where there is something to know."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QIcon, QPainter, QPixmap

from medadv_desktop.gui import icons
from medadv_desktop.gui.theme import Theme, font
from medadv_desktop.gui.thumbnails import SIDE

TILE = 44
"""Side of a tile in device-independent pixels."""


def tile(picture: QPixmap | None, theme: Theme, count: str = "", noted: bool = False) -> QIcon:
    """A square with the picture in its middle, so that names stand below each other.

    Args:
        picture: None while it is being made, or where none can be.
        count: written into a corner, "" for nothing.
        noted: a warning sign stands in the other corner.
    """
    square = QPixmap(SIDE, SIDE)
    square.fill(theme.color("image"))
    painter = QPainter(square)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if picture is not None:
        size = picture.size().scaled(SIDE, SIDE, Qt.AspectRatioMode.KeepAspectRatio)
        left, top = (SIDE - size.width()) // 2, (SIDE - size.height()) // 2
        painter.drawPixmap(left, top, size.width(), size.height(), picture)
    if count:
        _paint_count(painter, count, theme)
    if noted:
        _paint_warning(painter, theme)
    painter.end()
    icon = QIcon()
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
        icon.addPixmap(square, mode)
    return icon


def _paint_count(painter: QPainter, count: str, theme: Theme) -> None:
    letters = QFont(font("strong"))
    letters.setPixelSize(24)
    painter.setFont(letters)
    width = QFontMetrics(letters).horizontalAdvance(count) + 10
    plate = QRectF(SIDE - width, SIDE - 30, width, 30)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(8, 10, 13, 200))
    painter.drawRect(plate)
    painter.setPen(theme.color("image_text"))
    painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, count)


def _paint_warning(painter: QPainter, theme: Theme) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(8, 10, 13, 200))
    painter.drawRect(QRectF(0, 0, 36, 36))
    sign = icons.icon("warning", theme, "crosshair").pixmap(QSize(32, 32), 1.0)
    painter.drawPixmap(2, 2, sign)
