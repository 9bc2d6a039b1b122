"""How a perturbation's power is spread over spatial frequencies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class RadialSpectrum:
    """Power by distance from the zero frequency, in R rings of equal width.

    Attributes:
        frequencies: R, the middle of each ring in cycles per pixel; 0 is the mean, 0.5 the finest
            pattern along a row or column, and up to √½ along a diagonal.
        power: R, sum over the ring's frequencies and all channels; all rings together are the
            perturbation's squared L2 norm (Parseval).
        density: R, mean over the ring's frequencies: flat for white noise.
        centroid: power-weighted mean frequency in cycles per pixel; None (undefined) for no change.
    """

    frequencies: NDArray[np.float64]
    power: NDArray[np.float64]
    density: NDArray[np.float64]
    centroid: float | None


def radial_spectrum(delta: NDArray[np.floating]) -> RadialSpectrum:
    """The spectrum of a perturbation, C×H×W.

    |DFT|²/(H·W) in each channel, no window, summed over rings of width 1/min(H, W) around the
    zero frequency; the first ring is half as wide and holds the mean.
    """
    values = np.asarray(delta, np.float64)
    height, width = values.shape[-2:]
    power = (np.abs(np.fft.fft2(values)) ** 2).sum(axis=0) / (height * width)
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    ring = np.floor(radius * min(height, width) + 0.5).astype(np.intp).ravel()
    sums = np.bincount(ring, weights=power.ravel()).astype(np.float64)
    counts = np.bincount(ring)
    total = float(power.sum())
    return RadialSpectrum(
        frequencies=np.arange(len(sums)) / min(height, width),
        power=sums,
        density=np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0),
        centroid=float((radius * power).sum()) / total if total else None,
    )
