"""What storing and sending do: JPEG, pixelation."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.corruptions.corruption import MEDMNIST_C, Corruption

if TYPE_CHECKING:
    from torch import Tensor


class Jpeg(Corruption):
    """JPEG at quality 50, 30, 15, 10, 7 (MedMNIST-C, chest): 8 bits, baseline, as Pillow encodes;
    colours at half resolution (4:2:0). A grey image in three channels is encoded as grey.
    """

    name = "jpeg"
    title = "JPEG"
    summary = "Compressed with loss: blocks of 8 pixels, washed-out colours"
    reference = MEDMNIST_C
    constants = (50.0, 30.0, 15.0, 10.0, 7.0)

    def corrupt(self, image: Tensor, rng: np.random.Generator) -> Tensor:  # noqa: ARG002
        from PIL import Image

        from medadv_desktop.corruptions.batches import drawn, plane_shape

        planes = plane_shape(image)[0]
        octets = (image[:planes] * 255).round().byte().permute(1, 2, 0).cpu().numpy()
        encoded = io.BytesIO()
        picture = Image.fromarray(np.ascontiguousarray(octets[..., 0] if planes == 1 else octets))
        picture.save(encoded, "JPEG", quality=int(self.constant))
        with Image.open(encoded) as decoded:
            values = np.asarray(decoded, np.float64) / 255
        channels_first = values[None] if planes == 1 else values.transpose(2, 0, 1)
        return drawn(channels_first, image).expand_as(image)


class Pixelation(Corruption):
    """Averaged down to a share of both sides, 0.7, 0.5, 0.4, 0.3, 0.25 (MedMNIST-C, dermoscopy),
    and back by repeating pixels. The share is of the image's own size, whatever that is.
    """

    name = "pixelation"
    title = "Pixelation"
    summary = "Too few pixels, enlarged"
    reference = MEDMNIST_C
    constants = (0.7, 0.5, 0.4, 0.3, 0.25)

    def corrupt(self, image: Tensor, rng: np.random.Generator) -> Tensor:  # noqa: ARG002
        from medadv_desktop.corruptions.batches import drawn

        height, width = image.shape[-2:]
        down = _box(height, max(1, int(height * self.constant)))
        across = _box(width, max(1, int(width * self.constant)))
        small = drawn(down, image.double()) @ image.double() @ drawn(across, image.double()).T
        rows = ((np.arange(height) + 0.5) * len(down) / height).astype(int)
        columns = ((np.arange(width) + 0.5) * len(across) / width).astype(int)
        return small[:, rows][:, :, columns].to(image)


def _box(size: int, fewer: int) -> NDArray[np.float64]:
    """fewer×size: the share of each pixel in each larger one."""
    edges = np.arange(fewer + 1) * size / fewer
    pixels = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.asarray(np.clip(overlap, 0, None) * fewer / size)
