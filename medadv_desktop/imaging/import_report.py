"""What became of every file of an import: read, skipped or failed, and why."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from medadv_desktop.files import write_atomically
from medadv_desktop.imaging.frame import Instance, NonImage, Unreadable
from medadv_desktop.imaging.phi import mask_path, mask_text

READ, SKIPPED, FAILED = "read", "skipped", "failed"
COLUMNS = ("number", "file", "outcome", "kind", "transfer_syntax", "frames", "reason", "notes")


@dataclass(frozen=True)
class Row:
    """One file.

    Attributes:
        number: in the order of the import, from 1.
        file: its path, or in a masked report a name that tells nothing.
        outcome: READ, SKIPPED or FAILED.
        kind: the modality of an image, the kind of another DICOM object, "" where unknown.
        transfer_syntax: of an image.
        frames: of an image, else 0.
        reason: why it was not read, "" where it was.
        notes: what is noteworthy about it.
    """

    number: int
    file: str
    outcome: str
    kind: str
    transfer_syntax: str
    frames: int
    reason: str
    notes: str


@dataclass(frozen=True)
class Report:
    """The rows of an import in its order."""

    rows: tuple[Row, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many files were read, skipped and failed."""
        counted = Counter(row.outcome for row in self.rows)
        return {outcome: counted[outcome] for outcome in (READ, SKIPPED, FAILED)}

    def masked(self) -> Report:
        """The report without paths, which often hold names, and without what reasons quote."""
        return Report(
            tuple(
                Row(
                    **asdict(row)
                    | {
                        "file": mask_path(Path(row.file), row.number),
                        "reason": mask_text(row.reason),
                        "notes": _mask_notes(row),
                    }
                )
                for row in self.rows
            )
        )

    def as_csv(self) -> str:
        """A table with a head, lines ended as RFC 4180 wants.

        Text that a spreadsheet would take for a formula gets an apostrophe before it.
        """
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        for row in self.rows:
            writer.writerow([_harmless(value) for value in asdict(row).values()])
        return text.getvalue()

    def as_json(self) -> str:
        """An object with counts and rows."""
        content = {"counts": self.counts, "files": [asdict(row) for row in self.rows]}
        return json.dumps(content, indent=2, ensure_ascii=False)

    def write(self, path: Path, *, masked: bool = True) -> None:
        """Write the report whole or not at all, as JSON where `path` ends so, else as CSV.

        Args:
            path: the file to write.
            masked: leave out paths and what reasons quote, as protected health information.

        Raises:
            ExportError: the file cannot be written.
        """
        report = self.masked() if masked else self
        is_json = path.suffix.lower() == ".json"
        # The mark at the start tells spreadsheets that it is UTF-8.
        encoding = "utf-8" if is_json else "utf-8-sig"
        write_atomically(path, (report.as_json() if is_json else report.as_csv()).encode(encoding))


def report_of(answers: Iterable[Instance | Unreadable]) -> Report:
    """The report of a scan, from all that it yielded."""
    return Report(tuple(_row(number, answer) for number, answer in enumerate(answers, 1)))


def _row(number: int, answer: Instance | Unreadable) -> Row:
    file = str(answer.path)
    if isinstance(answer, Instance):
        identity = answer.provenance
        notes = "; ".join(answer.notes)
        syntax = identity.transfer_syntax
        return Row(number, file, READ, identity.modality, syntax, answer.frames, "", notes)
    kind = answer.description if isinstance(answer, NonImage) else ""
    return Row(number, file, SKIPPED if answer.skipped else FAILED, kind, "", 0, answer.reason, "")


def _mask_notes(row: Row) -> str:
    """Notes name other files."""
    return "see the unmasked report" if row.notes else ""


def _harmless(value: object) -> object:
    is_formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if is_formula else value
