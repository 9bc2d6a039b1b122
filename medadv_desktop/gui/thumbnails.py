"""Small pictures of files, made when somebody is about to see them."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage, QPixmap

from medadv_desktop.gui.background import Background, Urgency

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE = 96
_KEPT = 2000
_WAITING = 200


class Thumbnails(QObject):
    """Makes one picture at a time, the one asked for last first.

    Signals:
        ready: the picture of this file is there.
    """

    ready = Signal(object)

    def __init__(self, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._pictures: OrderedDict[Path, QPixmap | None] = OrderedDict()
        self._waiting: OrderedDict[Path, None] = OrderedDict()
        self._job: int | None = None
        self._path: Path | None = None
        background.finished.connect(self._finished)
        background.failed.connect(self._failed)
        background.cancelled.connect(self._cancelled)

    def get(self, path: Path) -> QPixmap | None:
        """The picture, or None: then it is being made, or cannot be."""
        if path in self._pictures:
            self._pictures.move_to_end(path)
            return self._pictures[path]
        if path != self._path:
            self._waiting[path] = None
            self._waiting.move_to_end(path)
            while len(self._waiting) > _WAITING:  # scrolled past: it will be asked for again
                self._waiting.popitem(last=False)
            self._next()
        return None

    def forget(self, path: Path) -> None:
        """Make it anew when it is asked for again: the file may have changed."""
        self._pictures.pop(path, None)

    def _next(self) -> None:
        if self._job is None and self._waiting:
            path, _ = self._waiting.popitem(last=True)
            self._path = path
            self._job = self._background.submit(lambda *_: _small(path), Urgency.THUMBNAIL)

    def _finished(self, job_id: int, pixels: NDArray[np.uint8]) -> None:
        if job_id == self._job:
            self._keep(QPixmap.fromImage(to_image(pixels)))

    def _failed(self, job_id: int, _failure: object) -> None:
        # No message: the file was opened by its header; whoever selects it is told what is wrong.
        if job_id == self._job:
            self._keep(None)

    def _cancelled(self, job_id: int) -> None:
        if job_id == self._job:
            self._job, self._path = None, None

    def _keep(self, picture: QPixmap | None) -> None:
        path = self._path
        self._job, self._path = None, None
        if path is None:
            return
        self._pictures[path] = picture
        while len(self._pictures) > _KEPT:
            self._pictures.popitem(last=False)
        self.ready.emit(path)
        self._next()


def to_image(pixels: NDArray[np.uint8]) -> QImage:
    """H×W or H×W×3 uint8 as an image that owns its memory."""
    height, width = pixels.shape[:2]
    grey = pixels.ndim == 2
    kind = QImage.Format.Format_Grayscale8 if grey else QImage.Format.Format_RGB888
    return QImage(pixels.tobytes(), width, height, width * (1 if grey else 3), kind).copy()


def _small(path: Path) -> NDArray[np.uint8]:
    from medadv_desktop.imaging.thumbnails import thumbnail

    return thumbnail(path, SIDE)
