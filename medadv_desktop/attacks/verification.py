"""The attacks' public door: what is given is checked here, once; behind it loops are bare."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from medadv_desktop.attacks.objectives import Objective
from medadv_desktop.errors import AttackError
from medadv_desktop.models.card import ModelCard
from medadv_desktop.models.diagnostic import DiagnosticModel


def verified_labels(
    model: DiagnosticModel, images: Tensor, labels: Tensor, objective: Objective
) -> Tensor:
    """Check what an attack is given; the labels come back on the images' device.

    Returns:
        N int64 (single-label) or N×K bool (multi-label).

    Raises:
        AttackError: images, labels or objective do not fit the model or each other.
    """
    _check_images(images, model.card)
    _check_same_place(images, model)
    check = _present_findings if model.card.multi_label else _class_indices
    checked = check(labels, len(images), len(model.card.classes)).to(images.device)
    objective.check_labels(checked)
    return checked


def verified_ids(sample_ids: Sequence[int] | None, samples: int) -> tuple[int, ...]:
    """The sample ids, or places in the batch where none are given.

    Raises:
        AttackError: not one id per sample.
    """
    ids = tuple(range(samples)) if sample_ids is None else tuple(int(i) for i in sample_ids)
    if len(ids) != samples:
        raise AttackError(f"{len(ids)} ids for {samples} images", subject="sample_ids")
    return ids


def _check_images(images: Tensor, card: ModelCard) -> None:
    shape = tuple(images.shape)
    if images.ndim != 4 or shape[1:] != card.input_shape:
        wanted = "×".join(str(n) for n in card.input_shape)
        raise _bad_images(
            f"are {'×'.join(str(n) for n in shape) or 'a single number'}; {card.name} takes "
            f"N×{wanted}",
            "Prepare them with the model's own preprocessing",
        )
    if len(images) == 0:
        raise _bad_images("are none: the batch is empty", "Give at least one image")
    if images.dtype not in (torch.float32, torch.float64):
        raise _bad_images(
            f"are {_dtype(images)}; an attack needs float32 or float64, for its steps are smaller "
            "than coarser types can tell apart",
            "Convert them",
        )
    low, high = images.aminmax()
    if not (torch.isfinite(low) and torch.isfinite(high)):
        raise _bad_images("hold NaN or infinite values", "Look at how they were prepared")
    if low < 0 or high > 1:
        raise _bad_images(
            f"reach from {low.item():g} to {high.item():g}; the model input lies within [0, 1]",
            "Leave mean and standard deviation to the model, which holds them",
        )


def _check_same_place(images: Tensor, model: DiagnosticModel) -> None:
    weight = next((p for p in model.parameters() if p.is_floating_point()), None)
    if weight is None:
        return
    if weight.device != images.device:
        raise _bad_images(
            f"are on {images.device}, the model on {weight.device}", "Move one to the other"
        )
    if weight.dtype != images.dtype:
        raise _bad_images(
            f"are {_dtype(images)}, the model computes in {_dtype(weight)}",
            "Convert one to the other",
        )


def _class_indices(labels: Tensor, samples: int, classes: int) -> Tensor:
    if labels.ndim != 1 or len(labels) != samples or labels.is_floating_point():
        raise _bad_labels(
            f"are {_shape(labels)} {_dtype(labels)}; a single-label model takes one class index "
            f"for each of the {samples} images",
        )
    outside = ((labels < 0) | (labels >= classes)).nonzero().flatten().tolist()
    if outside:
        first = outside[0]
        raise _bad_labels(
            f"name class {int(labels[first])} for sample {first}; the classes are 0 to "
            f"{classes - 1}"
        )
    return labels.to(torch.int64)


def _present_findings(labels: Tensor, samples: int, findings: int) -> Tensor:
    if tuple(labels.shape) != (samples, findings):
        raise _bad_labels(
            f"are {_shape(labels)}; a multi-label model takes 0 or 1 for each of the {samples} "
            f"images and {findings} findings, {samples}×{findings}"
        )
    odd = ((labels != 0) & (labels != 1)).nonzero().tolist()
    if odd:
        sample, finding = odd[0]
        raise _bad_labels(
            f"say {labels[sample, finding].item():g} for finding {finding} of sample {sample}",
            "Write 1 for present and 0 for absent; leave out samples that are uncertain",
        )
    return labels.bool()


def _bad_images(reason: str, remedy: str) -> AttackError:
    return AttackError(reason, subject="images", remedy=remedy)


def _bad_labels(reason: str, remedy: str = "") -> AttackError:
    return AttackError(reason, subject="labels", remedy=remedy)


def _shape(tensor: Tensor) -> str:
    return "×".join(str(n) for n in tensor.shape) or "a single number"


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
