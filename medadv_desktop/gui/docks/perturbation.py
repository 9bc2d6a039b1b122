"""The viewer "Perturbation"."""

from PySide6.QtCore import QT_TRANSLATE_NOOP

from medadv_desktop.gui.docks.spec import DockSpec
from medadv_desktop.gui.viewers.perturbation import PerturbationPane

DOCK = DockSpec(
    id="perturbation",
    title=QT_TRANSLATE_NOOP("Docks", "Perturbation"),
    icon="perturbation",
    area="viewers",
    build=PerturbationPane,
)
