"""What can be asked of the engine and what it answers: frozen values of plain data, no torch.

Requests cross into the compute thread, results come back out: every array is a detached copy on
the CPU.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.attacks.attack import Attack, Precision
from medadv_desktop.attacks.objectives import Objective, Untargeted
from medadv_desktop.attacks.trust.suspicion import Suspicion
from medadv_desktop.imaging.frame import Frame
from medadv_desktop.models.card import ModelCard
from medadv_desktop.models.input_plan import InputPlan

if TYPE_CHECKING:
    from medadv_desktop.models.checking import ModelWarning
    from medadv_desktop.models.proposal import CardProposal


@dataclass(frozen=True)
class LoadRequest:
    """Load a model, so that its card and layers are known. Answer: `LoadedModel`.

    `allow_code`: the user was asked and agreed that the model's Python file runs. The engine
    remembers it for this model until it ends, so later requests by the same name need not say it.
    """

    model: str
    allow_code: bool = False


@dataclass(frozen=True)
class LoadedModel:
    """`model` is the id or path it was asked for by; `layers` are tappable, input side first.

    Attributes:
        white_box: gradients pass through it; without them only attacks by scores or decisions fit.
        notes: what was converted or left out when it was loaded.
    """

    model: str
    card: ModelCard
    layers: tuple[str, ...]
    device: str
    white_box: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProposeCardRequest:
    """Work out a model card from a model file. Answer: `ProposedCard`.

    `shape`: channels, height, width, for a network that does not say its input and takes none of
    the usual ones; None otherwise.
    """

    path: Path
    allow_code: bool = False
    shape: tuple[int, int, int] | None = None


@dataclass(frozen=True, eq=False)
class ProposedCard:
    """The card to be looked over, with what was guessed and why."""

    request: ProposeCardRequest
    proposal: CardProposal


@dataclass(frozen=True, eq=False)
class CheckModelRequest:
    """Run a card that need not be on disk yet on sample frames. Answer: `CheckedModel`.

    Attributes:
        card, folder: the weights lie in `folder`.
        frames: the samples.
        labels: per frame one class index, or 0/1 per finding; None where unknown.
    """

    card: ModelCard
    folder: Path
    frames: tuple[Frame, ...]
    labels: tuple[tuple[int, ...], ...] | None = None
    allow_code: bool = False


@dataclass(frozen=True, eq=False)
class CheckedModel:
    """What a model made of the samples.

    Attributes:
        warnings: signs that the card is wrong; () where none was found.
        inputs: per frame the model input, C×H×W float32 in [0, 1].
        plans: per frame how it was made.
        predictions: per frame.
        layers, white_box, notes: as in `LoadedModel`.
    """

    request: CheckModelRequest
    warnings: tuple[ModelWarning, ...]
    inputs: tuple[NDArray[np.float32], ...]
    plans: tuple[InputPlan, ...]
    predictions: tuple[Prediction, ...]
    layers: tuple[str, ...]
    white_box: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class PredictManyRequest:
    """Predict several frames by one model. Answer: `ManyPredictions`.

    While it runs, `Partial((index, Prediction))` after each frame.
    """

    model: str
    frames: tuple[Frame, ...]


@dataclass(frozen=True, eq=False)
class ManyPredictions:
    """A prediction per frame, or the reason why there is none, in the order asked for."""

    request: PredictManyRequest
    predictions: tuple[Prediction | str, ...]


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
        sample_id: number by which the sample draws from the seed, as an audit made it of its name;
            None takes that of the first sample of a batch.
        precision: what the search runs on, see `Attack.run`.
    """

    model: str
    frame: Frame
    attack: Attack
    objective: Objective = field(default_factory=Untargeted)
    labels: tuple[int, ...] | None = None
    second_model: str = ""
    seed: int = 0
    sample_id: int | None = None
    precision: Precision = "exact"


@dataclass(frozen=True, eq=False)
class AttackOutcome:
    """One frame attacked.

    Attributes:
        plan: how the frame became the attacked model's input.
        original, adversarial: C×H×W float32 in [0, 1], the attacked model's input.
        clean, attacked: what the attacked model says of the two.
        success: the objective is achieved at `adversarial`.
        steps: gradient steps taken.
        linf, l2, l1: norms of adversarial minus original, in units of the [0, 1] grey scale; l0:
            pixels changed. Padding is left out.
        queries: images that the model looked at during the attack.
        reference: the labels attacked, as in the request; `reference_is_prediction` says that
            they are the clean prediction, for want of true labels.
        second_clean, second_attacked: what the second model says, None without one.
        seconds: wall time of the attack itself.
        notes: what a reader of the result should know (resampling for the second model, ...).
        suspicions: why a failed attack may say more of the attack than of the model; looked for
            where the goal was not reached.
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
    queries: int = 0
    l1: float = 0.0
    l0: int = 0
    suspicions: tuple[Suspicion, ...] = ()

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
        distance: relative feature distance of the whole layer, ‖f(x+δ) − f(x)‖₂ / ‖f(x)‖₂; NaN
            (undefined) where f(x) is all zero and f(x+δ) is not.
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


Request = (
    WarmUp
    | LoadRequest
    | ProposeCardRequest
    | CheckModelRequest
    | PredictRequest
    | PredictManyRequest
    | AttackRequest
    | RecheckRequest
    | FeatureRequest
)
