"""What an audit will cost on this machine, and what stands against it, before it begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
import torch

from medadv_desktop.attacks.fitting import need_task
from medadv_desktop.attacks.gap.training import check_recipe
from medadv_desktop.audit.calibration import Probe, peak_memory, probe
from medadv_desktop.audit.matching import ClassMatch, match_classes
from medadv_desktop.audit.plan.cells import Cell, cells_of
from medadv_desktop.audit.plan.schema import AuditPlan, PlanAttack, PlanDataset
from medadv_desktop.audit.runner.groups import group_values
from medadv_desktop.audit.runs import CellEstimate, Estimate, EstimateRequest
from medadv_desktop.audit.shelf import ModelShelf
from medadv_desktop.corruptions.registry import make_corruption, make_sequence
from medadv_desktop.datasets.dataset import Dataset
from medadv_desktop.datasets.opening import open_dataset
from medadv_desktop.errors import AttackError, MedAdvError
from medadv_desktop.jobs import CancelToken, Emit, Progress
from medadv_desktop.models.diagnostic import DiagnosticModel

_T = TypeVar("_T")

_ROW_BYTES: Final = 150
"""Of a row in the store beside its labels, decisions, logits and frames: measured on 100,000."""

_NAME_BYTES: Final = 120
_REPORT_BYTES: Final = 10 << 20
_TOO_SLOW: Final = "no step of it was done within {0:.0f} s"


def estimate(
    shelf: ModelShelf, request: EstimateRequest, emit: Emit, token: CancelToken
) -> Estimate:
    """Try a batch of every kind of cell; see `EstimateRequest`.

    What stands against a part of the plan is told in `problems`, each beginning with the field it
    concerns ("models.a: …", "datasets.b: …", "attacks.c: …"); the rest is tried all the same.

    Raises:
        JobCancelled: the token was cancelled.
    """
    return _Estimator(shelf, request, emit, token).answer()


@dataclass(eq=False)
class _Pair:
    """A model on a data set, and what was found out about it."""

    samples: int = 0
    probe: Probe | None = None
    reason: str = ""


@dataclass(eq=False)
class _Costs:
    """Seconds for each sample; None where it could not be tried, for a reason."""

    each: float | None = None
    reason: str = ""


@dataclass(eq=False)
class _Estimator:
    shelf: ModelShelf
    request: EstimateRequest
    emit: Emit
    token: CancelToken
    problems: list[str] = field(default_factory=list)
    models: dict[str, DiagnosticModel] = field(default_factory=dict)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    pairs: dict[tuple[str, str], _Pair] = field(default_factory=dict)
    costs: dict[tuple[str, str, str], _Costs] = field(default_factory=dict)
    looking: dict[str, float] = field(default_factory=dict)
    doubting: dict[str, float] = field(default_factory=dict)
    comparing: dict[str, float] = field(default_factory=dict)
    keeping: dict[str, tuple[int, float]] = field(default_factory=dict)
    trained: set[tuple[str, str]] = field(default_factory=set)

    @property
    def plan(self) -> AuditPlan:
        return self.request.plan

    def answer(self) -> Estimate:
        plan, device = self.plan, self.shelf.device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        for entry in plan.datasets:
            self._told(f"datasets.{entry.id}", partial(self._open, entry))
        for model in plan.models:
            self._told(f"models.{model.id}", partial(self._load, model.id, model.model))
        for model, dataset in plan.pairs():
            self.pairs[model.id, dataset.id] = self._pair(model.id, dataset)
        for attack in plan.attacks:
            self._check_attack(attack)
        cells, found = cells_of(plan), []
        for k, cell in enumerate(cells):
            self.token.check()
            self.emit(Progress(k, len(cells), cell.title))
            found.append(self._cell(cell))
        self.emit(Progress(len(cells), len(cells), "estimated"))
        return Estimate(
            cells=tuple(found),
            seconds=sum(cell.seconds or 0.0 for cell in found),
            disk_bytes=self._disk(cells),
            memory_bytes=self._memory(),
            device=str(device),
            problems=tuple(dict.fromkeys(self.problems)),
        )

    # What there is.

    def _told(self, where: str, work: Callable[[], _T]) -> _T | None:
        """What a call gives; its refusal becomes a problem."""
        self.token.check()
        try:
            return work()
        except MedAdvError as error:
            self._problem(where, error)
            return None

    def _problem(self, where: str, error: MedAdvError | str) -> None:
        self.problems.append(f"{where}: {str(error).rstrip('.')}")

    def _open(self, entry: PlanDataset) -> None:
        self.emit(Progress(0, 0, f"opening {entry.id}"))
        dataset = open_dataset(Path(entry.path), entry.options, self.token)
        dataset = entry.subset.apply(dataset)
        self.datasets[entry.id] = dataset
        group_values(dataset, entry.groups)

    def _load(self, name: str, reference: str) -> None:
        self.emit(Progress(0, 0, f"loading {name}"))
        self.models[name] = self.shelf.model(reference, self.token)

    def _pair(self, model_id: str, entry: PlanDataset) -> _Pair:
        model, dataset = self.models.get(model_id), self.datasets.get(entry.id)
        if dataset is None:
            return _Pair(reason="the data set cannot be used")
        if model is None:
            return _Pair(len(dataset), reason="the model cannot be used")
        self.emit(Progress(0, 0, f"decoding {entry.id} for {model_id}"))
        where = f"datasets.{entry.id}"

        def tried() -> Probe:
            match = match_classes(dataset, model.card, by_order=entry.match_order)
            return self._probe(model, dataset, match)

        found = self._told(where, tried)
        if found is None:
            return _Pair(len(dataset), reason=self.problems[-1].removeprefix(f"{where}: "))
        if found.unusable:
            name, reason = found.unusable[0]
            tried_in_all = len(found) + len(found.unusable)
            told = f"{len(found.unusable)} of {tried_in_all} samples tried cannot be used: "
            self._problem(where, f"{told}{name}: {reason}")
        self.looking.setdefault(model_id, found.forward())
        return _Pair(len(dataset), found)

    def _probe(self, model: DiagnosticModel, dataset: Dataset, match: ClassMatch) -> Probe:
        running = self.plan.running
        return probe(
            model,
            dataset,
            match,
            self.shelf.device,
            self.token,
            batch_size=running.batch_size,
            limit=self.request.seconds_each,
            workers=running.workers,
        )

    def _check_attack(self, attack: PlanAttack) -> None:
        """Whether it fits every model it is tried on."""
        for model_id, model in self.models.items():
            if attack.models and model_id not in attack.models:
                continue
            try:
                for epsilon in attack.epsilons or (None,):
                    self._check_at(attack, epsilon, model)
            except MedAdvError as error:
                self.costs[model_id, "attack", attack.id] = _Costs(reason=error.reason)
                self._problem(f"attacks.{attack.id}", error)

    def _check_at(self, attack: PlanAttack, epsilon: float | None, model: DiagnosticModel) -> None:
        if attack.train is None:
            attack.at(epsilon).check(model, attack.goal())
            return
        need_task(attack.at(epsilon), model)
        attack.goal().check(model.card)
        recipe = attack.recipe()
        if attack.attack == "gap":
            check_recipe(model, recipe)  # type: ignore[arg-type]
        if epsilon is not None and epsilon > recipe.epsilon:  # type: ignore[attr-defined]
            raise AttackError(
                f"{epsilon:.4g} is beyond the budget that it is trained for",
                subject="epsilons",
                remedy="Train for the largest budget",
            )

    # What a cell costs.

    def _cell(self, cell: Cell) -> CellEstimate:
        pair = self.pairs[cell.model, cell.dataset]
        if pair.probe is None:
            return CellEstimate(cell.id, cell.title, pair.samples, None, pair.reason)
        if cell.kind == "clean":
            seconds = pair.samples * (self.looking[cell.model] + pair.probe.decoding)
            seconds += self._doubting(cell, pair.probe)
            return CellEstimate(cell.id, cell.title, pair.samples, seconds)
        kind = "attack" if cell.kind == "smallest" else cell.kind
        key = (cell.model, kind, cell.name)
        if key not in self.costs:
            self.costs[key] = self._measured(kind, cell, pair.probe)
        costs = self.costs[key]
        if costs.each is None:
            return CellEstimate(cell.id, cell.title, pair.samples, None, costs.reason)
        each, once = costs.each, 0.0
        if cell.kind != "sequence":
            each += self._comparing(cell, pair.probe)
            once += self._kept_count(pair) * self._keeping(cell.model, pair.probe)[1]
        if kind == "attack":
            attack = self.plan.attack(cell.name)
            if attack.smallest is not None:
                each *= attack.smallest.halvings + 1
            if attack.transfer:
                each += sum(v for name, v in self.looking.items() if name != cell.model)
            each += self.looking[cell.model]
            once += self._training(attack, cell, pair.probe)
        return CellEstimate(cell.id, cell.title, pair.samples, pair.samples * each + once)

    def _measured(self, kind: str, cell: Cell, tried: Probe) -> _Costs:
        """What a kind of cell costs on a model, from one batch."""
        where = {"attack": f"attacks.{cell.name}", "corruption": f"corruptions.{cell.name}"}
        try:
            if kind == "attack":
                return self._attack_costs(self.plan.attack(cell.name), cell, tried)
            if kind == "corruption":
                made = make_corruption(cell.name, {"severity": int(cell.budget or 3)})
                return self._costs(tried.corruption(made))
            frames = next(s.frames for s in self.plan.sequences if s.kind == cell.name)
            return self._costs(tried.sequence(make_sequence(cell.name, {"frames": frames})))
        except MedAdvError as error:
            self._problem(where.get(kind, f"sequences.{cell.name}"), error)
            return _Costs(reason=error.reason)

    def _attack_costs(self, attack: PlanAttack, cell: Cell, tried: Probe) -> _Costs:
        goal, made = attack.goal(), attack.at(cell.budget)
        if attack.train is not None:
            # Its file is not there yet: one pass through a network of about the model's size.
            each: float | None = 2 * self.looking[cell.model]
        else:
            each = tried.attack(made, goal, self.plan.running.precision)
        return self._costs(each)

    def _costs(self, each: float | None) -> _Costs:
        if each is None:
            return _Costs(reason=_TOO_SLOW.format(2 * self.request.seconds_each))
        return _Costs(each)

    def _comparing(self, cell: Cell, tried: Probe) -> float:
        """Seconds of SSIM and PSNR of one sample."""
        if not self.plan.metrics.similarity:
            return 0.0
        if cell.model not in self.comparing:
            self.comparing[cell.model] = tried.similarity()
        return self.comparing[cell.model]

    def _keeping(self, model: str, tried: Probe) -> tuple[int, float]:
        """Bytes and seconds of keeping one changed image."""
        if model not in self.keeping:
            self.keeping[model] = tried.keeping()
        return self.keeping[model]

    def _doubting(self, cell: Cell, tried: Probe) -> float:
        """Seconds of looking for a false sense of security, once for a model and data set."""
        most = min(self.plan.running.probed, self.pairs[cell.model, cell.dataset].samples)
        own = (a for a in self.plan.attacks if not a.models or cell.model in a.models)
        usual = next((a for a in own if a.smallest is None and a.train is None), None)
        if not most or usual is None or (cell.model, "attack", usual.id) in self.costs:
            return 0.0  # nothing to look at, or the attack cannot be run
        if cell.model not in self.doubting:
            epsilon = usual.epsilons[-1] if usual.epsilons else None
            found = tried.doubting(usual.at(epsilon), usual.goal(), most)
            self.doubting[cell.model] = found
        return self.doubting[cell.model]

    def _training(self, attack: PlanAttack, cell: Cell, tried: Probe) -> float:
        """Seconds of preparing an attack against a model, once for all of its cells."""
        if attack.train is None or (attack.id, cell.model) in self.trained:
            return 0.0
        self.trained.add((attack.id, cell.model))
        dataset = self.datasets.get(attack.train.dataset)
        count = len(dataset) if dataset is not None else 0
        recipe = attack.recipe()
        where = f"attacks.{attack.id}.train"
        found = self._told(where, lambda: tried.training(recipe, attack.goal(), count))  # type: ignore[arg-type]
        return found or 0.0

    # Room.

    def _disk(self, cells: tuple[Cell, ...]) -> int:
        """Rows, kept images, the inputs at hand while it runs, and the report."""
        total = _REPORT_BYTES
        total += sum(_NAME_BYTES * len(dataset) for dataset in self.datasets.values())
        kept = 0
        for cell in cells:
            pair = self.pairs[cell.model, cell.dataset]
            if pair.probe is None:
                continue
            card = pair.probe.model.card
            wide = len(card.classes)
            labels = 2 * (wide if card.multi_label else 1)
            frames = next((s.frames for s in self.plan.sequences if s.kind == cell.name), 0)
            row = _ROW_BYTES + 8 * wide + (3 + frames) * labels
            total += pair.samples * row
            if cell.kind not in ("clean", "sequence"):
                kept += self._kept_count(pair) * self._keeping(cell.model, pair.probe)[0]
        total += min(kept, self.plan.keep.disk_budget << 20)
        for pair in self.pairs.values():
            if pair.probe is not None:
                total += 2 * pair.samples * int(np.prod(pair.probe.model.card.input_shape))
        return total

    def _kept_count(self, pair: _Pair) -> int:
        """How many changed images a cell keeps, at most."""
        keep = self.plan.keep
        return min(keep.gallery, pair.samples) if keep.adversarial == "none" else pair.samples

    def _memory(self) -> int:
        """Bytes at the peak: measured while trying, or reckoned where that is more."""
        measured = peak_memory(self.shelf.device)
        gradients = bool(self.plan.attacks)
        reckoned = [
            pair.probe.memory(self.plan.running.batch_size, gradients=gradients)
            for pair in self.pairs.values()
            if pair.probe is not None
        ]
        return max([measured, *reckoned])
