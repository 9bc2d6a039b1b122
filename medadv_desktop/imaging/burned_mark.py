"""The warning that is burned into the pixels of an exported adversarial image.

A bitmap font of our own, so that the same pixels come out on every machine; bright letters on a
dark box, so that it reads under any window, inverted or not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.errors import ExportError
from medadv_desktop.imaging.display import default_voi, is_inverted
from medadv_desktop.imaging.frame import Frame, Window

MARK = "ADVERSARIAL – NOT FOR DIAGNOSIS"

Font = dict[str, tuple[int, ...]]
"""Letters as rows of dots; a row is a number whose highest bit is the leftmost dot."""

# Seven rows of five dots.
_LARGE: Font = {
    "A": (14, 17, 17, 31, 17, 17, 17), "D": (30, 17, 17, 17, 17, 17, 30),
    "E": (31, 16, 16, 30, 16, 16, 31), "F": (31, 16, 16, 30, 16, 16, 16),
    "G": (14, 17, 16, 23, 17, 17, 15), "I": (14, 4, 4, 4, 4, 4, 14),
    "L": (16, 16, 16, 16, 16, 16, 31), "N": (17, 25, 25, 21, 19, 19, 17),
    "O": (14, 17, 17, 17, 17, 17, 14), "R": (30, 17, 17, 30, 20, 18, 17),
    "S": (15, 16, 16, 14, 1, 1, 30), "T": (31, 4, 4, 4, 4, 4, 4),
    "V": (17, 17, 17, 17, 17, 10, 4), "–": (0, 0, 0, 31, 0, 0, 0), " ": (0, 0, 0, 0, 0, 0, 0),
}  # fmt: skip
# Five rows of three dots, for images of fewer than 67 pixels across.
_SMALL: Font = {
    "A": (2, 5, 7, 5, 5), "D": (6, 5, 5, 5, 6), "E": (7, 4, 6, 4, 7), "F": (7, 4, 6, 4, 4),
    "G": (3, 4, 5, 5, 3), "I": (7, 2, 2, 2, 7), "L": (4, 4, 4, 4, 7), "N": (6, 5, 5, 5, 5),
    "O": (2, 5, 5, 5, 2), "R": (6, 5, 6, 5, 5), "S": (3, 4, 2, 1, 6), "T": (7, 2, 2, 2, 2),
    "V": (5, 5, 5, 5, 2), " ": (0, 0, 0, 0, 0),
}  # fmt: skip
_LAYOUTS: tuple[tuple[Font, int, tuple[str, ...]], ...] = (
    (_LARGE, 5, (MARK,)),
    (_LARGE, 5, ("ADVERSARIAL –", "NOT FOR DIAGNOSIS")),
    (_LARGE, 5, ("ADVERSARIAL", "NOT FOR", "DIAGNOSIS")),
    (_SMALL, 3, ("ADVERSARIAL", "NOT FOR", "DIAGNOSIS")),
)
_BROADEST = 0.75
"""Of the image's width, that letters of more than one pixel a dot may take."""


def burn_mark(
    frame: Frame, stored: NDArray[np.generic]
) -> tuple[NDArray[np.generic], tuple[int, int, int, int]]:
    """`stored` with the mark in it, and where: top, left, height, width in pixels.

    The mark stands at the bottom, in the middle, in a box. Its two values are the ends of what the
    frame is first shown through, widened to its own smallest and largest value where those lie
    beyond: it is seen under that window and under a wider one. Neither is a padding value.

    Args:
        frame: the source.
        stored: H×W or H×W×3, of the frame's shape and type; it is not changed.

    Raises:
        ExportError: the image is too small to hold the words.
    """
    height, width = frame.shape
    fitted = (_fitted(*layout, frame.shape) for layout in _LAYOUTS)
    letters = next((dots for dots in fitted if dots is not None), None)
    if letters is None:
        raise ExportError(
            f"is too small ({width} × {height} pixels) to hold the burned-in warning",
            subject=frame.provenance.path,
            remedy="Export it without the burned-in mark; the header carries the warning as well",
        )
    dark, bright = _ends(frame)
    top, left = height - letters.shape[0], (width - letters.shape[1]) // 2
    marked = np.array(stored)
    values = np.where(letters, bright, dark).astype(stored.dtype)
    box = (slice(top, height), slice(left, left + letters.shape[1]))
    marked[box] = values[..., None] if frame.is_color else values
    return marked, (top, left, *letters.shape)


def _fitted(
    font: Font, columns: int, lines: tuple[str, ...], shape: tuple[int, int]
) -> NDArray[np.bool_] | None:
    """The letters of a layout at the largest scale that suits the image; None where none fits."""
    dots = _typeset(font, columns, lines)
    if dots.shape[0] > shape[0] or dots.shape[1] > shape[1]:
        return None
    scale = max(1, min(int(shape[1] * _BROADEST) // dots.shape[1], shape[0] // (2 * dots.shape[0])))
    return np.repeat(np.repeat(dots, scale, axis=0), scale, axis=1)


def _typeset(font: Font, columns: int, lines: tuple[str, ...]) -> NDArray[np.bool_]:
    """Lines of text, centred, one dot apart and with a rim of one dot."""
    widest = max(map(len, lines)) * (columns + 1) + 1
    rows = len(font[" "]) + 1
    dots = np.zeros((len(lines) * rows + 1, widest), dtype=np.bool_)
    for number, line in enumerate(lines):
        start = (widest - len(line) * (columns + 1) - 1) // 2 + 1
        for place, letter in enumerate(line):
            bits = np.array(font[letter])[:, None] >> np.arange(columns)[::-1] & 1
            at = start + place * (columns + 1)
            dots[number * rows + 1 : (number + 1) * rows, at : at + columns] = bits
    return dots


def _ends(frame: Frame) -> tuple[float, float]:
    """Stored values of the box and of the letters, dark and bright on the screen."""
    mask = frame.padding_mask()
    pixels = frame.stored if mask is None or mask.all() else frame.stored[~mask]
    values = pixels[np.isfinite(pixels)] if pixels.dtype.kind == "f" else pixels
    low, high = (float(values.min()), float(values.max())) if values.size else frame.value_range
    voi = default_voi(frame)
    by = frame.modality
    if isinstance(voi, Window) and by.lut is None:
        ends = [(voi.center + side * voi.width / 2 - by.intercept) / by.slope for side in (-1, 1)]
        low, high = min(low, *ends), max(high, *ends)
    least, most = frame.value_range
    low, high = (least, most) if low == high else (max(low, least), min(high, most))
    if pixels.dtype.kind != "f":
        low, high = float(np.floor(low)), float(np.ceil(high))
    low, high = _beside_padding(frame, low, 1), _beside_padding(frame, high, -1)
    falling = by.slope < 0 and by.lut is None
    return (high, low) if is_inverted(frame) ^ falling else (low, high)


def _beside_padding(frame: Frame, value: float, step: int) -> float:
    """`value`, or the next one inwards that is no padding."""
    if frame.padding is None or frame.is_color:
        return value
    first, last = frame.padding
    if not first <= value <= last:
        return value
    return last + 1 if step > 0 else first - 1
