"""The viewer "Adversarial"."""

from PySide6.QtCore import QT_TRANSLATE_NOOP

from medadv_desktop.gui.docks.spec import DockSpec
from medadv_desktop.gui.viewers.adversarial import AdversarialPane

DOCK = DockSpec(
    id="adversarial",
    title=QT_TRANSLATE_NOOP("Docks", "Adversarial"),
    icon="adversarial",
    area="viewers",
    build=AdversarialPane,
)
