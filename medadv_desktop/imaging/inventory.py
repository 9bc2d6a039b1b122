"""Which DICOM files with pixels are read, and why the others are not: a table over many files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from medadv_desktop.errors import ImageError
from medadv_desktop.imaging.frame import Instance, NonImage, Unreadable
from medadv_desktop.imaging.reading import Kind, kind_of, read_frame
from medadv_desktop.imaging.scanning import scan
from medadv_desktop.imaging.tags import Tag, read_tags
from medadv_desktop.jobs import CancelToken, Emit, silent

_SYNTAX, _PHOTOMETRIC = 0x00020010, 0x00280004


@dataclass(frozen=True)
class InventoryRow:
    """One file with pixels.

    Attributes:
        path: the file.
        transfer_syntax, photometric: as the file says, "" where it does not.
        frames: how many it declares; 0 where its header is refused.
        read: all of them were decoded.
        outcome: what was read, or the reason why not.
    """

    path: Path
    transfer_syntax: str
    photometric: str
    frames: int
    read: bool
    outcome: str


def inventory(
    paths: Sequence[Path | str], token: CancelToken, emit: Emit = silent
) -> Iterator[InventoryRow]:
    """Decode every frame of every DICOM file with pixels; objects without any are left out.

    Args:
        paths: files and folders.
        token: checked before each file and each frame.
        emit: as for `scan`.

    Raises:
        JobCancelled: the token was cancelled.
    """
    for found in scan(paths, token, emit):
        if isinstance(found, NonImage):
            continue
        if isinstance(found, Unreadable):
            if not found.skipped and _is_dicom(found.path):
                yield _refused(found)
        elif found.provenance.sop_instance_uid or _is_dicom(found.path):
            yield _decoded(found, token)


def as_table(rows: Sequence[InventoryRow], root: Path | None = None) -> str:
    """Lines of aligned columns: file, transfer syntax, photometric interpretation, outcome.

    Args:
        rows: the table.
        root: paths are shown relative to it where they lie in it.
    """
    head = ("file", "transfer syntax", "photometric", "outcome")
    lines = [head, *(_cells(row, root) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return "\n".join(
        "  ".join((*(cell.ljust(w) for cell, w in zip(line, widths, strict=False)), line[3]))
        for line in lines
    )


def _cells(row: InventoryRow, root: Path | None) -> tuple[str, str, str, str]:
    inside = root is not None and row.path.is_relative_to(root)
    name = str(row.path.relative_to(root)) if inside and root is not None else row.path.name
    return name, row.transfer_syntax, row.photometric, row.outcome


def _decoded(instance: Instance, token: CancelToken) -> InventoryRow:
    syntax, photometric = instance.provenance.transfer_syntax, instance.photometric
    made = 0
    try:
        for index in range(instance.frames):
            token.check()
            frame = read_frame(instance.path, index)
            made += 1
    except ImageError as error:
        reason = f"frame {made}: {error.reason}" if made else error.reason
        return InventoryRow(
            instance.path, syntax, photometric, instance.frames, False, f"refused: {reason}"
        )
    rows, columns = instance.size
    outcome = f"read: {made} × {columns} × {rows}, {frame.stored.dtype}"
    return InventoryRow(instance.path, syntax, photometric, made, True, outcome)


def _is_dicom(path: Path) -> bool:
    try:
        return kind_of(path) is Kind.DICOM
    except (ImageError, OSError):
        return False


def _refused(found: Unreadable) -> InventoryRow:
    try:
        tags: tuple[Tag, ...] = read_tags(found.path).tags
    except ImageError:
        tags = ()
    said = {tag.number: tag.value for tag in tags}
    syntax = said.get(_SYNTAX, "").partition(" (")[2].removesuffix(")")
    return InventoryRow(
        found.path, syntax, said.get(_PHOTOMETRIC, ""), 0, False, f"refused: {found.reason}"
    )
