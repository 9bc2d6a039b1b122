"""What every response method is: a frozen value with `run`. Fields are readable without torch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from medadv_desktop.errors import AnalysisError
from medadv_desktop.jobs import CancelToken, Emit, silent
from medadv_desktop.settings import Settings

if TYPE_CHECKING:
    import torch

    from medadv_desktop.analysis.response.question import Question
    from medadv_desktop.models.diagnostic import DiagnosticModel

Needs = Literal["gradients", "scores"]


@dataclass(frozen=True, eq=False)
class Answer:
    """What a method found, on the model's device.

    Attributes:
        maps: N×h×w, of the layer's size or of the image's.
        layer: where it looked; "" for the image itself.
        notes: what a reader should know.
        unexplained: N, for attributions that should add up to the change in score from a baseline:
            that change minus their sum; None for other methods.
    """

    maps: torch.Tensor
    layer: str = ""
    notes: tuple[str, ...] = ()
    unexplained: torch.Tensor | None = None


@dataclass(frozen=True, eq=False)
class Response:
    """Response maps of N images.

    Attributes:
        method: its settings.
        layer: where it looked, "" for the image itself.
        maps: N×H×W float32 of the images' size; nonnegative, unless the method is `signed`.
        coarse: N×h×w float32, as the layer gave them, before bilinear enlargement.
        targets: N class or finding indices that were asked about.
        scores: N float64, what was explained: the logit of the class or finding (of a network
            with one output for two classes: the logit of the one against the other).
        unexplained: N float64, see `Answer`; None for most methods.
        notes: what a reader should know.
    """

    method: ResponseMethod
    layer: str
    maps: NDArray[np.float32]
    coarse: NDArray[np.float32]
    targets: tuple[int, ...]
    scores: NDArray[np.float64]
    unexplained: NDArray[np.float64] | None
    notes: tuple[str, ...]


class ResponseMethod(Settings):
    """Base of all response methods.

    Attributes:
        name: the word on the command line; `title` the one for people.
        summary: one line; `reference`: the paper.
        needs: what must be seen of the model: gradients, or logits alone.
        signed: negative values speak against the class or finding.
        class_specific: depends on the class or finding asked about.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    reference: ClassVar[str]
    needs: ClassVar[Needs] = "gradients"
    signed: ClassVar[bool] = False
    class_specific: ClassVar[bool] = True

    @abstractmethod
    def respond(self, question: Question) -> Answer:
        """The maps of the question's images; the model may be used freely."""

    def run(
        self,
        model: DiagnosticModel,
        images: torch.Tensor,
        targets: Sequence[int],
        *,
        token: CancelToken | None = None,
        emit: Emit = silent,
    ) -> Response:
        """Where in each image the score of a class or finding comes from.

        Args:
            model: left exactly as it was: parameters, gradients, buffers, modes, RNG.
            images: N×C×H×W floating point within [0, 1] on the model's device.
            targets: a class or finding for each image.
            token: checked inside every forward and backward pass.
            emit: gets `Progress` of the slow methods.

        Raises:
            AnalysisError: the model gives no gradients, has no layer of the kind needed, gives
                outputs that are not finite, or has no such class.
            ModelError: there is no such layer, or the layers cannot be read.
            JobCancelled: the token was cancelled.
        """
        from medadv_desktop.analysis.response.question import answered

        return answered(self, model, images, tuple(targets), token or CancelToken(), emit)

    def check_model(self, name: str, white_box: bool) -> None:
        """The part of the checks that needs neither torch nor the network.

        Raises:
            AnalysisError: the method needs gradients that the model does not give.
        """
        if self.needs == "gradients" and not white_box:
            raise AnalysisError(
                f"needs gradients, which {name} does not give",
                subject=self.title,
                remedy="Choose occlusion, which needs scores alone",
            )


class LayerMethod(ResponseMethod):
    """A method that weighs the feature maps of one layer."""

    layer: str = Field(
        "", description="Whose feature maps are weighed; nothing means the last with maps"
    )
