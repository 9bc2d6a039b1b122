"""What an attack wants. An objective is a class in one of these modules and an entry here."""

from __future__ import annotations

from medadv_desktop.attacks.objectives.losses import (
    binary_cross_entropies,
    cross_entropy,
    flipped,
    reported,
)
from medadv_desktop.attacks.objectives.multi_label import (
    FlipAll,
    FlipFindings,
    HideFinding,
    InsertFinding,
    OutOfTopFindings,
)
from medadv_desktop.attacks.objectives.objective import INDEX_FIELDS, Objective
from medadv_desktop.attacks.objectives.single_label import (
    LeastLikely,
    OutOfTopK,
    Targeted,
    Untargeted,
)

__all__ = [
    "INDEX_FIELDS",
    "OBJECTIVES",
    "FlipAll",
    "FlipFindings",
    "HideFinding",
    "InsertFinding",
    "LeastLikely",
    "Objective",
    "OutOfTopFindings",
    "OutOfTopK",
    "Targeted",
    "Untargeted",
    "binary_cross_entropies",
    "cross_entropy",
    "flipped",
    "reported",
]

OBJECTIVES: dict[str, type[Objective]] = {
    objective.name: objective
    for objective in (
        Untargeted,
        Targeted,
        LeastLikely,
        OutOfTopK,
        FlipAll,
        FlipFindings,
        HideFinding,
        InsertFinding,
        OutOfTopFindings,
    )
}
