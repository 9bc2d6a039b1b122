"""What attacks were set to, so that changing between them loses nothing."""

from __future__ import annotations

from typing import Any

from medadv_desktop.attacks.attack import Attack
from medadv_desktop.errors import SettingsError
from medadv_desktop.settings import parse

_BUDGETS = {"linf": 4 / 255, "l2": 2.0, "l1": 255.0, "l0": 50.0}
"""A first ε for each norm: those customary for 224² colour (Croce and Hein, ICML 2022), and of l0
so many pixels that it is a thousandth of them."""


class AttackMemory:
    """The last valid values of each attack, and the last budget of each norm."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, Any]] = {}
        self._budgets = dict(_BUDGETS)

    def keep(self, attack: Attack) -> None:
        """Remember an attack as it is set."""
        values = attack.model_dump()
        self._values[attack.name] = values
        if _has_budget(type(attack)):
            self._budgets[values["norm"]] = values["epsilon"]

    def recall(self, kind: type[Attack], norm: str | None) -> Attack:
        """An attack as it was set last.

        Args:
            norm: the one that it is to be in, where it has that; "" or None for its own last one.

        The budget of a norm is the same for all attacks that have one by necessity.
        """
        values = dict(self._values.get(kind.name, {}))
        if norm and "norm" in kind.model_fields:
            values["norm"] = norm
        try:
            attack = parse(kind, values)
        except SettingsError:  # the values belong to another norm, or the norm is none of its own
            attack = _tolerant(kind, norm)
        budget = self.budget(kind, getattr(attack, "norm", None))
        return attack if budget is None else parse(kind, attack.model_dump() | {"epsilon": budget})

    def budget(self, kind: type[Attack], norm: object) -> float | None:
        """The budget that was last set in a norm; None for attacks that need none."""
        return self._budgets.get(str(norm)) if _has_budget(kind) else None


def _tolerant(kind: type[Attack], norm: str | None) -> Attack:
    for values in ({"norm": norm}, {"norm": norm, "epsilon": _BUDGETS.get(norm or "", 0)}, {}):
        try:
            return parse(kind, values)
        except SettingsError:
            continue
    return kind()


def _has_budget(kind: type[Attack]) -> bool:
    """Whether it has a norm, and an ε that must be given."""
    epsilon = kind.model_fields.get("epsilon")
    return "norm" in kind.model_fields and epsilon is not None and epsilon.default is not None
