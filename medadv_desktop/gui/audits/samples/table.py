"""The samples of a cell as a table of any length: its pages come from the background."""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QAbstractTableModel,
    QLocale,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)

from medadv_desktop.gui.audits.results.cells import seconds_text
from medadv_desktop.gui.audits.wording import percent, tr
from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.desk import Audience, JobDesk
from medadv_desktop.gui.file_names import FileNames
from medadv_desktop.gui.labelled.bars import figure
from medadv_desktop.gui.running import Failure
from medadv_desktop.gui.theme import Theme
from medadv_desktop.gui.viewers.wording import amount_255, budget_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from medadv_desktop.audit.store.records import SampleName
    from medadv_desktop.gui.audits.samples.pages import SampleRow
    from medadv_desktop.models.card import ModelCard

(
    ID, LABEL, CLEAN, AFTER, P, SUCCESS, STEPS, QUERIES, LINF, L2, SSIM, PSNR, SMALLEST, TIME,
    PATIENT,
) = range(15)  # fmt: skip

SORTS = {
    ID: "id", STEPS: "steps", QUERIES: "queries", LINF: "linf", L2: "l2", SSIM: "ssim",
    PSNR: "psnr", SMALLEST: "smallest", TIME: "seconds",
}  # fmt: skip
"""Columns that can be sorted by, by the store's name for them."""

_PAGE, _KEPT = 200, 60
_ROLE = Qt.ItemDataRole
Index = QModelIndex | QPersistentModelIndex
_DICOM = (".dcm", ".dicom", ".ima")
_SHORTEST = 3
_SEPARATORS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Shown:
    """Which samples of which cell, and in which order.

    Attributes:
        show: "all", "right-wrong", "wrong-before" or "withstood".
        norm: in which the budget of the cell counts.
        column: sorted by, None for the order of the data set.
    """

    folder: Path
    cell: str
    show: str = "all"
    text: str = ""
    norm: str = "linf"
    column: int | None = None
    descending: bool = False


class SampleModel(QAbstractTableModel):
    """Knows the order of all samples (8 bytes each) and a few pages of what stands in them.

    Signals:
        counted: how many samples are shown is known.
        failed: they cannot be read; why.

    Attributes:
        shown: what is asked for, None for nothing.
        loading: the order is on its way.
    """

    counted = Signal()
    failed = Signal(str)

    def __init__(
        self, desk: JobDesk, names: FileNames, theme: Theme, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._desk, self._names, self._theme = desk, names, theme
        self.shown: Shown | None = None
        self.loading = False
        self._card: ModelCard | None = None
        self._order: NDArray[np.int64] | None = None
        self._pages: OrderedDict[int, tuple[SampleRow, ...]] = OrderedDict()
        self._wanted: list[int] = []
        self._reading: int | None = None
        self._job: int | None = None
        names.changed.connect(self._repaint)
        theme.changed.connect(self._repaint)

    # ------------------------------------------------------------------ what is asked for

    def show_samples(self, shown: Shown | None, card: ModelCard | None) -> None:
        """Show other samples; the rows that are there go at once."""
        if shown == self.shown and card == self._card:
            return
        self.shown, self._card = shown, card
        self._take(None)
        self.read_again()

    def read_again(self) -> None:
        """The cell has grown: find out how many samples there are now."""
        if self._job is not None:
            self._desk.cancel(self._job)
            self._job = None
        shown = self.shown
        self.loading = shown is not None
        if shown is None:
            return

        def work(*_: object) -> object:
            from medadv_desktop.audit.store.records import RowQuery
            from medadv_desktop.gui.audits.samples.pages import read_order

            sort = "place" if shown.column is None else SORTS[shown.column]
            query = RowQuery(shown.show, shown.text, sort, shown.descending)
            return read_order(shown.folder, shown.cell, query)

        def done(order: NDArray[np.int64]) -> None:
            if self.shown == shown:
                self.loading = False
                self._take(order)

        def failed(failure: Failure) -> None:
            if self.shown == shown:
                self.loading = False
                self.failed.emit(failure.text)

        def ended() -> None:
            if self._job == job:
                self._job = None

        audience = Audience(tr("Reading samples"), done, failed=failed, ended=ended)
        job = self._job = self._desk.read(work, Urgency.FRAME, audience)

    def sample(self, row: int) -> SampleRow | None:
        """A sample if its page is at hand; else it is asked for."""
        page = self._pages.get(row // _PAGE)
        if page is None:
            self._want(row // _PAGE)
            return None
        self._pages.move_to_end(row // _PAGE)
        return page[row % _PAGE]

    def id_text(self, sample: SampleRow) -> str:
        """What a sample is called while patient data is hidden, or shown."""
        return shown_name(sample.name, self._names)

    # ------------------------------------------------------------------ as Qt asks

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() or self._order is None else len(self._order)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else PATIENT + 1

    def headerData(
        self, section: int, side: Qt.Orientation, role: int = _ROLE.DisplayRole
    ) -> object:
        if side is not Qt.Orientation.Horizontal:
            return None
        if role == _ROLE.TextAlignmentRole:
            return _aligned(section)
        words, tip = _heads()[section]
        if role == _ROLE.DisplayRole:
            return words
        if role == _ROLE.ToolTipRole:
            return tip
        return None

    def data(self, index: Index, role: int = _ROLE.DisplayRole) -> object:
        if role == _ROLE.TextAlignmentRole:
            return _aligned(index.column())
        if role not in (_ROLE.DisplayRole, _ROLE.ToolTipRole, _ROLE.ForegroundRole):
            return None
        sample, column = self.sample(index.row()), index.column()
        if role == _ROLE.ForegroundRole:
            return self._color(sample, column)
        if sample is None:
            return "…" if column == ID and role == _ROLE.DisplayRole else None
        if role == _ROLE.ToolTipRole:
            return self._tip(sample, column)
        return self._text(sample, column)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """By a column of `SORTS`; any other gives the order of the data set."""
        if self.shown is not None:
            chosen = column if column in SORTS else None
            descending = chosen is not None and order is Qt.SortOrder.DescendingOrder
            self.show_samples(replace(self.shown, column=chosen, descending=descending), self._card)

    # ------------------------------------------------------------------ inside

    def _text(self, sample: SampleRow, column: int) -> str:
        always = {
            ID: lambda: self.id_text(sample),
            LABEL: lambda: sample.label,
            CLEAN: lambda: sample.clean,
            P: lambda: _probability_text(sample),
            TIME: lambda: seconds_text(sample.seconds),
            PATIENT: lambda: tr("hidden") if self._names.masked else sample.name.patient,
        }
        if column in always:
            return always[column]()
        if not sample.changed:
            return tr("not changed") if column == AFTER else ""
        texts = {
            AFTER: lambda: sample.after,
            SUCCESS: lambda: tr("yes") if sample.success else tr("no"),
            STEPS: lambda: figure(sample.steps),
            QUERIES: lambda: figure(sample.queries),
            LINF: lambda: amount_255(sample.linf),
            L2: lambda: _real(sample.l2, 3),
            SSIM: lambda: _real(sample.ssim, 4),
            PSNR: lambda: "∞" if math.isinf(sample.psnr) else _real(sample.psnr, 1),
            SMALLEST: lambda: self._smallest_text(sample.smallest),
        }
        return texts[column]()

    def _smallest_text(self, value: float) -> str:
        if math.isnan(value):
            return ""
        norm = self.shown.norm if self.shown is not None else "linf"
        return "∞" if math.isinf(value) else budget_text(value, norm)

    def _color(self, sample: SampleRow | None, column: int) -> object:
        if sample is None:
            return self._theme.color("muted")
        if column == CLEAN:
            return None if sample.right_before else self._theme.color("danger")
        if column == AFTER and not sample.changed:
            return self._theme.color("muted")
        if column == AFTER and not sample.right_after:
            return self._theme.color("adversarial_text")
        return None

    def _tip(self, sample: SampleRow, column: int) -> str | None:
        if column == AFTER and sample.note:
            return sample.note
        if column == P and sample.finding:
            return tr("Of {0}, the finding that changed most").format(sample.finding)
        if column == ID:
            lines = [self.id_text(sample)]
            if sample.name.split:
                lines.append(tr("Split: {0}").format(sample.name.split))
            lines.append(tr("Double-click to open it in the viewers"))
            return "\n".join(lines)
        return None

    def _take(self, order: NDArray[np.int64] | None) -> None:
        """Another order, or the same with more behind it, which moves nothing."""
        before = self._order
        grown = (
            before is not None
            and order is not None
            and len(order) > len(before)
            and bool((order[: len(before)] == before).all())
        )
        if grown:
            self._pages.pop(len(before) // _PAGE, None)  # its last page may be longer now
            self.beginInsertRows(QModelIndex(), len(before), len(order) - 1)
            self._order = order
            self.endInsertRows()
        elif before is None or order is None or len(order) != len(before) or (
            not bool((order == before).all())
        ):  # fmt: skip
            self.beginResetModel()
            self._order = order
            self._pages.clear()
            self._wanted.clear()
            self.endResetModel()
        self.counted.emit()

    def _want(self, page: int) -> None:
        """The page that was asked for last comes first: somebody looks at it."""
        if page == self._reading:
            return
        if page in self._wanted:
            self._wanted.remove(page)
        self._wanted.append(page)
        del self._wanted[:-4]
        self._read_next()

    def _read_next(self) -> None:
        shown, order, card = self.shown, self._order, self._card
        if self._reading is not None or not self._wanted or shown is None or order is None:
            return
        if card is None or self._desk.background.stopping:
            return
        page = self._reading = self._wanted.pop()
        places = order[page * _PAGE : (page + 1) * _PAGE].copy()

        def work(*_: object) -> tuple[SampleRow, ...]:
            from medadv_desktop.gui.audits.samples.pages import read_rows

            return read_rows(shown.folder, shown.cell, places, card)

        def done(rows: tuple[SampleRow, ...]) -> None:
            if self._order is order and self.shown == shown:
                self._pages[page] = rows
                while len(self._pages) > _KEPT:
                    self._pages.popitem(last=False)
                first = page * _PAGE
                last = first + len(rows) - 1
                self.dataChanged.emit(self.index(first, 0), self.index(last, PATIENT))

        def failed(failure: Failure) -> None:
            self.failed.emit(failure.text)

        def ended() -> None:
            self._reading = None
            self._read_next()

        audience = Audience(tr("Reading samples"), done, failed=failed, ended=ended)
        self._desk.read(work, Urgency.FRAME, audience)

    def _repaint(self) -> None:
        if self.rowCount():
            self.dataChanged.emit(self.index(0, 0), self.index(self.rowCount() - 1, PATIENT))


def shown_name(name: SampleName, names: FileNames) -> str:
    """What a sample is called: by its number where its name tells of a patient who is hidden.

    The rules are those for file names (docs/viewing.md); here the patient's own column helps.
    """
    if not names.masked:
        return name.id
    own = _bare(name.id)
    parts = map(_bare, (name.patient, *_SEPARATORS.split(name.patient)))
    told = any(len(part) >= _SHORTEST and part in own for part in parts)
    if told or name.id.lower().endswith(_DICOM) or not names.may_be_seen(name.id):
        return tr("sample {0}").format(figure(name.place + 1))
    # The folders that a file lies in are not shown either.
    return name.id.replace("\\", "/").rpartition("/")[2]


def _bare(text: str) -> str:
    """Letters and digits alone, so that Doe^Jane is found in doe_jane.png."""
    return _SEPARATORS.sub("", text).casefold()


def _heads() -> dict[int, tuple[str, str]]:
    return {
        ID: (tr("Sample"), tr("Its name in the data set")),
        LABEL: (tr("Label"), tr("What it is")),
        CLEAN: (tr("Clean"), tr("What the model says of the image as it is")),
        AFTER: (tr("Changed"), tr("What the model says of the changed image")),
        P: ("p", tr("Probability of the label, before and after")),
        SUCCESS: (tr("Success"), tr("Whether the goal was reached")),
        STEPS: (tr("Steps"), tr("Steps of the attack")),
        QUERIES: (tr("Queries"), tr("Images that the model looked at")),
        LINF: ("‖δ‖∞", tr("Largest change of a pixel, of 255 grey levels")),
        L2: ("‖δ‖₂", tr("Euclidean norm of the change")),
        SSIM: ("SSIM", tr("Structural similarity; 1 is equal")),
        PSNR: ("PSNR", tr("Peak signal to noise ratio in dB; ∞ is equal")),
        SMALLEST: (tr("Smallest ε"), tr("Smallest budget that reaches the goal; ∞ if none did")),
        TIME: (tr("Time"), tr("Its share of the time of its batch")),
        PATIENT: (tr("Patient"), tr("Shown while patient data is")),
    }


def _probability_text(sample: SampleRow) -> str:
    if sample.p_after is None:
        return percent(sample.p_clean)
    return f"{QLocale().toString(100.0 * sample.p_clean, 'f', 1)} → {percent(sample.p_after)}"


def _real(value: float, digits: int) -> str:
    return "" if math.isnan(value) else QLocale().toString(float(value), "f", digits)


def _aligned(column: int) -> Qt.AlignmentFlag:
    left = column in (ID, LABEL, CLEAN, AFTER, SUCCESS, PATIENT)
    side = Qt.AlignmentFlag.AlignLeft if left else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter
