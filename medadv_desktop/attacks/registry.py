"""Every attack and objective by name, and the door that builds them from plain values. No torch."""

from __future__ import annotations

from collections.abc import Mapping

from medadv_desktop.attacks.apgd import APGD
from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.bim import BIM
from medadv_desktop.attacks.boundary import Boundary
from medadv_desktop.attacks.carlini_wagner import CarliniWagnerL2, CarliniWagnerLinf
from medadv_desktop.attacks.deepfool import DeepFool
from medadv_desktop.attacks.ead import ElasticNet
from medadv_desktop.attacks.estimation import NES, SPSA
from medadv_desktop.attacks.fab import FAB
from medadv_desktop.attacks.fgsm import FGSM
from medadv_desktop.attacks.gap.attack import GAP
from medadv_desktop.attacks.hopskipjump import HopSkipJump
from medadv_desktop.attacks.jsma import JSMA
from medadv_desktop.attacks.mifgsm import MIFGSM
from medadv_desktop.attacks.noise import Noise
from medadv_desktop.attacks.objectives import OBJECTIVES, Objective
from medadv_desktop.attacks.one_pixel import OnePixel
from medadv_desktop.attacks.patch import Patch
from medadv_desktop.attacks.pgd import PGD
from medadv_desktop.attacks.sigma_zero import SigmaZero
from medadv_desktop.attacks.spatial import SpatialAttack
from medadv_desktop.attacks.square import Square
from medadv_desktop.attacks.universal import Universal
from medadv_desktop.attacks.worst_case import WorstCase
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
