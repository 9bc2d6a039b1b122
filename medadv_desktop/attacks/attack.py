"""What every attack is: a frozen value with `run`. Fields are readable without torch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from medadv_desktop.jobs import CancelToken, Emit, silent
from medadv_desktop.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from medadv_desktop.attacks.fitting import Fittable
    from medadv_desktop.attacks.objectives import Objective
    from medadv_desktop.attacks.session import Session
    from medadv_desktop.models.diagnostic import DiagnosticModel


@dataclass(frozen=True, eq=False)
class AttackResult:
    """What an attack made of a batch of N images.

    Attributes:
        adversarial: N×C×H×W, shape, dtype and device of the images attacked, within [0, 1].
        success: N, bool: the objective is achieved at `adversarial`.
        steps: N, int64: steps (for gradient attacks, gradient steps) that the sample took part in,
            over all restarts; 0 for a sample on which the objective was achieved before any step
            (and the attack stops then).
        linf, l2, l1: N, norms of adversarial minus original, in units of the [0, 1] grey scale.
        l0: N, int64: pixels changed; one changed in several channels counts once.
        queries: N, int64: images of the sample that the model has looked at, the clean one included
            (backward passes are not counted).
        clean_logits, adversarial_logits: N×K.
    """

    adversarial: torch.Tensor
    success: torch.Tensor
    steps: torch.Tensor
    linf: torch.Tensor
    l2: torch.Tensor
    l1: torch.Tensor
    l0: torch.Tensor
    queries: torch.Tensor
    clean_logits: torch.Tensor
    adversarial_logits: torch.Tensor


@dataclass(frozen=True, eq=False)
class AttackPreview:
    """The first sample of a running attack, as the `value` of a `jobs.Partial`.

    `adversarial` is a C×H×W float32 copy on the CPU.
    """

    step: int
    steps: int
    adversarial: NDArray[np.float32]


Precision = Literal["exact", "float32", "mixed"]
"""What an attack searches on, see `Attack.run`; the model itself judges in any case."""

Knowledge = Literal["white-box", "scores", "decisions", "nothing"]
"""What an attack must see of the model: gradients, logits, decisions alone, or nothing at all."""


class Attack(Settings):
    """Base of all attacks: their fields are the settings, `search` is the algorithm.

    Attributes:
        name: the word on the command line and in plans; `title` the one for people.
        summary: one line; `reference`: the paper.
        knowledge: what must be seen of the model.
        tasks: kinds of model that it fits.
        minimal: looks for the smallest change that reaches the goal, instead of the best change
            within a budget.
        runs_others: consists of other attacks, which see to precision themselves.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    reference: ClassVar[str]
    knowledge: ClassVar[Knowledge] = "white-box"
    tasks: ClassVar[tuple[str, ...]] = ("single-label", "multi-label")
    minimal: ClassVar[bool] = False
    runs_others: ClassVar[bool] = False

    @abstractmethod
    def search(self, session: Session) -> AttackResult:
        """Attack the batch of a session: within it the model may be used freely."""

    def check(self, model: DiagnosticModel, objective: Objective) -> None:
        """Refuse, before any compute, what this attack cannot do.

        Raises:
            AttackError: the model gives no gradients, is of another task, or the objective has no
                meaning here; says what fits instead.
        """
        self.check_fit(model, objective)

    def check_fit(self, model: Fittable, objective: Objective) -> None:
        """The part of `check` that needs neither torch nor the network: a window asks it.

        Raises:
            AttackError: as `check`.
        """
        from medadv_desktop.attacks.fitting import need_gradients, need_task

        need_task(self, model)
        if self.knowledge == "white-box":
            need_gradients(model)
        objective.check(model.card)

    def run(
        self,
        model: DiagnosticModel,
        images: torch.Tensor,
        labels: torch.Tensor,
        objective: Objective,
        *,
        seed: int = 0,
        sample_ids: Sequence[int] | None = None,
        token: CancelToken | None = None,
        emit: Emit = silent,
        precision: Precision = "exact",
    ) -> AttackResult:
        """Attack a batch.

        Args:
            model: left exactly as it was: parameters, gradients, buffers, modes, RNG.
            images: N×C×H×W floating point within [0, 1].
            labels: the reference to be attacked: N int64 class indices (single-label), or N×K
                0/1 of any dtype (multi-label).
            objective: what counts as achieved.
            seed, sample_ids: each sample draws from its own generator, made of seed and sample
                id (default: its place in the batch), so results do not depend on the batch.
            token: checked at every step and inside every forward and backward pass.
            emit: gets `Progress` per step and `Partial(AttackPreview)`.
            precision: "exact" looks at the model itself at every step. "float32" searches on a copy
                that computes the same faster (`fast_network`). "mixed" searches there in bfloat16
                where the hardware has it, and tries what withstood once more in float32. Whatever
                is searched on, the model itself judges: success, logits and norms are its own.

        Raises:
            AttackError: images, labels, objective or attack do not fit the model.
            JobCancelled: the token was cancelled.
        """
        from medadv_desktop.attacks.precision.second_try import second_try
        from medadv_desktop.attacks.session import session

        if precision == "mixed" and (self.minimal or self.knowledge != "white-box"):
            precision = "float32"  # scores in bfloat16 are too coarse to be compared
        with session(
            self,
            model,
            images,
            labels,
            objective,
            seed=seed,
            sample_ids=sample_ids,
            token=token,
            emit=emit,
            precision=precision,
        ) as opened:
            result = self.search(opened)
            if not opened.landscape.mixed or self.runs_others:
                return result
        return second_try(self, result, model, images, labels, objective, seed=seed,
                          sample_ids=sample_ids, token=token, emit=emit)  # fmt: skip
