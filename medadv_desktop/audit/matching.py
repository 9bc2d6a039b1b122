"""Which class of a data set is which of a model. No torch."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.datasets.dataset import UNKNOWN, Dataset
from medadv_desktop.errors import DatasetError
from medadv_desktop.models.card import ModelCard


@dataclass(frozen=True)
class ClassMatch:
    """A data set's labels in a model's words.

    Attributes:
        by_order: the user said that the order is the same; else the names are.
        positions: single-label: for each class of the set the model's, -1 where it has none (and no
            sample is of it); multi-label: for each of the model's findings the set's.
        notes: what a reader should know: names that differ in writing, classes not used.
    """

    by_order: bool
    positions: tuple[int, ...]
    multi_label: bool
    notes: tuple[str, ...] = ()

    def label(self, labels: tuple[int, ...]) -> tuple[int, ...] | None:
        """A sample's labels as the model's; None where a part of them is unknown."""
        if self.multi_label:
            own = tuple(labels[k] for k in self.positions)
            return None if UNKNOWN in own else own
        return None if labels[0] == UNKNOWN else (self.positions[labels[0]],)


def match_classes(dataset: Dataset, card: ModelCard, *, by_order: bool = False) -> ClassMatch:
    """Match a data set's classes with a model's, by name or as the user says by order.

    Names are compared without regard to case, and to whether words are parted by spaces, `_` or
    `-`. Every class that a sample has must be one of a single-label model; every finding of a
    multi-label model must be one of the set, for without labels there is no right or wrong.

    Raises:
        DatasetError: another task, or names that do not match; says which.
    """
    if dataset.task != card.task:
        raise DatasetError(
            f"is {dataset.task}, but {card.name} is {card.task}",
            subject=dataset.name,
            remedy="Choose a model of that kind, or open the data set with another task",
        )
    if by_order:
        return _by_order(dataset, card)
    theirs = {_plain(name): k for k, name in enumerate(dataset.classes)}
    ours = {_plain(name): k for k, name in enumerate(card.classes)}
    if len(theirs) < len(dataset.classes) or len(ours) < len(card.classes):
        theirs = {name: k for k, name in enumerate(dataset.classes)}
        ours = {name: k for k, name in enumerate(card.classes)}
    if card.multi_label:
        lacking = [card.classes[k] for name, k in ours.items() if name not in theirs]
        unused = [dataset.classes[k] for name, k in theirs.items() if name not in ours]
        positions = tuple(theirs.get(name, UNKNOWN) for name in ours)
        pairs = [(dataset.classes[t], card.classes[k]) for k, t in enumerate(positions) if t >= 0]
        left = [f"findings that {card.name} does not know: {', '.join(unused)}"] * bool(unused)
    else:
        used = {int(label) for label in np.unique(_single(dataset))} - {UNKNOWN}
        positions = tuple(ours.get(name, UNKNOWN) for name in theirs)
        lacking = [dataset.classes[k] for k in sorted(used) if positions[k] < 0]
        pairs = [(dataset.classes[t], card.classes[k]) for t, k in enumerate(positions) if k >= 0]
        absent = [c for k, c in enumerate(card.classes) if k not in {positions[t] for t in used}]
        left = [f"classes without a sample: {', '.join(absent)}"] * bool(absent)
    if lacking:
        raise _refusal(dataset, card, lacking)
    written = [f"{theirs} is {ours}" for theirs, ours in pairs if theirs != ours]
    notes = [f"names that differ in writing: {', '.join(written)}"] * bool(written)
    return ClassMatch(False, positions, card.multi_label, (*notes, *left))


def class_order(ours: ModelCard, theirs: ModelCard, *, by_order: bool = False) -> list[int] | None:
    """For each of our classes the index of theirs; None where they are not the same ones.

    Names are compared as in `match_classes`; with `by_order`, equally many stand in one order.
    """
    wanted, found = ([_plain(name) for name in card.classes] for card in (ours, theirs))
    if ours.task != theirs.task or len(wanted) != len(found):
        return None
    if by_order:
        return list(range(len(wanted)))
    if sorted(wanted) != sorted(found) or len(set(wanted)) < len(wanted):
        same = ours.classes == theirs.classes
        return list(range(len(wanted))) if same else None
    return [found.index(name) for name in wanted]


def _by_order(dataset: Dataset, card: ModelCard) -> ClassMatch:
    if len(dataset.classes) != len(card.classes):
        raise DatasetError(
            f"has {len(dataset.classes)} classes, {card.name} has {len(card.classes)}: they cannot "
            "be matched by their order",
            subject=dataset.name,
            remedy="Name the data set's classes as the model does when it is opened",
        )
    pairs = zip(dataset.classes, card.classes, strict=True)
    told = ", ".join(f"{a} is {b}" for a, b in pairs)
    note = f"classes matched by their order, as asked: {told}"
    return ClassMatch(True, tuple(range(len(card.classes))), card.multi_label, (note,))


def _refusal(dataset: Dataset, card: ModelCard, lacking: list[str]) -> DatasetError:
    who = f"{card.name} has no class" if not card.multi_label else "it has no finding"
    return DatasetError(
        f"{who} {', '.join(map(repr, lacking[:5]))}{', …' if len(lacking) > 5 else ''}; the data "
        f"set has {_listed(dataset.classes)}, the model {_listed(card.classes)}",
        subject=dataset.name,
        remedy="Name the data set's classes as the model does (--classes), or say that both stand "
        "in the same order (--match-order)",
    )


def _single(dataset: Dataset) -> NDArray[np.generic]:
    return np.asarray(dataset.labels)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name.casefold()).strip()
