"""What an attack wants: a loss to raise and a test of whether it is achieved.

Objectives are frozen values, readable without torch; losses and tests import it when called.
Every loss is per sample and grows towards the goal. The losses are written in the margin, not in
probabilities: −log σ(margin) keeps its slope where a confident network would round 1 − p to zero.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import BeforeValidator, Field, field_validator

from medadv_desktop.errors import AttackError
from medadv_desktop.settings import Settings

if TYPE_CHECKING:
    import torch

    from medadv_desktop.models.card import ModelCard


def _whole_numbers(text: object) -> object:
    """ "0, 3" as ["0", "3"]; anything but text is passed through."""
    return [part.strip() for part in text.split(",")] if isinstance(text, str) else text


class Objective(Settings):
    """Base of all objectives.

    `tasks` names the kinds of model it fits. Labels are as `Attack.run` takes them.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]]

    @abstractmethod
    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """N losses, differentiable, larger nearer to the goal. Logits N×K."""

    @abstractmethod
    def achieved(
        self, logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None
    ) -> torch.Tensor:
        """N bool. `cutoffs`: K logits from which a finding is present (multi-label), else None."""

    def check(self, card: ModelCard) -> None:
        """Refuse a model that this objective does not fit.

        Raises:
            AttackError: another task, or an index that the model does not have.
        """
        if card.task not in self.tasks:
            fitting = ", ".join(o.name for o in OBJECTIVES.values() if card.task in o.tasks)
            raise AttackError(
                f"'{self.title}' is for {' and '.join(self.tasks)} models; "
                f"{card.name} is {card.task}",
                subject=f"objective {self.name}",
                remedy=f"Choose one of {fitting}",
            )
        for index in self.indices():
            if index >= len(card.classes):
                named = ", ".join(f"{i} {name}" for i, name in enumerate(card.classes))
                raise AttackError(
                    f"{card.name} has no class {index}",
                    subject=f"objective {self.name}",
                    remedy=f"Choose from {named}",
                )

    def check_labels(self, labels: torch.Tensor) -> None:
        """Refuse reference labels that leave nothing to attack.

        Raises:
            AttackError: names the samples, by their place in the batch.
        """

    def indices(self) -> tuple[int, ...]:
        """The classes or findings that the objective names."""
        return ()


class Untargeted(Objective):
    """Any decision other than the reference: cross-entropy, or BCE summed over findings."""

    name = "untargeted"
    title = "Any other decision"
    tasks = ("single-label", "multi-label")

    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        if labels.ndim == 1:
            return cross_entropy(logits, labels)
        return binary_cross_entropies(logits, labels).sum(1)

    def achieved(
        self, logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None
    ) -> torch.Tensor:
        if labels.ndim == 1:
            return logits.argmax(1) != labels
        return flipped(logits, labels, cutoffs).any(1)


class Targeted(Objective):
    """A chosen class instead of the reference: minus the cross-entropy to the target."""

    name = "targeted"
    title = "A chosen class"
    tasks = ("single-label",)

    target: int = Field(ge=0, description="Index of the class to be predicted")

    def indices(self) -> tuple[int, ...]:
        return (self.target,)

    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        import torch

        return -cross_entropy(logits, torch.full_like(labels, self.target))

    def achieved(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,  # noqa: ARG002 - the target is reached, whatever the reference
        cutoffs: torch.Tensor | None,  # noqa: ARG002
    ) -> torch.Tensor:
        return logits.argmax(1) == self.target

    def check_labels(self, labels: torch.Tensor) -> None:
        same = (labels == self.target).nonzero().flatten().tolist()
        if same:
            raise AttackError(
                f"class {self.target} is already the reference of {_listed(same)}",
                subject="target",
                remedy="Choose another target, or leave those samples out",
            )


class FlipAll(Objective):
    """Every finding to the opposite of its reference state: minus the BCE to those, summed.

    A finding that is flipped adds next to nothing, so the slope belongs to those that hold out.
    (The BCE to the reference would do the reverse: grow without end where it has won already.)
    """

    name = "flip-all"
    title = "Flip every finding"
    tasks = ("multi-label",)

    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return -binary_cross_entropies(logits, ~labels.bool()).sum(1)

    def achieved(
        self, logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None
    ) -> torch.Tensor:
        return flipped(logits, labels, cutoffs).all(1)


class FlipFindings(Objective):
    """The chosen findings to the opposite of their reference state: as `FlipAll`, over them.

    The others may go either way.
    """

    name = "flip"
    title = "Flip chosen findings"
    tasks = ("multi-label",)

    findings: Annotated[
        tuple[Annotated[int, Field(ge=0)], ...], BeforeValidator(_whole_numbers)
    ] = Field(min_length=1, description="Indices of the findings")

    @field_validator("findings")
    @classmethod
    def _each_once(cls, findings: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(findings)) != len(findings):
            raise ValueError("a finding is named twice")
        return findings

    def indices(self) -> tuple[int, ...]:
        return self.findings

    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return -binary_cross_entropies(logits, ~labels.bool())[:, list(self.findings)].sum(1)

    def achieved(
        self, logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None
    ) -> torch.Tensor:
        return flipped(logits, labels, cutoffs)[:, list(self.findings)].all(1)


class HideFinding(Objective):
    """A finding is no longer reported, whatever the reference: its BCE to "present"."""

    name = "hide"
    title = "Hide a finding"
    tasks = ("multi-label",)

    finding: int = Field(ge=0, description="Index of the finding")

    def indices(self) -> tuple[int, ...]:
        return (self.finding,)

    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        import torch

        return binary_cross_entropies(logits, torch.ones_like(labels))[:, self.finding]

    def achieved(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,  # noqa: ARG002 - hidden is hidden, whatever the reference
        cutoffs: torch.Tensor | None,
    ) -> torch.Tensor:
        return ~reported(logits, cutoffs)[:, self.finding]


class InsertFinding(Objective):
    """A finding is reported, whatever the reference: its BCE to "absent"."""

    name = "insert"
    title = "Insert a finding"
    tasks = ("multi-label",)

    finding: int = Field(ge=0, description="Index of the finding")

    def indices(self) -> tuple[int, ...]:
        return (self.finding,)

    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        import torch

        return binary_cross_entropies(logits, torch.zeros_like(labels))[:, self.finding]

    def achieved(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,  # noqa: ARG002 - reported is reported, whatever the reference
        cutoffs: torch.Tensor | None,
    ) -> torch.Tensor:
        return reported(logits, cutoffs)[:, self.finding]


OBJECTIVES: dict[str, type[Objective]] = {
    objective.name: objective
    for objective in (Untargeted, Targeted, FlipAll, FlipFindings, HideFinding, InsertFinding)
}


def cross_entropy(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """−log softmax(logits)[class] of N×K logits and N class indices, K ≥ 2: N losses.

    Written as −log σ(z_y − log Σ_{k≠y} exp z_k), the same number with a slope that does not round
    to zero for a confident network.
    """
    import torch

    own = logits.gather(1, classes[:, None])
    others = logits.scatter(1, classes[:, None], -torch.inf).logsumexp(1)
    return -torch.nn.functional.logsigmoid(own[:, 0] - others)


def binary_cross_entropies(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """N×K: the binary cross-entropy of every finding, from N×K logits and 0/1 labels."""
    import torch

    return -torch.nn.functional.logsigmoid(torch.where(labels.bool(), logits, -logits))


def reported(logits: torch.Tensor, cutoffs: torch.Tensor | None) -> torch.Tensor:
    """N×K bool: the findings whose logit is at or above its cutoff."""
    assert cutoffs is not None, "a multi-label model has cutoffs"
    return logits >= cutoffs.to(logits)


def flipped(
    logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None
) -> torch.Tensor:
    """N×K bool: the findings whose decision is not the reference."""
    return reported(logits, cutoffs) != labels.bool()


def _listed(samples: list[int], most: int = 8) -> str:
    shown = ", ".join(str(s) for s in samples[:most])
    more = f" and {len(samples) - most} more" if len(samples) > most else ""
    return f"sample{'s' if len(samples) > 1 else ''} {shown}{more}"
