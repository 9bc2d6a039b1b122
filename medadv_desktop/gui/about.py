"""What this is, in which version, under which licence, and what it is not for."""

from __future__ import annotations

import platform

from PySide6.QtCore import Qt, qVersion
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

from medadv_desktop import NOT_FOR_DIAGNOSIS, __version__
from medadv_desktop.audit.requests import EngineReady
from medadv_desktop.gui import icons
from medadv_desktop.gui.theme import LARGE, font


class AboutDialog(QDialog):
    """Versions, licence, intended use."""

    def __init__(self, engine: EngineReady | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("About MedAdv Desktop"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._versions = "\n".join(f"{name} {version}" for name, version in _versions(engine))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(LARGE * 2, LARGE * 2, LARGE * 2, LARGE)
        layout.setSpacing(LARGE)
        picture = QLabel()
        picture.setPixmap(icons.app_icon().pixmap(64, 64))
        layout.addWidget(picture)
        title = QLabel(f"MedAdv Desktop {__version__}")
        title.setFont(font("title"))
        layout.addWidget(title)
        purpose = QLabel(self.tr(NOT_FOR_DIAGNOSIS) + ".")
        purpose.setProperty("role", "warning")
        layout.addWidget(purpose)
        for text in (
            self.tr("Shows how diagnostic image models break under adversarial attack. Offline."),
            self.tr(
                "After Xu, Zhang, Li, Liu, Zhang: Towards Evaluating the Robustness of Deep "
                "Diagnostic Models by Adversarial Attack. Medical Image Analysis, 2021."
            ),
            self.tr("MIT licence. It uses Qt under the LGPL, version 3."),
            self._versions,
        ):
            label = QLabel(text)
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            layout.addWidget(label)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        copy = buttons.addButton(self.tr("Copy versions"), QDialogButtonBox.ButtonRole.ActionRole)
        copy.setToolTip(self.tr("For a report of an error"))
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self._versions))
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)
        self.setMaximumWidth(460)


def _versions(engine: EngineReady | None) -> tuple[tuple[str, str], ...]:
    known = dict(engine.versions) if engine else {"medadv-desktop": __version__}
    known |= {"Python": platform.python_version(), "Qt": qVersion()}
    return (*known.items(), (platform.system(), platform.release()))
