"""What cells work with: models and data sets of a plan, opened when they are needed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from medadv_desktop.attacks.attack import Attack
from medadv_desktop.audit.generators import FitUniversalRequest, TrainGeneratorRequest
from medadv_desktop.audit.judging import difference, on_grid, prepared
from medadv_desktop.audit.matching import class_order, match_classes
from medadv_desktop.audit.plan.cells import Cell
from medadv_desktop.audit.plan.schema import AuditPlan, PlanAttack, PlanDataset
from medadv_desktop.audit.runner.groups import group_values
from medadv_desktop.audit.runner.inputs import PreparedInputs
from medadv_desktop.audit.runner.subjects import Ready, Subject
from medadv_desktop.audit.runner.work import (
    AttackWork,
    CleanWork,
    CorruptionWork,
    JudgeOthers,
    SequenceWork,
    SmallestWork,
    Work,
)
from medadv_desktop.audit.shelf import ModelShelf
from medadv_desktop.audit.store.records import DatasetRecord, ModelRecord
from medadv_desktop.audit.transfer import transferred
from medadv_desktop.corruptions.registry import make_corruption, make_sequence
from medadv_desktop.datasets.dataset import Dataset
from medadv_desktop.datasets.fingerprint import fingerprint
from medadv_desktop.datasets.opening import open_dataset
from medadv_desktop.errors import DatasetError, MedAdvError
from medadv_desktop.jobs import CancelToken, Emit
from medadv_desktop.models.card import Preprocessing
from medadv_desktop.models.input_plan import plan_input


@dataclass(eq=False)
class Bench:
    """The models, data sets and inputs of a running audit.

    Attributes:
        folder: of the audit; `scratch` is for prepared inputs and is removed at the end.
        kept_bytes: that kept images take on disk, as far as this process knows.
    """

    plan: AuditPlan
    shelf: ModelShelf
    folder: Path
    scratch: Path
    cache: Path | None
    emit: Emit
    token: CancelToken
    kept_bytes: int = 0
    _sets: dict[str, Dataset] = field(default_factory=dict)
    _groups: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    _inputs: dict[tuple[str, Preprocessing], PreparedInputs] = field(default_factory=dict)

    def let_go(self) -> None:
        """Close the files of prepared inputs."""
        self._inputs.clear()

    def dataset(self, name: str) -> Dataset:
        """A data set of the plan, opened once.

        Raises:
            DatasetError: it cannot be opened, or nothing is left of it.
        """
        if name not in self._sets:
            entry = self.plan.dataset(name)
            whole = open_dataset(Path(entry.path), entry.options, self.token, self.emit)
            chosen = entry.subset.apply(whole) if entry.subset != type(entry.subset)() else whole
            if not len(chosen):
                raise DatasetError("has no samples", subject=chosen.name)
            self._sets[name] = chosen
        return self._sets[name]

    def groups(self, name: str) -> list[tuple[str, ...]]:
        """For each sample of a data set its values in the plan's columns."""
        if name not in self._groups:
            columns = self.plan.dataset(name).groups
            self._groups[name] = group_values(self.dataset(name), columns) if columns else []
        return self._groups[name]

    def batches(self, dataset: str) -> list[tuple[int, int]]:
        """First sample and the one after the last, of every batch."""
        count, size = len(self.dataset(dataset)), self.plan.running.batch_size
        return [(first, min(first + size, count)) for first in range(0, count, size)]

    def model_record(self, name: str) -> ModelRecord:
        """What is remembered of a model of the plan; loads it.

        Raises:
            ModelError: it cannot be loaded.
        """
        reference = self.plan.model(name).model
        card = self.shelf.model(reference, self.token).card
        return ModelRecord(name, reference, card, self.shelf.weights_sha256(reference))

    def dataset_record(self, name: str) -> DatasetRecord:
        """What is remembered of a data set of the plan; reads all of its files once."""
        entry, dataset = self.plan.dataset(name), self.dataset(name)
        workers = self.plan.running.workers
        found = fingerprint(dataset, self.token, self.emit, workers=workers, cache=self.cache)
        return DatasetRecord(
            id=name,
            name=dataset.name,
            layout=dataset.layout,
            part=dataset.history,
            samples=len(dataset),
            classes=dataset.classes,
            task=dataset.task,
            sha256=found.sha256,
            missing=found.missing,
            groups=entry.groups,
        )

    def subject(self, model: str, dataset: str) -> Subject:
        """A model on a data set.

        Raises:
            ModelError, DatasetError: one cannot be opened, or their classes do not match.
        """
        reference = self.plan.model(model).model
        loaded, data = self.shelf.model(reference, self.token), self.dataset(dataset)
        entry: PlanDataset = self.plan.dataset(dataset)
        key = (dataset, loaded.card.preprocessing)
        if key not in self._inputs:
            workers = self.plan.running.workers
            self._inputs[key] = PreparedInputs(data, loaded.card, workers, self.scratch)
        return Subject(
            model_id=model,
            dataset_id=dataset,
            reference=reference,
            model=loaded,
            dataset=data,
            match=match_classes(data, loaded.card, by_order=entry.match_order),
            inputs=self._inputs[key],
            device=self.shelf.device,
        )

    # What is done in a cell.

    def work(self, cell: Cell) -> tuple[Work, tuple[str, ...]]:
        """What a cell does to its batches, and which other models judge there.

        Raises:
            MedAdvError: something of it cannot be opened or does not fit.
        """
        subject = self.subject(cell.model, cell.dataset)
        common: dict[str, Any] = {
            "subject": subject,
            "token": self.token,
            "seed": cell.seed,
            "similarity": self.plan.metrics.similarity,
        }
        if cell.kind == "clean":
            return CleanWork(**common), ()
        if cell.kind == "corruption":
            assert cell.budget is not None
            corruption = make_corruption(cell.name, {"severity": int(cell.budget)})
            return CorruptionWork(**common, corruption=corruption), ()
        if cell.kind == "sequence":
            frames = next(s.frames for s in self.plan.sequences if s.kind == cell.name)
            return SequenceWork(**common, sequence=make_sequence(cell.name, {"frames": frames})), ()
        return self._attack_work(cell, subject, common)

    def _attack_work(
        self, cell: Cell, subject: Subject, common: dict[str, Any]
    ) -> tuple[Work, tuple[str, ...]]:
        entry = self.plan.attack(cell.name)
        common |= {
            "attack": self.attack_of(cell),
            "objective": entry.goal(),
            "precision": self.plan.running.precision,
            "clock": time.perf_counter,
        }
        if cell.kind == "smallest":
            assert entry.smallest is not None
            bisected = entry.smallest
            return SmallestWork(**common, highest=bisected.highest, halvings=bisected.halvings), ()
        judges = self._judges(cell, subject) if entry.transfer else {}
        others = _judging(subject, judges, self.token) if judges else None
        return AttackWork(**common, others=others), tuple(judges)

    def attack_of(self, cell: Cell) -> Attack:
        """The attack of a cell, prepared where the plan says so.

        Raises:
            MedAdvError: its preparation fails.
        """
        entry = self.plan.attack(cell.name)
        budget = None if cell.kind == "smallest" else cell.budget
        if entry.train is None:
            return entry.at(budget)
        path = self._trained(cell, entry)
        field_name = "generator" if entry.attack == "gap" else "file"
        values = {**entry.settings, field_name: str(path)}
        if budget is not None:
            values["epsilon"] = budget
        return entry.model_copy(update={"settings": values, "train": None}).at(budget)

    def _trained(self, cell: Cell, entry: PlanAttack) -> Path:
        """The file of a generator or universal perturbation, made where it is not there yet."""
        from medadv_desktop.audit.generator_job import fit_universal, train

        assert entry.train is not None
        reference = self.plan.model(cell.model).model
        path = self.folder / "generators" / f"{cell.model}-{entry.id}.safetensors"
        done = path.with_suffix(".done")
        if done.is_file() and path.is_file():
            return path
        dataset, recipe = self.dataset(entry.train.dataset), entry.recipe()
        workers = self.plan.running.workers
        if entry.attack == "gap":
            request = TrainGeneratorRequest(
                reference,
                dataset,
                path,
                recipe,  # type: ignore[arg-type]
                resume=path.is_file(),
                workers=workers,
                cache=self.cache,
            )
            train(self.shelf, request, self.emit, self.token)
        else:
            order = self.plan.dataset(entry.train.dataset).match_order
            fit_universal(
                self.shelf,
                FitUniversalRequest(
                    reference,
                    dataset,
                    path,
                    recipe=recipe,  # type: ignore[arg-type]
                    objective=entry.goal(),
                    match_order=order,
                    workers=workers,
                    cache=self.cache,
                ),
                self.emit,
                self.token,
            )
        done.touch()
        return path

    def _judges(self, cell: Cell, subject: Subject) -> dict[str, tuple[Subject, list[int]]]:
        """Other models of the plan on the same data set with the same classes."""
        by_order = self.plan.dataset(cell.dataset).match_order
        found = {}
        for model, dataset in self.plan.pairs():
            if dataset.id != cell.dataset or model.id == cell.model:
                continue
            try:
                other = self.subject(model.id, dataset.id)
            except MedAdvError:
                continue  # its own cells say why
            order = class_order(subject.model.card, other.model.card, by_order=by_order)
            if order is not None:
                found[model.id] = (other, order)
        return found


def _judging(
    subject: Subject, judges: dict[str, tuple[Subject, list[int]]], token: CancelToken
) -> JudgeOthers:
    def judge(part: Ready, changed: torch.Tensor) -> NDArray[np.int16]:
        found = []
        for other, order in judges.values():
            images = changed
            if other.model.card.preprocessing != subject.model.card.preprocessing:
                images = _carried(subject, other, part, changed)
            decisions = other.say(images, token).decisions
            # In the words of the attacked model.
            if other.model.card.multi_label:
                decisions = decisions[:, order]
            else:
                back = np.argsort(np.array(order)).astype(np.int16)
                decisions = back[decisions]
            found.append(decisions)
        return np.stack(found, axis=1)

    return judge


def _carried(subject: Subject, other: Subject, part: Ready, changed: torch.Tensor) -> torch.Tensor:
    """The changed images as another model's input would show them.

    Raises:
        ImageError, ModelError: an image can no longer be read, or the other model cannot take it.
    """
    delta = difference(part.images, changed).to(changed.dtype)
    images = []
    for k, place in enumerate(part.places.tolist()):
        frame = subject.dataset.frame(subject.dataset[place])
        source = plan_input(subject.model.card.preprocessing, frame)
        target = plan_input(other.model.card.preprocessing, frame)
        moved, _ = transferred(delta[k : k + 1], source, target, frame.shape)
        own = prepared(frame, target).to(changed.device)
        images.append(on_grid(own, (own + moved).clamp(0, 1)))
    return torch.cat(images)


def columns_of(
    groups: list[tuple[str, ...]], columns: tuple[str, ...], places: NDArray[np.int64]
) -> Mapping[str, list[str]]:
    """For each column of groups the values of the samples at `places`."""
    if not groups:
        return {}
    return {name: [groups[place][k] for place in places.tolist()] for k, name in enumerate(columns)}
