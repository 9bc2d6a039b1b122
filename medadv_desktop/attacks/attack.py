"""What every attack is: a frozen value with `run`. Fields are readable without torch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from medadv_desktop.jobs import CancelToken, Emit, silent
from medadv_desktop.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from medadv_desktop.attacks.objectives import Objective
    from medadv_desktop.models.diagnostic import DiagnosticModel


@dataclass(frozen=True, eq=False)
class AttackResult:
    """What an attack made of a batch of N images.

    Attributes:
        adversarial: N×C×H×W, shape, dtype and device of the images attacked, within [0, 1].
        success: N, bool: the objective is achieved at `adversarial`.
        steps: N, int64: gradient steps that the sample took part in, over all restarts; 0 for a
            sample on which the objective was achieved before any step (and the attack stops then).
        linf, l2: N, norms of adversarial minus original, in units of the [0, 1] grey scale.
        clean_logits, adversarial_logits: N×K.
    """

    adversarial: torch.Tensor
    success: torch.Tensor
    steps: torch.Tensor
    linf: torch.Tensor
    l2: torch.Tensor
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


class Attack(Settings):
    """Base of all attacks.

    `name` is the word on the command line and in plans, `title` the one for people.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    reference: ClassVar[str]

    @abstractmethod
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

        Raises:
            AttackError: images, labels or objective do not fit the model.
            JobCancelled: the token was cancelled.
        """
