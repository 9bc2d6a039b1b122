"""What withstood a search in bfloat16 is searched again in float32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

from torch import Tensor

from medadv_desktop.attacks.attack import Attack, AttackResult
from medadv_desktop.attacks.objectives import Objective
from medadv_desktop.jobs import CancelToken, Emit
from medadv_desktop.models.diagnostic import DiagnosticModel

_SPENT = ("steps", "queries")


def second_try(
    attack: Attack,
    first: AttackResult,
    model: DiagnosticModel,
    images: Tensor,
    labels: Tensor,
    objective: Objective,
    *,
    seed: int,
    sample_ids: Sequence[int] | None,
    token: CancelToken | None,
    emit: Emit,
) -> AttackResult:
    """The first result, with its survivors' rows replaced by those of a run in float32.

    Steps and queries of both are added up. Arguments and errors as `Attack.run`.
    """
    rows = (~first.success).nonzero().flatten()
    if len(rows) == 0:
        return first
    ids = list(range(len(images)) if sample_ids is None else sample_ids)
    again = attack.run(
        model,
        images[rows],
        labels.to(rows.device)[rows],
        objective,
        seed=seed,
        sample_ids=[ids[row] for row in rows.tolist()],
        token=token,
        emit=emit,
        precision="float32",
    )
    merged: dict[str, Tensor] = {}
    for field in fields(AttackResult):
        whole, part = getattr(first, field.name).clone(), getattr(again, field.name)
        whole[rows] = whole[rows] + part if field.name in _SPENT else part
        merged[field.name] = whole
    return replace(first, **merged)
