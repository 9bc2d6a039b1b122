"""What the tests of the model library and of its wizard share: models on disk, and an engine."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from medadv_desktop.audit.requests import (
    CheckedModel,
    CheckModelRequest,
    LoadedModel,
    LoadRequest,
    PredictRequest,
    PredictResult,
    ProposeCardRequest,
    ProposedCard,
)
from medadv_desktop.models.card import ModelCard, Preprocessing, write_card
from medadv_desktop.models.input_plan import plan_input
from medadv_desktop.models.library import find
from tests.gui.conftest import FakeEngine

SIDE = 32
LONG = 60_000
"""Milliseconds that a condition has; only what never comes true takes so long."""


def until(qtbot, condition) -> None:
    """Go on when a condition holds."""
    qtbot.waitUntil(lambda: bool(condition()), timeout=LONG)


@dataclass(frozen=True)
class FakeProposal:
    card: ModelCard
    guesses: tuple = ()
    notes: tuple[str, ...] = ()


@dataclass
class ImportEngine(FakeEngine):
    """Proposes, checks, loads and predicts cards of any name, at once and without torch.

    A proposal or a check waits, cancellable, while `go` is not set; `waiting` says that it does.
    """

    waiting: threading.Event = field(default_factory=threading.Event)
    proposal: FakeProposal | None = None

    def run(self, request, emit, token):
        answers = {
            LoadRequest: self._load_any,
            PredictRequest: self._predict_any,
            ProposeCardRequest: self._propose,
            CheckModelRequest: self._check,
        }
        if type(request) not in answers:
            return super().run(request, emit, token)
        self.requests.append(request)
        if self.error is not None and isinstance(request, self.error_for):
            raise self.error
        return answers[type(request)](request, token)

    def _wait(self, token):
        self.waiting.set()
        while not self.go.wait(0.002):
            token.check()

    def _propose(self, request, token):
        self._wait(token)
        card = card_of(request.path.stem, weights=request.path.name)
        return ProposedCard(request, self.proposal or FakeProposal(card))

    def _check(self, request, token):
        self._wait(token)
        plans = tuple(plan_input(request.card.preprocessing, f) for f in request.frames)
        said = tuple(self._prediction(request.card, 0) for _ in request.frames)
        inputs = tuple(np.full((3, SIDE, SIDE), 0.5, np.float32) for _ in request.frames)
        return CheckedModel(request, (), inputs, plans, said, ("stem",), True, ())

    def _load_any(self, request, _token):
        return LoadedModel(request.model, find(request.model).card, ("stem",), self.device)

    def _predict_any(self, request, _token):
        card = find(request.model).card
        plan = plan_input(card.preprocessing, request.frame)
        return PredictResult(request, self._image(0.25), plan, self._prediction(card, 0))


def card_of(name: str, **values) -> ModelCard:
    """A card of a model that nobody trained."""
    fields = {
        "id": name,
        "name": name.title(),
        "architecture": "compact-resnet",
        "task": "single-label",
        "classes": ("naevus", "melanoma"),
        "preprocessing": Preprocessing(height=SIDE, width=SIDE, channels=3),
        "weights": f"{name}.safetensors",
    }
    return ModelCard(**fields | values)


def put_model(folder: Path, name: str, content: bytes = b"weights", **values) -> Path:
    """A card with its file in a folder, as by hand; the path of the card."""
    folder.mkdir(parents=True, exist_ok=True)
    card = card_of(name, **values)
    (folder / card.weights).write_bytes(content)
    write_card(card, folder / f"{name}.toml")
    return folder / f"{name}.toml"
