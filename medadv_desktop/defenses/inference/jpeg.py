"""JPEG compression before the model."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from pydantic import Field

from medadv_desktop.defenses.inference.procedure import InferenceDefence

if TYPE_CHECKING:
    from torch import Tensor


class Jpeg(InferenceDefence):
    """Each image in 8 bits through baseline JPEG and back; the gradient passes unchanged (BPDA).

    Guo, Rana, Cissé, van der Maaten: Countering Adversarial Images using Input Transformations,
    ICLR 2018, sec. 3. Grey images stay grey, colours are not subsampled.
    """

    name = "jpeg"
    title = "JPEG compression"
    advice = (
        "Compresses every image before the model sees it, which wipes out part of a fine "
        "perturbation. Stops attacks that do not know of it; one that does passes through."
    )
    reference = "Guo et al., ICLR 2018 (arXiv 1711.00117)"

    quality: int = Field(75, ge=1, le=100, description="Of the encoder; lower wipes out more")

    def changed(self, images: Tensor) -> Tensor:
        import torch

        plain = images.detach()
        coded = torch.stack([self._coded(image) for image in plain.cpu().float()])
        return images + (coded.to(plain) - plain)

    def _coded(self, image: Tensor) -> Tensor:
        import numpy as np
        import torch
        from PIL import Image

        pixels = (image * 255).round().to(torch.uint8).numpy()
        grey = len(pixels) == 1
        picture = Image.fromarray(pixels[0] if grey else pixels.transpose(1, 2, 0))
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=self.quality, subsampling=0)
        decoded = np.asarray(Image.open(file), np.float32) / 255
        return torch.from_numpy(decoded[None] if grey else decoded.transpose(2, 0, 1).copy())
