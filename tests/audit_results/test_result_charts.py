"""Charts of an audit: hand-made figures in, the same figures in the right place."""

from __future__ import annotations

from typing import Any

import pytest

from medadv_desktop.analysis.metrics.proportions import Rate
from medadv_desktop.audit.plan.cells import Cell, cells_of
from medadv_desktop.audit.plan.schema import AuditPlan
from medadv_desktop.audit.results.cell_charts import (
    calibration_chart,
    class_table,
    confusion_charts,
    group_charts,
    roc_charts,
)
from medadv_desktop.audit.results.curves import security_curves, smallest_curves
from medadv_desktop.audit.results.maps import attack_maps, transfer_maps
from medadv_desktop.audit.results.perturbations import (
    corruption_curves,
    flip_bars,
    mean_corruption_errors,
    mean_flip_rates,
)
from medadv_desktop.audit.results.reading import AuditResults, accuracy_after, pooled, told
from medadv_desktop.audit.store.records import CellOutcome, CellRecord, ModelRecord
from tests.audit_store.building import PLAN, SMALL_PLAN, card, plan_from_text


def rate(count: int, of: int = 10) -> dict[str, Any]:
    own = Rate(count, of)
    return {"value": own.value, "count": count, "of": of, "low": own.low, "high": own.high}


def record(cell: Cell, figures: dict[str, Any] | None) -> CellRecord:
    outcome = None if figures is None else CellOutcome(figures)
    return CellRecord(
        cell, 0, "waiting" if outcome is None else "done", "", 1, 1, 10, 0, 1.0, 1.0, outcome
    )


def results(plan: AuditPlan, figures: Any) -> AuditResults:
    """`figures` takes a cell and gives what it has, None for an unfinished one."""
    records = tuple(record(cell, figures(cell)) for cell in cells_of(plan))
    models = {m.id: ModelRecord(m.id, m.model, card(m.id), "00") for m in plan.models}
    return AuditResults(plan, records, models, {})


def confused(right: int, of: int = 10) -> dict[str, Any]:
    counts = [[right, 0], [of - right, 0]]
    return {"confusion": {"classes": ["a", "b"], "counts": counts}}


def test_that_a_security_curve_goes_from_clean_accuracy_through_every_budget() -> None:
    right = {0.0: 9, 1 / 255: 7, 4 / 255: 2}
    found = results(
        plan_from_text(SMALL_PLAN),
        lambda cell: {"clean_accuracy": rate(9), "robust_accuracy": rate(right[cell.budget or 0])},
    )
    (chart,) = security_curves(found)
    (line,) = chart.lines
    assert line.x == (0.0, 1 / 255, 4 / 255)
    assert line.y == (0.9, 0.7, 0.2)
    assert line.low[2] == Rate(2, 10).low
    assert [text for _, text in chart.x.ticks] == ["0", "1/255", "4/255"]
    assert [r.value for r in chart.references] == [0.6, 0.3]


def test_that_an_unfinished_budget_is_no_point_and_one_point_is_no_curve() -> None:
    found = results(
        plan_from_text(SMALL_PLAN),
        lambda cell: (
            None
            if cell.budget and cell.budget > 2 / 255
            else {"clean_accuracy": rate(9), "robust_accuracy": rate(7)}
        ),
    )
    assert security_curves(found)[0].lines[0].x == (0.0, 1 / 255)
    nothing = results(plan_from_text(SMALL_PLAN), lambda _cell: None)
    assert security_curves(nothing) == smallest_curves(nothing) == attack_maps(nothing) == ()


def test_that_the_chart_of_all_models_takes_the_lowest_attack_at_each_budget() -> None:
    def figures(cell: Cell) -> dict[str, Any] | None:
        if cell.kind == "clean":
            return {"clean_accuracy": rate(10)}
        if cell.kind != "attack":
            return None
        # fgsm hurts more at 1/255, pgd at 4/255.
        worse = (cell.name == "fgsm") == (cell.budget == 1 / 255)
        return {"robust_accuracy": rate(3 if worse else 5)}

    together, plain, defended = security_curves(results(plan_from_text(PLAN), figures))
    assert [line.name for line in together.lines] == ["plain", "defended"]
    assert together.lines[0].y == (1.0, 0.3, 0.3, 0.3)
    assert {line.name: line.y[1] for line in plain.lines} == {"fgsm": 0.3, "pgd": 0.5}
    assert defended.title.endswith("defended")


def test_that_seeds_are_one_point_at_their_mean_within_the_widest_interval() -> None:
    plan = plan_from_text("seeds = [0, 1]\n" + SMALL_PLAN)
    found = results(
        plan,
        lambda cell: {"clean_accuracy": rate(10), "robust_accuracy": rate(4 + 2 * cell.seed)},
    )
    (chart,) = security_curves(found)
    assert chart.lines[0].y == (1.0, 0.5, 0.5)
    assert chart.lines[0].low[1] == Rate(4, 10).low
    assert chart.lines[0].high[1] == Rate(6, 10).high
    assert "2 seeds" in chart.caption


def test_that_smallest_budgets_are_a_curve_of_steps() -> None:
    points = [{"epsilon": 0.0, "robust": rate(9)}, {"epsilon": 2 / 255, "robust": rate(4)}]

    def figures(cell: Cell) -> dict[str, Any] | None:
        return {"budgets": {"points": points}} if cell.kind == "smallest" else None

    (chart,) = smallest_curves(results(plan_from_text(PLAN), figures))
    assert [line.name for line in chart.lines] == ["plain", "defended"]
    assert chart.lines[0].steps
    assert chart.lines[0].y == (0.9, 0.4)


def test_that_the_heat_map_has_models_by_attacks_and_says_what_is_missing() -> None:
    def figures(cell: Cell) -> dict[str, Any] | None:
        if cell.kind == "attack" and cell.model == "defended":
            return None
        return {"clean_accuracy": rate(8), "robust_accuracy": rate(1)}

    (chart,) = attack_maps(results(plan_from_text(PLAN), figures))
    assert chart.rows == ("plain", "defended")
    assert chart.columns[:2] == ("clean", "fgsm 1/255")
    assert chart.values[0] == (0.8, *[0.1] * 6)
    assert chart.values[1] == (0.8, *[None] * 6)


def test_that_transfer_is_told_for_judges_beside_the_attacked_model_itself() -> None:
    def figures(cell: Cell) -> dict[str, Any] | None:
        if cell.name != "pgd" or cell.kind != "attack":
            return None
        judge = "defended" if cell.model == "plain" else "plain"
        return {"transfer": {judge: {"right": 6, "of": 8}}, "attacked": confused(2)}

    charts = transfer_maps(results(plan_from_text(PLAN), figures))
    assert len(charts) == 3
    assert charts[0].rows == charts[0].columns == ("plain", "defended")
    assert charts[0].values == ((0.2, 0.75), (0.75, 0.2))


def test_that_flips_have_the_interval_of_a_mean_and_a_rate_against_the_baseline() -> None:
    def figures(cell: Cell) -> dict[str, Any] | None:
        if cell.kind != "sequence":
            return None
        value = {"brightness": 0.2, "gaussian-noise": 0.4}[cell.name]
        if cell.model == "defended":
            value /= {"brightness": 2, "gaussian-noise": 4}[cell.name]
        return {"flip_probability": value, "standard_error": 0.1}

    found = results(plan_from_text(PLAN), figures)
    (chart,) = flip_bars(found)
    assert chart.groups == ("Brightness", "Gaussian noise")
    assert chart.bars[0].values == (0.2, 0.4)
    assert chart.bars[0].high[0] == pytest.approx(0.2 + 1.959964 * 0.1)
    plain, defended = mean_flip_rates(found)
    assert plain.relative is not None
    assert defended.relative is not None
    assert plain.relative.mean == 1.0
    assert defended.relative.mean == pytest.approx((0.5 + 0.25) / 2)


def test_that_corruptions_are_lines_over_severity_with_an_error_against_the_baseline() -> None:
    def figures(cell: Cell) -> dict[str, Any] | None:
        if cell.kind == "clean":
            return {"clean_accuracy": rate(10)}
        if cell.kind != "corruption":
            return None
        wrong = int(cell.budget or 0) if cell.model == "plain" else 1
        return {"attacked": confused(10 - wrong)}

    found = results(plan_from_text(PLAN), figures)
    (chart,) = corruption_curves(found)
    assert chart.lines[0].x == (0.0, 1.0, 3.0, 5.0)
    assert chart.lines[0].y == (1.0, 0.9, 0.7, 0.5)
    defended = mean_corruption_errors(found)[1]
    assert defended.relative is not None
    assert defended.relative.mean == pytest.approx((0.1 * 3) / (0.1 + 0.3 + 0.5))


def test_that_a_model_measured_on_fewer_kinds_than_the_baseline_has_no_mean() -> None:
    def figures(cell: Cell) -> dict[str, Any] | None:
        if cell.kind != "sequence" or (cell.model, cell.name) == ("defended", "brightness"):
            return None
        return {"flip_probability": 0.1, "standard_error": None}

    _, defended = mean_flip_rates(results(plan_from_text(PLAN), figures))
    assert defended.relative is None


def cell_record(figures: dict[str, Any]) -> CellRecord:
    return record(Cell("0", "attack", "plain", "skin", "pgd", 4 / 255), figures)


def test_that_confusion_is_counts_coloured_by_the_share_of_their_row() -> None:
    side = {"confusion": {"classes": ["a", "b"], "counts": [[3, 1], [0, 0]]}}
    clean, changed = confusion_charts(cell_record({"clean": side, "attacked": side}))
    assert clean.texts == (("3", "1"), ("0", "0"))
    assert clean.values == ((0.75, 0.25), (None, None))
    assert "changed" in changed.title


def test_that_findings_have_their_four_counts() -> None:
    side = {"confusion": {"classes": ["x"], "counts": [[[5, 1], [2, 8]]]}}
    (chart,) = confusion_charts(cell_record({"clean": side, "attacked": None}))
    assert chart.texts == (("8", "2", "1", "5"),)
    assert chart.values == ((0.8, 0.2, pytest.approx(1 / 6), pytest.approx(5 / 6)),)
    found = accuracy_after(cell_record({"attacked": side}))
    assert found is not None
    assert (found.value, found.low) == (13 / 16, None)


def test_that_an_roc_of_two_classes_is_that_of_the_second_with_its_area() -> None:
    curve = {"false_positive_rate": [0, 0.5, 1], "true_positive_rate": [0, 1, 1]}
    area = {"value": 0.75, "low": 0.5, "high": 0.9}
    side = confused(5) | {"roc": [None, curve], "areas": {"classes": [None, area]}}
    (chart,) = roc_charts(cell_record({"clean": side, "attacked": side}))
    assert chart.title.startswith("ROC of b")
    assert [line.name for line in chart.lines] == [
        "clean, AUC 0.750 [0.500,\u00a00.900]", "changed, AUC 0.750 [0.500,\u00a00.900]", "chance",
    ]  # fmt: skip
    assert chart.lines[0].y == (0, 1, 1)


def test_that_calibration_leaves_out_empty_bins() -> None:
    bins = [
        {"low": 0, "high": 0.5, "mean": None, "happened": rate(0, 0)},
        {"low": 0.5, "high": 1, "mean": 0.8, "happened": rate(6)},
    ]
    side = confused(5) | {"calibration": {"ece": 0.2, "brier": {"value": 0.1}, "bins": bins}}
    chart = calibration_chart(cell_record({"clean": side}))
    assert chart is not None
    assert (chart.lines[0].x, chart.lines[0].y) == ((0.8,), (0.6,))
    assert calibration_chart(cell_record({"clean": confused(5)})) is None


def test_that_classes_are_a_table_without_columns_that_nobody_filled() -> None:
    own = {"name": "a", "positives": 4, "sensitivity": rate(3, 4), "area": None,
           "robust_sensitivity": None}  # fmt: skip
    table = class_table(cell_record({"classes": [own]}))
    assert table.head == ("class", "positives", "sensitivity")
    assert table.rows == (("a", 4, "0.750 [0.301,\u00a00.954]"),)


def test_that_groups_are_bars_and_few_are_flagged() -> None:
    groups = [
        {"name": "f", "samples": 10, "small": False, "figures": {"clean_accuracy": rate(9)}},
        {"name": "", "samples": 2, "small": True, "figures": {"clean_accuracy": rate(1, 2)}},
    ]
    column = {"column": "sex", "groups": groups, "clean_accuracy": {"gap": None}}
    (chart,) = group_charts(cell_record({"subgroups": [column]}))
    assert chart.groups == ("f", "unknown (few)")
    assert [bars.name for bars in chart.bars] == ["clean"]


def test_that_figures_are_read_from_what_is_there() -> None:
    found = cell_record({"clean_accuracy": rate(9), "robust_accuracy": None})
    own = told(found, "clean_accuracy")
    assert own is not None
    assert str(own).startswith("0.900 [0.596, 0.982] (9 of 10)")
    assert told(found, "robust_accuracy") is None
    assert told(found, "area") is None
    assert pooled([]) is None
