"""The integrity file of an audit: what every file of it was, so that any change is found. No torch.

Without a signature it finds damage and mishaps. Whoever changes a file on purpose can write the
integrity file anew, so against that it takes a signature (Ed25519, RFC 8032) by somebody's key, and
that somebody's public key from a place that is trusted.

Of the store the content counts beside the file: SQLite may arrange the same rows in another way.
Words that users write later (tags, notes) and what was worked out from results are no part of it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from medadv_desktop import __version__
from medadv_desktop.audit.library import NOTES, TAGS
from medadv_desktop.audit.store.store import STORE_NAME, AuditStore
from medadv_desktop.audit.store.tables import connect
from medadv_desktop.errors import AuditError
from medadv_desktop.files import write_atomically
from medadv_desktop.jobs import CancelToken, Emit, Message, Progress, silent

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

INTEGRITY_VERSION: Final = 1

NAME: Final = "integrity.json"
SIGNATURE_NAME: Final = "integrity.json.sig"

_NOT_COUNTED: Final = (NAME, SIGNATURE_NAME, f"{STORE_NAME}-wal", f"{STORE_NAME}-shm", ".lock")
_SCRATCH: Final = "scratch"

_CHUNK: Final = 1 << 20

# Each in the order of its primary key.
_CONTENT: Final = (
    f"SELECT key, value FROM audit WHERE key NOT IN ('{TAGS}', '{NOTES}') ORDER BY key",
    "SELECT * FROM models ORDER BY id",
    "SELECT * FROM datasets ORDER BY id",
    "SELECT * FROM samples ORDER BY dataset, place",
    "SELECT * FROM cells ORDER BY number",
    "SELECT * FROM batches ORDER BY cell, number",
    "SELECT * FROM rows ORDER BY cell, place",
    "SELECT * FROM left_out ORDER BY cell, place",
    "SELECT * FROM images ORDER BY sha256",
)

SignatureState = Literal["none", "valid", "invalid", "other key", "key not checked"]
"""Not signed; by the key that was given; not by the key it names, or of another integrity file; by
another key than the one given; right, but nobody said whose key it should be."""


@dataclass(frozen=True)
class Verification:
    """What has become of an audit since its integrity file was written.

    Attributes:
        files: how many were looked at.
        changed, missing, added: files by their path in the run.
        key: SHA-256 of the public key that signed; "" without a signature.
    """

    files: int
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    added: tuple[str, ...]
    signature: SignatureState
    key: str

    @property
    def intact(self) -> bool:
        """Nothing differs, and no signature speaks against it."""
        differs = self.changed or self.missing or self.added
        return not differs and self.signature not in ("invalid", "other key")


def make_integrity(
    folder: Path,
    *,
    key: Ed25519PrivateKey | None = None,
    emit: Emit = silent,
    token: CancelToken | None = None,
) -> Path:
    """Write integrity.json into an audit's folder, and its signature where a key is given.

    Where an older one does not agree with what is there, apart from the report, a message says so.

    Args:
        key: see `load_private_key`. Without one, an older signature is removed: it is of another
            file.

    Raises:
        AuditError: no audit lies there, it is being worked on, or a file cannot be read.
        ExportError: it cannot be written.
        JobCancelled: the token was cancelled.
    """
    token = token or CancelToken()
    with AuditStore.open(folder) as store:
        plan = store.get("plan")
    content = _settled(folder, token)
    files = _digests(folder, emit, token)
    _tell_changes(folder, files, content, emit)
    described = {
        "format": "medadv-integrity",
        "version": INTEGRITY_VERSION,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "medadv-desktop": __version__,
        "plan": hashlib.sha256(plan.encode()).hexdigest(),
        "store": content,
        "files": files,
    }
    data = (json.dumps(described, indent=1, ensure_ascii=False) + "\n").encode()
    (folder / SIGNATURE_NAME).unlink(missing_ok=True)
    write_atomically(folder / NAME, data)
    if key is not None:
        write_atomically(folder / SIGNATURE_NAME, _signed(key, data))
    return folder / NAME


def verify(
    folder: Path,
    *,
    public_key: Ed25519PublicKey | None = None,
    emit: Emit = silent,
    token: CancelToken | None = None,
) -> Verification:
    """Compare an audit with its integrity file.

    Args:
        public_key: of whoever should have signed; then an audit that is not signed is not intact.

    Raises:
        AuditError: there is no integrity file, it cannot be used, or a file cannot be read.
        JobCancelled: the token was cancelled.
    """
    token = token or CancelToken()
    data = _read(folder / NAME)
    known = _parsed(data, folder / NAME)
    found = _digests(folder, emit, token)
    changed = [p for p in known["files"] if p in found and found[p] != known["files"][p]]
    if STORE_NAME in changed and _same_content(folder, known["store"], token):
        changed.remove(STORE_NAME)
    signature, fingerprint = _signature(folder, data, public_key)
    return Verification(
        len(found),
        tuple(changed),
        tuple(p for p in known["files"] if p not in found),
        tuple(p for p in found if p not in known["files"]),
        signature,
        fingerprint,
    )


def load_private_key(path: Path, passphrase: bytes | None = None) -> Ed25519PrivateKey:
    """An Ed25519 key in PEM (PKCS 8) or OpenSSH format.

    Raises:
        AuditError: it cannot be read, is of another kind, or needs another passphrase.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        load_pem_private_key,
        load_ssh_private_key,
    )

    data = _read(path)
    load = load_ssh_private_key if b"OPENSSH PRIVATE KEY" in data else load_pem_private_key
    try:
        key = load(data, passphrase)
    except TypeError:
        need = "needs a passphrase" if passphrase is None else "has no passphrase"
        raise AuditError(need, subject=path) from None
    except (ValueError, UnsupportedAlgorithm):
        raise AuditError(
            "is no private key, or the passphrase is wrong",
            subject=path,
            remedy="Make one with: openssl genpkey -algorithm ed25519 -out key.pem",
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise AuditError("is no Ed25519 key", subject=path)
    return key


def load_public_key(path: Path) -> Ed25519PublicKey:
    """An Ed25519 key in PEM or OpenSSH format.

    Raises:
        AuditError: it cannot be read or is of another kind.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import (
        load_pem_public_key,
        load_ssh_public_key,
    )

    data = _read(path)
    load = load_pem_public_key if b"-----BEGIN" in data else load_ssh_public_key
    try:
        key = load(data)
    except (ValueError, UnsupportedAlgorithm):
        raise AuditError(
            "is no public key",
            subject=path,
            remedy="Take it from the private key: openssl pkey -in key.pem -pubout",
        ) from None
    if not isinstance(key, Ed25519PublicKey):
        raise AuditError("is no Ed25519 key", subject=path)
    return key


def _digests(folder: Path, emit: Emit, token: CancelToken) -> dict[str, str]:
    """SHA-256 of every file that counts, by its path with slashes, sorted."""
    paths = sorted(_files(folder))
    found = {}
    for number, path in enumerate(paths):
        token.check()
        emit(Progress(number, len(paths), "reading files"))
        found[path.relative_to(folder).as_posix()] = _digest(path, token)
    return found


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if parts[0].startswith((_SCRATCH, ".report-")) or parts[0] in _NOT_COUNTED:
            continue
        if path.is_symlink():
            raise AuditError(
                "is a link: what it leads to is no part of the audit",
                subject=path,
                remedy="Put the file itself there",
            )
        if path.is_file():
            yield path


def _digest(path: Path, token: CancelToken) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                token.check()
                digest.update(chunk)
    except OSError as error:
        raise AuditError(f"cannot be read ({error.strerror or error})", subject=path) from None
    return digest.hexdigest()


def _settled(folder: Path, token: CancelToken) -> str:
    """Bring what is in the store's log into its file; the digest of its content."""
    connection = connect(folder / STORE_NAME, write=True)
    try:
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise AuditError(
                "is being worked on", subject=folder, remedy="Wait for it, or stop it first"
            )
        return _content(connection, token)
    finally:
        connection.close()


def _content(connection: sqlite3.Connection, token: CancelToken) -> str:
    """Digest of every row that is a result.

    `ascii` writes numbers, texts and bytes the same in every version of Python.
    """
    digest = hashlib.sha256()
    for query in _CONTENT:
        digest.update(query.encode() + b"\n")
        cursor = connection.execute(query)
        while rows := cursor.fetchmany(10_000):
            token.check()
            digest.update(ascii(rows).encode())
    return digest.hexdigest()


def _same_content(folder: Path, known: str, token: CancelToken) -> bool:
    """Whether a store that is another file holds the same results."""
    try:
        connection = connect(folder / STORE_NAME, write=False)
        try:
            return _content(connection, token) == known
        finally:
            connection.close()
    except (AuditError, sqlite3.Error):
        return False


def _tell_changes(folder: Path, files: Mapping[str, str], content: str, emit: Emit) -> None:
    try:
        known = _parsed(_read(folder / NAME), folder / NAME)
    except AuditError:
        return
    differing = [
        path
        for path, digest in known["files"].items()
        if files.get(path) != digest
        and not path.startswith("report/")
        and not (path == STORE_NAME and known["store"] == content)
    ]
    if differing:
        emit(
            Message(
                "what the older integrity file said no longer holds for "
                f"{', '.join(differing[:5])}{' and others' if len(differing) > 5 else ''}: it is "
                "written anew",
                "warning",
            )
        )


def _parsed(data: bytes, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(data)
        files = found["files"]
        right = (
            found["format"] == "medadv-integrity"
            and found["version"] == INTEGRITY_VERSION
            and isinstance(found["store"], str)
            and all(isinstance(v, str) for v in files.values())
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        right = False
    if not right:
        raise AuditError("is no integrity file of this program's version", subject=path)
    return dict(found)


def _signed(key: Ed25519PrivateKey, data: bytes) -> bytes:
    described = {
        "format": "medadv-signature",
        "algorithm": "Ed25519",
        "public_key": base64.b64encode(key.public_key().public_bytes_raw()).decode(),
        "signature": base64.b64encode(key.sign(data)).decode(),
    }
    return (json.dumps(described, indent=1) + "\n").encode()


def _signature(
    folder: Path, data: bytes, expected: Ed25519PublicKey | None
) -> tuple[SignatureState, str]:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    path = folder / SIGNATURE_NAME
    if not path.is_file():
        return ("none" if expected is None else "invalid"), ""
    try:
        found = json.loads(_read(path))
        raw = base64.b64decode(found["public_key"], validate=True)
        key = Ed25519PublicKey.from_public_bytes(raw)
        key.verify(base64.b64decode(found["signature"], validate=True), data)
    except (ValueError, KeyError, TypeError, InvalidSignature):
        return "invalid", ""
    fingerprint = hashlib.sha256(raw).hexdigest()
    if expected is None:
        return "key not checked", fingerprint
    same = expected.public_bytes_raw() == raw
    return ("valid" if same else "other key"), fingerprint


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        remedy = "Write one with: medadv report" if path.name == NAME else ""
        raise AuditError("is not there", subject=path, remedy=remedy) from None
    except OSError as error:
        raise AuditError(f"cannot be read ({error.strerror or error})", subject=path) from None
