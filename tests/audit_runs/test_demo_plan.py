"""The demo audit: what `medadv demo` promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from medadv_desktop.audit import demo
from medadv_desktop.audit.matching import match_classes
from medadv_desktop.audit.plan.cells import cells_of
from medadv_desktop.audit.plan.files import read_plan
from medadv_desktop.datasets.opening import open_dataset
from medadv_desktop.models.library import find


def test_that_it_tries_the_three_demo_models_with_all_that_is_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "AUDIT_SAMPLES", 4)
    plan = read_plan(demo.write_demo_audit(tmp_path))
    assert {m.model for m in plan.models} == {
        "demo-dermoscopy", "demo-fundus", "demo-radiograph",
    }  # fmt: skip
    for model, dataset in plan.pairs():
        data = open_dataset(Path(dataset.path), dataset.options)
        match = match_classes(data, find(model.model).card)
        assert [match.label(sample.labels) is not None for sample in data] == [True] * 4
        own = [c for c in cells_of(plan) if c.model == model.id]
        assert {c.kind for c in own} == {"clean", "attack", "sequence"}
        attacks = [plan.attack(c.name).attack for c in own if c.kind == "attack"]
        assert set(attacks) == {"noise", "fgsm", "pgd", "gap"}
        assert attacks.count("pgd") >= 3
        assert sum(c.kind == "sequence" for c in own) == 3
