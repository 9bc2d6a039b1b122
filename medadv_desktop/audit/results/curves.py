"""Robust accuracy over the budget: security curves, and step curves of smallest budgets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from medadv_desktop.analysis.charts.values import Axis, Line, LineChart, Reference
from medadv_desktop.audit.results.reading import (
    NORMS,
    AuditResults,
    Told,
    figures_of,
    pooled,
    told,
    told_of,
)
from medadv_desktop.audit.store.records import CellRecord
from medadv_desktop.settings import format_pixel_fraction

_ROBUST = Axis("robust accuracy", low=0.0, high=1.0)

Points = Mapping[float, Told]


def security_curves(results: AuditResults, dataset: str = "") -> tuple[LineChart, ...]:
    """Robust accuracy over ε, for each data set and norm.

    First all models, each under the attack that hurts it most at each ε; then each model under
    each attack. One chart suffices for one model, or one attack.

    Args:
        dataset: id of one; "" takes all.
    """
    charts: list[LineChart] = []
    for chosen in _datasets(results, dataset):
        for norm, cells in _by_norm(results, chosen).items():
            attacks = tuple(dict.fromkeys(record.cell.name for record in cells))
            models = tuple(dict.fromkeys(record.cell.model for record in cells))
            curves = {
                (model, attack): _points(results, cells, model, attack, chosen)
                for model in models
                for attack in attacks
            }
            curves = {pair: points for pair, points in curves.items() if len(points) > 1}
            charts += _charts(results, chosen, norm, models, attacks, curves)
    return tuple(charts)


def smallest_curves(results: AuditResults, dataset: str = "") -> tuple[LineChart, ...]:
    """The share that withstands every budget up to ε, exactly, from smallest budgets."""
    charts = []
    for chosen in _datasets(results, dataset):
        cells = [r for r in results.done("smallest") if r.cell.dataset == chosen]
        for norm in dict.fromkeys(results.norm_of(record.cell) for record in cells):
            own = [r for r in cells if results.norm_of(r.cell) == norm]
            attacks = tuple(dict.fromkeys(record.cell.name for record in own))
            lines = [line for r in own if (line := _steps(results, r, attacks)) is not None]
            if not lines:
                continue
            charts.append(
                LineChart(
                    f"Smallest budgets, {chosen}",
                    "For every sample the smallest ε at which the attack succeeds was looked for; "
                    "a line shows the share that withstands all budgets up to ε.",
                    _epsilon(norm, [x for line in lines for x in line.x]),
                    _ROBUST,
                    tuple(lines),
                    lights_of(results),
                )
            )
    return tuple(charts)


def lights_of(results: AuditResults) -> tuple[Reference, ...]:
    """Where robust accuracy turns green and amber."""
    lights = results.plan.lights
    return tuple(
        Reference(value, f"{name} from {value:.2f}")
        for name, value in (("green", lights.robust_green), ("amber", lights.robust_amber))
        if 0 < value < 1
    )


def _datasets(results: AuditResults, dataset: str) -> tuple[str, ...]:
    return (dataset,) if dataset else results.dataset_ids


def _by_norm(results: AuditResults, dataset: str) -> dict[str, list[CellRecord]]:
    found: dict[str, list[CellRecord]] = {}
    for record in results.done("attack"):
        if record.cell.dataset == dataset and record.cell.budget is not None:
            found.setdefault(results.norm_of(record.cell), []).append(record)
    return found


def _points(
    results: AuditResults, cells: Sequence[CellRecord], model: str, attack: str, dataset: str
) -> Points:
    """Robust accuracy by ε, with clean accuracy at 0; over seeds their mean."""
    by_budget: dict[float, list[Told]] = {}
    for record in cells:
        cell = record.cell
        rate = told(record, "robust_accuracy")
        if (cell.model, cell.name) == (model, attack) and cell.budget is not None and rate:
            by_budget.setdefault(cell.budget, []).append(rate)
    clean = results.clean(model, dataset)
    if by_budget and clean is not None and (rate := told(clean, "clean_accuracy")) is not None:
        by_budget.setdefault(0.0, [rate])
    means = {budget: pooled(rates) for budget, rates in sorted(by_budget.items())}
    return {budget: mean for budget, mean in means.items() if mean is not None}


def _charts(
    results: AuditResults,
    dataset: str,
    norm: str,
    models: Sequence[str],
    attacks: Sequence[str],
    curves: Mapping[tuple[str, str], Points],
) -> list[LineChart]:
    if not curves:
        return []
    place = {model: results.place_of(model) for model in models}
    seeds = _seeds(results)
    if len(attacks) == 1 or len(models) == 1:
        lines = [
            _line(
                f"{model}, {attack}" if len(models) > 1 else attack,
                points,
                attacks.index(attack) if len(models) == 1 else place[model],
            )
            for (model, attack), points in curves.items()
        ]
        return [
            _chart(
                results, f"Robust accuracy over ε, {dataset}",
                f"Share of all samples still right after the attack, by its budget.{seeds}",
                norm, lines,
            )
        ]  # fmt: skip
    worst = [
        _line(model, _lowest([p for (m, _), p in curves.items() if m == model]), place[model])
        for model in models
        if any(m == model for m, _ in curves)
    ]
    charts = [
        _chart(
            results, f"Robust accuracy over ε, {dataset}",
            "For each model and ε the attack that leaves it least right. It is the lowest of the "
            f"attacks' figures, not the worst case sample by sample.{seeds}",
            norm, worst,
        )
    ]  # fmt: skip
    for model in models:
        lines = [
            _line(a, curves[model, a], k) for k, a in enumerate(attacks) if (model, a) in curves
        ]
        if lines:
            charts.append(
                _chart(
                    results, f"Robust accuracy over ε, {dataset}, {model}",
                    f"{model} under each attack, by its budget.{seeds}", norm, lines,
                )
            )  # fmt: skip
    return charts


def _chart(
    results: AuditResults, title: str, caption: str, norm: str, lines: list[Line]
) -> LineChart:
    axis = _epsilon(norm, [x for line in lines for x in line.x])
    return LineChart(title, caption, axis, _ROBUST, tuple(lines), lights_of(results))


def _line(name: str, points: Points, color: int) -> Line:
    rates = points.values()
    return Line(
        name,
        tuple(points),
        tuple(r.value for r in rates),
        tuple(r.low for r in rates),
        tuple(r.high for r in rates),
        color,
    )


def _lowest(curves: Sequence[Points]) -> Points:
    budgets = sorted({budget for points in curves for budget in points})
    return {
        budget: min((p[budget] for p in curves if budget in p), key=lambda rate: rate.value)
        for budget in budgets
    }


def _steps(results: AuditResults, record: CellRecord, attacks: Sequence[str]) -> Line | None:
    budgets = figures_of(record).get("budgets")
    if not budgets:
        return None
    points = [(p["epsilon"], rate) for p in budgets["points"] if (rate := told_of(p["robust"]))]
    cell = record.cell
    name = f"{cell.model}, {cell.name}" if len(attacks) > 1 else cell.model
    if cell.seed:
        name += f", seed {cell.seed}"
    return Line(
        name,
        tuple(epsilon for epsilon, _ in points),
        tuple(rate.value for _, rate in points),
        tuple(rate.low for _, rate in points),
        tuple(rate.high for _, rate in points),
        results.place_of(cell.model),
        dashed=attacks.index(cell.name) % 2 == 1,
        steps=True,
        markers=False,
    )


def _epsilon(norm: str, places: Iterable[float]) -> Axis:
    """The axis of budgets; in L∞ with as many of them by name as find room."""
    shown = sorted(set(places))
    title = f"ε ({NORMS[norm]}, of the [0, 1] grey scale)" if norm in NORMS else "ε"
    if norm != "linf" or not shown or shown[-1] > 1:
        return Axis(title, low=0.0)
    room = 0.09 * (shown[-1] - shown[0])
    ticks: list[float] = []
    for place in shown:
        text = format_pixel_fraction(place)
        if text.endswith("/255") and (not ticks or place - ticks[-1] >= room):
            ticks.append(place)
    texts = tuple((p, "0" if p == 0 else format_pixel_fraction(p)) for p in ticks)
    return Axis(title, texts, low=0.0)


def _seeds(results: AuditResults) -> str:
    count = len(results.plan.seeds)
    if count == 1:
        return ""
    return f" Mean over {count} seeds; the band spans the intervals of all of them."
