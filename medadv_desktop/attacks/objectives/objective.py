"""What every objective is: a loss to raise, a test of whether it is achieved, and a margin.

Objectives are frozen values, readable without torch. Every loss is per sample and grows towards the
goal.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from medadv_desktop.errors import AttackError
from medadv_desktop.settings import Settings

if TYPE_CHECKING:
    import torch

    from medadv_desktop.models.card import ModelCard


class Objective(Settings):
    """Base of all objectives.

    `tasks` names the kinds of model it fits; `needs_clean` says that `resolved` looks at the clean
    logits. Labels are as `Attack.run` takes them, then `resolved`; `cutoffs` are the K logits from
    which a finding is present (multi-label), None for a single-label model.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]]
    needs_clean: ClassVar[bool] = False

    def resolved(self, labels: torch.Tensor, clean_logits: torch.Tensor) -> torch.Tensor:
        """The labels that `loss`, `achieved` and `margin` take: the reference, unless the goal
        depends on what the model says of the clean images (`needs_clean`).
        """
        del clean_logits
        return labels

    @abstractmethod
    def loss(
        self, logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None = None
    ) -> torch.Tensor:
        """N losses, differentiable, larger nearer to the goal. Logits N×K."""

    @abstractmethod
    def achieved(
        self, logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None
    ) -> torch.Tensor:
        """N bool."""

    @abstractmethod
    def margin(
        self, logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None
    ) -> torch.Tensor:
        """N: how far past the border of the goal, in logits; differentiable, piecewise linear.

        Positive means achieved, negative not achieved; on the border, 0, `achieved` decides.
        """

    def shortfall(
        self, logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None
    ) -> torch.Tensor:
        """N: for a goal of several conditions, minus what each of them lacks, summed, in logits.

        The margin is that of the worst condition alone. For a goal of one condition, the margin.
        """
        return self.margin(logits, labels, cutoffs)

    def check(self, card: ModelCard) -> None:
        """Refuse a model that this objective does not fit.

        Raises:
            AttackError: another task, or an index that the model does not have.
        """
        if card.task not in self.tasks:
            from medadv_desktop.attacks.objectives import OBJECTIVES

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


class RankedOut(Objective):
    """What is true is no longer among the k highest: the margin is the loss as well.

    A subclass has the field `k` and the margin; positive means ranked out.
    """

    k: int

    def loss(
        self, logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None = None
    ) -> torch.Tensor:
        return self.margin(logits, labels, cutoffs)

    def achieved(
        self, logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None
    ) -> torch.Tensor:
        return self.margin(logits, labels, cutoffs) > 0

    def check(self, card: ModelCard) -> None:
        super().check(card)
        if self.k >= len(card.classes):
            what = "findings" if card.multi_label else "classes"
            raise AttackError(
                f"{card.name} has {len(card.classes)} {what} only",
                subject="k",
                remedy=f"Choose at most {len(card.classes) - 1}",
            )


INDEX_FIELDS = ("target", "finding", "findings")
"""Fields of objectives that hold the index of a class or finding: shown by name."""


def listed(samples: list[int], most: int = 8) -> str:
    """ "sample 3" or "samples 0, 2 and 5 more"."""
    shown = ", ".join(str(s) for s in samples[:most])
    more = f" and {len(samples) - most} more" if len(samples) > most else ""
    return f"sample{'s' if len(samples) > 1 else ''} {shown}{more}"
