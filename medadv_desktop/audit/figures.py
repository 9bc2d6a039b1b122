"""Figures over judged samples: rates with intervals, areas under the ROC curve. No torch.

The words are those of the field. Clean and robust accuracy count over all samples, and one that was
wrong before any attack is not robust. A multi-label image is right where all of its findings are;
the figures of the findings one by one stand beside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.models.roc import roc_area

# Of the normal distribution, two-sided 95 %.
_Z: Final = 1.959963984540054


@dataclass(frozen=True)
class Rate:
    """`count` of `of` samples, and the 95 % interval of Wilson for the share.

    Wilson, Journal of the American Statistical Association 22:209-212, 1927. `value`, `low` and
    `high` are None where there are no samples.
    """

    count: int
    of: int

    @property
    def value(self) -> float | None:
        return self.count / self.of if self.of else None

    @property
    def low(self) -> float | None:
        return None if (bounds := wilson(self.count, self.of)) is None else bounds[0]

    @property
    def high(self) -> float | None:
        return None if (bounds := wilson(self.count, self.of)) is None else bounds[1]

    def __str__(self) -> str:
        if self.value is None:
            return "no samples"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}] ({self.count} of {self.of})"


def wilson(count: int, of: int) -> tuple[float, float] | None:
    """The 95 % score interval of a share; None of nothing."""
    if not of:
        return None
    share, z2 = count / of, _Z**2
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of**2))
    # At the ends rounding would step over them.
    return (0.0 if count == 0 else middle - half), (1.0 if count == of else middle + half)


@dataclass(frozen=True)
class ClassFigures:
    """Of one class or finding.

    Attributes:
        positives: samples of the class, or with the finding.
        accuracy: share of decisions about it that are right.
        sensitivity, specificity: of the decisions among samples with and without it.
        fooling_rate: share of decisions about it that changed.
        area: under the ROC curve; None where all samples are of one kind.
        robust_…: the decision is right, and still is on the attacked image; the area is that of
            the attacked images. None without an attack.
    """

    name: str
    positives: int
    accuracy: Rate
    sensitivity: Rate
    specificity: Rate
    area: float | None
    robust_accuracy: Rate | None = None
    robust_sensitivity: Rate | None = None
    robust_specificity: Rate | None = None
    robust_area: float | None = None
    fooling_rate: Rate | None = None


@dataclass(frozen=True)
class Figures:
    """Of all samples.

    Attributes:
        clean_accuracy: right without an attack.
        area: mean area under the ROC curve over classes (each against the rest; with two classes
            that of the second) or findings that have one; None where none has.
        classes: one by one.
        robust_accuracy: still right after the attack, over all samples.
        attack_success_rate: of those that were right before, made wrong.
        fooling_rate: predictions that changed, right or wrong before.
        goal_rate: of those that were attacked, on which the objective is achieved.
    """

    clean_accuracy: Rate
    area: float | None
    classes: tuple[ClassFigures, ...]
    robust_accuracy: Rate | None = None
    attack_success_rate: Rate | None = None
    fooling_rate: Rate | None = None
    goal_rate: Rate | None = None
    robust_area: float | None = None


@dataclass(frozen=True, eq=False)
class Judged:
    """N samples with K classes as arrays.

    Attributes:
        truth, decided: N×K bool; single-label: one True in each row.
        scores: N×K, larger for more of the class: log odds tell apart what rounds to the same
            probability.
    """

    truth: NDArray[np.bool_]
    decided: NDArray[np.bool_]
    scores: NDArray[np.float64]

    @property
    def right(self) -> NDArray[np.bool_]:
        """N bool: every decision of the sample is right."""
        return np.asarray((self.truth == self.decided).all(axis=1))


def figures(
    classes: Sequence[str],
    clean: Judged,
    attacked: Judged | None = None,
    success: NDArray[np.bool_] | None = None,
) -> Figures:
    """All figures of a set of samples.

    Args:
        classes: K names.
        attacked: the same samples after an attack; those that were not attacked as they were.
        success: of those that were attacked, whether the objective was achieved.
    """
    binary = len(classes) == 2 and bool((clean.truth.sum(axis=1) == 1).all())
    own = tuple(_of_class(k, name, clean, attacked) for k, name in enumerate(classes))
    counted = own[1:] if binary else own
    area = _mean([c.area for c in counted])
    if attacked is None:
        return Figures(_rate(clean.right), area, own)
    changed = (clean.decided != attacked.decided).any(axis=1)
    return Figures(
        clean_accuracy=_rate(clean.right),
        area=area,
        classes=own,
        robust_accuracy=_rate(clean.right & attacked.right),
        attack_success_rate=_rate(~attacked.right[clean.right]),
        fooling_rate=_rate(changed),
        goal_rate=None if success is None else _rate(success),
        robust_area=_mean([c.robust_area for c in counted]),
    )


def log_odds(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """N×K: log p/(1 − p) of each softmax probability p of N×K logits, K ≥ 2."""
    others = [np.logaddexp.reduce(np.delete(logits, k, 1), axis=1) for k in range(logits.shape[1])]
    return np.asarray(logits - np.stack(others, axis=1), np.float64)


def _of_class(k: int, name: str, clean: Judged, attacked: Judged | None) -> ClassFigures:
    truth, decided = clean.truth[:, k], clean.decided[:, k]
    found = {
        "name": name,
        "positives": int(truth.sum()),
        "accuracy": _rate(truth == decided),
        "sensitivity": _rate(decided[truth]),
        "specificity": _rate(~decided[~truth]),
        "area": roc_area(clean.scores[:, k], truth),
    }
    if attacked is None:
        return ClassFigures(**found)  # type: ignore[arg-type]
    after, right = attacked.decided[:, k], truth == decided
    return ClassFigures(
        **found,  # type: ignore[arg-type]
        robust_accuracy=_rate(right & (truth == after)),
        robust_sensitivity=_rate((decided & after)[truth]),
        robust_specificity=_rate((~decided & ~after)[~truth]),
        robust_area=roc_area(attacked.scores[:, k], truth),
        fooling_rate=_rate(decided != after),
    )


def _rate(hits: NDArray[np.bool_]) -> Rate:
    return Rate(int(hits.sum()), len(hits))


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
