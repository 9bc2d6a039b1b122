"""How long from the start of the process until the window is on screen.

``python benchmarks/startup.py``.

Starts the real program several times and prints each time and the median. The clock is
`time.monotonic`, which all processes of a machine share.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

_PROGRAM = """
import sys, time
from medadv_desktop.gui import application, controller
def on_screen(self):
    left = [m for m in ("torch", "SimpleITK", "pyqtgraph") if m in sys.modules]
    print(time.monotonic(), ",".join(left), flush=True)
    self.stop()
controller.Controller.warm_up = on_screen
application.run_window()
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--limit", type=float, default=1.0, help="seconds that the median may take")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        # Somebody's own settings and models would be measured too. An installed program has its
        # byte code written; here the first start writes it, to a place of its own.
        own = {"HOME": home, "XDG_CONFIG_HOME": home, "APPDATA": home, "PYTHONPYCACHEPREFIX": home}
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | own
        if sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
            environment.setdefault("QT_QPA_PLATFORM", "offscreen")
        seconds = [one_start(environment) for _ in range(options.runs + 1)][1:]
    print("seconds:", "  ".join(f"{s:.3f}" for s in seconds))
    median = statistics.median(seconds)
    print(f"median of {options.runs} (after one to warm up): {median:.3f} s")
    return 0 if median < options.limit else 1


def one_start(environment: dict[str, str]) -> float:
    """Seconds from starting a process until its window has been painted."""
    began = time.monotonic()
    command = [sys.executable, "-c", _PROGRAM]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    ended, _, heavy = done.stdout.strip().partition(" ")
    if heavy:
        raise SystemExit(f"loaded before the window was on screen: {heavy}")
    return float(ended) - began


if __name__ == "__main__":
    sys.exit(main())
