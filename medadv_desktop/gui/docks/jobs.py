"""The panel "Jobs": what waits, runs and has ended."""

from __future__ import annotations

from PySide6.QtCore import (
    QT_TRANSLATE_NOOP,
    QAbstractTableModel,
    QCoreApplication,
    QLocale,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    Qt,
    QTimer,
)
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui import icons
from medadv_desktop.gui.docks.spec import DockSpec, Workbench
from medadv_desktop.gui.file_names import FileNames
from medadv_desktop.gui.lists import dress
from medadv_desktop.gui.state.jobs import Job, JobList, JobState
from medadv_desktop.gui.theme import MEDIUM, SMALL, Theme

_JOB = Qt.ItemDataRole.UserRole
_TICK_MS = 500
TITLE, STATE, PROGRESS, TIME, DEVICE = range(5)
_HEADINGS = (
    QT_TRANSLATE_NOOP("Jobs", "Job"),
    QT_TRANSLATE_NOOP("Jobs", "State"),
    QT_TRANSLATE_NOOP("Jobs", "Progress"),
    QT_TRANSLATE_NOOP("Jobs", "Time"),
    QT_TRANSLATE_NOOP("Jobs", "Device"),
)
_STATES = {
    JobState.QUEUED: (QT_TRANSLATE_NOOP("Jobs", "waiting"), "muted"),
    JobState.RUNNING: (QT_TRANSLATE_NOOP("Jobs", "running"), "accent"),
    JobState.DONE: (QT_TRANSLATE_NOOP("Jobs", "done"), "success"),
    JobState.FAILED: (QT_TRANSLATE_NOOP("Jobs", "failed"), "danger"),
    JobState.CANCELLED: (QT_TRANSLATE_NOOP("Jobs", "cancelled"), "warning"),
}


def _tr(text: str) -> str:
    return QCoreApplication.translate("Jobs", text)


def state_text(job: Job) -> str:
    """The state of a job in a word."""
    return _tr("stopping…") if job.cancelling else _tr(_STATES[job.state][0])


def seconds_text(seconds: float) -> str:
    """A duration: "0.4 s", "12 s", "3 min 05 s"."""
    if seconds < 60:
        return f"{QLocale().toString(seconds, 'f', 1 if seconds < 10 else 0)} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


def time_text(job: Job, now: float) -> str:
    """How long it has run and will go on; "" before it started."""
    elapsed, remaining = job.elapsed(now), job.remaining(now)
    if elapsed is None:
        return ""
    text = seconds_text(elapsed)
    if remaining is not None:
        text = _tr("{elapsed}, about {remaining} to go").format(
            elapsed=text, remaining=seconds_text(remaining)
        )
    return text


class JobTable(QAbstractTableModel):
    """The jobs as rows, newest first."""

    def __init__(self, jobs: JobList, theme: Theme, names: FileNames) -> None:
        super().__init__()
        self._jobs, self._theme, self._names = jobs, theme, names
        self._ids = [job.id for job in reversed(jobs.jobs)]
        jobs.added.connect(self._add)
        jobs.changed.connect(self._change)
        jobs.removed.connect(self._remove)
        names.changed.connect(self._rename)

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._ids)

    def columnCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(_HEADINGS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> object:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _tr(_HEADINGS[section])
        return None

    def job(self, row: int) -> Job | None:
        return self._jobs.get(self._ids[row])

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = 0) -> object:
        job = self.job(index.row())
        if job is None:
            return None
        if role == _JOB:
            return job
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(job, index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            lines = (job.title, state_text(job), job.note, time_text(job, self._jobs.clock()))
            return self._names.text("\n".join(line for line in lines if line))
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == STATE:
            return self._theme.color(_STATES[job.state][1])
        if role == Qt.ItemDataRole.AccessibleTextRole and index.column() == PROGRESS:
            return _share(job)
        return None

    def tick(self) -> None:
        """Time goes on for those that run."""
        for row in range(len(self._ids)):
            job = self.job(row)
            if job is not None and job.state is JobState.RUNNING:
                self._changed(row)

    def _text(self, job: Job, column: int) -> str:
        if column == TITLE:
            return self._names.text(job.title)
        if column == STATE:
            return state_text(job)
        if column == TIME:
            return time_text(job, self._jobs.clock())
        return job.device if column == DEVICE else ""

    def _rename(self) -> None:
        for row in range(len(self._ids)):
            self._changed(row)

    def _add(self, job_id: int) -> None:
        self.beginInsertRows(QModelIndex(), 0, 0)
        self._ids.insert(0, job_id)
        self.endInsertRows()

    def _change(self, job_id: int) -> None:
        self._changed(self._ids.index(job_id))

    def _changed(self, row: int) -> None:
        self.dataChanged.emit(self.index(row, 0), self.index(row, len(_HEADINGS) - 1))

    def _remove(self, job_id: int) -> None:
        row = self._ids.index(job_id)
        self.beginRemoveRows(QModelIndex(), row, row)
        del self._ids[row]
        self.endRemoveRows()


def _share(job: Job) -> str:
    if job.progress.total <= 0:
        return ""
    return f"{100 * job.progress.done / job.progress.total:.0f} %"


class _ProgressBar(QStyledItemDelegate):
    """A flat bar, full where the length is unknown."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        super().paint(painter, option, index)
        job: Job | None = index.data(_JOB)
        if job is None or job.state is JobState.QUEUED:
            return
        area: QRect = option.rect.adjusted(SMALL, 0, -SMALL, 0)
        bar = QRect(area.left(), area.center().y() - 3, area.width(), 6)
        painter.fillRect(bar, self._theme.color("track"))
        total = job.progress.total
        unknown = total <= 0
        if unknown and job.state is not JobState.RUNNING:
            return
        share = 1.0 if unknown else min(job.progress.done / total, 1.0)
        color = self._theme.color(_STATES[job.state][1])
        if unknown:
            color.setAlphaF(0.35)
        painter.fillRect(QRect(bar.left(), bar.top(), round(bar.width() * share), 6), color)


class JobsPanel(QWidget):
    """The table, with a button to stop and one to tidy up."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._jobs, self._controller = bench.jobs, bench.controller
        self.table = JobTable(bench.jobs, bench.theme, bench.controller.names)
        self.view = QTableView()
        self.view.setModel(self.table)
        self.view.setAccessibleName(self.tr("Jobs"))
        self.view.setShowGrid(False)
        dress(self.view, bench.theme)
        self.view.setWordWrap(False)
        self.view.setTabKeyNavigation(False)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setItemDelegateForColumn(PROGRESS, _ProgressBar(bench.theme, self.view))
        self.view.verticalHeader().hide()
        self.view.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + MEDIUM)
        header = self.view.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(TITLE, QHeaderView.ResizeMode.Stretch)
        for column, width in ((STATE, 80), (PROGRESS, 120), (TIME, 190), (DEVICE, 70)):
            header.resizeSection(column, width)
        self.cancel = QPushButton(self.tr("Cancel"))
        self.cancel.setToolTip(self.tr("Stop the marked jobs, or else everything that is running"))
        self.cancel.clicked.connect(self._cancel)
        icons.bind_icon(self.cancel, "cancel", bench.theme)
        self.tidy = QPushButton(self.tr("Clear ended"))
        self.tidy.setToolTip(self.tr("Take the jobs that have ended off the list"))
        self.tidy.clicked.connect(bench.jobs.clear_ended)
        icons.bind_icon(self.tidy, "remove", bench.theme)
        self._arrange()
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self.table.tick)
        bench.jobs.busy_changed.connect(self._busy)
        bench.jobs.added.connect(self._enable)
        bench.jobs.changed.connect(self._enable)
        bench.jobs.removed.connect(self._enable)
        self._busy()
        self._enable()

    def _arrange(self) -> None:
        buttons = QVBoxLayout()
        buttons.setSpacing(SMALL)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.tidy)
        buttons.addStretch()
        line = QHBoxLayout(self)
        line.setContentsMargins(MEDIUM, SMALL, MEDIUM, MEDIUM)
        line.setSpacing(MEDIUM)
        line.addWidget(self.view, 1)
        line.addLayout(buttons)

    def _busy(self) -> None:
        if self._jobs.busy:
            self._timer.start()
        else:
            self._timer.stop()

    def _enable(self) -> None:
        jobs = self._jobs.jobs
        self.cancel.setEnabled(self._jobs.busy)
        self.tidy.setEnabled(any(job.state.ended for job in jobs))

    def _cancel(self) -> None:
        marked = [index.data(_JOB) for index in self.view.selectionModel().selectedRows()]
        running = [job for job in marked if job is not None and not job.state.ended]
        for job in running:
            self._controller.cancel(job.id)
        if not running:
            self._controller.cancel_running()


DOCK = DockSpec(
    id="jobs",
    title=QT_TRANSLATE_NOOP("Docks", "Jobs"),
    icon="jobs",
    area=Qt.DockWidgetArea.BottomDockWidgetArea,
    build=JobsPanel,
)
