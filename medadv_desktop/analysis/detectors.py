"""How separable adversarial inputs are from clean ones by three detectors of the literature.

A diagnostic, no defence: an attacker who knows a detector attacks it along with the model and
evades it (Carlini and Wagner, AISec 2017; Tramèr et al., NeurIPS 2020); `WARNING` says so.

In all three a high score speaks for an adversarial image. They are fitted to clean images that are
not scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.analysis.charts.values import Axis, Line, LineChart
from medadv_desktop.analysis.metrics.areas import interval, roc_curve
from medadv_desktop.analysis.metrics.delong import pulls
from medadv_desktop.analysis.principal import Check, Features, drawn, pieces, unchecked
from medadv_desktop.errors import AnalysisError

WARNING: Final = (
    "An attacker who knows of a detector attacks it along with the model and evades it. These "
    "figures say how conspicuous this attack is, not how safe a detector would make the model."
)

_REFERENCES: Final = 5_000
_ROC_POINTS: Final = 200


@dataclass(frozen=True)
class Detection:
    """How well a detector tells N adversarial from M clean images.

    Attributes:
        area: under the ROC, adversarial being what is looked for; 0.5 is chance, below it the
            images look more ordinary than clean ones. None where there are no images of a kind.
        low, high: its 95 % interval.
        at_five_percent: share of adversarial images found where at most 5 % of clean ones are
            called adversarial.
        false_alarms, found: the ROC.
        note: what a reader should know.
    """

    detector: str
    clean: int
    adversarial: int
    area: float | None
    low: float | None
    high: float | None
    at_five_percent: float | None
    false_alarms: tuple[float, ...]
    found: tuple[float, ...]
    note: str = ""


def detection(
    detector: str,
    clean: NDArray[np.floating],
    adversarial: NDArray[np.floating],
    note: str = "",
) -> Detection:
    """The ROC of M clean and N adversarial scores; ties count half in the area.

    Raises:
        AnalysisError: a score is not finite.
    """
    scores = np.concatenate((np.asarray(clean, np.float64), np.asarray(adversarial, np.float64)))
    truth = np.concatenate((np.zeros(len(clean), np.bool_), np.ones(len(adversarial), np.bool_)))
    if not np.isfinite(scores).all():
        raise AnalysisError("scores are not finite", subject=detector)
    own = pulls(scores, truth)
    if own is None:
        return Detection(
            detector, len(clean), len(adversarial), None, None, None, None, (), (),
            note or "there are no images of one kind",
        )  # fmt: skip
    estimate = interval(own)
    curve = roc_curve(scores, truth, _ROC_POINTS)
    assert curve is not None
    # Not from the thinned curve: the highest score that 5 % of clean images pass.
    allowed = int(0.05 * len(clean))
    threshold = np.sort(np.asarray(clean, np.float64))[::-1][allowed]
    return Detection(
        detector=detector,
        clean=len(clean),
        adversarial=len(adversarial),
        area=estimate.value,
        low=estimate.low,
        high=estimate.high,
        at_five_percent=float((np.asarray(adversarial) > threshold).mean()),
        false_alarms=curve.false_positive_rate,
        found=curve.true_positive_rate,
        note=note,
    )


def roc_chart(detections: Sequence[Detection], title: str = "") -> LineChart:
    """ROC curves of the detectors that have one."""
    lines = tuple(
        Line(
            f"{own.detector}, area {own.area:.2f}",
            own.false_alarms,
            own.found,
            color=k,
            markers=False,
        )
        for k, own in enumerate(detections)
        if own.area is not None
    )
    return LineChart(
        "Detectors" + (f", {title}" if title else ""),
        f"Adversarial images found against clean ones called adversarial. {WARNING}",
        Axis("clean images called adversarial", low=0.0, high=1.0),
        Axis("adversarial images found", low=0.0, high=1.0),
        (*lines, Line("chance", (0.0, 1.0), (0.0, 1.0), muted=True, markers=False)),
        square=True,
    )


@dataclass(frozen=True, eq=False)
class Gaussians:
    """Features of clean images as one Gaussian for each class, all of one covariance.

    Attributes:
        means: K×D. precision: D×D, inverse of the shrunk covariance.
        shrinkage: 0 takes the covariance as it is, 1 only its trace.
    """

    means: NDArray[np.float64]
    precision: NDArray[np.float64]
    shrinkage: float

    def scores(self, features: Features, check: Check = unchecked) -> NDArray[np.float64]:
        """N: squared Mahalanobis distance of N×D to the nearest class.

        Lee et al., NeurIPS 2018, equation 2 with its sign turned, on one layer and without their
        preprocessing of inputs.
        """
        found = np.empty(len(features))
        for first, rows in pieces(features, check):
            nearest = np.full(len(rows), np.inf)
            for mean in self.means:
                apart = rows - mean
                nearest = np.minimum(nearest, ((apart @ self.precision) * apart).sum(axis=1))
            found[first : first + len(rows)] = nearest
        return found


def fit_gaussians(
    features: Features, classes: NDArray[np.int64], check: Check = unchecked
) -> Gaussians:
    """Class means and the common covariance of N×D features, read piece by piece.

    The covariance is shrunk towards a multiple of the identity by the formula of Ledoit and Wolf
    (Journal of Multivariate Analysis 88:365-411, 2004), so that it can be inverted with fewer
    samples than features.

    Args:
        classes: N; all alike for one Gaussian.

    Raises:
        AnalysisError: fewer than two samples, or all of a class alike.
    """
    count = len(features)
    kinds = np.unique(classes)
    if count < 2 or count <= len(kinds):
        raise AnalysisError(f"{count} clean images are too few to fit a Gaussian to")
    width = features.shape[1]
    sums = np.zeros((len(kinds), width))
    place = np.searchsorted(kinds, classes)
    for first, rows in pieces(features, check):
        np.add.at(sums, place[first : first + len(rows)], rows)
    means = sums / np.bincount(place)[:, None]
    scatter, fourth = np.zeros((width, width)), 0.0
    for first, rows in pieces(features, check):
        centred = rows - means[place[first : first + len(rows)]]
        scatter += centred.T @ centred
        fourth += float(((centred**2).sum(axis=1) ** 2).sum())
    covariance = scatter / count
    trace = float(np.trace(covariance))
    if trace == 0:
        raise AnalysisError("the features of all clean images of a class are alike")
    square = float((covariance**2).sum())
    target = trace / width
    spread = square - trace * target
    noise = (fourth / count - square) / count
    shrinkage = 1.0 if spread <= 0 else float(np.clip(noise / spread, 0, 1))
    shrunk = (1 - shrinkage) * covariance + shrinkage * target * np.eye(width)
    # Directions without any variance get a trace of it, or nothing could be inverted.
    shrunk += 1e-10 * target * np.eye(width)
    return Gaussians(means, np.linalg.inv(shrunk), shrinkage)


def intrinsic_dimensionality(
    points: Features,
    references: Features,
    neighbours: int = 20,
    check: Check = unchecked,
    *,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Local intrinsic dimensionality of N×D points among M×D references that they are none of.

    The estimate −(1/k Σ ln(rᵢ/r_k))⁻¹ of Amsaleg et al. (KDD 2015) in the form of Ma et al. (ICLR
    2018, equation 4), where rᵢ is the distance to the i-th nearest of k neighbours. At most 5,000
    references are used, drawn by the seed. Where neighbours lie at a point itself, these count as
    nearer than anything measured; where all are equally far there is no end to it: it is ∞, given
    as the largest float.

    Raises:
        AnalysisError: fewer references than neighbours.
    """
    if len(references) < neighbours or neighbours < 2:
        raise AnalysisError(
            f"{len(references)} clean images are too few for {neighbours} neighbours",
            remedy="Take fewer neighbours or more images",
        )
    chosen = drawn(len(references), _REFERENCES, seed)
    base = np.asarray(references[chosen], np.float64)
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(base)
    found = np.empty(len(points))
    tiny = np.finfo(np.float64).tiny
    for first, rows in pieces(points, check):
        distances = np.maximum(index.kneighbors(rows)[0], tiny)
        logs = np.log(distances / distances[:, -1:]).mean(axis=1)
        with np.errstate(divide="ignore"):
            found[first : first + len(rows)] = np.where(
                logs < 0, -1 / np.minimum(logs, -tiny), np.finfo(np.float64).max
            )
    return found
