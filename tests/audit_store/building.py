"""Synthetic audits: a store as a real audit leaves it, without a network being looked at.

Whatever is in it follows from the seed: logits are drawn, and every change pulls them towards
another class by a pull that grows with the budget.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.audit.plan.cells import KINDS, Cell
from medadv_desktop.audit.plan.files import plan_of, write_plan
from medadv_desktop.audit.plan.schema import AuditPlan
from medadv_desktop.audit.runner.outcome import figures_of_cell
from medadv_desktop.audit.store.images import keep_pair
from medadv_desktop.audit.store.records import (
    Batch,
    CellOutcome,
    DatasetRecord,
    ModelRecord,
    Rows,
    SampleName,
)
from medadv_desktop.audit.store.store import AuditStore
from medadv_desktop.models.card import ModelCard

PLAN = """
name = "Synthetic audit"
baseline = "plain"

[[models]]
id = "plain"
model = "demo-dermoscopy"

[[models]]
id = "defended"
model = "demo-dermoscopy-defended"

[[datasets]]
id = "skin"
path = "skin"
groups = ["sex"]

[[attacks]]
id = "fgsm"
attack = "fgsm"
epsilons = ["1/255", "2/255", "4/255"]

[[attacks]]
id = "pgd"
attack = "pgd"
epsilons = ["1/255", "2/255", "4/255"]
transfer = true

[[attacks]]
id = "edge"
attack = "pgd"
smallest = { highest = "8/255", halvings = 4 }

[[corruptions]]
kind = "gaussian-noise"
severities = [1, 3, 5]

[[sequences]]
kind = "brightness"

[[sequences]]
kind = "gaussian-noise"

[keep]
gallery = 2
"""

SMALL_PLAN = """
name = "Small audit"

[[models]]
id = "plain"
model = "demo-dermoscopy"

[[datasets]]
id = "skin"
path = "skin"

[[attacks]]
id = "pgd"
attack = "pgd"
epsilons = ["1/255", "4/255"]
"""

CLASSES = ("naevus", "melanoma")
FINDINGS = ("effusion", "nodule", "pneumonia")

PATIENT = "Doe^Jane"
"""The patient of every third sample, so that a test can look for the name."""


def plan_from_text(text: str = PLAN) -> AuditPlan:
    """The plan, with a data set in a folder that bears a patient's name."""
    return plan_of(text, folder=Path("/data/doe-jane"))


def card(name: str, classes: tuple[str, ...] = CLASSES, *, multi_label: bool = False) -> ModelCard:
    """The card of a model that exists nowhere."""
    return ModelCard(
        id=name,
        name=f"Model {name}",
        architecture="compact-resnet",
        task="multi-label" if multi_label else "single-label",
        classes=classes,
        thresholds=(0.5,) * len(classes) if multi_label else (),
        weights=f"{name}.safetensors",
    )


def build_audit(
    folder: Path,
    text: str = PLAN,
    *,
    samples: int = 60,
    batch: int = 25,
    finished: Callable[[Cell], bool] = lambda _cell: True,
    failed: Callable[[Cell], bool] = lambda _cell: False,
    multi_label: bool = False,
    images: bool = True,
    seed: int = 0,
    sha256: str = "ab",
) -> Path:
    """An audit's folder: store, plan.toml, kept images.

    Args:
        finished: cells that are done; of the others only the first batch is there, and they wait.
        failed: cells without a row that failed.
        seed: of everything that is drawn; two audits of one seed hold the same clean images.
        sha256: repeated as digest of models and data, to make two audits differ.
    """
    plan = plan_from_text(text)
    write_plan(plan, folder / "plan.toml")
    classes = FINDINGS if multi_label else CLASSES
    with AuditStore.create(folder, plan) as store:
        store.put("began", "2026-01-02T03:04:05+00:00")
        for model in plan.models:
            own = card(model.model, classes, multi_label=multi_label)
            store.record_model(ModelRecord(model.id, model.model, own, sha256 * 32))
        for dataset in plan.datasets:
            task = "multi-label" if multi_label else "single-label"
            store.record_dataset(
                DatasetRecord(
                    id=dataset.id,
                    name=dataset.id.title(),
                    layout="folders",
                    part=(),
                    samples=samples,
                    classes=classes,
                    task=task,
                    sha256=sha256 * 32,
                    missing=0,
                    groups=dataset.groups,
                )
            )
        maker = _Maker(store, plan, samples, classes, multi_label, images, seed)
        for record in store.cells():
            cell = record.cell
            if failed(cell):
                store.begin_cell(cell.id, 1)
                store.mark(cell.id, "failed", "/data/doe-jane/doe_7.png: the model gave NaN")
                continue
            maker.fill(cell, batch, done=finished(cell))
    return folder


class _Maker:
    def __init__(
        self,
        store: AuditStore,
        plan: AuditPlan,
        samples: int,
        classes: tuple[str, ...],
        multi_label: bool,
        images: bool,
        seed: int,
    ) -> None:
        self.store, self.plan, self.samples = store, plan, samples
        self.classes, self.multi_label, self.images = classes, multi_label, images
        rng = np.random.default_rng(seed)
        k = len(classes)
        if multi_label:
            self.labels = rng.integers(0, 2, (samples, k)).astype(np.int16)
            self.truth = self.labels.astype(bool)
        else:
            self.labels = rng.integers(0, k, (samples, 1)).astype(np.int16)
            self.truth = self.labels == np.arange(k)
        self.logits = {
            model.id: (3.0 * self.truth - 1.5 + rng.normal(0, 1.5, (samples, k))).astype(np.float32)
            for model in plan.models
        }

    def fill(self, cell: Cell, batch: int, *, done: bool) -> None:
        groups = self.plan.dataset(cell.dataset).groups
        rows = self.rows(cell)
        bounds = [(k, min(k + batch, self.samples)) for k in range(0, self.samples, batch)]
        self.store.begin_cell(cell.id, len(bounds))
        for number, (first, stop) in enumerate(bounds if done else bounds[:1]):
            names = tuple(
                SampleName(
                    k,
                    f"doe_{k:06}.png",
                    PATIENT if k % 3 == 0 else f"P{k}",
                    "test",
                    ("female" if k % 2 else "male",) * len(groups),
                )
                for k in range(first, stop)
            )
            left_out = ((self.samples, "doe_broken.png", "is no image"),) if number == 0 else ()
            part = _part(rows, first, stop)
            self.store.add_batch(
                cell.id, Batch(number, part, names, left_out, 0.5, 0.4, ("made up",))
            )
        if done:
            self.store.finish_cell(cell.id, self.outcome(cell, rows))

    def rows(self, cell: Cell) -> Rows:
        n = self.samples
        rng = np.random.default_rng([KINDS.index(cell.kind), cell.seed])
        clean = self.logits[cell.model]
        attacked = cell.kind in ("attack", "smallest")
        pull = self._pull(cell)
        own = rng.uniform(0.2, 1.0, (n, 1)).astype(np.float32)
        logits = np.where(self.truth, clean - pull * own, clean + pull * own).astype(np.float32)
        changed = np.full(n, cell.kind in ("attack", "smallest", "corruption"))
        decisions = self.decided(logits)
        right = (decisions == self.labels).all(1)
        size = cell.budget if attacked and cell.budget else 0.01
        none, smallest = np.full(n, np.nan), np.full(n, np.nan)
        if cell.kind == "smallest":
            assert cell.budget is not None
            margin = self._margin(clean).astype(np.float64)
            steps = np.ceil(2 * margin / (own[:, 0] * self._strength(cell))) / 2
            smallest = np.where(margin <= 0, 0.0, steps / 255)
            smallest[smallest > cell.budget] = np.inf
            changed = smallest > 0
            right = np.isinf(smallest)
            beyond = np.where(self.truth, clean - margin[:, None] - 1, clean + margin[:, None] + 1)
            decisions = np.where(right[:, None], self.labels, self.decided(beyond))
        some = changed if attacked else np.zeros(n, bool)
        return Rows(
            places=np.arange(n),
            labels=self.labels,
            clean_decisions=self.decided(clean),
            clean_logits=clean,
            changed=changed,
            decisions=np.where(changed[:, None], decisions, self.decided(clean)).astype(np.int16),
            logits=np.where(changed[:, None], logits, clean).astype(np.float32),
            success=changed & ~right,
            steps=np.where(some, 10, 0),
            queries=np.where(some, 11, 0),
            linf=np.where(changed, size, none),
            l2=np.where(changed, size * 100, none),
            l1=np.where(changed, size * 9000, none),
            l0=np.where(changed, 900, 0),
            ssim=np.where(changed, 1 - size * rng.uniform(1, 3, n), none),
            psnr=np.where(changed, 40.0, none),
            seconds=np.full(n, 0.02),
            smallest=smallest,
            frames=self._frames(cell, rng) if cell.kind == "sequence" else None,
            judged=self._judged(cell, pull) if self._judges(cell) else None,
            images=self._pairs(cell, n),
            notes=("",) * n,
        )

    def decided(self, logits: NDArray[Any]) -> NDArray[np.int16]:
        if self.multi_label:
            return (logits > 0).astype(np.int16)
        return logits.argmax(1)[:, None].astype(np.int16)

    def _margin(self, logits: NDArray[Any]) -> NDArray[Any]:
        """How far every logit can be pulled before a decision is wrong; below 0: it is."""
        if self.multi_label:
            return np.where(self.truth, logits, -logits).min(1)
        others = np.where(self.truth, -np.inf, logits).max(1)
        return (np.where(self.truth, logits, 0).sum(1) - others) / 2

    def _strength(self, cell: Cell) -> float:
        """How far one step of 1/255 pulls."""
        strength = {"fgsm": 0.5, "gaussian-noise": 0.25}.get(cell.name, 1.0)
        return strength * (0.4 if cell.model == "defended" else 1.0)

    def _pull(self, cell: Cell) -> float:
        if cell.kind == "corruption":
            return self._strength(cell) * float(cell.budget or 0)
        return self._strength(cell) * 255 * float(cell.budget or 0)

    def _frames(self, cell: Cell, rng: np.random.Generator) -> NDArray[np.int16]:
        clean = self.logits[cell.model]
        own = [self.decided(clean)]
        own += [
            self.decided(clean + rng.normal(0, self._strength(cell), clean.shape)) for _ in range(9)
        ]
        return np.stack(own, axis=1)

    def _judges(self, cell: Cell) -> list[str]:
        if cell.kind != "attack" or not self.plan.attack(cell.name).transfer:
            return []
        return [model.id for model in self.plan.models if model.id != cell.model]

    def _judged(self, cell: Cell, pull: float) -> NDArray[np.int16]:
        own = []
        for judge in self._judges(cell):
            clean = self.logits[judge]
            own.append(self.decided(np.where(self.truth, clean - pull / 3, clean + pull / 3)))
        return np.stack(own, axis=1)

    def _pairs(self, cell: Cell, n: int) -> tuple[str, ...]:
        if not self.images or cell.kind != "attack":
            return ("",) * n
        kept = []
        for k in range(self.plan.keep.gallery):
            rng = np.random.default_rng(k)
            y, x = np.mgrid[0:64, 0:64] / 63
            disc = np.hypot(x - 0.5, y - 0.5) < 0.15 + 0.1 * rng.uniform()
            original = np.stack([0.8 - 0.5 * disc, 0.6 - 0.4 * disc, 0.55 - 0.3 * disc])
            noise = np.sign(rng.normal(size=original.shape)) * (cell.budget or 0)
            kept.append(keep_pair(self.store.folder, original, (original + noise).clip(0, 1))[0])
        return tuple(kept) + ("",) * (n - len(kept))

    def outcome(self, cell: Cell, rows: Rows) -> CellOutcome:
        suspicions: tuple[dict[str, str], ...] = ()
        if cell.name == "fgsm" and cell.model == "defended":
            suspicions = (
                {"sign": "one-step", "message": "One step alone was tried",
                 "remedy": "Try more steps"},
            )  # fmt: skip
        return CellOutcome(
            figures=self.figures(cell, rows),
            suspicions=suspicions,
            notes=("made up",),
            device="cpu",
            versions={"torch": "0.0", "numpy": np.__version__},
        )

    def figures(self, cell: Cell, rows: Rows) -> dict[str, Any]:
        groups = self.plan.dataset(cell.dataset).groups
        return figures_of_cell(
            cell,
            card(cell.model, self.classes, multi_label=self.multi_label),
            rows,
            groups={
                column: ["female" if k % 2 else "male" for k in range(len(rows))]
                for column in groups
            },
            judges=self._judges(cell),
        )


def _part(rows: Rows, first: int, stop: int) -> Rows:
    values = {name: getattr(rows, name) for name in Rows.__dataclass_fields__}
    return Rows(**{k: None if v is None else v[first:stop] for k, v in values.items()})
