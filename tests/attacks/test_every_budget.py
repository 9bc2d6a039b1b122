"""What a budget means to every attack: none does nothing, more is never clearly less."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from attack_cases import CASES
from attack_models import convolutional, decided, random_images
from attack_trained import trained
from torch import Tensor

from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.bounded import SteppedAttack
from medadv_desktop.attacks.gradient.apgd import APGD
from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import Untargeted

BUDGET_IS = {
    "one-pixel": ("pixels", 1, 12),
    "jsma": ("max_share", 0.05, 0.3),
    "stadv": ("max_displacement", 0.1, 1.0),
    "sigma-zero": ("max_pixels", 2, 20),
    "patch": ("epsilon", 0.1, 1.0),
}
"""The field that bounds an attack, and two values, where ε does not or not alone."""

UNLIMITED = {"linf": 1.0, "l2": 14.0, "l1": 192.0}


def bounded() -> list[object]:
    """Every attack with a budget, once for each norm, at a small and a large one."""
    found = {}
    for name, case in CASES.items():
        for attack in case.quick:
            small, large = (getattr(attack, "epsilon", None) or 0) / 4, 0.0
            field = "epsilon"
            if name in BUDGET_IS:
                field, small, large = BUDGET_IS[name]
            elif getattr(attack, "norm", "") == "l0":
                small, large = 2, 20
            elif small:
                large = 8 * small
            if small:
                values = [attack.model_dump() | {field: value} for value in (small, large)]
                pair = [type(attack)(**v) for v in values]
                key = f"{name}-{getattr(attack, 'norm', '')}".rstrip("-")
                found.setdefault(key, pytest.param(*pair, id=key))
    return list(found.values())


def chance(more: int, fewer: int) -> float:
    """Of at least so many more heads than tails with a fair coin."""
    trials = more + fewer
    return sum(math.comb(trials, k) for k in range(more, trials + 1)) / 2**trials


def successes(attack: Attack) -> Tensor:
    model, images, labels = trained()
    return attack.run(model, images[:48], labels[:48], Untargeted(), seed=3).success


@pytest.mark.parametrize(("small", "large"), bounded())
def test_that_a_larger_budget_is_never_clearly_weaker(small: Attack, large: Attack) -> None:
    little, much = successes(small), successes(large)
    only_little, only_much = int((little & ~much).sum()), int((much & ~little).sum())
    assert only_little <= only_much or chance(only_little, only_much) > 0.01


def with_epsilon() -> dict[str, Attack]:
    """The first quick setting with an ε of every attack that has one."""
    settings = [a for case in CASES.values() for a in reversed(case.quick)]
    return {a.name: a for a in settings if getattr(a, "epsilon", None) is not None}


@pytest.mark.parametrize("attack", with_epsilon().values(), ids=lambda a: a.name)
def test_that_without_a_budget_what_is_wrong_already_is_all_that_succeeds(attack: Attack) -> None:
    """So robust accuracy at ε = 0 is clean accuracy."""
    none = type(attack)(**attack.model_dump() | {"epsilon": 0})
    for task in attack.tasks:
        model = convolutional(3, thresholds=() if task == "single-label" else (0.3, 0.5, 0.7))
        images = random_images(6)
        labels = decided(model, images)
        wrong = torch.tensor([True, False, False, True, False, False])
        labels[wrong] = (labels[wrong] + 1) % 3 if labels.ndim == 1 else ~labels[wrong]
        result = none.run(model, images, labels, Untargeted(), seed=2)
        assert result.success.tolist() == wrong.tolist()
        assert torch.equal(result.adversarial, images)


def unlimited() -> list[object]:
    """Every ascent by gradients in each of its norms, as it is of itself but for the budget."""
    kinds = [type(case.strong) for case in CASES.values()]
    return [
        pytest.param(kind(norm=norm, epsilon=epsilon), id=f"{kind.name}-{norm}")  # type: ignore[call-arg]
        for kind in kinds
        if issubclass(kind, SteppedAttack | APGD)
        for norm, epsilon in UNLIMITED.items()
        if norm in get_args(kind.model_fields["norm"].annotation)
    ]


@pytest.mark.parametrize("attack", unlimited())
def test_that_gradients_leave_nothing_standing_where_any_image_will_do(attack: Attack) -> None:
    assert successes(attack).double().mean() >= 0.95


def test_that_the_step_of_pgd_grows_where_the_usual_one_would_not_cross_the_ball() -> None:
    for epsilon, steps, expected in [
        (8 / 255, 10, 1 / 255),
        (0.5, 10, 0.05),
        (8 / 255, 2, 4 / 255),
    ]:
        assert PGD(epsilon=epsilon, steps=steps).effective_step_size == pytest.approx(expected)
