"""A mask file as a region of the model input: a lesion that a patch is bound to. No torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.errors import AttackError, ImageError
from medadv_desktop.imaging.reading import read_frame
from medadv_desktop.models.card import Preprocessing
from medadv_desktop.models.input_plan import geometry


def read_mask(path: Path, preprocessing: Preprocessing) -> NDArray[np.bool_]:
    """The region that a mask marks, H×W of the model input.

    Marked is what lies above the middle between the smallest and the largest value of the file (of
    any channel). A mask of another size than the model input goes the way of the image that it
    belongs to, the model's resizing and cropping, each pixel taken from the nearest; what lies
    beyond the mask is not marked.

    Raises:
        AttackError: the file cannot be read, marks nothing, or nothing that the model sees.
    """
    try:
        frame = read_frame(path)
    except ImageError as error:
        raise AttackError(
            f"the mask cannot be read: {error.reason}", subject=path, remedy="Choose an image file"
        ) from None
    values = frame.stored.astype(np.float64)
    values = values.max(axis=2) if values.ndim == 3 else values
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(values).all() and low < high):
        raise AttackError(
            "the mask marks nothing: all of its pixels are alike",
            subject=path,
            remedy="Choose a mask that is bright where the patch may be, and dark elsewhere",
        )
    aspect = frame.spacing.aspect if frame.spacing is not None else 1.0
    mask = _placed(values > (low + high) / 2, preprocessing, aspect)
    if not mask.any():
        raise AttackError(
            "nothing that the mask marks is left in what the model sees",
            subject=path,
            remedy="Choose a mask of the same image, or of the size of the model input",
        )
    return mask


def _placed(
    mask: NDArray[np.bool_], preprocessing: Preprocessing, aspect: float
) -> NDArray[np.bool_]:
    if mask.shape == (preprocessing.height, preprocessing.width):
        return mask
    resized, (top, left, height, width) = geometry(preprocessing, mask.shape, aspect)
    rows, rows_inside = _nearest(top, height, resized[0], mask.shape[0])
    columns, columns_inside = _nearest(left, width, resized[1], mask.shape[1])
    inside = rows_inside[:, None] & columns_inside
    return np.asarray(mask[rows[:, None], columns] & inside)


def _nearest(
    first: int, count: int, resized: int, size: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Of `count` pixels from `first` of an axis resized from `size`: the source, and if it is."""
    places = first + np.arange(count)
    source = np.floor((places + 0.5) * size / resized).astype(np.int64)
    return source.clip(0, size - 1), (places >= 0) & (places < resized)
