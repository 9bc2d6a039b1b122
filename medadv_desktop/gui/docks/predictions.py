"""The dock "Predictions"."""

from PySide6.QtCore import QT_TRANSLATE_NOOP, Qt

from medadv_desktop.gui.docks.spec import DockSpec
from medadv_desktop.gui.viewers.predictions import PredictionPanel

DOCK = DockSpec(
    id="predictions",
    title=QT_TRANSLATE_NOOP("Docks", "Predictions"),
    icon="predictions",
    area=Qt.DockWidgetArea.RightDockWidgetArea,
    build=PredictionPanel,
)
