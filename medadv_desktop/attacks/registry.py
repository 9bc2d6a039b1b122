"""Every attack and objective by name, and the door that builds them from plain values. No torch."""

from __future__ import annotations

from collections.abc import Mapping

from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.decisions.boundary import Boundary
from medadv_desktop.attacks.decisions.hopskipjump import HopSkipJump
from medadv_desktop.attacks.gap.attack import GAP
from medadv_desktop.attacks.gradient.apgd import APGD
from medadv_desktop.attacks.gradient.bim import BIM
from medadv_desktop.attacks.gradient.fgsm import FGSM
from medadv_desktop.attacks.gradient.mifgsm import MIFGSM
from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.minimal.carlini_wagner import CarliniWagnerL2, CarliniWagnerLinf
from medadv_desktop.attacks.minimal.deepfool import DeepFool
from medadv_desktop.attacks.minimal.ead import ElasticNet
from medadv_desktop.attacks.minimal.fab import FAB
from medadv_desktop.attacks.minimal.jsma import JSMA
from medadv_desktop.attacks.minimal.sigma_zero import SigmaZero
from medadv_desktop.attacks.objectives import OBJECTIVES, Objective
from medadv_desktop.attacks.scores.estimation import NES, SPSA
from medadv_desktop.attacks.scores.noise import Noise
from medadv_desktop.attacks.scores.one_pixel import OnePixel
from medadv_desktop.attacks.scores.square import Square
from medadv_desktop.attacks.searches.worst_case import WorstCase
from medadv_desktop.attacks.spatial.patch import Patch
from medadv_desktop.attacks.spatial.stadv import SpatialAttack
from medadv_desktop.attacks.universal.attack import Universal
from medadv_desktop.errors import SettingsError
from medadv_desktop.settings import parse

__all__ = ["ATTACKS", "OBJECTIVES", "make_attack", "make_objective"]

ATTACKS: dict[str, type[Attack]] = {
    attack.name: attack
    for attack in (
        FGSM,
        BIM,
        MIFGSM,
        PGD,
        APGD,
        FAB,
        Square,
        NES,
        SPSA,
        OnePixel,
        HopSkipJump,
        Boundary,
        Noise,
        GAP,
        WorstCase,
        DeepFool,
        CarliniWagnerL2,
        CarliniWagnerLinf,
        ElasticNet,
        SigmaZero,
        JSMA,
        SpatialAttack,
        Patch,
        Universal,
    )
}


def make_attack(name: str, values: Mapping[str, object]) -> Attack:
    """Build an attack from its name and the values of its fields.

    Raises:
        SettingsError: no such attack, no such field, or a value outside what the field allows.
    """
    if name not in ATTACKS:
        raise SettingsError(
            "there is no attack of that name", subject=name, remedy=f"Name one of {_named(ATTACKS)}"
        )
    return parse(ATTACKS[name], values)


def make_objective(name: str, values: Mapping[str, object]) -> Objective:
    """Build an objective from its name and the values of its fields.

    Raises:
        SettingsError: no such objective, no such field, or a value outside what the field allows.
    """
    if name not in OBJECTIVES:
        raise SettingsError(
            "there is no objective of that name",
            subject=name,
            remedy=f"Name one of {_named(OBJECTIVES)}",
        )
    return parse(OBJECTIVES[name], values)


def _named(entries: Mapping[str, object]) -> str:
    return ", ".join(entries)
