"""One image as it is, as the generator leaves it, and what was added: side by side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from medadv_desktop.attacks.prepared import PreparationPreview
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.theme import MEDIUM, SMALL, font
from medadv_desktop.gui.viewers.colormaps import signed_colors
from medadv_desktop.gui.viewers.perturbation import color_limit
from medadv_desktop.gui.viewers.pictures import block_mean, to_image
from medadv_desktop.gui.viewers.showing import one_channel
from medadv_desktop.gui.viewers.wording import amount_255
from medadv_desktop.gui.wizards.generator.wording import tr

_CAPTION = 22
_FINEST = 640
"""No picture here is larger on the screen, in pixels of a side."""


class Sights(QWidget):
    """Three pictures on the dark ground of the viewers; no window of the screen is put over them.

    The perturbation is shown as in its own viewer: channel and amplification are those set there.

    Attributes:
        pictures: original, adversarial, perturbation; () where there is nothing to be seen.
        largest: the largest |δ|.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._theme, self._view = bench.theme, bench.view
        self.pictures: tuple[QImage, ...] = ()
        self.largest = 0.0
        self._preview: PreparationPreview | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(tr("One image before and after"))
        for changed in (self._view.amplification_changed, self._view.channel_changed):
            changed.connect(self._paint_anew)
        self._theme.changed.connect(self.update)

    def show_preview(self, preview: PreparationPreview | None) -> None:
        """Show a preview, None for nothing."""
        self._preview = preview
        self._paint_anew()

    def sizeHint(self) -> QSize:
        return QSize(660, 230)

    def minimumSizeHint(self) -> QSize:
        return QSize(360, 130)

    def _paint_anew(self) -> None:
        preview = self._preview
        if preview is None:
            self.pictures, self.largest = (), 0.0
        else:
            delta = preview.adversarial - preview.original
            self.largest = float(np.abs(delta).max())
            limit = color_limit(self.largest, self._view.amplification)
            step = max(delta.shape[1:]) // _FINEST + 1
            added = one_channel(delta, self._view.channel)[::step, ::step]
            lights = (_light(image, step) for image in (preview.original, preview.adversarial))
            seen = (*lights, signed_colors(added, limit))
            self.pictures = tuple(to_image(pixels) for pixels in seen)
        self.setAccessibleDescription(" · ".join(self._captions()))
        self.update()

    def _captions(self) -> tuple[str, str, str]:
        added = tr("Perturbation")
        if self.pictures:
            added = tr("Perturbation, largest |δ| {0}").format(amount_255(self.largest))
        return tr("Original"), tr("Adversarial"), added

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        color = self._theme.color
        width = (self.width() - 2 * MEDIUM) / 3
        for place, caption in enumerate(self._captions()):
            room = QRectF(place * (width + MEDIUM), 0, width, self.height())
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color("image"))
            painter.drawRoundedRect(room, 4, 4)
            head = QRectF(room.left() + MEDIUM, SMALL, room.width() - 2 * MEDIUM, _CAPTION - SMALL)
            painter.setFont(font("small"))
            painter.setPen(color("image_muted"))
            text = painter.fontMetrics().elidedText(
                caption, Qt.TextElideMode.ElideRight, int(head.width())
            )
            painter.drawText(head, Qt.AlignmentFlag.AlignVCenter, text)
            space = room.adjusted(SMALL, _CAPTION, -SMALL, -SMALL)
            if self.pictures:
                picture = self.pictures[place]
                size = picture.size().toSizeF()
                size.scale(space.size(), Qt.AspectRatioMode.KeepAspectRatio)
                target = QRectF(0, 0, size.width(), size.height())
                target.moveCenter(space.center())
                painter.drawImage(target, picture)
            elif place == 0:
                wait = tr("It is seen with the first batches")
                flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
                painter.drawText(space, flags, wait)
        painter.end()


def _light(image: NDArray[np.float32], step: int) -> NDArray[np.uint8]:
    """H×W or H×W×3 of a model input, C×H×W in [0, 1]; of other channels their mean."""
    pixels = image if len(image) in (1, 3) else image.mean(axis=0, keepdims=True)
    small = block_mean(np.moveaxis(pixels, 0, -1), step)
    shown = np.rint(np.clip(small, 0, 1) * 255).astype(np.uint8)
    return shown[..., 0] if shown.shape[-1] == 1 else shown
