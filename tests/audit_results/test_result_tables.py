"""Figures of cells as tables."""

from __future__ import annotations

import pytest

from medadv_desktop.audit.plan.cells import Cell
from medadv_desktop.audit.results.tables import (
    cells_table,
    changes_table,
    further_figures,
    quantiles_table,
)
from medadv_desktop.audit.store.records import CellOutcome, CellRecord
from tests.audit_results.test_result_charts import rate, results
from tests.audit_store.building import SMALL_PLAN, plan_from_text


def record(figures: dict[str, object]) -> CellRecord:
    cell = Cell("0", "attack", "plain", "skin", "pgd", 4 / 255)
    return CellRecord(cell, 0, "done", "", 1, 1, 10, 0, 1.0, 1.0, CellOutcome(figures))


def test_that_every_cell_has_a_row_with_figures_where_it_has_them() -> None:
    found = results(
        plan_from_text(SMALL_PLAN),
        lambda cell: (
            None
            if cell.budget == 4 / 255
            else {"figures": {"clean_accuracy": rate(9), "robust_accuracy": rate(7)}}
        ),
    )
    table = cells_table(found)
    rows = [dict(zip(table.head, row, strict=True)) for row in table.rows]
    assert [row["state"] for row in rows] == ["done", "done", "waiting"]
    assert rows[1]["robust accuracy"] == 0.7
    assert rows[1]["robust accuracy low"] == rate(7)["low"]
    assert rows[2]["robust accuracy"] is None


def test_that_norms_are_told_in_grey_levels_and_cells_without_changes_left_out() -> None:
    change = {"linf": {"mean": 4 / 255}, "ssim": {"mean": 0.9}, "psnr": None}
    table = changes_table([record({"change": change}), record({})])
    assert len(table.rows) == 1
    row = dict(zip(table.head, table.rows[0], strict=True))
    assert row["mean L∞ (of 255)"] == pytest.approx(4)
    assert (row["mean SSIM"], row["mean PSNR (dB)"]) == (0.9, None)


def test_that_quantiles_say_where_they_lie_beyond_what_was_tried() -> None:
    quantiles = [
        {"share": 0.25, "epsilon": 2 / 255, "low": 1 / 255, "high": None},
        {"share": 0.5, "epsilon": None, "low": 3 / 255, "high": None},
    ]
    table = quantiles_table([record({"budgets": {"quantiles": quantiles}}), record({})])
    assert table.head == ("what", "25 % fallen at", "50 % fallen at")
    assert table.rows == (("pgd at 4/255", "2 [1,\u00a0?]", "beyond what was tried"),)


def test_that_further_figures_stand_clean_beside_changed() -> None:
    area = {"value": 0.75, "low": 0.5, "high": 0.9}
    figures = {
        "figures": {"macro_f1": {"value": 0.6, "low": None, "high": None}},
        "clean": {"areas": {"macro": area}, "calibration": {"ece": 0.25, "brier": None}},
        "attacked": None,
    }
    assert further_figures(record(figures)).rows == (
        ("macro AUC", "0.750 [0.500, 0.900]", None),
        ("macro F1", "0.600", None),
        ("expected calibration error", 0.25, None),
    )
