"""Splits, patients and sizes of images as a short list of facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QScrollArea, QWidget

from medadv_desktop.datasets.problems import ProblemKind
from medadv_desktop.datasets.report import DatasetReport
from medadv_desktop.gui.labelled.bars import counted, figure
from medadv_desktop.gui.theme import MEDIUM, SMALL, TINY, font

_SIZES = 6


@dataclass(frozen=True)
class Fact:
    """One line: a name and what is so; a heading where there is no value. `role` colours it."""

    name: str
    value: str = ""
    role: str = ""


def facts_of(report: DatasetReport) -> tuple[Fact, ...]:
    """What a report says beyond classes and single problems."""
    facts = [Fact(_tr("Splits"))]
    for part in report.splits:
        words = [counted(part.samples, _tr("{0} sample"), _tr("{0} samples"))]
        if report.patients:
            words.append(counted(part.patients, _tr("{0} patient"), _tr("{0} patients")))
        if part.unlabelled:
            words.append(_tr("{0} without label").format(figure(part.unlabelled)))
        facts.append(Fact(part.name or _tr("in no split"), ", ".join(words)))
    leaking = report.problems.count(ProblemKind.PATIENT_IN_TWO_SPLITS)
    facts.append(Fact(_tr("Patients")))
    if report.patients:
        facts.append(Fact(_tr("named"), figure(report.patients)))
        role = "danger" if leaking else "success"
        facts.append(Fact(_tr("in two splits"), figure(leaking), role))
    else:
        facts.append(Fact(_tr("not named"), _tr("leakage cannot be told")))
    how = _tr("decoded") if report.decoded else _tr("by header")
    facts.append(Fact(_tr("Images")))
    looked = _tr("{0} of {1}, {2}").format(figure(report.looked_at), figure(report.samples), how)
    facts.append(Fact(_tr("opened"), looked))
    for size in report.sizes[:_SIZES]:
        color = _tr("colour") if size.color else _tr("grey")
        facts.append(Fact(f"{size.width} × {size.height} {color}", figure(size.images)))
    if len(report.sizes) > _SIZES:
        facts.append(Fact(_tr("other sizes"), figure(len(report.sizes) - _SIZES)))
    for kind, name in (
        (ProblemKind.MISSING_IMAGE, _tr("missing")),
        (ProblemKind.UNREADABLE_IMAGE, _tr("unreadable")),
    ):
        count = report.problems.count(kind)
        facts.append(Fact(name, figure(count), "danger" if count else ""))
    copies = (
        ProblemKind.DUPLICATE_CONTENT,
        ProblemKind.DUPLICATE_ACROSS_SPLITS,
        ProblemKind.DUPLICATE_OTHER_LABEL,
    )
    count = sum(report.problems.count(kind) for kind in copies)
    value = figure(count) if report.compared else _tr("not looked for")
    facts.append(Fact(_tr("copies by content"), value, "warning" if count else ""))
    return tuple(facts)


class Facts(QScrollArea):
    """The list in two columns, as text that can be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(self.tr("Splits, patients and images"))
        self.shown: tuple[Fact, ...] = ()

    def show_facts(self, facts: Sequence[Fact]) -> None:
        self.shown = tuple(facts)
        content = QWidget()
        grid = QGridLayout(content)
        grid.setContentsMargins(0, SMALL, SMALL, 0)
        grid.setHorizontalSpacing(MEDIUM)
        grid.setVerticalSpacing(TINY)
        grid.setColumnStretch(1, 1)
        for row, fact in enumerate(facts):
            name = QLabel(fact.name)
            if not fact.value:
                name.setFont(font("strong"))
                if row:
                    name.setContentsMargins(0, SMALL, 0, 0)
                grid.addWidget(name, row, 0, 1, 2)
                continue
            name.setProperty("role", "muted")
            value = QLabel(fact.value)
            value.setWordWrap(True)
            value.setFont(font("numbers"))
            value.setProperty("role", fact.role)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(value, row, 1)
        grid.setRowStretch(len(facts), 1)
        self.setWidget(content)

    def text_of(self, name: str) -> str:
        """The value of the first fact of that name, "" where there is none."""
        return next((f.value for f in self.shown if f.name == name and f.value), "")


def _tr(text: str) -> str:
    return QCoreApplication.translate("Facts", text)
