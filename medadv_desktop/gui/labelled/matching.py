"""Which class of a model the classes of a data set are: by name, or as the user says.

Equal names match by themselves. Names that are equal but for case, space and punctuation are
proposed and nothing more: a wrong match would make every figure of an audit meaningless.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QObject, Signal

from medadv_desktop.audit.requests import Prediction
from medadv_desktop.imaging.frame import Frame
from medadv_desktop.models.card import ModelCard

NONE = ""
"""In a user's match: the class has no counterpart in the model."""


@dataclass(frozen=True)
class Match:
    """The classes of a data set in the order of a model.

    Attributes:
        task: of the data set.
        classes: of the data set.
        targets: for each of these its index in the model, None where there is none.
        card: of the model.
    """

    task: str
    classes: tuple[str, ...]
    targets: tuple[int | None, ...]
    card: ModelCard

    @property
    def unmatched(self) -> tuple[str, ...]:
        """Classes of the data set that the model has not."""
        return tuple(c for c, t in zip(self.classes, self.targets, strict=True) if t is None)

    @property
    def refusal(self) -> str:
        """Why no label of this set means anything to the model; "" if some do."""
        if self.task != self.card.task:
            return _tr("{model} is {its}, and the data set is {ours}").format(
                model=self.card.name, its=_task(self.card.task), ours=_task(self.task)
            )
        if all(target is None for target in self.targets):
            return _tr("{model} has none of these classes").format(model=self.card.name)
        return ""

    def labels(self, own: Sequence[int]) -> tuple[int, ...] | None:
        """The labels of a sample as the model counts: what an attack is given. None where they
        are not known in full.

        Args:
            own: as `Sample.labels`.
        """
        if self.refusal:
            return None
        if self.task == "single-label":
            target = self.targets[own[0]] if own[0] >= 0 else None
            return None if target is None else (target,)
        states = self.states(own)
        return None if None in states else tuple(s for s in states if s is not None)

    def states(self, own: Sequence[int]) -> tuple[int | None, ...]:
        """Multi-label: for each finding of the model 1, 0, or None where nobody knows."""
        found: dict[int, set[int]] = {}
        for state, target in zip(own, self.targets, strict=True):
            if target is not None:
                found.setdefault(target, set()).add(state)
        # Of several findings that are one to the model, one present is enough.
        return tuple(
            1 if 1 in states else 0 if states == {0} else None
            for states in (found.get(k, set()) for k in range(len(self.card.classes)))
        )


def match_classes(
    task: str, classes: Sequence[str], card: ModelCard, said: Mapping[str, str] | None = None
) -> Match:
    """Match by equal names, and by what the user said, which comes first.

    Args:
        said: by class of the data set, the class of the model or `NONE`.
    """
    said = said or {}
    names = {name: index for index, name in enumerate(card.classes)}
    targets = tuple(names.get(said.get(name, name)) for name in classes)
    return Match(task, tuple(classes), targets, card)


def proposal(name: str, card: ModelCard) -> str:
    """The one class of a model that is called alike but for case, space and punctuation, or ""."""
    found = [c for c in card.classes if _plain(c) == _plain(name)]
    return found[0] if len(found) == 1 else ""


@dataclass(frozen=True)
class Verdict:
    """Whether a prediction is right; None where nobody knows. `words` say what the model says."""

    right: bool | None
    words: str


def judge(prediction: Prediction, own: Sequence[int], match: Match) -> Verdict:
    """Compare a prediction with the labels of a sample.

    Multi-label: right where every finding of known state is decided as it is.
    """
    card = match.card
    if card.task == "single-label":
        index = int(prediction.logits.argmax())
        words = f"{card.classes[index]} {prediction.probabilities[index]:.0%}"
        labels = match.labels(own)
        return Verdict(None if labels is None else labels[0] == index, words)
    decided = prediction.decisions.tolist()
    words = ", ".join(prediction.decided) or _tr("no finding")
    if match.refusal:
        return Verdict(None, words)
    states = match.states(own)
    known = [k for k, state in enumerate(states) if state is not None]
    missed = [card.classes[k] for k in known if states[k] == 1 and not decided[k]]
    false = [card.classes[k] for k in known if states[k] == 0 and decided[k]]
    if not known:
        return Verdict(None, words)
    parts = [_tr("missed: {0}").format(", ".join(missed))] if missed else []
    parts += [_tr("false: {0}").format(", ".join(false))] if false else []
    return Verdict(not parts, "; ".join(parts) or words)


@dataclass(frozen=True)
class NamedLabel:
    """The label of a frame in the words of its data set."""

    entry: str
    task: str
    classes: tuple[str, ...]
    labels: tuple[int, ...]


class SampleLabels(QObject):
    """True labels of frames that were opened from data sets, for whichever model is chosen.

    Signals:
        changed: another match of names is in force.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._labels: dict[tuple[Path, int], NamedLabel] = {}
        self._said: dict[tuple[str, str], Mapping[str, str]] = {}

    def put(self, path: Path, frame: int, label: NamedLabel) -> None:
        """Remember the label of a frame; the one that came last holds."""
        self._labels[path, frame] = label

    def say(self, entry: str, model: str, said: Mapping[str, str]) -> None:
        """How a user matched the names of a data set and of a model (by its card's id)."""
        if self._said.get((entry, model), {}) != dict(said):
            self._said[entry, model] = dict(said)
            self.changed.emit()

    def named(self, path: Path, frame: int) -> NamedLabel | None:
        return self._labels.get((path, frame))

    def match(self, label: NamedLabel, card: ModelCard) -> Match:
        said = self._said.get((label.entry, card.id))
        return match_classes(label.task, label.classes, card, said)

    def of(self, path: Path, frame: Frame | None, card: ModelCard | None) -> tuple[int, ...] | None:
        """The labels of a frame as a model counts; None where nobody knows them."""
        label = self.named(path, frame.provenance.frame if frame is not None else 0)
        return (
            None if label is None or card is None else self.match(label, card).labels(label.labels)
        )


def label_text(task: str, classes: Sequence[str], labels: Sequence[int]) -> str:
    """The label of a sample in words."""
    if task == "single-label":
        return classes[labels[0]] if labels[0] >= 0 else _tr("label unknown")
    present = [name for name, state in zip(classes, labels, strict=True) if state == 1]
    if present:
        return ", ".join(present)
    return _tr("label unknown") if any(state < 0 for state in labels) else _tr("no finding")


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _task(task: str) -> str:
    return _tr("multi-label") if task == "multi-label" else _tr("single-label")


def _tr(text: str) -> str:
    return QCoreApplication.translate("Matching", text)
