"""Common perturbations: flip probabilities, mean flip rate, corruption severities and errors."""

from __future__ import annotations

from dataclasses import dataclass

from medadv_desktop.analysis.charts.values import Axis, BarChart, Bars, Line, LineChart
from medadv_desktop.audit.results.reading import (
    AuditResults,
    Told,
    accuracy_after,
    flips_told,
    pooled,
    told,
)
from medadv_desktop.corruptions.flips import Relative, corruption_error, mean_flip_rate
from medadv_desktop.corruptions.registry import CORRUPTIONS, SEQUENCES


@dataclass(frozen=True)
class RelativeFigure:
    """A model's mean flip rate or corruption error on a data set; 1 is as good as the baseline.

    Attributes:
        relative: None where the model was not measured on the kinds of the baseline.
    """

    model: str
    dataset: str
    relative: Relative | None


def flip_bars(results: AuditResults) -> tuple[BarChart, ...]:
    """For each data set, flip probabilities of every model and kind of sequence."""
    charts = []
    for dataset in results.dataset_ids:
        found = _flips(results, dataset)
        kinds = tuple(dict.fromkeys(kind for _, kind in found))
        models = [m.id for m in results.plan.models if any(own == m.id for own, _ in found)]
        if not kinds:
            continue
        bars = [
            _bars(m, results.place_of(m), [found.get((m, kind)) for kind in kinds]) for m in models
        ]
        charts.append(
            BarChart(
                f"Flip probability, {dataset}",
                "How often the prediction changes from one frame of a perturbation sequence to "
                "the next (noise: from the clean frame); lower is steadier.",
                Axis("perturbation"),
                Axis("flip probability", low=0.0),
                tuple(SEQUENCES[kind].title for kind in kinds),
                tuple(bars),
            )
        )
    return tuple(charts)


def mean_flip_rates(results: AuditResults) -> tuple[RelativeFigure, ...]:
    """mFR of every model against the plan's baseline, where that was measured; () without one.

    Kinds that ImageNet-P holds out for validation do not count.
    """
    baseline, figures = results.plan.baseline, []
    for dataset in results.dataset_ids if baseline else ():
        found = _flips(results, dataset)
        by_model = {
            m.id: {
                kind: rate.value
                for (own, kind), rate in found.items()
                if own == m.id and not SEQUENCES[kind].validation
            }
            for m in results.plan.models
        }
        theirs = by_model[baseline]
        for model, flips in by_model.items():
            if theirs and flips:
                same = set(flips) == set(theirs)
                relative = mean_flip_rate(flips, theirs) if same else None
                figures.append(RelativeFigure(model, dataset, relative))
    return tuple(figures)


def corruption_curves(results: AuditResults) -> tuple[LineChart, ...]:
    """For each data set and corruption, accuracy of every model by severity; 0 is clean."""
    charts = []
    for dataset in results.dataset_ids:
        found = _corrupted(results, dataset)
        for kind in dict.fromkeys(kind for _, kind in found):
            lines = [
                _severities(results, m.id, dataset, found[m.id, kind])
                for m in results.plan.models
                if (m.id, kind) in found
            ]
            title = CORRUPTIONS[kind].title
            charts.append(
                LineChart(
                    f"{title}, {dataset}",
                    f"Accuracy on images with {title.lower()} of rising severity; 0 are the clean "
                    "images.",
                    Axis("severity", tuple((float(s), str(s)) for s in range(6)), 0.0, 5.0),
                    Axis("accuracy", low=0.0, high=1.0),
                    tuple(lines),
                )
            )
    return tuple(charts)


def mean_corruption_errors(results: AuditResults) -> tuple[RelativeFigure, ...]:
    """mCE of every model against the plan's baseline, where that was measured; () without one.

    An error is a wrong decision on a corrupted image. Severities are those of the plan, which need
    not be all five.
    """
    baseline, figures = results.plan.baseline, []
    for dataset in results.dataset_ids if baseline else ():
        errors: dict[str, dict[str, list[float]]] = {m.id: {} for m in results.plan.models}
        for (model, kind), by_severity in _corrupted(results, dataset).items():
            errors[model][kind] = [1 - rate.value for _, rate in sorted(by_severity.items())]
        theirs = errors[baseline]
        for model, own in errors.items():
            if not own or not theirs:
                continue
            same = {k: len(v) for k, v in own.items()} == {k: len(v) for k, v in theirs.items()}
            relative = corruption_error(own, theirs) if same else None
            figures.append(RelativeFigure(model, dataset, relative))
    return tuple(figures)


def _flips(results: AuditResults, dataset: str) -> dict[tuple[str, str], Told]:
    """By model and kind; the mean over seeds."""
    seeds: dict[tuple[str, str], list[Told]] = {}
    for record in results.done("sequence"):
        rate = flips_told(record)
        if record.cell.dataset == dataset and rate is not None:
            seeds.setdefault((record.cell.model, record.cell.name), []).append(rate)
    return {place: mean for place, rates in seeds.items() if (mean := pooled(rates)) is not None}


def _corrupted(results: AuditResults, dataset: str) -> dict[tuple[str, str], dict[float, Told]]:
    """Accuracy on corrupted images by model and kind, then severity; the mean over seeds."""
    seeds: dict[tuple[str, str], dict[float, list[Told]]] = {}
    for record in results.done("corruption"):
        cell, rate = record.cell, accuracy_after(record)
        if cell.dataset == dataset and rate is not None and cell.budget is not None:
            own = seeds.setdefault((cell.model, cell.name), {})
            own.setdefault(cell.budget, []).append(rate)
    return {
        place: {
            severity: mean for severity, rates in own.items() if (mean := pooled(rates)) is not None
        }
        for place, own in seeds.items()
    }


def _severities(results: AuditResults, model: str, dataset: str, found: dict[float, Told]) -> Line:
    record = results.clean(model, dataset)
    several = record is not None and results.models[model].card.multi_label
    # Of findings, clean accuracy counts images and what follows decisions: no common line.
    clean = None if record is None or several else told(record, "clean_accuracy")
    points = ({0.0: clean} if clean is not None else {}) | dict(sorted(found.items()))
    return Line(
        model,
        tuple(points),
        tuple(p.value for p in points.values()),
        tuple(p.low for p in points.values()),
        tuple(p.high for p in points.values()),
        results.place_of(model),
    )


def _bars(model: str, color: int, rates: list[Told | None]) -> Bars:
    return Bars(
        model,
        tuple(None if r is None else r.value for r in rates),
        tuple(None if r is None else r.low for r in rates),
        tuple(None if r is None else r.high for r in rates),
        color,
    )
