"""The results of an audit: figures, charts, cells and samples, read off the GUI thread."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from medadv_desktop.analysis.charts.values import HeatMap, LineChart
from medadv_desktop.audit.plan.files import plan_of
from medadv_desktop.audit.requests import AttackRequest
from medadv_desktop.audit.runs import AuditFinished, AuditRequest, CellProgress
from medadv_desktop.audit.store.images import keep_pair
from medadv_desktop.audit.store.records import Batch, CellOutcome
from medadv_desktop.audit.store.store import AuditStore
from medadv_desktop.gui.audits.archivist import archivist_of
from medadv_desktop.gui.audits.compare.dialog import compare
from medadv_desktop.gui.audits.results import follower as follower_module
from medadv_desktop.gui.audits.results.cells import ACCURACY, NOTE, SAMPLES, TITLE
from medadv_desktop.gui.audits.results.export import write_chart
from medadv_desktop.gui.audits.samples.table import AFTER, ID, LINF, SMALLEST
from medadv_desktop.gui.state import audit_library
from medadv_desktop.gui.state.audits import audits_of
from medadv_desktop.jobs import Partial
from tests.audit_store.building import build_audit
from tests.gui.audit_samples import PLAN, add_cell, figures_of, make_run, names_of, rows_of
from tests.gui.conftest import SIDE, FakeEngine


@pytest.fixture
def audits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program's own folder of audits."""
    folder = tmp_path / "audits"
    folder.mkdir()
    monkeypatch.setattr(audit_library, "audits_folder", lambda: folder)
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An audit with cells of every kind, built once."""
    folder = tmp_path_factory.mktemp("built") / "one"
    return build_audit(folder, samples=24, batch=24, images=False)


@pytest.fixture
def whole(built: Path, audits: Path) -> Path:
    """That audit in the program's own folder."""
    return Path(shutil.copytree(built, audits / "one"))


class AuditingEngine(FakeEngine):
    """Begins an audit: one cell is done, of the next one batch; it ends when `go` is set."""

    def run(self, request, emit, token):
        if not isinstance(request, AuditRequest):
            return super().run(request, emit, token)
        with AuditStore.create(request.folder, request.plan) as store:
            first, second = (record.cell for record in store.cells()[:2])
            add_cell(store, first, 40)
            add_cell(store, second, 40, done=1)
            emit(Partial(CellProgress(second.id, "running", "", 1, 2, 20, 18, 15)))
            while not self.go.wait(0.002):
                token.check()
        return AuditFinished(request.folder, "paused", 1, 12, (), 0.1)


@pytest.fixture
def engine() -> FakeEngine:
    return AuditingEngine()


def results_of(qtbot, session, folder: Path):
    """The panel with a run that was read."""
    archivist = archivist_of(session.bench.controller)
    archivist.load()
    qtbot.waitUntil(lambda: archivist.library.find(folder) is not None)
    archivist.show(folder)
    panel = session.window.docks["audit_results"].widget()
    qtbot.waitUntil(lambda: panel.follower.content is not None)
    return panel


def cell_named(panel, title: str, model: str = "net-a") -> str:
    records = panel.follower.content.records
    return next(r.cell.id for r in records if (r.cell.title, r.cell.model) == (title, model))


def column(panel, number: int) -> list[str]:
    return [panel.table.index(k, number).data() for k in range(panel.table.rowCount())]


def ids(page) -> list[str]:
    return [page.model.index(k, ID).data() for k in range(page.model.rowCount())]


def loaded(qtbot, page) -> None:
    """The order is known, and the rows in sight are there."""
    qtbot.waitUntil(lambda: not page.model.loading)
    qtbot.waitUntil(
        lambda: not page.model.rowCount() or page.model.index(0, ID).data() not in (None, "…")
    )


# -------------------------------------------------------------------- charts


def test_that_importing_the_window_imports_no_charts_and_no_torch():
    code = (
        "import sys, medadv_desktop.gui.main_window, medadv_desktop.gui.docks as d; d.dock_specs();"
        "print([m for m in ('torch', 'pyqtgraph', 'matplotlib', 'scipy') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_that_a_finished_run_shows_its_headlines_and_charts(qtbot, whole, session):
    panel = results_of(qtbot, session, whole)
    content = panel.follower.content
    robust = content.headlines["robust"]
    assert panel.headlines.cards["robust"].value.text() == f"{100 * robust.value:.1f} %"
    assert panel.headlines.cards["cells"].value.text() == "26 of 26"
    (heat,) = panel.maps.shown
    assert isinstance(heat, HeatMap)
    assert heat.rows == ("plain", "defended")
    panel.show_page("curves")
    (curve,) = panel.charts
    assert isinstance(curve, LineChart)
    assert panel.curves.views[0].legend.names == ("plain", "defended")
    panel.show_page("perturbations")
    assert panel.charts[0].groups == ("Brightness", "Gaussian noise")


def test_that_the_value_under_the_pointer_is_read_out_with_its_interval(qtbot, whole, session):
    panel = results_of(qtbot, session, whole)
    panel.show_page("curves")
    view = panel.curves.views[0]
    plot = view.plot
    qtbot.waitUntil(lambda: plot.isVisible() and plot.width() > 100)
    line = view.chart.lines[0]
    x, y = plot._to_widget(line.x[1], line.y[1])
    hover(plot, QPointF(x + 3, y - 2))
    value, low, high = (f"{100 * end:.1f} %" for end in (line.y[1], line.low[1], line.high[1]))
    words = f"plain, ε 1/255: {value} (95 % interval {low} – {high})"
    assert view.reading.full_text() == words
    hover(plot, QPointF(0, 0))
    assert view.reading.full_text() == ""


def hover(plot, at: QPointF) -> None:
    """Move the mouse over a plot."""
    where, button = plot.viewport().mapToGlobal(at), Qt.MouseButton.NoButton
    modifier = Qt.KeyboardModifier.NoModifier
    event = QMouseEvent(QEvent.Type.MouseMove, at, where, button, button, modifier)
    QApplication.sendEvent(plot.viewport(), event)


def test_that_a_chart_can_be_read_as_a_table(qtbot, whole, session):
    panel = results_of(qtbot, session, whole)
    view = panel.maps.views[0]
    view.as_table.click()
    assert view.pages.currentWidget() is view.cells
    assert view.table.rowCount() == 2
    assert view.table.index(0, 0).data() == "plain"


def test_that_roc_and_confusion_are_of_the_chosen_cell(qtbot, whole, session):
    panel = results_of(qtbot, session, whole)
    cell = cell_named(panel, "pgd at 4/255", "plain")
    panel.show_cell(cell, "confusion")
    qtbot.waitUntil(lambda: len(panel.confusion.shown) == 2)
    clean, changed = panel.confusion.shown
    assert clean.title.startswith("Confusion, clean, plain, pgd at 4/255")
    total = sum(int(text) for row in changed.texts for text in row)
    assert total == panel.follower.content.cells[cell].rows
    panel.show_page("roc")
    assert panel.charts[0].square
    assert panel.cell.isVisibleTo(panel)


@pytest.mark.parametrize("kind", ["svg", "png", "csv"])
def test_that_a_chart_is_exported(qtbot, whole, session, tmp_path, kind):
    panel = results_of(qtbot, session, whole)
    path = tmp_path / f"chart.{kind}"
    write_chart(session.bench.controller, panel.charts[0], kind, path)
    qtbot.waitUntil(path.is_file)
    content = path.read_bytes()
    assert content.startswith(
        {"svg": b"<?xml", "png": b"\x89PNG", "csv": b"model,clean"}[kind]
    )  # fmt: skip
    notices = session.bench.controller.notices
    qtbot.waitUntil(lambda: bool(notices.notices))
    assert "Saved as" in notices.notices[-1].text


def test_that_a_double_click_on_the_heat_map_leads_to_the_samples(qtbot, audits, session):
    panel = results_of(qtbot, session, make_run(audits / "one"))
    (heat,) = panel.maps.shown
    at = heat.columns.index("pgd 4/255")
    panel.maps.views[0].picked.emit(heat.rows.index("net-b"), at)
    assert panel.cell.currentData() == cell_named(panel, "pgd at 4/255", "net-b")
    loaded(qtbot, panel.samples)
    assert panel.samples.model.rowCount() == 40


def test_that_colours_follow_the_theme(qtbot, whole, session):
    panel = results_of(qtbot, session, whole)
    plot, theme = panel.maps.views[0].plot, session.bench.theme
    for mode in ("light", "dark"):
        theme.set_mode(mode)
        assert plot.backgroundBrush().color() == theme.color("base")


# -------------------------------------------------------------------- states


def test_that_doubts_stand_before_the_figures(qtbot, audits, session):
    folder = make_run(audits / "one", done=1)
    doubt = {"sign": "s", "message": "gradients are masked", "remedy": "Try a black box"}
    with AuditStore.open(folder, write=True) as store:
        clean = store.cells()[0]
        store.finish_cell(clean.cell.id, replace(clean.outcome, suspicions=(doubt,)))
    panel = results_of(qtbot, session, folder)
    assert panel.headlines.doubts.text.text() == "net-a: gradients are masked"
    assert panel.headlines.doubts.remedy.text() == "Try a black box"


def test_that_a_run_that_cannot_be_read_says_why(qtbot, audits, session):
    broken = audits / "broken"
    broken.mkdir()
    (broken / "audit.sqlite").write_bytes(b"no database at all" * 100)
    archivist = archivist_of(session.bench.controller)
    archivist.show(broken)
    panel = session.window.docks["audit_results"].widget()
    qtbot.waitUntil(lambda: bool(panel.follower.failure))
    assert panel.currentWidget() is panel.waiting
    assert "cannot be used as an audit store" in panel.failure.text.text()


def test_that_cells_show_their_state_and_the_reason_of_a_failure(qtbot, audits, session):
    folder = make_run(audits / "one", done=2)
    with AuditStore.open(folder, write=True) as store:
        store.mark(store.cells()[2].cell.id, "failed", "the device ran out of memory")
    panel = results_of(qtbot, session, folder)
    assert not panel.cells.isColumnHidden(NOTE)
    assert column(panel, TITLE)[:3] == ["clean images", "pgd at 1/255", "pgd at 2/255"]
    assert column(panel, ACCURACY)[:3] == ["90.0 %", "77.5 %", "–"]
    assert column(panel, NOTE)[2] == "the device ran out of memory"
    assert panel.headlines.cards["cells"].ends.full_text() == "1 failed"
    assert "paused" in panel.state.text()


def test_that_what_a_running_audit_writes_appears(qtbot, audits, session, monkeypatch):
    monkeypatch.setattr(follower_module, "_IDLE_MS", 20)
    folder = make_run(audits / "one", done=1)
    panel = results_of(qtbot, session, folder)
    assert not panel.maps.shown
    with AuditStore.open(folder, write=True) as store:
        cell = store.cells()[1].cell
        add_cell(store, cell, 40, done=1)
        qtbot.waitUntil(lambda: column(panel, SAMPLES)[1] == "20")
        assert column(panel, ACCURACY)[1] == "–"
        rows = rows_of(cell, 20, 20, 40)
        store.add_batch(cell.id, Batch(1, rows, names_of(rows.places)))
        store.finish_cell(cell.id, CellOutcome(figures_of(store.rows(cell.id), True)))
    qtbot.waitUntil(lambda: column(panel, ACCURACY)[1] == "77.5 %")
    assert len(panel.maps.shown) == 1


def test_that_an_audit_of_this_window_is_followed_beyond_its_store(
    qtbot, audits, session, engine, tmp_path
):
    engine.go.clear()
    folder, running = audits / "live", audits_of(session.bench.controller)
    assert running.start(folder, plan_of(PLAN.format(name="Live", data=tmp_path)))
    running.show(folder)
    panel = session.window.docks["audit_results"].widget()
    # 15 of 20 is what the audit told; the store has no figures of that cell yet.
    qtbot.waitUntil(
        lambda: bool(panel.table.lines) and column(panel, ACCURACY)[:3] == ["90.0 %", "75.0 %", "–"]
    )
    assert panel.follower.live
    assert panel.state.text() == "running, 1 of 12 cells"
    library = archivist_of(session.bench.controller).library
    qtbot.waitUntil(lambda: library.find(folder) is not None)
    with qtbot.waitSignal(running.ended):
        engine.go.set()
    qtbot.waitUntil(lambda: not panel.state.text().startswith("running"))


# -------------------------------------------------------------------- samples


@pytest.fixture
def samples(qtbot, audits, session):
    """The page "Samples" on the largest budget of the first model; names may be seen."""
    session.bench.controller.privacy.set_masked(False)
    panel = results_of(qtbot, session, make_run(audits / "one"))
    panel.show_cell(cell_named(panel, "pgd at 4/255"))
    loaded(qtbot, panel.samples)
    return panel.samples


def choose(page, value: str) -> None:
    page.which.setCurrentIndex(page.which.findData(value))
    page.which.activated.emit(page.which.currentIndex())


def test_that_samples_are_filtered_searched_and_sorted(qtbot, samples):
    assert samples.count.text() == "40 of 40 samples"
    choose(samples, "right-wrong")
    loaded(qtbot, samples)
    # Of the first 20, which fall at 4/255, numbers 9 and 19 were wrong before.
    expected = [f"img_{k:05}.png" for k in range(20) if k % 10 != 9]
    assert ids(samples) == expected
    assert samples.count.text() == "18 of 40 samples"
    samples.view.horizontalHeader().setSortIndicator(LINF, Qt.SortOrder.DescendingOrder)
    loaded(qtbot, samples)
    assert ids(samples) == expected[::-1]
    samples.search.setText("0001")
    samples.search.returnPressed.emit()
    loaded(qtbot, samples)
    assert ids(samples) == [f"img_{k:05}.png" for k in (*range(18, 9, -1), 1)]
    choose(samples, "wrong-before")
    samples.search.clear()
    samples.search.returnPressed.emit()
    qtbot.waitUntil(lambda: samples.count.text() == "4 of 40 samples")


def test_that_the_smallest_budget_is_shown_and_sorted_by(qtbot, audits, session):
    panel = results_of(qtbot, session, make_run(audits / "one"))
    panel.show_cell(cell_named(panel, "least, smallest budget up to 16/255"))
    page = panel.samples
    loaded(qtbot, page)
    assert not page.view.isColumnHidden(SMALLEST)
    page.model.sort(SMALLEST, Qt.SortOrder.AscendingOrder)
    loaded(qtbot, page)
    assert page.model.index(0, SMALLEST).data() == "0.10/255"
    assert page.model.sample(0).name.place == 0


def test_that_a_long_table_reads_pages_as_they_come_into_sight(qtbot, audits, session):
    panel = results_of(qtbot, session, make_run(audits / "one", samples=1000, done=2))
    panel.show_cell(cell_named(panel, "pgd at 1/255"))
    page = panel.samples
    loaded(qtbot, page)
    assert page.model.rowCount() == 1000
    assert set(page.model._pages) == {0}
    page.view.scrollToBottom()
    qtbot.waitUntil(lambda: page.model.sample(999) is not None)
    assert page.model.sample(999).name.place == 999
    assert 2 not in page.model._pages


def test_that_names_which_tell_of_a_patient_are_hidden(qtbot, audits, session):
    folder = make_run(audits / "one", done=0)
    with AuditStore.open(folder, write=True) as store:
        cell = store.cells()[1].cell
        store.begin_cell(cell.id, 1)
        rows = rows_of(cell, 0, 4, 4)
        names = names_of(rows.places)
        named = (
            replace(names[0], id="doe_jane.png", patient="Doe^Jane"),
            replace(names[1], id="folder/plain.png", patient="Doe^Jane"),
            replace(names[2], id="series/image.dcm"),
            names[3],
        )
        store.add_batch(cell.id, Batch(0, rows, named))
        store.record_model(store.models()["net-a"])
    panel = results_of(qtbot, session, folder)
    panel.show_cell(cell_named(panel, "pgd at 1/255"))
    loaded(qtbot, panel.samples)
    assert ids(panel.samples) == ["sample 1", "plain.png", "sample 3", "img_00003.png"]
    session.bench.controller.privacy.set_masked(False)
    assert ids(panel.samples)[:2] == ["doe_jane.png", "folder/plain.png"]


# -------------------------------------------------------------------- a sample in the viewers


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A labelled folder whose samples bear the names that the runs tell."""
    root = tmp_path / "skin"
    rng = np.random.default_rng(0)
    for k in range(4):
        folder = root / ("naevus", "melanoma")[k % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{k}.png")
    return root


def run_on(folder: Path, data: Path, *, kept: bool, plan: str = PLAN, kind: str = "attack") -> Path:
    """A run over a real data set; the images of its first cell of a kind were kept, or not."""
    from medadv_desktop.datasets.opening import open_dataset

    make_run(folder, data=data, done=0, plan=plan)
    dataset = open_dataset(data)
    with AuditStore.open(folder, write=True) as store:
        cell = next(r.cell for r in store.cells() if r.cell.kind == kind)
        rows = rows_of(cell, 0, 4, 4)
        images = ("",) * 4
        if kept:
            grey = np.full((3, SIDE, SIDE), 0.25)
            digest, _ = keep_pair(folder, grey, grey + 2 / 255)
            images = (digest,) * 4
        names = tuple(
            replace(name, id=dataset[k].id) for k, name in enumerate(names_of(rows.places))
        )
        store.begin_cell(cell.id, 1)
        store.add_batch(cell.id, Batch(0, replace(rows, images=images), names))
        store.finish_cell(cell.id, CellOutcome(figures_of(rows, True)))
    return folder


def open_first(qtbot, session, folder: Path):
    panel = results_of(qtbot, session, folder)
    panel.show_cell(cell_named(panel, "pgd at 1/255"))
    loaded(qtbot, panel.samples)
    panel.samples.view.doubleClicked.emit(panel.samples.model.index(0, AFTER))
    case = session.bench.case
    qtbot.waitUntil(lambda: case.outcome is not None)
    return panel.samples


def test_that_a_sample_opens_with_the_image_that_was_kept(qtbot, audits, session, data, engine):
    page = open_first(qtbot, session, run_on(audits / "one", data, kept=True))
    case = session.bench.case
    assert case.instance.path.parent.parent == data
    assert case.model == "net-a"
    assert not engine.of(AttackRequest)
    assert np.allclose(case.outcome.perturbation, 2 / 255, atol=1e-5)
    assert case.outcome.request.attack.epsilon == pytest.approx(1 / 255)
    assert page.told.full_text() == "Shown as the audit kept it"


def test_that_a_sample_whose_image_was_not_kept_is_attacked_again(
    qtbot, audits, session, data, engine
):
    page = open_first(qtbot, session, run_on(audits / "one", data, kept=False))
    (request,) = engine.of(AttackRequest)
    assert request.attack.name == "pgd"
    assert request.attack.epsilon == pytest.approx(1 / 255)
    assert (request.seed, request.labels, request.precision) == (0, (0,), "float32")
    assert request.sample_id is not None
    assert "attacked again" in page.told.full_text()


def test_that_a_corrupted_sample_is_corrupted_again(qtbot, audits, session, data, engine):
    corruption = """
[[corruptions]]
kind = "gaussian-noise"
severities = [3]
"""
    folder = run_on(audits / "one", data, kept=False, plan=PLAN + corruption, kind="corruption")
    panel = results_of(qtbot, session, folder)
    panel.show_cell(cell_named(panel, "gaussian-noise, severity 3"))
    loaded(qtbot, panel.samples)
    panel.samples.open_row(panel.samples.model.index(1, ID))
    case, before = session.bench.case, session.bench.case.attack
    qtbot.waitUntil(lambda: case.outcome is not None)
    (request,) = engine.of(AttackRequest)
    attack = request.attack
    assert (attack.name, attack.kind, attack.severity) == ("corruption", "gaussian-noise", 3)
    assert case.attack == before
    assert "corrupted again" in panel.samples.told.full_text()


def test_that_a_sample_whose_data_set_has_gone_says_so(qtbot, audits, session, data, tmp_path):
    folder = run_on(audits / "one", data, kept=True)
    data.rename(tmp_path / "elsewhere")
    panel = results_of(qtbot, session, folder)
    panel.show_cell(cell_named(panel, "pgd at 1/255"))
    loaded(qtbot, panel.samples)
    panel.samples.open_row(panel.samples.model.index(0, ID))
    told = panel.samples.told
    qtbot.waitUntil(lambda: told.property("role") == "danger")
    assert "does not exist" in told.full_text() or "no such" in told.full_text()


# -------------------------------------------------------------------- compare


def test_that_two_models_of_a_run_are_compared_sample_by_sample(qtbot, audits, session):
    results_of(qtbot, session, make_run(audits / "one"))
    dialog = compare(session.window)
    qtbot.waitUntil(lambda: dialog.found is not None)
    lines = {line.texts[0]: line for line in dialog.differences.lines}
    line = lines["skin, pgd at 4/255"]
    # 20 and 14 of the first 40 fall, of which 2 and 1 were wrong before; 4 are wrong in all.
    assert line.texts[1:5] == ("robust accuracy", "40", "45.0 %", "57.5 %")
    assert line.texts[5].startswith("+12.5  (")
    # McNemar's exact test of 0 against 5: 2 · (1/2)⁵.
    assert line.texts[6] == "0.063"
    dialog.table.doubleClicked.emit(
        dialog.differences.index(dialog.differences.lines.index(line), 0)
    )
    qtbot.waitUntil(lambda: dialog.changes.table.rowCount() == 5)
    assert dialog.changes.count.text() == "0 now wrong, 5 now right"
    assert {line.texts[1] for line in dialog.changes.table.lines} == {"wrong → right"}
    dialog.swap.click()
    qtbot.waitUntil(lambda: dialog.found is not None)
    assert dialog.models[0].currentData() == "net-b"
    dialog.close()


def test_that_two_runs_show_how_their_plans_differ(qtbot, audits, session):
    make_run(audits / "one", "First")
    results_of(qtbot, session, make_run(audits / "two", "Second", done=2))
    dialog = compare(session.window)
    qtbot.waitUntil(lambda: dialog.found is not None)
    fields = {line.texts[0]: line.texts[1:] for line in dialog.plan.lines}
    assert set(fields["name"]) == {"First", "Second"}
    assert "Only in the" in dialog.callout.text.text()
    assert len(dialog.differences.lines) == 2
    dialog.close()
