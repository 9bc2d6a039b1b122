"""Random resizing and padding before the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from medadv_desktop.defenses.inference.procedure import InferenceDefence

if TYPE_CHECKING:
    from torch import Tensor


class ResizePad(InferenceDefence):
    """Each image shrunk to a drawn size and put at a drawn place of a black one of the old size.

    Xie, Wang, Zhang, Ren, Yuille: Mitigating Adversarial Effects through Randomization, ICLR 2018,
    sec. 3; there images grow, here they shrink, for the network's input has a fixed size.
    """

    name = "resize-pad"
    title = "Random resize and padding"
    advice = (
        "Shows the model every image at another size and place. Attacks must average over draws "
        "(EOT) to get through, and then do; a model that was not trained for it loses accuracy."
    )
    reference = "Xie et al., ICLR 2018 (arXiv 1711.01991)"
    randomised = True

    smallest: float = Field(
        0.85, gt=0.1, le=1, description="Side at least", json_schema_extra={"unit": "of the side"}
    )

    def changed(self, images: Tensor) -> Tensor:
        import torch

        drawn = torch.rand(len(images), 3).tolist()
        pairs = zip(images, drawn, strict=True)
        return torch.stack([self._placed(image, *numbers) for image, numbers in pairs])

    def _placed(self, image: Tensor, size: float, down: float, right: float) -> Tensor:
        from torch.nn import functional as F

        height, width = image.shape[1:]
        factor = self.smallest + (1 - self.smallest) * size
        new = max(1, round(height * factor)), max(1, round(width * factor))
        small = F.interpolate(image[None], new, mode="bilinear", align_corners=False)[0]
        top, left = int(down * (height - new[0] + 1)), int(right * (width - new[1] + 1))
        return F.pad(small, (left, width - new[1] - left, top, height - new[0] - top))
