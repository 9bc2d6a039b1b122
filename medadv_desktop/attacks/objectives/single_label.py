"""Objectives whose goal is a class: any other, a chosen one, the least likely, out of the top k."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from medadv_desktop.attacks.objectives.losses import (
    binary_cross_entropies,
    cross_entropy,
    dlr,
    flipped,
    lead,
    past_cutoffs,
    targeted_dlr,
)
from medadv_desktop.attacks.objectives.objective import Objective, RankedOut, listed
from medadv_desktop.errors import AttackError

if TYPE_CHECKING:
    import torch

    from medadv_desktop.models.card import ModelCard

ClassLoss = Literal["ce", "margin", "dlr"]

_LOSS_HELP = (
    "What is raised: cross-entropy, the margin in logits (Carlini and Wagner), or the difference "
    "of logits ratio, which no rescaling of the logits can weaken"
)


class Untargeted(Objective):
    """Any decision other than the reference.

    Losses: cross-entropy (multi-label: BCE summed over findings, logits counting from the cutoffs);
    `margin`, how far past the border in logits; `dlr`, for three and more classes. Over findings
    the margin is that of the one nearest to its border: as a rule the stronger loss, for BCE pulls
    at all of them.
    """

    name = "untargeted"
    title = "Any other decision"
    tasks = ("single-label", "multi-label")

    loss_kind: ClassLoss = Field("ce", title="Loss", description=_LOSS_HELP)

    def loss(
        self, logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None = None
    ) -> torch.Tensor:
        if self.loss_kind == "margin":
            return self.margin(logits, labels, cutoffs)
        if labels.ndim > 1:
            return binary_cross_entropies(logits, labels, cutoffs).sum(1)
        return (dlr if self.loss_kind == "dlr" else cross_entropy)(logits, labels)

    def achieved(
        self, logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None
    ) -> torch.Tensor:
        if labels.ndim == 1:
            return logits.argmax(1) != labels
        return flipped(logits, labels, cutoffs).any(1)

    def margin(
        self, logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None
    ) -> torch.Tensor:
        if labels.ndim == 1:
            return -lead(logits, labels)
        return past_cutoffs(logits, ~labels.bool(), cutoffs).amax(1)

    def check(self, card: ModelCard) -> None:
        super().check(card)
        _refuse_ratio(self, self.loss_kind, card, 3)


class Targeted(Objective):
    """A chosen class instead of the reference.

    Losses: minus the cross-entropy to the target; `margin`, the lead of the target in logits;
    `dlr`, its targeted form, for four and more classes.
    """

    name = "targeted"
    title = "A chosen class"
    tasks = ("single-label",)

    target: int = Field(ge=0, description="Index of the class to be predicted")
    loss_kind: ClassLoss = Field("ce", title="Loss", description=_LOSS_HELP)

    def indices(self) -> tuple[int, ...]:
        return (self.target,)

    def loss(
        self, logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None = None
    ) -> torch.Tensor:
        if self.loss_kind == "margin":
            return self.margin(logits, labels, cutoffs)
        if self.loss_kind == "dlr":
            return targeted_dlr(logits, labels, self._targets(labels))
        return -cross_entropy(logits, self._targets(labels))

    def achieved(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,  # noqa: ARG002 - the target is reached, whatever the reference
        cutoffs: torch.Tensor | None,  # noqa: ARG002
    ) -> torch.Tensor:
        return logits.argmax(1) == self.target

    def margin(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,
        cutoffs: torch.Tensor | None,  # noqa: ARG002
    ) -> torch.Tensor:
        return lead(logits, self._targets(labels))

    def check(self, card: ModelCard) -> None:
        super().check(card)
        _refuse_ratio(self, self.loss_kind, card, 4)

    def check_labels(self, labels: torch.Tensor) -> None:
        same = (labels == self.target).nonzero().flatten().tolist()
        if same:
            raise AttackError(
                f"class {self.target} is already the reference of {listed(same)}",
                subject="target",
                remedy="Choose another target, or leave those samples out",
            )

    def _targets(self, labels: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.full_like(labels, self.target)


class LeastLikely(Objective):
    """The class that the model holds least likely for the clean image: the crudest error.

    Kurakin, Goodfellow, Bengio: Adversarial examples in the physical world, ICLR 2017 workshop,
    sec. 2.3. `resolved` puts that class in the place of the reference. Losses as `Targeted`.
    """

    name = "least-likely"
    title = "The least likely class"
    tasks = ("single-label",)
    needs_clean = True

    loss_kind: Literal["ce", "margin"] = Field("ce", title="Loss", description=_LOSS_HELP)

    def resolved(self, labels: torch.Tensor, clean_logits: torch.Tensor) -> torch.Tensor:
        return clean_logits.argmin(1).to(labels)

    def loss(
        self, logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None = None
    ) -> torch.Tensor:
        if self.loss_kind == "margin":
            return self.margin(logits, labels, cutoffs)
        return -cross_entropy(logits, labels)

    def achieved(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,
        cutoffs: torch.Tensor | None,  # noqa: ARG002
    ) -> torch.Tensor:
        return logits.argmax(1) == labels

    def margin(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,
        cutoffs: torch.Tensor | None,  # noqa: ARG002
    ) -> torch.Tensor:
        return lead(logits, labels)


class OutOfTopK(RankedOut):
    """The reference class is no longer among the k likeliest.

    Loss and margin: the k-th largest of the other logits minus the reference's.
    """

    name = "out-of-top-k"
    title = "Reference out of the top k"
    tasks = ("single-label",)

    k: int = Field(3, ge=1, le=1000, description="How many of the likeliest classes are looked at")

    def margin(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,
        cutoffs: torch.Tensor | None,  # noqa: ARG002
    ) -> torch.Tensor:
        import torch

        own = logits.gather(1, labels[:, None])[:, 0]
        others = logits.scatter(1, labels[:, None], -torch.inf)
        return others.topk(self.k, dim=1).values[:, -1] - own


def _refuse_ratio(objective: Objective, loss: ClassLoss, card: ModelCard, classes: int) -> None:
    if loss == "dlr" and (card.multi_label or len(card.classes) < classes):
        has = "findings" if card.multi_label else f"{len(card.classes)} classes"
        raise AttackError(
            f"the difference of logits ratio compares {classes} classes and more; "
            f"{card.name} has {has}",
            subject=f"objective {objective.name}",
            remedy="Choose the margin, which keeps its slope as well",
        )
