"""What there is to show of a case: which image, through which window, and which sentence if none.

Pure functions of `Case` and `ViewState`; no widget.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject

from medadv_desktop.audit.requests import Prediction
from medadv_desktop.gui.state.case import Case
from medadv_desktop.gui.state.measurements import FrameKey
from medadv_desktop.gui.state.view import ViewState
from medadv_desktop.imaging.display import is_inverted, is_whole, window_between
from medadv_desktop.imaging.frame import Frame, Instance, Voi, Window
from medadv_desktop.imaging.lookup import VoiLut
from medadv_desktop.imaging.windowing import FileVoi, WindowPolicy
from medadv_desktop.models.input_plan import InputPlan

Image = NDArray[np.float32]


@functools.lru_cache(maxsize=4)
def own_window(frame: Frame) -> Window:
    """The window a frame is first shown with, or one that spans its table; worked out once."""
    return as_window(voi_of(FileVoi(), frame))


@functools.lru_cache(maxsize=4)
def voi_of(policy: WindowPolicy, frame: Frame) -> Voi:
    """What a policy chooses for a frame, worked out once."""
    return policy.window(frame)


def current_voi(case: Case, view: ViewState) -> Voi | None:
    """The window or table in force; None without a frame."""
    if case.frame is None:
        return None
    return voi_of(view.policy, case.frame)


def as_window(voi: Voi) -> Window:
    """The window itself; of a table the window from its first input to its last."""
    return window_between(voi.first, voi.last) if isinstance(voi, VoiLut) else voi


def window_ends(window: Window) -> tuple[float, float]:
    """The modality values at which a window is black and white (of a sigmoid: about so).

    The inverse of `window_from_ends`.
    """
    if window.function == "LINEAR":
        return window.center - window.width / 2, window.center + window.width / 2 - 1
    return window.center - window.width / 2, window.center + window.width / 2


def window_from_ends(low: float, high: float, frame: Frame, function: str) -> Window:
    """The window that is black at `low` and white at `high`, `low` at most `high`.

    A sigmoid stays one; between whole numbers of a frame of such it is LINEAR, else LINEAR_EXACT.
    """
    if function == "SIGMOID":
        return Window((low + high) / 2, max(high - low, least_width(frame)), function)
    if not is_whole(frame) and not high - low >= least_width(frame):
        high = low + least_width(frame)
    return window_between(low, high, whole=is_whole(frame))


def least_width(frame: Frame) -> float:
    """How narrow a window of a frame may become by hand."""
    return own_window(frame).width / 10_000


def frame_key(frame: Frame | None) -> FrameKey | None:
    """What measurements on a frame are kept by."""
    return (frame.provenance.path, frame.provenance.frame) if frame is not None else None


def aspect_of(frame: Frame) -> float:
    """Height of a pixel over its width, 1 where the file says nothing."""
    return frame.spacing.aspect if frame.spacing is not None else 1.0


def plan_of(case: Case) -> InputPlan | None:
    """How the frame becomes the attacked model's input, as far as it is known."""
    if case.outcome is not None:
        return case.outcome.plan
    return case.prediction.plan if case.prediction is not None else None


def original_of(case: Case) -> Image | None:
    """The model input, C×H×W."""
    if case.outcome is not None:
        return case.outcome.original
    return case.prediction.image if case.prediction is not None else None


def adversarial_of(case: Case) -> Image | None:
    """The model input after the attack, or as far as it is while it runs; or what is looked at."""
    if case.still is not None:
        return case.still.adversarial
    if case.preview is not None:
        return case.preview.adversarial
    return case.outcome.adversarial if case.outcome is not None else None


def clean_of(case: Case) -> Prediction | None:
    """What the attacked model says of the image before the attack."""
    if case.outcome is not None:
        return case.outcome.clean
    return case.prediction.prediction if case.prediction is not None else None


def perturbation_of(case: Case) -> Image | None:
    """Adversarial minus original, C×H×W, signed."""
    original, adversarial = original_of(case), adversarial_of(case)
    if original is None or adversarial is None or original.shape != adversarial.shape:
        return None
    return adversarial - original


def one_channel(perturbation: Image, channel: str) -> Image:
    """H×W of a perturbation: a channel, the mean, or in each pixel the largest in magnitude.

    A channel that it does not have gives the mean.
    """
    if channel == "largest":
        strongest = np.abs(perturbation).argmax(axis=0)
        return np.take_along_axis(perturbation, strongest[None], axis=0)[0]
    if channel.isdigit() and int(channel) < len(perturbation):
        return perturbation[int(channel)]
    return perturbation.mean(axis=0, dtype=np.float32)


@functools.lru_cache(maxsize=2)
def padding_of(plan: InputPlan, frame: Frame) -> NDArray[np.bool_]:
    """H×W of the model input, True where it is no picture; worked out once."""
    return plan.padding(frame)


def largest_change(perturbation: Image, padding: NDArray[np.bool_]) -> float:
    """The largest |δ| where there is a picture; everywhere, where there is none at all."""
    picture = perturbation if padding.all() else perturbation[:, ~padding]
    return float(np.abs(picture).max())


def dragged_window(start: Window, own: Window, dx: float, dy: float, *, inverted: bool) -> Window:
    """The window after a drag of (dx, dy) pixels from `start`: right is wider, up is brighter.

    `own` is the frame's own window: 300 pixels of drag are its width.
    """
    step = own.width / 300
    least = 1.0 if start.function == "LINEAR" else own.width / 10_000
    width = max(start.width + dx * step, least)
    return Window(start.center + (-dy if inverted else dy) * step, width, start.function)


def looks_inverted(case: Case, view: ViewState) -> bool:
    """Whether larger modality values are darker on the screen."""
    return case.frame is not None and (is_inverted(case.frame) ^ view.invert)


class ViewFollowsCase(QObject):
    """Puts the view back where it belongs when another image is opened or an attack is done.

    Another series starts fitted and in its own window; within one, both are kept.
    """

    def __init__(self, case: Case, view: ViewState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._case, self._view = case, view
        self._instance: Instance | None = case.instance
        self._had_outcome = case.outcome is not None
        self._size = case.frame.shape if case.frame is not None else None
        case.frame_changed.connect(self._frame_changed)
        case.outcome_changed.connect(self._outcome_changed)

    def _frame_changed(self) -> None:
        instance, frame = self._case.instance, self._case.frame
        size = frame.shape if frame is not None else None
        if not _belong_together(instance, self._instance) or size != self._size:
            self._view.set_camera(None)
            self._view.reset_window()
            self._view.set_probe(None)
        self._instance, self._size = instance, size

    def _outcome_changed(self) -> None:
        has_outcome = self._case.outcome is not None
        if has_outcome != self._had_outcome:
            view = "model-input" if has_outcome else "source"
            self._view.set_original_view(view, automatic=True)
        self._had_outcome = has_outcome


def _belong_together(one: Instance | None, other: Instance | None) -> bool:
    """Whether two instances are the same, or of one series."""
    if one is None or other is None:
        return one is other
    series = one.provenance.series_instance_uid
    return one == other or bool(series and series == other.provenance.series_instance_uid)
