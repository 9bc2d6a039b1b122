"""Every training objective by name, and the door that builds them from plain values. No torch."""

from __future__ import annotations

from collections.abc import Mapping

from medadv_desktop.defenses.objectives.advt import AdvT
from medadv_desktop.defenses.objectives.alp import LogitPairing
from medadv_desktop.defenses.objectives.fast import Fast
from medadv_desktop.defenses.objectives.free import Free
from medadv_desktop.defenses.objectives.gaussian import Gaussian
from medadv_desktop.defenses.objectives.maadvt import MAAdvT
from medadv_desktop.defenses.objectives.mpadvt import MPAdvT
from medadv_desktop.defenses.objectives.objective import TrainingObjective
from medadv_desktop.defenses.objectives.standard import Standard
from medadv_desktop.defenses.objectives.trades import Trades
from medadv_desktop.errors import SettingsError
from medadv_desktop.settings import parse

OBJECTIVES: dict[str, type[TrainingObjective]] = {
    objective.name: objective
    for objective in (
        Standard,
        AdvT,
        MPAdvT,
        MAAdvT,
        Trades,
        LogitPairing,
        Fast,
        Free,
        Gaussian,
    )
}


def make_training_objective(name: str, values: Mapping[str, object]) -> TrainingObjective:
    """Build an objective from its name and the values of its fields.

    Raises:
        SettingsError: no such objective, no such field, or a value outside what the field allows.
    """
    if name not in OBJECTIVES:
        raise SettingsError(
            "there is no training objective of that name",
            subject=name,
            remedy=f"Name one of {', '.join(OBJECTIVES)}",
        )
    return parse(OBJECTIVES[name], values)
