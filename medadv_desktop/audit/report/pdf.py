"""The report as PDF: the same content, laid out for A4 by reportlab."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from html import escape
from typing import Any, Final, TypeAlias

from reportlab.lib.colors import HexColor, white
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import inch, mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    Image,
    KeepTogether,
    LongTable,
    PageTemplate,
    Preformatted,
    Spacer,
    TableStyle,
)
from reportlab.platypus import Paragraph as Text

from medadv_desktop.analysis.charts.drawing import draw, size_of
from medadv_desktop.analysis.charts.palette import LIGHT
from medadv_desktop.analysis.charts.values import Chart, Table
from medadv_desktop.audit.report.blocks import (
    Block,
    Facts,
    Gallery,
    Grid,
    Light,
    Lights,
    Listing,
    Paragraph,
    Picture,
    Points,
    Report,
)
from medadv_desktop.audit.report.html import cell_text
from medadv_desktop.jobs import CancelToken
from medadv_desktop.resources import resource

_MARGIN: Final = 15 * mm
_WIDTH: Final = A4[0] - 2 * _MARGIN
_HEIGHT: Final = A4[1] - 2 * _MARGIN - 8 * mm

_FONT, _BOLD = "DejaVuSans", "DejaVuSans-Bold"

_INK, _MUTED = HexColor(LIGHT.ink), HexColor("#536070")
_LINE, _RAISED = HexColor("#c5cdd7"), HexColor("#f3f5f8")
_WARNING, _WARNING_PAPER = HexColor("#8a5300"), HexColor("#fdf3e2")
_LIGHTS: Final[dict[Light, Any]] = {
    "green": HexColor("#1b6b3a"),
    "amber": HexColor("#8a5300"),
    "red": HexColor("#b3261e"),
    "none": HexColor("#536070"),
}

_FLUSH: Final = TableStyle(
    [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]
)

_CODE_WIDTH: Final = 118
_PICTURE: Final = 27 * mm

Part: TypeAlias = Flowable | list[Flowable]
"""A list is kept together on a page."""


def _style(name: str, size: float, **more: Any) -> ParagraphStyle:
    given = {"fontName": _FONT, "fontSize": size, "leading": size * 1.35, "textColor": _INK}
    return ParagraphStyle(name, **(given | more))


_TITLE = _style("title", 20, fontName=_BOLD, spaceAfter=4)
_SUBTITLE = _style("subtitle", 10, textColor=_MUTED, spaceAfter=10)
_H2 = _style("h2", 13, fontName=_BOLD, spaceBefore=16, spaceAfter=6, keepWithNext=1)
_H3 = _style("h3", 9.5, fontName=_BOLD, spaceBefore=9, spaceAfter=3, keepWithNext=1)
_BODY = _style("body", 8.5, spaceAfter=5)
_BULLET = _style("bullet", 8.5, spaceAfter=3, leftIndent=10, bulletIndent=1)
_CAPTION = _style("caption", 7.5, textColor=_MUTED, spaceAfter=4, keepWithNext=1)
_UNDER = _style("under", 7, textColor=_MUTED)
_CELL = _style("cell", 6.5)
_CELL_BOLD = _style("cell-bold", 6.5, fontName=_BOLD)
_NUMBER = _style("number", 6.5, alignment=TA_RIGHT)
_PILL = _style("pill", 7.5, fontName=_BOLD, textColor=white, alignment=1)
_CODE = _style("code", 6)
_ALERT = _style(
    "alert", 8.5, backColor=_WARNING_PAPER, borderPadding=(4, 6, 4, 6), borderColor=_WARNING,
    borderWidth=0.6, spaceBefore=6, spaceAfter=9, leftIndent=6, rightIndent=6,
)  # fmt: skip


def pdf_of(report: Report, token: CancelToken, drawn: Callable[[], None] = lambda: None) -> bytes:
    """The file; the same report gives the same bytes.

    Args:
        drawn: called after every chart, which take most of the time.

    Raises:
        JobCancelled: the token was cancelled.
    """
    _register_fonts()
    out = io.BytesIO()
    document = BaseDocTemplate(
        out, pagesize=A4, title=report.title, author="MedAdv Desktop", subject=report.notice,
        invariant=1, leftMargin=_MARGIN, rightMargin=_MARGIN, topMargin=_MARGIN,
        bottomMargin=_MARGIN,
    )  # fmt: skip
    frame = Frame(_MARGIN, _MARGIN + 4 * mm, _WIDTH, _HEIGHT, 0, 0, 0, 0)
    document.addPageTemplates(
        PageTemplate(frames=[frame], onPage=partial(_furniture, report=report))
    )
    flow: list[Flowable] = [Text(escape(report.title), _TITLE), _text(report.subtitle, _SUBTITLE)]
    for section in report.sections:
        own: list[Part] = []
        for block in section.blocks:
            token.check()
            own += _block(block, drawn)
        # What is kept together is not kept with a heading: so that is inside.
        heading = Text(f'<a name="{section.id}"/>{escape(section.title)}', _H2)
        own[:1] = [[heading, *own[0]]] if isinstance(own[0], list) else [heading, own[0]]
        flow += [KeepTogether(part) if isinstance(part, list) else part for part in own]
    document.build(flow)
    return out.getvalue()


def _register_fonts() -> None:
    known = pdfmetrics.getRegisteredFontNames()
    for name in (_FONT, _BOLD):
        if name not in known:
            pdfmetrics.registerFont(TTFont(name, str(resource("fonts", f"{name}.ttf"))))


def _furniture(canvas: Canvas, document: BaseDocTemplate, report: Report) -> None:
    """Notice and number on every page; the sections as the file's outline."""
    canvas.saveState()
    canvas.setFont(_FONT, 7)
    canvas.setFillColor(_MUTED)
    canvas.drawString(_MARGIN, 9 * mm, report.notice)
    canvas.drawRightString(A4[0] - _MARGIN, 9 * mm, f"{report.title} · {document.page}")
    canvas.restoreState()
    if document.page == 1:
        for section in report.sections:
            canvas.addOutlineEntry(section.title, section.id)


def _block(block: Block, drawn: Callable[[], None]) -> Iterator[Part]:
    match block:
        case Paragraph():
            yield _text(block.text, _ALERT if block.warning else _BODY)
        case Points():
            for text in block.texts:
                yield Text(escape(text), _BULLET, bulletText="•")
        case Lights():
            yield _text(block.title, _H3)
            yield _lights(block)
        case Facts():
            yield _text(block.title, _H3)
            rows = [[_text(n, _CELL_BOLD), _text(v, _CELL)] for n, v in block.pairs]
            yield LongTable(rows, [35 * mm, _WIDTH - 35 * mm], style=_grid(head=False))
        case Grid():
            yield _text(block.title, _H3)
            if block.caption:
                yield _text(block.caption, _CAPTION)
            yield _table(block.table)
        case Picture():
            yield list(_picture(block.chart))
            drawn()
        case Gallery():
            yield from _gallery(block)
        case Listing():
            yield _text(block.title, _H3)
            lines = [part for line in block.text.splitlines() for part in _folded(line)]
            yield Preformatted("\n".join(lines), _CODE)


def _text(text: str, style: ParagraphStyle) -> Text:
    return Text(escape(text), style)


def _lights(block: Lights) -> Flowable:
    rows = []
    styles: list[Any] = [("VALIGN", (0, 0), (-1, -1), "MIDDLE")]
    for k, line in enumerate(block.lines):
        light = "not known" if line.light == "none" else line.light
        rows.append([_text(light, _PILL), _text(line.title, _CELL_BOLD), _text(line.text, _BODY)])
        styles.append(("BACKGROUND", (0, k), (0, k), _LIGHTS[line.light]))
        styles.append(("LINEBELOW", (0, k), (-1, k), 2, white))
    widths = [20 * mm, 48 * mm, _WIDTH - 68 * mm]
    return LongTable(rows, widths, style=TableStyle(styles), hAlign="LEFT")


def _table(table: Table) -> Flowable:
    head = [_text(name, _CELL_BOLD) for name in table.head]
    rows = [
        [_text(cell_text(v), _NUMBER if isinstance(v, int | float) else _CELL) for v in row]
        for row in table.rows
    ]
    return LongTable([head, *rows], _widths(table), style=_grid(head=True), repeatRows=1,
                     hAlign="LEFT")  # fmt: skip


def _widths(table: Table) -> list[float]:
    """By what stands in the columns, a word never broken while there is room for it."""
    rows = ([cell_text(v) for v in row] for row in table.rows)
    columns = list(zip(table.head, *rows, strict=True))
    words = [max(_points(w) for text in c for w in text.split(" ")) for c in columns]
    least = [min(own, 26 * mm) for own in words]
    wanted = [min(max(map(_points, c)), 62 * mm) for c in columns]
    if sum(wanted) <= _WIDTH:
        return wanted
    spare = _WIDTH - sum(least)
    if spare <= 0:
        return [_WIDTH * w / sum(least) for w in least]
    more = sum(wanted) - sum(least)
    return [w + (v - w) * spare / more for w, v in zip(least, wanted, strict=True)]


def _points(text: str) -> float:
    """The width of a cell that holds a text in a line, with what is left free beside it."""
    return float(pdfmetrics.stringWidth(text, _BOLD, 6.5)) + 13


def _grid(*, head: bool) -> TableStyle:
    styles: list[Any] = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
    ]
    if head:
        styles.append(("BACKGROUND", (0, 0), (-1, 0), _RAISED))
    return TableStyle(styles)


def _picture(chart: Chart) -> Iterator[Flowable]:
    yield _text(chart.title, _H3)
    yield _text(chart.caption, _CAPTION)
    width, height = size_of(chart)
    scale = min(0.85, _WIDTH / (width * inch), 0.8 * _HEIGHT / (height * inch))
    png = draw(chart, "png", titled=False)
    yield Image(io.BytesIO(png), width * inch * scale, height * inch * scale, hAlign="LEFT")
    yield Spacer(1, 4)


def _gallery(block: Gallery) -> Iterator[Part]:
    """Two in a row; the heading stays with the first row."""
    rows = []
    for k in range(0, len(block.items), 2):
        row = []
        for item in block.items[k : k + 2]:
            images = [
                Image(io.BytesIO(png), _PICTURE, _PICTURE, kind="proportional")
                for png in (item.original, item.change, item.changed)
            ]
            pictures = LongTable([images], [_PICTURE + 1.5 * mm] * 3, hAlign="LEFT", style=_FLUSH)
            row.append([pictures, _text(item.text, _UNDER)])
        rows.append(row + [""] * (2 - len(row)))
    table = LongTable(
        rows, [_WIDTH / 2] * 2,
        style=_FLUSH,
    )  # fmt: skip
    yield [_text(block.title, _H3), _text(block.caption, _CAPTION), table]


def _folded(line: str) -> Iterator[str]:
    """A line of a listing in pieces that the page is wide enough for."""
    for first in range(0, max(1, len(line)), _CODE_WIDTH):
        yield line[first : first + _CODE_WIDTH]
