"""The audit at hand: running, pausing, ordering, stopping, going on, and closing the window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox

from medadv_desktop.audit.plan.files import plan_of
from medadv_desktop.audit.plan.schema import AuditPlan
from medadv_desktop.audit.requests import LoadRequest
from medadv_desktop.audit.runs import AuditRequest, CellProgress
from medadv_desktop.audit.store.store import AuditStore
from medadv_desktop.errors import ExportError
from medadv_desktop.gui.audit_run.cell_list import RIGHT, STATE
from medadv_desktop.gui.audits.archivist import archivist_of
from medadv_desktop.gui.engine_loading import load_engine
from medadv_desktop.gui.state.audits import AuditStage, audits_of
from medadv_desktop.gui.state.jobs import JobState
from medadv_desktop.models.library import LibraryEntry
from tests.gui.audit_engine import AuditEngine
from tests.gui.conftest import CARDS

PLAN = """
name = "Three attacks"
[[models]]
id = "mine"
model = "{model}"
[[datasets]]
id = "set"
path = "{path}"
[[attacks]]
id = "fgsm"
attack = "fgsm"
[[attacks]]
id = "pgd"
attack = "pgd"
settings = {{ steps = 2 }}
[[attacks]]
id = "noise"
attack = "noise"
[running]
batch_size = 4
probed = 0
"""


@pytest.fixture
def engine() -> AuditEngine:
    return AuditEngine()


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("user_data_dir", "user_cache_dir"):
        monkeypatch.setattr(platformdirs, name, lambda *_, **__: str(tmp_path / "data"))


def plan(tmp_path: Path, model: str = "net-a") -> AuditPlan:
    return plan_of(PLAN.format(model=model, path=tmp_path / "set"))


@pytest.fixture
def audits(qtbot, session, engine: AuditEngine):
    """Those of a window; what still runs at the end is stopped, for closing would ask."""
    found = audits_of(session.bench.controller)
    yield found
    engine.go.set()
    found.cancel()
    qtbot.waitUntil(lambda: not found.running)


@pytest.fixture
def panel(session):
    return session.window.docks["audit_run"].widget()


def held(qtbot, audits, engine: AuditEngine, tmp_path: Path, at: int = 1) -> None:
    """An audit that waits before one of its four cells."""
    engine.at = at
    engine.go.clear()
    assert audits.start(tmp_path / "run", plan(tmp_path))
    qtbot.waitUntil(lambda: engine.holding.is_set() and len(engine.worked) == at)
    qtbot.waitUntil(lambda: sum(c.ended for c in audits.cells) == at)


def rest(qtbot, audits, engine: AuditEngine) -> None:
    """Let it run to its end."""
    engine.at = -1
    engine.go.set()
    qtbot.waitUntil(lambda: not audits.running)


def test_that_an_audit_is_paused_and_gone_on_with(qtbot, audits, engine, panel, tmp_path):
    held(qtbot, audits, engine, tmp_path)
    assert audits.stage is AuditStage.RUNNING
    assert not audits.start(tmp_path / "other", plan(tmp_path))
    panel.pause.click()
    assert audits.stage is AuditStage.PAUSING
    rest(qtbot, audits, engine)
    assert audits.stage is AuditStage.PAUSED
    assert audits.resumable
    panel.go_on.click()
    qtbot.waitUntil(lambda: audits.stage is AuditStage.DONE)
    first, second = engine.of(AuditRequest)
    assert first.plan is not None
    assert second.plan is None
    assert first.folder == second.folder == tmp_path / "run"
    assert len(engine.worked) == len(set(engine.worked)) == 4
    assert not panel.go_on.isEnabled()


def test_that_cells_are_shown_as_they_stand(qtbot, audits, engine, panel, tmp_path):
    engine.failing = ("pgd",)
    held(qtbot, audits, engine, tmp_path, at=2)
    items = [panel.list.topLevelItem(row) for row in range(4)]
    qtbot.waitUntil(lambda: items[2].text(STATE) == "running")
    assert [item.text(STATE) for item in items] == ["done", "done", "running", "waiting"]
    assert [item.text(RIGHT) for item in items[:2]] == ["75.0 %", "75.0 % → 37.5 %"]
    assert panel.told.text().startswith("2 of 4 cells")
    rest(qtbot, audits, engine)
    assert [item.text(STATE) for item in items] == ["done", "done", "failed", "done"]
    assert "the model raised" in items[2].toolTip(STATE)
    assert "1 failed" in panel.told.text()
    notice = panel._bench.controller.notices.notices[-1]
    assert "3 of 4 cells have figures, 1 failed" in notice.text
    assert "the model raised" in notice.details


def test_that_cells_are_worked_on_in_the_order_asked_for(qtbot, audits, engine, panel, tmp_path):
    held(qtbot, audits, engine, tmp_path)
    clean, fgsm, pgd, noise = panel.list.order()
    panel.list.mark([noise])
    panel.first.click()
    assert panel.list.order() == [noise, clean, fgsm, pgd]
    panel.list.mark([fgsm])
    panel.last.click()
    rest(qtbot, audits, engine)
    assert engine.worked == [clean, noise, pgd, fgsm]
    with AuditStore.open(tmp_path / "run") as store:
        assert [r.cell.id for r in store.cells()] == panel.list.order()


def test_that_a_dragged_row_is_a_new_order(qtbot, audits, engine, panel, tmp_path):
    held(qtbot, audits, engine, tmp_path)
    order = panel.list.order()
    panel.list.addTopLevelItem(panel.list.takeTopLevelItem(1))  # what a drop does
    panel.list.ordered.emit(panel.list.order())
    assert [c.cell.id for c in audits.cells] == [order[0], order[2], order[3], order[1]]
    done, waiting = panel.list.topLevelItem(0), panel.list.topLevelItem(3)
    assert not done.flags() & Qt.ItemFlag.ItemIsDragEnabled
    assert waiting.flags() & Qt.ItemFlag.ItemIsDragEnabled


def test_that_one_cell_can_be_left_out(qtbot, audits, engine, panel, tmp_path):
    held(qtbot, audits, engine, tmp_path)
    pgd = panel.list.order()[2]
    panel.list.mark([pgd])
    panel.leave.click()
    assert audits.cell(pgd).given_up
    rest(qtbot, audits, engine)
    assert pgd not in engine.worked
    assert audits.stage is AuditStage.CANCELLED
    qtbot.waitUntil(lambda: audits.resumable)
    audits.resume()
    qtbot.waitUntil(lambda: audits.stage is AuditStage.DONE)
    assert pgd in engine.worked


def test_that_a_stopped_audit_can_be_gone_on_with(qtbot, session, audits, engine, panel, tmp_path):
    held(qtbot, audits, engine, tmp_path)
    session.window.actions_["cancel-audit"].trigger()
    qtbot.waitUntil(lambda: audits.stage is AuditStage.CANCELLED)
    assert audits.resumable
    assert all(c.state in ("done", "waiting") for c in audits.cells)
    assert [j.state for j in session.bench.jobs.jobs if "Three" in j.title] == [JobState.CANCELLED]
    engine.at = -1
    engine.go.set()
    session.window.actions_["resume-audit"].trigger()
    qtbot.waitUntil(lambda: audits.stage is AuditStage.DONE)


def test_that_an_audit_that_cannot_be_stored_is_told(qtbot, session, audits, engine, tmp_path):
    engine.error, engine.error_for = ExportError("the disk is full", subject="x"), AuditRequest
    audits.start(tmp_path / "run", plan(tmp_path))
    qtbot.waitUntil(lambda: audits.stage is AuditStage.FAILED)
    assert "the disk is full" in session.bench.controller.notices.notices[-1].text
    assert "the disk is full" in audits.failure.text
    engine.error = None  # and there is room now: nothing was begun, so it begins
    assert audits.resume()
    qtbot.waitUntil(lambda: audits.stage is AuditStage.DONE)
    assert engine.of(AuditRequest)[-1].plan is not None


def test_that_a_folder_without_an_audit_is_told(qtbot, session, audits, tmp_path):
    audits.resume(tmp_path)
    qtbot.waitUntil(lambda: audits.stage is AuditStage.FAILED)
    assert "there is no audit store" in session.bench.controller.notices.notices[-1].text


def test_that_an_unfinished_audit_that_is_looked_at_can_be_gone_on_with(
    qtbot, session, audits, engine, tmp_path
):
    controller = session.bench.controller
    AuditStore.create(tmp_path / "data" / "audits" / "old", plan(tmp_path)).close()
    archivist = archivist_of(controller)
    archivist.load()
    qtbot.waitUntil(lambda: bool(archivist.library.runs))
    archivist.show(archivist.library.runs[0].folder)
    notice = controller.notices.notices[-1]
    assert "Three attacks is unfinished: 0 of 4 cells" in notice.text
    notice.actions[0].run()
    qtbot.waitUntil(lambda: audits.stage is AuditStage.DONE)
    assert len(engine.worked) == 4


def test_that_news_of_many_cells_comes_together(audits, tmp_path):
    from medadv_desktop.audit.plan.cells import cells_of

    time = [100.0]
    audits._clock = lambda: time[0]
    own = plan(tmp_path)
    audits._take(tmp_path, own, map(_waiting, cells_of(own)))
    told: list[frozenset[str]] = []
    audits.progressed.connect(told.append)
    ids = [c.cell.id for c in audits.cells]
    for cell_id in (ids[0], ids[1], ids[1], ids[2]):
        audits._heard(CellProgress(cell_id, "running", "", 1, 2, 4, 3, 2))
    assert told == [frozenset(ids[:1])]
    audits._tell()
    assert told[1:] == [frozenset(ids[1:3])]


def test_that_code_of_a_model_is_asked_for_before_an_audit_begins(
    qtbot, session, audits, engine, monkeypatch, tmp_path
):
    controller = session.bench.controller
    card = CARDS["net-a"].model_copy(update={"id": "coded", "code": "coded.py"})
    monkeypatch.setitem(CARDS, "coded", card)
    (tmp_path / "coded.py").write_text("")
    controller.models = (*controller.models, LibraryEntry(card, tmp_path / "coded.toml", True))
    library = controller.model_library
    assert not audits.start(tmp_path / "run", plan(tmp_path, "coded"))
    library.refuse("coded")
    assert audits.stage is AuditStage.NONE
    audits.start(tmp_path / "run", plan(tmp_path, "coded"))
    library.agree("coded")
    qtbot.waitUntil(lambda: audits.stage is AuditStage.DONE)
    load, run = (engine.of(kind)[0] for kind in (LoadRequest, AuditRequest))
    assert load.allow_code
    assert engine.requests.index(load) < engine.requests.index(run)


def _waiting(cell):
    from medadv_desktop.gui.state.audits import CellStanding

    return CellStanding(cell)


# ---------------------------------------------------------------------- making way


def test_that_other_work_goes_first_and_the_audit_goes_on_by_itself(
    qtbot, session, audits, engine, panel, tmp_path
):
    engine.failing = ("fgsm",)
    held(qtbot, audits, engine, tmp_path)
    stages = [audits.stage]
    audits.changed.connect(lambda: stages.append(audits.stage))
    session.bench.controller.choose_model("net-b")
    assert audits.stage is AuditStage.YIELDING
    assert panel.state.text() == "making way after this batch…"
    said: list[str] = []
    audits.changed.connect(lambda: said.append(panel.state.text()))
    engine.at = -1
    engine.go.set()
    qtbot.waitUntil(lambda: not audits.running)
    assert audits.stage is AuditStage.FAILED
    kinds = [type(r) for r in engine.requests if isinstance(r, AuditRequest | LoadRequest)]
    assert kinds == [AuditRequest, LoadRequest, AuditRequest]
    S = AuditStage
    assert list(dict.fromkeys(stages)) == [S.RUNNING, S.YIELDING, S.WAITING, S.FAILED]
    assert stages.count(S.WAITING) == 1
    assert "waiting for other work" in said
    assert "paused" not in said
    assert len(engine.worked) == len(set(engine.worked)) == 4  # what failed is not tried again


def test_that_what_failed_or_was_left_out_stays_so_when_an_audit_made_way(
    qtbot, session, audits, engine, panel, tmp_path
):
    engine.failing = ("fgsm",)
    held(qtbot, audits, engine, tmp_path, at=2)
    clean, fgsm, pgd, noise = panel.list.order()
    audits.give_up(pgd)
    session.bench.controller.choose_model("net-b")
    rest(qtbot, audits, engine)
    assert engine.worked == [clean, fgsm, noise]
    assert audits.stage is AuditStage.FAILED


def test_that_a_user_can_pause_or_stop_an_audit_that_makes_way(
    qtbot, session, audits, engine, panel, tmp_path
):
    held(qtbot, audits, engine, tmp_path)
    session.bench.controller.choose_model("net-b")
    panel.pause.click()
    assert audits.stage is AuditStage.PAUSING
    rest(qtbot, audits, engine)
    qtbot.waitUntil(lambda: not session.bench.jobs.busy)
    assert audits.stage is AuditStage.PAUSED
    assert len(engine.of(AuditRequest)) == 1

    held_again(qtbot, audits, engine)
    waiting = []

    def pause_while_it_waits() -> None:
        if audits.stage is AuditStage.WAITING and not waiting:
            waiting.append(True)
            audits.pause()

    audits.changed.connect(pause_while_it_waits)
    session.bench.controller.choose_model("net-a")
    rest(qtbot, audits, engine)
    assert waiting
    assert audits.stage is AuditStage.PAUSED
    assert not audits._quiet.isActive()
    assert len(engine.of(AuditRequest)) == 2


def held_again(qtbot, audits, engine: AuditEngine) -> None:
    """A paused audit gone on with, which waits before its first cell."""
    engine.at = 0
    engine.go.clear()
    assert audits.resume()
    qtbot.waitUntil(engine.holding.is_set)


# ---------------------------------------------------------------------- closing the window


def test_that_closing_asks_while_an_audit_runs(qtbot, session, audits, engine, tmp_path):
    held(qtbot, audits, engine, tmp_path)
    window = session.window
    window.close()
    box = window.findChild(QMessageBox)
    assert window.isVisible()
    assert "can be gone on with" in box.text()
    box.reject()
    qtbot.waitUntil(lambda: not box.isVisible())
    assert audits.stage is AuditStage.RUNNING
    window.close()
    boxes = [b for b in window.findChildren(QMessageBox) if b.isVisible()]
    with qtbot.waitSignal(session.bench.controller.stopped):
        next(b for b in boxes[0].buttons() if b.text() == "Close").click()
    assert not window.isVisible()
    with AuditStore.open(tmp_path / "run") as store:
        assert sum(r.state == "done" for r in store.cells()) == 1


# ---------------------------------------------------------------------- the real engine


def test_that_the_real_engine_runs_pauses_and_finishes(
    qtbot, open_window, write_model: Callable[..., Path], tmp_path
):
    rng = np.random.default_rng(0)
    for number in range(8):
        path = tmp_path / "set" / ("naevus", "melanoma")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (32, 32), dtype=np.uint8)).save(path)
    model = write_model()
    session = open_window(load_engine, warm=False)
    audits = audits_of(session.bench.controller)
    own = plan(tmp_path, str(model))
    assert audits.start(tmp_path / "run", own)
    audits.pause()  # heeded after the first batch
    qtbot.waitUntil(lambda: not audits.running)
    assert audits.stage is AuditStage.PAUSED
    assert audits.resume()
    qtbot.waitUntil(lambda: not audits.running)
    assert audits.stage is AuditStage.DONE, audits.failure
    qtbot.waitUntil(lambda: all(c.state == "done" for c in audits.cells))
    assert [c.rows for c in audits.cells] == [8, 8, 8, 8]
    for cell in audits.cells[1:]:
        assert 0 <= cell.right_after <= cell.right_before <= 8
    with AuditStore.open(tmp_path / "run") as store:
        assert store.plan == own
