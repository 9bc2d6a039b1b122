"""A model input as a picture, pixel by pixel, and what its numbers are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from medadv_desktop.gui.theme import LARGE, Theme
from medadv_desktop.gui.viewers.pictures import to_image
from medadv_desktop.gui.viewers.wording import number
from medadv_desktop.gui.wizards.model_import.fields import tr
from medadv_desktop.models.card import ModelCard


class InputView(QWidget):
    """Paints a model input as large as fits; each of its pixels stays a square."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._image: QImage | None = None
        self._text = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(200, 160)
        self.setAccessibleName(tr("The input of the network"))
        theme.changed.connect(self.update)

    @property
    def image(self) -> QImage | None:
        """What is shown, a pixel for each of the input's."""
        return self._image

    def sizeHint(self) -> QSize:
        return QSize(320, 320)

    def show_input(self, values: NDArray[np.float32] | None, text: str = "") -> None:
        """Show C×H×W in [0, 1], or a sentence in its place."""
        self._image = None if values is None else picture(values)
        self._text = text
        self.setAccessibleDescription(text)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._theme.color("image"))
        if self._image is None:
            painter.setPen(self._theme.color("image_muted"))
            room = self.rect().adjusted(LARGE, LARGE, -LARGE, -LARGE)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(room, int(flags), self._text)
        else:
            scale = min(self.width() / self._image.width(), self.height() / self._image.height())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, scale < 1)
            width, height = self._image.width() * scale, self._image.height() * scale
            left, top = (self.width() - width) / 2, (self.height() - height) / 2
            painter.drawImage(QRectF(left, top, width, height), self._image)
        painter.end()


def picture(values: NDArray[np.float32]) -> QImage:
    """C×H×W in [0, 1] with one channel or three, as grey or RGB."""
    light = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return to_image(light[0] if len(light) == 1 else np.moveaxis(light, 0, -1))


def numbers_of(values: NDArray[np.float32], card: ModelCard) -> str:
    """The shape of an input, and the numbers that reach the network behind mean and std."""
    mean, std = (np.asarray(v, np.float64).reshape(-1, 1, 1) for v in (card.mean, card.std))
    inside = (values - mean) / std
    digits = 2 if np.ptp(inside) < 100 else 0
    shape = " × ".join(str(side) for side in values.shape)
    text = tr("{shape}. After mean and std: {low} to {high}, on average {mean} ± {std}")
    return text.format(
        shape=shape,
        low=number(inside.min(), digits),
        high=number(inside.max(), digits),
        mean=number(inside.mean(), digits),
        std=number(inside.std(), digits),
    )
