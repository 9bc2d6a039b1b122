"""Pictures, arrays and DICOM out of the window."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog, QLabel

from medadv_desktop.audit.requests import RecheckRequest, RecheckResult, Request
from medadv_desktop.gui.export_dialogs import DicomDialog, PictureDialog, picture_of
from medadv_desktop.gui.exporting import DicomOptions
from medadv_desktop.imaging.reading import read_frame
from medadv_desktop.jobs import CancelToken, Emit
from medadv_desktop.models.stored_space import carried_back
from tests.gui.conftest import CARDS, FakeEngine
from tests.gui.dicom_samples import PATIENT, ct_slice

MARKED = re.compile(r"rows (\d+) to (\d+), columns (\d+) to (\d+)")


@dataclass
class JudgingEngine(FakeEngine):
    """The fake engine, with a verdict on exported files."""

    holds: bool = True
    holds_unmarked: bool = True

    def run(self, request: Request, emit: Emit, token: CancelToken) -> object:
        if not isinstance(request, RecheckRequest):
            return super().run(request, emit, token)
        self.requests.append(request)
        card = CARDS[request.outcome.request.model]
        says = self._prediction(card, int(self.holds))
        without = self._prediction(card, int(self.holds_unmarked))
        if request.unmarked is None:
            return RecheckResult(request, says, self.holds)
        return RecheckResult(request, says, self.holds, without, self.holds_unmarked)


@pytest.fixture
def engine() -> FakeEngine:
    return JudgingEngine()


@pytest.fixture
def attacked(qtbot, session, tmp_path):
    """A window with an attacked CT slice."""
    path = ct_slice(
        tmp_path / "ct.dcm", depth=0, number=1, study=generate_uid(), series=generate_uid()
    )
    controller, case = session.bench.controller, session.bench.case
    controller.choose_model("net-a")
    controller.open_paths([path])
    qtbot.waitUntil(lambda: case.prediction is not None and not session.bench.jobs.busy)
    with qtbot.waitSignal(case.outcome_changed):
        controller.run_attack()
    return session


def choose(session, path) -> None:
    """Answer the file dialog that is open."""
    dialog = next(d for d in session.window.findChildren(QFileDialog) if d.isVisible())
    dialog.fileSelected.emit(str(path))
    dialog.close()


def test_that_an_exported_dicom_holds_the_attacked_values_outside_its_mark(
    qtbot, attacked, engine, tmp_path
):
    case, path = attacked.bench.case, tmp_path / "adversarial.dcm"
    attacked.window.actions_["export-dicom"].trigger()
    dialog = attacked.window.findChild(DicomDialog)
    assert dialog.options() == DicomOptions(burn_in=True, deidentify=True)
    dialog.accept()
    with qtbot.waitSignal(attacked.bench.controller.exporter.rechecked):
        choose(attacked, path)
    wanted = carried_back(case.frame, case.outcome.plan, case.outcome.perturbation).stored
    written = pydicom.dcmread(path)
    ours = read_frame(path).stored
    assert np.array_equal(written.pixel_array, ours)
    assert not np.array_equal(ours, wanted)
    first, last, left, right = map(int, MARKED.search(written.DerivationDescription).groups())
    outside = np.ones(ours.shape, bool)
    outside[first - 1 : last, left - 1 : right] = False
    assert outside.mean() > 0.5
    assert np.array_equal(ours[outside], wanted[outside])
    assert not np.array_equal(wanted, case.frame.stored)
    assert written.ImageType[0] == "DERIVED"
    assert PATIENT not in str(written)
    (request,) = engine.of(RecheckRequest)
    assert np.array_equal(request.frame.stored, ours)
    assert np.array_equal(request.unmarked.stored, wanted)


def test_that_without_mark_every_value_is_the_attacked_one(qtbot, attacked, tmp_path):
    case, path = attacked.bench.case, tmp_path / "plain.dcm"
    exporter = attacked.bench.controller.exporter
    with qtbot.waitSignal(exporter.rechecked):
        exporter.write_dicom(path, DicomOptions(burn_in=False, deidentify=False))
    wanted = carried_back(case.frame, case.outcome.plan, case.outcome.perturbation).stored
    written = pydicom.dcmread(path)
    assert np.array_equal(written.pixel_array, wanted)
    assert str(written.PatientName) == PATIENT


@pytest.mark.parametrize(
    ("holds", "unmarked", "told"),
    [
        (True, True, "goal is achieved"),
        (False, False, "was lost on the way"),
        (True, False, "the work of the burned-in mark"),
        (False, True, "Without the burned-in mark"),
    ],
)
def test_that_the_message_says_whether_the_attack_survived_the_way_back(
    qtbot, attacked, engine, tmp_path, holds, unmarked, told
):
    engine.holds, engine.holds_unmarked = holds, unmarked
    exporter = attacked.bench.controller.exporter
    with qtbot.waitSignal(exporter.rechecked):
        exporter.write_dicom(tmp_path / "a.dcm", DicomOptions())
    notice = attacked.bench.controller.notices.notices[-1]
    assert told in notice.text
    assert "SOP Instance UID" in notice.details


def test_that_the_dialog_says_what_leaving_out_mark_or_masking_means(qtbot, attacked):
    dialog = DicomDialog(attacked.bench.case.outcome, attacked.window)
    assert "not who it shows" in dialog.consequence.text()
    dialog.deidentify.setChecked(False)
    assert "patient's name" in dialog.consequence.text()
    dialog.burn_in.setChecked(False)
    assert "Without the mark" in dialog.consequence.text()
    dialog.show()
    qtbot.waitExposed(dialog)
    for label in dialog.findChildren(QLabel):
        assert label.height() >= label.heightForWidth(label.width()), label.text()
    dialog.close()


def test_that_the_source_cannot_be_overwritten(qtbot, attacked):
    case = attacked.bench.case
    before = case.instance.path.read_bytes()
    attacked.bench.controller.exporter.write_dicom(case.instance.path, DicomOptions())
    notices = attacked.bench.controller.notices
    qtbot.waitUntil(lambda: any("is the source itself" in n.text for n in notices.notices))
    assert case.instance.path.read_bytes() == before


def test_that_the_exact_arrays_are_exported(qtbot, attacked, tmp_path):
    attacked.window.actions_["export-arrays"].trigger()
    path = tmp_path / "arrays.npz"
    choose(attacked, path)
    qtbot.waitUntil(path.exists)
    case = attacked.bench.case
    with np.load(path) as arrays:
        assert set(arrays) == {"stored", "original", "adversarial", "perturbation"}
        assert np.array_equal(arrays["stored"], case.frame.stored)
        assert np.array_equal(arrays["perturbation"], case.outcome.perturbation)


def test_that_a_viewer_is_exported_as_png_with_its_warning(qtbot, attacked, tmp_path):
    attacked.window.actions_["export-picture"].trigger()
    dialog = attacked.window.findChild(PictureDialog)
    offered = [dialog.viewer.itemText(i) for i in range(dialog.viewer.count())]
    assert offered[:3] == ["Original", "Perturbation", "Adversarial"]
    dialog.accept()
    path = tmp_path / "shown.png"
    choose(attacked, path)
    qtbot.waitUntil(path.exists)
    canvas = attacked.window.docks["original"].widget().canvas
    picture = QImage(str(path))
    assert (picture.width(), picture.height()) == (canvas.width(), canvas.height())
    assert "not for diagnosis" in picture.text("Description")


def test_that_a_picture_without_overlays_holds_nothing_but_the_pixels(qtbot, attacked):
    canvas = attacked.window.docks["adversarial"].widget().canvas
    bench = attacked.bench
    bench.view.set_probe(None)
    plain = picture_of(canvas, overlays=False)
    bench.view.set_probe((10.0, 10.0))
    again = picture_of(canvas, overlays=False)
    assert plain == again
    region, projection = canvas.picture.region, canvas.projection()
    middle = (region[0] + region[2] / 2, region[1] + region[3] / 2)
    x, y = projection.x(middle[1]), projection.y(middle[0])
    shown = plain.pixelColor(int(x), int(y))
    grey = canvas.picture.pixels(1)
    wanted = int(np.ravel(grey[grey.shape[0] // 2, grey.shape[1] // 2])[0])
    assert shown.red() == pytest.approx(wanted, abs=1)
    assert plain.pixelColor(0, 0).red() == 0
