"""How long each kind of cell takes on this machine: one batch of it, timed, with a limit."""

from __future__ import annotations

import io
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import torch
from torch import nn

from medadv_desktop.analysis.metrics.similarity import psnr, ssim
from medadv_desktop.attacks.attack import Attack, Precision
from medadv_desktop.attacks.gap.recipe import GapRecipe
from medadv_desktop.attacks.gap.training import train_generator
from medadv_desktop.attacks.objectives import Objective
from medadv_desktop.attacks.prepared import Origin
from medadv_desktop.attacks.universal.fit import fit
from medadv_desktop.attacks.universal.recipe import UniversalRecipe
from medadv_desktop.audit.doubts import doubts
from medadv_desktop.audit.grid import GRID
from medadv_desktop.audit.judging import prepared
from medadv_desktop.audit.matching import ClassMatch
from medadv_desktop.corruptions.corruption import Corruption
from medadv_desktop.corruptions.sequences.sequence import PerturbationSequence
from medadv_desktop.datasets.dataset import Dataset
from medadv_desktop.datasets.streaming import stream
from medadv_desktop.datasets.subset import hashed
from medadv_desktop.errors import AttackError, DatasetError, ModelError
from medadv_desktop.imaging.frame import Unreadable
from medadv_desktop.jobs import CancelToken, Emit, Event, JobCancelled, Progress
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.input_plan import plan_input
from medadv_desktop.models.watch import watched

LARGEST_BATCH: Final = 64
"""No more samples than these are tried at a time, whatever the plan's batch size."""


class TimeLimit(CancelToken):
    """A token that stops by itself after some seconds, or when the one around it does."""

    def __init__(self, around: CancelToken, seconds: float) -> None:
        super().__init__()
        self._around = around
        self._until = time.perf_counter() + seconds

    @property
    def cancelled(self) -> bool:
        return self._around.cancelled or time.perf_counter() >= self._until

    def check(self) -> None:
        if self.cancelled:
            raise JobCancelled


def timed(
    work: Callable[[CancelToken, Emit], object],
    limit: float,
    token: CancelToken,
    device: torch.device,
) -> float | None:
    """Seconds that a call takes.

    Where the limit comes first, the whole is told from the share that its `Progress` had reached;
    None where it had told of none.

    Raises:
        JobCancelled: `token` was cancelled.
    """
    began = time.perf_counter()
    share, at = 0.0, 0.0

    def hear(event: Event) -> None:
        nonlocal share, at
        if isinstance(event, Progress) and event.total > 0 and event.done / event.total > share:
            share, at = min(event.done / event.total, 1.0), time.perf_counter() - began

    try:
        work(TimeLimit(token, limit), hear)
    except JobCancelled:
        token.check()
        return at / share if share else None
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


@dataclass(frozen=True, eq=False)
class Probe:
    """A few samples of a data set, ready for a model, to try things on.

    Attributes:
        images: N×C×H×W on the model's device.
        labels: N int64 classes, or N×K findings.
        ids: N, as an audit draws by.
        limit: seconds that one kind of cell may take to be tried.
        decoding: seconds it took to decode and prepare a sample.
        unusable: (sample, reason) of those tried that cannot be used.
    """

    model: DiagnosticModel
    images: torch.Tensor
    labels: torch.Tensor
    ids: tuple[int, ...]
    token: CancelToken
    limit: float
    decoding: float
    unusable: tuple[tuple[str, str], ...]

    def __len__(self) -> int:
        return len(self.images)

    def first(self, count: int) -> Probe:
        """The first of its samples."""
        return replace(
            self, images=self.images[:count], labels=self.labels[:count], ids=self.ids[:count]
        )

    def forward(self) -> float:
        """Seconds of one sample through the model, warmed up."""
        self._look(self.images)
        began = time.perf_counter()
        self._look(self.images)
        return (time.perf_counter() - began) / len(self)

    def attack(self, attack: Attack, goal: Objective, precision: Precision) -> float | None:
        """Seconds of an attack on one sample; None where no step of it was done in time.

        Raises:
            AttackError: it works on none of these samples.
        """
        chosen = [k for k in range(len(self)) if self._something_to_do(goal, k)]
        if not chosen:
            return 0.0
        for rows in (chosen, chosen[:1]):

            def work(token: CancelToken, emit: Emit, rows: list[int] = rows) -> None:
                ids = [self.ids[k] for k in rows]
                images, labels = self.images[rows], self.labels[rows]
                attack.run(self.model, images, labels, goal, sample_ids=ids, token=token,
                           emit=emit, precision=precision)  # fmt: skip

            limit = self.limit * (1 if len(rows) == len(chosen) else 2)
            seconds = timed(work, limit, self.token, self.images.device)
            if seconds is not None:
                return seconds / len(rows) * len(chosen) / len(self)
        return None

    def corruption(self, corruption: Corruption) -> float | None:
        """Seconds of corrupting one sample and looking at it."""

        def work(token: CancelToken, _emit: Emit) -> None:
            self._look(corruption.apply(self.images, seed=0, sample_ids=self.ids, token=token))

        return self._each(work)

    def sequence(self, sequence: PerturbationSequence) -> float | None:
        """Seconds of making one sample's frames and looking at them."""

        def work(token: CancelToken, emit: Emit) -> None:
            frames = sequence.sequence(self.images, seed=0, sample_ids=self.ids, token=token)
            for k, frame in enumerate(frames):
                self._look(frame)
                emit(Progress(k + 1, sequence.frames))

        return self._each(work)

    def similarity(self) -> float:
        """Seconds of comparing one sample with its changed copy."""
        changed = (self.images + 1 / 255).clamp(0, 1)
        began = time.perf_counter()
        ssim(self.images, changed).cpu()
        psnr(self.images, changed).cpu()
        return (time.perf_counter() - began) / len(self)

    def keeping(self) -> tuple[int, float]:
        """Bytes and seconds of keeping one sample and its changed copy, compressed."""
        began = time.perf_counter()
        original = (self.images[0].detach().cpu().double() * GRID).round().numpy()
        noise = np.random.default_rng(0).integers(-1028, 1029, original.shape)
        changed = np.clip(original + noise, 0, GRID).astype(np.uint16)
        content = io.BytesIO()
        np.savez_compressed(content, original=original.astype(np.uint16), changed=changed)
        return content.getbuffer().nbytes, time.perf_counter() - began

    def doubting(self, attack: Attack, goal: Objective, most: int) -> float:
        """Seconds of looking for a false sense of security, as far as the limit goes."""
        part = self.first(min(most, len(self)))
        if not len(part):
            return 0.0
        beaten = [False] * len(part)
        began = time.perf_counter()

        def work(token: CancelToken, _emit: Emit) -> None:
            doubts(self.model, part.images, part.labels, goal, attack, beaten, token)

        seconds = timed(work, self.limit, self.token, self.images.device)
        return (seconds or time.perf_counter() - began) / len(part) * most

    def training(self, recipe: GapRecipe | UniversalRecipe, goal: Objective, samples: int) -> float:
        """Seconds of preparing a generator or universal perturbation on so many samples.

        Raises:
            AttackError: the recipe does not fit the model.
        """
        each = math.ceil(samples / recipe.batch_size)
        taken: list[float] = []
        rows = torch.arange(recipe.batch_size) % len(self)

        def asked() -> bool:
            taken.append(time.perf_counter())
            return True

        def images(_epoch: int) -> Iterator[torch.Tensor]:
            yield from (self.images[rows] for _ in range(each) if asked())

        def labelled(_epoch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
            own = (self.images[rows], self.labels[rows])
            yield from (own for _ in range(each) if asked())

        origin = Origin(self.model.card.id, "0" * 64, "0" * 64, samples)
        with TemporaryDirectory(prefix="medadv-estimate-") as folder:

            def work(token: CancelToken, _emit: Emit) -> None:
                if isinstance(recipe, GapRecipe):
                    path = Path(folder) / "tried.safetensors"
                    train_generator(self.model, images, recipe, path, origin=origin, token=token)
                else:
                    fit(self.model, labelled, goal, recipe, origin=origin, token=token)

            seconds = timed(work, self.limit, self.token, self.images.device)
        if seconds is not None:
            return seconds
        per_batch = (time.perf_counter() - taken[0]) / len(taken) if taken else self.limit
        return per_batch * each * recipe.epochs

    def memory(self, batch_size: int, *, gradients: bool) -> int:
        """Bytes at the peak with so many samples at a time, from what the layers give.

        Counted are weights, the input, and the output of every layer, twice where gradients flow.
        """
        numbers = 0

        def count(_module: nn.Module, _inputs: object, output: object) -> None:
            nonlocal numbers
            if isinstance(output, torch.Tensor):
                numbers += output.numel()

        leaves = [m for m in self.model.modules() if not any(True for _ in m.children())]
        hooks = [module.register_forward_hook(count) for module in leaves]
        try:
            self._look(self.images[:1])
        finally:
            for hook in hooks:
                hook.remove()
        weights = sum(p.numel() for p in self.model.parameters())
        times = 2 if gradients else 1
        numbers = times * (weights + batch_size * (numbers + 4 * self.images[0].numel()))
        return 4 * numbers

    def _look(self, images: torch.Tensor) -> None:
        with torch.no_grad(), watched(self.model.network, self.token):
            self.model(images)
        if images.device.type == "cuda":
            torch.cuda.synchronize(images.device)

    def _each(self, work: Callable[[CancelToken, Emit], None]) -> float | None:
        seconds = timed(work, self.limit, self.token, self.images.device)
        return None if seconds is None else seconds / len(self)

    def _something_to_do(self, goal: Objective, row: int) -> bool:
        try:
            goal.check_labels(self.labels[row : row + 1])
        except AttackError:
            return False
        return True


def probe(
    model: DiagnosticModel,
    dataset: Dataset,
    match: ClassMatch,
    device: torch.device,
    token: CancelToken,
    *,
    batch_size: int,
    limit: float,
    workers: int | None = None,
) -> Probe:
    """A batch of samples from all over a data set, as many as can be decoded within the limit.

    Raises:
        DatasetError: none of those tried can be used.
        JobCancelled: the token was cancelled.
    """
    wanted = min(batch_size, LARGEST_BATCH, len(dataset))
    places = np.unique(np.linspace(0, len(dataset) - 1, wanted).astype(int)).tolist()
    began = time.perf_counter()
    images, labels, ids, unusable = [], [], [], []
    for sample, frame in stream(dataset.select(places), workers, token):
        own = match.label(sample.labels)
        reason = frame.reason if isinstance(frame, Unreadable) else ""
        if own is None:
            reason = reason or "its label is unknown"
        if not reason and not isinstance(frame, Unreadable):
            try:
                images.append(prepared(frame, plan_input(model.card.preprocessing, frame)))
                labels.append(own)
                ids.append(hashed(0, sample.id))
            except ModelError as error:
                reason = error.reason
        if reason:
            unusable.append((sample.id, reason))
        if images and time.perf_counter() - began > limit:
            break
    seconds = time.perf_counter() - began
    if not images:
        raise DatasetError(
            f"none of {len(unusable)} samples tried can be used; {unusable[0][0]}: "
            f"{unusable[0][1]}",
            subject=dataset.name,
        )
    targets = torch.tensor(labels)
    return Probe(
        model=model,
        images=torch.cat(images).to(device),
        labels=(targets if model.card.multi_label else targets[:, 0]).to(device),
        ids=tuple(ids),
        token=token,
        limit=limit,
        decoding=seconds / (len(images) + len(unusable)),
        unusable=tuple(unusable),
    )


def peak_memory(device: torch.device) -> int:
    """Bytes at the peak so far: of the device's own memory, else of this process; 0 if unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows has none
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
