"""The training loop: one process or a team of them, on CPU or GPU."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from medadv_desktop.audit.runner.team import Team
from medadv_desktop.defenses.objectives.lesson import Draws, Lesson
from medadv_desktop.defenses.objectives.objective import Losses
from medadv_desktop.errors import DeviceError, TrainingError
from medadv_desktop.jobs import CancelToken, Emit, JobCancelled, Message
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.watch import watched
from medadv_desktop.seeds import sample_seed
from medadv_desktop.training.averaging import RunningMean
from medadv_desktop.training.checkpoints import (
    CHECKPOINT,
    Checkpoint,
    Position,
    optimiser_tensors,
    restore_optimiser,
    save_checkpoint,
)
from medadv_desktop.training.gathering import StepSums, summed_over
from medadv_desktop.training.optimising import make_optimiser, rate_at, set_rate
from medadv_desktop.training.recipe import Recipe
from medadv_desktop.training.requests import Ending, EpochFigures, TrainingControl
from medadv_desktop.training.samples import Places, Samples
from medadv_desktop.training.starting import choose_weights, train_mode
from medadv_desktop.training.telling import Teller
from medadv_desktop.training.validation import validate

_EXPLODED: Final = 1000.0
"""Times the first loss: no training comes back from there."""


@dataclass(frozen=True)
class Digests:
    """What a checkpoint must agree with: recipe, data, and what the bits depend on."""

    recipe: str
    data: str
    place: str


class DivergedError(Exception):
    """The loss or its gradient is no number any more, or has exploded; the text says how."""


class Trainer:
    """A training between two of its steps; `run` takes it to an end.

    The weights change in `_step` alone, after everything that can fail; so a checkpoint written
    after an exception is that of the last whole step.
    """

    def __init__(
        self,
        recipe: Recipe,
        model: DiagnosticModel,
        train: Samples,
        val: Samples,
        *,
        folder: Path,
        digests: Digests,
        team: Team,
        control: TrainingControl,
        token: CancelToken,
        emit: Emit,
    ) -> None:
        self.recipe, self.model, self.train, self.val = recipe, model, train, val
        self.folder, self.digests, self.team = folder, digests, team
        self.control, self.token, self.emit = control, token, emit
        self.objective = recipe.made_objective()
        self.criterion = train.criterion(recipe)
        self.device = next(model.parameters()).device
        choose_weights(model.network, recipe.model)
        self.weights = [w for w in model.network.parameters() if w.requires_grad]
        self.optimiser = make_optimiser(model.network, recipe.optimiser)
        self.mean = None if recipe.ema is None else RunningMean(model.network, recipe.ema)
        self.position = Position(part_size=recipe.budget.part_size or 0)
        self.best: dict[str, Tensor] = {}
        self.diagnosis = ""
        self._batches = train.batches(recipe.seed, 0, recipe.budget.batch_size)
        self._carried: dict[tuple[int, int], dict[str, Tensor]] = {}
        self._between_batches = True
        self._late = False
        self._first_part: tuple[Tensor, Tensor | None] | None = None
        self.steps = len(self._batches) * self.objective.replays * recipe.budget.epochs
        self.teller = Teller(emit, recipe.budget.epochs, self.steps)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint of the same recipe and data."""
        self.model.network.load_state_dict(checkpoint.network)
        restore_optimiser(self.optimiser, checkpoint.optimiser)
        if self.mean is not None:
            self.mean.restore(checkpoint.ema)
        self.position, self.best = checkpoint.position, checkpoint.best
        self._late = self._over_time()

    def run(self) -> Ending:
        """Train to an end; what was best by then is `best`.

        Raises:
            JobCancelled: the token was cancelled; the checkpoint is that of the last whole step.
            DeviceError: not even one sample at a time fits into memory.
            ExportError: a checkpoint cannot be written; the one before stays.
            TrainingError: another process of the team was lost, or parts are too small.
        """
        cuda = [self.device] if self.device.type == "cuda" else []
        self.teller.begin(self.position)
        with (
            torch.random.fork_rng(devices=cuda),
            torch.backends.cudnn.flags(enabled=True, deterministic=True, benchmark=False),
            watched(self.model, self.token),
        ):
            try:
                ending = self._ended()
                while ending is None:
                    ending = self._epoch() or self._ended()
            except DivergedError as error:
                self.diagnosis = str(error)
                self.emit(Message(self.diagnosis, "error"))
                return "diverged"
            except JobCancelled:
                # Members of a team may be at other steps, and replays of a batch belong together.
                if self.team.alone and self._between_batches:
                    self._keep()
                raise
            return ending

    def _ended(self) -> Ending | None:
        budget, position = self.recipe.budget, self.position
        drop = self.objective.tolerated_drop
        robust = [e.robust for e in position.history if e.robust is not None]
        if drop is not None and robust and robust[-1] < max(robust) - drop:
            return "collapsed"
        if position.epoch >= budget.epochs:
            return "epochs"
        if self._late:
            return "time"
        if budget.patience is not None and position.since_best >= budget.patience:
            return "patience"
        return None

    def _epoch(self) -> Ending | None:
        """One epoch, or the rest of it; None where it came to its end."""
        position, recipe = self.position, self.recipe
        self._batches = self.train.batches(recipe.seed, position.epoch, recipe.budget.batch_size)
        train_mode(self.model.network, recipe.model)
        finishing = False
        while position.batch < len(self._batches) and not finishing:
            began = time.perf_counter()
            self.token.check()
            self._carried.clear()
            for replay in range(self.objective.replays):
                sums = self._step(self._batches[position.batch])
                self._between_batches = replay + 1 == self.objective.replays
            position.batch += 1
            self._clock(time.perf_counter() - began)
            finishing = sums.finishing
            if sums.paused and not finishing:
                self._keep()
                return "paused"
            every = recipe.budget.checkpoint_steps
            if every and position.batch < len(self._batches) and position.batch % every == 0:
                self._keep()
        self._close_epoch(last=finishing)
        return "asked" if finishing else None

    def _clock(self, seconds: float) -> None:
        self.position.seconds += seconds
        self.position.epoch_seconds += seconds

    def _close_epoch(self, *, last: bool) -> None:
        began = time.perf_counter()
        position, recipe = self.position, self.recipe
        number = position.epoch + 1
        due = number % recipe.validation.every == 0 or number == recipe.budget.epochs
        figures = EpochFigures(
            epoch=number,
            loss=position.losses / max(position.seen, 1),
            accuracy=None if recipe.augmentation.mixup else position.right / max(position.seen, 1),
            learning_rate=self.optimiser.param_groups[0]["lr"],
            seconds=position.epoch_seconds,
        )
        if due or last:
            figures = self._validated(figures)
        self._clock(time.perf_counter() - began)
        figures = replace(figures, seconds=round(position.epoch_seconds, 3))
        position.history = (*position.history, figures)
        position.epoch, position.batch = number, 0
        position.losses = position.right = position.seen = position.epoch_seconds = 0.0
        self._keep()
        self.teller.epoch(position)

    def _validated(self, figures: EpochFigures) -> EpochFigures:
        position, recipe = self.position, self.recipe
        with self._averaged():
            scores = validate(
                self.model, self.val, recipe.validation, recipe.seed, self.team, self.token
            )
            position.since_best += 1
            if scores.score > position.best_score:
                position.best, position.best_score = figures.epoch, scores.score
                position.since_best = 0
                state = self.model.network.state_dict()
                self.best = {name: value.detach().cpu().clone() for name, value in state.items()}
        return replace(figures, clean=scores.clean, robust=scores.robust, score=scores.score)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        if self.mean is None:
            yield
            return
        with self.mean.in_place():
            yield

    def _step(self, places: Places) -> StepSums:
        """One optimiser step on a batch."""
        position, recipe = self.position, self.recipe
        share = position.step / self.steps
        rate = recipe.optimiser.learning_rate * rate_at(recipe.schedule, share)
        set_rate(self.optimiser, rate)
        sums = summed_over(self.team, self._sums(places), self.model.network, self.weights)
        self._check(sums, rate)
        self._clip(rate)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        if self.mean is not None:
            self.mean.take(position.step)
        position.step += 1
        position.losses += sums.loss * sums.seen
        position.right += sums.right
        position.seen += sums.seen
        self._late = sums.late
        self.teller.step(position, sums, rate, self._first_part)
        return sums

    def _sums(self, places: Places) -> StepSums:
        """Gradients of this process's rows, in parts that fit into memory."""
        size, rank = self.team.size, self.team.rank
        first, stop = rank * len(places) // size, (rank + 1) * len(places) // size
        buffers = list(self.model.network.buffers())
        before = [buffer.clone() for buffer in buffers]
        while True:
            try:
                return self._parts(places, first, stop)
            except (RuntimeError, JobCancelled) as error:
                # Half a batch has left its traces: statistics and gradients as they were before.
                self.optimiser.zero_grad(set_to_none=True)
                with torch.no_grad():
                    for buffer, value in zip(buffers, before, strict=True):
                        buffer.copy_(value)
                if isinstance(error, JobCancelled) or not _out_of_memory(error):
                    raise
                self._carried.clear()
            except ValueError as error:
                if "more than 1 value per channel" not in str(error):
                    raise
                raise _too_few() from None
            self._halve(stop - first)

    def _parts(self, places: Places, first: int, stop: int) -> StepSums:
        position, recipe = self.position, self.recipe
        turn = position.epoch * len(self._batches) + position.batch
        part = position.part_size or (stop - first)
        loss = right = 0.0
        for begin in range(first, stop, part):
            end = min(begin + part, stop)
            drawn = Draws(recipe.seed, turn, begin, end, len(places))
            images, labels = self.train.part(places, recipe, drawn, self.device)
            if self.device.type == "cuda":
                images = images.contiguous(memory_format=torch.channels_last)
            torch.manual_seed(sample_seed(recipe.seed, position.step, "network", begin))
            carried = self._carried.setdefault((begin, end), {})
            lesson = Lesson(
                network=self.model,
                images=images,
                labels=labels,
                multi_label=self.model.card.multi_label,
                criterion=self.criterion,
                draws=replace(drawn, batch=position.step),
                carried=carried,
            )
            mixed = recipe.precision == "mixed"
            with torch.autocast(self.device.type, torch.bfloat16, enabled=mixed):
                losses = self._backward(lesson, 1 / len(places))
            loss += float(losses.each.detach().double().sum())
            right += _right(self.model, losses.logits, labels)
            if begin == first:
                attacked = losses.attacked
                self._first_part = images[:1], None if attacked is None else attacked[:1]
        seen = stop - first
        wishes = self.control.finishing, self.control.paused
        return StepSums(loss / seen, right, seen, *wishes, self._over_time())

    def _over_time(self) -> bool:
        minutes = self.recipe.budget.minutes
        return minutes is not None and self.position.seconds >= 60 * minutes

    def _backward(self, lesson: Lesson, scale: float) -> Losses:
        awp = self.recipe.awp
        if awp is not None and self.position.epoch >= awp.begin:
            return awp.backward(self.objective, lesson, scale)
        return self.objective.backward(lesson, scale)

    def _halve(self, rows: int) -> None:
        part = self.position.part_size or rows
        if part == 1:
            raise DeviceError(
                "does not have enough memory for a single training sample",
                subject=self.device,
                remedy="Train on the CPU, or a smaller network or input",
            )
        self.position.part_size = (part + 1) // 2
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        told = f"memory did not suffice: {self.position.part_size} samples at a time from now on"
        self.emit(Message(f"{told}; a step still learns from the whole batch", "warning"))

    def _check(self, sums: StepSums, rate: float) -> None:
        position = self.position
        if position.first_loss is None and math.isfinite(sums.loss):
            position.first_loss = sums.loss
        what = ""
        if not math.isfinite(sums.loss):
            what = "the loss is not a number any more"
        elif sums.loss > _EXPLODED * max(position.first_loss or 0.0, 1.0):
            what = f"the loss rose from {position.first_loss:.3g} to {sums.loss:.3g}"
        if what:
            raise self._diverged(what, rate)

    def _clip(self, rate: float) -> None:
        gradients = [w.grad for w in self.weights if w.grad is not None]
        length = torch.nn.utils.get_total_norm(gradients)
        if not bool(length.isfinite()):
            raise self._diverged("the gradient is not a number any more", rate)
        clip = self.recipe.optimiser.clip
        if clip is not None:
            torch.nn.utils.clip_grads_with_norm_(self.weights, clip, length)

    def _diverged(self, what: str, rate: float) -> DivergedError:
        position = self.position
        self.optimiser.zero_grad(set_to_none=True)
        kept = f"epoch {position.best} is kept" if position.best else "no epoch was validated"
        return DivergedError(
            f"training diverged in epoch {position.epoch + 1}, step {position.step + 1}: {what}, "
            f"at a learning rate of {rate:.3g}; {kept}. Choose a learning rate ten times smaller, "
            "a longer warm-up, or clip the gradient"
        )

    def _keep(self) -> None:
        if not self.team.leads:
            return
        checkpoint = Checkpoint(
            recipe=self.digests.recipe,
            data=self.digests.data,
            place=self.digests.place,
            position=self.position,
            network=self.model.network.state_dict(),
            optimiser=optimiser_tensors(self.optimiser),
            ema={} if self.mean is None else self.mean.values,
            best=self.best,
        )
        save_checkpoint(checkpoint, self.folder / CHECKPOINT)


def _right(model: DiagnosticModel, logits: Tensor, labels: Tensor) -> float:
    """Samples decided rightly, of findings their share; 0 where labels are shares."""
    decided = model.decisions(logits)
    if model.card.multi_label:
        return float((decided == labels.bool()).double().mean(1).sum())
    return float((decided == labels).sum()) if labels.ndim == 1 else 0.0


def _too_few() -> TrainingError:
    return TrainingError(
        "a single sample at a time gives batch norms no statistics",
        subject="budget.part_size",
        remedy="Take larger parts, a batch size that they divide, or batch_norm = 'frozen'",
    )


def _out_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or (
        "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text
    )
