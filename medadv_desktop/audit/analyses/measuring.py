"""From what was seen of a cell to its answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.analysis.detectors import (
    WARNING,
    Detection,
    detection,
    fit_gaussians,
    intrinsic_dimensionality,
)
from medadv_desktop.analysis.embedding import (
    EmbeddingSettings,
    Layout,
    lay_out,
    probe_across,
    separation,
    silhouette,
)
from medadv_desktop.analysis.label_correlation import label_correlation
from medadv_desktop.analysis.principal import Principal, SomeRows, drawn, principal
from medadv_desktop.audit.analyses.looking import Looked
from medadv_desktop.audit.analyses.requests import (
    Detectors,
    Discriminability,
    EmbeddingResult,
    LabelCorrelations,
)
from medadv_desktop.audit.store.records import Rows
from medadv_desktop.errors import AnalysisError
from medadv_desktop.jobs import CancelToken, Emit
from medadv_desktop.models.card import ModelCard

_MEASURED: Final = 20_000
_NEIGHBOURS: Final = 20


def correlations(card: ModelCard, rows: Rows) -> LabelCorrelations:
    """Of the changed samples of a cell; what is never seen together is looked up in all of them.

    Raises:
        AnalysisError: the model decides for one class, or too few samples were changed.
    """
    if not card.multi_label:
        raise AnalysisError(
            "decides for one class each: correlation of findings is for multi-label models",
            subject=card.name,
        )
    own = rows.changed
    before, after = rows.clean_decisions[own], rows.decisions[own]
    names = card.classes
    return LabelCorrelations(
        label_correlation(names, rows.labels, before, after),
        label_correlation(
            names,
            rows.labels,
            _sigmoid(rows.clean_logits[own]),
            _sigmoid(rows.logits[own]),
            clean_decisions=before,
            decisions=after,
        ),
    )


def embedding(
    card: ModelCard, looked: Looked, settings: EmbeddingSettings, emit: Emit, token: CancelToken
) -> EmbeddingResult:
    """The picture of clean and changed features, and how far classes lie apart in them.

    Raises:
        AnalysisError: there are no features, or too few points.
        JobCancelled: the token was cancelled.
    """
    clean, changed = _features(looked)
    axes = principal((clean, changed), settings.dimensions, token.check)
    before, after = axes.project(clean, token.check), axes.project(changed, token.check)
    shown = drawn(len(before), max(1, settings.points // 2), settings.seed)
    layout = lay_out(
        np.concatenate((before[shown], after[shown])), settings, emit=emit, token=token
    )
    separations = _separations(card, looked.rows, before, after, shown, layout, settings, token)
    return _result(card, looked, settings, axes, shown, layout, separations)


def _result(
    card: ModelCard,
    looked: Looked,
    settings: EmbeddingSettings,
    axes: Principal,
    shown: NDArray[np.int64],
    layout: Layout,
    separations: tuple[Discriminability, ...],
) -> EmbeddingResult:
    rows, n = looked.rows, len(shown)
    assert looked.clean is not None
    return EmbeddingResult(
        layer=looked.layer,
        method=settings.method,
        perplexity=layout.perplexity,
        width=looked.clean.shape[1],
        dimensions=axes.axes.shape[1],
        kept=float(axes.explained.sum()),
        samples=len(rows),
        shown=n,
        classes=tuple(card.classes),
        multi_label=card.multi_label,
        x=tuple(layout.points[:, 0].tolist()),
        y=tuple(layout.points[:, 1].tolist()),
        places=tuple(rows.places[shown].tolist()) * 2,
        adversarial=(False,) * n + (True,) * n,
        labels=tuple(map(tuple, rows.labels[shown].tolist())) * 2,
        success=tuple(rows.success[shown].tolist()) * 2,
        separations=separations,
        notes=looked.notes,
    )


def _separations(
    card: ModelCard,
    rows: Rows,
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    shown: NDArray[np.int64],
    layout: Layout,
    settings: EmbeddingSettings,
    token: CancelToken,
) -> tuple[Discriminability, ...]:
    seed = settings.seed
    chosen = drawn(len(before), _MEASURED, seed)
    first, second = layout.points[: len(shown)], layout.points[len(shown) :]
    found = []
    for what, names, kinds in _questions(card, rows):
        token.check()
        own = kinds[chosen]
        found.append(
            Discriminability(
                what,
                separation(before[chosen], own, names, seed=seed, token=token),
                separation(after[chosen], own, names, seed=seed, token=token),
                probe_across(before[chosen], after[chosen], own, seed=seed, token=token),
                silhouette(first, kinds[shown], seed),
                silhouette(second, kinds[shown], seed),
            )
        )
    return tuple(found)


def _questions(
    card: ModelCard, rows: Rows
) -> Sequence[tuple[str, tuple[str, ...], NDArray[np.int64]]]:
    """What is told apart: the classes, or each finding from its absence."""
    if not card.multi_label:
        return [("classes", tuple(card.classes), rows.labels[:, 0].astype(np.int64))]
    return [
        (name, (f"no {name}", name), (rows.labels[:, k] > 0).astype(np.int64))
        for k, name in enumerate(card.classes)
    ]


def detectors(card: ModelCard, looked: Looked, seed: int, token: CancelToken) -> Detectors:
    """The detectors, fitted to clean images of one half of the samples, drawn by the seed, and
    scored on the other: clean images, and those whose attack reached its goal.

    Raises:
        AnalysisError: too few samples; or neither features nor squeezing.
        JobCancelled: the token was cancelled.
    """
    rows, count = looked.rows, len(looked.rows)
    if count < 8:
        raise AnalysisError(f"{count} changed images are too few to fit and score a detector")
    order = np.random.default_rng(seed).permutation(count)
    fitted, scored = np.sort(order[: count // 2]), np.sort(order[count // 2 :])
    notes = list(looked.notes)
    beaten = scored[rows.success[scored]]
    if not len(beaten):
        beaten = scored
        notes.append("no attack reached its goal there: all changed images are scored")
    found: list[Detection] = []
    if looked.clean is not None and looked.changed is not None:
        found += _by_features(card, looked, fitted, scored, beaten, seed, notes, token)
    else:
        notes.append(looked.layer)
    if looked.squeezing_clean is not None and looked.squeezing_changed is not None:
        scores = looked.squeezing_clean[scored], looked.squeezing_changed[beaten]
        found.append(detection("feature squeezing", *scores, "5 bits, median of 3×3"))
    return Detectors(looked.layer, len(fitted), tuple(found), WARNING, tuple(notes))


def _by_features(
    card: ModelCard,
    looked: Looked,
    fitted: NDArray[np.int64],
    scored: NDArray[np.int64],
    beaten: NDArray[np.int64],
    seed: int,
    notes: list[str],
    token: CancelToken,
) -> list[Detection]:
    assert looked.clean is not None
    assert looked.changed is not None
    clean, changed = SomeRows(looked.clean, scored), SomeRows(looked.changed, beaten)
    base = SomeRows(looked.clean, fitted)
    kinds = np.zeros(len(fitted), np.int64)
    if not card.multi_label:
        kinds = looked.rows.labels[fitted, 0].astype(np.int64)
    found = []
    try:
        model = fit_gaussians(base, kinds, token.check)
        what = "one Gaussian" if card.multi_label else "a Gaussian a class"
        scores = model.scores(clean, token.check), model.scores(changed, token.check)
        note = f"{what}, shrinkage {model.shrinkage:.2f}"
        found.append(detection("Mahalanobis distance", *scores, note))
        near = min(_NEIGHBOURS, len(fitted) - 1)
        before, after = (
            intrinsic_dimensionality(own, base, near, token.check, seed=seed)
            for own in (clean, changed)
        )
        found.append(
            detection("local intrinsic dimensionality", before, after, f"{near} neighbours")
        )
    except AnalysisError as error:
        notes.append(str(error))
    return found


def _features(looked: Looked) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if looked.clean is None or looked.changed is None:
        raise AnalysisError(looked.layer.rstrip("."))
    return looked.clean, looked.changed


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(np.exp(-np.logaddexp(0, -logits.astype(np.float64))))
