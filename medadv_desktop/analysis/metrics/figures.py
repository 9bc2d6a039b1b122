"""Figures over judged samples: what an evaluation shows of a model and an attack. No torch.

The words are those of the field. Clean and robust accuracy count over all samples, and one that was
wrong before any attack is not robust. A multi-label image is right where all of its findings are;
the figures of the findings one by one stand beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.analysis.metrics.estimates import Estimate
from medadv_desktop.analysis.metrics.operating import (
    Operating,
    macro_f1,
    mean_of_rates,
    operating,
)
from medadv_desktop.analysis.metrics.proportions import Rate, rate
from medadv_desktop.models.roc import roc_area


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
        operating, attacked_operating: all that follows from its decisions on the clean, and on the
            attacked images alone.
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
    operating: Operating | None = None
    attacked_operating: Operating | None = None


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
        macro_f1: mean over classes or findings; with two classes that of the second.
        balanced_accuracy: mean sensitivity of the classes; None for findings, which have their own.
        attacked_…: of the decisions on the attacked images alone, also where the clean one was
            wrong.
    """

    clean_accuracy: Rate
    area: float | None
    classes: tuple[ClassFigures, ...]
    robust_accuracy: Rate | None = None
    attack_success_rate: Rate | None = None
    fooling_rate: Rate | None = None
    goal_rate: Rate | None = None
    robust_area: float | None = None
    macro_f1: Estimate | None = None
    balanced_accuracy: Estimate | None = None
    attacked_macro_f1: Estimate | None = None
    attacked_balanced_accuracy: Estimate | None = None


@dataclass(frozen=True, eq=False)
class Judged:
    """N samples with K classes as arrays.

    Attributes:
        truth, decided: N×K bool; single-label: one True in each row.
        scores: N×K, larger for more of the class: log odds tell apart what rounds to the same
            probability.
        probabilities: N×K, of which calibration is told; None where they are not asked about.
    """

    truth: NDArray[np.bool_]
    decided: NDArray[np.bool_]
    scores: NDArray[np.float64]
    probabilities: NDArray[np.floating] | None = None

    @property
    def right(self) -> NDArray[np.bool_]:
        """N bool: every decision of the sample is right."""
        return np.asarray((self.truth == self.decided).all(axis=1))


def figures(
    classes: Sequence[str],
    clean: Judged,
    attacked: Judged | None = None,
    success: NDArray[np.bool_] | None = None,
    *,
    multi_label: bool | None = None,
    areas: bool = True,
) -> Figures:
    """All that is cheap of a set of samples.

    Args:
        classes: K names.
        attacked: the same samples after an attack; those that were not attacked as they were.
        success: of those that were attacked, whether the objective was achieved.
        multi_label: None takes rows with one True each for single-label.
        areas: also the areas under the ROC curves, which need sorting; else they are None.
    """
    if multi_label is None:
        multi_label = not bool((clean.truth.sum(axis=1) == 1).all())
    # Columns that lie together are counted many times faster.
    truth, before = (np.ascontiguousarray(a.T) for a in (clean.truth, clean.decided))
    after = None if attacked is None else np.ascontiguousarray(attacked.decided.T)
    own = tuple(
        _of_class(name, truth[k], before[k], None if after is None else after[k])
        for k, name in enumerate(classes)
    )
    if areas:
        own = tuple(_with_area(k, entry, clean, attacked) for k, entry in enumerate(own))
    counted = own[1:] if len(classes) == 2 and not multi_label else own
    f1, balanced = _spread(truth, before, [c.operating for c in own], multi_label=multi_label)
    right = _all_alike(truth, before)
    found = Figures(
        clean_accuracy=rate(right),
        area=_mean([c.area for c in counted]),
        classes=own,
        macro_f1=f1,
        balanced_accuracy=balanced,
    )
    if after is None:
        return found
    still = _all_alike(truth, after)
    f1, balanced = _spread(
        truth, after, [c.attacked_operating for c in own], multi_label=multi_label
    )
    robust, clean_right = rate(right & still), rate(right).count
    return replace(
        found,
        robust_accuracy=robust,
        attack_success_rate=Rate(clean_right - robust.count, clean_right),
        fooling_rate=rate(~_all_alike(before, after)),
        goal_rate=None if success is None else rate(success),
        robust_area=_mean([c.robust_area for c in counted]),
        attacked_macro_f1=f1,
        attacked_balanced_accuracy=balanced,
    )


def _all_alike(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """N: of K×N, no row differs."""
    return np.asarray(np.logical_and.reduce(first == second, axis=0))


def _spread(
    truth: NDArray[np.bool_],
    decided: NDArray[np.bool_],
    counts: Sequence[Operating | None],
    *,
    multi_label: bool,
) -> tuple[Estimate | None, Estimate | None]:
    """Macro F1 and balanced accuracy of K×N."""
    if multi_label:
        return macro_f1(truth.T, decided.T), None
    known = [own for own in counts if own is not None]
    # A class without samples has no sensitivity, and no part in the mean.
    balanced = mean_of_rates([own.sensitivity for own in known if own.sensitivity.of])
    if len(known) == 2:
        return known[1].f1, balanced
    return macro_f1(truth.T, decided.T), balanced


def log_odds(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """N×K: log p/(1 − p) of each softmax probability p of N×K logits, K ≥ 2."""
    if not len(logits):
        return np.zeros(logits.shape)
    at = np.arange(len(logits)), logits.argmax(axis=1)
    top, others = logits[at], logits.copy()
    others[at] = -np.inf
    second = others.max(axis=1)
    # What is beside the largest is added up, never taken from 1, so that nothing is lost.
    rest = second + np.log(np.exp(others - second[:, None]).sum(axis=1))
    logs: NDArray[np.float64] = others - np.logaddexp(top, rest)[:, None]
    logs -= np.log1p(-np.exp(logs))
    logs[at] = top - rest
    return logs


def _of_class(
    name: str,
    truth: NDArray[np.bool_],
    decided: NDArray[np.bool_],
    after: NDArray[np.bool_] | None,
) -> ClassFigures:
    own = operating(truth, decided)
    n, positives = len(truth), own.sensitivity.of
    found = ClassFigures(
        name=name,
        positives=positives,
        accuracy=Rate(own.true_positives + own.true_negatives, n),
        sensitivity=own.sensitivity,
        specificity=own.specificity,
        area=None,
        operating=own,
    )
    if after is None:
        return found
    changed = operating(truth, after)
    both = operating(truth, decided & after)
    either = operating(truth, decided | after)
    return replace(
        found,
        robust_accuracy=Rate(both.true_positives + either.true_negatives, n),
        robust_sensitivity=both.sensitivity,
        robust_specificity=either.specificity,
        fooling_rate=rate(decided != after),
        attacked_operating=changed,
    )


def _with_area(k: int, found: ClassFigures, clean: Judged, attacked: Judged | None) -> ClassFigures:
    truth = clean.truth[:, k]
    return replace(
        found,
        area=roc_area(clean.scores[:, k], truth),
        robust_area=None if attacked is None else roc_area(attacked.scores[:, k], truth),
    )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
