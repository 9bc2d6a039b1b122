"""Writing files whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medadv_desktop.errors import ExportError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; what was written there takes its place at the end.

    The parent folder is made where it is missing. After an exception, nothing is left behind and
    what stood at `path` before still does.

    Raises:
        ExportError: the folder or file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix
        )
        os.close(handle)
    except OSError as error:
        raise _refusal(path, error) from None
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise _refusal(path, error) from None
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all.

    Raises:
        ExportError: the folder or file cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _refusal(path: Path, error: OSError) -> ExportError:
    return ExportError(
        f"cannot be written ({error.strerror or error})",
        subject=path,
        remedy="Choose a folder that exists, may be written to and has room",
    )
