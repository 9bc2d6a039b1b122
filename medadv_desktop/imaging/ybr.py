"""YBR colours to RGB where pydicom does not go: above 8 bits, and YBR_PARTIAL_422.

Source: DICOM PS3.3 C.7.6.3.1.2, whose equations for 8 bits are scaled to the bits stored.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FULL = np.array([[0.2990, 0.5870, 0.1140], [-0.1687, -0.3313, 0.5000], [0.5000, -0.4187, -0.0813]])
_PARTIAL = np.array(
    [[0.2568, 0.5041, 0.0979], [-0.1482, -0.2910, 0.4392], [0.4392, -0.3678, -0.0714]]
)
_FULL_OFFSET = np.array([0.0, 128.0, 128.0])
_PARTIAL_OFFSET = np.array([16.0, 128.0, 128.0])


def ybr_to_rgb(ybr: NDArray[np.generic], bits: int, *, partial: bool) -> NDArray[np.generic]:
    """Turn Y, CB, CR into R, G, B.

    Args:
        ybr: H×W×3 unsigned integers.
        bits: how many of their bits are used.
        partial: the range of YBR_PARTIAL (16 to 235 and 240 in 8 bits) instead of the full one.

    Returns:
        H×W×3 of the same type, rounded; colours that RGB cannot hold take the nearest it can.
    """
    matrix, offset = (_PARTIAL, _PARTIAL_OFFSET) if partial else (_FULL, _FULL_OFFSET)
    values = ybr.astype(np.float64) - offset * 2.0 ** (bits - 8)
    rgb = values @ np.linalg.inv(matrix).T
    return np.clip(np.rint(rgb), 0, 2**bits - 1).astype(ybr.dtype)


def spread_chroma(pairs: NDArray[np.generic], rows: int, columns: int) -> NDArray[np.generic]:
    """Y1 Y2 CB CR for each two pixels as H×W×3; both pixels take the CB and CR of their pair.

    Args:
        pairs: rows × columns × 2 values, flat.
        rows, columns: of the image; columns is even.
    """
    four = pairs.reshape(rows, columns // 2, 4)
    luma = four[..., :2].reshape(rows, columns)
    blue, red = (np.repeat(four[..., part], 2, axis=1) for part in (2, 3))
    return np.stack([luma, blue, red], axis=-1)
