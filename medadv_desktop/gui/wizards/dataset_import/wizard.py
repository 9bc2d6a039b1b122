"""The data set wizard: four steps, and an entry of the library at the end."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QWidget

from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.labelled.librarian import stored_look
from medadv_desktop.gui.state.dataset_library import DatasetEntry, StoredCount, StoredSplit
from medadv_desktop.gui.wizards.dataset_import.columns_page import ColumnsPage
from medadv_desktop.gui.wizards.dataset_import.divide_page import DividePage
from medadv_desktop.gui.wizards.dataset_import.draft import Draft
from medadv_desktop.gui.wizards.dataset_import.look_over_page import LookOverPage
from medadv_desktop.gui.wizards.dataset_import.source_page import SourcePage
from medadv_desktop.gui.wizards.steps import StepDialog

_UNTOUCHED = DatasetOptions().model_dump(exclude={"layout"})


class DatasetWizard(StepDialog):
    """Asks for a data set, and puts it into the library."""

    def __init__(self, bench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(bench.theme, "", parent)
        self.setWindowTitle(self.tr("Import data set"))
        self._bench = bench
        self.draft = Draft(self)
        self.source = SourcePage(bench, self.draft)
        self.columns = ColumnsPage(bench, self.draft)
        self.look_over = LookOverPage(bench, self.draft)
        self.divide = DividePage(bench, self.draft)
        self.set_pages((self.source, self.columns, self.look_over, self.divide))
        self.draft.source_changed.connect(lambda: self.forget_beyond(0))

    def choose(self, path: Path) -> None:
        """Begin with a path."""
        self.go_to(0)
        self.source.choose(path)

    def unsaved(self) -> str:
        if self.draft.options.model_dump(exclude={"layout"}) == _UNTOUCHED:
            return ""
        return self.tr("The data set was not added to the library. Discard what you said of it?")

    def finish(self) -> None:
        entry = entry_of(self.draft)
        if entry is None:
            return
        self._bench.controller.librarian.add(entry)
        self._bench.log.add(self.tr("Data set added: {name}").format(name=entry.name))
        self.leave()


def entry_of(draft: Draft) -> DatasetEntry | None:
    """What a draft comes to, None where something is not settled yet."""
    source, reading, division, report = draft.source, draft.reading, draft.division, draft.report
    if source is None or reading is None or reading.dataset is None or division is None:
        return None
    return DatasetEntry(
        name=draft.name.strip(),
        path=source.path,
        options=reading.options,
        split=division.split.model_dump() if division.split else None,
        subset=division.subset.model_dump(exclude_defaults=True),
        layout=reading.dataset.layout,
        task=reading.dataset.task,
        samples=len(division.dataset),
        counts=tuple(
            StoredCount(name=c.name, samples=c.samples, by_split=c.by_split)
            for c in division.counts
        ),
        splits=tuple(
            StoredSplit(name=name, samples=samples, patients=patients)
            for name, samples, patients in division.parts
        ),
        patients=division.patients,
        look=stored_look(report) if report else None,
    )
