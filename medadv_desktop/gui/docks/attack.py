"""The panel "Attack"."""

from PySide6.QtCore import QT_TRANSLATE_NOOP, Qt

from medadv_desktop.gui.attack_panel.panel import AttackPanel
from medadv_desktop.gui.docks.spec import DockSpec

DOCK = DockSpec(
    id="attack",
    title=QT_TRANSLATE_NOOP("Docks", "Attack"),
    icon="attack",
    area=Qt.DockWidgetArea.RightDockWidgetArea,
    build=AttackPanel,
)
