"""Other people's attacks: loaded for a comparison, or the test is skipped with a reason.

Call a loader inside a test (or fixture). What the libraries warn of while they are imported is
theirs and says nothing about our code; anything they warn of later still fails the test.
"""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType

import pytest


def torchattacks() -> ModuleType:
    """torchattacks: `torchattacks.PGD(model, eps=...)(images, labels)`."""
    return _peer("torchattacks", "torchattacks")


def foolbox() -> ModuleType:
    """Foolbox: `foolbox.PyTorchModel(model, bounds=(0, 1))`, `foolbox.attacks.L2FABAttack()`."""
    return _peer("foolbox", "foolbox", "foolbox.attacks")


def art() -> ModuleType:
    """ART: `art.estimators.classification.PyTorchClassifier`, `art.attacks.evasion`."""
    return _peer(
        "adversarial-robustness-toolbox",
        "art",
        "art.estimators.classification",
        "art.attacks.evasion",
    )


def autoattack() -> ModuleType:
    """AutoAttack, its authors' own code: `autopgd_base.APGDAttack`, `fab_pt.FABAttack_PT`."""
    return _peer("pyautoattack", "pyautoattack", "pyautoattack.autopgd_base", "pyautoattack.fab_pt")


def _peer(distribution: str, name: str, *parts: str) -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reason = f"{distribution} is not installed, so there is nothing to compare with"
        peer: ModuleType = pytest.importorskip(name, reason=reason, exc_type=ImportError)
        for part in parts:
            importlib.import_module(part)
    return peer
