"""Broken files by the hundred: an image or one clear error, soon, and the process lives."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def fuzz() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_imaging", ROOT / "scripts/fuzz_imaging.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", range(4))
def test_that_broken_files_are_images_or_clear_errors(
    tmp_path: Path, seed: int, capfd: pytest.CaptureFixture[str]
) -> None:
    tool = fuzz()
    originals = tool.seeds()
    chance = random.Random(seed)
    path = tmp_path / "broken.dcm"
    faults = []
    for _ in range(100):
        original = chance.choice(originals)
        path.write_bytes(tool.mutated(original.read_bytes(), chance))
        outcome = tool.judge(path)
        if outcome.fault:
            faults.append(f"{original.name}: {outcome.fault}")
    assert faults == []
    assert capfd.readouterr() == ("", "")
