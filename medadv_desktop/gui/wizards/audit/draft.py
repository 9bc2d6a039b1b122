"""What the audit wizard has been told: the plain values of a plan, and the plan they come to."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from medadv_desktop.audit.plan.files import plan_from, plan_of, plan_text
from medadv_desktop.audit.plan.schema import AuditPlan
from medadv_desktop.errors import PlanError
from medadv_desktop.models.card import ModelCard

if TYPE_CHECKING:
    from medadv_desktop.gui.controller import Controller
    from medadv_desktop.gui.state.dataset_library import DatasetEntry

STEPS = ("models", "datasets", "attacks", "corruptions", "record")
"""The steps by the part of the plan that they edit; the last one has all the rest."""

_OF_STEP = {"models": 0, "datasets": 1, "attacks": 2, "corruptions": 3, "sequences": 3}


class AuditDraft(QObject):
    """The values of a plan while it is made. They need not be valid; `error` says what is not.

    Signals:
        changed: some value; `plan` and `error` are others.
        replaced: all of them: pages show them anew.

    Attributes:
        values: as they stand in a plan file.
        plan: what they come to, None where something is wrong.
        error: what that is, the field first; "" for nothing.
    """

    changed = Signal()
    replaced = Signal()

    def __init__(self, controller: Controller, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._untouched: dict[str, Any] = {}
        self.values: dict[str, Any] = {}
        self.plan: AuditPlan | None = None
        self.error = ""
        self._unpaired: set[tuple[str, str]] = set()
        self._paired: set[tuple[str, str]] = set()
        self._take(
            {"name": "Audit", "notes": "", "seeds": [0], "baseline": ""}
            | {part: [] for part in ("models", "datasets", "attacks", "corruptions", "sequences")}
            | {part: {} for part in ("metrics", "keep", "lights", "running")}
        )

    # ------------------------------------------------------------------ as a whole

    def load(self, plan: AuditPlan) -> None:
        """Show a plan that was read from a file."""
        self._take(plan.model_dump(mode="json"))
        pairs = {(m.id, d.id) for m, d in plan.pairs()}
        self._paired = pairs
        self._unpaired = {(m.id, d.id) for m in plan.models for d in plan.datasets} - pairs
        self.replaced.emit()

    @property
    def touched(self) -> bool:
        """Something was said that would be lost."""
        return self.values != self._untouched

    @property
    def text(self) -> str:
        """The plan as its file says it, with every default; "" where something is wrong."""
        return "" if self.plan is None else plan_text(self.plan)

    @property
    def error_step(self) -> int:
        """The step that edits what is wrong."""
        return _OF_STEP.get(re.split(r"\W", self.error, maxsplit=1)[0], len(STEPS) - 1)

    def step_of(self, where: str) -> int:
        """The step that edits a field, named as in an error or an estimate's problem."""
        return _OF_STEP.get(re.split(r"\W", where, maxsplit=1)[0], len(STEPS) - 1)

    def set(self, part: str, value: Any) -> None:
        """Set a part of the plan: "seeds", "keep", "attacks" and so on."""
        if self.values[part] != value:
            self.values[part] = value
            self._check()

    def _take(self, values: dict[str, Any]) -> None:
        self.values = values
        self._untouched = copy.deepcopy(values)
        self._check()

    def _check(self) -> None:
        self.plan, self.error = None, ""
        try:
            made = plan_from(self.values)
            # As its file would be read: so the audit that runs is the one that can be run again.
            self.plan = plan_of(plan_text(made), folder=Path.home())
        except PlanError as error:
            self.error = error.reason
        self.changed.emit()

    # ------------------------------------------------------------------ models and data sets

    @property
    def cards(self) -> dict[str, ModelCard]:
        """The cards of the models, by their ids in the plan, as far as they are known."""
        found = {m["id"]: self._controller.card(m["model"]) for m in self.values["models"]}
        return {name: card for name, card in found.items() if card is not None}

    def model_named(self, reference: str) -> str:
        """The id of a model in the plan, "" where it is not part of it."""
        return next((m["id"] for m in self.values["models"] if m["model"] == reference), "")

    def dataset_at(self, path: Path) -> dict[str, Any] | None:
        """The values of a data set by its path."""
        own = str(path.resolve())
        return next((d for d in self.values["datasets"] if d["path"] == own), None)

    def set_model(self, reference: str, name: str, on: bool) -> None:
        """Take a model into the plan, or out of it."""
        models = [m for m in self.values["models"] if m["model"] != reference]
        gone = self.model_named(reference)
        if on and not gone:
            models = [*self.values["models"], {"id": _fresh(name, models), "model": reference}]
        elif on:
            return
        self.values["models"] = models
        self._forget_model(gone)
        self._pair()
        self._check()

    def set_dataset(self, entry: DatasetEntry, on: bool) -> None:
        """Take a data set of the library into the plan, or out of it."""
        there = self.dataset_at(entry.path)
        if on == (there is not None):
            return
        if there is not None:
            self.values["datasets"] = [d for d in self.values["datasets"] if d is not there]
        else:
            added = {
                "id": _fresh(entry.name, self.values["datasets"]),
                "path": str(entry.path.resolve()),
                "options": entry.options.model_dump(mode="json", exclude_defaults=True),
                "subset": dict(entry.subset),
            }
            if entry.split is not None:
                added["subset"].pop("splits", None)
            self.values["datasets"] = [*self.values["datasets"], added]
        self._pair()
        self._check()

    def edit_dataset(self, name: str, **values: Any) -> None:
        """Change values of a data set of the plan."""
        own = self.values["datasets"]
        self.set("datasets", [d | values if d["id"] == name else d for d in own])

    def is_paired(self, model: str, dataset: str) -> bool:
        """Whether a model is tried on a data set."""
        entry = next(m for m in self.values["models"] if m["id"] == model)
        names = entry.get("datasets") or [d["id"] for d in self.values["datasets"]]
        return dataset in names

    def set_paired(self, model: str, dataset: str, on: bool) -> None:
        """Try a model on a data set, or do not."""
        pair = (model, dataset)
        for wanted, there in ((on, self._paired), (not on, self._unpaired)):
            (there.add if wanted else there.discard)(pair)
        self._pair()
        self._check()

    def lonely(self) -> tuple[str, ...]:
        """Models without a tick for any data set; a plan cannot say so, and means all of them."""
        sets = [d["id"] for d in self.values["datasets"]]
        return tuple(
            m["id"] for m in self.values["models"] if sets and not self._wanted(m["id"], sets)
        )

    def _pair(self) -> None:
        """Name the data sets of each model, unless it takes all of them."""
        sets = [d["id"] for d in self.values["datasets"]]
        models = []
        for model in self.values["models"]:
            own = self._wanted(model["id"], sets)
            plain = {k: v for k, v in model.items() if k != "datasets"}
            models.append(plain if len(own) in (0, len(sets)) else plain | {"datasets": own})
        self.values["models"] = models

    def _wanted(self, model: str, sets: Sequence[str]) -> list[str]:
        card = self.cards.get(model)
        return [name for name in sets if self._belong(model, card, name)]

    def _belong(self, model: str, card: ModelCard | None, dataset: str) -> bool:
        """As the user said, or else where task and classes are of one kind."""
        if (model, dataset) in self._paired | self._unpaired:
            return (model, dataset) in self._paired
        values = next(d for d in self.values["datasets"] if d["id"] == dataset)
        library = self._controller.librarian.library.entries
        entry = next((e for e in library if str(e.path.resolve()) == values["path"]), None)
        return card is None or entry is None or looks_alike(entry, card)

    # ------------------------------------------------------------------ threats

    def new_attack_id(self, name: str) -> str:
        """A name that no attack of the plan has."""
        return _fresh(name, self.values["attacks"])

    def edit_attack(self, place: int, **values: Any) -> None:
        """Change values of an attack; None takes a value out."""
        attacks = list(self.values["attacks"])
        merged = attacks[place] | values
        attacks[place] = {k: v for k, v in merged.items() if v is not None}
        self.set("attacks", attacks)

    def _forget_model(self, gone: str) -> None:
        """A model is no longer part of the plan: nothing may name it."""
        if not gone or any(m["id"] == gone for m in self.values["models"]):
            return
        if self.values["baseline"] == gone:
            self.values["baseline"] = ""
        for part in ("attacks", "corruptions", "sequences"):
            kept = []
            for entry in self.values[part]:
                named = list(entry.get("models") or ())
                if named == [gone]:
                    continue  # it was for that model alone
                kept.append(entry | {"models": [n for n in named if n != gone]} if named else entry)
            self.values[part] = kept


def looks_alike(entry: DatasetEntry, card: ModelCard) -> bool:
    """Whether data set and model speak of the same classes, as far as names tell."""
    if entry.task != card.task:
        return False
    ours, theirs = (_plain(names) for names in (card.classes, entry.classes))
    return ours <= theirs if card.multi_label else theirs <= ours


def _plain(names: Iterable[str]) -> set[str]:
    return {re.sub(r"[\s_-]+", " ", name.casefold()).strip() for name in names}


def _fresh(name: str, others: Iterable[Mapping[str, Any]]) -> str:
    """An id made of a name that none of the others has."""
    stem = re.sub(r"[^a-z0-9._-]+", "-", name.casefold()).strip("-._") or "entry"
    taken, number, result = {other["id"] for other in others}, 1, stem
    while result in taken:
        number += 1
        result = f"{stem}-{number}"
    return result
