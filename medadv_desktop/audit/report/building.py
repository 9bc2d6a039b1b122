"""Writing the report of an audit: every file whole, or none of them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, get_args

from medadv_desktop.audit.masking import Naming
from medadv_desktop.audit.report.blocks import Picture, Report
from medadv_desktop.audit.report.data_files import cells_csv, json_of, write_samples
from medadv_desktop.audit.results.reading import AuditResults, read_results
from medadv_desktop.audit.store.sample_stream import SampleStream
from medadv_desktop.errors import ExportError, SettingsError
from medadv_desktop.jobs import CancelToken, Emit, Progress, silent

ReportFormat = Literal["html", "pdf", "json", "csv"]

FORMATS: Final[tuple[ReportFormat, ...]] = get_args(ReportFormat)

FOLDER: Final = "report"
"""Where a report lies in an audit's folder."""


def build_report(
    folder: Path,
    *,
    formats: Sequence[ReportFormat] = ("html",),
    identifiers: bool = False,
    out: Path | None = None,
    emit: Emit = silent,
    token: CancelToken | None = None,
) -> tuple[Path, ...]:
    """Write the report of an audit, finished or not: report.html, report.pdf, report.json,
    cells.csv and samples-<cell>.csv. The same audit gives the same files.

    Nothing is replaced before everything is made: a cancelled or failed report leaves the old one.

    Args:
        identifiers: ids of samples, patients and folders by their own names; see `masking`.
        out: another folder than that of the run's report.

    Raises:
        AuditError: no audit lies there.
        SettingsError: no such format.
        ExportError: the files cannot be written.
        JobCancelled: the token was cancelled.
    """
    token = token or CancelToken()
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise SettingsError(
            f"there is no report as {', '.join(unknown) or 'nothing'}",
            subject="format",
            remedy=f"Name some of: {', '.join(FORMATS)}",
        )
    target = out or folder / FOLDER
    with SampleStream.open(folder) as store, _beside(target) as made:
        results, naming = read_results(store), Naming(identifiers)
        _write(made, store, results, naming, tuple(dict.fromkeys(formats)), emit, token)
        token.check()
        return _moved(made, target)


def _write(
    made: Path,
    store: SampleStream,
    results: AuditResults,
    naming: Naming,
    formats: tuple[ReportFormat, ...],
    emit: Emit,
    token: CancelToken,
) -> None:
    if "json" in formats:
        (made / "report.json").write_text(json_of(store, results, naming), encoding="utf-8")
    if "csv" in formats:
        (made / "cells.csv").write_text(cells_csv(results), encoding="utf-8")
        for record in results.records:
            if record.rows and record.cell.model in results.models:
                path = made / f"samples-{record.cell.id}.csv"
                write_samples(store, results, record, naming, path, token)
    pages = [name for name in formats if name in ("html", "pdf")]
    if not pages:
        return
    # Matplotlib, jinja2 and reportlab take their time to load; data files need none of them.
    from medadv_desktop.audit.report.content import report_of

    emit(Progress(0, 0, "gathering figures"))
    report = report_of(store, results, naming, token)
    step = _steps(report, len(pages), emit)
    if "html" in pages:
        from medadv_desktop.audit.report.html import html_of

        (made / "report.html").write_text(html_of(report, token, step), encoding="utf-8")
    if "pdf" in pages:
        from medadv_desktop.audit.report.pdf import pdf_of

        (made / "report.pdf").write_bytes(pdf_of(report, token, step))


def _steps(report: Report, times: int, emit: Emit) -> Callable[[], None]:
    """Tells of every chart that was drawn."""
    charts = sum(isinstance(b, Picture) for section in report.sections for b in section.blocks)
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        emit(Progress(done, charts * times, "drawing charts"))

    return step


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A temporary folder on the disk of `target`, removed at the end."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=".report-"))
    except OSError as error:
        raise _refusal(target, error) from None
    try:
        yield temporary
    except OSError as error:
        raise _refusal(target, error) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _moved(made: Path, target: Path) -> tuple[Path, ...]:
    target.mkdir(parents=True, exist_ok=True)
    moved = []
    for path in sorted(made.iterdir()):
        path.chmod(0o644)
        moved.append(path.replace(target / path.name))
    return tuple(moved)


def _refusal(target: Path, error: OSError) -> ExportError:
    return ExportError(
        f"cannot be written ({error.strerror or error})",
        subject=target,
        remedy="Choose a folder that may be written to and has room",
    )
