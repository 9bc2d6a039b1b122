"""What is read of a run for the window, off the GUI thread: cells, figures and charts. No Qt.

Imported by whoever reads in the background, for it imports the plan and all that describes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from medadv_desktop.analysis.charts.values import Chart, HeatMap
from medadv_desktop.audit.library import extreme, is_worked_on, state_of
from medadv_desktop.audit.plan.cells import Cell
from medadv_desktop.audit.results.cell_charts import (
    calibration_chart,
    confusion_charts,
    group_charts,
    roc_charts,
)
from medadv_desktop.audit.results.curves import security_curves, smallest_curves
from medadv_desktop.audit.results.maps import CLEAN, attack_maps, transfer_maps
from medadv_desktop.audit.results.perturbations import corruption_curves, flip_bars
from medadv_desktop.audit.results.reading import AuditResults, read_results
from medadv_desktop.audit.store.records import CellRecord
from medadv_desktop.audit.store.store import STORE_NAME, AuditStore
from medadv_desktop.audit.summaries import Headline
from medadv_desktop.settings import format_pixel_fraction

Stamp = tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class RunContent:
    """A run but for its samples, with its charts by page.

    Attributes:
        stamp: of the store when it was read; another one says that there is news.
        state: of the whole audit; `at_work` says that some process runs it.
        headlines: by name: "clean", "robust", "success", "fooling": the lowest or highest.
        charts: "maps", "curves", "perturbations".
    """

    folder: Path
    stamp: Stamp
    results: AuditResults
    state: str
    at_work: bool
    headlines: Mapping[str, Headline]
    charts: Mapping[str, tuple[Chart, ...]]
    cells: Mapping[str, CellRecord] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.results.plan.name

    def cell_of_map(self, chart: HeatMap, row: int, column: int) -> str:
        """The cell that a place of an attack map tells of, the first of several seeds; "" if none.

        A map with many attacks has them as rows.
        """
        place = {chart.rows[row], chart.columns[column]}
        found = ""
        for record in self.results.done("clean", "attack"):
            cell = record.cell
            if {cell.model, _what(cell)} == place:
                if cell.dataset in chart.title:
                    return cell.id
                found = found or cell.id
        return found

    def norm_of(self, cell: Cell) -> str:
        """The norm in which the budget of a cell counts; that of most where it has none."""
        attacked = cell.kind in ("attack", "smallest")
        return (self.results.norm_of(cell) if attacked else "") or "linf"

    @property
    def records(self) -> tuple[CellRecord, ...]:
        return self.results.records


@dataclass(frozen=True, eq=False)
class CellCharts:
    """The charts of one cell."""

    cell: str
    roc: tuple[Chart, ...]
    confusion: tuple[Chart, ...]
    more: tuple[Chart, ...]


def stamp_of(folder: Path) -> Stamp:
    """Changes whenever something was written to the store in a folder."""
    found = []
    for name in (STORE_NAME, f"{STORE_NAME}-wal"):
        try:
            status = (folder / name).stat()
        except OSError:
            found.append((0, 0))
        else:
            found.append((status.st_mtime_ns, status.st_size))
    return tuple(found)


def read_content(folder: Path, known: RunContent | None = None) -> RunContent | None:
    """Read a run; None where nothing was written since `known` was read.

    Raises:
        AuditError, PlanError: the store cannot be used.
    """
    stamp, at_work = stamp_of(folder), is_worked_on(folder)
    if known is not None and (stamp, at_work) == (known.stamp, known.at_work):
        return None
    with AuditStore.open(folder) as store:
        results = read_results(store)
    records = results.records
    found = {
        "clean": extreme(records, "clean_accuracy"),
        "robust": extreme(records, "robust_accuracy"),
        "success": extreme(records, "attack_success_rate", highest=True),
        "fooling": extreme(records, "fooling_rate", highest=True),
    }
    charts: dict[str, tuple[Chart, ...]] = {
        "maps": (*attack_maps(results), *transfer_maps(results)),
        "curves": (*security_curves(results), *smallest_curves(results)),
        "perturbations": (*flip_bars(results), *corruption_curves(results)),
    }
    return RunContent(
        folder=folder,
        stamp=stamp,
        results=results,
        state=state_of(records),
        at_work=at_work,
        headlines={name: value for name, value in found.items() if value is not None},
        charts=charts,
        cells={record.cell.id: record for record in records},
    )


def cell_charts(record: CellRecord) -> CellCharts:
    """ROC curves, confusion clean and changed, calibration and groups of a finished cell."""
    calibration = calibration_chart(record)
    more = (*((calibration,) if calibration is not None else ()), *group_charts(record))
    return CellCharts(record.cell.id, roc_charts(record), confusion_charts(record), more)


def _what(cell: Cell) -> str:
    """A cell as the attack maps call it."""
    if cell.kind == "clean":
        return CLEAN
    budget = "" if cell.budget is None else f" {format_pixel_fraction(cell.budget)}"
    return f"{cell.name}{budget}"
