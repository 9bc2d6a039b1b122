"""What decisions at the operating threshold are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.analysis.metrics.estimates import Estimate, Z
from medadv_desktop.analysis.metrics.proportions import Rate, square_and_add, wilson


@dataclass(frozen=True)
class Operating:
    """Decisions about one class or finding, counted; everything else follows from the counts.

    Attributes:
        sensitivity, specificity: of the samples with and without it.
        ppv, npv: of those said to have it, the share that does; of those said not to, that does
            not. They hold for the share of positives among these samples, and no other.
        f1: 2TP/(2TP + FP + FN); None where nothing is positive or said to be.
        balanced_accuracy: mean of sensitivity and specificity; None where one has no samples.
    """

    derived: ClassVar = (
        "sensitivity",
        "specificity",
        "ppv",
        "npv",
        "f1",
        "balanced_accuracy",
    )

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    @property
    def sensitivity(self) -> Rate:
        return Rate(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def specificity(self) -> Rate:
        return Rate(self.true_negatives, self.true_negatives + self.false_positives)

    @property
    def ppv(self) -> Rate:
        return Rate(self.true_positives, self.true_positives + self.false_positives)

    @property
    def npv(self) -> Rate:
        return Rate(self.true_negatives, self.true_negatives + self.false_negatives)

    @property
    def f1(self) -> Estimate | None:
        return f1_of(self.true_positives, self.false_positives, self.false_negatives)

    @property
    def balanced_accuracy(self) -> Estimate | None:
        return mean_of_rates([self.sensitivity, self.specificity])


def operating(truth: NDArray[np.bool_], decided: NDArray[np.bool_]) -> Operating:
    """Of N samples."""
    positives, said = int(np.count_nonzero(truth)), int(np.count_nonzero(decided))
    both = int(np.count_nonzero(truth & decided))
    return Operating(both, said - both, positives - both, len(truth) - said - positives + both)


def f1_of(true_positives: int, false_positives: int, false_negatives: int) -> Estimate | None:
    """F1 with the interval of Wilson of TP/(TP + FP + FN), carried over by F1 = 2s/(1 + s).

    Lam, Gopal and Qian, arXiv 2309.14621, the indirect method: it has width at 0 and 1 too.
    """
    bounds = wilson(true_positives, true_positives + false_positives + false_negatives)
    if bounds is None:
        return None
    value = 2 * true_positives / (2 * true_positives + false_positives + false_negatives)
    low, high = (2 * share / (1 + share) for share in bounds)
    return Estimate(value, low, high, "Wilson by way of s")


def mean_of_rates(rates: Sequence[Rate]) -> Estimate | None:
    """The mean of independent shares; None where one has no samples or there are none.

    Of sensitivity and specificity, or of the sensitivities of classes that exclude each other, this
    is the balanced accuracy.
    """
    if not rates or not all(share.of for share in rates):
        return None
    return square_and_add([(1 / len(rates), share) for share in rates])


def macro_f1(truth: NDArray[np.bool_], decided: NDArray[np.bool_]) -> Estimate | None:
    """Mean over classes or findings of F1, of N×K; those without any positive are left out.

    The interval is of the delta method (Takahashi, Yamamoto, Kuchiba and Koyama, Applied
    Intelligence 52:4961-4972, 2022), over samples, so that findings may depend on each other.
    """
    found, pulls = [], np.zeros(len(truth))
    for k in range(truth.shape[1]):
        own = operating(truth[:, k], decided[:, k])
        if (f1 := own.f1) is None:
            continue
        found.append(f1.value)
        of = 2 * own.true_positives + own.false_positives + own.false_negatives
        # How a sample that is neither, either, or both of true and said pulls at F1.
        each = np.array([0.0, -f1.value / of, (2 - 2 * f1.value) / of])
        pulls += each[np.add(truth[:, k], decided[:, k], dtype=np.uint8)]
    if not found:
        return None
    value, deviation = sum(found) / len(found), float(np.linalg.norm(pulls)) / len(found)
    if deviation == 0:
        return Estimate(value, None, None, "no spread to judge by")
    return Estimate(
        value, max(0.0, value - Z * deviation), min(1.0, value + Z * deviation), "delta"
    )
