"""One attack on one batch: what is attacked, who listens, and the result that comes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from medadv_desktop.attacks.attack import Attack, AttackPreview, AttackResult, Precision
from medadv_desktop.attacks.landscape import Landscape, Point, in_memory_format
from medadv_desktop.attacks.norm_balls import (
    l0_norms,
    l1_norms,
    l2_norms,
    linf_norms,
    sample_generator,
)
from medadv_desktop.attacks.objectives import Objective
from medadv_desktop.attacks.precision.fast_network import (
    computes_bfloat16,
    fast_copy,
    may_be_copied,
)
from medadv_desktop.attacks.verification import verified_ids, verified_labels
from medadv_desktop.jobs import CancelToken, Emit, Message, Partial, Progress, wants_progress
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.isolation import undisturbed
from medadv_desktop.models.watch import watched

_NO_COPY = "no faster copy of this network can be made; searching takes longer, to the same end"


@dataclass(frozen=True, eq=False)
class Session:
    """What an attack works with; everything is checked already.

    Attributes:
        originals: N×C×H×W in [0, 1]; never written to.
        labels: N int64 (single-label) or N×K bool (multi-label), resolved by the objective.
        ids: names of the N samples.
        landscape: the one way to look at the model.
        token: to be checked at every step; inside passes it is checked by hooks.
        precision: as the attack was run with; to be handed on to attacks that this one runs.
    """

    model: DiagnosticModel
    originals: Tensor
    labels: Tensor
    objective: Objective
    ids: tuple[int, ...]
    seed: int
    token: CancelToken
    emit: Emit
    landscape: Landscape
    precision: Precision

    @property
    def rows(self) -> Tensor:
        """0 to N − 1, on the images' device."""
        return torch.arange(len(self.originals), device=self.originals.device)

    def generators(self, rows: Tensor, stream: int = 0) -> list[torch.Generator]:
        """A CPU generator for each row: made of seed, sample id and `stream` (a restart, a phase).

        Draw from a sample's own generator alone, so that results do not depend on the batch.
        """
        return [sample_generator(self.seed, self.ids[row], stream) for row in rows.tolist()]

    def report(self, done: int, total: int, adversarial: Tensor, success: Tensor) -> None:
        """Tell progress, and show the first sample as it stands.

        Args:
            adversarial: the first sample's image comes first in it (the rest is not looked at).
            success: N bool.
        """
        self.progress(done, total, success)
        if wants_progress(self.emit):
            first = adversarial[0].detach().to("cpu", torch.float32, copy=True).contiguous()
            self.emit(Partial(AttackPreview(done, total, first.numpy())))

    def progress(self, done: int, total: int, success: Tensor) -> None:
        """Tell how far the attack is; `success`: N bool."""
        if wants_progress(self.emit):
            standing = f"goal reached on {int(success.sum())} of {len(success)}"
            self.emit(Progress(done, total, standing))

    def warn(self, text: str) -> None:
        """A line for the log that a reader of the result should know."""
        self.emit(Message(text, "warning"))

    def applied(self, images: Tensor) -> AttackResult:
        """The result of images that were made without looking at the model, in one step.

        A sample on which the objective is achieved already is left as it is.

        Args:
            images: N×C×H×W in [0, 1].
        """
        clean = self.landscape.at(self.originals, self.rows)
        self.token.check()
        point = self.landscape.at(images, self.rows)
        keep = clean.achieved
        adversarial = torch.where(keep[:, None, None, None], self.originals, point.images)
        logits = torch.where(keep[:, None], clean.logits, point.logits)
        success = keep | point.achieved
        self.report(1, 1, adversarial, success)
        return self.result(clean, adversarial, logits, success, (~keep).long())

    def result(
        self, clean: Point, adversarial: Tensor, logits: Tensor, success: Tensor, steps: Tensor
    ) -> AttackResult:
        """The result, with norms and queries.

        Args:
            clean: the originals.
            adversarial: N×C×H×W, what is handed out; `logits` are what was said of it.
            success: N bool.
            steps: N int64.

        Where something else than the model itself was looked at, it judges here.
        """
        clean_logits = clean.logits.detach().clone()
        if not self.landscape.exact:
            clean_logits = self.landscape.judged(self.originals)
            logits = self.landscape.judged(adversarial)
            cutoffs = self.model.cutoffs
            success = success | self.objective.achieved(logits, self.labels, cutoffs)
        delta = adversarial - self.originals
        dtype = self.originals.dtype
        return AttackResult(
            adversarial=adversarial.detach().contiguous(),
            success=success,
            steps=steps,
            linf=linf_norms(delta),
            l2=l2_norms(delta).to(dtype),
            l1=l1_norms(delta).to(dtype),
            l0=l0_norms(delta),
            queries=self.landscape.queries.to(self.originals.device, copy=True),
            clean_logits=clean_logits,
            adversarial_logits=logits.detach(),
        )


@contextmanager
def session(
    attack: Attack,
    model: DiagnosticModel,
    images: Tensor,
    labels: Tensor,
    objective: Objective,
    *,
    seed: int,
    sample_ids: Sequence[int] | None,
    token: CancelToken | None,
    emit: Emit,
    precision: Precision = "exact",
) -> Iterator[Session]:
    """Check what an attack is given, and leave the model as it was; arguments as `Attack.run`.

    Raises:
        AttackError: images, labels, objective, attack and model do not fit each other.
    """
    attack.check(model, objective)
    labels = verified_labels(model, images, labels, objective)
    ids = verified_ids(sample_ids, len(images))
    token = token or CancelToken()
    with ExitStack() as stack:
        stack.enter_context(undisturbed(model, images.device, seed, None))
        stack.enter_context(watched(model, token))
        token.check()
        quick = model if precision == "exact" else fast_copy(model, images, token)
        if quick is not model:
            stack.enter_context(watched(quick, token))
        elif precision != "exact" and may_be_copied(model, images):
            emit(Message(f"{model.card.name}: {_NO_COPY}"))
        originals = in_memory_format(images.detach().clone())
        # A probability in bfloat16 is too coarse for its logit: a baked-in sigmoid stays float32.
        fit = quick is not model and model.reading.kind == "logits"
        mixed = precision == "mixed" and fit and computes_bfloat16(images.device)
        landscape = Landscape(model, objective, labels, ids, quick=quick, mixed=mixed)
        if objective.needs_clean:
            clean = landscape.at(originals, torch.arange(len(ids), device=images.device))
            labels = landscape.labels = objective.resolved(labels, clean.logits)
        yield Session(
            model=model,
            originals=originals,
            labels=labels,
            objective=objective,
            ids=ids,
            seed=seed,
            token=token,
            emit=emit,
            landscape=landscape,
            precision=precision,
        )
