"""Actions of the viewers: windows, cine, marks over the images, measuring."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QT_TRANSLATE_NOOP
from PySide6.QtWidgets import QInputDialog

from medadv_desktop.gui.action_spec import MEASURE, VIEW, ActionSpec, tr
from medadv_desktop.gui.prefetch import LEAST_MEBIBYTES, MOST_MEBIBYTES
from medadv_desktop.gui.state.view import ViewState
from medadv_desktop.gui.viewers.showing import frame_key
from medadv_desktop.imaging.windowing import MinMax, Percentile, WindowPolicy

if TYPE_CHECKING:
    from medadv_desktop.gui.main_window import MainWindow


def _view(window: MainWindow) -> ViewState:
    return window.bench.view


def _no_frame(window: MainWindow) -> str:
    return "" if window.bench.case.frame is not None else tr("No image is open")


def _single(window: MainWindow) -> str:
    return "" if _view(window).cine.count > 1 else tr("There is a single frame")


def _none_here(window: MainWindow) -> str:
    drawn = _view(window).measurements.on(frame_key(window.bench.case.frame))
    return "" if drawn else tr("Nothing is measured on this image")


def _none_selected(window: MainWindow) -> str:
    measured = _view(window).measurements
    selected = measured.get(measured.selected)
    here = selected is not None and selected.frame == frame_key(window.bench.case.frame)
    return "" if here else tr("No measurement is selected")


def _delete_selected(window: MainWindow) -> None:
    measured = _view(window).measurements
    if measured.selected is not None:
        measured.delete(measured.selected)


def _delete_all(window: MainWindow) -> None:
    key = frame_key(window.bench.case.frame)
    if key is not None:
        _view(window).measurements.delete_all(key)


def _policy(policy: WindowPolicy) -> Callable[[MainWindow], None]:
    return lambda w: _view(w).set_policy(policy)


def _is_policy(policy: WindowPolicy) -> Callable[[MainWindow], bool]:
    return lambda w: _view(w).policy == policy


def _go_to(last: bool) -> Callable[[MainWindow], None]:
    return lambda w: _view(w).cine.go_to(_view(w).cine.count - 1 if last else 0)


def _rate(factor: float) -> Callable[[MainWindow], None]:
    return lambda w: _view(w).cine.set_rate(_view(w).cine.rate * factor)


def _ask_for_memory(window: MainWindow) -> None:
    frames = window.controller.prefetcher
    dialog = QInputDialog(window)
    dialog.setInputMode(QInputDialog.InputMode.IntInput)
    dialog.setIntRange(LEAST_MEBIBYTES, MOST_MEBIBYTES)
    dialog.setIntStep(256)
    dialog.setIntValue(frames.mebibytes)
    dialog.setWindowTitle(tr("Memory for frames"))
    dialog.setLabelText(tr("Decoded frames kept for scrolling, in MiB:"))
    dialog.intValueSelected.connect(frames.set_mebibytes)
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()


WINDOW_ACTIONS = (
    ActionSpec(
        "window-presets",
        QT_TRANSLATE_NOOP("Actions", "Window &presets…"),
        VIEW,
        1,
        lambda w: _view(w).presets_wanted.emit(),
        QT_TRANSLATE_NOOP("Actions", "Windows of the file, of its modality and your own"),
        "presets",
        ("Alt+W",),
        _no_frame,
    ),
    ActionSpec(
        "window-percentile",
        QT_TRANSLATE_NOOP("Actions", "Window by p&ercentiles"),
        VIEW,
        1,
        _policy(Percentile()),
        QT_TRANSLATE_NOOP("Actions", "From the 1st to the 99th percentile of the image"),
        "histogram",
        ("Ctrl+Shift+A",),
        _no_frame,
        _is_policy(Percentile()),
    ),
    ActionSpec(
        "window-min-max",
        QT_TRANSLATE_NOOP("Actions", "Window from s&mallest to largest"),
        VIEW,
        1,
        _policy(MinMax()),
        QT_TRANSLATE_NOOP("Actions", "From the smallest to the largest value of the image"),
        "window-level",
        ("Ctrl+Shift+M",),
        _no_frame,
        _is_policy(MinMax()),
    ),
    ActionSpec(
        "input-steps",
        QT_TRANSLATE_NOOP("Actions", "How the model &gets the image…"),
        VIEW,
        1,
        lambda w: _view(w).input_steps_wanted.emit(),
        QT_TRANSLATE_NOOP("Actions", "Window, size, crop and channels of its input, as numbers"),
        "info",
        ("Alt+G",),
        _no_frame,
    ),
)

CINE_ACTIONS = (
    ActionSpec(
        "first-frame",
        QT_TRANSLATE_NOOP("Actions", "&First frame"),
        VIEW,
        2,
        _go_to(last=False),
        QT_TRANSLATE_NOOP("Actions", "The first frame of the file or series"),
        "",
        ("Alt+Home",),
        _single,
    ),
    ActionSpec(
        "last-frame",
        QT_TRANSLATE_NOOP("Actions", "L&ast frame"),
        VIEW,
        2,
        _go_to(last=True),
        QT_TRANSLATE_NOOP("Actions", "The last frame of the file or series"),
        "",
        ("Alt+End",),
        _single,
    ),
    ActionSpec(
        "play",
        QT_TRANSLATE_NOOP("Actions", "Pla&y"),
        VIEW,
        2,
        lambda w: _view(w).cine.toggle(),
        QT_TRANSLATE_NOOP("Actions", "Play the frames one after the other, or stop"),
        "play",
        ("Alt+P",),
        _single,
        lambda w: _view(w).cine.playing,
        on_tool_bar=True,
    ),
    ActionSpec(
        "play-faster",
        QT_TRANSLATE_NOOP("Actions", "Play fas&ter"),
        VIEW,
        2,
        _rate(1.25),
        QT_TRANSLATE_NOOP("Actions", "A quarter more frames a second"),
        "",
        ("Alt+Up",),
        _single,
    ),
    ActionSpec(
        "play-slower",
        QT_TRANSLATE_NOOP("Actions", "Play slo&wer"),
        VIEW,
        2,
        _rate(1 / 1.25),
        QT_TRANSLATE_NOOP("Actions", "A fifth fewer frames a second"),
        "",
        ("Alt+Down",),
        _single,
    ),
)


def _overlay(overlay: str, text: str, tip: str) -> ActionSpec:
    """The toggle of one of the overlays."""
    return ActionSpec(
        f"overlay-{overlay}",
        text,
        VIEW,
        3,
        lambda w: _view(w).set_overlay(overlay, overlay not in _view(w).overlays),
        tip,
        checked=lambda w: overlay in _view(w).overlays,
    )


MEMORY_ACTION = ActionSpec(
    "frame-memory",
    QT_TRANSLATE_NOOP("Actions", "Memory for &frames…"),
    VIEW,
    5,
    _ask_for_memory,
    QT_TRANSLATE_NOOP("Actions", "How much memory decoded frames may take, for quick scrolling"),
)

OVERLAY_ACTIONS = (
    ActionSpec(
        "overlays",
        QT_TRANSLATE_NOOP("Actions", "Marks over the ima&ges"),
        VIEW,
        3,
        lambda w: _view(w).toggle_overlays(),
        QT_TRANSLATE_NOOP("Actions", "Show texts and marks over the images, or the images alone"),
        "overlays",
        ("Ctrl+H",),
        checked=lambda w: bool(_view(w).overlays),
    ),
    _overlay(
        "scale-bar",
        QT_TRANSLATE_NOOP("Actions", "Scale bar"),
        QT_TRANSLATE_NOOP("Actions", "A bar of a round length, where the file gives the spacing"),
    ),
    _overlay(
        "letters",
        QT_TRANSLATE_NOOP("Actions", "Orientation letters"),
        QT_TRANSLATE_NOOP("Actions", "Where left, right, head, feet, front and back are"),
    ),
    _overlay(
        "patient",
        QT_TRANSLATE_NOOP("Actions", "Patient and study"),
        QT_TRANSLATE_NOOP("Actions", "Name and dates, masked while patient data is hidden"),
    ),
    _overlay(
        "values",
        QT_TRANSLATE_NOOP("Actions", "Values in the corners"),
        QT_TRANSLATE_NOOP("Actions", "Window, scale and what lies under the cursor"),
    ),
    _overlay(
        "crosshair",
        QT_TRANSLATE_NOOP("Actions", "Linked cross-hair"),
        QT_TRANSLATE_NOOP("Actions", "The point under the cursor, in all viewers"),
    ),
    _overlay(
        "measurements",
        QT_TRANSLATE_NOOP("Actions", "Measurements"),
        QT_TRANSLATE_NOOP("Actions", "Lines, angles and regions with their figures"),
    ),
    _overlay(
        "crop",
        QT_TRANSLATE_NOOP("Actions", "What the model sees"),
        QT_TRANSLATE_NOOP("Actions", "A frame around the part of the image that the model gets"),
    ),
)


def _tool(tool: str, text: str, tip: str, keys: str) -> ActionSpec:
    """What the left button does."""
    return ActionSpec(
        f"tool-{tool}",
        text,
        MEASURE,
        0,
        lambda w: _view(w).set_tool(tool),
        tip,
        f"tool-{tool}" if tool == "window" else tool,
        (keys,),
        _no_frame,
        lambda w: _view(w).tool == tool,
        on_tool_bar=True,
    )


MEASURE_ACTIONS = (
    _tool(
        "window",
        QT_TRANSLATE_NOOP("Actions", "&Window"),
        QT_TRANSLATE_NOOP("Actions", "The left button drags the window"),
        "Alt+1",
    ),
    _tool(
        "distance",
        QT_TRANSLATE_NOOP("Actions", "&Distance"),
        QT_TRANSLATE_NOOP("Actions", "Measure a length: drag, or click both ends"),
        "Alt+2",
    ),
    _tool(
        "angle",
        QT_TRANSLATE_NOOP("Actions", "&Angle"),
        QT_TRANSLATE_NOOP(
            "Actions", "Measure an angle: drag from an end to its vertex, then click"
        ),
        "Alt+3",
    ),
    _tool(
        "rectangle",
        QT_TRANSLATE_NOOP("Actions", "&Rectangle"),
        QT_TRANSLATE_NOOP("Actions", "Mean, deviation, bounds and area of a rectangle"),
        "Alt+4",
    ),
    _tool(
        "ellipse",
        QT_TRANSLATE_NOOP("Actions", "&Ellipse"),
        QT_TRANSLATE_NOOP("Actions", "Mean, deviation, bounds and area of an ellipse"),
        "Alt+5",
    ),
    ActionSpec(
        "undo",
        QT_TRANSLATE_NOOP("Actions", "&Undo"),
        MEASURE,
        1,
        lambda w: _view(w).measurements.undo.undo(),
        QT_TRANSLATE_NOOP("Actions", "Take back the last change of a measurement"),
        "undo",
        ("Ctrl+Z",),
        lambda w: "" if _view(w).measurements.undo.canUndo() else tr("Nothing was measured"),
    ),
    ActionSpec(
        "redo",
        QT_TRANSLATE_NOOP("Actions", "Red&o"),
        MEASURE,
        1,
        lambda w: _view(w).measurements.undo.redo(),
        QT_TRANSLATE_NOOP("Actions", "Do again what was taken back"),
        "redo",
        ("Ctrl+Y", "Ctrl+Shift+Z"),
        lambda w: "" if _view(w).measurements.undo.canRedo() else tr("Nothing was taken back"),
    ),
    ActionSpec(
        "delete-measurement",
        QT_TRANSLATE_NOOP("Actions", "De&lete"),
        MEASURE,
        2,
        _delete_selected,
        QT_TRANSLATE_NOOP("Actions", "Delete the selected measurement"),
        "remove",
        (),
        _none_selected,
    ),
    ActionSpec(
        "delete-measurements",
        QT_TRANSLATE_NOOP("Actions", "Delete all of this &image"),
        MEASURE,
        2,
        _delete_all,
        QT_TRANSLATE_NOOP("Actions", "Delete all measurements of the image that is looked at"),
        "",
        (),
        _none_here,
    ),
)
