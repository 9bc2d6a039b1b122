"""A perturbation in numbers and maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.analysis.perturbation.spectrum import RadialSpectrum, radial_spectrum
from medadv_desktop.errors import AnalysisError


@dataclass(frozen=True)
class Norms:
    """Of a perturbation, in units of the [0, 1] grey scale.

    Attributes:
        linf, l2, l1: largest, Euclidean and summed size.
        l0: pixels changed; one changed in several channels counts once.
        mean: signed, over all values.
    """

    linf: float
    l2: float
    l1: float
    l0: int
    mean: float


@dataclass(frozen=True, eq=False)
class Perturbation:
    """What an attack did to the pixels.

    Attributes:
        signed: C×H×W float64, adversarial minus original; 0 at padding.
        strongest: H×W float64, the channel that changes most at each pixel, signed.
        norms: over all channels; `channel_norms`: of each.
        spectrum: radial power.
        ssim: mean structural similarity; None (undefined) for images below 11 pixels.
        ssim_map: H−10 × W−10 float64, mean over the channels, of the places where its window fits
            (5 pixels of border lack); None likewise.
        psnr: peak signal-to-noise ratio in decibels, ∞ for equal images.
    """

    signed: NDArray[np.float64]
    strongest: NDArray[np.float64]
    norms: Norms
    channel_norms: tuple[Norms, ...]
    spectrum: RadialSpectrum
    ssim: float | None
    ssim_map: NDArray[np.float64] | None
    psnr: float


def perturbation(
    original: NDArray[np.floating],
    adversarial: NDArray[np.floating],
    padding: NDArray[np.bool_] | None = None,
) -> Perturbation:
    """Compare an adversarial image with its original.

    Args:
        original, adversarial: C×H×W in [0, 1].
        padding: H×W, True at pixels that are no picture; norms and spectrum leave them out.

    Raises:
        AnalysisError: the shapes differ, or a value is not finite.
    """
    import torch

    from medadv_desktop.analysis.metrics.similarity import psnr, ssim_map

    if original.shape != adversarial.shape or original.ndim != 3:
        raise AnalysisError(
            f"images of one shape C×H×W are compared, not {original.shape} and {adversarial.shape}"
        )
    pair = [np.asarray(image, np.float64) for image in (original, adversarial)]
    signed = pair[1] - pair[0]
    if not np.isfinite(signed).all():
        raise AnalysisError("holds values that are not finite", subject="perturbation")
    if padding is not None:
        signed = np.where(padding, 0.0, signed)
    first, second = (torch.from_numpy(image)[None] for image in pair)
    similar = ssim_map(first, second)[0].mean(dim=0).numpy()
    rows, columns = np.indices(signed.shape[1:])
    return Perturbation(
        signed=signed,
        strongest=signed[np.abs(signed).argmax(axis=0), rows, columns],
        norms=_norms(signed),
        channel_norms=tuple(_norms(channel[None]) for channel in signed),
        spectrum=radial_spectrum(signed),
        ssim=float(similar.mean()) if similar.size else None,
        ssim_map=similar if similar.size else None,
        psnr=float(psnr(first, second)),
    )


def _norms(signed: NDArray[np.float64]) -> Norms:
    size = np.abs(signed)
    return Norms(
        linf=float(size.max()),
        l2=float(np.sqrt((size**2).sum())),
        l1=float(size.sum()),
        l0=int((size > 0).any(axis=0).sum()),
        mean=float(signed.mean()),
    )
