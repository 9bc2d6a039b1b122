"""Changed images that an audit keeps: one file for each content, within a budget of the disk."""

from __future__ import annotations

import io
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.audit.grid import GRID
from medadv_desktop.errors import AuditError
from medadv_desktop.files import write_atomically

FOLDER: Final = "images"


def pair_path(folder: Path, digest: str) -> Path:
    """Where the pair of a digest lies in an audit's folder."""
    return folder / FOLDER / digest[:2] / f"{digest}.npz"


def keep_pair(
    folder: Path, original: NDArray[np.floating], changed: NDArray[np.floating]
) -> tuple[str, int]:
    """Write an image before and after, C×H×W in [0, 1] on the grid, unless it is there already.

    Returns:
        The SHA-256 of the file and its size in bytes.

    Raises:
        ExportError: it cannot be written.
    """
    content = io.BytesIO()
    np.savez_compressed(content, original=_steps(original), changed=_steps(changed))
    data = content.getvalue()
    digest = sha256(data).hexdigest()
    path = pair_path(folder, digest)
    if not path.is_file():
        write_atomically(path, data)
    return digest, len(data)


def load_pair(folder: Path, digest: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The image before and after: C×H×W float32 in [0, 1].

    Raises:
        AuditError: it is missing, or no longer what it was.
    """
    path = pair_path(folder, digest)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AuditError(
            f"a kept image is missing ({error.strerror or error})", subject=path
        ) from None
    if sha256(data).hexdigest() != digest:
        raise AuditError("a kept image has been changed", subject=path)
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return _grey(arrays["original"]), _grey(arrays["changed"])


def _steps(image: NDArray[np.floating]) -> NDArray[np.uint16]:
    return np.rint(np.asarray(image, np.float64) * GRID).astype(np.uint16)


def _grey(steps: NDArray[np.uint16]) -> NDArray[np.float32]:
    return (steps.astype(np.float64) / GRID).astype(np.float32)
