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
from medadv_desktop.gui.state.view import ViewState
from medadv_desktop.imaging.display import default_window, is_inverted
from medadv_desktop.imaging.frame import Frame, Instance, Window
from medadv_desktop.models.input_plan import InputPlan

Image = NDArray[np.float32]


@functools.lru_cache(maxsize=4)
def own_window(frame: Frame) -> Window:
    """The window a frame is first shown with, worked out once."""
    return default_window(frame)


def current_window(case: Case, view: ViewState) -> Window | None:
    """The window in force; None without a frame."""
    if case.frame is None:
        return None
    return view.window or own_window(case.frame)


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
    """The model input after the attack, or as far as it is while it runs."""
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

    Another file starts fitted and in its own window; another frame of the same file keeps both.
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
        if instance != self._instance or size != self._size:
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
