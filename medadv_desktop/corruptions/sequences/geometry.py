"""Moves about the centre of the image: shift, rotation, tilt, scale, shear.

ImageNet-P moves an image of 256 pixels and cuts 224 out of its middle, so that mostly true pixels
come in from outside. A model input has no outside: its mirror image stands there, but for `scale`,
where ImageNet-P is black around as well.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.corruptions.sequences.sequence import PerturbationSequence

if TYPE_CHECKING:
    from torch import Tensor

_CANVAS = 256 / 224
"""Side of the image that ImageNet-P moves, in sides of the part that it keeps."""


class Translate(PerturbationSequence):
    """Content moved by i − 20 pixels at 224, to the right where positive; whole pixels exactly."""

    name = "translate"
    title = "Translate"
    summary = "Moved sideways by i − 20 pixels"

    def unrolled(self, images: Tensor, rngs: list[np.random.Generator]) -> Iterator[Tensor]:  # noqa: ARG002
        from medadv_desktop.corruptions.batches import scale_of
        from medadv_desktop.corruptions.filters import shifted

        for i in count():
            yield shifted(images, (i - 20) * scale_of(images))


class _Warp(PerturbationSequence):
    mirrored: ClassVar[bool] = True

    @abstractmethod
    def forward_map(self, i: int, height: int, width: int) -> NDArray[np.float64]:
        """3×3: from the image to frame i, in pixels from the centre, x to the right, y down."""

    def unrolled(self, images: Tensor, rngs: list[np.random.Generator]) -> Iterator[Tensor]:  # noqa: ARG002
        from medadv_desktop.corruptions.filters import warped

        height, width = images.shape[-2:]
        for i in count():
            back = np.asarray(np.linalg.inv(self.forward_map(i, height, width)), np.float64)
            yield warped(images, back, mirrored=self.mirrored)


class Rotate(_Warp):
    """Turned clockwise by i − 15 degrees."""

    name = "rotate"
    title = "Rotate"
    summary = "Turned clockwise by i − 15°"

    def forward_map(self, i: int, height: int, width: int) -> NDArray[np.float64]:  # noqa: ARG002
        angle = np.deg2rad(i - 15)
        cosine, sine = np.cos(angle), np.sin(angle)
        return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])


class Tilt(_Warp):
    """Turned in space about both axes by i − 15 degrees, seen from a distance of f, the diagonal of
    ImageNet-P's larger image: (x, y, 0) rotates about y, then x, and falls on f·(x, y)/(z + f).
    """

    name = "tilt"
    title = "Tilt"
    summary = "Turned in space about both axes by i − 15°"

    def forward_map(self, i: int, height: int, width: int) -> NDArray[np.float64]:
        cosine, sine = np.cos(np.deg2rad(i - 15)), np.sin(np.deg2rad(i - 15))
        about_x = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
        about_y = np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]])
        turn = about_x @ about_y
        f = float(np.hypot(height, width)) * _CANVAS
        return np.array(
            [
                [f * turn[0, 0], f * turn[0, 1], 0],
                [f * turn[1, 0], f * turn[1, 1], 0],
                [turn[2, 0], turn[2, 1], f],
            ]
        )


class Scale(_Warp):
    """Scaled by 0.40 + 0.025·i about the centre; black around it where it is smaller, as there."""

    name = "scale"
    title = "Scale"
    summary = "Scaled by 0.40 + 0.025·i, black around"
    mirrored = False

    def forward_map(self, i: int, height: int, width: int) -> NDArray[np.float64]:  # noqa: ARG002
        factor = 0.40 + 0.025 * i
        return np.array([[factor, 0, 0], [0, factor, 0], [0, 0, 1]])


class Shear(_Warp):
    """x − tan(i − 15°)·y: rows move against each other."""

    name = "shear"
    title = "Shear"
    summary = "Sheared sideways by i − 15°"
    validation = True

    def forward_map(self, i: int, height: int, width: int) -> NDArray[np.float64]:  # noqa: ARG002
        return np.array([[1, -np.tan(np.deg2rad(i - 15)), 0], [0, 1, 0], [0, 0, 1]])
