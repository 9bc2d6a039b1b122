"""Models in the user's library: put one in, whole or not at all, or take one out. No torch.

Each model has a folder of its own, named by its id: the card, the weights and whatever else the
weights need. It is filled beside its place under a hidden name and then renamed, so a model that
is there is complete.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from medadv_desktop.errors import ModelError
from medadv_desktop.jobs import CancelToken, Emit, Progress, silent
from medadv_desktop.models.card import ModelCard, write_card
from medadv_desktop.models.formats import kind_of
from medadv_desktop.models.library import BrokenEntry, LibraryEntry, is_own, library, user_models

_CHUNK: Final = 4 * 2**20
# Beside the files themselves, so that a disk is not filled to the last byte.
_SPARE: Final = 64 * 2**20
_UNFINISHED: Final = ".installing-"
_REMOVED: Final = ".removed-"
# What a program that was killed left behind is older than any copy takes.
_ABANDONED_S: Final = 24 * 3600


def install(
    card: ModelCard,
    folder: Path,
    *,
    replace: bool = False,
    token: CancelToken | None = None,
    emit: Emit = silent,
) -> LibraryEntry:
    """Copy a model into the user's library, under its card's id.

    The weights are named in the card by their file in `folder`; its Python file, and files that an
    ONNX model keeps weights in, come along. The SHA-256 of all that is copied is written into the
    card. A network is not opened: see `checking.check_model` for that.

    Args:
        replace: an installed model of the same id gives way; else it is refused.
        token: cancels, also within a large file; nothing is left behind.
        emit: gets `Progress` in bytes.

    Raises:
        ModelError: the id is taken, a file is missing, is not the one that the card was written
            for, changed meanwhile, or there is no room.
        JobCancelled: the token was cancelled.
    """
    token = token or CancelToken()
    place = user_models() / card.id
    refuse_taken(card.id, replace=replace)
    sources = [folder / name for name in _files(card, folder)]
    total = sum(_size(path) for path in sources)
    with _filled_beside(place, total) as unfinished:
        hashes = _copied(sources, unfinished, total, token, emit)
        complete = _with_hashes(card, hashes, folder)
        write_card(complete, unfinished / f"{card.id}.toml")
        token.check()
        _put(unfinished, place)
    return LibraryEntry(complete, place / f"{card.id}.toml", shipped=False)


def remove(model_id: str) -> None:
    """Take a model out of the user's library, with its weights.

    A card that was put there by hand goes with the files it names, but for those that another card
    in that folder names too.

    Raises:
        ModelError: there is no such model of the user's, or its files cannot be removed.
    """
    entry = next((e for e in _own() if _id(e) == model_id), None)
    if entry is None:
        shipped = any(isinstance(e, LibraryEntry) and e.card.id == model_id for e in library())
        raise ModelError(
            "is shipped with the program and stays" if shipped else "is not in your model library",
            subject=model_id,
            remedy="" if shipped else "See which are there with: medadv models",
        )
    try:
        if entry.path.parent.parent == user_models():
            _discard(entry.path.parent)
        else:
            _remove_by_hand(entry)
    except OSError as error:
        raise ModelError(
            f"cannot be removed ({error.strerror or error})", subject=entry.path
        ) from None


def refuse_taken(model_id: str, *, replace: bool = False) -> None:
    """Refuse an id that `install` would refuse.

    Raises:
        ModelError: another model has it; the message says which.
    """
    place = user_models() / model_id
    for entry in library():
        if _id(entry) != model_id:
            continue
        if isinstance(entry, LibraryEntry) and entry.shipped:
            raise ModelError(
                "is the id of a model that is shipped with the program",
                subject=model_id,
                remedy="Choose another id",
            )
        if entry.path.parent != place:
            raise ModelError(
                f"is the id of a model whose card lies at {entry.path}",
                subject=model_id,
                remedy="Choose another id, or remove that model first",
            )
    if place.exists() and not replace:
        raise ModelError(
            "is the id of a model that is in your library already",
            subject=model_id,
            remedy="Choose another id, or replace that model",
        )


def _own() -> tuple[LibraryEntry | BrokenEntry, ...]:
    return tuple(entry for entry in library() if is_own(entry))


def _id(entry: LibraryEntry | BrokenEntry) -> str:
    """Of a broken card: what its file is called, which is its id where it was installed."""
    return entry.card.id if isinstance(entry, LibraryEntry) else entry.path.stem


def _files(card: ModelCard, folder: Path) -> tuple[str, ...]:
    """Names of the files that a model consists of, each once."""
    weights = folder / card.weights
    beside: tuple[str, ...] = ()
    if kind_of(weights) == "onnx":
        from medadv_desktop.models.formats.onnx_companions import companions

        beside = companions(weights)
    code = (card.code,) if card.code else ()
    return tuple(dict.fromkeys((card.weights, *code, *beside)))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror or error})", subject=path) from None


@contextmanager
def _filled_beside(place: Path, size: int) -> Iterator[Path]:
    """An empty folder beside `place` with room for `size` bytes; gone at the end if still there."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _clear_abandoned(place.parent)
        free = shutil.disk_usage(place.parent).free
        unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=place.parent))
    except OSError as error:
        raise ModelError(
            f"the model library cannot be written ({error.strerror or error})", subject=place.parent
        ) from None
    try:
        if free < size + _SPARE:
            raise ModelError(
                f"there is no room for the model: it takes {size / 1e9:.2f} GB, free are "
                f"{free / 1e9:.2f} GB",
                subject=place.parent,
                remedy="Make room, or use the model from where it is by a card beside it",
            )
        yield unfinished
    except OSError as error:
        raise ModelError(
            f"cannot be written ({error.strerror or error})",
            subject=place,
            remedy="Make room, and close what has the model open",
        ) from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _clear_abandoned(folder: Path) -> None:
    for prefix in (_UNFINISHED, _REMOVED):
        for left in folder.glob(f"{prefix}*"):
            if time.time() - left.stat().st_mtime > _ABANDONED_S:
                shutil.rmtree(left, ignore_errors=True)


def _copied(
    sources: list[Path], into: Path, total: int, token: CancelToken, emit: Emit
) -> dict[str, str]:
    """Copy files; their SHA-256 by name."""
    hashes, done = {}, 0
    for source in sources:
        digest = hashlib.sha256()
        try:
            reading = source.open("rb")
        except OSError as error:
            raise ModelError(
                f"cannot be read ({error.strerror or error})", subject=source
            ) from None
        with reading, (into / source.name).open("wb") as writing:
            while chunk := reading.read(_CHUNK):
                token.check()
                writing.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                emit(Progress(min(done, total), total, f"copying {source.name}"))
            writing.flush()
            os.fsync(writing.fileno())
        hashes[source.name] = digest.hexdigest()
    return hashes


def _with_hashes(card: ModelCard, hashes: dict[str, str], folder: Path) -> ModelCard:
    """The card with the fingerprints of what was copied; those that it had must be the same."""
    said = {card.weights: card.sha256, card.code: card.code_sha256} | card.companions
    for name, digest in hashes.items():
        if said.get(name) and said[name] != digest:
            raise ModelError(
                "is not the file its model card was written for (SHA-256 differs)",
                subject=folder / name,
                remedy="Choose the file again",
            )
    others = {n: h for n, h in hashes.items() if n not in (card.weights, card.code)}
    return ModelCard(
        **card.model_dump()
        | {
            "sha256": hashes[card.weights],
            # A Python file that is all there is stands in both places.
            "code_sha256": hashes.get(card.code, card.code_sha256),
            "companions": others,
        }
    )


def _put(unfinished: Path, place: Path) -> None:
    """Rename a filled folder to its place; one that is there goes only when the new one stands."""
    unfinished.chmod(0o755)
    if not place.exists():
        unfinished.rename(place)
        return
    old = Path(tempfile.mkdtemp(prefix=_REMOVED, dir=place.parent)) / place.name
    place.rename(old)
    try:
        unfinished.rename(place)
    except OSError:
        old.rename(place)
        raise
    finally:
        shutil.rmtree(old.parent, ignore_errors=True)


def _discard(folder: Path) -> None:
    """Remove a folder: first out of sight, so that half a model is never in the library."""
    hidden = Path(tempfile.mkdtemp(prefix=_REMOVED, dir=folder.parent))
    try:
        folder.rename(hidden / folder.name)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _remove_by_hand(entry: LibraryEntry | BrokenEntry) -> None:
    folder = entry.path.parent
    if isinstance(entry, LibraryEntry):
        others = {
            name
            for e in _own()
            if isinstance(e, LibraryEntry) and e.path.parent == folder and e.path != entry.path
            for name in (e.card.weights, e.card.code, *e.card.companions)
        }
        for name in (entry.card.weights, entry.card.code, *entry.card.companions):
            if name and name not in others:
                (folder / name).unlink(missing_ok=True)
    entry.path.unlink()
