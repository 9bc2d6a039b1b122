"""What is dropped on the window goes to whoever takes its kind; the rest is opened as images.

Adding a kind: a package in `wizards` that declares `DROP`, and its name below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medadv_desktop.gui.main_window import MainWindow

NAMES = ("model_import", "dataset_import")


@dataclass(frozen=True)
class DropKind:
    """One kind of thing that can be dropped.

    Attributes:
        id: what it is called in code.
        takes: whether a path is of this kind, by its name and the names beside it: it is asked on
            the GUI thread, so it reads no content.
        open: gets the window and all paths of this kind that were dropped together.
    """

    id: str
    takes: Callable[[Path], bool]
    open: Callable[[MainWindow, tuple[Path, ...]], None]


def drop_kinds() -> tuple[DropKind, ...]:
    """The declaration of every kind, in the order in which they are asked."""
    return tuple(import_module(f"medadv_desktop.gui.wizards.{name}").DROP for name in NAMES)


def open_dropped(window: MainWindow, paths: Sequence[Path]) -> None:
    """Hand each path to the first kind that takes it; open all others as images."""
    left = list(paths)
    for kind in drop_kinds():
        taken = tuple(path for path in left if kind.takes(path))
        left = [path for path in left if path not in taken]
        if taken:
            kind.open(window, taken)
    if left:
        window.controller.open_paths(left)
