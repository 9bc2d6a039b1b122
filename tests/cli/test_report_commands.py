"""`medadv report`, `verify` and `compare`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)

from medadv_desktop.cli import run as medadv
from tests.audit_store.building import SMALL_PLAN, build_audit

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_audit(tmp_path_factory.mktemp("run"), SMALL_PLAN, images=False)


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "run"))


def test_that_a_report_is_written_with_its_integrity_and_verified(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert medadv(["report", str(folder), "--format", "json,csv"]) == 0
    told = capsys.readouterr().out
    assert f"written    {folder / 'report' / 'report.json'}" in told
    assert f"written    {folder / 'integrity.json'}" in told
    assert medadv(["verify", str(folder)]) == 0
    assert "not signed" in capsys.readouterr().out


def test_that_verify_names_what_changed_and_says_so_by_its_exit_code(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert medadv(["verify", str(folder)]) == 2
    medadv(["report", str(folder), "--format", "json"])
    (folder / "report" / "report.json").write_text("{}")
    (folder / "plan.toml").unlink()
    capsys.readouterr()
    assert medadv(["verify", str(folder)]) == 1
    told = capsys.readouterr().out
    assert "changed    report/report.json" in told
    assert "missing    plan.toml" in told
    assert medadv(["verify", str(folder), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["intact"], found["changed"]) == (False, ["report/report.json"])


def test_that_a_report_can_be_signed_and_the_signer_checked(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = tmp_path / "key.pem", tmp_path / "key.pub"
    locked = BestAvailableEncryption(b"word")
    private.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    public.write_bytes(
        KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    arguments = ["report", str(folder), "--format", "json", "--sign", str(private)]
    assert medadv(arguments) == 2
    monkeypatch.setenv("MEDADV_KEY_PASSPHRASE", "word")
    assert medadv(arguments) == 0
    assert medadv(["verify", str(folder), "--public-key", str(public)]) == 0
    (folder / "integrity.json.sig").unlink()
    assert medadv(["verify", str(folder)]) == 0
    assert medadv(["verify", str(folder), "--public-key", str(public)]) == 1


def test_that_a_report_elsewhere_changes_nothing_in_the_run(folder: Path, tmp_path: Path) -> None:
    medadv(["report", str(folder), "--format", "json"])
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}
    out = tmp_path / "out"
    assert medadv(["report", str(folder), "--format", "json", "--out", str(out)]) == 0
    assert (out / "report.json").is_file()
    now = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}
    assert {p: t for p, t in now.items() if p in before} == before


def test_that_wrong_words_are_refused_in_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (
        ["report", str(folder), "--format", "docx"],
        ["report", str(tmp_path)],
        ["report", str(folder), "--sign", "k", "--out", "o"],
        ["compare", str(folder), str(folder)],
        ["compare", str(folder), str(folder), "--models", "plain"],
        ["verify", str(tmp_path)],
    ):
        assert medadv(arguments) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_that_two_runs_are_compared_in_words_and_as_json(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = build_audit(
        tmp_path / "other", SMALL_PLAN.replace("Small", "Other"), images=False, sha256="cd"
    )
    assert medadv(["compare", str(folder), str(other)]) == 0
    told = capsys.readouterr()
    assert "plan       name: Small audit → Other audit" in told.out
    assert "skin, pgd at 4/255" in told.out
    assert "independent samples" in told.out
    assert "the weights differ" in told.err
    assert medadv(["compare", str(folder), str(other), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["format"] == "medadv-comparison"
    assert len(found["cells"]) == 3
