"""The figures that come first, each on a card with its interval and the cell it is of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from medadv_desktop.gui.audits.wording import interval, percent, state_text
from medadv_desktop.gui.labelled.bars import figure
from medadv_desktop.gui.theme import MEDIUM, SMALL, TINY, Theme, font
from medadv_desktop.gui.viewers.pane import ElidedLabel
from medadv_desktop.gui.wizards.steps import Callout

if TYPE_CHECKING:
    from medadv_desktop.gui.audits.results.content import RunContent

_CARD = 138


class Card(QFrame):
    """One figure: its name, its value, its interval, and where it was found."""

    def __init__(self, title: str, theme: Theme, note: str = "") -> None:
        super().__init__()
        self._theme, self._light, self._note = theme, "border", note
        self.setObjectName("card")
        self.title = ElidedLabel(title)
        self.title.setFont(font("small"))
        self.title.setProperty("role", "muted")
        self.value = QLabel("–")
        large = font("title")
        large.setPointSizeF(large.pointSizeF() * 1.35)
        self.value.setFont(large)
        self.ends = ElidedLabel()
        self.ends.setFont(font("small"))
        self.where = ElidedLabel()
        self.where.setFont(font("small"))
        self.where.setProperty("role", "muted")
        block = QVBoxLayout(self)
        block.setContentsMargins(MEDIUM + TINY, SMALL, MEDIUM, SMALL)
        block.setSpacing(0)
        for part in (self.title, self.value, self.ends, self.where):
            block.addWidget(part)
        theme.changed.connect(self._recolor)
        self._recolor()

    def say(self, value: str, ends: str, where: str, light: str) -> None:
        """Show a figure; `light` is the colour of the stripe, by the limits of the plan."""
        self.value.setText(value)
        self.ends.setText(ends)
        self.where.setText(where)
        self._light = light
        lines = (f"{self.title.full_text()}: {value}", ends and f"95 %: {ends}", where, self._note)
        self.setToolTip("\n".join(line for line in lines if line))
        self.setAccessibleName(f"{self.title.full_text()}: {value} {ends} {where}".strip())
        self._recolor()

    def _recolor(self) -> None:
        color, base = self._theme.color(self._light).name(), self._theme.color("base").name()
        border = self._theme.color("border").name()
        self.setStyleSheet(
            f"QFrame#card {{ background: {base}; border: 1px solid {border};"
            f" border-left: 4px solid {color}; border-top-right-radius: 4px;"
            " border-bottom-right-radius: 4px; }"
        )


class Headlines(QScrollArea):
    """The cards, in as many columns as there is room for."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(self.tr("Headline figures"))
        lowest = self.tr("The lowest over all cells that are done")
        highest = self.tr("The highest over all cells that are done")
        self.cards = {
            "robust": Card(self.tr("Robust accuracy"), theme, lowest),
            "clean": Card(self.tr("Clean accuracy"), theme, lowest),
            "success": Card(self.tr("Attack success"), theme, highest),
            "fooling": Card(self.tr("Fooling rate"), theme, highest),
            "cells": Card(self.tr("Cells"), theme),
            "samples": Card(self.tr("Samples judged"), theme),
        }
        inside = QWidget()
        block = QVBoxLayout(inside)
        block.setContentsMargins(SMALL, SMALL, SMALL, SMALL)
        block.setSpacing(SMALL)
        self.doubts = Callout(theme)
        self._grid = QGridLayout()
        self._grid.setSpacing(SMALL)
        block.addWidget(self.doubts)
        block.addLayout(self._grid)
        block.addStretch(1)
        self.setWidget(inside)
        inside.setAutoFillBackground(False)
        self.viewport().setAutoFillBackground(False)
        self._columns = 0
        self._arrange(2)

    def sizeHint(self) -> QSize:
        return QSize(2 * _CARD + 4 * SMALL, 280)

    def minimumSizeHint(self) -> QSize:
        return QSize(_CARD, 90)

    def resizeEvent(self, event: object) -> None:
        super().resizeEvent(event)
        self._arrange(max(1, self.width() // _CARD))

    def show_content(self, content: RunContent) -> None:
        """Show the figures of a run as far as it is: of each the worst over all cells."""
        lights = content.results.plan.lights
        limits = {
            "robust": (lights.robust_green, lights.robust_amber),
            "clean": (lights.clean_green, lights.clean_amber),
        }
        for name in ("robust", "clean", "success", "fooling"):
            found = content.headlines.get(name)
            if found is None:
                self.cards[name].say("–", "", self.tr("no cell with it is done"), "border")
                continue
            light = "border"
            if name in limits:
                green, amber = limits[name]
                enough = {True: "success", False: "warning"}[found.value >= green]
                light = enough if found.value >= amber else "danger"
            where = f"{found.model} · {found.title}"
            ends = interval(found.low, found.high)
            self.cards[name].say(percent(found.value), ends, where, light)
        self._doubt(content)
        records = content.records
        done = sum(r.state == "done" for r in records)
        failed = sum(r.state == "failed" for r in records)
        of = self.tr("{0} of {1}").format(figure(done), figure(len(records)))
        note = self.tr("{0} failed").format(figure(failed)) if failed else ""
        light = "danger" if failed else "border"
        self.cards["cells"].say(of, note, state_text(content.state), light)
        rows = sum(r.rows for r in records)
        left_out = sum(r.left_out for r in records)
        note = self.tr("{0} left out").format(figure(left_out)) if left_out else ""
        self.cards["samples"].say(
            figure(rows), note, self.tr("over all cells"), "warning" if left_out else "border"
        )

    def _doubt(self, content: RunContent) -> None:
        """Signs of a false sense of security stand before the figures that they speak of."""
        found: dict[tuple[str, str], list[str]] = {}
        for record in content.records:
            for doubt in record.outcome.suspicions if record.outcome is not None else ():
                models = found.setdefault((doubt["message"], doubt["remedy"]), [])
                if record.cell.model not in models:
                    models.append(record.cell.model)
        words = [f"{', '.join(models)}: {message}" for (message, _), models in found.items()]
        remedies = dict.fromkeys(remedy for _, remedy in found if remedy)
        self.doubts.say("warning", "\n".join(words), "\n".join(remedies))

    def _arrange(self, columns: int) -> None:
        if columns == self._columns:
            return
        self._columns = columns
        for k, card in enumerate(self.cards.values()):
            self._grid.addWidget(card, k // columns, k % columns)
        for column in range(len(self.cards)):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)
