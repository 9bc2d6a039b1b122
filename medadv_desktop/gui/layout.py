"""Where the docks stand: by default, and where the user left them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from PySide6.QtCore import QByteArray, QSettings, Qt
from PySide6.QtWidgets import QDockWidget, QMainWindow

LAYOUT_VERSION = 6
"""Rises when docks come or go, so that an old layout is not half restored."""

_STATE, _GEOMETRY, _VERSION = "layout/state", "layout/geometry", "layout/version"
_LEFT_SHARE, _RIGHT_SHARE, _BOTTOM_SHARE = 0.205, 0.26, 0.22

Area = Qt.DockWidgetArea
Place = Area | Literal["viewers"]


def prepare(window: QMainWindow) -> None:
    """Let a window consist of docks alone, that may go anywhere."""
    window.setDockNestingEnabled(True)
    window.setDockOptions(
        QMainWindow.DockOption.AllowNestedDocks
        | QMainWindow.DockOption.AllowTabbedDocks
        | QMainWindow.DockOption.AnimatedDocks
        | QMainWindow.DockOption.GroupedDragging
    )


def arrange(
    window: QMainWindow,
    placed: Sequence[tuple[QDockWidget, Place]],
    hidden: Sequence[QDockWidget] = (),
) -> None:
    """Put every dock where it declares to stand.

    Left: tabs, over the whole height. Right: a column. Between them the viewers, a grid of two
    rows filled column by column, and below these the bottom ones as tabs. Those `hidden` come
    there when they are shown. All stand in one of Qt's dock areas, split up: what lies in one area
    grows and shrinks in proportion with the window, whereas of several areas without a central
    widget the outer ones would take all that is gained.
    """
    for dock, _ in placed:
        dock.setFloating(False)
        window.removeDockWidget(dock)
    left = _of(placed, Area.LeftDockWidgetArea)
    right = _of(placed, Area.RightDockWidgetArea)
    bottom = _of(placed, Area.BottomDockWidgetArea)
    viewers = _of(placed, "viewers")
    across, down = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
    # Columns first, then each column by itself: a split only ever concerns the dock that it names.
    columns = [column[0] for column in (left, viewers, right) if column]
    window.addDockWidget(Area.TopDockWidgetArea, columns[0])
    _split(window, columns, across)
    if bottom and viewers:
        window.splitDockWidget(viewers[0], bottom[0], down)
    _split(window, viewers[::2], across)
    for upper, lower in zip(viewers[::2], viewers[1::2], strict=False):
        window.splitDockWidget(upper, lower, down)
    _split(window, right, down)
    for tabs in (left, bottom):
        for front, behind in pairwise(tabs):
            window.tabifyDockWidget(front, behind)
    for dock, _ in placed:
        dock.setVisible(dock not in hidden)
    for dock in (*left[:1], *bottom[:1]):
        dock.raise_()
    _share_out(window, left, viewers, right, bottom)


def save(window: QMainWindow, settings: QSettings) -> None:
    settings.setValue(_VERSION, LAYOUT_VERSION)
    settings.setValue(_GEOMETRY, window.saveGeometry())
    settings.setValue(_STATE, window.saveState(LAYOUT_VERSION))


def restore(window: QMainWindow, settings: QSettings) -> bool:
    """Put everything back where it was; False where nothing usable was saved."""
    if settings.value(_VERSION, 0, int) != LAYOUT_VERSION:
        return False
    geometry, state = settings.value(_GEOMETRY), settings.value(_STATE)
    if not isinstance(geometry, QByteArray) or not isinstance(state, QByteArray):
        return False
    return window.restoreGeometry(geometry) and window.restoreState(state, LAYOUT_VERSION)


def _of(placed: Sequence[tuple[QDockWidget, Place]], wanted: Place) -> list[QDockWidget]:
    return [dock for dock, place in placed if place == wanted]


def _split(window: QMainWindow, docks: list[QDockWidget], along: Qt.Orientation) -> None:
    for before, dock in pairwise(docks):
        window.splitDockWidget(before, dock, along)


def _share_out(
    window: QMainWindow,
    left: list[QDockWidget],
    viewers: list[QDockWidget],
    right: list[QDockWidget],
    bottom: list[QDockWidget],
) -> None:
    width, height = window.width(), window.height()
    shares = [(dock, _LEFT_SHARE) for dock in left[:1]] + [
        (dock, _RIGHT_SHARE) for dock in right[:1]
    ]
    upper = viewers[::2]
    rest = (1 - sum(share for _, share in shares)) / max(len(upper), 1)
    shares += [(dock, rest) for dock in upper]
    sizes = [round(width * share) for _, share in shares]
    window.resizeDocks([dock for dock, _ in shares], sizes, Qt.Orientation.Horizontal)
    rows = viewers[:2] + bottom[:1]
    low = round(height * _BOTTOM_SHARE)
    each = (height - low) // max(len(viewers[:2]), 1)
    heights = [each] * len(viewers[:2]) + [low] * len(bottom[:1])
    window.resizeDocks(rows, heights, Qt.Orientation.Vertical)
