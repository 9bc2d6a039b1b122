"""The report of an audit, and whether an audit is what it was: made and told off the GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication, QUrl
from PySide6.QtGui import QDesktopServices

from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.desk import Audience
from medadv_desktop.gui.file_names import located
from medadv_desktop.gui.messages import NoticeAction
from medadv_desktop.gui.running import Failure
from medadv_desktop.gui.state.log import Level
from medadv_desktop.jobs import CancelToken, Emit

if TYPE_CHECKING:
    from medadv_desktop.audit.integrity import Verification
    from medadv_desktop.gui.controller import Controller

FORMATS = ("html", "pdf", "json", "csv")

REPORT = "report"
"""The folder of a report in that of its audit."""

_SIGNATURES = {
    "none": QT_TRANSLATE_NOOP(
        "AuditReport", "not signed: a change on purpose may have been hidden"
    ),
    "valid": QT_TRANSLATE_NOOP("AuditReport", "signed by the key given (SHA-256 {key})"),
    "invalid": QT_TRANSLATE_NOOP("AuditReport", "the signature is wrong"),
    "other key": QT_TRANSLATE_NOOP("AuditReport", "signed by another key (SHA-256 {key})"),
    "key not checked": QT_TRANSLATE_NOOP(
        "AuditReport",
        "signed by a key with SHA-256 {key}; medadv verify --public-key tells whose it is",
    ),
}


@dataclass(frozen=True)
class ReportWish:
    """How a report is to be.

    Attributes:
        formats: some of `FORMATS`.
        identifiers: samples, patients and folders by their own names.
        out: another folder than the audit's; then its integrity file is left as it is.
        key: file of the private key that signs the integrity file, None for no signature.
        passphrase: of the key, "" for none.
    """

    formats: tuple[str, ...] = FORMATS
    identifiers: bool = False
    out: Path | None = None
    key: Path | None = None
    passphrase: str = field(default="", repr=False)


def make_report(
    controller: Controller,
    folder: Path,
    name: str,
    wish: ReportWish | None = None,
    again: Callable[[], None] | None = None,
) -> None:
    """Write the report of a run, without identities where not wished otherwise; seal the run.

    Args:
        again: asks anew how it is to be; offered where it fails.
    """
    wish = wish or ReportWish()

    def write(token: CancelToken, emit: Emit) -> tuple[Path, ...]:
        from medadv_desktop.audit.integrity import load_private_key, make_integrity
        from medadv_desktop.audit.report.building import build_report

        phrase = wish.passphrase.encode() or None
        key = None if wish.key is None else load_private_key(wish.key, phrase)
        made = build_report(
            folder,
            formats=wish.formats,
            identifiers=wish.identifiers,
            out=wish.out,
            emit=emit,
            token=token,
        )
        if wish.out is not None:
            return made
        return (*made, make_integrity(folder, key=key, emit=emit, token=token))

    def written(made: tuple[Path, ...]) -> None:
        page = _to_be_read(made)
        text = tr("The report of {name} is written: {path}")
        words = text.format(name=name, path=located(page))
        opened = NoticeAction(tr("Open report"), lambda: _open(page))
        details = "\n".join(located(path) for path in made)
        controller.notices.add(words, Level.INFO, details, (opened,))

    def failed(failure: Failure) -> None:
        actions = () if again is None else (NoticeAction(tr("Try again…"), again),)
        words = f"{doing}: {failure.text}"
        controller.notices.add(words, Level.ERROR, failure.details, actions)

    doing = tr("Report of {name}").format(name=name)
    desk = controller.librarian.desk
    desk.read(write, Urgency.SCAN, Audience(doing, written, failed=failed), listed=True)


def verify(controller: Controller, folder: Path, name: str) -> None:
    """Compare a run with its integrity file, and tell."""

    def work(token: CancelToken, emit: Emit) -> Verification:
        from medadv_desktop.audit.integrity import verify as verified

        return verified(folder, emit=emit, token=token)

    def done(found: Verification) -> None:
        lines = [
            *(tr("changed: {0}").format(path) for path in found.changed),
            *(tr("missing: {0}").format(path) for path in found.missing),
            *(tr("added: {0}").format(path) for path in found.added),
        ]
        if found.intact:
            text = tr("{name} is what it was when its integrity file was written ({count} files)")
        elif lines:
            text = tr("{name} is no longer what it was: {lines}")
        else:
            text = tr("{name}: its signature is not right")
        shown = "; ".join(lines[:3]) + ("; …" if len(lines) > 3 else "")
        level = Level.INFO if found.intact else Level.WARNING
        words = text.format(name=name, count=found.files, lines=shown)
        signed = tr(_SIGNATURES[found.signature]).format(key=found.key)
        controller.notices.add(words, level, "\n".join((*lines, signed)))

    doing = tr("Verifying {name}").format(name=name)
    desk = controller.librarian.desk
    desk.read(work, Urgency.SCAN, Audience(doing, done), listed=True)


def _to_be_read(made: tuple[Path, ...]) -> Path:
    """The file that people read, else the first one."""
    by_suffix = {path.suffix: path for path in reversed(made)}
    return next((by_suffix[s] for s in (".html", ".pdf") if s in by_suffix), made[0])


def _open(path: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))


def tr(text: str) -> str:
    return QCoreApplication.translate("AuditReport", text)
