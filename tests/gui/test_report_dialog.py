"""Asking how the report of an audit is to be, and what is written then."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from medadv_desktop.audit.integrity import verify
from medadv_desktop.gui.audits.report_dialog import ReportDialog, ask_for_report
from medadv_desktop.gui.audits.reporting import ReportWish
from tests.audit_store.building import SMALL_PLAN, build_audit


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return build_audit(tmp_path / "run", SMALL_PLAN, samples=6, batch=6, images=False)


@pytest.fixture
def key(tmp_path: Path) -> Ed25519PrivateKey:
    """A key in key.pem, whose passphrase is "sesame"."""
    made = Ed25519PrivateKey.generate()
    locked = BestAvailableEncryption(b"sesame")
    pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
    (tmp_path / "key.pem").write_bytes(pem)
    return made


@pytest.fixture
def dialog(session, run: Path) -> ReportDialog:
    return ask_for_report(session.window, run, "Small audit")


def only(dialog: ReportDialog, *kinds: str) -> None:
    for kind, box in dialog.formats.items():
        box.setChecked(kind in kinds)


def test_that_nobody_is_named_and_nothing_is_signed_unless_asked_for(dialog, run):
    assert dialog.wish() == ReportWish()
    assert dialog.folder.text() == str(run / "report")
    assert not dialog.passphrase.isEnabled()
    dialog.identifiers.click()
    assert dialog.wish().identifiers
    assert "who the patients are" in dialog.told.text.text()
    assert dialog.told.level == "warning"
    dialog.reject()


def test_that_what_cannot_be_written_is_told_before(dialog, tmp_path):
    only(dialog)
    assert not dialog.write.isEnabled()
    assert "at least one kind" in dialog.told.text.text()
    only(dialog, "json")
    dialog.key.setText(str(tmp_path / "none.pem"))
    assert "no such key" in dialog.told.text.text()
    dialog.key.clear()
    dialog.folder.setText("somewhere")
    assert not dialog.write.isEnabled()
    dialog.folder.setText(str(tmp_path / "elsewhere"))
    assert dialog.write.isEnabled()
    assert not dialog.key.isEnabled()
    dialog.reject()


def test_that_a_wrong_passphrase_writes_nothing_and_can_be_given_again(
    qtbot, session, dialog, run, key, tmp_path
):
    notices = session.bench.controller.notices
    only(dialog, "json", "csv")
    dialog.key.setText(str(tmp_path / "key.pem"))
    dialog.passphrase.setText("other")
    dialog.write.click()
    qtbot.waitUntil(lambda: bool(notices.notices))
    assert "passphrase is wrong" in notices.notices[-1].text
    assert not (run / "report").exists()
    notices.notices[-1].actions[0].run()
    again = next(d for d in session.window.findChildren(ReportDialog) if d.isVisible())
    assert [kind for kind, box in again.formats.items() if box.isChecked()] == ["json", "csv"]
    assert again.key.text() == str(tmp_path / "key.pem")
    assert again.passphrase.text() == ""
    again.passphrase.setText("sesame")
    again.write.click()
    qtbot.waitUntil((run / "integrity.json.sig").exists)
    qtbot.waitUntil(lambda: not session.bench.jobs.busy)
    assert verify(run, public_key=key.public_key()).signature == "valid"
    assert {p.suffix for p in (run / "report").iterdir()} == {".json", ".csv"}


def test_that_a_report_elsewhere_leaves_the_audit_as_it_is(qtbot, session, dialog, run, tmp_path):
    notices = session.bench.controller.notices
    only(dialog, "json")
    dialog.folder.setText(str(tmp_path / "elsewhere"))
    dialog.write.click()
    qtbot.waitUntil(lambda: bool(notices.notices))
    assert [p.name for p in (tmp_path / "elsewhere").iterdir()] == ["report.json"]
    assert not (run / "integrity.json").exists()
    assert notices.notices[-1].actions[0].text == "Open report"
