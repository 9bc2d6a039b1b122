"""How the linked viewers look at the case: place, scale, window, colours, the point under study."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from medadv_desktop.imaging.frame import Window


@dataclass(frozen=True)
class Camera:
    """What stands in the middle of every viewer, and how large.

    Attributes:
        row, column: the point in the middle, in frame pixels; (0, 0) is the outer corner of the
            first pixel, (0.5, 0.5) its centre.
        scale: device-independent screen pixels for the width of one frame pixel.
    """

    row: float
    column: float
    scale: float


class ViewState(QObject):
    """What all viewers share: each shows it, and changes it for all.

    Signals:
        window_changed: the window, or inversion.
        camera_changed: place or scale.
        amplification_changed: factor of the perturbation display.
        channel_changed: which channel of the perturbation is shown.
        original_view_changed: source or model input.
        second_view_changed: which image the second model's viewer shows.
        smooth_changed: how enlarged pixels are drawn.
        probe_changed: the point under study.
        frame_step: somebody asks for the frame that many further on.
        fit_requested, one_to_one_requested: all viewers fit their image, or show one source pixel
            on one screen pixel.

    Attributes:
        window: in modality values; None means the frame's own default.
        invert: light and dark swapped, for eyes only.
        camera: None means that every viewer fits its image.
        amplification: the colour scale of the perturbation spans ± largest |δ| / amplification.
        channel: "mean" or "largest" over channels, or the index of a channel as text.
        original_view: "source" or "model-input": what the Original viewer shows.
        second_view: "clean" or "adversarial": what the second model's viewer shows.
        smooth: enlarged pixels are blended instead of shown as squares.
        probe: row and column in frame pixels (as in `Camera`), None where nothing is probed.
    """

    window_changed = Signal()
    camera_changed = Signal()
    amplification_changed = Signal()
    channel_changed = Signal()
    original_view_changed = Signal()
    second_view_changed = Signal()
    smooth_changed = Signal()
    probe_changed = Signal()
    frame_step = Signal(int)
    fit_requested = Signal()
    one_to_one_requested = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.window: Window | None = None
        self.invert = False
        self.camera: Camera | None = None
        self.amplification = 1.0
        self.channel = "mean"
        self.original_view = "source"
        self._original_chosen = False
        self.second_view = "adversarial"
        self.smooth = False
        self.probe: tuple[float, float] | None = None
        self.fit_requested.connect(lambda: self.set_camera(None))

    def set_window(self, window: Window | None) -> None:
        if window != self.window:
            self.window = window
            self.window_changed.emit()

    def set_invert(self, invert: bool) -> None:
        if invert != self.invert:
            self.invert = invert
            self.window_changed.emit()

    def reset_window(self) -> None:
        """Back to the frame's own window, not inverted."""
        if self.window is not None or self.invert:
            self.window, self.invert = None, False
            self.window_changed.emit()

    def set_camera(self, camera: Camera | None) -> None:
        if camera != self.camera:
            self.camera = camera
            self.camera_changed.emit()

    def set_amplification(self, amplification: float) -> None:
        if amplification != self.amplification:
            self.amplification = amplification
            self.amplification_changed.emit()

    def set_channel(self, channel: str) -> None:
        if channel != self.channel:
            self.channel = channel
            self.channel_changed.emit()

    def set_original_view(self, view: str, *, automatic: bool = False) -> None:
        """Show the source or the model input. `automatic` yields to a choice made by hand."""
        if automatic and self._original_chosen:
            return
        self._original_chosen = self._original_chosen or not automatic
        if view != self.original_view:
            self.original_view = view
            self.original_view_changed.emit()

    def set_second_view(self, view: str) -> None:
        if view != self.second_view:
            self.second_view = view
            self.second_view_changed.emit()

    def set_smooth(self, smooth: bool) -> None:
        if smooth != self.smooth:
            self.smooth = smooth
            self.smooth_changed.emit()

    def set_probe(self, probe: tuple[float, float] | None) -> None:
        if probe != self.probe:
            self.probe = probe
            self.probe_changed.emit()
