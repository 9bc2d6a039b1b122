"""For the comparisons with other people's attacks: a small model that has learned something."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

# The tiny models of tests/attacks serve here too.
sys.path.append(str(Path(__file__).parent.parent / "attacks"))

from peer_models import Trained, train


@pytest.fixture(scope="session")
def trained() -> Trained:
    """Well under a second of training; the same numbers whoever asks first."""
    return train()


@pytest.fixture(autouse=True)
def own_random_state() -> Iterator[None]:
    """Peers seed torch's global generator."""
    with torch.random.fork_rng():
        yield
