"""The models that can be chosen by name: those shipped and those of the user. No torch.

A model is named by its card's id, or by the path of its card or of its weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from medadv_desktop.errors import ModelError
from medadv_desktop.models.card import ModelCard, read_card
from medadv_desktop.models.formats import FILE_KINDS, kind_of
from medadv_desktop.models.formats.pickles import refuse_pickled_code
from medadv_desktop.resources import resource


@dataclass(frozen=True)
class LibraryEntry:
    """A model that can be chosen: its card, where the card lies, and whether it is shipped."""

    card: ModelCard
    path: Path
    shipped: bool


@dataclass(frozen=True)
class BrokenEntry:
    """A card in the library that cannot be used, and why."""

    path: Path
    reason: str


def user_models() -> Path:
    """The folder where a user's own cards and weights are kept; it may not exist yet."""
    return Path(platformdirs.user_data_dir("MedAdv Desktop", appauthor=False)) / "models"


def library() -> tuple[LibraryEntry | BrokenEntry, ...]:
    """Every card of the shipped and the user's folder, shipped first, each by name.

    An installed model has a folder of its own in the user's; cards put there by hand lie in it.
    """
    own = user_models()
    cards = (*own.glob("*.toml"), *own.glob("[!.]*/*.toml"))
    return (*_entries(resource("models").glob("*.toml"), True), *_entries(cards, False))


def is_own(entry: LibraryEntry | BrokenEntry) -> bool:
    """Whether a model lies in the user's folder, so that it can be changed and removed there."""
    return user_models() in entry.path.parents


def find(model: str | Path) -> LibraryEntry:
    """The entry of a model by id, by the path of its card, or by the path of its weights.

    Raises:
        ModelError: no such model, or its card is missing or broken.
    """
    path = Path(model)
    if path.suffix == ".toml":
        return LibraryEntry(read_card(path), path, shipped=False)
    if path.suffix or path.exists():
        return _beside(path)
    for entry in library():
        if isinstance(entry, LibraryEntry) and entry.card.id == str(model):
            return entry
    known = ", ".join(e.card.id for e in library() if isinstance(e, LibraryEntry))
    raise ModelError(
        "there is no such model",
        subject=model,
        remedy=f"Name one of {known}, or the path of a model card or of a model file",
    )


def runs_code(model: str | Path) -> Path | None:
    """The Python file whose code loading a model would run, to ask the user about; None if none.

    Raises:
        ModelError: no such model, or its weights cannot be read.
    """
    entry = find(model)
    return code_of(entry.card, entry.path.parent)


def code_of(card: ModelCard, folder: Path) -> Path | None:
    """As `runs_code`, for a card that need not be on disk: its files lie in `folder`.

    Raises:
        ModelError: its weights cannot be read.
    """
    if card.code:
        return folder / card.code
    weights = folder / card.weights
    return weights if FILE_KINDS[kind_of(weights)].runs_code else None


def _beside(weights: Path) -> LibraryEntry:
    if not weights.exists():
        raise ModelError("there is no such file", subject=weights)
    if weights.is_dir():
        raise ModelError("is a folder, not a model", subject=weights, remedy="Name the card in it")
    card_path = weights.with_suffix(".toml")
    if card_path.exists():
        card = read_card(card_path)
        if card.weights != weights.name:
            raise ModelError(
                f"the card beside it is for {card.weights}", subject=weights, remedy="Name the card"
            )
        return LibraryEntry(card, card_path, shipped=False)
    naming = [
        entry
        for entry in _entries(weights.parent.glob("*.toml"), shipped=False)
        if isinstance(entry, LibraryEntry) and entry.card.weights == weights.name
    ]
    if len(naming) == 1:
        return naming[0]
    if kind_of(weights) == "checkpoint":
        refuse_pickled_code(weights)
    raise ModelError(
        "has several model cards beside it" if naming else "has no model card beside it",
        subject=weights,
        remedy="Name the card"
        if naming
        else f"Import it (medadv model import), or write {card_path.name} with architecture, "
        "classes and preprocessing",
    )


def _entries(cards: Iterable[Path], shipped: bool) -> Iterator[LibraryEntry | BrokenEntry]:
    for path in sorted(cards, key=lambda p: p.stem):
        try:
            yield LibraryEntry(read_card(path), path, shipped)
        except ModelError as error:
            yield BrokenEntry(path, str(error))
