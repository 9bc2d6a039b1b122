"""Analyses over the cells of small audits: the images as they were, answers kept, refusals told."""

from __future__ import annotations

import json
from pathlib import Path

import audit_cases
import numpy as np
import pytest

from medadv_desktop.analysis.embedding import EmbeddingSettings
from medadv_desktop.analysis.label_correlation import correlation
from medadv_desktop.audit.analyses.at_hand import all_at_hand, answers_at_hand
from medadv_desktop.audit.analyses.files import write_files
from medadv_desktop.audit.analyses.pairs import CellPairs
from medadv_desktop.audit.analyses.requests import AnalyzeRequest, AuditAnalyses
from medadv_desktop.audit.analyses.run import analyze
from medadv_desktop.audit.analyses.sections import analysis_blocks
from medadv_desktop.audit.engine import Engine
from medadv_desktop.audit.plan.schema import Metrics
from medadv_desktop.audit.report.blocks import Picture
from medadv_desktop.audit.runner.bench import Bench
from medadv_desktop.audit.runs import AuditRequest
from medadv_desktop.audit.store.images import load_pair
from medadv_desktop.audit.store.store import AuditStore
from medadv_desktop.cli import run as command
from medadv_desktop.errors import AuditError
from medadv_desktop.jobs import CancelToken, JobCancelled, silent

CELLS = """
[[attacks]]
id = "pgd"
attack = "pgd"
settings = { steps = 3 }
epsilons = ["8/255"]
"""
QUICK = EmbeddingSettings(method="pca")


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished audit of a model of two findings, in RUN beside the model's files."""
    folder = tmp_path_factory.mktemp("findings")
    return audited(folder, multi_label=True)


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with one class each, and all of its changed images kept."""
    return audited(tmp_path_factory.mktemp("classes"), multi_label=False)


def audited(folder: Path, *, multi_label: bool) -> Path:
    """An audit of the tiny model of the tests on 24 images."""
    from audit_models import write_tiny

    data = audit_cases.write_set(folder, 16)
    if multi_label:
        lines = data.read_text().splitlines()
        told = [line.split(",") for line in lines[1:]]
        rows = [
            f"{name},{int(k % 2)},{int(k % 3 == 0)},{p},{s}"
            for k, (name, _, p, s) in enumerate(told)
        ]
        data.write_text("\n".join(["image,naevus,melanoma,patient,sex", *rows]) + "\n")
    plan = audit_cases.plan_with(write_tiny(folder, multi_label=multi_label), data, CELLS, probed=0)
    plan = plan.model_copy(update={"metrics": Metrics(bootstrap=0)})
    if multi_label:
        options = plan.datasets[0].options.model_copy(
            update={"label_columns": "naevus,melanoma", "task": "multi-label"}
        )
        dataset = plan.datasets[0].model_copy(update={"options": options})
        plan = plan.model_copy(update={"datasets": (dataset,)})
    Engine("cpu").run(AuditRequest(folder / "run", plan))
    return folder / "run"


def answers(folder: Path, *kinds: str, **more: object) -> AuditAnalyses:
    request = AnalyzeRequest(folder, kinds, embedding=QUICK, **more)  # type: ignore[arg-type]
    return analyze(Engine("cpu").shelf, request, silent, CancelToken())


def test_that_images_made_again_are_those_that_were_kept(classes: Path, tmp_path: Path) -> None:
    with AuditStore.open(classes) as store:
        record = next(r for r in store.cells() if r.cell.name == "pgd")
        rows = store.rows(record.cell.id)
        bench = Bench(
            store.plan, Engine("cpu").shelf, classes, tmp_path, None, silent, CancelToken()
        )
        forgotten = rows.__class__(**{**vars(rows), "images": ("",) * len(rows)})
        kept = {k: load_pair(classes, d) for k, d in enumerate(rows.images) if d}
        assert kept
        seen = 0
        for pair in CellPairs(bench, record.cell, forgotten).batches(silent, CancelToken()):
            for k, row in enumerate(pair.rows.tolist()):
                if row in kept:
                    original, changed = kept[row]
                    assert np.array_equal(pair.clean[k].numpy(), original)
                    assert np.array_equal(pair.changed[k].numpy(), changed)
                    seen += 1
        assert seen == len(kept)
        bench.let_go()


def test_that_all_analyses_of_classes_are_answered_once_and_then_kept(
    classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = answers(classes, "embedding", "layers", "detectors", "label-correlation")
    (own,) = found.cells
    assert own.cell.name == "pgd"
    assert [r.kind for r in own.refused] == ["label-correlation"]
    assert own.embedding is not None
    assert own.embedding.samples == own.embedding.shown == 16
    assert len(own.embedding.x) == 32
    assert not any("otherwise" in note for note in own.embedding.notes)
    assert own.layers is not None
    assert own.layers.groups[0].samples == 16
    assert own.layers.norms
    assert own.detectors is not None
    assert len(own.detectors.detections) == 3
    assert not (classes / "scratch").exists()
    # From now on no model may be needed.
    monkeypatch.setattr(Bench, "subject", lambda *_: pytest.fail("worked out again"))
    again = answers(classes, "embedding", "layers", "detectors")
    assert again.cells[0].embedding == own.embedding
    assert again.cells[0].layers == own.layers
    assert again.cells[0].detectors == own.detectors
    request = AnalyzeRequest(classes, ("embedding",), embedding=QUICK)
    assert answers_at_hand(classes, request).cells[0].embedding == own.embedding
    other = AnalyzeRequest(
        classes, ("embedding",), embedding=EmbeddingSettings(method="pca", seed=1)
    )
    assert answers_at_hand(classes, other).cells[0].embedding is None
    assert sum(isinstance(block, Picture) for block in analysis_blocks(found)) == 5
    names = {path.name for path in write_files(found, tmp_path)}
    assert {"embedding.svg", "embedding-points.csv", "layers.png", "detectors.csv"} <= names
    assert "analyses.json" in names


def test_that_label_correlations_follow_from_the_rows_alone(
    findings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bench, "subject", lambda *_: pytest.fail("the network was looked at"))
    (own,) = answers(findings, "label-correlation").cells
    assert own.label_correlation is not None
    phi = own.label_correlation.phi
    with AuditStore.open(findings) as store:
        rows = store.rows(own.cell.id)
    expected = correlation(rows.decisions[rows.changed])[0, 1]
    place = [phi.findings.index(name) for name in ("naevus", "melanoma")]
    value = phi.adversarial[place[0]][place[1]]
    assert (value is None) == bool(np.isnan(expected))
    assert value is None or value == pytest.approx(expected)


def test_that_findings_are_told_apart_one_by_one(findings: Path) -> None:
    (own,) = answers(findings, "embedding", "detectors", "label-correlation").cells
    assert own.embedding is not None
    assert [s.what for s in own.embedding.separations] == ["naevus", "melanoma"]
    assert own.detectors is not None
    assert "one Gaussian" in own.detectors.detections[0].note
    with AuditStore.open(findings) as store:
        (known,) = all_at_hand(store).cells
    # The picture was laid out with other settings than the default ones.
    assert known.embedding is None
    assert known.detectors == own.detectors
    assert known.label_correlation == own.label_correlation


def test_that_a_cancelled_analysis_leaves_nothing_behind(classes: Path) -> None:
    token = CancelToken()
    request = AnalyzeRequest(classes, ("layers",), fresh=True)
    with pytest.raises(JobCancelled):
        analyze(Engine("cpu").shelf, request, lambda _event: token.cancel(), token)
    assert not (classes / "scratch").exists()


def test_that_cells_without_changed_images_and_unknown_ones_are_refused(classes: Path) -> None:
    with AuditStore.open(classes) as store:
        clean = next(r.cell.id for r in store.cells() if r.cell.kind == "clean")
    with pytest.raises(AuditError, match="no changed images"):
        answers(classes, "layers", cells=(clean,))
    with pytest.raises(AuditError, match="no cell zz"):
        answers(classes, "layers", cells=("zz",))


def test_that_a_changed_data_set_is_refused(classes: Path) -> None:
    image = classes.parent / "set" / "003.png"
    before = image.read_bytes()
    image.write_bytes((classes.parent / "set" / "004.png").read_bytes())
    try:
        with pytest.raises(AuditError, match="has changed since it was audited"):
            answers(classes, "layers", fresh=True)
    finally:
        image.write_bytes(before)


def test_that_the_command_prints_json_and_writes_files(
    findings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["analyze", str(findings), "--label-correlation", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["cells"][0]["label_correlation"]["phi"]["kind"] == "phi"
    out = tmp_path / "out"
    assert command(["analyze", str(findings), "--label-correlation", "--out", str(out)]) == 0
    assert "Frobenius distance" in capsys.readouterr().out
    assert len(list(out.rglob("*.svg"))) == 6
