"""One response asked of one model: images, targets, and the ways to look at the network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from medadv_desktop.analysis.activations import (
    check_batch,
    first_tensor,
    layers_that_ran,
    needs_maps,
    visiting,
)
from medadv_desktop.analysis.response.method import Response, ResponseMethod
from medadv_desktop.errors import AnalysisError
from medadv_desktop.jobs import CancelToken, Emit, Progress
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.isolation import undisturbed

ZERO_NOTE = (
    "there is no response anywhere: nothing in this layer speaks for what was asked about, or the "
    "score does not depend on the layer's places"
)


@dataclass(frozen=True, eq=False)
class Question:
    """What a method works with; everything is checked already.

    Attributes:
        images: N×C×H×W in [0, 1].
        targets: N int64 on the same device.
    """

    model: DiagnosticModel
    images: Tensor
    targets: Tensor
    token: CancelToken
    emit: Emit

    def scores(self, logits: Tensor, targets: Tensor) -> Tensor:
        """N: the logit of each target.

        A network with one output for two classes has logits (0, z); the score of the first class
        is then −z, for a constant would have no response.
        """
        picked = logits.gather(1, targets[:, None])[:, 0]
        if not self.model.reading.single or logits.shape[1] != 2:
            return picked
        return picked - logits.gather(1, 1 - targets[:, None])[:, 0]

    def scores_of(self, images: Tensor, row: int) -> Tensor:
        """M: what the target of the row gets on M×C×H×W images; no gradients."""
        with torch.no_grad():
            return self.scores(self.model(images), self.targets[row].expand(len(images)))

    def progress(self, done: int, total: int, what: str) -> None:
        """Tell how far it is, and stop if asked to."""
        self.token.check()
        self.emit(Progress(done, total, what))

    def candidates(self, layer: str) -> tuple[str, ...]:
        """The layer, or where it is "" those with more than one place and channel, last first.

        A network may name it itself in an attribute `response_layer`.

        Raises:
            AnalysisError: there is none.
            ModelError: the layers cannot be read.
        """
        named = layer or getattr(self.model.network, "response_layer", "")
        if named:
            return (str(named),)
        if not self.model.layers():
            self.model.layer("")  # says why there is none
        check_batch(self.model, self.images[:1], self.model.card.name)
        found = [
            name
            for name, reading in reversed(layers_that_ran(self.model, self.images[:1]))
            if reading.kind == "tokens"
            or (reading.kind == "maps" and reading.shape[0] > 1 and min(reading.shape[1:]) > 1)
        ]
        if not found:
            raise AnalysisError(
                "has no layer with feature maps",
                subject=self.model.card.name,
                remedy="Choose integrated gradients or occlusion, which need none",
            )
        return tuple(found)

    def activations(self, layer: str) -> Tensor:
        """N×C×h×w of a layer, detached.

        Raises:
            AnalysisError: the layer does not run, or has no places.
        """
        kept: list[Tensor] = []

        def keep(_name: str, output: object) -> None:
            tensor, _ = first_tensor(output)
            kept[:] = [] if tensor is None else [tensor.clone()]

        check_batch(self.model, self.images, layer)
        with torch.no_grad(), visiting(self.model, (layer,), keep):
            self.model(self.images)
        return needs_maps(layer, _the_one(layer, kept, len(self.images)))

    def activations_and_gradients(self, layer: str) -> tuple[Tensor, Tensor]:
        """N×C×h×w of a layer, and the gradient of each image's score with respect to it.

        The graph begins behind the layer, so nothing before it is differentiated, and the layer's
        output may be overwritten in place by what follows.

        Raises:
            AnalysisError: the layer does not run, or has no places.
        """
        kept: list[Tensor] = []

        def cut(_name: str, output: object) -> object:
            tensor, _ = first_tensor(output)
            if tensor is None:
                return None
            leaf = tensor.detach().requires_grad_()
            kept[:] = [leaf]
            return _with(output, tensor, leaf.clone())

        check_batch(self.model, self.images, layer)
        with visiting(self.model, (layer,), cut):
            logits = self.model(self.images)
        leaf = _the_one(layer, kept, len(self.images))
        score = self.scores(logits, self.targets).sum()
        gradient: Tensor | None = None
        if score.requires_grad:
            (gradient,) = torch.autograd.grad(score, leaf, allow_unused=True)
        slope = torch.zeros_like(leaf) if gradient is None else gradient
        return needs_maps(layer, leaf.detach()), needs_maps(layer, slope)


def _the_one(layer: str, kept: list[Tensor], count: int) -> Tensor:
    if not kept or len(kept[0]) != count:
        raise AnalysisError(
            "does not give one output for an image"
            if kept
            else "gives no features when the network looks at an image",
            subject=layer,
            remedy="Choose another layer",
        )
    return kept[0]


def _with(output: object, tensor: Tensor, replacement: Tensor) -> object:
    """The output with one of its tensors replaced."""
    if isinstance(output, Tensor):
        return replacement
    if isinstance(output, dict):
        return type(output)((k, replacement if v is tensor else v) for k, v in output.items())
    assert isinstance(output, tuple | list)
    parts = [replacement if part is tensor else part for part in output]
    return output._make(parts) if hasattr(output, "_make") else type(output)(parts)


def answered(
    method: ResponseMethod,
    model: DiagnosticModel,
    images: Tensor,
    targets: tuple[int, ...],
    token: CancelToken,
    emit: Emit,
) -> Response:
    """Check, ask, and bring the maps to the images' size; see `ResponseMethod.run`."""
    method.check_model(model.card.name, model.white_box)
    classes = model.card.classes
    if len(targets) != len(images) or not all(0 <= t < len(classes) for t in targets):
        raise AnalysisError(
            f"{targets} are not a class or finding for each of {len(images)} images",
            subject=model.card.name,
            remedy=f"Give indices from 0 to {len(classes) - 1}",
        )
    rows = torch.tensor(targets, device=images.device)
    question = Question(model, images.detach(), rows, token, emit)
    with undisturbed(model, images.device, 0, token):
        token.check()
        with torch.no_grad():
            scores = question.scores(model(question.images), rows)
        if not bool(scores.isfinite().all()):
            raise AnalysisError(
                "gives outputs that are not finite for this image",
                subject=model.card.name,
                remedy="Check its weights and normalisation",
            )
        answer = method.respond(question)
    coarse = answer.maps.detach()
    fine = F.interpolate(
        coarse[:, None].float(), images.shape[-2:], mode="bilinear", align_corners=False
    )[:, 0]
    notes = answer.notes
    if not bool((fine != 0).flatten(1).any(dim=1).all()):
        notes = (*notes, ZERO_NOTE)
    return Response(
        method=method,
        layer=answer.layer,
        maps=_float32(fine),
        coarse=_float32(coarse),
        targets=targets,
        scores=scores.double().cpu().numpy(),
        unexplained=None
        if answer.unexplained is None
        else answer.unexplained.detach().double().cpu().numpy(),
        notes=notes,
    )


def _float32(maps: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(maps.float().cpu().numpy()).copy()
