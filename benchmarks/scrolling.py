"""A long series dropped on the real window and gone through: ``python -m benchmarks.scrolling``.

Writes a synthetic CT series of 512×512 pixels and 16 bits, drops its folder, times the first image
from the drop until the window is painted, and steps through the series twice: each step is timed
from the wheel until the window is painted. Off screen unless QT_QPA_PLATFORM says otherwise.
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
from PySide6.QtCore import (
    QCoreApplication,
    QEventLoop,
    QLibraryInfo,
    QMimeData,
    QPoint,
    QPointF,
    Qt,
    QUrl,
    QVersionNumber,
)
from PySide6.QtGui import QDragEnterEvent, QDropEvent

from medadv_desktop.gui.application import Session, make_application, make_session, open_settings

REST_SECONDS = 0.02


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, default=500)
    parser.add_argument("--steps", type=int, help="of each pass; all slices where it is left out")
    options = parser.parse_args()
    count = min(options.steps or options.slices - 1, options.slices - 1)
    app = make_application()
    with tempfile.TemporaryDirectory() as folder:
        write_series(Path(folder) / "series", options.slices)
        session = make_session(open_settings(Path(folder) / "settings.ini"))
        session.window.resize(1280, 800)
        session.window.reset_layout()
        session.window.show()
        bench = session.bench
        controller, studies = bench.controller, bench.studies
        for _ in range(20):
            pump()
        began = time.perf_counter()
        first = first_image(session, folder)
        print(f"{options.slices} slices dropped: first image painted after {first:.2f} s")
        while (place := studies.slice_place()) is None or place[1] != options.slices:
            pump()
        print(f"all listed after {time.perf_counter() - began:.1f} s")
        told("first pass", steps(session, 1, count))
        told("cached", steps(session, -1, count))
        ended: list[bool] = []
        controller.stopped.connect(lambda: ended.append(True))
        session.window.close()
        while not ended:
            pump()
        session.tap.remove()
    app.quit()


def first_image(session: Session, folder: str) -> float:
    """Seconds from the drop of a folder until an image of it is painted."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(Path(folder) / "series"))])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    # Qt 6.12 takes a QPointF and deprecates the QPoint that earlier releases demand.
    point = QPointF if QLibraryInfo.version() >= QVersionNumber(6, 12) else QPoint
    copy, place = Qt.DropAction.CopyAction, QPointF(200, 200)
    began = time.perf_counter()
    for event in (
        QDragEnterEvent(point(200, 200), copy, mime, buttons, keys),
        QDropEvent(place, copy, mime, buttons, keys),
    ):
        QCoreApplication.sendEvent(session.window, event)
    while session.bench.case.frame is None:
        pump()
    pump()
    QCoreApplication.sendPostedEvents()
    pump()
    return time.perf_counter() - began


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
    """Milliseconds of each step until its frame is painted, and those the window computed."""
    case, view = session.bench.case, session.bench.view
    times = []
    for _ in range(count):
        before, began, computed = case.frame, time.perf_counter(), time.thread_time()
        view.frame_step.emit(step)
        while case.frame is before:
            pump()
        pump()
        QCoreApplication.sendPostedEvents()
        pump()
        took = time.perf_counter() - began, time.thread_time() - computed
        times.append([1000 * seconds for seconds in took])
        rest = time.perf_counter() + REST_SECONDS
        while time.perf_counter() < rest:
            pump()
    return np.array(times)


def told(title: str, times: np.ndarray) -> None:
    """On a busy machine the window waits for the processor: what it computes stays the same."""
    print(f"{title}: {len(times)} steps")
    for name, taken in zip(("until painted", "computed"), times.T, strict=True):
        print(
            f"  {name}: median {np.median(taken):.1f} ms, "
            f"99th percentile {np.percentile(taken, 99):.1f} ms, longest {taken.max():.1f} ms"
        )


def pump() -> None:
    QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 2)


if __name__ == "__main__":
    main()
