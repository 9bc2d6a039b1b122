"""Warnings of libraries reach the notes of their own thread and nobody else."""

from __future__ import annotations

import threading
import warnings

import pytest

from medadv_desktop.imaging.noting import noting


def warn_as(module: str, text: str) -> None:
    warnings.warn_explicit(text, UserWarning, f"{module}.py", 1, module=module)


def test_that_a_librarys_warning_becomes_one_note() -> None:
    with noting() as notes:
        warn_as("pydicom.values", "odd\n  value")
        warn_as("pydicom.values", "odd value")
        warn_as("PIL.Image", "bomb")
    assert notes == ["odd value", "bomb"]


def test_that_warnings_of_others_stay_what_they_are() -> None:
    with noting() as notes, pytest.warns(UserWarning, match="elsewhere"):
        warn_as("torch", "elsewhere")
    assert notes == []


def test_that_filters_are_as_before_afterwards() -> None:
    before = list(warnings.filters), warnings.showwarning
    with noting(), noting():
        pass
    assert (list(warnings.filters), warnings.showwarning) == before


def test_that_each_thread_gets_its_own_notes() -> None:
    both = threading.Barrier(2, timeout=10)
    notes: dict[str, list[str]] = {}

    def read(name: str) -> None:
        with noting() as mine:
            both.wait()
            warn_as("pydicom", name)
            both.wait()
            notes[name] = mine

    threads = [threading.Thread(target=read, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert notes == {"a": ["a"], "b": ["b"]}
