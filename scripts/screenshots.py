"""Make the pictures of README and docs: python scripts/screenshots.py [FOLDER].

Each is the real window, or a panel of it, after doing the real job on computed phantoms.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from PySide6.QtCore import QBuffer, QCoreApplication, QEventLoop, QIODevice
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from medadv_desktop.audit.demo import write_demo_study
from medadv_desktop.audit.plan.schema import AuditPlan
from medadv_desktop.gui.application import Session, make_application, make_session, open_settings
from medadv_desktop.gui.audits.archivist import archivist_of
from medadv_desktop.gui.demo_audit import DemoAudit
from medadv_desktop.gui.state.audits import audits_of
from medadv_desktop.gui.state.measurements import Kind, new_measurement
from medadv_desktop.gui.viewers.input_steps import InputStepsDialog
from medadv_desktop.gui.viewers.showing import frame_key
from medadv_desktop.gui.wizards.audit import new_audit
from medadv_desktop.gui.wizards.audit.dialog import AuditWizard
from medadv_desktop.imaging.measuring import Point

WINDOWS = {
    "window-dark.png": ["--theme", "dark", "--image", "0"],
    "window-light.png": ["--theme", "light", "--image", "4"],
    "second-model-dark.png": [
        *("--theme", "dark", "--image", "1", "--second-model", "demo-dermoscopy-advt"),
    ],
}
SLICES, SIDE, PIXEL_MM = 40, 192, 1.6
MOST_BYTES = 150_000
MOST_BYTES_OF_AUDITS = 400_000
LONGEST_SECONDS, HOUR = 180.0, 3600.0


def main() -> int:
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name, options in WINDOWS.items():
            command = [sys.executable, "-m", "medadv_desktop.gui.snapshot", scratch]
            command += ["--size", "1400x880"]
            subprocess.run([*command, str(target / name), *options], check=True)
            save(Image.open(target / name), target / name)
        for studio in (Panels, Audits):
            studio(target, Path(scratch)).run()
    return 0


def save(picture: Image.Image, path: Path, most_bytes: int = MOST_BYTES) -> None:
    """Write a PNG with 256 colours, or fewer where it would be too large."""
    for colors in (256, 128, 64, 32):
        data = io.BytesIO()
        small = picture.convert("RGB").quantize(colors, dither=Image.Dither.NONE)
        small.save(data, "PNG", optimize=True)
        if len(data.getvalue()) <= most_bytes:
            break
    path.write_bytes(data.getvalue())
    print(f"{path}: {len(data.getvalue()) // 1000} kB")


class Studio:
    """One window, brought from state to state, and a picture of what each is about."""

    size = (1600, 1000)

    def __init__(self, target: Path, scratch: Path) -> None:
        self.target, self.scratch = target, scratch
        make_application()
        settings = open_settings(scratch / f"{type(self).__name__}.ini")
        settings.setValue("theme", "dark")
        self.session: Session = make_session(settings)
        self.window, self.bench = self.session.window, self.session.bench
        self.case, self.controller = self.bench.case, self.bench.controller

    def run(self) -> None:
        self.window.resize(*self.size)
        self.window.reset_layout()
        self.window.show()
        self.controller.warm_up()
        self.work()
        stopped: list[bool] = []
        self.controller.stopped.connect(lambda: stopped.append(True))
        self.window.close()
        self.until(lambda: bool(stopped))
        self.session.tap.remove()

    def work(self) -> None:
        """Bring the window from state to state."""
        raise NotImplementedError

    def panel(self, name: str) -> QWidget:
        return self.window.docks[name].widget()

    def front(self, name: str) -> QWidget:
        """The panel, in front of those that it shares its place with."""
        self.window.docks[name].raise_()
        self.rest(0.3)
        return self.panel(name)

    def take(self, name: str, *widgets: QWidget) -> None:
        """A picture of widgets, one below the other."""
        self.rest(0.4)
        save(below_each_other([to_pillow(w.grab().toImage()) for w in widgets]), self.target / name)

    def until(self, reached: Callable[[], bool], seconds: float = LONGEST_SECONDS) -> None:
        ends = time.monotonic() + seconds
        while not reached():
            if time.monotonic() > ends:
                raise TimeoutError("the window did not get there")
            QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)

    def rest(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)


class Panels(Studio):
    """Panels after a series was viewed, and an image attacked."""

    def work(self) -> None:
        self.view_a_series()
        self.attack_an_image()

    def view_a_series(self) -> None:
        self.controller.open_paths([write_series(self.scratch / "ct")])
        self.until(lambda: self.case.frame is not None and not self.bench.jobs.busy)
        middle = SLICES // 2
        self.bench.view.cine.go_to(middle)
        self.until(lambda: self.bench.view.cine.index == middle)
        self.measure("distance", (96, 18), (96, 174))
        self.measure("ellipse", (72, 40), (118, 72))
        self.measure("rectangle", (84, 128), (100, 144))
        self.bench.view.set_probe((91.0, 134.0))
        self.take("viewer.png", self.panel("original"))
        self.take("figures.png", self.front("histogram"), self.front("measurements"))
        planes = self.panel("planes")
        self.front("planes")
        planes.start()
        self.until(lambda: planes.built is not None)
        self.take("planes.png", planes)
        self.front("tags")
        reader = self.controller.tags
        self.until(lambda: reader.tree is not None)
        self.take("tags.png", self.panel("tags"))

    def attack_an_image(self) -> None:
        images = write_demo_study(self.scratch / "demo")
        self.controller.open_demo_images([images[2], *images])
        self.until(lambda: self.case.prediction is not None and not self.bench.jobs.busy)
        self.controller.run_attack()
        self.front("features")
        self.until(lambda: self.case.features is not None and not self.bench.jobs.busy)
        self.take("browser.png", self.panel("browser"))
        self.take("attacked.png", self.panel("perturbation"), self.panel("adversarial"))
        self.take("answers.png", self.panel("predictions"), self.front("features"))
        self.take("reports.png", *(self.front(n) for n in ("import_report", "jobs", "log")))
        self.bench.view.input_steps_wanted.emit()
        dialog = self.window.findChild(InputStepsDialog)
        self.take("input-steps.png", dialog)
        dialog.close()

    def measure(self, kind: Kind, *points: Point) -> None:
        key = frame_key(self.case.frame)
        self.bench.view.measurements.add(new_measurement(kind, key, points))


class Audits(Studio):
    """The demo with its audit: planned, running, done."""

    size = (1280, 800)

    def work(self) -> None:
        audits = audits_of(self.controller)
        DemoAudit(self.controller, self.scratch / "demo")
        images = write_demo_study(self.scratch / "demo" / "study")
        self.controller.open_demo_images([images[0], *images], attack=True)
        self.until(lambda: audits.plan is not None and self.case.outcome is not None)
        self.picture("audit-wizard-dark.png", self.wizard(audits.plan))
        archivist_of(self.controller).open_folder(audits.folder)
        audits.show(audits.folder)
        self.until(lambda: sum(c.ended for c in audits.cells) > len(audits.cells) / 2, HOUR)
        self.front("audits")
        self.window.docks["audit_run"].raise_()
        self.controller.notices.clear()
        self.picture("audit-running-dark.png", self.window)
        self.until(lambda: not audits.running and not self.bench.jobs.busy, HOUR)
        self.look_at_results(audits.folder)

    def look_at_results(self, folder: Path) -> None:
        self.bench.theme.set_mode("light")
        for name in ("audit_run", "perturbation", "second"):
            self.window.docks[name].hide()
        self.controller.notices.clear()
        self.rest(0.5)
        self.window.resize(*self.size)
        self.panel("audit_results").show_run(folder)
        self.picture("audit-results-light.png", self.window)

    def wizard(self, plan: AuditPlan) -> AuditWizard:
        wizard = new_audit(self.window, plan)
        wizard.go_to(wizard.pages.index(wizard.attacks))
        wizard.attacks.list.setCurrentRow(2)
        return wizard

    def picture(self, name: str, widget: QWidget) -> None:
        self.rest(1.5)
        save(to_pillow(widget.grab().toImage()), self.target / name, MOST_BYTES_OF_AUDITS)
        if widget is not self.window:
            widget.leave()


def to_pillow(image: QImage) -> Image.Image:
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    return Image.open(io.BytesIO(buffer.data().data())).convert("RGB")


def below_each_other(pictures: Sequence[Image.Image], gap: int = 8) -> Image.Image:
    width = max(p.width for p in pictures)
    height = sum(p.height for p in pictures) + gap * (len(pictures) - 1)
    whole, top = Image.new("RGB", (width, height), (24, 27, 33)), 0
    for picture in pictures:
        whole.paste(picture, (0, top))
        top += picture.height + gap
    return whole


def write_series(folder: Path) -> Path:
    """A thorax of ellipses with a nodule, as axial CT slices of nobody."""
    folder.mkdir()
    study, series, place = generate_uid(), generate_uid(), generate_uid()
    noise = np.random.default_rng(0)
    for index in range(SLICES):
        values = thorax(index / (SLICES - 1)) + noise.normal(0, 12, (SIDE, SIDE))
        dataset = header(study, series, index)
        dataset.FrameOfReferenceUID = place
        dataset.PixelData = (values + 1024).round().clip(0, 4095).astype(np.uint16).tobytes()
        dataset.save_as(folder / f"IM{index:03}.dcm", enforce_file_format=True)
    return folder


def thorax(height: float) -> np.ndarray:
    """Hounsfield units of a slice; `height` from 0 to 1 through the chest."""
    row, column = np.mgrid[0:SIDE, 0:SIDE] / SIDE - 0.5

    def within(y: float, x: float, tall: float, wide: float) -> np.ndarray:
        return ((row - y) / tall) ** 2 + ((column - x) / wide) ** 2 < 1

    slim = np.sqrt(max(1 - (2 * height - 1) ** 2, 0.05))
    values = np.full((SIDE, SIDE), -1000.0)
    values[within(0, 0, 0.34, 0.46)] = -90.0  # fat
    values[within(0, 0, 0.31, 0.43)] = 50.0
    for side in (-1, 1):
        values[within(-0.02, side * 0.21, 0.22 * slim, 0.14 * slim)] = -820.0
    values[within(0.02, 0.05, 0.09 * slim, 0.08 * slim)] = 45.0  # heart
    values[within(0.23, 0, 0.05, 0.05)] = 600.0
    values[within(0.23, 0, 0.02, 0.02)] = 30.0
    size = 0.035 * max(0.0, 1 - abs(height - 0.5) / 0.12)
    if size:
        values[within(-0.02, 0.21, size, size)] = 60.0
    return values


def header(study: str, series: str, index: int) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
    dataset.PatientName, dataset.PatientID = "Phantom^Thorax", "PHANTOM"
    dataset.Modality, dataset.SeriesDescription = "CT", "Thorax phantom"
    dataset.SeriesNumber, dataset.InstanceNumber = 2, index + 1
    dataset.ImagePositionPatient = [-SIDE * PIXEL_MM / 2, -SIDE * PIXEL_MM / 2, index * 6.0]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing, dataset.SliceThickness = [PIXEL_MM, PIXEL_MM], 6
    dataset.Rows = dataset.Columns = SIDE
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = 1, -1024, "HU"
    dataset.WindowCenter, dataset.WindowWidth = [40, -600], [400, 1500]
    dataset.WindowCenterWidthExplanation = ["SOFT TISSUE", "LUNG"]
    return dataset


if __name__ == "__main__":
    sys.exit(main())
