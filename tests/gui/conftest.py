"""A window on a fake engine, and a watch on what tests leave behind."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pytest
import shiboken6
from PIL import Image
from PySide6.QtCore import QCoreApplication, QEvent, QThread, QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medadv_desktop.attacks.attack import AttackPreview
from medadv_desktop.audit.budget_search import BudgetSearchOutcome, BudgetSearchRequest, BudgetTry
from medadv_desktop.audit.requests import (
    AttackOutcome,
    AttackRequest,
    EngineReady,
    FeatureRequest,
    FeatureResult,
    LoadedModel,
    LoadRequest,
    Prediction,
    PredictRequest,
    PredictResult,
    Request,
    WarmUp,
)
from medadv_desktop.errors import ModelError
from medadv_desktop.gui import controller as controller_module
from medadv_desktop.gui.application import Session, make_application, make_session, open_settings
from medadv_desktop.gui.bridge import ComputeBridge
from medadv_desktop.gui.state import dataset_library
from medadv_desktop.jobs import CancelToken, Emit, Partial, Progress
from medadv_desktop.models.card import ModelCard, Preprocessing
from medadv_desktop.models.input_plan import plan_input
from medadv_desktop.models.library import LibraryEntry

SIDE = 32
_PATIENCE_MS = 50_000


def make_card(name: str, task: str = "single-label") -> ModelCard:
    """A card of a model that nobody trained."""
    multi = task == "multi-label"
    return ModelCard(
        id=name,
        name=name.title(),
        architecture="compact-resnet",
        task=task,
        classes=("effusion", "mass", "nodule") if multi else ("naevus", "melanoma"),
        thresholds=(0.5, 0.5, 0.5) if multi else (),
        preprocessing=Preprocessing(height=SIDE, width=SIDE, channels=3),
        weights=f"{name}.safetensors",
    )


CARDS = {
    card.id: card
    for card in (make_card("net-a"), make_card("net-b"), make_card("chest", "multi-label"))
}


@dataclass
class FakeEngine:
    """Answers like the engine, at once, without torch.

    An attack takes its steps while `go` is set and waits, cancellable, while it is not.
    """

    device: str = "cpu"
    go: threading.Event = field(default_factory=threading.Event)
    attacking: threading.Event = field(default_factory=threading.Event)
    requests: list[Request] = field(default_factory=list)
    error: BaseException | None = None
    error_for: type = AttackRequest
    work: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.go.set()

    def run(self, request: Request, emit: Emit, token: CancelToken) -> object:
        self.requests.append(request)
        if self.error is not None and isinstance(request, self.error_for):
            raise self.error
        answers = {
            WarmUp: self._ready,
            LoadRequest: self._load,
            PredictRequest: self._predict,
            AttackRequest: self._attack,
            FeatureRequest: self._features,
            BudgetSearchRequest: self._search_budget,
        }
        return answers[type(request)](request, emit, token)

    def of(self, kind: type) -> list[Request]:
        return [r for r in self.requests if isinstance(r, kind)]

    def _ready(self, _request: WarmUp, _emit: Emit, _token: CancelToken) -> EngineReady:
        return EngineReady(self.device, "Fake device", ("auto", "cpu"), (("fake", "1"),))

    def _load(self, request: LoadRequest, _emit: Emit, _token: CancelToken) -> LoadedModel:
        if request.model not in CARDS:
            raise ModelError("there is no such model", subject=request.model)
        return LoadedModel(request.model, CARDS[request.model], ("stem", "block1"), self.device)

    def _predict(self, request: PredictRequest, _emit: Emit, _token: CancelToken) -> PredictResult:
        card = CARDS[request.model]
        plan = plan_input(card.preprocessing, request.frame)
        return PredictResult(request, self._image(0.25), plan, self._prediction(card, 0))

    def _attack(self, request: AttackRequest, emit: Emit, token: CancelToken) -> AttackOutcome:
        self.attacking.set()
        card = CARDS[request.model]
        steps = getattr(request.attack, "steps", 1)
        for step in range(steps):
            token.check()
            while not self.go.wait(0.002):
                token.check()
            self.work()
            emit(Progress(step + 1, steps))
            emit(Partial(AttackPreview(step + 1, steps, self._image(0.26))))
        second = CARDS.get(request.second_model)
        plan = plan_input(card.preprocessing, request.frame)
        clean, attacked = self._image(0.25), self._image(0.26)
        return AttackOutcome(
            request=request,
            plan=plan,
            original=clean,
            adversarial=attacked,
            clean=self._prediction(card, 0),
            attacked=self._prediction(card, 1),
            success=True,
            steps=steps,
            linf=0.01,
            l2=0.01 * np.sqrt(clean.size),
            reference=(0,),
            reference_is_prediction=request.labels is None,
            second_clean=self._prediction(second, 0) if second else None,
            second_attacked=self._prediction(second, 0) if second else None,
            second_plan=plan if second else None,
            second_original=clean if second else None,
            second_adversarial=attacked if second else None,
            device=self.device,
            seconds=0.1,
        )

    def _search_budget(
        self, request: BudgetSearchRequest, emit: Emit, token: CancelToken
    ) -> BudgetSearchOutcome:
        """Falls at a quarter of the highest budget; tried are that, an eighth, and the whole."""
        while not self.go.wait(0.002):
            token.check()
        card, clean = CARDS[request.model], self._image(0.25)
        emit(Progress(3, request.halvings + 1))
        tries = tuple(
            BudgetTry(
                epsilon=request.highest * share,
                success=share >= 0.25,
                adversarial=self._image(0.25 + request.highest * share),
                prediction=self._prediction(card, int(share >= 0.25)),
                linf=request.highest * share,
                l2=request.highest * share * np.sqrt(clean.size),
            )
            for share in (0.125, 0.25, 1.0)
        )
        return BudgetSearchOutcome(
            request=request,
            plan=plan_input(card.preprocessing, request.frame),
            original=clean,
            clean=self._prediction(card, 0),
            smallest=request.highest / 4,
            step=request.highest / 2**request.halvings,
            tries=tries,
            reference=(0,),
            reference_is_prediction=request.labels is None,
            device=self.device,
            seconds=0.2,
        )

    def _features(self, request: FeatureRequest, _emit: Emit, _token: CancelToken) -> FeatureResult:
        maps = np.zeros((request.channels, 4, 4), np.float32)
        channels = tuple(range(request.channels))
        change = np.ones(request.channels)
        attacked = None if request.adversarial is None else maps
        return FeatureResult(request, maps, attacked, channels, change, 0.5)

    def _image(self, grey: float) -> np.ndarray:
        return np.full((3, SIDE, SIDE), grey, np.float32)

    def _prediction(self, card: ModelCard, decided: int) -> Prediction:
        count = len(card.classes)
        logits = np.where(np.arange(count) == decided, 2.0, -2.0)
        probabilities = 1 / (1 + np.exp(-logits))
        return Prediction(card, logits, probabilities, np.arange(count) == decided)


@pytest.fixture(scope="session")
def qapp() -> Iterator[QApplication]:
    yield make_application()
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _nothing_left_behind(qapp: QApplication) -> Iterator[None]:
    """Fail a test that leaves a thread, a ticking timer or a window."""
    windows = set(qapp.topLevelWidgets())
    old = {id(o) for o in _threads_and_timers()}
    yield
    gc.collect()
    # What is alive now is no garbage of a later test: the next collection need not walk it again.
    gc.freeze()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QCoreApplication.processEvents()
    alive = [o for o in _threads_and_timers() if id(o) not in old and shiboken6.isValid(o)]
    threads = [o for o in alive if isinstance(o, QThread) and o.isRunning()]
    timers = [o for o in alive if isinstance(o, QTimer) and o.isActive()]
    left = [w for w in qapp.topLevelWidgets() if w not in windows and w.isVisible()]
    assert not threads, f"threads still run: {threads}"
    assert not timers, f"timers still tick: {[(t, t.parent()) for t in timers]}"
    assert not left, f"windows left open: {left}"


def _threads_and_timers() -> list[QThread | QTimer]:
    # Asked of the type: isinstance would wake torch's deprecated lazy objects.
    return [o for o in gc.get_objects() if issubclass(type(o), QThread | QTimer)]


@pytest.fixture
def qtbot(qtbot: QtBot) -> QtBot:
    """Waits ten times as long as usual: a busy machine makes a test slow, not fail."""
    for wait in ("waitUntil", "waitSignal"):
        setattr(qtbot, wait, partial(getattr(qtbot, wait), timeout=_PATIENCE_MS))
    return qtbot


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def settings_path(tmp_path: Path) -> Path:
    return tmp_path / "settings.ini"


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[LibraryEntry, ...]:
    entries = tuple(LibraryEntry(c, tmp_path / f"{c.id}.toml", True) for c in CARDS.values())
    monkeypatch.setattr(controller_module, "library", lambda: entries)
    monkeypatch.setattr(dataset_library, "library_path", lambda: tmp_path / "datasets.json")
    return entries


OpenWindow = Callable[..., Session]


@pytest.fixture
def open_window(
    qtbot, engine: FakeEngine, models: tuple[LibraryEntry, ...], settings_path: Path
) -> Iterator[OpenWindow]:
    """Opens windows on the fake engine; closes them and waits for their threads."""
    sessions: list[Session] = []

    def open_one(factory: Callable[[str], object] | None = None, warm: bool = True) -> Session:
        bridge = ComputeBridge(factory or (lambda _device: engine))
        session = make_session(open_settings(settings_path), bridge)
        sessions.append(session)
        session.window.show()
        if warm:
            controller = session.bench.controller
            controller.warm_up()
            qtbot.waitUntil(lambda: not session.bench.jobs.busy and bool(controller.models))
        return session

    yield open_one
    engine.go.set()
    for session in sessions:
        close_session(qtbot, session)


def close_session(qtbot, session: Session) -> None:
    """Close a window and wait until its threads have ended. Closing it twice is harmless."""
    if not shiboken6.isValid(session.window):
        return
    controller = session.bench.controller
    if session.window.isVisible():
        with qtbot.waitSignal(controller.stopped):
            session.window.close()
    else:
        qtbot.waitUntil(lambda: controller.wait(0))
    session.tap.remove()
    session.window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def session(open_window: OpenWindow) -> Session:
    """A window whose engine is ready."""
    return open_window()


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A folder with two good images and none else."""
    folder = tmp_path / "scans"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("one.png", "two.png"):
        pixels = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


@pytest.fixture
def opened(qtbot, session: Session, scan: Path) -> Session:
    """A window that looks at an image, with a model chosen and its prediction there."""
    controller, case = session.bench.controller, session.bench.case
    controller.choose_model("net-a")
    controller.open_paths([scan])
    qtbot.waitUntil(lambda: case.prediction is not None and not session.bench.jobs.busy)
    return session


class Gaps:
    """The longest time between two turns of the event loop, by a 10 ms timer.

    Args:
        clock: what measures it, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self.longest = 0.0
        self._last = 0.0
        self._timer = QTimer()
        self._timer.setInterval(10)
        self._timer.timeout.connect(self._tick)

    def __enter__(self) -> Gaps:
        self._last = self._clock()
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._tick()
        self._timer.stop()

    def _tick(self) -> None:
        now = self._clock()
        self.longest = max(self.longest, now - self._last)
        self._last = now
