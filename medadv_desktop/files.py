"""Writing files whole or not at all."""

from __future__ import annotations

import os
import shutil
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


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`, which becomes `path` at the end.

    After an exception, a cancel among them, nothing is left behind.

    Raises:
        ExportError: something stands at `path` already, or it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-"))
    except OSError as error:
        raise _refusal(path, error) from None
    try:
        _refuse_existing(path)
        yield temporary
        _refuse_existing(path)
        temporary.chmod(0o755)
        temporary.rename(path)
    except OSError as error:
        raise _refusal(path, error) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _refuse_existing(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise ExportError(
            "exists already", subject=path, remedy="Choose a folder that does not exist yet"
        )


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
