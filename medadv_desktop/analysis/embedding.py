"""Features in the plane, and figures that say in the features' own space how far classes lie apart.

The picture (t-SNE: van der Maaten and Hinton, JMLR 9:2579-2605, 2008, by Barnes and Hut's
approximation, van der Maaten, JMLR 15:3221-3245, 2014; or the first two principal components) shows
neighbourhoods, not distances. What it seems to say is to be read off the figures: silhouette
(Rousseeuw, Journal of Computational and Applied Mathematics 20:53-65, 1987), accuracy of a linear
probe (Alain and Bengio, ICLR workshop 2017), and distances of classes.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from medadv_desktop.analysis.principal import drawn
from medadv_desktop.errors import AnalysisError
from medadv_desktop.jobs import CancelToken, Emit, Progress, silent
from medadv_desktop.settings import Settings

MOST_POINTS: Final = 20_000
"""Points of one picture: beyond it nobody sees more, and t-SNE takes minutes."""

_LARGEST_SILHOUETTE: Final = 5_000
_FOLDS: Final = 5


class EmbeddingSettings(Settings):
    """How features are laid out in the plane."""

    method: Literal["tsne", "pca"] = Field("tsne", description="t-SNE, or two principal components")
    perplexity: float | None = Field(
        None,
        ge=2,
        le=500,
        description="About how many neighbours count, t-SNE only; nothing means 30, or a fifth of "
        "the points where these are few",
    )
    iterations: int = Field(750, ge=250, le=10_000, description="Of gradient descent; t-SNE only")
    dimensions: int = Field(
        50, ge=2, le=512, description="Principal components that are laid out and measured"
    )
    points: int = Field(
        10_000, ge=10, le=MOST_POINTS, description="At most so many, drawn by the seed"
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Of the draw, the layout and the folds")


@dataclass(frozen=True, eq=False)
class Layout:
    """N points in the plane.

    Attributes:
        points: N×2 float32.
        perplexity, divergence: of t-SNE, what it minimises at its end; None for PCA.
    """

    points: NDArray[np.float32]
    perplexity: float | None
    divergence: float | None


@dataclass(frozen=True)
class Separation:
    """How far classes lie apart in some features. None where a figure is undefined.

    Attributes:
        silhouette: mean over samples of (b − a)/max(a, b), in [−1, 1]: a is the mean distance to
            the own class, b that to the nearest other one. 0 or below: no classes to be seen.
        probe: share of held-out samples that a linear classifier puts right, mean over folds with
            each class counting alike (balanced accuracy).
        chance: what guessing would give there.
        between: for each pair of classes, i before j, ‖μi − μj‖ / √((si² + sj²)/2), where s² is the
            mean squared distance of a class from its mean.
        distance: mean of `between`.
        reasons: why something is undefined.
    """

    classes: tuple[str, ...]
    counts: tuple[int, ...]
    silhouette: float | None
    probe: float | None
    chance: float | None
    between: tuple[tuple[str, str, float | None], ...]
    distance: float | None
    reasons: tuple[str, ...]


def lay_out(
    features: NDArray[np.floating],
    settings: EmbeddingSettings,
    *,
    emit: Emit = silent,
    token: CancelToken | None = None,
) -> Layout:
    """N×P features, principal components by falling variance, in the plane.

    The same features and settings give the same points, whatever ran before. The token is heeded
    every 50 iterations.

    Raises:
        AnalysisError: fewer than three points, fewer points than three times the perplexity, or
            features that are not finite.
        JobCancelled: the token was cancelled.
    """
    token = token or CancelToken()
    token.check()
    count = len(features)
    if count < 3:
        raise AnalysisError(f"{count} points are too few for a picture", remedy="Take at least 3")
    if not np.isfinite(features).all():
        raise AnalysisError("features are not finite", remedy="Choose another layer or precision")
    if settings.method == "pca":
        flat = np.asarray(features[:, :2], np.float32)
        points = np.zeros((count, 2), np.float32)
        points[:, : flat.shape[1]] = flat
        return Layout(points, None, None)
    perplexity = settings.perplexity
    if perplexity is None:
        perplexity = max(2.0, min(30.0, float(count // 5)))
    if count <= 3 * perplexity:
        most = count // 3 - (count % 3 == 0)
        raise AnalysisError(
            f"{count} points are too few for a perplexity of {perplexity:g}: each "
            "looks at three times as many neighbours",
            subject="perplexity",
            remedy=f"Lower it to {most} or take PCA" if most >= 2 else "Take PCA",
        )
    return _tsne(np.asarray(features, np.float32), perplexity, settings, emit, token)


def _tsne(
    features: NDArray[np.float32],
    perplexity: float,
    settings: EmbeddingSettings,
    emit: Emit,
    token: CancelToken,
) -> Layout:
    from sklearn.manifold import TSNE

    # From principal components, scaled as scikit-learn does for init="pca": the layout then keeps
    # the large scale, and does not depend on a random start (Kobak and Linderman 2021).
    start = np.zeros((len(features), 2), np.float32)
    start[:, : min(2, features.shape[1])] = features[:, :2]
    start *= np.float32(1e-4) / np.float32(max(float(start[:, 0].std()), 1e-30))
    engine = TSNE(
        2,
        perplexity=perplexity,
        max_iter=settings.iterations,
        init=start,
        learning_rate="auto",
        random_state=settings.seed,
        verbose=2,
    )
    with _overheard(settings.iterations, emit, token):
        points = engine.fit_transform(features)
    return Layout(np.asarray(points, np.float32), perplexity, float(engine.kl_divergence_))


class _Listener:
    """Standard output while scikit-learn tells how far it is, which is its only call back.

    What other threads print goes where it would have gone.
    """

    def __init__(self, total: int, emit: Emit, token: CancelToken, beyond: Any) -> None:
        self._total, self._emit, self._token, self._beyond = total, emit, token, beyond
        self._thread = threading.get_ident()

    def write(self, text: str) -> int:
        if threading.get_ident() != self._thread:
            return int(self._beyond.write(text))
        self._token.check()
        words = text.replace(":", " ").split()
        if "Iteration" in words:
            done = words[words.index("Iteration") + 1 :][:1]
            if done and done[0].isdecimal():
                self._emit(Progress(int(done[0]), self._total, "laying out points"))
        return len(text)

    def flush(self) -> None:
        if threading.get_ident() != self._thread and self._beyond is not None:
            self._beyond.flush()


@contextmanager
def _overheard(total: int, emit: Emit, token: CancelToken) -> Iterator[None]:
    before = sys.stdout
    sys.stdout = _Listener(total, emit, token, before)
    try:
        yield
    finally:
        sys.stdout = before


def separation(
    features: NDArray[np.floating],
    classes: NDArray[np.int64],
    names: Sequence[str],
    *,
    seed: int = 0,
    token: CancelToken | None = None,
) -> Separation:
    """How far the classes of N×P features lie apart.

    Args:
        classes: N, numbers in `names`.
        seed: of the folds, and of the 5,000 samples that a silhouette is measured on at most.

    Raises:
        JobCancelled: the token was cancelled.
    """
    token = token or CancelToken()
    token.check()
    values = np.asarray(features, np.float64)
    present = [k for k in range(len(names)) if (classes == k).any()]
    counts = tuple(int((classes == k).sum()) for k in range(len(names)))
    reasons: list[str] = []
    between = _between(values, classes, names)
    known = [found for _, _, found in between if found is not None]
    shown = probe = None
    if len(present) < 2:
        reasons.append("all samples are of one class: nothing to tell apart")
    else:
        shown = silhouette(values, classes, seed, reasons)
        token.check()
        probe = _probe(values, classes, [counts[k] for k in present], seed, token, reasons)
    return Separation(
        classes=tuple(names),
        counts=counts,
        silhouette=shown,
        probe=probe,
        chance=1 / len(present) if len(present) > 1 else None,
        between=between,
        distance=float(np.mean(known)) if known else None,
        reasons=tuple(reasons),
    )


def probe_across(
    train: NDArray[np.floating],
    test: NDArray[np.floating],
    classes: NDArray[np.int64],
    *,
    seed: int = 0,
    token: CancelToken | None = None,
) -> float | None:
    """Balanced accuracy, on held-out rows of `test`, of linear probes fitted to rows of `train`.

    Row k of both is the same sample, so no sample is in both sides of a fold. None where a class
    has too few samples for folds, or there is but one.

    Args:
        train, test: N×P. classes: N.
    """
    token = token or CancelToken()
    kinds, counts = np.unique(classes, return_counts=True)
    folds = min(_FOLDS, int(counts.min())) if len(counts) else 0
    if len(kinds) < 2 or folds < 2:
        return None
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import recall_score
    from sklearn.model_selection import StratifiedKFold

    scores = []
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for fitted, held in splitter.split(train, classes):
        token.check()
        own = np.asarray(train[fitted], np.float64)
        centre, scale = own.mean(axis=0), float(own.std(axis=0).max()) or 1.0
        # One scale for all: components scaled one by one would be as large in noise as in signal.
        model = LogisticRegression(max_iter=2000, tol=1e-3, class_weight="balanced")
        model.fit((own - centre) / scale, classes[fitted])
        said = model.predict((np.asarray(test[held], np.float64) - centre) / scale)
        scores.append(recall_score(classes[held], said, average="macro", zero_division=0.0))
    return float(np.mean(scores))


def _probe(
    values: NDArray[np.float64],
    classes: NDArray[np.int64],
    counts: list[int],
    seed: int,
    token: CancelToken,
    reasons: list[str],
) -> float | None:
    if min(counts) < 2:
        reasons.append("a class has a single sample: no linear probe can be held against it")
        return None
    return probe_across(values, values, classes, seed=seed, token=token)


def silhouette(
    points: NDArray[np.floating],
    classes: NDArray[np.int64],
    seed: int = 0,
    reasons: list[str] | None = None,
) -> float | None:
    """As in `Separation`, of at most 5,000 of N points, drawn by the seed; None where undefined.

    Args:
        reasons: takes why it is undefined.
    """
    from sklearn.metrics import silhouette_score

    reasons = [] if reasons is None else reasons
    values = np.asarray(points, np.float64)
    chosen = drawn(len(values), _LARGEST_SILHOUETTE, seed)
    labels = classes[chosen]
    kinds = len(np.unique(labels))
    if not 2 <= kinds < len(labels):
        reasons.append("the silhouette needs more samples than classes")
        return None
    if (values[chosen] == values[chosen[0]]).all():
        reasons.append("all samples have the same features")
        return None
    return float(silhouette_score(values[chosen], labels))


def _between(
    values: NDArray[np.float64], classes: NDArray[np.int64], names: Sequence[str]
) -> tuple[tuple[str, str, float | None], ...]:
    means: dict[int, NDArray[np.float64]] = {}
    spreads: dict[int, float] = {}
    for k in range(len(names)):
        own = values[classes == k]
        if len(own):
            means[k] = own.mean(axis=0)
            spreads[k] = float(((own - means[k]) ** 2).sum(axis=1).mean())
    found = []
    for i in range(len(names)):
        for j in range(i + 1, len(names)):
            apart: float | None = None
            if i in means and j in means and spreads[i] + spreads[j] > 0:
                wide = np.sqrt((spreads[i] + spreads[j]) / 2)
                apart = float(np.linalg.norm(means[i] - means[j]) / wide)
            found.append((names[i], names[j], apart))
    return tuple(found)
