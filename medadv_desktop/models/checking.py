"""Signs that a model was understood wrongly: its outputs, classes and normalisation on a sample.

What is looked for is what a wrong card does: outputs that do not depend on the image, accuracy
below chance, probabilities stuck at 0 and 1, classes in another order, another normalisation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from medadv_desktop.errors import ModelError
from medadv_desktop.jobs import CancelToken
from medadv_desktop.models.assignment import best_assignment
from medadv_desktop.models.card import ModelCard
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.roc import roc_areas
from medadv_desktop.models.watch import watched

Sign = Literal[
    "constant", "below-chance", "saturated", "class-order", "normalisation", "not-finite",
    "not-deterministic",
]  # fmt: skip

_BATCH: Final = 16
_SHUFFLES: Final = 500
_SIGNIFICANT: Final = 0.01
_LEAST_SATURATED: Final = 8
# Beyond it a float32 probability is 0 or 1 to four digits.
_SATURATED_LOGIT: Final = 12.0
_SATURATED_SHARE: Final = 0.95
# Mean distance from the statistics that the first normalisation layer learnt, in its own standard
# deviations and in logarithms of its variance. Measured on the demo models with 40 phantoms each:
# at most 0.1 under the right card, at least 1.8 without normalisation.
_FAR: Final = 1.0
_MUCH_NEARER: Final = 0.5


@dataclass(frozen=True)
class ModelWarning:
    """A sign that something about a model is wrong; `remedy` says what to look at."""

    sign: Sign
    message: str
    remedy: str


def check_model(
    model: DiagnosticModel,
    images: Tensor,
    labels: Sequence[int] | NDArray[np.bool_] | None = None,
    token: CancelToken | None = None,
) -> tuple[ModelWarning, ...]:
    """Run a model on a sample and tell what looks wrong; nothing means that nothing was found.

    Args:
        images: N×C×H×W in [0, 1]; a few dozen of all classes say most.
        labels: N class indices (single-label) or N×K bool findings; None if unknown.

    Raises:
        ModelError: no images, or labels that do not fit the model.
        JobCancelled: the token was cancelled.
    """
    truth = _verified(model, images, labels)
    token = token or CancelToken()
    logits = _logits(model, images, token)
    if not np.isfinite(logits).all():
        return (
            ModelWarning(
                "not-finite",
                f"{int((~np.isfinite(logits).all(axis=1)).sum())} of {len(logits)} images give "
                "outputs that are not finite",
                "Check mean and standard deviation, and the weights",
            ),
        )
    warnings = [
        _not_deterministic(model, images, logits, token),
        _constant(logits, images),
        _saturated(logits, model),
        _wrong_normalisation(model, images, token),
    ]
    if truth is not None:
        many = model.card.multi_label
        order = (_findings_order if many else _class_order)(logits, truth, model.card)
        below = (_findings_below_chance if many else _below_chance)(logits, truth)
        turned = None if order else _turned(model, images, logits, truth, token)
        # Another order explains an accuracy below chance, and the other way round it does not.
        warnings += [order or below, turned]
    return tuple(warning for warning in warnings if warning)


def _verified(
    model: DiagnosticModel, images: Tensor, labels: Sequence[int] | NDArray[np.bool_] | None
) -> NDArray[np.generic] | None:
    if not len(images):
        raise ModelError("there are no images to check it with", subject=model.card.name)
    if labels is None:
        return None
    truth = np.asarray(labels)
    classes = len(model.card.classes)
    expected = (len(images), classes) if model.card.multi_label else (len(images),)
    if truth.shape != expected:
        raise ModelError(
            f"labels of shape {truth.shape} for {len(images)} images and {classes} classes",
            subject=model.card.name,
        )
    if not model.card.multi_label and (truth.min() < 0 or truth.max() >= classes):
        raise ModelError(f"a label lies outside 0 to {classes - 1}", subject=model.card.name)
    return truth.astype(bool) if model.card.multi_label else truth.astype(int)


def _logits(model: DiagnosticModel, images: Tensor, token: CancelToken) -> NDArray[np.float64]:
    parts = []
    with torch.no_grad(), watched(model.network, token):
        for start in range(0, len(images), _BATCH):
            batch = images[start : start + _BATCH]
            parts.append(model(batch.to(model.mean.device)).double().cpu())
    result: NDArray[np.float64] = torch.cat(parts).numpy()
    return result


def _not_deterministic(
    model: DiagnosticModel, images: Tensor, logits: NDArray[np.float64], token: CancelToken
) -> ModelWarning | None:
    again = _logits(model, images[:2], token)
    if np.allclose(again, logits[:2], rtol=1e-3, atol=1e-3):
        return None
    return ModelWarning(
        "not-deterministic",
        "the same image gives other outputs in another run",
        "Export the network in evaluation mode: model.eval()",
    )


def _constant(logits: NDArray[np.float64], images: Tensor) -> ModelWarning | None:
    if len(logits) < 2 or bool((images == images[:1]).all()):
        return None
    spread = float(np.ptp(logits, axis=0).max())
    if spread > 1e-3 * max(1.0, float(np.abs(logits).max())):
        return None
    return ModelWarning(
        "constant",
        f"the outputs hardly depend on the image: over {len(logits)} images no logit changes by "
        f"more than {spread:.2g}",
        "Check window, mean and standard deviation: the network may see flat images",
    )


def _saturated(logits: NDArray[np.float64], model: DiagnosticModel) -> ModelWarning | None:
    if len(logits) < _LEAST_SATURATED:
        return None
    if model.card.multi_label:
        margins = np.abs(logits).min(axis=1)
    else:
        top = np.sort(logits, axis=1)
        margins = top[:, -1] - top[:, -2]
    share = float((margins > _SATURATED_LOGIT).mean())
    if share < _SATURATED_SHARE:
        return None
    return ModelWarning(
        "saturated",
        f"{share:.0%} of the probabilities are 0 or 1 to four digits (median margin of the logits "
        f"{np.median(margins):.0f})",
        "Check mean and standard deviation; attacks that follow the loss may find no gradient",
    )


def _below_chance(logits: NDArray[np.float64], truth: NDArray[np.generic]) -> ModelWarning | None:
    decided = logits.argmax(axis=1)
    classes = logits.shape[1]
    right = float((decided == truth).mean())
    shares = [np.bincount(v, minlength=classes) / len(v) for v in (decided, truth.astype(int))]
    chance = float(shares[0] @ shares[1])
    if right >= chance or _share_as_low(decided, truth, right) > _SIGNIFICANT:
        return None
    return ModelWarning(
        "below-chance",
        f"{right:.0%} of {len(truth)} images are right; decisions without a look at the image "
        f"would reach {chance:.0%}",
        "Check the order of the classes, and whether light and dark are swapped",
    )


def _share_as_low(decided: NDArray[np.generic], truth: NDArray[np.generic], right: float) -> float:
    generator = np.random.default_rng(0)
    low = 0
    for _ in range(_SHUFFLES):
        low += int((decided == generator.permutation(truth)).mean() <= right)
    return (1 + low) / (1 + _SHUFFLES)


def _class_order(
    logits: NDArray[np.float64], truth: NDArray[np.generic], card: ModelCard
) -> ModelWarning | None:
    """Do the decisions fit the labels much better under other names of the classes?

    The gain in accuracy is judged against the gain on shuffled labels.
    """
    decided = logits.argmax(axis=1)
    table = _table(decided, truth, len(card.classes))
    order = best_assignment(-table)
    gain = _gain(table, order)
    if gain <= 0:
        return None
    generator = np.random.default_rng(0)
    chance = []
    for _ in range(_SHUFFLES):
        other = _table(decided, generator.permutation(truth), len(card.classes))
        chance.append(_gain(other, best_assignment(-other)))
    if (1 + sum(c >= gain for c in chance)) / (1 + _SHUFFLES) > _SIGNIFICANT:
        return None
    before = np.trace(table) / table.sum()
    return _order_warning(order, card, f"accuracy {before:.0%}", f"{before + gain:.0%}")


def _table(
    decided: NDArray[np.generic], truth: NDArray[np.generic], classes: int
) -> NDArray[np.float64]:
    table = np.zeros((classes, classes))
    np.add.at(table, (decided.astype(int), truth.astype(int)), 1)
    return table


def _gain(table: NDArray[np.float64], order: NDArray[np.intp]) -> float:
    return float((table[np.arange(len(table)), order].sum() - np.trace(table)) / table.sum())


def _order_warning(
    order: NDArray[np.intp], card: ModelCard, before: str, after: str
) -> ModelWarning:
    moved = [f"{card.classes[i]} → {card.classes[j]}" for i, j in enumerate(order) if i != j]
    return ModelWarning(
        "class-order",
        f"the labels fit another order of the classes better: {before} as the card says, {after} "
        f"with {', '.join(moved[:6])}",
        "Compare the classes of the card with the order in which the network was trained",
    )


def _findings_below_chance(
    logits: NDArray[np.float64], truth: NDArray[np.generic]
) -> ModelWarning | None:
    known = (truth.any(axis=0)) & (~truth.all(axis=0))
    if not known.any():
        return None
    area = float(np.diag(roc_areas(logits, truth))[known].mean())
    generator = np.random.default_rng(0)
    low = 0
    for _ in range(_SHUFFLES):
        shuffled = truth[generator.permutation(len(truth))]
        low += float(np.diag(roc_areas(logits, shuffled))[known].mean()) <= area
    if area >= 0.5 or (1 + low) / (1 + _SHUFFLES) > _SIGNIFICANT:
        return None
    return ModelWarning(
        "below-chance",
        f"the mean area under the ROC curve is {area:.2f}; without a look at the image it is 0.5",
        "Check whether light and dark are swapped, and the order of the findings",
    )


def _findings_order(
    logits: NDArray[np.float64], truth: NDArray[np.generic], card: ModelCard
) -> ModelWarning | None:
    areas = roc_areas(logits, truth)
    order = best_assignment(-areas)
    rows = np.arange(len(areas))
    gain = float((areas[rows, order] - np.diag(areas)).mean())
    if gain <= 0:
        return None
    generator = np.random.default_rng(0)
    chance = []
    for _ in range(_SHUFFLES // 5):
        other = roc_areas(logits, truth[generator.permutation(len(truth))])
        best = best_assignment(-other)
        chance.append(float((other[rows, best] - np.diag(other)).mean()))
    if (1 + sum(c >= gain for c in chance)) / (1 + len(chance)) > _SIGNIFICANT:
        return None
    before = float(np.diag(areas).mean())
    return _order_warning(order, card, f"mean AUC {before:.2f}", f"{before + gain:.2f}")


def _turned(
    model: DiagnosticModel,
    images: Tensor,
    logits: NDArray[np.float64],
    truth: NDArray[np.generic],
    token: CancelToken,
) -> ModelWarning | None:
    """Is the model right more often on negatives, or with red and blue swapped? A sign test."""
    own = _share_right(model, logits, truth)
    views = {"light and dark": 1 - images}
    if images.shape[1] == 3:
        views["red and blue"] = images.flip(1)
    for name, view in views.items():
        other = _share_right(model, _logits(model, view, token), truth)
        better, worse = int((other > own).sum()), int((other < own).sum())
        if _tail(better, better + worse) > _SIGNIFICANT:
            continue
        return ModelWarning(
            "normalisation",
            f"with {name} swapped it is right more often: {other.mean():.0%} instead of "
            f"{own.mean():.0%} of {len(own)} images",
            f"Check whether the network was trained with {name} swapped",
        )
    return None


def _share_right(
    model: DiagnosticModel, logits: NDArray[np.float64], truth: NDArray[np.generic]
) -> NDArray[np.float64]:
    """For each image: right or not, or the share of right findings."""
    decided = model.decisions(torch.from_numpy(logits).to(model.mean)).cpu().numpy()
    right: NDArray[np.float64] = (decided == truth).astype(float).reshape(len(truth), -1)
    share: NDArray[np.float64] = right.mean(axis=1)
    return share


def _tail(heads: int, tosses: int) -> float:
    """Probability of at least so many heads of a fair coin."""
    ways = sum(math.comb(tosses, k) for k in range(heads, tosses + 1))
    return float(Fraction(ways, 2**tosses))


def _wrong_normalisation(
    model: DiagnosticModel, images: Tensor, token: CancelToken
) -> ModelWarning | None:
    """Compare what reaches the first batch normalisation with the statistics that it learnt.

    A network that was trained on this kind of images under this normalisation meets there about
    the mean and variance that it keeps. Far from them, and near under another usual
    normalisation, the card's is probably wrong. No labels are needed.
    """
    layer = _first_batch_norm(model)
    if layer is None:
        return None
    own = _distance(model, layer, images, token)
    if own < _FAR:
        return None
    candidates = {
        name: _distance(model, layer, _as_if(model, change(images)), token)
        for name, change in _ALTERNATIVES.items()
    }
    best = min(candidates, key=lambda name: candidates[name])
    nearer = candidates[best] < _MUCH_NEARER * own
    hint = f"; with {best} they would be much nearer ({candidates[best]:.1f})" if nearer else ""
    return ModelWarning(
        "normalisation",
        f"the images are far from what the network was trained on: {own:.1f} standard deviations "
        f"from the statistics of its first normalisation layer{hint}",
        "Check window, mean and standard deviation of the card, and whether light and dark are "
        "swapped",
    )


def _imagenet(images: Tensor) -> Tensor:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    channels = images.shape[1]
    return (images - images.new_tensor(mean[:channels]).view(1, -1, 1, 1)) / images.new_tensor(
        std[:channels]
    ).view(1, -1, 1, 1)


# What the network itself would be given, from images in [0, 1].
_ALTERNATIVES: Final[dict[str, Callable[[Tensor], Tensor]]] = {
    "no normalisation (values from 0 to 1)": lambda images: images,
    "values from -1 to 1": lambda images: images * 2 - 1,
    "ImageNet's mean and standard deviation": _imagenet,
    "values from 0 to 255": lambda images: images * 255,
    "values from -1024 to 1024": lambda images: images * 2048 - 1024,
}


def _as_if(model: DiagnosticModel, wanted: Tensor) -> Tensor:
    """Images that the model's own normalisation turns into `wanted`."""
    return wanted * model.std.cpu() + model.mean.cpu()


def _first_batch_norm(model: DiagnosticModel) -> nn.BatchNorm2d | None:
    known = set(model.layers())
    for name, module in model.network.named_modules():
        if name in known and isinstance(module, nn.BatchNorm2d) and module.track_running_stats:
            return module
    return None


def _distance(
    model: DiagnosticModel, layer: nn.BatchNorm2d, images: Tensor, token: CancelToken
) -> float:
    """|Δ mean| / σ + |Δ log σ| between images and kept statistics, median over channels."""
    inputs: list[Tensor] = []

    def keep(_layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        inputs.append(given[0].double())

    hook = layer.register_forward_pre_hook(keep)
    try:
        _logits(model, images[:_BATCH], token)
    finally:
        hook.remove()
    seen = torch.cat(inputs).cpu()
    assert layer.running_mean is not None
    assert layer.running_var is not None
    mean, variance = layer.running_mean.double().cpu(), layer.running_var.double().cpu()
    alive = variance > 1e-8 * variance.max()
    off = (seen.mean(dim=(0, 2, 3)) - mean).abs() / (variance + layer.eps).sqrt()
    spread = (seen.var(dim=(0, 2, 3)) + layer.eps).log() - (variance + layer.eps).log()
    return float((off + spread.abs() / 2)[alive].median())
