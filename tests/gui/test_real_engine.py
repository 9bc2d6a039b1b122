"""The window on the real engine: torch in the compute thread, a tiny network on disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.gui.application import make_session, open_settings
from medadv_desktop.gui.state.jobs import JobState
from tests.gui.conftest import close_session


@pytest.fixture
def real(qtbot, settings_path, grey_png, write_model):
    """A window that looks at a PNG with a tiny model on the real engine."""
    session = make_session(open_settings(settings_path), device="cpu")
    session.window.show()
    controller, case = session.bench.controller, session.bench.case
    controller.warm_up()
    controller.open_model(write_model())
    controller.open_paths([grey_png])
    qtbot.waitUntil(lambda: case.prediction is not None, timeout=60_000)
    yield session
    close_session(qtbot, session)


@pytest.mark.slow
def test_that_a_png_is_predicted_attacked_saved_and_looked_into(qtbot, real, tmp_path):
    controller, case = real.bench.controller, real.bench.case
    case.set_attack(PGD(epsilon=8 / 255, steps=10), case.objective, 3)
    with qtbot.waitSignal(case.outcome_changed, timeout=30_000):
        controller.run_attack()
    outcome = case.outcome
    assert outcome.reference_is_prediction
    assert np.abs(outcome.perturbation).max() <= 8 / 255 + 1e-6
    controller.request_features(case.loaded.layers[0])
    qtbot.waitUntil(lambda: case.features is not None, timeout=30_000)
    assert case.features.adversarial.shape == case.features.original.shape
    folder = tmp_path / "out"
    controller.exporter.save_outcome(folder)
    qtbot.waitUntil((folder / "result.json").exists)
    qtbot.waitUntil(lambda: not real.bench.jobs.busy)


@pytest.mark.slow
def test_that_cancel_stops_the_real_attack_and_the_next_one_runs(qtbot, real):
    controller, case = real.bench.controller, real.bench.case
    case.set_attack(PGD(steps=1000, stop_when_beaten=False), case.objective, 0)
    with qtbot.waitSignal(case.preview_changed, timeout=30_000):
        controller.run_attack()
    with qtbot.waitSignal(controller._desk.bridge.cancelled, timeout=2_000):
        controller.cancel_running()
    assert real.bench.jobs.jobs[-1].state is JobState.CANCELLED
    case.set_attack(PGD(steps=2), case.objective, 0)
    with qtbot.waitSignal(case.outcome_changed, timeout=30_000):
        controller.run_attack()


@pytest.mark.slow
@pytest.mark.xserver
@pytest.mark.skipif(not os.environ.get("DISPLAY"), reason="needs an X server")
def test_that_the_program_opens_on_a_real_screen_and_leaves_with_zero(tmp_path: Path):
    """The process itself, from start to the end of its threads, under the xcb platform."""
    program = (
        "import sys\n"
        "from PySide6.QtCore import QTimer\n"
        "from medadv_desktop.gui import application, main_window\n"
        "shown = main_window.MainWindow.showEvent\n"
        "def leave_soon(self, event):\n"
        "    shown(self, event)\n"
        "    QTimer.singleShot(1500, self.close)\n"
        "main_window.MainWindow.showEvent = leave_soon\n"
        "sys.exit(application.run_window())\n"
    )
    environment = os.environ | {
        "QT_QPA_PLATFORM": "xcb",
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
