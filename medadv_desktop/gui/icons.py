"""Icons from the shipped SVG files, in the colours of the theme and sharp at every scale."""

from __future__ import annotations

import functools
from typing import Protocol

from PySide6.QtCore import QByteArray, QObject, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from medadv_desktop.gui.theme import Theme
from medadv_desktop.resources import resource

# Sides in physical pixels: 16 to 32 at scale 1 and 2. Qt only ever has to scale down.
_SIZES = (16, 18, 24, 32, 36, 48)
_APP_SIZES = (16, 24, 32, 48, 64, 128, 256)


class TakesIcon(Protocol):
    """Actions, buttons, windows."""

    def setIcon(self, icon: QIcon) -> None: ...


def icon(name: str, theme: Theme, color: str = "text") -> QIcon:
    """An icon by name, drawn in a colour of the theme ("app" has its own colours).

    Raises:
        FileNotFoundError: there is no such icon.
    """
    if name == "app":
        return app_icon()
    faint = theme.color("border") if theme.is_dark else theme.color("border").darker(112)
    if color.startswith("image_"):  # on the dark picture area in both modes
        faint = theme.color("image_border")
    return _drawn(name, theme.color(color).name(), faint.name())


@functools.cache
def app_icon() -> QIcon:
    """The program's own icon."""
    result = QIcon()
    for size in _APP_SIZES:
        result.addPixmap(_pixmap(_svg("app"), size))
    return result


def bind_icon(target: TakesIcon, name: str, theme: Theme, color: str = "text") -> None:
    """Give `target` (a QObject with `setIcon`) an icon that follows the theme."""
    holder = _Follower(target, name, theme, color)
    holder.show()
    theme.changed.connect(holder.show)


class _Follower(QObject):
    """Lives and dies with its target, and so does its connection."""

    def __init__(self, target: TakesIcon, name: str, theme: Theme, color: str) -> None:
        super().__init__(target)  # type: ignore[arg-type]
        self._name, self._theme, self._color = name, theme, color

    def show(self) -> None:
        self.parent().setIcon(icon(self._name, self._theme, self._color))


@functools.lru_cache(maxsize=512)
def _drawn(name: str, normal: str, faint: str) -> QIcon:
    text = _svg(name)
    result = QIcon()
    for mode, color in ((QIcon.Mode.Normal, normal), (QIcon.Mode.Disabled, faint)):
        recolored = text.replace("currentColor", QColor(color).name())
        for size in _SIZES:
            result.addPixmap(_pixmap(recolored, size), mode)
    return result


@functools.cache
def _svg(name: str) -> str:
    return resource("icons", f"{name}.svg").read_text(encoding="utf-8")


def _pixmap(svg: str, size: int) -> QPixmap:
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(0, 0, size, size))
    painter.end()
    return pixmap
