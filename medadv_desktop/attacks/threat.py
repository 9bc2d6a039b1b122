"""Threat models: what an attacker knows, and which change he may make. No torch.

Attacks are sorted by what they are for, so that a list of them can be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from medadv_desktop.attacks.attack import Attack, Knowledge

Group = Literal["budget", "smallest", "prepared", "spatial", "floor"]
"""Best change within a budget; smallest change; prepared beforehand; another kind of change
(shifts, patches, single pixels); what every attack must beat."""

GROUPS: tuple[Group, ...] = get_args(Group)

KNOWLEDGE: tuple[Knowledge, ...] = ("white-box", "scores", "decisions", "nothing")
"""From most to least: whoever knows more can do whatever needs less."""

NORMS = ("linf", "l2", "l1", "l0")

_PREPARED = ("gap", "universal")
_SPATIAL = ("stadv", "patch", "one-pixel")
_FLOOR = ("noise",)
_FIXED_NORM = {
    "boundary": "l2",
    "cw": "l2",
    "cw-linf": "linf",
    "ead": "l1",
    "sigma-zero": "l0",
    "jsma": "l0",
    "one-pixel": "l0",
}


@dataclass(frozen=True)
class Threat:
    """What is granted to the attacker.

    Attributes:
        knowledge: the most that he sees of the model.
        norm: what bounds his change; "" for any.
    """

    knowledge: Knowledge = "white-box"
    norm: str = "linf"

    def admits(self, attack: type[Attack]) -> bool:
        """Whether he can run attacks of this kind."""
        known = KNOWLEDGE.index(attack.knowledge) >= KNOWLEDGE.index(self.knowledge)
        norms = norms_of(attack)
        return known and (not self.norm or not norms or self.norm in norms)

    def widened_for(self, attack: Attack) -> Threat:
        """The nearest one that admits an attack as it is set."""
        own = getattr(attack, "norm", None)
        norms = (own,) if own is not None else norms_of(type(attack))
        norm = self.norm if not norms or self.norm in norms else norms[0]
        more = KNOWLEDGE.index(attack.knowledge) < KNOWLEDGE.index(self.knowledge)
        return Threat(attack.knowledge if more else self.knowledge, norm if self.norm else "")


def norms_of(attack: type[Attack]) -> tuple[str, ...]:
    """The norms that an attack can measure its change in; () where none bounds it, or a file says.

    They are the choices of its field `norm`, or what its paper fixes.
    """
    fixed = _FIXED_NORM.get(attack.name)
    if fixed is not None:
        return (fixed,)
    field = attack.model_fields.get("norm")
    return tuple(get_args(field.annotation)) if field is not None else ()


def group_of(attack: type[Attack]) -> Group:
    """What an attack is for."""
    if attack.name in _FLOOR:
        return "floor"
    if attack.name in _PREPARED:
        return "prepared"
    if attack.name in _SPATIAL:
        return "spatial"
    return "smallest" if attack.minimal else "budget"
