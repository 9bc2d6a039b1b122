"""What is done to a batch of samples, for each kind of cell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from medadv_desktop.analysis.metrics.similarity import psnr, ssim
from medadv_desktop.attacks.attack import Attack, Precision
from medadv_desktop.attacks.bounded import BudgetedAttack
from medadv_desktop.attacks.objectives import Objective
from medadv_desktop.attacks.searches.smallest_budget import smallest_budgets
from medadv_desktop.audit.judging import difference, on_grid
from medadv_desktop.audit.runner.subjects import Ready, Said, Subject
from medadv_desktop.audit.store.records import Rows
from medadv_desktop.corruptions.corruption import Corruption
from medadv_desktop.corruptions.sequences.sequence import PerturbationSequence
from medadv_desktop.errors import AttackError
from medadv_desktop.jobs import CancelToken, Notes


@dataclass(frozen=True, eq=False)
class Judged:
    """The rows of a batch.

    Attributes:
        originals, changed: n×C×H×W of the rows that were changed, on the CPU, in their order; None
            where nothing was.
        attack_seconds: spent inside the attack.
        notes: what a reader should know.
    """

    rows: Rows
    originals: torch.Tensor | None = None
    changed: torch.Tensor | None = None
    attack_seconds: float = 0.0
    notes: tuple[str, ...] = ()


JudgeOthers = Callable[[Ready, torch.Tensor], NDArray[np.int16]]
"""From samples and their changed images, N×J×L decisions of the other models."""


@dataclass(frozen=True, eq=False)
class Work(ABC):
    """What a cell does to every batch. `similarity`: SSIM and PSNR are wanted."""

    subject: Subject
    token: CancelToken
    seed: int
    similarity: bool

    def check(self) -> None:  # noqa: B027 - most kinds have nothing to refuse
        """Refuse, before any compute, what cannot be done.

        Raises:
            MedAdvError: the attack, goal or corruption does not fit the model.
        """

    @abstractmethod
    def on(self, ready: Ready) -> Judged:
        """The rows of a batch, all or none.

        Raises:
            MedAdvError: a sample is at fault: outputs that are not finite, an attack that fails.
            JobCancelled: the token was cancelled.
        """

    def clean_rows(self, ready: Ready) -> tuple[Rows, Said]:
        """What the model says of the images as they are; nothing is changed."""
        said = ready.clean or self.subject.say(ready.images, self.token)
        n = len(ready)
        nothing = np.full(n, np.nan)
        zero = np.zeros(n, np.int64)
        rows = Rows(
            places=ready.places,
            labels=ready.labels,
            clean_decisions=said.decisions,
            clean_logits=said.logits,
            changed=np.zeros(n, np.bool_),
            decisions=said.decisions.copy(),
            logits=said.logits.copy(),
            success=np.zeros(n, np.bool_),
            steps=zero,
            queries=zero.copy(),
            l0=zero.copy(),
            linf=nothing,
            l2=nothing.copy(),
            l1=nothing.copy(),
            ssim=nothing.copy(),
            psnr=nothing.copy(),
            seconds=np.zeros(n),
            smallest=nothing.copy(),
        )
        return rows, said

    def changed_rows(
        self, rows: Rows, ready: Ready, chosen: Sequence[int], changed: torch.Tensor, after: Said
    ) -> dict[str, Any]:
        """Columns of `rows` once the samples `chosen` were changed to n×C×H×W `changed`."""
        places = list(chosen)
        part = ready.part(places)
        delta = difference(part.images, changed)
        if part.padding is not None:
            delta = delta.masked_fill(part.padding, 0)
        flat = delta.flatten(1)
        columns: dict[str, Any] = {
            "decisions": after.decisions,
            "logits": after.logits,
            "changed": np.ones(len(places), np.bool_),
            "linf": flat.abs().amax(dim=1).cpu().numpy(),
            "l2": flat.norm(dim=1).cpu().numpy(),
            "l1": flat.abs().sum(dim=1).cpu().numpy(),
            "l0": (delta != 0).any(dim=1).flatten(1).sum(dim=1).cpu().numpy(),
        }
        if self.similarity:
            columns["ssim"] = ssim(part.images, changed).double().cpu().numpy()
            columns["psnr"] = psnr(part.images, changed).double().cpu().numpy()
        return {name: _placed(getattr(rows, name), places, own) for name, own in columns.items()}


def _placed(
    column: NDArray[np.generic], rows: list[int], values: NDArray[np.generic]
) -> NDArray[np.generic]:
    found = column.copy()
    found[rows] = values
    return found


@dataclass(frozen=True, eq=False)
class CleanWork(Work):
    """The images as they are."""

    def on(self, ready: Ready) -> Judged:
        return Judged(self.clean_rows(ready)[0])


@dataclass(frozen=True, eq=False)
class CorruptionWork(Work):
    """A corruption at a severity; success is a changed decision."""

    corruption: Corruption = field(kw_only=True)

    def on(self, ready: Ready) -> Judged:
        rows, _ = self.clean_rows(ready)
        raw = self.corruption.apply(
            ready.images, seed=self.seed, sample_ids=ready.ids, token=self.token
        )
        changed = on_grid(ready.images, raw)
        after = self.subject.say(changed, self.token)
        columns = self.changed_rows(rows, ready, range(len(ready)), changed, after)
        columns["success"] = (after.decisions != rows.clean_decisions).any(axis=1)
        columns["queries"] = np.ones(len(ready), np.int64)
        return Judged(replace(rows, **columns), ready.images.cpu(), changed.cpu())


@dataclass(frozen=True, eq=False)
class SequenceWork(Work):
    """A perturbation sequence: the decision on every frame."""

    sequence: PerturbationSequence = field(kw_only=True)

    def on(self, ready: Ready) -> Judged:
        rows, _ = self.clean_rows(ready)
        frames = [
            self.subject.say(frame, self.token).decisions
            for frame in self.sequence.sequence(
                ready.images, seed=self.seed, sample_ids=ready.ids, token=self.token
            )
        ]
        return Judged(replace(rows, frames=np.stack(frames, axis=1)))


@dataclass(frozen=True, eq=False)
class AttackWork(Work):
    """An attack within its budget.

    Attributes:
        clock: for the time inside the attack.
        others: how other models judge; None where none do.
    """

    attack: Attack = field(kw_only=True)
    objective: Objective = field(kw_only=True)
    precision: Precision = field(kw_only=True)
    clock: Callable[[], float] = field(kw_only=True)
    others: JudgeOthers | None = field(kw_only=True, default=None)

    def check(self) -> None:
        self.attack.check(self.subject.model, self.objective)

    def on(self, ready: Ready) -> Judged:
        rows, _ = self.clean_rows(ready)
        reasons = [self._unattackable(ready.targets[k : k + 1]) for k in range(len(ready))]
        rows = replace(rows, notes=tuple(reasons))
        chosen = [k for k, reason in enumerate(reasons) if not reason]
        if not chosen:
            return Judged(rows)
        part = ready.part(chosen)
        notes = Notes()
        began = self.clock()
        found, columns = self._attacked(part, notes)
        attack_seconds = self.clock() - began
        changed = on_grid(part.images, found)
        after = self.subject.say(changed, self.token)
        columns |= self._success(part, after, columns)
        placed: dict[str, Any] = {
            n: _placed(getattr(rows, n), chosen, own) for n, own in columns.items()
        }
        placed |= self.changed_rows(rows, ready, chosen, changed, after)
        if self.others is not None:
            judged = self.others(part, changed)
            everyone = np.full((len(ready), *judged.shape[1:]), -1, np.int16)
            everyone[chosen] = judged
            placed["judged"] = everyone
        return Judged(
            replace(rows, **placed),
            part.images.cpu(),
            changed.cpu(),
            attack_seconds,
            tuple(notes.texts),
        )

    def _attacked(self, part: Ready, notes: Notes) -> tuple[torch.Tensor, dict[str, NDArray[Any]]]:
        """The attacked images, and the columns that the attack itself knows."""
        found = self.attack.run(
            self.subject.model,
            part.images,
            part.targets,
            self.objective,
            seed=self.seed,
            sample_ids=part.ids,
            token=self.token,
            emit=notes,
            precision=self.precision,
        )
        return found.adversarial, {
            "steps": found.steps.cpu().numpy(),
            "queries": found.queries.cpu().numpy(),
            "clean": found.clean_logits.cpu().numpy(),
        }

    def _success(
        self, part: Ready, after: Said, columns: dict[str, NDArray[Any]]
    ) -> dict[str, NDArray[Any]]:
        """Whether the goal is reached on the images as they are saved."""
        clean = torch.from_numpy(columns.pop("clean")).to(part.images.device)
        labels = self.objective.resolved(part.targets, clean)
        cutoffs = self.subject.model.cutoffs
        success = self.objective.achieved(after.tensor, labels, cutoffs)
        return {"success": success.cpu().numpy()}

    def _unattackable(self, targets: torch.Tensor) -> str:
        """Why there is nothing to attack in a sample of these labels; "" where there is."""
        try:
            self.objective.check_labels(targets)
        except AttackError:
            return "its labels are the goal already"
        return ""


@dataclass(frozen=True, eq=False)
class SmallestWork(AttackWork):
    """The smallest budget at which the attack reaches its goal, for every sample.

    Attributes:
        highest, halvings: the grid of budgets.
    """

    highest: float = field(kw_only=True)
    halvings: int = field(kw_only=True)

    def _attacked(self, part: Ready, notes: Notes) -> tuple[torch.Tensor, dict[str, NDArray[Any]]]:
        assert isinstance(self.attack, BudgetedAttack)
        found = smallest_budgets(
            self.attack,
            self.subject.model,
            part.images,
            part.targets,
            self.objective,
            highest=self.highest,
            halvings=self.halvings,
            seed=self.seed,
            sample_ids=part.ids,
            token=self.token,
            emit=notes,
            precision=self.precision,
        )
        steps, queries = np.zeros(len(part), np.int64), np.zeros(len(part), np.int64)
        for tried in found.tries:
            steps[list(tried.rows)] += tried.result.steps.cpu().numpy()
            queries[list(tried.rows)] += tried.result.queries.cpu().numpy()
        clean = self.subject.say(part.images, self.token).logits
        columns: dict[str, NDArray[Any]] = {
            "steps": steps,
            "queries": queries,
            "smallest": found.epsilon,
            "clean": clean,
        }
        return found.adversarial, columns
