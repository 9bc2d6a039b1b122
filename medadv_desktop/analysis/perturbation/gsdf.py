"""The Grayscale Standard Display Function of DICOM PS3.14: luminance and just-noticeable steps.

One step of the JND index is the smallest change in luminance that the average observer sees under
the conditions of the standard's model (Barten): a sinusoidal grating of 4 cycles per degree over
2° × 2° of a uniform background, looked at directly (PS3.14, 7 and annex A).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.errors import AnalysisError

INDICES: Final = (1.0, 1023.0)
"""JND indices that the function is defined for (PS3.14, 7.1)."""

LUMINANCES: Final = (0.0499, 3993.5)
"""In cd/m²: those of the first and the last index, 0.0500 and 3993.404 in table B-1, rounded."""

# PS3.14, 7.1: log10 L(j) is a quotient of two polynomials in ln j, lowest power first.
_ABOVE: Final = (-1.3011877, 8.0242636e-2, 1.3646699e-1, -2.5468404e-2, 1.3635334e-3)
_BELOW: Final = (1.0, -2.5840191e-2, -1.0320229e-1, 2.8745620e-2, -3.1978977e-3, 1.2992634e-4)
# PS3.14, 7.1: j(L) is a polynomial in log10 L, lowest power first.
_INVERSE: Final = (
    71.498068,
    94.593053,
    41.912053,
    9.8247004,
    0.28175407,
    -1.1878455,
    -0.18014349,
    0.14710899,
    -0.017046845,
)


def luminance_of(index: NDArray[np.floating] | float) -> NDArray[np.float64]:
    """Luminance in cd/m² of JND indices (PS3.14, 7.1), of any shape, float64.

    Raises:
        AnalysisError: an index is not from 1 to 1023, where the function is not defined.
    """
    j = np.asarray(index, np.float64)
    _check(j, *INDICES, "JND index", "")
    x = np.log(j)
    polynomial = np.polynomial.polynomial.polyval
    return np.asarray(10 ** (polynomial(x, _ABOVE) / polynomial(x, _BELOW)))


def jnd_index_of(luminance: NDArray[np.floating] | float) -> NDArray[np.float64]:
    """JND index of luminances in cd/m² (PS3.14, 7.1, the inverse), of any shape, float64.

    The standard's own fit: it returns the j of `luminance_of(j)` to within 0.1.

    Raises:
        AnalysisError: a luminance is not from 0.0499 to 3993.5 cd/m², where the function is not
            defined.
    """
    values = np.asarray(luminance, np.float64)
    _check(values, *LUMINANCES, "luminance", " cd/m²")
    return np.asarray(np.polynomial.polynomial.polyval(np.log10(values), _INVERSE))


def _check(values: NDArray[np.float64], low: float, high: float, what: str, unit: str) -> None:
    # Not-a-number is refused as well.
    if not bool(((values >= low) & (values <= high)).all()):
        raise AnalysisError(
            f"the standard display function is not defined there (given: {values.min():g} to "
            f"{values.max():g}{unit})",
            subject=what,
            remedy=f"Allowed: from {low:g} to {high:.7g}{unit}",
        )
