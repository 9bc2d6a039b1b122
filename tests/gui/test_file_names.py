"""What files are called in lists, messages, the log and on jobs, by what may be seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import generate_uid
from PySide6.QtWidgets import QApplication

from medadv_desktop.gui.file_names import located, named
from medadv_desktop.gui.running import Failure
from tests.gui.dicom_samples import PATIENT, ct_slice

FOLDER, SECRET = "Nobody-1970", "0_NOBODY_NEMO_4711.dcm"


@pytest.fixture
def opened_patient(qtbot, session, tmp_path: Path) -> Path:
    """A folder named after a patient: a CT slice, a picture, and what is no image; all open."""
    folder = tmp_path / FOLDER
    folder.mkdir()
    ct_slice(folder / SECRET, depth=0, number=1, study=generate_uid(), series=generate_uid())
    for name in ("nemo-face.png", "lesion.png"):
        Image.fromarray(np.zeros((9, 9), np.uint8)).save(folder / name)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    session.bench.controller.choose_model("net-a")
    session.bench.controller.open_paths([folder])
    qtbot.waitUntil(lambda: session.bench.case.prediction is not None)
    qtbot.waitUntil(lambda: not session.bench.jobs.busy)
    return folder


def words_of(session) -> str:
    """Everything that the lists, the log, the messages and the title say."""
    texts = [session.window.windowTitle()]
    for name in ("jobs", "log"):
        table = session.window.docks[name].widget().view.model()
        for row in range(table.rowCount()):
            for column in range(table.columnCount()):
                index = table.index(row, column)
                texts += [index.data() or "", index.data(3) or ""]  # 3: its tooltip
    for row in session.window.messages.rows:
        texts += [row.text.text(), row.details.toPlainText(), row.accessibleName()]
    session.window.docks["log"].widget().copy.click()
    return "\n".join([*texts, QApplication.clipboard().text()])


def test_that_the_log_jobs_and_messages_name_no_patient_while_patient_data_is_hidden(
    qtbot, session, opened_patient
):
    controller = session.bench.controller
    session.bench.log.add(f"{named(opened_patient / SECRET)}: odd value '{PATIENT}' in a tag")
    failure = Failure("is damaged", str(opened_patient / SECRET), "", f"Error: {opened_patient}/x")
    controller.notices.add_failure(f"Reading {named(opened_patient / SECRET)}", failure)
    hidden = words_of(session)
    for secret in ("Nobody", "NOBODY", "Nemo", "nemo", "4711", "1970"):
        assert secret not in hidden
    assert "Predict CT series 4, image 1 by net-a" in hidden
    assert "broken.png" in hidden  # no protected value is known to be in it
    controller.privacy.set_masked(False)
    shown = words_of(session)
    assert str(opened_patient / SECRET) in shown
    assert f"Predict {SECRET} by net-a" in shown
    assert "odd value 'Nobody^Nemo'" in shown
    controller.privacy.set_masked(True)
    assert words_of(session) == hidden


def test_that_a_file_is_known_by_place_name_or_number(session, opened_patient):
    names = session.bench.controller.names
    assert names.name(opened_patient / SECRET) == "CT series 4, image 1"
    assert names.name(opened_patient / "lesion.png") == "lesion.png"
    assert names.name(opened_patient / "nemo-face.png").endswith(".png")
    assert "nemo" not in names.name(opened_patient / "nemo-face.png")
    assert names.location(opened_patient / "lesion.png") == "lesion.png"
    session.bench.controller.close_all()
    assert names.name(opened_patient / SECRET) == "a DICOM file that was closed"
    titles = [job.title for job in session.bench.jobs.jobs]
    assert "Predict a DICOM file that was closed by net-a" in map(names.text, titles)
    session.bench.controller.privacy.set_masked(False)
    assert names.name(opened_patient / SECRET) == SECRET
    assert names.location(opened_patient / SECRET) == str(opened_patient / SECRET)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ε = 4/255 and more", "ε = 4/255 and more"),
        (f"{located('/a/b c/d.png')}: has 'x' and more", "d.png: has ••• and more"),
        (f"Tags of {named('/a/d.png')}: {located('/a/d.png')}: cut", "Tags of d.png: d.png: cut"),
        ('File "/code/x.py"\nE: /a/c.png: cut', 'File "/code/x.py"\nE: c.png: cut'),
    ],
)
def test_that_files_in_a_message_lose_their_folders(session, text, shown):
    assert session.bench.controller.names.text(text) == shown
