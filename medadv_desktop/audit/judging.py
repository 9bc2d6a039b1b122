"""What a model says of images, and whether an attack's goal is achieved there.

Images are judged on the grid of a 16-bit picture, so that what is judged is what is saved.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from medadv_desktop.attacks.objectives import Objective
from medadv_desktop.audit.grid import GRID
from medadv_desktop.audit.requests import Prediction
from medadv_desktop.errors import AttackError
from medadv_desktop.imaging.frame import Frame
from medadv_desktop.jobs import CancelToken
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.input_plan import InputPlan
from medadv_desktop.models.preprocessing import model_input
from medadv_desktop.models.watch import watched


def prepared(frame: Frame, plan: InputPlan) -> torch.Tensor:
    """The model input of a frame on the grid: 1×C×H×W float32 in [0, 1], on the CPU."""
    return (model_input(frame, plan) * GRID).round() / GRID


def on_grid(original: torch.Tensor, adversarial: torch.Tensor) -> torch.Tensor:
    """`adversarial` on the grid of a 16-bit image, each pixel rounded towards `original`.

    What is judged is then what is saved, and no pixel leaves the budget. `original` is on the grid.
    """
    exact = (adversarial - original).double() * GRID
    nearest = exact.round()
    # 0.01 of a step of slack for float32 differences that fall a hair short of a grid point.
    steps = torch.where((exact - nearest).abs_() < 1e-2, nearest, exact.trunc_())
    levels = (original.double() * GRID).round_().add_(steps)
    return (levels.to(original.dtype) / GRID).clamp_(0, 1)


def difference(original: torch.Tensor, adversarial: torch.Tensor) -> torch.Tensor:
    """Adversarial minus original, both on the grid, in float64 and without rounding errors.

    In whole steps of the grid: float32 would add errors of its own to the norms.
    """
    after, before = ((image.double() * GRID).round_() for image in (adversarial, original))
    return after.sub_(before).div_(GRID)


def logits_of(model: DiagnosticModel, images: torch.Tensor, token: CancelToken) -> torch.Tensor:
    """N×K logits of N×C×H×W images on the model's device.

    Raises:
        AttackError: an output is not finite.
        JobCancelled: the token was cancelled, also within the pass.
    """
    with torch.no_grad(), watched(model.network, token):
        logits: torch.Tensor = model(images)
    if not bool(logits.isfinite().all()):
        raise AttackError(
            "gives outputs that are not finite for this image",
            subject=model.card.name,
            remedy="Check its weights and normalisation",
        )
    return logits


def judge(model: DiagnosticModel, image: torch.Tensor, token: CancelToken) -> Prediction:
    """What a model says of one image, 1×C×H×W.

    Raises:
        AttackError, JobCancelled: as `logits_of`.
    """
    return prediction_of(model, logits_of(model, image, token))


def prediction_of(model: DiagnosticModel, logits: torch.Tensor) -> Prediction:
    """What 1×K logits say, whether they are finite or not."""
    decisions = model.decisions(logits)[0]
    if not model.card.multi_label:
        decisions = torch.arange(logits.shape[1], device=logits.device) == decisions
    return Prediction(
        card=model.card,
        logits=logits[0].double().cpu().numpy(),
        probabilities=model.probabilities(logits.double())[0].cpu().numpy(),
        decisions=decisions.cpu().numpy(),
    )


def achieved(
    model: DiagnosticModel,
    objective: Objective,
    prediction: Prediction,
    reference: tuple[int, ...],
    clean: Prediction,
) -> bool:
    """Whether an attack's goal is achieved by a prediction, starting from the reference labels.

    `clean` is what the model says without the attack; some goals depend on it.
    """
    labels = torch.tensor([reference] if model.card.multi_label else reference)
    labels = objective.resolved(labels, torch.from_numpy(clean.logits)[None])
    logits = torch.from_numpy(prediction.logits)[None]
    cutoffs = None if model.cutoffs is None else model.cutoffs.cpu().double()
    return bool(objective.achieved(logits, labels, cutoffs)[0])


def as_array(tensor: torch.Tensor) -> NDArray[np.float32]:
    """A detached copy on the CPU, fit to cross into another thread."""
    return np.ascontiguousarray(tensor.detach().float().cpu().numpy()).copy()
