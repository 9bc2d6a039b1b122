"""What can be asked of the engine and what it answers: frozen values of plain data, no torch.

Requests cross into the compute thread, results come back out: every array is a detached copy on
the CPU.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.objectives import Objective, Untargeted
from medadv_desktop.imaging.frame import Frame
from medadv_desktop.models.card import ModelCard
from medadv_desktop.models.input_plan import InputPlan


@dataclass(frozen=True)
class LoadRequest:
    """Load a model, so that its card and layers are known. Answer: `LoadedModel`."""

    model: str


@dataclass(frozen=True)
class LoadedModel:
    """`model` is the id or path it was asked for by; `layers` are tappable, input side first."""

    model: str
    card: ModelCard
    layers: tuple[str, ...]
    device: str


@dataclass(frozen=True, eq=False)
class PredictRequest:
    """Predict one frame by one model. Answer: `PredictResult`."""

    model: str
    frame: Frame


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of one image.

    Attributes:
        card: of the model.
        logits, probabilities: K float64.
        decisions: K bool: the class with the largest logit (single-label), or the findings at or
            above their thresholds (multi-label).
    """

    card: ModelCard
    logits: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    decisions: NDArray[np.bool_]

    @property
    def decided(self) -> tuple[str, ...]:
        """Names of the decided classes; empty where a multi-label model reports nothing."""
        return tuple(c for c, d in zip(self.card.classes, self.decisions, strict=True) if d)


@dataclass(frozen=True, eq=False)
class PredictResult:
    """`image` is the model input, C×H×W float32 in [0, 1]; `plan` tells how it was made."""

    request: PredictRequest
    image: NDArray[np.float32]
    plan: InputPlan
    prediction: Prediction


@dataclass(frozen=True, eq=False)
class AttackRequest:
    """Attack one frame. Answer: `AttackOutcome`.

    Attributes:
        model: id or card path of the model that is attacked.
        labels: the true labels (one class index, or 0/1 per finding); None where unknown: the
            clean prediction is the reference then.
        second_model: judges the same two images; "" for none.
    """

    model: str
    frame: Frame
    attack: Attack
    objective: Objective = field(default_factory=Untargeted)
    labels: tuple[int, ...] | None = None
    second_model: str = ""
    seed: int = 0


@dataclass(frozen=True, eq=False)
class AttackOutcome:
    """One frame attacked.

    Attributes:
        plan: how the frame became the attacked model's input.
        original, adversarial: C×H×W float32 in [0, 1], the attacked model's input.
        clean, attacked: what the attacked model says of the two.
        success: the objective is achieved at `adversarial`.
        steps: gradient steps taken.
        linf, l2: norms of adversarial minus original, in units of the [0, 1] grey scale; padding
            is left out.
        reference: the labels attacked, as in the request; `reference_is_prediction` says that
            they are the clean prediction, for want of true labels.
        second_clean, second_attacked: what the second model says, None without one.
        seconds: wall time of the attack itself.
        notes: what a reader of the result should know (resampling for the second model, ...).
    """

    request: AttackRequest
    plan: InputPlan
    original: NDArray[np.float32]
    adversarial: NDArray[np.float32]
    clean: Prediction
    attacked: Prediction
    success: bool
    steps: int
    linf: float
    l2: float
    reference: tuple[int, ...]
    reference_is_prediction: bool
    second_clean: Prediction | None
    second_attacked: Prediction | None
    second_plan: InputPlan | None
    second_original: NDArray[np.float32] | None
    second_adversarial: NDArray[np.float32] | None
    device: str
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def perturbation(self) -> NDArray[np.float32]:
        """Adversarial minus original, C×H×W, signed."""
        return self.adversarial - self.original


@dataclass(frozen=True, eq=False)
class RecheckRequest:
    """Judge a frame against the goal of an attack that was carried over to it: a file exported
    from the outcome. Answer: `RecheckResult`.

    Attributes:
        unmarked: the frame without the mark burned into it, None where there is no mark. A mark
            alone may change a prediction.
    """

    outcome: AttackOutcome
    frame: Frame
    unmarked: Frame | None = None


@dataclass(frozen=True, eq=False)
class RecheckResult:
    """What the attacked model says of the frame; `success`: the attack's goal is achieved there.

    The same of the unmarked frame; None where there is no mark.
    """

    request: RecheckRequest
    prediction: Prediction
    success: bool
    unmarked_prediction: Prediction | None = None
    unmarked_success: bool | None = None


@dataclass(frozen=True, eq=False)
class FeatureRequest:
    """Feature maps of one layer on two model inputs (C×H×W). Answer: `FeatureResult`.

    The `channels` that change most come back, most changed first.
    """

    model: str
    layer: str
    original: NDArray[np.float32]
    adversarial: NDArray[np.float32] | None
    channels: int = 8


@dataclass(frozen=True, eq=False)
class FeatureResult:
    """Feature maps.

    Attributes:
        original, adversarial: k×h×w float32; adversarial is None where none was asked for.
        channels: index in the layer of each of the k maps.
        change: k: L2 norm of the difference over L2 norm of the original map; the original's
            share of the layer's energy where there is no adversarial.
        distance: relative feature distance of the whole layer, ‖f(x+δ) − f(x)‖₂ / ‖f(x)‖₂.
    """

    request: FeatureRequest
    original: NDArray[np.float32]
    adversarial: NDArray[np.float32] | None
    channels: tuple[int, ...]
    change: NDArray[np.float64]
    distance: float


@dataclass(frozen=True)
class WarmUp:
    """Import the engine's libraries. Answer: `EngineReady`."""


@dataclass(frozen=True)
class EngineReady:
    """The engine's libraries are loaded. `devices` are those a user may choose from."""

    device: str
    device_title: str
    devices: tuple[str, ...]
    versions: tuple[tuple[str, str], ...]


Request = WarmUp | LoadRequest | PredictRequest | AttackRequest | RecheckRequest | FeatureRequest
