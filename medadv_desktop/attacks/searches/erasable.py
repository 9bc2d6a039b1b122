"""Which findings can be erased from a report without touching the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from medadv_desktop.attacks.attack import Attack, AttackResult, Precision
from medadv_desktop.attacks.landscape import Landscape
from medadv_desktop.attacks.objectives import HideFinding
from medadv_desktop.attacks.verification import verified_ids, verified_labels
from medadv_desktop.errors import AttackError
from medadv_desktop.jobs import CancelToken, Emit, Event, Progress, silent
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.isolation import undisturbed


@dataclass(frozen=True, eq=False)
class Erasable:
    """For N images and K findings.

    Attributes:
        reported: N×K bool, what the model reports of the clean images.
        erased: N×K bool, of these: the attack made it vanish while every other decision of the
            model stayed as it was.
        runs: (finding, rows of the batch, result of the attack on them), one for each finding that
            is reported at all.
    """

    reported: Tensor
    erased: Tensor
    runs: tuple[tuple[int, tuple[int, ...], AttackResult], ...]

    @property
    def share(self) -> Tensor:
        """K float64: of the images that report a finding, the share it can be erased from; NaN
        where none reports it.
        """
        return self.erased.sum(0, dtype=torch.float64) / self.reported.sum(0)


def erasable_findings(
    model: DiagnosticModel,
    images: Tensor,
    attack: Attack,
    *,
    hold_others: bool = True,
    seed: int = 0,
    sample_ids: Sequence[int] | None = None,
    token: CancelToken | None = None,
    emit: Emit = silent,
    precision: Precision = "exact",
) -> Erasable:
    """Try to erase every finding that the model reports, one at a time.

    Args:
        model: multi-label.
        images: N×C×H×W in [0, 1].
        attack: with its budget; its objective is `HideFinding`.
        hold_others: the other decisions must stay as they are, or may go where they like.
        seed, sample_ids, token, emit, precision: as `Attack.run`.

    Raises:
        AttackError: a single-label model, or as `Attack.run`.
        JobCancelled: the token was cancelled.
    """
    if not model.card.multi_label:
        raise AttackError(
            f"{model.card.name} decides for one class; findings are what multi-label models report",
            subject="model",
            remedy="Choose a multi-label model",
        )
    goal = HideFinding(finding=0)
    attack.check(model, goal)
    nothing = torch.zeros(len(images), len(model.card.classes), dtype=torch.bool)
    nothing = verified_labels(model, images, nothing, goal)
    token = token or CancelToken()
    ids = verified_ids(sample_ids, len(images))
    with undisturbed(model, images.device, seed, token):
        clean = Landscape(model, goal, nothing, ids).at(
            images, torch.arange(len(ids), device=images.device)
        )
    reported = model.decisions(clean.logits)
    erased = torch.zeros_like(reported)
    runs: list[tuple[int, tuple[int, ...], AttackResult]] = []
    findings = reported.any(0).nonzero().flatten().tolist()
    for number, finding in enumerate(findings):
        rows = reported[:, finding].nonzero().flatten()
        result = attack.run(
            model,
            images[rows],
            reported[rows],
            HideFinding(finding=finding, hold_others=hold_others),
            seed=seed,
            sample_ids=[ids[row] for row in rows.tolist()],
            token=token,
            emit=_as_part(emit, number, len(findings), model.card.classes[finding]),
            precision=precision,
        )
        erased[rows, finding] = result.success
        runs.append((finding, tuple(rows.tolist()), result))
    emit(Progress(len(findings), len(findings), "findings"))
    return Erasable(reported, erased, tuple(runs))


def _as_part(emit: Emit, number: int, parts: int, finding: str) -> Emit:
    def pass_on(event: Event) -> None:
        if isinstance(event, Progress):
            share = event.done / event.total if event.total else 0.0
            emit(Progress(number + share, parts, f"{finding}: {event.message}"))
        else:
            emit(event)

    return pass_on
