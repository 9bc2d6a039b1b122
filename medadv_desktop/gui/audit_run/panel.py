"""The panel of the audit at hand: how far it is, its cells, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QToolButton, QVBoxLayout, QWidget

from medadv_desktop.gui import icons
from medadv_desktop.gui.audit_run.cell_list import CellList
from medadv_desktop.gui.audit_run.wording import stage_color, stage_text, tr
from medadv_desktop.gui.docks.jobs import time_text
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.labelled.bars import figure
from medadv_desktop.gui.state.audits import AuditStage, audits_of
from medadv_desktop.gui.theme import MEDIUM, SMALL, TINY, font

_FINE = 1000


class AuditRunPanel(QWidget):
    """Follows the one audit of the window."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench
        self._audits = audits_of(bench.controller)
        self.title = QLabel()
        self.title.setFont(font("strong"))
        self.state = QLabel()
        self.told = QLabel()
        self.told.setProperty("role", "muted")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.bar.setAccessibleName(tr("Progress of the audit"))
        self.list = CellList(self._audits, bench.theme)
        self.go_on = self._button("run", tr("Go on"), self._audits.resume)
        self.pause = self._button("pause", tr("Pause after this batch"), self._audits.pause)
        self.cancel = self._button("cancel", tr("Stop now"), self._audits.cancel)
        self.first = self._button("up", tr("Work on the marked cells first"), self._to_front)
        self.last = self._button("down", tr("Work on the marked cells last"), self._to_end)
        self.leave = self._button("remove", tr("Leave the marked cells out"), self._leave_out)
        self.results = self._button("results", tr("Show results"), self._show_results)
        self._make_menu()
        self._arrange()
        self.list.ordered.connect(self._audits.reorder)
        self.list.itemSelectionChanged.connect(self._enable)
        self._audits.changed.connect(self._show)
        self._audits.progressed.connect(lambda _: self._show_progress())
        bench.jobs.changed.connect(self._job_changed)
        bench.theme.changed.connect(self._show)
        self._show()

    def sizeHint(self) -> QSize:
        return QSize(600, 200)

    def minimumSizeHint(self) -> QSize:
        return QSize(220, 80)

    # ------------------------------------------------------------------ from the user

    def _to_front(self) -> None:
        self._move(self.list.marked(), [])

    def _to_end(self) -> None:
        self._move([], self.list.marked())

    def _move(self, front: list[str], end: list[str]) -> None:
        marked = {*front, *end}
        rest = [i for i in self.list.order() if i not in marked]
        self._audits.reorder([*front, *rest, *end])
        self.list.mark([*front, *end])

    def _leave_out(self) -> None:
        for cell_id in self.list.marked():
            self._audits.give_up(cell_id)

    def _show_results(self) -> None:
        if self._audits.folder is not None:
            self._audits.show(self._audits.folder)

    # ------------------------------------------------------------------ from the audit

    def _show(self) -> None:
        audits = self._audits
        names = self._bench.controller.names
        self.title.setText(audits.plan.name if audits.plan is not None else tr("Running audit"))
        self.title.setToolTip(names.text(str(audits.folder)) if audits.folder else "")
        self.state.setText(stage_text(audits.stage))
        color = self._bench.theme.color(stage_color(audits.stage)).name()
        self.state.setStyleSheet(f"color: {color};")
        self.list.setVisible(bool(audits.cells))
        self._show_progress()
        self._enable()

    def _show_progress(self) -> None:
        audits, cells = self._audits, self._audits.cells
        done = sum(cell.state == "done" for cell in cells)
        failed = sum(cell.state == "failed" for cell in cells)
        parts = [tr("{done} of {all} cells").format(done=figure(done), all=figure(len(cells)))]
        if failed:
            parts.append(tr("{0} failed").format(figure(failed)))
        at_work = audits.running and audits.stage is not AuditStage.WAITING
        job = audits.job if at_work else None
        if job is not None:
            parts.append(time_text(job, self._bench.jobs.clock()))
        self.told.setText(" · ".join(p for p in parts if p) if cells else self._invitation())
        shares = [
            1.0 if cell.ended else cell.batches_done / cell.batches if cell.batches else 0.0
            for cell in cells
        ]
        self.bar.setVisible(bool(cells))
        self.bar.setRange(0, _FINE)
        self.bar.setValue(round(_FINE * sum(shares) / max(len(shares), 1)))

    def _invitation(self) -> str:
        if self._audits.stage is AuditStage.NONE:
            return tr("Begin one with Audit ▸ New audit…")
        return ""

    def _enable(self) -> None:
        audits = self._audits
        waiting = [c for i in self.list.marked() if (c := audits.cell(i)) and not c.ended]
        self.go_on.setEnabled(audits.resumable)
        self.pause.setEnabled(audits.stage.pausable)
        self.cancel.setEnabled(audits.stage.stoppable)
        for button in (self.first, self.last):
            button.setEnabled(bool(waiting))
        self.leave.setEnabled(any(not c.given_up for c in waiting))
        self.results.setEnabled(audits.folder is not None)
        for action, button in self._menu.items():
            action.setEnabled(button.isEnabled())

    def _job_changed(self, job_id: int) -> None:
        job = self._audits.job
        if job is not None and job.id == job_id:
            self._show_progress()

    # ------------------------------------------------------------------ making

    def _button(self, icon: str, words: str, run: Callable[[], object]) -> QToolButton:
        button = QToolButton()
        button.setAutoRaise(True)
        button.setToolTip(words)
        button.setAccessibleName(words)
        icons.bind_icon(button, icon, self._bench.theme)
        button.clicked.connect(lambda *_: run())
        return button

    def _make_menu(self) -> None:
        """The context menu of the cells; its keys work while the list has the focus."""
        self._menu: dict[QAction, QToolButton] = {}
        for button, keys in (
            (self.first, "Alt+Up"),
            (self.last, "Alt+Down"),
            (self.leave, "Del"),
        ):
            action = QAction(button.icon(), button.toolTip(), self.list)
            action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.triggered.connect(button.click)
            self.list.addAction(action)
            self._menu[action] = button

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(MEDIUM)
        head.addWidget(self.title)
        head.addWidget(self.state)
        head.addWidget(self.told, 1)
        tools = QHBoxLayout()
        tools.setSpacing(TINY)
        for button in (self.go_on, self.pause, self.cancel):
            tools.addWidget(button)
        tools.addSpacing(MEDIUM)
        for button in (self.first, self.last, self.leave):
            tools.addWidget(button)
        tools.addSpacing(MEDIUM)
        tools.addWidget(self.results)
        head.addLayout(tools)
        column = QVBoxLayout(self)
        column.setContentsMargins(MEDIUM, SMALL, MEDIUM, MEDIUM)
        column.setSpacing(SMALL)
        column.addLayout(head)
        column.addWidget(self.bar)
        column.addWidget(self.list, 1)
        column.addStretch(0)
