"""Objectives over findings: flip all, flip some, hide one, insert one, the others held or free.

BCE is taken of logits that count from the model's cutoffs: what is past its threshold is won.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field, field_validator

from medadv_desktop.attacks.objectives.losses import (
    binary_cross_entropies,
    flipped,
    past_cutoffs,
    reported,
)
from medadv_desktop.attacks.objectives.objective import Objective, RankedOut, listed
from medadv_desktop.errors import AttackError

if TYPE_CHECKING:
    import torch


_HOLD = Field(
    False,
    title="Hold the others still",
    description="Reached only while every other finding keeps its reference state",
)


def _whole_numbers(text: object) -> object:
    """ "0, 3" as ["0", "3"]; anything but text is passed through."""
    return [part.strip() for part in text.split(",")] if isinstance(text, str) else text


class FlipAll(Objective):
    """Every finding to the opposite of its reference state: minus the BCE to those, summed.

    A finding that is flipped adds next to nothing, so the slope belongs to those that hold out.
    (The BCE to the reference would do the reverse: grow without end where it has won already.)
    """

    name = "flip-all"
    title = "Flip every finding"
    tasks = ("multi-label",)

    def loss(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,
        cutoffs: torch.Tensor | None = None,
    ) -> torch.Tensor:
        return -binary_cross_entropies(logits, ~labels.bool(), cutoffs).sum(1)

    def achieved(
        self, logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None
    ) -> torch.Tensor:
        return flipped(logits, labels, cutoffs).all(1)

    def margin(
        self, logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None
    ) -> torch.Tensor:
        return past_cutoffs(logits, ~labels.bool(), cutoffs).amin(1)

    def shortfall(
        self, logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None
    ) -> torch.Tensor:
        return past_cutoffs(logits, ~labels.bool(), cutoffs).clamp(max=0).sum(1)


class _ChosenFindings(Objective):
    """Some findings are brought to a state; the others are free, or held at their reference.

    Loss: minus the BCE of the chosen findings to the states wanted, summed; where the others are
    held, minus theirs to their reference states as well.
    """

    tasks = ("multi-label",)

    def wanted(self, labels: torch.Tensor) -> torch.Tensor:
        """N×K bool: the states to be reached by the chosen findings; the others' do not count."""
        raise NotImplementedError

    @property
    def holds(self) -> bool:
        """Whether the findings that are not chosen keep their reference state."""
        return False

    def loss(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,
        cutoffs: torch.Tensor | None = None,
    ) -> torch.Tensor:
        states, columns = self._states(labels)
        return -binary_cross_entropies(logits, states, cutoffs)[:, columns].sum(1)

    def achieved(
        self, logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None
    ) -> torch.Tensor:
        states, columns = self._states(labels)
        return (reported(logits, cutoffs) == states)[:, columns].all(1)

    def margin(
        self, logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None
    ) -> torch.Tensor:
        states, columns = self._states(labels)
        return past_cutoffs(logits, states, cutoffs)[:, columns].amin(1)

    def shortfall(
        self, logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None
    ) -> torch.Tensor:
        states, columns = self._states(labels)
        return past_cutoffs(logits, states, cutoffs)[:, columns].clamp(max=0).sum(1)

    def _states(self, labels: torch.Tensor) -> tuple[torch.Tensor, list[int]]:
        """N×K states that are asked for, and the columns in which they count."""
        chosen = list(self.indices())
        states = labels.bool().clone()
        states[:, chosen] = self.wanted(labels)[:, chosen]
        return states, list(range(labels.shape[1])) if self.holds else chosen


class FlipFindings(_ChosenFindings):
    """The chosen findings to the opposite of their reference state: as `FlipAll`, over them."""

    name = "flip"
    title = "Flip chosen findings"

    findings: Annotated[
        tuple[Annotated[int, Field(ge=0)], ...], BeforeValidator(_whole_numbers)
    ] = Field(min_length=1, description="Indices of the findings")
    hold_others: bool = _HOLD

    @field_validator("findings")
    @classmethod
    def _each_once(cls, findings: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(findings)) != len(findings):
            raise ValueError("a finding is named twice")
        return findings

    @property
    def holds(self) -> bool:
        return self.hold_others

    def indices(self) -> tuple[int, ...]:
        return self.findings

    def wanted(self, labels: torch.Tensor) -> torch.Tensor:
        return ~labels.bool()


class _OneFinding(_ChosenFindings):
    """One finding is brought to a state, whatever its reference."""

    finding: int = Field(ge=0, description="Index of the finding")
    hold_others: bool = _HOLD

    @property
    def holds(self) -> bool:
        return self.hold_others

    def indices(self) -> tuple[int, ...]:
        return (self.finding,)


class HideFinding(_OneFinding):
    """A finding is no longer reported, whatever the reference: minus its BCE to "absent"."""

    name = "hide"
    title = "Hide a finding"

    def wanted(self, labels: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.zeros_like(labels, dtype=torch.bool)


class InsertFinding(_OneFinding):
    """A finding is reported, whatever the reference: minus its BCE to "present"."""

    name = "insert"
    title = "Insert a finding"

    def wanted(self, labels: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.ones_like(labels, dtype=torch.bool)


class OutOfTopFindings(RankedOut):
    """No finding of the reference is among the k that the model ranks highest.

    A reader who looks at the k highest probabilities sees none that is there. Loss and margin: the
    k-th largest logit of the absent findings minus the largest of the present ones.
    """

    name = "out-of-top-findings"
    title = "True findings out of the top k"
    tasks = ("multi-label",)

    k: int = Field(1, ge=1, le=1000, description="How many of the highest findings are looked at")

    def margin(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,
        cutoffs: torch.Tensor | None,  # noqa: ARG002
    ) -> torch.Tensor:
        import torch

        present = logits.masked_fill(~labels.bool(), -torch.inf).amax(1)
        absent = logits.masked_fill(labels.bool(), -torch.inf)
        return absent.topk(self.k, dim=1).values[:, -1] - present

    def check_labels(self, labels: torch.Tensor) -> None:
        present = labels.bool().sum(1)
        unfit = (present == 0) | (labels.shape[1] - present < self.k)
        if unfit.any():
            raise AttackError(
                f"{listed(unfit.nonzero().flatten().tolist())}: there is no true finding to be "
                f"ranked out, or fewer than {self.k} others to take its place",
                subject="labels",
                remedy="Leave those samples out, or choose a smaller k",
            )
