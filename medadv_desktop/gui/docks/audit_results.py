"""What an audit found: figures, charts, cells and samples."""

from PySide6.QtCore import QT_TRANSLATE_NOOP, Qt

from medadv_desktop.gui.audits.results.panel import ResultsPanel
from medadv_desktop.gui.docks.spec import DockSpec

DOCK = DockSpec(
    id="audit_results",
    title=QT_TRANSLATE_NOOP("Docks", "Audit results"),
    icon="results",
    area=Qt.DockWidgetArea.BottomDockWidgetArea,
    build=ResultsPanel,
    shown=False,
)
