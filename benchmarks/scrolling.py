"""Wheel steps through a long series in the real window: ``python -m benchmarks.scrolling``.

Writes a synthetic CT series of 512×512 pixels and 16 bits, opens it, lets the cache fill, and steps
through it twice: each step is timed from the wheel until the window is painted. Off screen unless
QT_QPA_PLATFORM says otherwise.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid
from PySide6.QtCore import QCoreApplication, QEventLoop

from medadv_desktop.gui.application import Session, make_application, make_session, open_settings

REST_SECONDS = 0.02


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, default=500)
    options = parser.parse_args()
    app = make_application()
    with tempfile.TemporaryDirectory() as folder:
        write_series(Path(folder) / "series", options.slices)
        session = make_session(open_settings(Path(folder) / "settings.ini"))
        session.window.resize(1280, 800)
        session.window.reset_layout()
        session.window.show()
        bench = session.bench
        controller, case, studies = bench.controller, bench.case, bench.studies
        began = time.perf_counter()
        controller.open_paths([Path(folder) / "series"])
        while case.frame is None:
            pump()
        print(f"first image after {time.perf_counter() - began:.2f} s")
        while (place := studies.slice_place()) is None or place[1] != options.slices:
            pump()
        told("first pass", steps(session, 1, options.slices - 1))
        told("cached", steps(session, -1, options.slices - 1))
        ended: list[bool] = []
        controller.stopped.connect(lambda: ended.append(True))
        session.window.close()
        while not ended:
            pump()
        session.tap.remove()
    app.quit()


def write_series(folder: Path, slices: int) -> None:
    """Noise on a level that rises from slice to slice."""
    folder.mkdir()
    dataset = pydicom.dcmread(get_testdata_file("CT_small.dcm", download=False))
    noise = (np.random.default_rng(0).normal(0, 60, (512, 512)) + 1000).astype(np.int16)
    dataset.Rows = dataset.Columns = 512
    for index in range(slices):
        dataset.PixelData = (noise + index).astype(np.int16).tobytes()
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.InstanceNumber = index
        dataset.ImagePositionPatient = [0, 0, index * 2.0]
        dataset.save_as(folder / f"{index:04}.dcm")


def steps(session: Session, step: int, count: int) -> np.ndarray:
    """Milliseconds of each step, until its frame is in the case and painted."""
    case, view = session.bench.case, session.bench.view
    times = []
    for _ in range(count):
        before, began = case.frame, time.perf_counter()
        view.frame_step.emit(step)
        while case.frame is before:
            pump()
        pump()
        QCoreApplication.sendPostedEvents()
        pump()
        times.append(1000 * (time.perf_counter() - began))
        rest = time.perf_counter() + REST_SECONDS
        while time.perf_counter() < rest:
            pump()
    return np.array(times)


def told(title: str, times: np.ndarray) -> None:
    print(
        f"{title}: {len(times)} steps, median {np.median(times):.1f} ms, "
        f"99th percentile {np.percentile(times, 99):.1f} ms, longest {times.max():.1f} ms"
    )


def pump() -> None:
    QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 2)


if __name__ == "__main__":
    main()
