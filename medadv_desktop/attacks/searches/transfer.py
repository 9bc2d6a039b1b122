"""Transfer: images crafted on one model, judged by others that the attacker has never seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from medadv_desktop.attacks.attack import Attack, AttackResult, Precision
from medadv_desktop.attacks.landscape import Landscape
from medadv_desktop.attacks.objectives import Objective
from medadv_desktop.attacks.verification import verified_ids, verified_labels
from medadv_desktop.errors import AttackError
from medadv_desktop.jobs import CancelToken, Emit, Message, silent
from medadv_desktop.models.card import ModelCard
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.isolation import undisturbed


@dataclass(frozen=True, eq=False)
class Target:
    """A model that judges.

    Attributes:
        prepared: from images as the source takes them, N×C×H×W in [0, 1], to images as this model
            takes them: a resize, say. None where both take the same.
    """

    model: DiagnosticModel
    prepared: Callable[[Tensor], Tensor] | None = None


@dataclass(frozen=True, eq=False)
class Judgement:
    """What one target makes of the crafted images.

    Attributes:
        right: N bool: the samples that count. The goal is not reached without the attack, and a
            single-label model decides for the reference.
        success: N bool, of these: the goal is reached at the crafted image.
        clean_logits, adversarial_logits: N×K.
    """

    name: str
    right: Tensor
    success: Tensor
    clean_logits: Tensor
    adversarial_logits: Tensor

    @property
    def rate(self) -> float:
        """Success among the samples that count; NaN where none does."""
        counted = int(self.right.sum())
        return int(self.success.sum()) / counted if counted else float("nan")


@dataclass(frozen=True, eq=False)
class TransferResult:
    """The attack on the source, and a judgement for each target, in the order given."""

    crafted: AttackResult
    judgements: tuple[Judgement, ...]


def transfer(
    attack: Attack,
    source: DiagnosticModel,
    targets: Sequence[Target | DiagnosticModel],
    images: Tensor,
    labels: Tensor,
    objective: Objective,
    *,
    seed: int = 0,
    sample_ids: Sequence[int] | None = None,
    token: CancelToken | None = None,
    emit: Emit = silent,
    precision: Precision = "exact",
) -> TransferResult:
    """Attack the source, and show what comes of it to the targets, which are looked at twice each.

    Papernot, McDaniel, Goodfellow: Transferability in Machine Learning, 2016 (arXiv 1605.07277).
    Images that have just crossed the border of the source rarely fool another model: let the
    attack go on (`stop_when_beaten` off), and prefer momentum (MI-FGSM) to the smallest change.

    Args:
        targets: of the same task and classes as the source, on its device and in its number type;
            score-only models will do.
        images, labels, objective, seed, sample_ids, token, emit, precision: as `Attack.run`. Where
            the goal depends on the model ("least likely"), it is the source's.

    Raises:
        AttackError: no targets, or one that does not fit; or as `Attack.run`.
        JobCancelled: the token was cancelled.
    """
    chosen = [Target(t) if isinstance(t, DiagnosticModel) else t for t in targets]
    if not chosen:
        raise AttackError("are none", subject="targets", remedy="Choose a model to judge")
    token = token or CancelToken()
    # Everything is checked before the attack: it may take hours.
    reference = verified_labels(source, images, labels, objective)
    for target in chosen:
        _check_same_question(source.card, target.model.card)
        verified_labels(target.model, _as_taken(target, images), labels, objective)
    crafted = attack.run(
        source, images, labels, objective,
        seed=seed, sample_ids=sample_ids, token=token, emit=emit, precision=precision,
    )  # fmt: skip
    goal = objective.resolved(reference, crafted.clean_logits)
    ids = verified_ids(sample_ids, len(images))
    judgements = []
    for target in chosen:
        token.check()
        with undisturbed(target.model, images.device, seed, token):
            landscape = Landscape(target.model, objective, goal, ids)
            seen = _judged(target, landscape, images, crafted.adversarial, reference)
        told = f"{seen.name}: {int(seen.success.sum())} of {int(seen.right.sum())} fall"
        emit(Message(told))
        judgements.append(seen)
    return TransferResult(crafted, tuple(judgements))


def _judged(
    target: Target, landscape: Landscape, images: Tensor, adversarial: Tensor, reference: Tensor
) -> Judgement:
    rows = torch.arange(len(images), device=images.device)
    clean = landscape.at(_as_taken(target, images), rows)
    attacked = landscape.at(_as_taken(target, adversarial), rows)
    right = ~clean.achieved
    if not target.model.card.multi_label:
        right = right & (target.model.decisions(clean.logits) == reference)
    name = target.model.card.name
    return Judgement(name, right, right & attacked.achieved, clean.logits, attacked.logits)


def _as_taken(target: Target, images: Tensor) -> Tensor:
    return images if target.prepared is None else target.prepared(images.detach().clone())


def _check_same_question(source: ModelCard, target: ModelCard) -> None:
    same = [name.casefold() for name in source.classes] == [n.casefold() for n in target.classes]
    if source.task != target.task or not same:
        raise AttackError(
            f"{target.name} ({target.task}: {', '.join(target.classes)}) and {source.name} "
            f"({source.task}: {', '.join(source.classes)}) do not answer the same question",
            subject="targets",
            remedy="Choose a model of the same classes in the same order",
        )
