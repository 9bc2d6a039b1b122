"""The list of audits: a name and a second line each, searched by words and by tag."""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
)

from medadv_desktop.audit.summaries import AuditRun
from medadv_desktop.gui import icons
from medadv_desktop.gui.audits.archivist import Archivist
from medadv_desktop.gui.audits.wording import (
    STATE_LOOKS,
    headline_text,
    second_line,
    state_text,
    tr,
)
from medadv_desktop.gui.file_names import FileNames
from medadv_desktop.gui.state.audit_library import Run
from medadv_desktop.gui.theme import Theme

_ROLE = Qt.ItemDataRole
RUN = _ROLE.UserRole
Index = QModelIndex | QPersistentModelIndex


class RunList(QAbstractListModel):
    """All runs of the library, in its order."""

    def __init__(self, archivist: Archivist, names: FileNames, theme: Theme) -> None:
        super().__init__()
        self._archivist, self._names, self._theme = archivist, names, theme
        self._runs: tuple[Run, ...] = ()
        archivist.library.changed.connect(self._refresh)
        archivist.audits.changed.connect(self._repaint)
        theme.changed.connect(self._repaint)
        names.changed.connect(self._repaint)
        self._refresh()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._runs)

    def row_of(self, run: Run | None) -> int:
        folders = [r.folder for r in self._runs]
        return folders.index(run.folder) if run is not None and run.folder in folders else -1

    def data(self, index: Index, role: int = _ROLE.DisplayRole) -> object:
        run = self._runs[index.row()]
        if role == RUN:
            return run
        state = self.state(run)
        if role == _ROLE.DisplayRole:
            if isinstance(run, AuditRun):
                return f"{run.name}\n{second_line(run, state)}"
            return f"{self._names.name(run.folder)}\n{state_text(state)}"
        if role == _ROLE.ToolTipRole:
            return self._tip(run, state)
        if role == _ROLE.DecorationRole:
            return icons.icon(STATE_LOOKS[state][0], self._theme, STATE_LOOKS[state][1])
        if role == _ROLE.ForegroundRole and state == "unreadable":
            return self._theme.color("muted")
        return None

    def state(self, run: Run) -> str:
        """How a run stands, by what this window knows of it beside its store."""
        return standing(run, self._archivist)

    def words(self, run: Run) -> str:
        """Everything that a search looks in."""
        if not isinstance(run, AuditRun):
            return run.name
        parts = (run.name, run.notes, *run.tags, *run.models, *run.datasets, *run.attacks)
        return "\n".join(parts).casefold()

    def _tip(self, run: Run, state: str) -> str:
        if not isinstance(run, AuditRun):
            return self._names.text(run.reason)
        lines = [run.name, state_text(state)]
        lines.append(tr("Models: {0}").format(", ".join(run.models)))
        lines.append(tr("Data sets: {0}").format(", ".join(run.datasets)))
        if run.robust is not None:
            words = tr("Lowest robust accuracy: {0}: {1}, {2}")
            where = (headline_text(run.robust), run.robust.model, run.robust.title)
            lines.append(words.format(*where))
        if run.tags:
            lines.append(tr("Tags: {0}").format(", ".join(run.tags)))
        return "\n".join(lines)

    def _refresh(self) -> None:
        runs = self._archivist.library.runs
        if [r.folder for r in runs] != [r.folder for r in self._runs]:
            self.beginResetModel()
            self._runs = runs
            self.endResetModel()
        else:
            self._runs = runs
            self._repaint()

    def _repaint(self) -> None:
        if self._runs:
            self.dataChanged.emit(self.index(0), self.index(len(self._runs) - 1))


class RunFilter(QSortFilterProxyModel):
    """The runs whose words hold every word that is searched, with the tag that is chosen."""

    def __init__(self, runs: RunList) -> None:
        super().__init__()
        self._runs = runs
        self._words: tuple[str, ...] = ()
        self._tag = ""
        self.setSourceModel(runs)

    def search(self, text: str) -> None:
        self._words = tuple(text.casefold().split())
        self.invalidate()

    def set_tag(self, tag: str) -> None:
        self._tag = tag
        self.invalidate()

    def filterAcceptsRow(self, row: int, _parent: Index) -> bool:
        run = self._runs.index(row).data(RUN)
        if self._tag and self._tag not in getattr(run, "tags", ()):
            return False
        words = self._runs.words(run)
        return all(word in words for word in self._words)


def standing(run: Run, archivist: Archivist) -> str:
    """The state of a run, or "interrupted" or "unreadable"."""
    if not isinstance(run, AuditRun):
        return "unreadable"
    if archivist.is_running(run.folder):
        return "running"
    if run.at_work:
        return "running"
    return "interrupted" if run.state == "running" else run.state
