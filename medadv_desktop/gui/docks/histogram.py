"""The panel "Histogram"."""

from PySide6.QtCore import QT_TRANSLATE_NOOP, Qt

from medadv_desktop.gui.docks.spec import DockSpec
from medadv_desktop.gui.viewers.histogram import HistogramPanel

DOCK = DockSpec(
    id="histogram",
    title=QT_TRANSLATE_NOOP("Docks", "Histogram"),
    icon="histogram",
    area=Qt.DockWidgetArea.BottomDockWidgetArea,
    build=HistogramPanel,
)
