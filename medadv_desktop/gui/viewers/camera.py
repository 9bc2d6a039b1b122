"""Where a point of the frame stands on the screen of a viewer."""

from __future__ import annotations

from dataclasses import dataclass

from medadv_desktop.gui.state.view import Camera

SMALLEST, LARGEST = 1 / 64, 128.0
"""Bounds of the scale: 64 frame pixels on one of the screen, one on 128."""


@dataclass(frozen=True)
class Projection:
    """A camera on a canvas.

    Attributes:
        camera: centre and scale.
        width, height: of the canvas, in device-independent pixels.
        aspect: height of a frame pixel over its width.
    """

    camera: Camera
    width: float
    height: float
    aspect: float = 1.0

    def x(self, column: float) -> float:
        return (column - self.camera.column) * self.camera.scale + self.width / 2

    def y(self, row: float) -> float:
        return (row - self.camera.row) * self.camera.scale * self.aspect + self.height / 2

    def column(self, x: float) -> float:
        return (x - self.width / 2) / self.camera.scale + self.camera.column

    def row(self, y: float) -> float:
        return (y - self.height / 2) / (self.camera.scale * self.aspect) + self.camera.row

    def zoomed(self, factor: float, x: float, y: float) -> Camera:
        """The camera scaled by `factor`, with the point at (x, y) staying where it is."""
        scale = min(max(self.camera.scale * factor, SMALLEST), LARGEST)
        column, row = self.column(x), self.row(y)
        return Camera(
            row=row - (y - self.height / 2) / (scale * self.aspect),
            column=column - (x - self.width / 2) / scale,
            scale=scale,
        )

    def moved(self, dx: float, dy: float) -> Camera:
        """The camera after the picture was dragged by (dx, dy) screen pixels."""
        return Camera(
            row=self.camera.row - dy / (self.camera.scale * self.aspect),
            column=self.camera.column - dx / self.camera.scale,
            scale=self.camera.scale,
        )


def fitting(
    shape: tuple[int, int], aspect: float, width: float, height: float, margin: float = 0.0
) -> Camera:
    """The camera that shows a whole frame of `shape` (height, width), centred.

    Args:
        shape: height and width of the frame in pixels.
        aspect: height of a pixel over its width.
        width, height: of the canvas, in device-independent pixels.
        margin: left free on every side.
    """
    rows, columns = shape
    across = max(width - 2 * margin, 1) / columns
    down = max(height - 2 * margin, 1) / (rows * aspect)
    scale = min(max(min(across, down), SMALLEST), LARGEST)
    return Camera(rows / 2, columns / 2, scale)
