"""The dock "Feature maps"."""

from PySide6.QtCore import QT_TRANSLATE_NOOP, Qt

from medadv_desktop.gui.docks.spec import DockSpec
from medadv_desktop.gui.viewers.features import FeaturePanel

DOCK = DockSpec(
    id="features",
    title=QT_TRANSLATE_NOOP("Docks", "Feature maps"),
    icon="features",
    area=Qt.DockWidgetArea.BottomDockWidgetArea,
    build=FeaturePanel,
)
