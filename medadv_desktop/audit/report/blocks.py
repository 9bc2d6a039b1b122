"""What a report is made of, whatever it is written as."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from medadv_desktop.analysis.charts.values import Chart, Table

Light = Literal["green", "amber", "red", "none"]
"""Of a figure against the plan's thresholds; "none" where there is no figure."""


@dataclass(frozen=True)
class Paragraph:
    """A few sentences; a warning stands out."""

    text: str
    warning: bool = False


@dataclass(frozen=True)
class Points:
    """Sentences, one below the other."""

    texts: tuple[str, ...]


@dataclass(frozen=True)
class LightLine:
    """A figure with its light: what it is of, the figure in words, and why this light."""

    light: Light
    title: str
    text: str


@dataclass(frozen=True)
class Lights:
    """Figures with their lights, by model and data set."""

    title: str
    lines: tuple[LightLine, ...]


@dataclass(frozen=True)
class Facts:
    """Names and values."""

    title: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Grid:
    """A table of texts and numbers under a title."""

    title: str
    table: Table
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """A chart; its table is the alternative for those who do not see it."""

    chart: Chart


@dataclass(frozen=True)
class Triple:
    """An image before, the change, and the image after.

    Attributes:
        original, change, changed: PNG.
        text: what the model said.
    """

    original: bytes
    change: bytes
    changed: bytes
    text: str


@dataclass(frozen=True)
class Gallery:
    """Images of a cell; `caption` says how much the change is amplified."""

    title: str
    caption: str
    items: tuple[Triple, ...]


@dataclass(frozen=True)
class Listing:
    """A text in a fixed font, such as a plan."""

    title: str
    text: str


Block = Paragraph | Points | Lights | Facts | Grid | Picture | Gallery | Listing


@dataclass(frozen=True)
class Section:
    """A chapter; `id` is its anchor."""

    id: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Report:
    """The whole of it.

    Attributes:
        subtitle: what was audited, and when.
        notice: that it is not for diagnosis.
    """

    title: str
    subtitle: str
    notice: str
    sections: tuple[Section, ...]
