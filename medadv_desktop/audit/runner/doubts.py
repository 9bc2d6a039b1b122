"""Signs that a model only looks robust, from all attacks of an audit on the same samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from medadv_desktop.attacks.objectives import Untargeted
from medadv_desktop.attacks.trust.probing import examine
from medadv_desktop.attacks.trust.suspicion import Outcome, Suspicion, suspicions
from medadv_desktop.audit.doubts import USUAL_BUDGET
from medadv_desktop.audit.plan.cells import Cell
from medadv_desktop.audit.runner.bench import Bench
from medadv_desktop.audit.store.store import AuditStore


def doubt(
    bench: Bench, store: AuditStore, model: str, dataset: str, cells: Sequence[Cell]
) -> tuple[Suspicion, ...]:
    """What speaks against the robustness that the cells of a model on a data set show.

    The first samples of the data set are looked at, and what every untargeted attack did to them.

    Raises:
        MedAdvError: the model gives no answer for them.
        JobCancelled: the token was cancelled.
    """
    subject = bench.subject(model, dataset)
    part = subject.inputs.slice(
        0, min(bench.plan.running.probed, len(subject.dataset)), bench.token
    )
    ready, _ = subject.ready(part)
    if ready is None:
        return ()
    budgets = {
        c.budget
        for c in cells
        if c.budget and bench.plan.attack(c.name).settings.get("norm") == "linf"
    }
    evidence = examine(
        subject.model,
        ready.images,
        ready.targets,
        Untargeted(),
        bench.token,
        epsilon=max(budgets, default=USUAL_BUDGET),
    )
    own = [outcome for cell in cells if (outcome := _outcome(bench, store, cell, ready.places))]
    return suspicions(replace(evidence, outcomes=(*own, *evidence.outcomes)))


def _outcome(
    bench: Bench, store: AuditStore, cell: Cell, places: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> Outcome | None:
    """What a cell did to the samples at `places`; None where it did not attack all of them."""
    entry = bench.plan.attack(cell.name)
    if entry.objective != "untargeted":
        return None
    attack = entry.at(cell.budget)
    rows = store.rows(cell.id)
    at = np.searchsorted(rows.places, places)
    if len(rows) == 0 or (at >= len(rows)).any() or (rows.places[at] != places).any():
        return None
    beaten = ~rows.right_after[at] | rows.success[at]
    return Outcome(
        attack=cell.title,
        knowledge=attack.knowledge,
        norm=str(getattr(attack, "norm", "")),
        epsilon=cell.budget,
        beaten=tuple(beaten.tolist()),
        single_step=attack.name == "fgsm",
        random_start=None,
        huge=False,
    )
