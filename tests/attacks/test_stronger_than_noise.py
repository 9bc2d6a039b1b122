"""Every attack must beat random noise of the same size: on a small network that has learned.

Attacks within a budget are compared with noise of that budget; attacks that look for the smallest
change, with noise as large as the change by which they beat half of the samples; others, with noise
as large as their largest change.
"""

from __future__ import annotations

import math

import pytest
from attack_cases import CASES
from attack_trained import trained
from torch import Tensor

from medadv_desktop.attacks.attack import Attack, AttackResult
from medadv_desktop.attacks.objectives import Untargeted
from medadv_desktop.attacks.scores.noise import Noise

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
def test_that_every_attack_beats_noise_of_the_same_size(attack: Attack) -> None:
    model, images, labels = trained()
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
