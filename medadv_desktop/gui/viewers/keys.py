"""What keys and mouse do in viewers, plots and planes, for the sheet of shortcuts."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

_VIEWER = (
    ("L", QT_TRANSLATE_NOOP("Keys", "The left button drags the window")),
    ("D", QT_TRANSLATE_NOOP("Keys", "Measure a distance")),
    ("A", QT_TRANSLATE_NOOP("Keys", "Measure an angle")),
    ("B", QT_TRANSLATE_NOOP("Keys", "Measure a rectangle")),
    ("E", QT_TRANSLATE_NOOP("Keys", "Measure an ellipse")),
    ("Shift+←↑→↓", QT_TRANSLATE_NOOP("Keys", "Step the cross-hair by a pixel")),
    ("Return", QT_TRANSLATE_NOOP("Keys", "Set a point of the measurement at the cross-hair")),
    ("Ctrl+←↑→↓", QT_TRANSLATE_NOOP("Keys", "Move the selected measurement by a pixel")),
    ("Delete", QT_TRANSLATE_NOOP("Keys", "Delete the selected measurement")),
    ("Esc", QT_TRANSLATE_NOOP("Keys", "Forget what is being drawn")),
    ("W", QT_TRANSLATE_NOOP("Keys", "Window presets")),
    ("R", QT_TRANSLATE_NOOP("Keys", "Back to the file's own window")),
    ("I", QT_TRANSLATE_NOOP("Keys", "Invert light and dark")),
    ("O", QT_TRANSLATE_NOOP("Keys", "Texts and marks over the image, or none")),
    ("S", QT_TRANSLATE_NOOP("Keys", "Blend enlarged pixels, or show squares")),
    ("+  −", QT_TRANSLATE_NOOP("Keys", "Zoom in and out")),
    ("F", QT_TRANSLATE_NOOP("Keys", "Fit the whole image")),
    ("1", QT_TRANSLATE_NOOP("Keys", "One pixel of the image on one of the screen")),
    ("←↑→↓", QT_TRANSLATE_NOOP("Keys", "Move the image")),
    ("PgUp  PgDown", QT_TRANSLATE_NOOP("Keys", "The frame before and after")),
    ("Home  End", QT_TRANSLATE_NOOP("Keys", "The first and the last frame")),
    ("P", QT_TRANSLATE_NOOP("Keys", "Play the frames, or stop")),
)
_MOUSE = (
    (QT_TRANSLATE_NOOP("Keys", "Left drag"), QT_TRANSLATE_NOOP("Keys", "Window, or draw")),
    (QT_TRANSLATE_NOOP("Keys", "Ctrl+left drag"), QT_TRANSLATE_NOOP("Keys", "Window, finely")),
    (
        QT_TRANSLATE_NOOP("Keys", "Middle, Shift+left, Space+left"),
        QT_TRANSLATE_NOOP("Keys", "Move the image"),
    ),
    (QT_TRANSLATE_NOOP("Keys", "Right drag, Ctrl+wheel"), QT_TRANSLATE_NOOP("Keys", "Zoom")),
    (QT_TRANSLATE_NOOP("Keys", "Wheel"), QT_TRANSLATE_NOOP("Keys", "Frames; of a single one zoom")),
    (QT_TRANSLATE_NOOP("Keys", "Double click"), QT_TRANSLATE_NOOP("Keys", "Fit the whole image")),
)
_PLOTS = (
    ("←  →", QT_TRANSLATE_NOOP("Keys", "Histogram: move the window")),
    ("Shift+←  →", QT_TRANSLATE_NOOP("Keys", "Histogram: make the window narrower or wider")),
    ("PgUp  PgDown", QT_TRANSLATE_NOOP("Keys", "Planes: the plane before and after")),
    ("Shift+←↑→↓", QT_TRANSLATE_NOOP("Keys", "Planes: move the cross-hair")),
)
_GROUPS = (
    (QT_TRANSLATE_NOOP("Keys", "In a viewer"), _VIEWER),
    (QT_TRANSLATE_NOOP("Keys", "Mouse in a viewer"), _MOUSE),
    (QT_TRANSLATE_NOOP("Keys", "Histogram and planes"), _PLOTS),
)


def viewer_keys() -> dict[str, tuple[tuple[str, str], ...]]:
    """What is done, and by which key, of each group, as they are shown."""
    return {
        _tr(title): tuple((_tr(does), _tr(keys)) for keys, does in group)
        for title, group in _GROUPS
    }


def _tr(text: str) -> str:
    return QCoreApplication.translate("Keys", text)
