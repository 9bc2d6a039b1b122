"""What can be asked about one image, attacked or not, and the answers: plain data, no torch.

As in `requests`, every array is a detached copy on the CPU.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.analysis.perturbation.visibility import Display
from medadv_desktop.analysis.response.method import ResponseMethod
from medadv_desktop.analysis.response.overlap import TOP_SHARE, Inside, Overlap
from medadv_desktop.audit.requests import AttackOutcome, Prediction
from medadv_desktop.imaging.frame import Voi
from medadv_desktop.models.input_plan import InputPlan

if TYPE_CHECKING:
    from medadv_desktop.analysis.along import AlongAttack
    from medadv_desktop.analysis.features.distances import FeatureCurve
    from medadv_desktop.analysis.features.maps import FeatureMaps
    from medadv_desktop.analysis.perturbation.figures import Perturbation
    from medadv_desktop.analysis.perturbation.visibility import Visibility

_Image = NDArray[np.float32]

Target = int | Literal["predicted", "own"]
"""A class or finding of the first view's model, by index; what that model predicts for the first
view; or what each view's model predicts for that view.

Other models are asked about the class of the same name. Predicted is the class or finding with the
largest probability.
"""


@dataclass(frozen=True, eq=False)
class View:
    """One model looking at one image.

    Attributes:
        name: "clean", "adversarial", "defended clean", ...: unique among those of a request.
        model: id or card path.
        image: C×H×W float32 in [0, 1], the model's input.
        plan: how the frame became it; needed to carry a mask over.
        layer: whose maps are weighed, instead of the method's own; "" for the method's.
    """

    name: str
    model: str
    image: _Image
    plan: InputPlan
    layer: str = ""


@dataclass(frozen=True, eq=False)
class ExplainRequest:
    """Where answers come from, by one method on several views. Answer: `Explanation`.

    Attributes:
        views: at least one.
        method: the same for all.
        target: see `Target`.
        mask: h×w bool of the frame (or of the model input): where the lesion is; None for none.
        frame_shape: height and width of the frame.
        top_share: what regions are made of, see `analysis.response.overlap.region`.
    """

    views: tuple[View, ...]
    method: ResponseMethod
    target: Target = "predicted"
    mask: NDArray[np.bool_] | None = None
    frame_shape: tuple[int, int] = (0, 0)
    top_share: float = TOP_SHARE


@dataclass(frozen=True, eq=False)
class ExplainedView:
    """One view's response.

    Attributes:
        target: the class or finding that was asked about.
        score: what was explained, in logits.
        response: H×W float32 of the image's size; negative values of a signed method speak against
            the target.
        layer: where the method looked, "" for the image itself.
        mask: H×W bool, the mask as this model sees it; None without one.
        inside: how much of the response lies inside it; None without a mask that fits.
        unexplained: of integrated gradients: how far the attributions are from adding up, in
            logits; None for other methods.
        notes: what a reader should know.
    """

    view: View
    prediction: Prediction
    target: int
    score: float
    response: _Image
    layer: str
    mask: NDArray[np.bool_] | None
    inside: Inside | None
    unexplained: float | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ViewOverlap:
    """How far the responses of two views agree; None where `reason` says why they cannot."""

    first: str
    second: str
    overlap: Overlap | None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Explanation:
    """The views in the order of the request, and every pair of them."""

    request: ExplainRequest
    views: tuple[ExplainedView, ...]
    overlaps: tuple[ViewOverlap, ...]


def views_of(outcome: AttackOutcome) -> tuple[View, ...]:
    """The original and the adversarial as the attacked model sees them, and as a second one does.

    The second model's views are named "second clean" and "second adversarial".
    """
    request = outcome.request
    views = [
        View("clean", request.model, outcome.original, outcome.plan),
        View("adversarial", request.model, outcome.adversarial, outcome.plan),
    ]
    original, adversarial = outcome.second_original, outcome.second_adversarial
    if outcome.second_plan is not None and original is not None and adversarial is not None:
        second, plan = request.second_model, outcome.second_plan
        views += [
            View("second clean", second, original, plan),
            View("second adversarial", second, adversarial, plan),
        ]
    return tuple(views)


@dataclass(frozen=True, eq=False)
class LayerMapsRequest:
    """All or the most changed channels of one layer, of any kind. Answer: `LayerMaps`.

    Attributes:
        original, adversarial: C×H×W model inputs; adversarial may be None.
        channels: how many come back; None for all.
    """

    model: str
    layer: str
    original: _Image
    adversarial: _Image | None = None
    channels: int | None = None


@dataclass(frozen=True, eq=False)
class LayerMaps:
    request: LayerMapsRequest
    maps: FeatureMaps


@dataclass(frozen=True, eq=False)
class LayerCurveRequest:
    """Relative feature distance along the network. Answer: `LayerCurve`.

    Attributes:
        original, adversarial: C×H×W model inputs.
        layers: names; None for all that run.
    """

    model: str
    original: _Image
    adversarial: _Image
    layers: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class LayerCurve:
    """`curve.distances` is L×1."""

    request: LayerCurveRequest
    curve: FeatureCurve


@dataclass(frozen=True, eq=False)
class PerturbationRequest:
    """What a perturbation is in the image, and whether it can be seen. Answer: `PerturbationView`.

    Attributes:
        outcome: the attack; its first model's images are looked at.
        voi: the window or table that the frame is shown through now, in modality values.
        display: what it is shown on.
    """

    outcome: AttackOutcome
    voi: Voi
    display: Display = field(default_factory=Display)


@dataclass(frozen=True, eq=False)
class PerturbationView:
    """Padding takes no part in norms, spectrum and visibility."""

    request: PerturbationRequest
    perturbation: Perturbation
    visibility: Visibility


@dataclass(frozen=True, eq=False)
class AlongRequest:
    """The recorded steps of an attack, looked at once more. Answer: `Along`.

    Attributes:
        outcome: the attack that took this way.
        images: S of C×H×W, as its previews showed them.
        steps: their numbers.
        layers: whose distances; None for all that can be read, () for none.
    """

    outcome: AttackOutcome
    images: tuple[_Image, ...]
    steps: tuple[int, ...]
    layers: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class Along:
    request: AlongRequest
    way: AlongAttack


AnalysisRequest = (
    ExplainRequest | LayerMapsRequest | LayerCurveRequest | PerturbationRequest | AlongRequest
)
AnalysisAnswer = Explanation | LayerMaps | LayerCurve | PerturbationView | Along
