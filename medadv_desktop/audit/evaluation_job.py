"""Carrying an evaluation out: decode, judge, attack and judge again, batch by batch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.objectives import Objective
from medadv_desktop.attacks.trust.suspicion import Suspicion
from medadv_desktop.audit.devices import onto, versions
from medadv_desktop.audit.doubts import doubts
from medadv_desktop.audit.evaluation import (
    Attacked,
    Evaluation,
    EvaluationRequest,
    Judgement,
    JudgingModel,
    LeftOut,
    Opinion,
    SampleResult,
    Shown,
    figures_of,
    judged_figures_of,
    transfer_rate,
)
from medadv_desktop.audit.inputs_at_hand import unattackable
from medadv_desktop.audit.judging import difference, on_grid, prepared
from medadv_desktop.audit.matching import ClassMatch, class_order, match_classes
from medadv_desktop.audit.shelf import ModelShelf
from medadv_desktop.audit.transfer import transferred
from medadv_desktop.datasets.dataset import Sample
from medadv_desktop.datasets.fingerprint import fingerprint
from medadv_desktop.datasets.streaming import stream
from medadv_desktop.datasets.subset import hashed
from medadv_desktop.errors import AttackError, DatasetError, ModelError, SettingsError
from medadv_desktop.imaging.frame import Frame, Unreadable
from medadv_desktop.jobs import CancelToken, Emit, Event, Message, Partial, Progress
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.input_plan import InputPlan, plan_input
from medadv_desktop.models.watch import watched


@dataclass(frozen=True, eq=False)
class _View:
    """A sample as one model sees it: labels in its classes, how its input is made, 1×C×H×W."""

    labels: tuple[int, ...]
    plan: InputPlan
    image: torch.Tensor


@dataclass(frozen=True, eq=False)
class _Item:
    """A sample that is ready: as each model sees it; `padding` H×W is of the first one's input."""

    sample: Sample
    shape: tuple[int, int]
    first: _View
    others: tuple[_View, ...]
    padding: torch.Tensor


@dataclass(frozen=True, eq=False)
class _Crafted:
    """The perturbation 1×C×H×W of one sample, and the labels that its goal counts from."""

    delta: torch.Tensor
    goal: torch.Tensor


@dataclass(frozen=True, eq=False)
class _Judge:
    """A model, its match with the data set, and what it says.

    Attributes:
        name: what it was asked for by.
        order: for each class of the attacked model its own; None where they are others.
    """

    name: str
    model: DiagnosticModel
    match: ClassMatch
    device: torch.device
    token: CancelToken
    order: list[int] | None = None

    def view(self, sample: Sample, frame: Frame) -> _View | str:
        """The sample ready for the model, or the reason why it is left out."""
        labels = self.match.label(sample.labels)
        if labels is None:
            return "its label is unknown"
        try:
            plan = plan_input(self.model.card.preprocessing, frame)
        except ModelError as error:
            return error.reason
        return _View(labels, plan, prepared(frame, plan))

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """N×K, finite or not."""
        with torch.no_grad(), watched(self.model.network, self.token):
            logits: torch.Tensor = self.model(images)
        return logits

    def opinions(self, logits: torch.Tensor) -> list[Opinion]:
        """What N×K logits say, sample by sample.

        Raises:
            AttackError: one of them is not finite.
        """
        if not bool(logits.isfinite().all()):
            raise AttackError(
                f"the outputs of {self.model.card.name} for it are not finite",
                remedy="Check its weights and normalisation",
            )
        decisions = self.model.decisions(logits)
        decisions = decisions.long() if decisions.ndim > 1 else decisions[:, None]
        wide = logits.double()
        parts = (decisions, self.model.probabilities(wide), wide)
        rows = zip(*(part.tolist() for part in parts), strict=True)
        return [Opinion(tuple(d), tuple(p), tuple(z)) for d, p, z in rows]

    def labels(self, labels: list[tuple[int, ...]]) -> torch.Tensor:
        """N class indices or N×K findings."""
        whole = torch.tensor(labels, device=self.device)
        return whole if self.model.card.multi_label else whole[:, 0]

    def reached(
        self, objective: Objective, logits: torch.Tensor, goal: torch.Tensor
    ) -> list[bool] | list[None]:
        """Whether the objective of the attacked model is achieved at N×K own logits."""
        if self.order is None:
            return [None] * len(logits)
        cutoffs = self.model.cutoffs
        cutoffs = None if cutoffs is None else cutoffs[self.order]
        achieved: list[bool] = objective.achieved(logits[:, self.order], goal, cutoffs).tolist()
        return achieved


def evaluate(
    shelf: ModelShelf, request: EvaluationRequest, emit: Emit, token: CancelToken
) -> Evaluation:
    """Evaluate a model on a data set; see `EvaluationRequest`.

    Raises:
        ModelError: the model cannot be loaded.
        DatasetError: no samples, or classes that do not match the model's.
        AttackError: the attack or its goal does not fit the model.
        JobCancelled: the token was cancelled.
    """
    if request.batch_size < 1:
        raise SettingsError("must be at least 1", subject="batch_size")
    if not len(request.dataset):
        raise DatasetError("has no samples", subject=request.dataset.name)
    if request.attack is not None:
        request.objective.check(shelf.model(request.model, token).card)
    twice = [name for name in request.judges if request.judges.count(name) > 1]
    if twice or request.model in request.judges:
        raise SettingsError(
            f"{(twice or [request.model])[0]} is named twice",
            subject="judges",
            remedy="Name each model once; the attacked one is told of anyway",
        )
    first = _judge(shelf, request.model, request, token)
    others = tuple(_judge(shelf, name, request, token, first) for name in request.judges)
    named = fingerprint(request.dataset, token, emit, workers=request.workers, cache=request.cache)
    run = _Run(first, others, request, emit, token)
    began = time.perf_counter()
    run.go()
    attacked = request.attack is not None
    suspicions = run.doubts()
    return Evaluation(
        request=request,
        suspicions=suspicions,
        card=first.model.card,
        model_sha256=shelf.weights_sha256(request.model),
        match=first.match,
        fingerprint=named,
        samples=tuple(run.samples),
        left_out=tuple(sorted(run.left_out, key=lambda entry: entry.index)),
        figures=figures_of(run.samples, first.model.card, attacked=attacked),
        device=str(shelf.device),
        seconds=time.perf_counter() - began,
        versions=versions(),
        notes=(*first.match.notes, *first.model.notes, *run.notes),
        judges=tuple(
            JudgingModel(
                judge.name,
                judge.model.card,
                shelf.weights_sha256(judge.name),
                judge.match,
                judged_figures_of(own, judge.model.card, attacked=attacked),
                transfer_rate(own),
            )
            for k, judge in enumerate(others)
            for own in [[sample.judgements[k] for sample in run.samples]]
        ),
    )


def _judge(
    shelf: ModelShelf,
    model: str,
    request: EvaluationRequest,
    token: CancelToken,
    attacked: _Judge | None = None,
) -> _Judge:
    loaded = shelf.model(model, token)
    match = match_classes(request.dataset, loaded.card, by_order=request.match_order)
    ours = loaded.card if attacked is None else attacked.model.card
    order = class_order(ours, loaded.card, by_order=request.match_order)
    return _Judge(model, loaded, match, shelf.device, token, order)


class _Run:
    """One evaluation under way.

    `samples` were judged, `left_out` were not, `lost` are attacks that rounding undid; `refusal` is
    the last error of an attack on a single sample.
    """

    def __init__(
        self,
        first: _Judge,
        others: tuple[_Judge, ...],
        request: EvaluationRequest,
        emit: Emit,
        token: CancelToken,
    ) -> None:
        self.first = first
        self.others = others
        self.request = request
        self.device = first.device
        self.emit = emit
        self.token = token
        self.samples: list[SampleResult] = []
        self.left_out: list[LeftOut] = []
        self.notes: list[str] = []
        self.refusal: AttackError | None = None
        self.lost = 0
        self.kept: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        self.batch_size = request.batch_size

    @property
    def done(self) -> int:
        return len(self.samples) + len(self.left_out)

    def go(self) -> None:
        """All samples, batch by batch.

        Raises:
            AttackError: the attack works on no sample of the first batch.
            DatasetError: there is no sample that can be judged.
        """
        for batch in self._batches():
            self._take(batch)
            if self.refusal is not None and not self.samples:
                raise self.refusal
        dataset = self.request.dataset
        self.emit(Progress(self.done, len(dataset), "samples"))
        if self.lost:
            self.notes.append(f"{self.lost} attacks succeeded, but not after rounding to 16 bits")
        if not self.samples:
            raise DatasetError(
                f"none of its {len(dataset)} samples can be judged; the first: "
                f"{self.left_out[0].reason}",
                subject=dataset.name,
            )

    def doubts(self) -> tuple[Suspicion, ...]:
        """What speaks against the robustness found, from the first samples attacked."""
        attack = self.request.attack
        if attack is None or not self.kept or self.request.probed < 1:
            return ()
        most = self.request.probed
        images, labels, success = (torch.cat(part)[:most] for part in zip(*self.kept, strict=True))
        self.emit(Progress(0, 0, "looking for signs of a false sense of security"))
        objective, beaten = self.request.objective, success.tolist()
        return doubts(self.first.model, images, labels, objective, attack, beaten, self.token)

    def _keep_for_doubts(
        self, images: torch.Tensor, labels: torch.Tensor, success: torch.Tensor
    ) -> None:
        if sum(len(kept[0]) for kept in self.kept) < self.request.probed:
            self.kept.append((images, labels, success))

    def _batches(self) -> Iterator[list[_Item]]:
        """Decoded samples in the data set's order; what is no use is left out on the way."""
        batch: list[_Item] = []
        for sample, frame in stream(self.request.dataset, self.request.workers, self.token):
            item = self._ready(sample, frame)
            if isinstance(item, str):
                self._leave_out(sample, item)
                continue
            batch.append(item)
            if len(batch) >= self.batch_size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _ready(self, sample: Sample, frame: Frame | Unreadable) -> _Item | str:
        """The sample ready for the models, or the reason why it is left out."""
        if isinstance(frame, Unreadable):
            return frame.reason
        view = self.first.view(sample, frame)
        if isinstance(view, str):
            return view
        others = []
        for judge in self.others:
            other = judge.view(sample, frame)
            if isinstance(other, str):
                return f"{judge.model.card.name}: {other}"
            others.append(other)
        padding = torch.from_numpy(view.plan.padding(frame))
        return _Item(sample, frame.shape, view, tuple(others), padding)

    def _leave_out(self, sample: Sample, reason: str) -> None:
        self.left_out.append(LeftOut(sample.index, sample.id, sample.path, reason))

    def _take(self, batch: list[_Item]) -> None:
        """Judge a batch. One that does not fit into memory is halved, and so are those after it; in
        one that fails, the samples at fault are looked for and left out.
        """
        try:
            judged = self._judged(batch)
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise
            torch.cuda.empty_cache()
            half = (len(batch) + 1) // 2
            if half < self.batch_size:
                self.batch_size = half
                self.notes.append(f"out of memory: went on with batches of {half}")
            self._halves(batch)
        except AttackError as error:
            if len(batch) > 1:
                self._halves(batch)
                return
            self.refusal = error
            self._leave_out(batch[0].sample, error.reason)
        else:
            self.samples.extend(judged)
            self.emit(Partial(judged))
            self.emit(Progress(self.done, len(self.request.dataset), "samples"))

    def _halves(self, batch: list[_Item]) -> None:
        half = (len(batch) + 1) // 2
        self._take(batch[:half])
        self._take(batch[half:])

    def _judged(self, items: list[_Item]) -> tuple[SampleResult, ...]:
        """The results of a batch, all or none.

        Raises:
            AttackError: a model's outputs are not finite, or the attack fails.
        """
        images = onto(torch.cat([item.first.image for item in items]), self.device)
        clean = self.first.opinions(self.first.logits(images))
        results = [
            SampleResult(item.sample.index, item.sample.id, item.first.labels, opinion)
            for item, opinion in zip(items, clean, strict=True)
        ]
        crafted: dict[int, _Crafted] = {}
        if self.request.attack is not None:
            results, crafted = self._attacked(self.request.attack, items, images, results)
        seen = [self._seen_by(k, items, crafted) for k in range(len(self.others))]
        if seen:
            by_sample = zip(results, zip(*seen, strict=True), strict=True)
            results = [replace(result, judgements=own) for result, own in by_sample]
        return tuple(results)

    def _attacked(
        self,
        attack: Attack,
        items: list[_Item],
        images: torch.Tensor,
        results: list[SampleResult],
    ) -> tuple[list[SampleResult], dict[int, _Crafted]]:
        """The results with what the attack did to them, and its perturbations by place."""
        card, goal = self.first.model.card, self.request.objective
        reasons = [unattackable(goal, item.first.labels, card) for item in items]
        chosen = [k for k, reason in enumerate(reasons) if not reason]
        results = [replace(r, not_attacked=w) for r, w in zip(results, reasons, strict=True)]
        if not chosen:
            return results, {}
        judge, objective = self.first, self.request.objective
        labels = judge.labels([items[k].first.labels for k in chosen])
        found = attack.run(
            judge.model,
            images[chosen],
            labels,
            objective,
            seed=self.request.seed,
            # By name, not by place: the same numbers in whatever part of the set.
            sample_ids=[hashed(0, items[k].sample.id) for k in chosen],
            token=self.token,
            emit=self._within_batch(len(items)),
            precision=self.request.precision,
        )
        adversarial = on_grid(images[chosen], found.adversarial)
        logits = judge.logits(adversarial)
        opinions = judge.opinions(logits)
        resolved = objective.resolved(labels, found.clean_logits)
        success = objective.achieved(logits, resolved, judge.model.cutoffs)
        reached = objective.achieved(found.clean_logits, resolved, judge.model.cutoffs)
        self.lost += int((found.success & ~success).sum())
        padding = onto(torch.stack([items[k].padding for k in chosen])[:, None], self.device)
        delta = difference(images[chosen], adversarial).masked_fill(padding, 0)
        for at, (k, opinion) in enumerate(zip(chosen, opinions, strict=True)):
            own = delta[at]
            outcome = Attacked(
                opinion.decisions,
                opinion.probabilities,
                opinion.logits,
                success=bool(success[at]),
                at_stake=_at_stake(bool(reached[at]), results[k].labels, results[k].clean, judge),
                steps=int(found.steps[at]),
                queries=int(found.queries[at]),
                linf=float(own.abs().max()),
                l2=float(own.norm()),
                l1=float(own.abs().sum()),
                l0=int((own != 0).any(dim=0).sum()),
            )
            results[k] = replace(results[k], attacked=outcome)
        self._keep_for_doubts(images[chosen], labels, success)
        moved = adversarial - images[chosen]
        crafted = {k: _Crafted(moved[at][None], resolved[at][None]) for at, k in enumerate(chosen)}
        return results, crafted

    def _seen_by(
        self, which: int, items: list[_Item], crafted: dict[int, _Crafted]
    ) -> list[Judgement]:
        """What another model says of the same samples, with the perturbations carried over."""
        judge, views = self.others[which], [item.others[which] for item in items]
        images = onto(torch.cat([view.image for view in views]), self.device)
        logits = judge.logits(images)
        clean = judge.opinions(logits)
        shown: dict[int, Shown] = {}
        if crafted:
            own = self._carried(judge, items, views, images, crafted)
            after = judge.logits(own)
            goal = torch.cat([made.goal for made in crafted.values()])
            before = judge.reached(self.request.objective, logits[list(crafted)], goal)
            reached = judge.reached(self.request.objective, after, goal)
            for k, opinion, had, has in zip(
                crafted, judge.opinions(after), before, reached, strict=True
            ):
                at_stake = _at_stake(bool(had), views[k].labels, clean[k], judge)
                shown[k] = Shown(
                    opinion.decisions, opinion.probabilities, opinion.logits, has, at_stake
                )
        return [
            Judgement(view.labels, opinion, shown.get(k))
            for k, (view, opinion) in enumerate(zip(views, clean, strict=True))
        ]

    def _carried(
        self,
        judge: _Judge,
        items: list[_Item],
        views: list[_View],
        images: torch.Tensor,
        crafted: dict[int, _Crafted],
    ) -> torch.Tensor:
        """The crafted samples as another model takes them, N×C×H×W."""
        name, parts = judge.model.card.name, []
        if judge.order is None:
            self._note(f"{name} has other classes: whether the goal is reached there is not told")
        for k, made in crafted.items():
            item, view = items[k], views[k]
            moved, notes = transferred(made.delta, item.first.plan, view.plan, item.shape)
            parts.append(on_grid(images[k : k + 1], (images[k : k + 1] + moved).clamp(0, 1)))
            for note in notes:
                self._note(f"{name}: {note}")
        return torch.cat(parts)

    def _within_batch(self, samples: int) -> Emit:
        """The attack's progress as a part of the whole; its warnings once each."""
        before, total = self.done, len(self.request.dataset)

        def emit(event: Event) -> None:
            if isinstance(event, Progress) and event.total:
                share = event.done / event.total
                self.emit(Progress(before + share * samples, total, event.message))
            elif isinstance(event, Message):
                self._note(event.text)

        return emit

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
            self.emit(Message(text, "warning"))


def _at_stake(reached: bool, labels: tuple[int, ...], clean: Opinion, judge: _Judge) -> bool:
    """Whether an attack had something to do: see `Shown.at_stake`."""
    return not reached and (judge.model.card.multi_label or clean.decisions == labels)
