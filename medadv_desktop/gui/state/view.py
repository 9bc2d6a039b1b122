"""How the linked viewers look at the case: place, scale, window, colours, the point under study."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from medadv_desktop.gui.state.cine import Cine
from medadv_desktop.gui.state.measurements import Measurements
from medadv_desktop.imaging.frame import Voi
from medadv_desktop.imaging.windowing import FileVoi, Manual, WindowPolicy

TOOLS = ("window", "distance", "angle", "rectangle", "ellipse")
"""What the left button does: drag the window, or draw one of the kinds of measurement."""

OVERLAYS = ("scale-bar", "letters", "patient", "values", "crosshair", "measurements", "crop")
"""What is drawn over images, each to be shown or not."""


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
        window_changed: the policy of the window, or inversion.
        camera_changed: place or scale.
        amplification_changed: factor of the perturbation display.
        channel_changed: which channel of the perturbation is shown.
        original_view_changed: source or model input.
        second_view_changed: which image the second model's viewer shows.
        smooth_changed: how enlarged pixels are drawn.
        probe_changed: the point under study.
        tool_changed: the left button does something else.
        overlays_changed: what is drawn over the images.
        frame_step: somebody asks for the frame that many further on.
        presets_wanted: somebody asks for the menu of window presets.
        input_steps_wanted: somebody asks how the file becomes the model's input.
        fit_requested, one_to_one_requested: all viewers fit their image, or show one source pixel
            on one screen pixel.

    Attributes:
        policy: how the window of each frame is chosen.
        invert: light and dark swapped, for eyes only.
        camera: None means that every viewer fits its image.
        amplification: the colour scale of the perturbation spans ± largest |δ| / amplification.
        channel: "mean" or "largest" over channels, or the index of a channel as text.
        original_view: "source" or "model-input": what the Original viewer shows.
        second_view: "clean" or "adversarial": what the second model's viewer shows.
        smooth: enlarged pixels are blended instead of shown as squares.
        probe: row and column in frame pixels (as in `Camera`), None where nothing is probed.
        tool: one of `TOOLS`.
        overlays: those of `OVERLAYS` that are shown.
        several: the wheel goes through frames, of which there are several.
        measurements: what was drawn, on all frames.
        cine: plays the frames.
    """

    window_changed = Signal()
    camera_changed = Signal()
    amplification_changed = Signal()
    channel_changed = Signal()
    original_view_changed = Signal()
    second_view_changed = Signal()
    smooth_changed = Signal()
    probe_changed = Signal()
    tool_changed = Signal()
    overlays_changed = Signal()
    presets_wanted = Signal()
    input_steps_wanted = Signal()
    frame_step = Signal(int)
    fit_requested = Signal()
    one_to_one_requested = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.policy: WindowPolicy = FileVoi()
        self.invert = False
        self.camera: Camera | None = None
        self.amplification = 1.0
        self.channel = "mean"
        self.original_view = "source"
        self._original_chosen = False
        self.second_view = "adversarial"
        self.smooth = False
        self.probe: tuple[float, float] | None = None
        self.tool = "window"
        self.overlays = frozenset(OVERLAYS)
        self.several = False
        self.measurements = Measurements(self)
        self.cine = Cine(self)
        self.cine.step.connect(self.frame_step)
        self.fit_requested.connect(lambda: self.set_camera(None))

    @property
    def window(self) -> Voi | None:
        """The window set by hand, in modality values; None while a policy chooses it."""
        return self.policy.voi if isinstance(self.policy, Manual) else None

    def set_policy(self, policy: WindowPolicy) -> None:
        if policy != self.policy:
            self.policy = policy
            self.window_changed.emit()

    def set_window(self, window: Voi | None) -> None:
        """Set the window of all frames by hand; None goes back to what the file asks for."""
        self.set_policy(FileVoi() if window is None else Manual(window))

    def set_invert(self, invert: bool) -> None:
        if invert != self.invert:
            self.invert = invert
            self.window_changed.emit()

    def reset_window(self) -> None:
        """Back to the frame's own window, not inverted."""
        if self.policy != FileVoi() or self.invert:
            self.policy, self.invert = FileVoi(), False
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

    def set_tool(self, tool: str) -> None:
        if tool != self.tool:
            self.tool = tool
            self.tool_changed.emit()

    def set_overlay(self, overlay: str, shown: bool) -> None:
        """Show one of `OVERLAYS`, or not."""
        overlays = self.overlays | {overlay} if shown else self.overlays - {overlay}
        self.set_overlays(overlays)

    def set_overlays(self, overlays: frozenset[str]) -> None:
        if overlays != self.overlays:
            self.overlays = overlays
            self.overlays_changed.emit()

    def toggle_overlays(self) -> None:
        """Show nothing but the image, or everything again."""
        self.set_overlays(frozenset() if self.overlays else frozenset(OVERLAYS))
