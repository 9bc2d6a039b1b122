"""The panel "Planes"."""

from PySide6.QtCore import QT_TRANSLATE_NOOP, Qt

from medadv_desktop.gui.docks.spec import DockSpec
from medadv_desktop.gui.viewers.planes import PlanesPanel

DOCK = DockSpec(
    id="planes",
    title=QT_TRANSLATE_NOOP("Docks", "Planes"),
    icon="planes",
    area=Qt.DockWidgetArea.BottomDockWidgetArea,
    build=PlanesPanel,
)
