"""How far response maps agree, and how much of a response lies inside a lesion."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.errors import AnalysisError

TOP_SHARE: Final = 0.2
"""Of the image's area: the region of a response is its strongest fifth."""

_Map = NDArray[np.floating]


@dataclass(frozen=True)
class Overlap:
    """How far two response maps agree.

    Attributes:
        iou: of their regions (`region`), None (undefined) where one of them has no response.
        rank_correlation: Spearman's ρ over all pixels, None where one of the maps is constant.
        top_share: what the regions are made with.
    """

    iou: float | None
    rank_correlation: float | None
    top_share: float


@dataclass(frozen=True)
class Inside:
    """How much of a response lies inside a mask.

    Attributes:
        share: of the response's magnitude; None (undefined) where there is no response.
        region_share: of the region's pixels; None likewise.
        area: share of the mask in the image: what a response spread evenly would have.
        peak: the strongest pixel lies inside; None where there is no response.
    """

    share: float | None
    region_share: float | None
    area: float
    peak: bool | None


def overlap(first: _Map, second: _Map, top_share: float = TOP_SHARE) -> Overlap:
    """Compare two maps, H×W each.

    Raises:
        AnalysisError: the maps differ in size, or the share is not between 0 and 1.
    """
    if first.shape != second.shape:
        raise AnalysisError(
            f"response maps of {_size(first)} and {_size(second)} cannot be laid over each other",
            remedy="Compare models that take inputs of one size",
        )
    a, b = region(first, top_share), region(second, top_share)
    together = int((a | b).sum())
    iou = int((a & b).sum()) / together if a.any() and b.any() else None
    return Overlap(iou, _spearman(first, second), top_share)


def region(values: _Map, top_share: float = TOP_SHARE) -> NDArray[np.bool_]:
    """The strongest pixels of a map, H×W bool.

    Those whose magnitude is at least that of the ⌈top_share·H·W⌉-th strongest, and above 0. Equal
    pixels are in or out together; so a map with few responding pixels has a smaller region, and
    one whose border value is shared by many a larger one.

    Raises:
        AnalysisError: the share is not above 0 and at most 1.
    """
    if not 0 < top_share <= 1:
        raise AnalysisError(
            f"{top_share:g} is no share of the image",
            subject="top share",
            remedy="Allowed: above 0 up to 1",
        )
    strength = np.abs(np.asarray(values, np.float64))
    count = math.ceil(top_share * strength.size)
    threshold = np.partition(strength.ravel(), -count)[-count]
    return np.asarray((strength >= threshold) & (strength > 0))


def inside(values: _Map, mask: NDArray[np.bool_], top_share: float = TOP_SHARE) -> Inside:
    """How much of a map, H×W, lies inside a mask, H×W bool.

    Raises:
        AnalysisError: the mask is of another size, or holds no pixel.
    """
    if values.shape != mask.shape:
        raise AnalysisError(
            f"a mask of {_size(mask)} does not belong to a response map of {_size(values)}",
            subject="lesion mask",
            remedy="Give a mask of the image's own size",
        )
    if not mask.any():
        raise AnalysisError("is empty: nothing can lie inside", subject="lesion mask")
    strength = np.abs(np.asarray(values, np.float64))
    total = float(strength.sum())
    area = float(mask.mean())
    if total == 0:
        return Inside(None, None, area, None)
    strongest = region(values, top_share)
    return Inside(
        share=float(strength[mask].sum()) / total,
        region_share=float(mask[strongest].mean()),
        area=area,
        peak=bool(mask.ravel()[strength.argmax()]),
    )


def _spearman(first: _Map, second: _Map) -> float | None:
    from scipy.stats import rankdata

    ranks = [rankdata(np.asarray(m, np.float64), axis=None) for m in (first, second)]
    centred = [r - r.mean() for r in ranks]
    sizes = [float(np.sqrt((c**2).sum())) for c in centred]
    if 0 in sizes:
        return None
    return float((centred[0] * centred[1]).sum() / (sizes[0] * sizes[1]))


def _size(values: NDArray[np.generic]) -> str:
    return "×".join(map(str, values.shape))
