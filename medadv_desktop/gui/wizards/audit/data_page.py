"""The second step: on which data sets, which part of them, and which model on which."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.datasets.subset import Subset
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.forms import SettingsForm
from medadv_desktop.gui.labelled.bars import figure
from medadv_desktop.gui.lists import dress
from medadv_desktop.gui.state.dataset_library import DatasetEntry
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL
from medadv_desktop.gui.wizards.audit.draft import AuditDraft
from medadv_desktop.gui.wizards.audit.parts import (
    KEY,
    OFF,
    ON,
    Ticks,
    Words,
    column,
    heading,
    said_by,
    scrolled,
    show_values,
)
from medadv_desktop.gui.wizards.audit.wording import tr
from medadv_desktop.gui.wizards.steps import Callout, StepPage

_WIDTHS = (180, 70, 80)
_FOLDED = ("filter", "labelled", "per_class", "balanced", "seed")
_TABLE_HEIGHT = 150


class DataPage(StepPage):
    """The data sets of the library with a tick each; beside them the part that is used."""

    def __init__(self, bench: Workbench, draft: AuditDraft) -> None:
        super().__init__()
        self.title = tr("Data sets")
        self.heading = tr("On which images?")
        self.explanation = tr(
            "Use a part that no model was trained on. A few hundred samples give a first answer; "
            "the intervals of the report tell how sure it is."
        )
        self._bench, self._draft = bench, draft
        self._datasets = bench.controller.librarian.library
        headings = (tr("Data set"), tr("Samples"), tr("Says"), tr("Classes"))
        self.list = Ticks(bench.theme, tr("Data sets"), headings)
        for place, width in enumerate(_WIDTHS):
            self.list.setColumnWidth(place, width)
        self.empty = Callout(bench.theme)
        self.part_title = heading("")
        self.split_note = Callout(bench.theme)
        self.form = SettingsForm(Subset, explained=True, folded=_FOLDED)
        self.groups = Words(
            tr("Groups"),
            tr("Columns of the table by which figures are told apart; split and patient are known"),
            tr("such as sex, site"),
        )
        self.order = QCheckBox(tr("Its classes stand in the models' order"))
        self.order.setToolTip(tr("Match classes by their order, whatever their names"))
        self.pairs = QTableWidget()
        self._arrange()
        self._connect()
        self._fill()

    # ------------------------------------------------------------------ what the dialog asks

    def entered(self) -> None:
        self._fill()

    def blocked(self) -> str:
        draft = self._draft
        if not draft.values["datasets"]:
            return tr("Tick at least one data set")
        if lonely := draft.lonely():
            return tr("Tick a data set for {model}").format(model=lonely[0])
        if not self.form.is_valid():
            return tr("Mend the part that is used first")
        return draft.error if draft.error.startswith("datasets") else ""

    # ------------------------------------------------------------------ from the draft

    def _fill(self) -> None:
        current = self.list.current
        self.list.refill()
        known = set()
        for entry in self._datasets.entries:
            key = str(entry.path.resolve())
            if key in known:
                continue  # a plan names a data set by its place
            known.add(key)
            says = tr("findings") if entry.task == "multi-label" else tr("one class")
            texts = (entry.name, figure(entry.samples), says, ", ".join(entry.classes))
            reason = self._datasets.missing.get(entry.id, "")
            self.list.add(key, texts, False, tip=key, why_not=reason)
        for values in self._draft.values["datasets"]:
            if values["path"] not in known:
                texts = (values["id"], "", tr("not in the library"), "")
                self.list.add(values["path"], texts, True, tip=values["path"])
        there = bool(self.list.items())
        self.empty.say("info", "" if there else tr("There are no data sets yet."),
                       tr("Import one with Data ▸ Import data set…"))  # fmt: skip
        wanted = self.list.item(current) or next(
            (i for i in self.list.items() if self._values(str(i.data(0, KEY)))), None
        )
        if wanted is not None:
            self.list.setCurrentItem(wanted)
        self._show()

    def _show(self) -> None:
        self.list.show_ticks([d["path"] for d in self._draft.values["datasets"]])
        self._show_part()
        self._show_pairs()
        self.changed.emit()

    def _values(self, key: str) -> dict[str, Any] | None:
        return next((d for d in self._draft.values["datasets"] if d["path"] == key), None)

    def _entry(self, key: str) -> DatasetEntry | None:
        there = (e for e in self._datasets.entries if str(e.path.resolve()) == key)
        return next(there, None)

    def _show_part(self) -> None:
        values, entry = self._values(self.list.current), self._entry(self.list.current)
        for widget in (self.form, self.groups_row, self.order):
            widget.setVisible(values is not None)
        self.split_note.say("info", "")
        if values is None:
            self.part_title.setText(
                tr("Tick a data set to say which part of it is used.") if self.list.items() else ""
            )
            return
        self.part_title.setText(tr("What of {name} is used").format(name=values["id"]))
        show_values(self.form, Subset, values.get("subset", {}))
        for field, names in (("splits", [s.name for s in entry.splits] if entry else []),
                             ("classes", entry.classes if entry else ())):  # fmt: skip
            known = "|".join(name for name in names if name)
            self.form.editor(field).setPlaceholderText(known or tr("all"))
        self.form.editor("count").setPlaceholderText(tr("all"))
        self.groups.show_words(values.get("groups", ()))
        self.order.setChecked(bool(values.get("match_order")))
        if entry is not None and entry.split is not None:
            self.split_note.say(
                "warning",
                tr("The splits of {name} were drawn in this program.").format(name=entry.name),
                tr("A plan knows the splits of the files alone: choose samples by number."),
            )

    def _show_pairs(self) -> None:
        models = [m["id"] for m in self._draft.values["models"]]
        sets = [d["id"] for d in self._draft.values["datasets"]]
        shown = len(models) * len(sets) > 1
        self.pairs_title.setVisible(shown)
        self.pairs.setVisible(shown)
        table = self.pairs
        table.blockSignals(True)
        table.setRowCount(len(models))
        table.setColumnCount(len(sets))
        table.setVerticalHeaderLabels(models)
        table.setHorizontalHeaderLabels(sets)
        for row, model in enumerate(models):
            for place, dataset in enumerate(sets):
                item = QTableWidgetItem()
                item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
                lonely = model in self._draft.lonely()
                on = not lonely and self._draft.is_paired(model, dataset)
                item.setCheckState(ON if on else OFF)
                item.setToolTip(tr("{model} on {data}").format(model=model, data=dataset))
                table.setItem(row, place, item)
        table.blockSignals(False)

    # ------------------------------------------------------------------ from the user

    def _ticked(self, key: str, on: bool) -> None:
        entry = self._entry(key)
        if (item := self.list.item(key)) is not None:
            self.list.setCurrentItem(item)
        if entry is not None:
            self._draft.set_dataset(entry, on)
        elif not on:
            rest = [d for d in self._draft.values["datasets"] if d["path"] != key]
            self._draft.set("datasets", rest)
            self._fill()

    def _edited(self) -> None:
        values = self._values(self.list.current)
        if values is None:
            return
        self._draft.edit_dataset(
            values["id"],
            subset=said_by(self.form),
            groups=self.groups.words(),
            match_order=self.order.isChecked(),
        )

    def _paired(self, item: QTableWidgetItem) -> None:
        models, sets = (self._draft.values[part] for part in ("models", "datasets"))
        on = item.checkState() is ON
        self._draft.set_paired(models[item.row()]["id"], sets[item.column()]["id"], on)

    # ------------------------------------------------------------------ making

    def _connect(self) -> None:
        self.list.ticked.connect(self._ticked)
        self.list.currentItemChanged.connect(lambda *_: self._show_part())
        self.form.changed.connect(self._edited)
        self.groups.typed.connect(self._edited)
        self.order.clicked.connect(self._edited)
        self.pairs.itemChanged.connect(self._paired)
        self._datasets.changed.connect(self._fill)
        self._draft.changed.connect(self._show)
        self._draft.replaced.connect(self._fill)

    def _arrange(self) -> None:
        self.pairs.setAccessibleName(tr("Which model on which data set"))
        self.pairs.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.pairs.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.pairs.setMaximumHeight(_TABLE_HEIGHT)
        dress(self.pairs, self._bench.theme)
        self.pairs_title = heading(tr("Which model on which data set"))
        self.groups_row = QWidget()
        line = QHBoxLayout(self.groups_row)
        line.setContentsMargins(0, 0, 0, 0)
        label = QLabel(tr("&Groups"))
        label.setBuddy(self.groups)
        label.setToolTip(self.groups.toolTip())
        line.addWidget(label, 1)
        line.addWidget(self.groups, 1)
        self.part_title.setWordWrap(True)
        part = column(self.part_title, self.split_note, self.form, self.groups_row, self.order)
        left = QVBoxLayout()
        left.setSpacing(MEDIUM)
        left.addWidget(self.empty)
        left.addWidget(self.list, 1)
        left.addWidget(self.pairs_title)
        left.addWidget(self.pairs)
        page = QHBoxLayout(self)
        page.setContentsMargins(LARGE + SMALL, SMALL, LARGE, MEDIUM)
        page.setSpacing(LARGE + SMALL)
        page.addLayout(left, 3)
        page.addWidget(scrolled(part, tr("Part of the data set")), 2)
