"""Which findings a model says together, on clean and on adversarial images.

Two correlations are known here, both Pearson's product-moment coefficient r:

- "phi": of the decisions, 0 or 1. For two findings with the four counts n11, n10, n01, n00 it is
  φ = (n11·n00 − n10·n01) / √((n11+n10)(n01+n00)(n11+n01)(n10+n00)) (Yule, Journal of the Royal
  Statistical Society 75:579-652, 1912).
- "pearson": of the probabilities, which also sees changes that cross no threshold.

A finding that is always or never said has no correlation with anything: it is undefined, not zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.analysis.charts.values import Axis, HeatMap, Number, Table
from medadv_desktop.errors import AnalysisError

CorrelationKind = Literal["phi", "pearson"]

Matrix = tuple[tuple[Number, ...], ...]
"""K×K; None is undefined."""


@dataclass(frozen=True)
class Impossible:
    """Two findings that no sample of the set has together, and how often they were said together.

    Attributes:
        expected: how often labels would show the pair if its findings had nothing to do with each
            other: below about 3 its absence from the labels says little.
        clean, adversarial: images of which both were said.
    """

    first: str
    second: str
    expected: float
    clean: int
    adversarial: int


@dataclass(frozen=True)
class LabelCorrelation:
    """Correlation matrices of what a model says of N clean images and of their adversarial ones.

    Attributes:
        findings: K names, in the order of the matrices: those alike on clean images stand together.
        clean, adversarial: K×K in [−1, 1], symmetric; the diagonal is 1, or None where the finding
            is constant.
        difference: adversarial minus clean; None where either is undefined.
        distance: Frobenius norm of `difference` over its defined entries: 0 for equal matrices;
            None where no pair of findings is defined in both.
        undefined: pairs of findings that are not in `distance`, of `pairs`.
        constant_clean, constant_adversarial: findings that are always or never said.
        impossible: pairs that never occur in the labels but are said of some adversarial image, the
            most frequent first.
    """

    kind: CorrelationKind
    samples: int
    findings: tuple[str, ...]
    clean: Matrix
    adversarial: Matrix
    difference: Matrix
    distance: float | None
    undefined: int
    pairs: int
    constant_clean: tuple[str, ...]
    constant_adversarial: tuple[str, ...]
    impossible: tuple[Impossible, ...]

    def charts(self, title: str = "") -> tuple[HeatMap, HeatMap, HeatMap]:
        """The three matrices; `title` is appended to theirs."""
        what = {"phi": "φ of the decisions", "pearson": "r of the probabilities"}[self.kind]
        after = f", {title}" if title else ""
        distance = "undefined" if self.distance is None else f"{self.distance:.2f}"
        told = (
            ("clean", "Findings that go together in the clean images", self.clean, 1.0),
            ("adversarial", "The same in the adversarial images", self.adversarial, 1.0),
            (
                "difference",
                "Adversarial minus clean: what the attack joins is above 0, what it parts below; "
                f"Frobenius distance {distance}",
                self.difference,
                2.0,
            ),
        )
        first, second, third = (
            HeatMap(
                f"Correlation of findings, {name}{after}",
                f"{caption} ({what}, {self.samples} images). A dash is undefined: a finding that "
                "is always or never said goes with nothing.",
                Axis("finding"),
                Axis("finding"),
                self.findings,
                self.findings,
                matrix,
                low=-end,
                high=end,
                better="signed",
            )
            for name, caption, matrix, end in told
        )
        return first, second, third

    def impossible_table(self) -> Table:
        """The pairs of `impossible`."""
        head = ("finding", "and", "expected in the labels", "clean", "adversarial")
        rows = tuple(
            (p.first, p.second, p.expected, p.clean, p.adversarial) for p in self.impossible
        )
        return Table(head, rows)


def correlation(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """Pearson's r between the K columns of N×K values.

    Returns:
        K×K float64 in [−1, 1]; NaN in rows and columns of those that are constant, and everywhere
        for fewer than two samples.
    """
    wide = np.asarray(values, np.float64)
    count, columns = wide.shape
    found = np.full((columns, columns), np.nan)
    varying = np.ptp(wide, axis=0) > 0 if count > 1 else np.zeros(columns, np.bool_)
    if varying.any():
        centred = wide[:, varying] - wide[:, varying].mean(axis=0)
        # Scaled first, so that the squares of tiny deviations do not vanish.
        centred /= np.abs(centred).max(axis=0)
        unit = centred / np.linalg.norm(centred, axis=0)
        own = np.clip(unit.T @ unit, -1, 1)
        np.fill_diagonal(own, 1.0)
        found[np.ix_(varying, varying)] = own
    return found


def clustered(matrix: NDArray[np.float64]) -> tuple[int, ...]:
    """An order of K findings in which alike ones stand together.

    Average linkage of the distances 1 − r, leaves ordered so that neighbours are as near as can be
    (Bar-Joseph et al., Bioinformatics 17 Suppl 1:S22-S29, 2001). Undefined counts as r = 0, for the
    order only.
    """
    count = len(matrix)
    if count < 3:
        return tuple(range(count))
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    distance = 1 - np.nan_to_num(matrix, nan=0.0)
    distance = (distance + distance.T) / 2
    np.fill_diagonal(distance, 0.0)
    condensed = np.maximum(squareform(distance, checks=False), 0.0)
    return tuple(leaves_list(linkage(condensed, "average", optimal_ordering=True)).tolist())


def label_correlation(
    findings: Sequence[str],
    labels: NDArray[np.generic],
    clean: NDArray[np.generic],
    adversarial: NDArray[np.generic],
    *,
    clean_decisions: NDArray[np.generic] | None = None,
    decisions: NDArray[np.generic] | None = None,
) -> LabelCorrelation:
    """The correlations, and what was never seen together.

    Args:
        findings: K names.
        labels: M×K of 0 and 1, of the whole set, whichever of its images were attacked.
        clean, adversarial: N×K, of the same N images. Decisions of 0 and 1, or probabilities in
            [0, 1] if `decisions` are given.
        clean_decisions, decisions: N×K of 0 and 1 beside the probabilities.

    Raises:
        AnalysisError: fewer than two findings or images.
    """
    names = tuple(findings)
    if len(names) < 2:
        raise AnalysisError(
            "correlation of findings is for models with at least two of them",
            remedy="Choose a multi-label model",
        )
    if len(clean) < 2:
        raise AnalysisError(
            f"{len(clean)} images are too few for a correlation", remedy="Attack at least two"
        )
    kind: CorrelationKind = "phi" if decisions is None else "pearson"
    said_clean = np.asarray(clean if clean_decisions is None else clean_decisions) > 0
    said = np.asarray(adversarial if decisions is None else decisions) > 0
    before, after = correlation(clean), correlation(adversarial)
    order = list(clustered(before))
    change = after - before
    upper = np.triu_indices(len(names), 1)
    defined = np.isfinite(change[upper])
    distance = float(np.sqrt(np.nansum(change**2))) if defined.any() else None
    ordered = tuple(names[k] for k in order)
    grid = np.ix_(order, order)
    return LabelCorrelation(
        kind=kind,
        samples=len(said),
        findings=ordered,
        clean=_plain(before[grid]),
        adversarial=_plain(after[grid]),
        difference=_plain(change[grid]),
        distance=distance,
        undefined=int((~defined).sum()),
        pairs=len(defined),
        constant_clean=_constant(names, before),
        constant_adversarial=_constant(names, after),
        impossible=impossible_pairs(names, np.asarray(labels), said_clean, said),
    )


def impossible_pairs(
    findings: Sequence[str],
    labels: NDArray[np.generic],
    clean: NDArray[np.bool_],
    adversarial: NDArray[np.bool_],
) -> tuple[Impossible, ...]:
    """Pairs of `findings` that no row of M×K `labels` has, but some row of N×K `adversarial`."""
    truth = np.asarray(labels) > 0
    together = truth.T.astype(np.int64) @ truth
    counts = truth.sum(axis=0)
    before = clean.T.astype(np.int64) @ clean
    after = adversarial.T.astype(np.int64) @ adversarial
    found = [
        Impossible(
            findings[i],
            findings[j],
            float(counts[i] * counts[j] / max(1, len(truth))),
            int(before[i, j]),
            int(after[i, j]),
        )
        for i in range(len(findings))
        for j in range(i + 1, len(findings))
        if together[i, j] == 0 and after[i, j] > 0
    ]
    return tuple(sorted(found, key=lambda pair: -pair.adversarial))


def _constant(names: tuple[str, ...], matrix: NDArray[np.float64]) -> tuple[str, ...]:
    return tuple(
        name for name, r in zip(names, np.diag(matrix).tolist(), strict=True) if np.isnan(r)
    )


def _plain(matrix: NDArray[np.float64]) -> Matrix:
    return tuple(tuple(None if np.isnan(v) else float(v) for v in row) for row in matrix)
