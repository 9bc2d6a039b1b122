"""Cases made by hand for the viewers: every number in them is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import QCoreApplication, QObject, QSettings, Signal

from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.audit.requests import (
    AttackOutcome,
    AttackRequest,
    LoadedModel,
    Prediction,
    PredictRequest,
    PredictResult,
)
from medadv_desktop.gui.background import Background
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.file_names import FileNames
from medadv_desktop.gui.messages import Notices
from medadv_desktop.gui.state.case import Case
from medadv_desktop.gui.state.imports import Imports
from medadv_desktop.gui.state.jobs import JobList
from medadv_desktop.gui.state.privacy import Privacy
from medadv_desktop.gui.state.studies import StudyList
from medadv_desktop.gui.state.view import ViewState
from medadv_desktop.gui.theme import Theme
from medadv_desktop.imaging.frame import (
    Frame,
    Instance,
    ModalityTransform,
    Photometric,
    Provenance,
    Spacing,
    Window,
)
from medadv_desktop.imaging.reading import read_frame
from medadv_desktop.models.card import ModelCard, Preprocessing
from medadv_desktop.models.input_plan import InputPlan


class FakeController(QObject):
    """What the viewers ask of a controller, written down."""

    ready_to_attack_changed = Signal()

    def __init__(self, case: Case) -> None:
        super().__init__()
        settings = QSettings("", QSettings.Format.IniFormat)
        settings.clear()  # all with this name share their values
        self.privacy = Privacy(settings, self)
        self.names = FileNames(self.privacy, StudyList(), Imports(), self)
        self.notices = Notices(self)
        self.background = Background(self)
        self._case = case
        self.attacking = False
        self.asked: list[str] = []

    def select(self, instance: Instance, frame: int = 0) -> None:
        """Read the frame on the spot."""
        self._case.set_frame(instance, read_frame(instance.path, frame))

    def request_features(self, layer: str, channels: int = 8) -> None:
        self.asked.append(layer)
        self._case.set_layer(layer)


def make_bench() -> Workbench:
    case = Case()
    return Workbench(
        studies=StudyList(),
        case=case,
        view=ViewState(),
        jobs=JobList(),
        log=None,
        controller=FakeController(case),
        theme=Theme("dark"),
    )


def grey_frame(
    stored: np.ndarray | None = None,
    photometric: Photometric = Photometric.MONOCHROME2,
    **changes: object,
) -> Frame:
    """A CT-like frame of 40 rows and 60 columns: value = 10 × row + column."""
    if stored is None:
        stored = (10 * np.arange(40)[:, None] + np.arange(60)[None]).astype(np.uint16)
    known = {
        "bits_stored": 12,
        "provenance": Provenance(Path("scan.dcm"), modality="CT"),
        "modality": ModalityTransform(2.0, -100.0, "HU"),
        "windows": (Window(350.0, 900.0),),
    }
    return Frame(stored=stored, photometric=photometric, **(known | changes))


def color_frame() -> Frame:
    stored = np.zeros((20, 30, 3), np.uint8)
    stored[5, 7] = (10, 20, 30)
    return Frame(stored, Photometric.RGB, 8, Provenance(Path("skin.png")))


def squeezed(spacing: float) -> Frame:
    """A frame whose pixels are `spacing` times as high as wide."""
    return grey_frame(spacing=Spacing(spacing, 1.0))


def instance_of(frame: Frame, frames: int = 1) -> Instance:
    return Instance(frame.provenance, frame.shape, frames, str(frame.photometric), 12)


def plan_for(frame: Frame, size: int = 20, channels: int = 1, crop: bool = False) -> InputPlan:
    """The whole frame, or its middle square, to `size`²; values over the whole 12-bit scale."""
    low, high = (0.0, 255.0) if frame.is_color else (-100.0, 8090.0)
    rows, columns = frame.shape
    side = min(rows, columns)
    scale = size / side
    resized = (round(rows * scale), round(columns * scale)) if crop else (size, size)
    top, left = (resized[0] - size) // 2, (resized[1] - size) // 2
    return InputPlan(
        low=low,
        high=high,
        inverted=frame.photometric is Photometric.MONOCHROME1,
        resized=resized,
        crop=(top, left, size, size),
        channels=channels,
    )


def card(multi: bool = False, name: str = "First net", classes: tuple[str, ...] = ()) -> ModelCard:
    classes = classes or (("effusion", "mass", "nodule") if multi else ("naevus", "melanoma"))
    return ModelCard(
        id="net",
        name=name,
        architecture="compact-resnet",
        task="multi-label" if multi else "single-label",
        classes=classes,
        thresholds=(0.5, 0.4, 0.3) if multi else (),
        preprocessing=Preprocessing(height=20, width=20, channels=1),
        weights="net.safetensors",
    )


def says(of: ModelCard, *probabilities: float) -> Prediction:
    p = np.asarray(probabilities, np.float64)
    decisions = p >= np.asarray(of.thresholds) if of.multi_label else p == p.max()
    return Prediction(of, np.log(p / (1 - p)), p, decisions)


def turn() -> None:
    """What a turn of the event loop does for what changed in the one before."""
    QCoreApplication.sendPostedEvents()


def open_case(bench: Workbench, frame: Frame, labels: tuple[int, ...] | None = None) -> None:
    bench.case.set_frame(instance_of(frame), frame, labels)
    turn()


def predicted(
    bench: Workbench,
    frame: Frame,
    image: np.ndarray,
    plan: InputPlan,
    says_clean: Prediction | None = None,
) -> None:
    """Open `frame` with a model chosen and its clean prediction there."""
    open_case(bench, frame)
    bench.case.set_model("net")
    of = says_clean.card if says_clean else card()
    bench.case.set_loaded(LoadedModel("net", of, ("stem", "block1", "block2"), "cpu"))
    prediction = says_clean or says(of, 0.97, 0.03)
    bench.case.set_prediction(PredictResult(PredictRequest("net", frame), image, plan, prediction))
    turn()


def outcome(
    frame: Frame,
    plan: InputPlan,
    original: np.ndarray,
    adversarial: np.ndarray,
    clean: Prediction | None = None,
    attacked: Prediction | None = None,
    **changes: object,
) -> AttackOutcome:
    delta = adversarial - original
    known = {
        "request": AttackRequest("net", frame, PGD()),
        "plan": plan,
        "original": original,
        "adversarial": adversarial,
        "clean": clean or says(card(), 0.97, 0.03),
        "attacked": attacked or says(card(), 0.03, 0.97),
        "success": True,
        "steps": 3,
        "linf": float(np.abs(delta).max()),
        "l2": float(np.sqrt((delta**2).sum())),
        "reference": (0,),
        "reference_is_prediction": False,
        "second_clean": None,
        "second_attacked": None,
        "second_plan": None,
        "second_original": None,
        "second_adversarial": None,
        "device": "cpu",
        "seconds": 0.5,
    }
    return AttackOutcome(**(known | changes))
