"""Writing a chart of the window as a file, off the GUI thread."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget

from medadv_desktop.gui.asking import ask_where_to_write
from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.desk import Audience
from medadv_desktop.gui.file_names import located
from medadv_desktop.gui.state.log import Level

if TYPE_CHECKING:
    from medadv_desktop.analysis.charts.values import Chart
    from medadv_desktop.gui.controller import Controller

KINDS = ("svg", "png", "pdf", "csv")


def ask_and_export(parent: QWidget, controller: Controller, chart: Chart, kind: str) -> None:
    """Ask where to, then write: a picture on white as reports have it, or the values as CSV."""
    name = re.sub(r"[^\w.-]+", "-", chart.title).strip("-").lower() or "chart"
    filters = {
        "svg": tr("SVG picture (*.svg)"),
        "png": tr("PNG picture (*.png)"),
        "pdf": tr("PDF page (*.pdf)"),
        "csv": tr("Values as CSV (*.csv)"),
    }
    ask_where_to_write(
        parent,
        controller.settings,
        tr("Export chart"),
        f"{name}.{kind}",
        (filters[kind],),
        lambda path: write_chart(controller, chart, kind, path),
    )


def write_chart(controller: Controller, chart: Chart, kind: str, path: Path) -> None:
    """Write a chart; a message says how it ended."""

    def write(*_: object) -> None:
        from medadv_desktop.analysis.charts.values import table_csv
        from medadv_desktop.files import write_atomically

        if kind == "csv":
            content = table_csv(chart.table()).encode()
        else:
            from medadv_desktop.analysis.charts.drawing import draw

            content = draw(chart, kind)
        write_atomically(path, content)

    def done(_: object) -> None:
        controller.notices.add(tr("Saved as {path}").format(path=located(path)), Level.INFO)

    desk = controller.librarian.desk
    desk.read(write, Urgency.SCAN, Audience(tr("Exporting a chart"), done), listed=True)


def tr(text: str) -> str:
    return QCoreApplication.translate("ChartExport", text)
