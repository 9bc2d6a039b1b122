"""The fingerprint of a model's files. No torch."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from medadv_desktop.errors import ModelError
from medadv_desktop.jobs import CancelToken

_CHUNK: Final = 4 * 2**20


def file_sha256(path: Path, token: CancelToken | None = None) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        ModelError: it cannot be read.
        JobCancelled: the token was cancelled.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                if token is not None:
                    token.check()
                digest.update(chunk)
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror or error})", subject=path) from None
    return digest.hexdigest()
