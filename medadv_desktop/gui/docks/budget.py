"""The panel "Smallest ε": how small a budget is enough."""

from PySide6.QtCore import QT_TRANSLATE_NOOP, Qt

from medadv_desktop.gui.attack_panel.budget_panel import BudgetPanel
from medadv_desktop.gui.docks.spec import DockSpec

DOCK = DockSpec(
    id="budget",
    title=QT_TRANSLATE_NOOP("Docks", "Smallest ε"),
    icon="budget",
    area=Qt.DockWidgetArea.BottomDockWidgetArea,
    build=BudgetPanel,
)
