from __future__ import annotations

import contextlib
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from medadv_desktop.errors import ExportError, ImageError, MedAdvError
from medadv_desktop.files import replacing, write_atomically
from medadv_desktop.jobs import CancelToken, JobCancelled
from medadv_desktop.resources import resource


def test_that_a_fresh_token_lets_the_job_go_on() -> None:
    CancelToken().check()


def test_that_a_cancelled_token_stops_the_job_past_handlers_of_exception() -> None:
    token = CancelToken()
    token.cancel()

    def as_a_careless_library_would() -> None:
        with contextlib.suppress(Exception):
            token.check()

    with pytest.raises(JobCancelled):
        as_a_careless_library_would()


def test_that_an_error_names_subject_reason_and_remedy() -> None:
    error = ImageError("is empty", subject=Path("a.dcm"), remedy="Copy it again")
    assert str(error) == "a.dcm: is empty. Copy it again."


def test_that_an_error_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(ImageError("is empty", subject="a", remedy="b")))
    assert isinstance(error, ImageError)
    assert (error.subject, error.reason, error.remedy) == ("a", "is empty", "b")


def test_that_an_interrupted_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        temporary.write_text("half" * (1 // 0))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_that_a_write_makes_missing_folders(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b.bin", b"\x00\x01")
    assert (tmp_path / "a" / "b.bin").read_bytes() == b"\x00\x01"


def test_that_an_impossible_write_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match=r"file.*b\.bin.*cannot be written"):
        write_atomically(tmp_path / "file" / "b.bin", b"")


def test_that_resources_are_found_and_missing_ones_are_named() -> None:
    assert resource("icons").is_dir()
    with pytest.raises(FileNotFoundError, match="no-such-thing"):
        resource("no-such-thing")


@pytest.mark.parametrize(
    "module",
    [
        "medadv_desktop.audit.requests",
        "medadv_desktop.attacks.registry",
        "medadv_desktop.models.library",
        "medadv_desktop.models.input_plan",
        "medadv_desktop.cli",
    ],
)
def test_that_descriptions_are_readable_without_torch_or_qt(module: str) -> None:
    code = (
        f"import sys, {module}\n"
        "print([m for m in ('torch', 'PySide6', 'torchvision') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_that_the_audit_room_knows_no_qt() -> None:
    code = "import sys, medadv_desktop.audit.engine\nprint('PySide6' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_that_every_error_is_one_of_ours() -> None:
    import medadv_desktop.errors as errors

    classes = [c for c in vars(errors).values() if isinstance(c, type)]
    assert len(classes) > 5
    assert all(issubclass(c, MedAdvError) for c in classes)
