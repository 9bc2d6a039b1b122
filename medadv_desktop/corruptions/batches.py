"""What corruptions and sequences share: checking a batch, the generators of its samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from medadv_desktop.corruptions.corruption import REFERENCE_SIDE
from medadv_desktop.errors import CorruptionError
from medadv_desktop.seeds import sample_seed

_LUMA = (0.299, 0.587, 0.114)


def checked(images: Tensor, sample_ids: Sequence[int]) -> None:
    """Refuse what is no batch of images in [0, 1] with an id each.

    Raises:
        CorruptionError: it is none.
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not images.is_floating_point():
        raise CorruptionError(
            f"{images.dtype} of shape {tuple(images.shape)} is no batch of images",
            subject="images",
            remedy="Give N×C×H×W floating point, C 1 or 3",
        )
    if not images.numel():
        raise CorruptionError("the batch holds no pixel", subject="images")
    # NaN is within no bounds.
    if not bool(((images >= 0) & (images <= 1)).all()):
        raise CorruptionError(
            "a value is not within [0, 1]", subject="images", remedy="Give model inputs"
        )
    if len(sample_ids) != len(images):
        raise CorruptionError(
            f"{len(sample_ids)} ids for {len(images)} images", subject="sample_ids"
        )


def generators(seed: int, sample_ids: Sequence[int], *parts: str) -> list[np.random.Generator]:
    """A generator for each sample, for the purpose that `parts` name."""
    return [np.random.default_rng(sample_seed(seed, int(i), *parts)) for i in sample_ids]


def working(images: Tensor) -> Tensor:
    """In a precision to compute in: float64 as it is, everything else as float32."""
    return images.detach() if images.dtype == torch.float64 else images.detach().float()


def scale_of(images: Tensor) -> float:
    """Pixels of these images (…×H×W) for one pixel of an image of the reference side."""
    return min(images.shape[-2:]) / REFERENCE_SIDE


def blur_scale_of(images: Tensor, least: float = 0.25) -> float:
    """`scale_of`, but no less than `least`: at 28 pixels a true scale would leave nothing to see.

    CIFAR-C, of 32 pixels, blurs in proportion about as much more than ImageNet-C.
    """
    return max(scale_of(images), least)


def drawn(values: object, like: Tensor) -> Tensor:
    """Numbers of a generator as a tensor of dtype and device of `like`."""
    return torch.as_tensor(np.asarray(values)).to(device=like.device, dtype=like.dtype)


def luma(images: Tensor) -> Tensor:
    """Brightness as the eye weighs colours (ITU-R BT.601): …×C×H×W to …×1×H×W."""
    if images.shape[-3] == 1:
        return images
    weights = images.new_tensor(_LUMA).view(3, 1, 1)
    return (images * weights).sum(-3, keepdim=True)


def is_grey(image: Tensor) -> bool:
    """Whether all channels of C×H×W are the same: a grey image, repeated for the model."""
    return bool((image == image[:1]).all())


def plane_shape(image: Tensor) -> tuple[int, int, int]:
    """Of the noise for C×H×W: a grey image stays grey, its channels get the same."""
    C, H, W = image.shape
    return (1 if is_grey(image) else C), H, W
