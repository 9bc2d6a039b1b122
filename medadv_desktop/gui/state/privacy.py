"""Whether what tells of the patient is in sight."""

from __future__ import annotations

from PySide6.QtCore import QObject, QSettings, Signal

_KEY = "privacy/show_patient_data"


class Privacy(QObject):
    """Patient data is masked unless somebody asked to see it; the wish is kept between sessions.

    Signals:
        changed: `masked` is another.
    """

    changed = Signal()

    def __init__(self, settings: QSettings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._masked = not settings.value(_KEY, False, bool)

    @property
    def masked(self) -> bool:
        """Names, dates, identifiers, paths in exported reports: shown as dots."""
        return self._masked

    def set_masked(self, masked: bool) -> None:
        if masked != self._masked:
            self._masked = masked
            self._settings.setValue(_KEY, not masked)
            self.changed.emit()
