"""The longest silence of the window's event loop: ``python benchmarks/gui_gaps.py``.

Opens the real window, lets a 10 ms timer record its longest gap while the engine is loaded, while
the demo study opens, and while an attack runs, and prints the three.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from PySide6.QtCore import QEventLoop, Qt, QTimer

from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.gui.application import make_application, make_session, open_settings
from medadv_desktop.gui.collecting import GarbageCollector


class Measurement:
    """Runs the phases one after the other."""

    def __init__(self, steps: int) -> None:
        self.app = make_application()
        self.collector = GarbageCollector()
        self.scratch = tempfile.TemporaryDirectory()
        folder = Path(self.scratch.name)
        self.session = make_session(open_settings(folder / "settings.ini"))
        self.controller, self.case = self.session.bench.controller, self.session.bench.case
        self.attack = PGD(steps=steps, stop_when_beaten=False)
        self.study = folder / "study"
        self.gaps: list[tuple[float, float]] = []
        self.began = self.last = 0.0
        self.timer = QTimer(interval=10, timerType=Qt.TimerType.PreciseTimer)
        self.timer.timeout.connect(self.tick)

    def run(self) -> None:
        self.session.window.show()
        self.collector.follow(self.controller)
        self.phase("engine loads", self.controller.warm_up)
        self.phase("demo study opens", lambda: self.controller.open_demo(self.study))
        self.case.set_attack(self.attack, self.case.objective, 0)
        self.phase(f"attack of {self.attack.steps} steps", self.controller.run_attack)
        self.controller.stopped.connect(self.app.quit)
        self.session.window.close()
        self.app.exec()
        self.session.tap.remove()
        self.scratch.cleanup()

    def phase(self, title: str, begin) -> None:
        """Do something, wait until no job is left, print the longest gap."""
        self.gaps.clear()
        jobs = self.session.bench.jobs
        calm = QTimer(interval=300, singleShot=True)
        loop = QEventLoop()
        calm.timeout.connect(loop.quit)
        jobs.busy_changed.connect(lambda: calm.stop() if jobs.busy else calm.start())
        self.began = self.last = time.perf_counter()
        self.timer.start()
        begin()
        loop.exec()
        self.timer.stop()
        calm.stop()
        longest = sorted(self.gaps, reverse=True)[:3]
        listed = ", ".join(f"{gap * 1000:.0f} ms at {at:.2f} s" for gap, at in longest)
        print(f"{title}: {time.perf_counter() - self.began:.1f} s, longest gaps {listed}")

    def tick(self) -> None:
        now = time.perf_counter()
        self.gaps.append((now - self.last, now - self.began))
        self.last = now


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100)
    Measurement(parser.parse_args().steps).run()


if __name__ == "__main__":
    main()
