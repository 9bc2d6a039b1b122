"""The window "Compare": which two, how much they differ, and on which samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QStackedWidget,
    QTableView,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.audit.summaries import AuditRun
from medadv_desktop.gui import icons
from medadv_desktop.gui.audits.archivist import archivist_of
from medadv_desktop.gui.audits.compare.changes import ChangedSamples
from medadv_desktop.gui.audits.compare.tables import (
    LineTable,
    difference_lines,
    missing_lines,
    plan_lines,
)
from medadv_desktop.gui.audits.wording import when_text
from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.desk import Audience
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.lists import dress
from medadv_desktop.gui.running import Failure
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL
from medadv_desktop.gui.wizards.steps import Callout
from medadv_desktop.jobs import CancelToken, Emit

if TYPE_CHECKING:
    from medadv_desktop.audit.comparison import Comparison
    from medadv_desktop.gui.main_window import MainWindow

_SIZE = (980, 620)


class CompareDialog(QDialog):
    """Two runs, or two models of one. It does not stop the window behind it.

    Attributes:
        found: what was compared last, None before or where it failed.
    """

    def __init__(self, bench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench = bench
        self._library = archivist_of(bench.controller).library
        self._desk = bench.controller.librarian.desk
        self._job: int | None = None
        self.found: Comparison | None = None
        self.setWindowTitle(self.tr("Compare audits"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.runs = (QComboBox(), QComboBox())
        self.models = (QComboBox(), QComboBox())
        self.swap = QToolButton()
        self.callout = Callout(bench.theme)
        self.differences = LineTable(
            (
                self.tr("Cell"), self.tr("Figure"), self.tr("Samples"), self.tr("First"),
                self.tr("Second"), self.tr("Difference in points (95 % interval)"), "p",
                self.tr("Notes"),
            ),
            (2, 3, 4, 5, 6),
            bench.theme,
        )  # fmt: skip
        self.plan = LineTable(
            (self.tr("Field of the plan"), self.tr("First"), self.tr("Second")), (), bench.theme
        )
        self.changes = ChangedSamples(bench)
        self.table, self.fields = QTableView(), QTableView()
        self.tabs = QTabWidget()
        self.waiting = QLabel()
        self._arrange()
        self._fill()
        for box in self.runs:
            box.activated.connect(self._runs_chosen)
        for box in self.models:
            box.activated.connect(self.compare)
        self.swap.clicked.connect(self._swap)
        self.table.doubleClicked.connect(self._to_samples)
        self.table.activated.connect(self._to_samples)
        bench.controller.names.changed.connect(self._show)
        self.resize(*_SIZE)

    def showEvent(self, event: object) -> None:
        super().showEvent(event)
        if self.found is None and self._job is None:
            self.compare()

    def done(self, result: int) -> None:
        self._stop()
        self.changes.stop()
        super().done(result)

    def compare(self) -> None:
        """Compare what is chosen; what was compared before goes."""
        self._stop()
        self.found = None
        first, second = (Path(box.currentData()) for box in self.runs)
        models = tuple(box.currentData() for box in self.models)
        chosen = models if all(models) else None
        if first == second and (chosen is None or models[0] == models[1]):
            self._say(self.tr("Choose two different models, or another audit"))
            return

        def work(token: CancelToken, _emit: Emit) -> Comparison:
            from medadv_desktop.audit.comparison import compare

            return compare(first, second, models=chosen, token=token)

        def done(found: Comparison) -> None:
            if self._job == job:
                self._job = None
                self.found = found
                self._show()

        def failed(failure: Failure) -> None:
            if self._job == job:
                self._job = None
                self._say(self._bench.controller.names.text(failure.text))

        self._say(self.tr("Comparing…"))
        audience = Audience(self.tr("Comparing audits"), done, failed=failed)
        job = self._job = self._desk.read(work, Urgency.FRAME, audience)

    # ------------------------------------------------------------------ inside

    def _stop(self) -> None:
        if self._job is not None:
            self._desk.cancel(self._job)
            self._job = None

    def _say(self, text: str) -> None:
        self.callout.say("info", "")
        self.waiting.setText(text)
        self.pages.setCurrentWidget(self.waiting)

    def _show(self) -> None:
        found = self.found
        if found is None:
            return
        if not found.cells:
            self._say(self.tr("They have no finished cell in common"))
        else:
            self.pages.setCurrentWidget(self.tabs)
        lines = [text[:1].upper() + text[1:] for text in (*found.warnings, *missing_lines(found))]
        level = "warning" if found.warnings else "info"
        self.callout.say(level, "\n".join(lines))
        self.differences.show_lines(difference_lines(found))
        self.plan.show_lines(plan_lines(found, self._bench.controller.names))
        self.changes.show_comparison(found)
        self.tabs.setTabText(2, self.tr("Plans ({0})").format(len(found.plan)))

    def _fill(self) -> None:
        library = self._library
        whole = [run for run in library.runs if isinstance(run, AuditRun) and run.done]
        for box in self.runs:
            for run in whole:
                box.addItem(_title(run, whole), str(run.folder))
        current = library.current
        first = next((k for k, run in enumerate(whole) if run is current), 0)
        alike = [k for k, run in enumerate(whole) if k != first and self._common(whole[first], run)]
        second = alike[0] if alike else first
        self.runs[0].setCurrentIndex(first)
        self.runs[1].setCurrentIndex(second)
        self._fill_models()

    @staticmethod
    def _common(one: AuditRun, other: AuditRun) -> bool:
        return bool(set(one.models) & set(other.models))

    def _fill_models(self) -> None:
        same = self.runs[0].currentData() == self.runs[1].currentData()
        for k, (runs, box) in enumerate(zip(self.runs, self.models, strict=True)):
            run = self._library.find(Path(runs.currentData())) if runs.currentData() else None
            before = box.currentData()
            box.clear()
            if not same:
                box.addItem(self.tr("All models in common"), "")
            for model in run.models if isinstance(run, AuditRun) else ():
                box.addItem(model, model)
            at = box.findData(before) if before else -1
            box.setCurrentIndex(at if at >= 0 else min(k, box.count() - 1) if same else 0)
        if same and self.models[0].currentData() == self.models[1].currentData():
            self.models[1].setCurrentIndex(1 - min(self.models[0].currentIndex(), 1))

    def _runs_chosen(self) -> None:
        self._fill_models()
        self.compare()

    def _swap(self) -> None:
        chosen = [(box.currentData(), m.currentData()) for box, m in self._sides()]
        for (box, _), (folder, _) in zip(self._sides(), reversed(chosen), strict=True):
            box.setCurrentIndex(box.findData(folder))
        self._fill_models()
        for (_, box), (_, model) in zip(self._sides(), reversed(chosen), strict=True):
            box.setCurrentIndex(max(box.findData(model), 0))
        self.compare()

    def _sides(self) -> list[tuple[QComboBox, QComboBox]]:
        return list(zip(self.runs, self.models, strict=True))

    def _to_samples(self, index: QModelIndex) -> None:
        """From a difference to the samples that make it."""
        self.changes.show_cell(self.differences.lines[index.row()].target)
        self.tabs.setCurrentWidget(self.changes)

    def _arrange(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(MEDIUM)
        grid.setVerticalSpacing(SMALL)
        grid.setColumnStretch(1, 3)
        grid.setColumnStretch(2, 2)
        names = (self.tr("First"), self.tr("Second"))
        for row, (name, (runs, models)) in enumerate(zip(names, self._sides(), strict=True)):
            grid.addWidget(QLabel(name), row, 0)
            grid.addWidget(runs, row, 1)
            grid.addWidget(models, row, 2)
            runs.setAccessibleName(self.tr("{0} audit").format(name))
            models.setAccessibleName(self.tr("{0} model").format(name))
            for box in (runs, models):
                policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
                box.setSizeAdjustPolicy(policy)
        self.swap.setToolTip(self.tr("Swap first and second"))
        self.swap.setAccessibleName(self.swap.toolTip())
        icons.bind_icon(self.swap, "swap", self._bench.theme)
        grid.addWidget(self.swap, 0, 3, 2, 1, Qt.AlignmentFlag.AlignVCenter)
        self.waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.waiting.setProperty("role", "muted")
        self.waiting.setWordWrap(True)
        for view, model, wide in (
            (self.table, self.differences, 7),
            (self.fields, self.plan, 2),
        ):
            _dress(view, model, self._bench)
            mode = QHeaderView.ResizeMode.ResizeToContents
            view.horizontalHeader().setSectionResizeMode(mode)
            stretch = QHeaderView.ResizeMode.Stretch
            view.horizontalHeader().setSectionResizeMode(wide, stretch)
        self.table.setAccessibleName(self.tr("Differences"))
        self.fields.setAccessibleName(self.tr("Differences between the plans"))
        self.tabs.addTab(self.table, self.tr("Differences"))
        self.tabs.addTab(self.changes, self.tr("Samples that changed"))
        self.tabs.addTab(self.fields, self.tr("Plans"))
        self.pages = QStackedWidget()
        self.pages.addWidget(self.waiting)
        self.pages.addWidget(self.tabs)
        head = QHBoxLayout()
        head.addLayout(grid, 1)
        block = QVBoxLayout(self)
        block.setContentsMargins(LARGE, LARGE, LARGE, LARGE)
        block.setSpacing(MEDIUM)
        block.addLayout(head)
        block.addWidget(self.callout)
        block.addWidget(self.pages, 1)


def compare(window: MainWindow) -> CompareDialog:
    """Show the comparison of the run that is looked at with another."""
    dialog = CompareDialog(window.bench, window)
    dialog.show()
    return dialog


def _title(run: AuditRun, runs: list[AuditRun]) -> str:
    """Name and date; where another run bears the same name, also its folder's."""
    words = [run.name, when_text(run.changed)]
    if sum(other.name == run.name for other in runs) > 1:
        words.insert(1, run.folder.name)
    return " · ".join(words)


def _dress(view: QTableView, model: LineTable, bench: Workbench) -> None:
    view.setModel(model)
    view.setShowGrid(False)
    view.setWordWrap(False)
    view.setTabKeyNavigation(False)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    view.verticalHeader().hide()
    height = view.fontMetrics().height() + 2 * SMALL
    view.verticalHeader().setDefaultSectionSize(height)
    view.horizontalHeader().setHighlightSections(False)
    dress(view, bench.theme)
