"""Attacks with their settings, by what somebody wants to know. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.registry import make_attack


@dataclass(frozen=True)
class Preset:
    """An attack ready to run.

    Attributes:
        name: the word for it in commands and files; `title` the one for people.
        sentence: what it is for.
        attack: its name in the registry.
        values: its fields, where they are not the defaults.
        objective: the name of the goal that belongs to it; "" for the one that is chosen.
        free: fields that stay as they are chosen, where they are of the preset's norm.
    """

    name: str
    title: str
    sentence: str
    attack: str
    values: Mapping[str, object] = field(default_factory=dict)
    objective: str = ""
    free: tuple[str, ...] = ()

    def make(self, chosen: Mapping[str, object] | None = None) -> Attack:
        """The attack; `chosen` are the values that `free` fields keep.

        Raises:
            SettingsError: a value chosen is none of the attack's.
        """
        kept = {name: (chosen or {})[name] for name in self.free if name in (chosen or {})}
        return make_attack(self.attack, {**kept, **self.values})

    def describes(self, attack: Attack) -> bool:
        """Whether an attack is this one, whatever its free fields are."""
        if attack.name != self.attack:
            return False
        mine, other = self.make().model_dump(), attack.model_dump()
        return all(mine[name] == other[name] for name in mine if name not in self.free)


PRESETS: tuple[Preset, ...] = (
    Preset(
        "quick",
        "Quick look",
        "Ten PGD steps within 4/255: a first impression in a moment, no figure to quote.",
        "pgd",
        {"norm": "linf", "epsilon": 4 / 255, "steps": 10},
    ),
    Preset(
        "paper-pgd",
        "The paper's PGD",
        "Twenty PGD steps of 1/255 each in L∞, as in the paper; the budget is yours to choose.",
        "pgd",
        {"norm": "linf", "steps": 20, "step_size": 1 / 255},
        objective="untargeted",
        free=("epsilon",),
    ),
    Preset(
        "paper-gap",
        "The paper's GAP",
        "A trained generator perturbs in one pass. Its file comes from medadv gap train DATASET "
        "--model MODEL --out FILE.safetensors, or from a colleague.",
        "gap",
        free=("generator", "epsilon"),
    ),
    Preset(
        "worst-case",
        "Worst case",
        "PGD, two APGD, FAB and Square on whatever still stands: the figure to quote. Slow.",
        "worst-case",
        {"norm": "linf", "thoroughness": "standard"},
        objective="untargeted",
        free=("epsilon",),
    ),
    Preset(
        "smallest",
        "Smallest change",
        "FAB looks for the smallest change of any pixel that turns the decision: how far this "
        "image is from the border.",
        "fab",
        {"norm": "linf"},
    ),
    Preset(
        "smallest-quick",
        "Smallest change, quickly",
        "DeepFool steps to the nearest border: a fair estimate of the smallest Euclidean change.",
        "deepfool",
    ),
    Preset(
        "noise",
        "Noise floor",
        "Ten draws of random noise of the same size: an attack that does no better shows nothing.",
        "noise",
        {"norm": "linf", "draws": 10},
        free=("epsilon",),
    ),
)
