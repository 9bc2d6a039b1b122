"""What lies between skin and dermoscope: hair, a ruler, dark corners, bubbles.

Sizes are shares of the shorter side. A severity shows what the one below shows, and more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from medadv_desktop.corruptions.corruption import MEDMNIST_C, OURS, Corruption
from medadv_desktop.corruptions.drawing import Overlay, draw_bubbles, draw_hairs, draw_ruler

if TYPE_CHECKING:
    from torch import Tensor


def _laid_over(image: Tensor, overlay: Overlay) -> Tensor:
    """x·(1 − cover) + colour·cover; over a grey image the luma of the colour."""
    from medadv_desktop.corruptions.batches import drawn, luma

    colour, cover = overlay.finished()
    painted = drawn(colour, image)
    if image.shape[0] == 1:
        painted = luma(painted)
    return image * (1 - drawn(cover, image)) + painted


class Hair(Corruption):
    """4, 8, 14, 22, 34 dark hairs, 0.5 to 1.3 long and 0.004 to 0.0105 wide, tapering (ours)."""

    name = "hair"
    title = "Hair"
    summary = "Dark hairs across the lesion"
    reference = OURS
    modalities = ("dermoscopy",)
    constants = (4.0, 8.0, 14.0, 22.0, 34.0)

    def corrupt(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        overlay = Overlay(*image.shape[-2:])
        draw_hairs(overlay, rng, int(self.constant))
        return _laid_over(image, overlay)


class Ruler(Corruption):
    """A millimetre scale along one border (ours): a pale strip (depth, opacity) = (0.06, 0.25),
    (0.09, 0.35), (0.12, 0.45), (0.16, 0.55), (0.20, 0.65), black ticks 0.04 to 0.055 apart.
    """

    name = "ruler"
    title = "Ruler"
    summary = "A measuring scale along one border"
    reference = OURS
    modalities = ("dermoscopy",)
    constants = ((0.06, 0.25), (0.09, 0.35), (0.12, 0.45), (0.16, 0.55), (0.20, 0.65))

    def corrupt(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        overlay = Overlay(*image.shape[-2:])
        draw_ruler(overlay, rng, *self.constant_tuple)
        return _laid_over(image, overlay)


class Vignette(Corruption):
    """Black beyond a circle of 1.10, 1.05, 1.00, 0.95, 0.90 times half the shorter side (from
    MedMNIST-C, dermoscopy, where severities 4 and 5 are swapped). Ours: the border is soft over
    ±0.04, the centre up to 0.05 off on either axis.
    """

    name = "vignette"
    title = "Vignette"
    summary = "Dark corners: the round field of the dermoscope"
    reference = MEDMNIST_C
    modalities = ("dermoscopy",)
    constants = (1.10, 1.05, 1.00, 0.95, 0.90)

    def corrupt(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        from medadv_desktop.corruptions.batches import drawn

        height, width = image.shape[-2:]
        half = min(height, width) / 2
        x, y = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
        left, up = rng.uniform(-0.05, 0.05, 2)
        radius = np.hypot(x / half - left, y / half - up)
        light = np.clip((self.constant + 0.04 - radius) / 0.08, 0, 1)
        return image * drawn(light, image)


class Bubbles(Corruption):
    """3, 6, 10, 15, 22 bubbles of radius 0.012 to 0.057 (ours; MedMNIST-C has some too)."""

    name = "bubbles"
    title = "Bubbles"
    summary = "Air in the immersion fluid"
    reference = OURS
    modalities = ("dermoscopy",)
    constants = (3.0, 6.0, 10.0, 15.0, 22.0)

    def corrupt(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        overlay = Overlay(*image.shape[-2:])
        draw_bubbles(overlay, rng, int(self.constant))
        return _laid_over(image, overlay)
