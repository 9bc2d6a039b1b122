"""Any change of an audit is found."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from medadv_desktop.audit.integrity import (
    NAME,
    SIGNATURE_NAME,
    Verification,
    load_private_key,
    load_public_key,
    make_integrity,
    verify,
)
from medadv_desktop.audit.library import keep_words
from medadv_desktop.audit.store.store import AuditStore
from medadv_desktop.errors import AuditError
from medadv_desktop.jobs import CancelToken, JobCancelled, Message
from tests.audit_store.building import SMALL_PLAN, build_audit

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = build_audit(tmp_path_factory.mktemp("run"), SMALL_PLAN + "\n[keep]\ngallery = 1\n")
    (folder / "report").mkdir()
    (folder / "report" / "report.html").write_text("<p>ε</p>", encoding="utf-8")
    make_integrity(folder, key=KEY)
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "run"))


def test_that_an_untouched_audit_is_intact_wherever_it_lies(run: Path) -> None:
    found = verify(run, public_key=KEY.public_key())
    assert found.intact
    assert found == Verification(found.files, (), (), (), "valid", found.key)
    assert found.files == 5  # store, plan, two images, report


def test_that_every_kind_of_change_is_told(run: Path) -> None:
    (run / "plan.toml").write_text("name = 'other'")
    (run / "report" / "report.html").unlink()
    (run / "report" / "extra.txt").write_text("x")
    found = verify(run)
    assert not found.intact
    assert found.changed == ("plan.toml",)
    assert found.missing == ("report/report.html",)
    assert found.added == ("report/extra.txt",)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE rows SET success = 1 - success WHERE place = 3",
        "UPDATE rows SET linf = linf + 1e-12 WHERE place = 3",
        "UPDATE rows SET logits = zeroblob(8) WHERE place = 3",
        "DELETE FROM left_out",
        "UPDATE samples SET id = 'another' WHERE place = 0",
        "UPDATE cells SET outcome = replace(outcome, '0.', '1.')",
        "UPDATE audit SET value = value || ' ' WHERE key = 'plan'",
        "INSERT INTO audit VALUES ('more', 'words')",
    ],
)
def test_that_a_change_of_any_row_is_found(run: Path, statement: str) -> None:
    store = sqlite3.connect(run / "audit.sqlite")
    assert store.execute(statement).rowcount
    store.commit()
    store.close()
    assert verify(run).changed == ("audit.sqlite",)


def test_that_tags_notes_and_a_rearranged_file_change_nothing(run: Path) -> None:
    keep_words(run, ["checked"], "by two people")
    with AuditStore.open(run, write=True) as store:
        store.keep_analysis("t-SNE", "an embedding", b"123")
    store_file = sqlite3.connect(run / "audit.sqlite", isolation_level=None)
    store_file.execute("VACUUM")
    store_file.close()
    assert verify(run).intact


def test_that_a_broken_store_is_a_changed_one(run: Path) -> None:
    (run / "audit.sqlite").write_bytes(b"nothing")
    assert verify(run).changed == ("audit.sqlite",)


def test_that_rows_still_in_the_log_are_part_of_the_file(tmp_path: Path) -> None:
    folder = build_audit(tmp_path / "run", SMALL_PLAN, images=False)
    with AuditStore.open(folder, write=True) as store:
        store.put("state", "done")
        make_integrity(folder)
    for end in ("-wal", "-shm"):
        (folder / f"audit.sqlite{end}").unlink(missing_ok=True)
    assert verify(folder).intact
    with AuditStore.open(folder) as store:
        assert store.get("state") == "done"


def test_that_a_forged_integrity_file_is_betrayed_by_its_signature(run: Path) -> None:
    (run / "plan.toml").write_text("name = 'other'")
    signature = (run / SIGNATURE_NAME).read_bytes()
    make_integrity(run)
    assert not (run / SIGNATURE_NAME).exists()
    assert verify(run).intact  # whoever asks for no signature can be deceived
    assert verify(run, public_key=KEY.public_key()).signature == "invalid"
    (run / SIGNATURE_NAME).write_bytes(signature)
    assert verify(run).signature == "invalid"
    make_integrity(run, key=OTHER)
    assert verify(run).signature == "key not checked"
    found = verify(run, public_key=KEY.public_key())
    assert found.signature == "other key"
    assert not found.intact


def test_that_writing_it_anew_over_changes_says_so(run: Path) -> None:
    said: list[Message] = []

    def hear(event: object) -> None:
        if isinstance(event, Message):
            said.append(event)

    (run / "report" / "report.html").write_text("<p>new</p>")
    make_integrity(run, emit=hear)
    assert not said
    (run / "plan.toml").write_text("name = 'other'")
    make_integrity(run, emit=hear)
    assert "plan.toml" in said[0].text


def test_that_a_link_is_no_part_of_an_audit(run: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (run / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(AuditError, match="is a link"):
        verify(run)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "medadv-integrity"}', "\xff"])
def test_that_a_broken_integrity_file_is_refused_by_name(run: Path, text: str) -> None:
    (run / NAME).write_text(text, encoding="latin-1")
    with pytest.raises(AuditError, match=r"integrity\.json"):
        verify(run)


def test_that_a_folder_without_one_says_how_to_write_it(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="medadv report"):
        verify(tmp_path)


def test_that_cancelling_leaves_the_old_integrity_file(run: Path) -> None:
    before = (run / NAME).read_bytes()
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        make_integrity(run, token=token)
    assert (run / NAME).read_bytes() == before
    assert (run / SIGNATURE_NAME).exists()


def test_that_the_files_digests_are_those_of_sha256sum(run: Path) -> None:
    import hashlib

    known = json.loads((run / NAME).read_bytes())
    assert (
        known["files"]["plan.toml"] == hashlib.sha256((run / "plan.toml").read_bytes()).hexdigest()
    )


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.OpenSSH])
def test_that_keys_are_read_in_both_usual_forms(tmp_path: Path, form: PrivateFormat) -> None:
    path = write(tmp_path / "k", KEY.private_bytes(Encoding.PEM, form, NoEncryption()))
    assert load_private_key(path).private_bytes_raw() == bytes(range(32))
    if form is PrivateFormat.PKCS8:
        public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    else:
        public = KEY.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    path = write(tmp_path / "k.pub", public)
    assert load_public_key(path).public_bytes_raw() == KEY.public_key().public_bytes_raw()


def test_that_a_passphrase_is_asked_for_and_checked(tmp_path: Path) -> None:
    locked = BestAvailableEncryption(b"word")
    data = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
    path = write(tmp_path / "k.pem", data)
    assert load_private_key(path, b"word").private_bytes_raw() == bytes(range(32))
    with pytest.raises(AuditError, match="needs a passphrase"):
        load_private_key(path)
    with pytest.raises(AuditError, match="passphrase is wrong"):
        load_private_key(path, b"other")


def test_that_other_keys_and_no_keys_are_refused(tmp_path: Path) -> None:
    rsa = generate_private_key(65537, 2048)
    path = write(
        tmp_path / "rsa.pem", rsa.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    with pytest.raises(AuditError, match="no Ed25519"):
        load_private_key(path)
    for data in (b"", b"-----BEGIN NOTHING-----"):
        path = write(tmp_path / "none", data)
        with pytest.raises(AuditError, match="no private key"):
            load_private_key(path)
        with pytest.raises(AuditError, match="no public key"):
            load_public_key(path)
    with pytest.raises(AuditError, match="is not there"):
        load_private_key(tmp_path / "absent")
