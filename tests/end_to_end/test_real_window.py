"""The real window on a real X server, moved by real mouse and keyboard events."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.xserver,
    pytest.mark.timeout(240),
    pytest.mark.skipif(
        not os.environ.get("DISPLAY")
        or os.environ.get("QT_QPA_PLATFORM") == "offscreen"
        or not shutil.which("xdotool"),
        reason="needs an X server and xdotool: xvfb-run -a pytest -m xserver",
    ),
]


def xdotool(*arguments: object) -> str:
    command = ["xdotool", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment with a home of its own, so that nothing of the user's is read or written."""
    names = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")
    folder = str(tmp_path / "home")
    Path(folder).mkdir()
    kept = {k: v for k, v in os.environ.items() if k not in ("QT_QPA_PLATFORM",)}
    return kept | dict.fromkeys(names, folder)


@pytest.fixture
def demo_window(tmp_path: Path, home: dict[str, str]) -> Iterator[tuple[subprocess.Popen, str]]:
    """`medadv demo` in a process of its own, and the id of its window."""
    command = [sys.executable, "-m", "medadv_desktop", "demo", "--window"]
    process = subprocess.Popen(
        [*command, "--out", str(tmp_path / "demo")],
        env=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    window = ""
    deadline = time.monotonic() + 60
    while not window and process.poll() is None and time.monotonic() < deadline:
        found = xdotool("search", "--onlyvisible", "--name", "^MedAdv Desktop")
        window = found.split("\n")[0]
    yield process, window
    process.kill()
    process.communicate()


def test_that_the_demo_opens_a_window_and_ctrl_q_ends_it_cleanly(
    demo_window: tuple[subprocess.Popen, str],
) -> None:
    process, window = demo_window
    assert window, process.communicate()[1] if process.poll() is not None else "no window"
    xdotool("windowfocus", "--sync", window)
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        # Without a window manager a key that comes before the window is ready is lost.
        xdotool("key", "--window", window, "ctrl+q")
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            continue
    said = process.stderr.read() if process.stderr else ""
    assert process.returncode == 0, said
    assert "leaked" not in said


DRIVER = """
import sys
from pathlib import Path
from PySide6.QtCore import QPoint, QProcess, QTimer, Qt
from PySide6.QtWidgets import QPushButton
from medadv_desktop.audit.demo import write_demo_study
from medadv_desktop.gui.application import make_application, make_session, open_settings

folder = Path(sys.argv[1])
images = write_demo_study(folder / "study")
app = make_application()
assert app.platformName() == "xcb", app.platformName()
session = make_session(open_settings(folder / "settings.ini"), device="cpu")
case, controller, window = session.bench.case, session.bench.controller, session.window
window.resize(1280, 800)
window.show()
controller.warm_up()
controller.open_demo_images([images[0]])

def click(widget):
    at = widget.mapToGlobal(widget.rect().center())
    QProcess.startDetached("xdotool", ["mousemove", str(at.x()), str(at.y()), "click", "1"])

def run_attack():
    if case.prediction is None:
        return
    case.prediction_changed.disconnect(run_attack)
    buttons = [b for b in window.docks["attack"].findChildren(QPushButton) if b.isVisible()]
    (button,) = [b for b in buttons if "attack" in b.text().lower() and b.isEnabled()]
    # The layout settles in the next rounds of the event loop.
    QTimer.singleShot(500, lambda: click(button))

def report():
    outcome = case.outcome
    if outcome is None:
        return
    picture = app.primaryScreen().grabWindow(0)
    picture.save(str(folder / "screen.png"))
    print("outcome", outcome.success, ",".join(outcome.clean.decided),
          ",".join(outcome.attacked.decided), flush=True)
    window.close()

case.prediction_changed.connect(run_attack)
case.outcome_changed.connect(lambda: QTimer.singleShot(800, report))
controller.stopped.connect(app.quit)
QTimer.singleShot(150_000, lambda: app.exit(3))
code = app.exec()
session.tap.remove()
assert controller.wait(10_000)
sys.exit(code)
"""


def test_that_a_mouse_click_runs_the_attack_and_the_screen_shows_it(
    tmp_path: Path, home: dict[str, str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(tmp_path)],
        env=home,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "outcome True melanoma naevus" in done.stdout

    from PIL import Image

    with Image.open(tmp_path / "screen.png") as picture:
        colours = picture.convert("RGB").resize((160, 100)).getcolors(160 * 100)
    assert colours is not None
    assert len(colours) > 500  # an image, a perturbation, text: not a blank or single-colour screen
