"""The report as one HTML file: no script, nothing from elsewhere, light and dark, for paper too."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from medadv_desktop.analysis.charts.drawing import draw_for_page
from medadv_desktop.analysis.charts.values import Chart
from medadv_desktop.audit.report.blocks import Block, Report
from medadv_desktop.jobs import CancelToken
from medadv_desktop.resources import resource


def html_of(report: Report, token: CancelToken, drawn: Callable[[], None] = lambda: None) -> str:
    """The file.

    Args:
        drawn: called after every chart, which take most of the time.

    Raises:
        JobCancelled: the token was cancelled.
    """

    def svg(chart: Chart) -> Markup:
        token.check()
        text = draw_for_page(chart)
        drawn()
        # What matplotlib writes is escaped; texts of ours are attributes here.
        label = Markup('role="img" aria-label="{}"').format(f"{chart.title}. {chart.caption}")
        return Markup(text.replace("<svg", f"<svg {label}", 1))

    environment = Environment(
        loader=FileSystemLoader(resource("report")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        kind=_kind, cell=cell_text, data_uri=_data_uri, is_number=_is_number, is_long=_is_long
    )
    environment.globals["svg"] = svg
    style = resource("report", "style.css").read_text(encoding="utf-8")
    template = environment.get_template("report.html.j2")
    return template.render(report=report, style=Markup(style))


def cell_text(value: Any) -> str:
    """A cell of a table: numbers with as many digits as tell something."""
    if value is None or value == "":
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e6 else f"{value:.0f}"
    return str(value)


def _kind(block: Block) -> str:
    return type(block).__name__


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _is_long(value: Any) -> bool:
    """A word that no column is wide enough for, such as a digest."""
    return isinstance(value, str) and max(map(len, value.split()), default=0) > 24
