"""What is counted over perturbed images: flip probability, mean flip rate, corruption error.

Hendrycks & Dietterich: Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations, ICLR 2019, sec. 3 (CE, relative CE, FP, FR). numpy alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.errors import CorruptionError


def flips_of(decisions: NDArray[np.generic], noise: bool) -> NDArray[np.float64]:
    """The share of flips of each sequence by itself, N (or N×K): what a resampling draws from.

    Args, raises: as `flip_probability`.
    """
    given = np.asarray(decisions)
    if given.ndim not in (2, 3) or given.dtype.kind not in "biu":
        raise CorruptionError(
            f"{given.dtype} of shape {given.shape} are no decisions over sequences",
            subject="decisions",
            remedy="Give whole numbers or booleans, N×F or N×F×K",
        )
    if given.shape[0] < 1 or given.shape[1] < 2:
        raise CorruptionError(
            f"{given.shape[0]} sequences of {given.shape[1]} frames have nothing to compare",
            subject="decisions",
            remedy="Give at least one sequence of two frames",
        )
    before = given[:, :1] if noise else given[:, :-1]
    return np.asarray((given[:, 1:] != before).mean(1))


def flip_probability(decisions: NDArray[np.generic], noise: bool) -> float | NDArray[np.float64]:
    """How often a prediction flips in a sequence of N images and F frames.

    FP = mean over sequences of Σ_{j=2..F} 1(f(x_j) ≠ f(x_{j−1})) / (F − 1); for noise, whose frames
    have no order, f(x_1), of the clean frame, stands for f(x_{j−1}). The published multi-label code
    of Xu et al. 2021 leaves out the division.

    Args:
        decisions: N×F class indices, or N×F×K booleans of K findings.
        noise: compare with the first frame; else with the frame before.

    Returns:
        In [0, 1]: one number, or K of them, one for each finding.

    Raises:
        CorruptionError: no such array, no sequence, or fewer than two frames.
    """
    share = flips_of(decisions, noise).mean(0)
    return float(share) if share.ndim == 0 else np.asarray(share)


@dataclass(frozen=True)
class Relative:
    """Figures of a model by kind, in units of a baseline's: 1 is as good as the baseline.

    Attributes:
        by_kind: None where the baseline's figure is 0, and the quotient undefined.
        mean: over the kinds where it is defined; None where it is nowhere.
        undefined: the kinds that the mean leaves out.
    """

    by_kind: Mapping[str, float | None]
    mean: float | None
    undefined: tuple[str, ...]


def mean_flip_rate(flips: Mapping[str, float], baseline_flips: Mapping[str, float]) -> Relative:
    """FR_p = FP_p / FP_p^baseline by kind p, and mFR, their mean.

    Args:
        flips, baseline_flips: flip probabilities by kind, of the same kinds.

    Raises:
        CorruptionError: there are none, the kinds differ, or a figure is not within [0, 1].
    """
    _comparable(flips, baseline_flips)
    return _relative({kind: (flips[kind], baseline_flips[kind]) for kind in flips})


def corruption_error(
    errors: Mapping[str, Sequence[float]], baseline_errors: Mapping[str, Sequence[float]]
) -> Relative:
    """CE_c = Σ_s E_{s,c} / Σ_s E_{s,c}^baseline by corruption c over severities s, and mCE.

    Args:
        errors, baseline_errors: error rates in [0, 1] by corruption, one for each severity, of the
            same corruptions and severities.

    Raises:
        CorruptionError: there are none, or they do not correspond.
    """
    return relative_corruption_error(errors, baseline_errors, 0.0, 0.0)


def relative_corruption_error(
    errors: Mapping[str, Sequence[float]],
    baseline_errors: Mapping[str, Sequence[float]],
    clean_error: float,
    baseline_clean_error: float,
) -> Relative:
    """CE_c = Σ_s (E_{s,c} − E_clean) / Σ_s (E_{s,c}^baseline − E_clean^baseline), and their mean.

    Args, raises: as `corruption_error`, with the error rates on clean images.
    """
    _comparable(errors, baseline_errors)
    _comparable({"clean": clean_error}, {"clean": baseline_clean_error})
    return _relative(
        {
            kind: (
                float(np.sum(np.asarray(errors[kind], np.float64) - clean_error)),
                float(np.sum(np.asarray(baseline_errors[kind], np.float64) - baseline_clean_error)),
            )
            for kind in errors
        }
    )


def _relative(pairs: Mapping[str, tuple[float, float]]) -> Relative:
    by_kind = {
        kind: own / baseline if abs(baseline) > 1e-12 else None
        for kind, (own, baseline) in pairs.items()
    }
    defined = [value for value in by_kind.values() if value is not None]
    undefined = tuple(kind for kind, value in by_kind.items() if value is None)
    return Relative(by_kind, float(np.mean(defined)) if defined else None, undefined)


def _comparable(own: Mapping[str, object], baseline: Mapping[str, object]) -> None:
    if not own or set(own) != set(baseline):
        mine, theirs = (", ".join(kinds) or "none" for kinds in (own, baseline))
        raise CorruptionError(
            f"the kinds {mine} and {theirs} do not correspond",
            subject="baseline",
            remedy="Measure both models on the same kinds",
        )
    for kind in own:
        a, b = np.asarray(own[kind], np.float64), np.asarray(baseline[kind], np.float64)
        both = np.concatenate([a.ravel(), b.ravel()])
        if a.shape != b.shape or not a.size or not ((both >= 0) & (both <= 1)).all():
            raise CorruptionError(
                f"{own[kind]} and {baseline[kind]} are no shares of the same severities",
                subject=kind,
                remedy="Give as many numbers within [0, 1] for both models",
            )
