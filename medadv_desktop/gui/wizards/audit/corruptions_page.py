"""The fourth step: what happens to images without any attacker."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSpinBox,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
)

from medadv_desktop.corruptions.corruption import SEVERITIES
from medadv_desktop.corruptions.registry import CORRUPTIONS, SEQUENCES
from medadv_desktop.corruptions.sequences.sequence import FRAMES, MOST_FRAMES
from medadv_desktop.gui.attack_panel.wording import translated
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.forms import ignore_wheel
from medadv_desktop.gui.lists import RoomyRows, dress
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL, font
from medadv_desktop.gui.wizards.audit.draft import AuditDraft
from medadv_desktop.gui.wizards.audit.parts import KEY, OFF, ON, PART, Ticks, heading
from medadv_desktop.gui.wizards.audit.presets import (
    benchmark_sequences,
    fits,
    fitting_corruptions,
)
from medadv_desktop.gui.wizards.audit.wording import tr
from medadv_desktop.gui.wizards.steps import StepPage

_SEVERITY_WIDTH = 32


class CorruptionsPage(StepPage):
    """Corruptions with their severities by modality; perturbation sequences beside them."""

    def __init__(self, bench: Workbench, draft: AuditDraft) -> None:
        super().__init__()
        self.title = tr("Corruptions")
        self.heading = tr("Against which everyday changes?")
        self.explanation = tr(
            "Nobody attacks here: noise, blur, light and what else happens to images. Corruptions "
            "come in five severities; sequences tell how often decisions flip from frame to frame."
        )
        self._draft = draft
        self.tree = QTreeWidget()
        self.tree.setAccessibleName(tr("Corruptions"))
        self.tree.setHeaderLabels([tr("Corruption"), *map(str, SEVERITIES)])
        self.tree.setUniformRowHeights(True)
        self.tree.setSelectionMode(QTreeWidget.SelectionMode.NoSelection)
        self.tree.setIndentation(LARGE)
        dress(self.tree, bench.theme)
        self.tree.setItemDelegate(RoomyRows(self.tree))
        header = self.tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for severity in SEVERITIES:
            header.setSectionResizeMode(severity, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(severity, _SEVERITY_WIDTH)
        self.all = QPushButton(tr("All that &fit"))
        self.all.setToolTip(tr("Those for every image and for the modalities of the models"))
        self.none = QPushButton(tr("&None"))
        self.sequences = Ticks(bench.theme, tr("Sequences"), (tr("Sequence"), tr("Against")))
        self.sequences.setColumnWidth(0, 150)
        self.benchmark = QPushButton(tr("The &benchmark"))
        self.benchmark.setToolTip(tr("The ten of the common-perturbation benchmark"))
        self.no_sequence = QPushButton(tr("N&one"))
        for button in (self.all, self.none, self.benchmark, self.no_sequence):
            button.setAutoDefault(False)
        self.frames = QSpinBox()
        self.frames.setRange(2, MOST_FRAMES)
        self.frames.setValue(FRAMES)
        self.frames.setAccessibleName(tr("Frames of a sequence"))
        self.frames.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        ignore_wheel(self.frames)
        self._items: dict[str, QTreeWidgetItem] = {}
        self._fill()
        self._arrange()
        self._connect()
        self._show()

    # ------------------------------------------------------------------ what the dialog asks

    def entered(self) -> None:
        self._show()

    def blocked(self) -> str:
        error = self._draft.error
        return error if error.startswith(("corruptions", "sequences")) else ""

    # ------------------------------------------------------------------ from the draft

    def _fill(self) -> None:
        titles = {
            (): tr("Every image"),
            ("dermoscopy",): tr("Dermoscopy"),
            ("fundus",): tr("Fundus photographs"),
            ("radiograph",): tr("Radiographs"),
        }
        self._groups: dict[tuple[str, ...], QTreeWidgetItem] = {}
        for name, kind in CORRUPTIONS.items():
            group = self._groups.get(kind.modalities)
            if group is None:
                title = titles.get(kind.modalities, ", ".join(kind.modalities))
                group = QTreeWidgetItem(self.tree, [title])
                group.setFont(0, font("strong"))
                group.setFlags(Qt.ItemFlag.ItemIsEnabled)
                group.setExpanded(True)
                self._groups[kind.modalities] = group
            item = QTreeWidgetItem(group, [translated(kind.title)])
            item.setData(0, KEY, name)
            item.setToolTip(0, f"{translated(kind.summary)}\n{kind.reference}")
            for severity in SEVERITIES:
                item.setToolTip(severity, tr("Severity {0}").format(severity))
            self._items[name] = item
        for name, kind in SEQUENCES.items():
            compared = tr("the first frame") if kind.noise else tr("the frame before")
            if kind.validation:
                compared += tr(", held out")
            tip = f"{translated(kind.summary)}\n{kind.reference}"
            self.sequences.add(name, (translated(kind.title), compared), False, tip=tip)

    def _show(self) -> None:
        values = {c["kind"]: c for c in self._draft.values["corruptions"]}
        self.tree.blockSignals(True)
        for name, item in self._items.items():
            own = _severities(values[name]) if name in values else ()
            whole = ON if len(own) == len(SEVERITIES) else PART if own else OFF
            item.setCheckState(0, whole)
            for severity in SEVERITIES:
                item.setCheckState(severity, ON if severity in own else OFF)
        cards = tuple(self._draft.cards.values())
        for modalities, group in self._groups.items():
            group.setExpanded(fits(modalities, cards) or any(
                self._items[n].checkState(0) is not OFF for n in values
                if CORRUPTIONS[n].modalities == modalities
            ))  # fmt: skip
        self.tree.blockSignals(False)
        sequences = self._draft.values["sequences"]
        self.sequences.show_ticks([s["kind"] for s in sequences])
        lengths = {s.get("frames", FRAMES) for s in sequences}
        if len(lengths) == 1:
            self.frames.blockSignals(True)
            self.frames.setValue(lengths.pop())
            self.frames.blockSignals(False)
        self.changed.emit()

    # ------------------------------------------------------------------ from the user

    def _ticked(self, item: QTreeWidgetItem, place: int) -> None:
        name = item.data(0, KEY)
        if name is None:
            return
        if place == 0:
            chosen = list(SEVERITIES) if item.checkState(0) is not OFF else []
        else:
            chosen = [s for s in SEVERITIES if item.checkState(s) is ON]
        self.set_severities(name, chosen)

    def set_severities(self, name: str, severities: list[int]) -> None:
        """Try a corruption at these severities; [] leaves it out."""
        own = {c["kind"]: c for c in self._draft.values["corruptions"]}
        if severities:
            fitting = {c["kind"]: c for c in fitting_corruptions(self._draft.cards)}
            base = own.get(name) or fitting.get(name) or {"kind": name}
            own[name] = base | {"severities": severities}
        else:
            own.pop(name, None)
        ordered = [own[kind] for kind in CORRUPTIONS if kind in own]
        self._draft.set("corruptions", ordered)

    def _sequence_ticked(self, name: str, on: bool) -> None:
        own = {s["kind"]: s for s in self._draft.values["sequences"]}
        if on:
            own[name] = {"kind": name, "frames": self.frames.value()}
        else:
            own.pop(name, None)
        self._draft.set("sequences", [own[kind] for kind in SEQUENCES if kind in own])

    def _set_frames(self) -> None:
        sequences = self._draft.values["sequences"]
        self._draft.set("sequences", [s | {"frames": self.frames.value()} for s in sequences])

    def _take_benchmark(self) -> None:
        frames = {"frames": self.frames.value()}
        self._draft.set("sequences", [s | frames for s in benchmark_sequences()])

    # ------------------------------------------------------------------ making

    def _connect(self) -> None:
        draft = self._draft
        self.tree.itemChanged.connect(self._ticked)
        self.sequences.ticked.connect(self._sequence_ticked)
        self.frames.valueChanged.connect(self._set_frames)
        self.all.clicked.connect(
            lambda: draft.set("corruptions", list(fitting_corruptions(draft.cards)))
        )
        self.none.clicked.connect(lambda: draft.set("corruptions", []))
        self.benchmark.clicked.connect(self._take_benchmark)
        self.no_sequence.clicked.connect(lambda: draft.set("sequences", []))
        draft.changed.connect(self._show)

    def _arrange(self) -> None:
        def line(*widgets: QPushButton | QLabel | QSpinBox) -> QHBoxLayout:
            row = QHBoxLayout()
            row.setSpacing(SMALL + 2)
            for widget in widgets:
                row.addWidget(widget)
            row.addStretch(1)
            return row

        left, right = QVBoxLayout(), QVBoxLayout()
        frames = QLabel(tr("F&rames"))
        frames.setBuddy(self.frames)
        for side, title, widget, foot in (
            (left, tr("Corruptions"), self.tree, line(self.all, self.none)),
            (
                right,
                tr("Perturbation sequences"),
                self.sequences,
                line(self.benchmark, self.no_sequence, frames, self.frames),
            ),
        ):
            side.setSpacing(MEDIUM)
            side.addWidget(heading(title))
            side.addWidget(widget, 1)
            side.addLayout(foot)
        page = QHBoxLayout(self)
        page.setContentsMargins(LARGE + SMALL, SMALL, LARGE + SMALL, MEDIUM)
        page.setSpacing(LARGE + SMALL)
        page.addLayout(left, 1)
        page.addLayout(right, 1)


def _severities(values: dict[str, Any]) -> tuple[int, ...]:
    return tuple(values.get("severities", SEVERITIES))
