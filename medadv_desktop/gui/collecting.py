"""Python's cyclic collector, on the GUI thread only.

Left alone it runs in whichever thread happens to allocate. In the compute thread it could destroy
widgets, which Qt forbids, and a full pass over torch's half a million objects stops every thread.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

from medadv_desktop.gui.controller import Controller, EngineStage

_INTERVAL_MS = 500


class GarbageCollector(QObject):
    """Takes over from the automatic collector, and gives back on `stop`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thresholds = gc.get_threshold()
        self._was_enabled = gc.isenabled()
        gc.disable()
        self._timer = QTimer(self)
        self._timer.setInterval(_INTERVAL_MS)
        self._timer.timeout.connect(self._check)
        self._timer.start()

    def follow(self, controller: Controller) -> None:
        """Rest while the engine is loading."""

        def look() -> None:
            if controller.engine.stage is EngineStage.LOADING:
                self.rest()
            else:
                self.resume()

        controller.engine_changed.connect(look)

    def rest(self) -> None:
        """Leave everything alone while a library is loaded: its objects are there to stay."""
        self._timer.stop()

    def resume(self) -> None:
        """Set aside everything alive now, never to be looked at again, and go on with the rest."""
        gc.freeze()
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()
        # What was set aside is taken back: libraries complain of leaks about what is not.
        gc.unfreeze()
        if self._was_enabled:
            gc.enable()

    def _check(self) -> None:
        counts = gc.get_count()
        for generation in (2, 1, 0):
            if self._thresholds[generation] and counts[generation] > self._thresholds[generation]:
                gc.collect(generation)
                return
