"""What a phantom is: its pixels, what they show, and the random numbers it is drawn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Task = Literal["single-label", "multi-label"]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PhantomSample:
    """One phantom image with its ground truth. All arrays are read-only.

    Attributes:
        domain: "dermoscopy", "fundus" or "radiograph".
        seed, index: what the image was drawn from.
        pixels: colour domains: H×W×3 uint8 RGB. Radiograph: H×W uint16 stored values of 12 bits,
            0 to 4095, MONOCHROME2 (dense is bright).
        labels: single-label: the class index alone; multi-label: 0 or 1 for each finding.
        lesion_mask: H×W, True on what makes the label: the skin lesion, the signs of retinopathy,
            all findings of the radiograph together. All False in a healthy image.
        findings_masks: radiograph only: (finding, mask) for every finding, in the order of labels.
    """

    domain: str
    seed: int
    index: int
    pixels: NDArray[np.uint8] | NDArray[np.uint16]
    labels: tuple[int, ...]
    lesion_mask: Mask
    findings_masks: tuple[tuple[str, Mask], ...] = ()

    def __post_init__(self) -> None:
        masks = (mask for _, mask in self.findings_masks)
        for array in (self.pixels, self.lesion_mask, *masks):
            array.setflags(write=False)


@dataclass(frozen=True)
class Sources:
    """The independent random streams of one phantom.

    They are apart so that the same patient can be drawn with another label, and at another size:
    neither how many numbers a lesion takes nor how many pixels the grain covers moves the anatomy.
    """

    labels: np.random.Generator
    anatomy: np.random.Generator
    texture: np.random.Generator
    lesion: np.random.Generator
    grain: np.random.Generator

    @classmethod
    def of(cls, domain_number: int, seed: int, index: int) -> Sources:
        """Streams that depend on nothing but the three numbers (all 0 or greater)."""
        root = np.random.SeedSequence([seed, domain_number, index])
        return cls(*(np.random.Generator(np.random.PCG64(child)) for child in root.spawn(5)))


@dataclass(frozen=True, eq=False)
class Picture:
    """What a painter returns: see `PhantomSample` for the arrays."""

    pixels: NDArray[np.uint8] | NDArray[np.uint16]
    lesion_mask: Mask
    findings_masks: tuple[tuple[str, Mask], ...] = ()


Painter = Callable[[Sources, tuple[int, ...], int], Picture]


@dataclass(frozen=True)
class Domain:
    """A kind of image and the question asked of it.

    Attributes:
        name: "dermoscopy", "fundus" or "radiograph".
        task: "single-label" (one of the classes) or "multi-label" (any of the findings).
        classes: names of classes or findings; a label is a position in this tuple.
        number: part of the seed, so that domains share no random numbers.
        paint: draws labels at a side length in pixels.
    """

    name: str
    task: Task
    classes: tuple[str, ...]
    number: int
    paint: Painter
