"""Every attack must beat random noise of the same size: on a small network that has learned.

Attacks within a budget are compared with noise of that budget; attacks that look for the smallest
change, with noise as large as the change by which they beat half of the samples; others, with noise
as large as their largest change.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from attack_cases import CASES
from attack_models import card_of, decided
from torch import Tensor, nn
from torch.nn import functional as F

from medadv_desktop.attacks.attack import Attack, AttackResult
from medadv_desktop.attacks.noise import Noise
from medadv_desktop.attacks.objectives import Untargeted
from medadv_desktop.models.diagnostic import DiagnosticModel

DRAWS = 1

SIZE_IS = {
    "cw": "l2",
    "cw-linf": "linf",
    "ead": "l1",
    "sigma-zero": "l0",
    "jsma": "l0",
    "one-pixel": "l0",
    "patch": "l0",
}
"""The norm of an attack that has no field for it; l2 for all others."""


@dataclass(frozen=True)
class Trained:
    model: DiagnosticModel
    images: Tensor
    labels: Tensor


def faint_pattern(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Noise with a faint pattern of bright and dark blocks, or its negative: the two classes."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(2, (count,), generator=generator)
    blocks = torch.tensor([[1.0, -1, 1, 1], [-1, -1, 1, -1], [1, 1, -1, 1], [-1, 1, -1, -1]])
    pattern = blocks.double().repeat_interleave(2, 0).repeat_interleave(2, 1)
    noise = torch.rand(count, 3, 8, 8, generator=generator, dtype=torch.float64) - 0.5
    noise = noise - (noise * pattern).mean((1, 2, 3), keepdim=True) * pattern
    strength = 0.002 + 0.018 * torch.rand(count, 1, 1, 1, generator=generator, dtype=torch.float64)
    sign = (2.0 * labels - 1)[:, None, None, None]
    return (0.5 + 0.5 * noise + sign * strength * pattern), labels


@pytest.fixture(scope="module")
def trained() -> Trained:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(256, 2)
        ).double()
    model = DiagnosticModel(network, card_of(2))
    images, labels = faint_pattern(512, 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for step in range(160):
        rows = slice(step % 4 * 128, (step % 4 + 1) * 128)
        optimizer.zero_grad()
        F.cross_entropy(model(images[rows]), labels[rows]).backward()
        optimizer.step()
    model.eval().requires_grad_(False)
    images, labels = faint_pattern(192, 2)
    right = (decided(model, images) == labels).nonzero().flatten()[:96]
    assert len(right) == 96
    return Trained(model, images[right].contiguous(), labels[right])


def settings() -> list[object]:
    """Of every attack that knows something, the first quick setting of each norm."""
    first = {
        (name, size_of(attack)): attack
        for name, case in CASES.items()
        for attack in reversed(case.quick)
        if attack.knowledge != "nothing"
    }
    return [pytest.param(attack, id="-".join(key)) for key, attack in first.items()]


def size_of(attack: Attack) -> str:
    norm = getattr(attack, "norm", None) or SIZE_IS.get(attack.name, "l2")
    assert isinstance(norm, str)
    return norm


def beaten_within(attack: Attack, result: AttackResult) -> tuple[Tensor, float]:
    """N bool, and the budget that noise is given."""
    sizes = getattr(result, size_of(attack)).double()
    budget = getattr(attack, "epsilon", None)
    if attack.minimal:
        found = sizes[result.success].sort().values
        assert len(found) >= len(sizes) // 4
        budget = float(found[min(len(found), len(sizes) // 2) - 1])
        return result.success & (sizes <= budget), budget
    if budget is None or size_of(attack) == "l0":
        budget = float(sizes.max())
    return result.success, budget


@pytest.mark.parametrize("attack", settings())
def test_that_every_attack_beats_noise_of_the_same_size(attack: Attack, trained: Trained) -> None:
    model, images, labels = trained.model, trained.images, trained.labels
    result = attack.run(model, images, labels, Untargeted(), seed=1)
    beaten, budget = beaten_within(attack, result)
    noise = Noise(norm=size_of(attack), epsilon=budget, draws=DRAWS)
    by_noise = noise.run(model, images, labels, Untargeted(), seed=2).success
    only_attack, only_noise = int((beaten & ~by_noise).sum()), int((by_noise & ~beaten).sum())
    trials = only_attack + only_noise
    tail = sum(math.comb(trials, k) for k in range(only_attack, trials + 1)) / 2**trials
    assert only_attack > only_noise, (
        f"{int(beaten.sum())} by attack, {int(by_noise.sum())} by noise"
    )
    assert tail < 0.01
