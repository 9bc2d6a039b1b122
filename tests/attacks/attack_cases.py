"""For every attack: settings quick enough for tests, and settings that leave nothing standing.

A new attack adds one entry; `test_every_attack.py` then holds it to what holds for all.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.fgsm import FGSM
from medadv_desktop.attacks.pgd import PGD


@dataclass(frozen=True)
class Case:
    """One attack under test.

    Attributes:
        quick: some hundred milliseconds on the tiny networks of `attack_models`; one value for each
            norm that the attack offers.
        strong: an unlimited budget: hardly any sample of the tiny networks stands.
        left_standing: share of samples that may withstand `strong` (single-step attacks overshoot).
        bitwise: results do not depend on the batch to the last bit (sign steps); else to 1e-6.
    """

    quick: tuple[Attack, ...]
    strong: Attack
    left_standing: float = 0.1
    bitwise: bool = False
    tasks: tuple[str, ...] = field(default=("single-label", "multi-label"))


CASES: dict[str, Case] = {
    "fgsm": Case(
        quick=(FGSM(epsilon=8 / 255), FGSM(norm="l2", epsilon=0.3)),
        strong=FGSM(epsilon=0.5),
        left_standing=0.5,
    ),
    "pgd": Case(
        quick=(
            PGD(epsilon=8 / 255, steps=4, restarts=2),
            PGD(norm="l2", epsilon=0.3, steps=4),
            PGD(epsilon=8 / 255, steps=3, stop_when_beaten=False, restarts=2),
        ),
        strong=PGD(epsilon=1, step_size=0.1, steps=30),
    ),
}
