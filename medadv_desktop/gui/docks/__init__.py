"""The panels of the window. Adding one: a file here that declares `DOCK`, and its name below.

The order is that of the View menu, and within an area that of the default layout.
"""

from __future__ import annotations

from importlib import import_module

from medadv_desktop.gui.docks.spec import DockSpec

NAMES = (
    "browser",
    "original",
    "perturbation",
    "adversarial",
    "second",
    "attack",
    "predictions",
    "features",
    "budget",
    "histogram",
    "measurements",
    "planes",
    "tags",
    "models",
    "datasets",
    "audits",
    "import_report",
    "audit_run",
    "audit_results",
    "jobs",
    "log",
)


def dock_specs() -> tuple[DockSpec, ...]:
    """The declaration of every dock."""
    return tuple(import_module(f"{__name__}.{name}").DOCK for name in NAMES)
