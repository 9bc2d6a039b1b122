"""The panel "Running audit"; see `audit_run.panel`."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP, Qt

from medadv_desktop.gui.audit_run.panel import AuditRunPanel
from medadv_desktop.gui.docks.spec import DockSpec

DOCK = DockSpec(
    id="audit_run",
    title=QT_TRANSLATE_NOOP("Docks", "Running audit"),
    icon="run",
    area=Qt.DockWidgetArea.BottomDockWidgetArea,
    build=AuditRunPanel,
    shown=False,
)
