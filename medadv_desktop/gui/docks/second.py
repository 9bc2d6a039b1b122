"""The viewer "Second model"."""

from PySide6.QtCore import QT_TRANSLATE_NOOP

from medadv_desktop.gui.docks.spec import DockSpec
from medadv_desktop.gui.viewers.second import SecondPane

DOCK = DockSpec(
    id="second",
    title=QT_TRANSLATE_NOOP("Docks", "Second model"),
    icon="second-model",
    area="viewers",
    build=SecondPane,
)
