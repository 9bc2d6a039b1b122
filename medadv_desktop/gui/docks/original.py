"""The viewer "Original"."""

from PySide6.QtCore import QT_TRANSLATE_NOOP

from medadv_desktop.gui.docks.spec import DockSpec
from medadv_desktop.gui.viewers.original import OriginalPane

DOCK = DockSpec(
    id="original",
    title=QT_TRANSLATE_NOOP("Docks", "Original"),
    icon="original",
    area="viewers",
    build=OriginalPane,
)
