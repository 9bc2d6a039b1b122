"""Small pictures of files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medadv_desktop.imaging.display import render
from medadv_desktop.imaging.frame import Frame
from medadv_desktop.imaging.reading import open_instance, read_frame


def thumbnail(path: Path | str, side: int = 96) -> NDArray[np.uint8]:
    """The middle frame of a file, as first shown, with square pixels.

    Args:
        path: anything that `read_frame` reads.
        side: pixels of the longer side of the result; a smaller image is not enlarged beyond what
            makes its pixels square.

    Returns:
        h×w (grey) or h×w×3 (colour) uint8, averaged over areas.

    Raises:
        ImageError: as `read_frame`.
    """
    return thumbnail_of(read_frame(path, open_instance(path).frames // 2), side)


def thumbnail_of(frame: Frame, side: int = 96) -> NDArray[np.uint8]:
    """The same of a frame that is read."""
    aspect = frame.spacing.aspect if frame.spacing else 1.0
    # Between the two, the axis with the longer pixels is stretched, never the other one squeezed.
    height = frame.shape[0] * max(aspect, 1.0)
    width = frame.shape[1] * max(1.0 / aspect, 1.0)
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = Image.fromarray(render(frame))
    return np.array(picture.resize(size, Image.Resampling.BOX, reducing_gap=None))
