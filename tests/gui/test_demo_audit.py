"""The demo in a window: its audit begins after the first attack, is reported, and is left alone."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from medadv_desktop.audit.plan.files import plan_of, write_plan
from medadv_desktop.audit.runs import AuditRequest
from medadv_desktop.gui import demo_audit
from medadv_desktop.gui.demo_audit import RUN, DemoAudit
from medadv_desktop.gui.state.audits import AuditStage, audits_of
from tests.gui.audit_engine import AuditEngine

PLAN = """
name = "Demo audit"
[[models]]
id = "mine"
model = "net-a"
[[datasets]]
id = "set"
path = "labels.csv"
[[attacks]]
id = "fgsm"
attack = "fgsm"
"""


@pytest.fixture
def engine() -> AuditEngine:
    return AuditEngine()


@pytest.fixture(autouse=True)
def own_demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Folders of the test, and a demo without phantoms, which take their time to draw."""
    for name in ("user_data_dir", "user_cache_dir"):
        monkeypatch.setattr(platformdirs, name, lambda *_, **__: str(tmp_path / "data"))

    def write(folder: Path) -> Path:
        write_plan(plan_of(PLAN), folder / "plan.toml")
        return folder / "plan.toml"

    monkeypatch.setattr("medadv_desktop.audit.demo.write_demo_audit", write)


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders of the audits whose report was asked for."""
    asked: list[Path] = []
    monkeypatch.setattr(demo_audit, "make_report", lambda _, folder, *__: asked.append(folder))
    return asked


def attacked(qtbot, opened) -> None:
    opened.bench.controller.run_attack()
    qtbot.waitUntil(lambda: opened.bench.case.outcome is not None)


def test_that_the_audit_of_the_demo_follows_its_first_attack(
    qtbot, opened, engine, reports, tmp_path
):
    audits = audits_of(opened.bench.controller)
    DemoAudit(opened.bench.controller, tmp_path / "demo")
    assert not engine.of(AuditRequest)
    attacked(qtbot, opened)
    qtbot.waitUntil(lambda: audits.stage is AuditStage.DONE)
    assert audits.folder == tmp_path / "demo" / RUN
    assert reports == [tmp_path / "demo" / RUN]
    assert len(engine.of(AuditRequest)) == 1
    attacked(qtbot, opened)
    qtbot.waitUntil(lambda: not opened.bench.jobs.busy)
    assert len(engine.of(AuditRequest)) == 1


def test_that_an_audit_of_the_demo_that_is_done_is_left_alone(
    qtbot, opened, engine, reports, tmp_path
):
    audits = audits_of(opened.bench.controller)
    assert audits.start(tmp_path / "demo" / RUN, plan_of(PLAN))
    qtbot.waitUntil(lambda: audits.stage is AuditStage.DONE)
    DemoAudit(opened.bench.controller, tmp_path / "demo")
    attacked(qtbot, opened)
    qtbot.waitUntil(lambda: any("demo audit" in j.title for j in opened.bench.jobs.jobs))
    qtbot.waitUntil(lambda: not opened.bench.jobs.busy)
    assert len(engine.of(AuditRequest)) == 1
    assert not (tmp_path / "demo" / demo_audit.DATA).exists()
    assert not reports


def test_that_an_audit_of_the_demo_that_was_left_is_gone_on_with(
    qtbot, opened, engine, reports, tmp_path
):
    audits = audits_of(opened.bench.controller)
    engine.at = 1
    engine.go.clear()
    assert audits.start(tmp_path / "demo" / RUN, plan_of(PLAN))
    qtbot.waitUntil(engine.holding.is_set)
    audits.cancel()
    qtbot.waitUntil(lambda: audits.stage is AuditStage.CANCELLED)
    engine.at = -1
    engine.go.set()
    DemoAudit(opened.bench.controller, tmp_path / "demo")
    attacked(qtbot, opened)
    qtbot.waitUntil(lambda: audits.stage is AuditStage.DONE)
    first, second = engine.of(AuditRequest)
    assert first.plan is not None
    assert second.plan is None
    assert reports == [tmp_path / "demo" / RUN]
