"""The dialog that trains a perturbation generator, and the training that outlives it."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import platformdirs
import pytest
import shiboken6
from PIL import Image

from medadv_desktop.attacks.gap.attack import GAP
from medadv_desktop.attacks.gap.file import load
from medadv_desktop.attacks.gap.history import read_head
from medadv_desktop.attacks.gap.recipe import GENERATOR, GapRecipe
from medadv_desktop.attacks.objectives import Targeted
from medadv_desktop.attacks.prepared import EpochFigures, Origin, PreparationPreview
from medadv_desktop.attacks.universal.attack import Universal
from medadv_desktop.attacks.universal.file import load as load_universal
from medadv_desktop.attacks.universal.recipe import UniversalRecipe
from medadv_desktop.audit.generators import (
    FitUniversalRequest,
    GeneratorTraining,
    TrainGeneratorRequest,
    UniversalFit,
)
from medadv_desktop.audit.requests import LoadRequest
from medadv_desktop.errors import AttackError
from medadv_desktop.gui.engine_loading import load_engine
from medadv_desktop.gui.state.dataset_library import DatasetEntry
from medadv_desktop.gui.state.jobs import JobState
from medadv_desktop.gui.wizards.generator import train_generator, trainer_of
from medadv_desktop.gui.wizards.generator.curves import EpochCurve
from medadv_desktop.gui.wizards.generator.dialog import GeneratorDialog
from medadv_desktop.gui.wizards.generator.kinds import Kind
from medadv_desktop.gui.wizards.generator.trainer import Stage
from medadv_desktop.gui.wizards.generator.work import lying_at
from medadv_desktop.jobs import Partial, Progress
from tests.gui.conftest import FakeEngine

SIDE = 32
QUICK = GapRecipe(width=4, epochs=3, batch_size=3)


@dataclass
class TrainingEngine(FakeEngine):
    """Trains at once and without torch; in epoch `hold_in` it waits while `go` is not set."""

    hold_in: int = 1
    holding: threading.Event = field(default_factory=threading.Event)

    def run(self, request, emit, token):
        if not isinstance(request, TrainGeneratorRequest | FitUniversalRequest):
            return super().run(request, emit, token)
        self.requests.append(request)
        if isinstance(request, FitUniversalRequest):
            return self.fit(request, emit, token)
        if self.error is not None and isinstance(request, self.error_for):
            raise self.error
        done = read_head(request.path).epochs if request.resume else ()
        for epoch in range(len(done) + 1, request.recipe.epochs + 1):
            emit(Progress(epoch - 0.5, request.recipe.epochs, "half of an epoch"))
            emit(Partial(preview_of(epoch, request.recipe.epochs, done)))
            if epoch == self.hold_in:
                self.holding.set()
                while not self.go.wait(0.002):
                    token.check()
            done = (*done, EpochFigures(1 / epoch, epoch / 10))
            put_generator(request.path, request.recipe, done, request.model)
        origin = Origin(request.model, "a" * 64, "b" * 64, len(request.dataset))
        return GeneratorTraining(request, origin, done, (), self.device, 1.5)

    def fit(self, request, emit, token):
        epochs, done = request.recipe.epochs, ()
        for epoch in range(1, epochs + 1):
            emit(Partial(preview_of(epoch, epochs, done)))
            if epoch == self.hold_in:
                self.holding.set()
                while not self.go.wait(0.002):
                    token.check()
            done = (*done, EpochFigures(1 / epoch, epoch / 10))
        emit(Partial(preview_of(epochs, epochs, done[:-1], seen=6)))
        request.path.parent.mkdir(parents=True, exist_ok=True)
        request.path.write_bytes(b"a perturbation")
        origin = Origin(request.model, "a" * 64, "b" * 64, len(request.dataset))
        return UniversalFit(request, origin, 0.1, 0.8, done, (), self.device, 1.5)


def preview_of(epoch: int, epochs: int, done: Sequence[EpochFigures] = (), seen: int = 3):
    grey = np.full((3, SIDE, SIDE), 0.5, np.float32)
    moved = grey + np.float32(4 / 255)
    return PreparationPreview(epoch, epochs, 0.7, 0.25, grey, moved, tuple(done), seen, 6)


def put_generator(path: Path, recipe: GapRecipe, epochs, model: str = "net-a") -> None:
    """A file with the head of a generator, and no weights."""
    head = {
        "version": 1,
        "recipe": recipe.model_dump(),
        "shape": (3, SIDE, SIDE),
        "origin": asdict(Origin(model, "a" * 64, "b" * 64, 6)),
        "epochs": GENERATOR.figures_out(epochs),
    }
    text = json.dumps({"__metadata__": {"medadv-gap": json.dumps(head)}}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(text).to_bytes(8, "little") + text)


@pytest.fixture
def engine() -> TrainingEngine:
    return TrainingEngine()


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where generators of this test go."""
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda *_, **__: str(tmp_path / "data"))
    return tmp_path / "data" / "generators"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Six images, in a folder for each of two classes."""
    rng = np.random.default_rng(0)
    for name in ("naevus", "melanoma"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(3):
            pixels = rng.integers(0, 255, (SIDE, SIDE), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / name / f"{number}.png")
    return tmp_path / "set"


@pytest.fixture
def dialog(session):
    """The dialog on the fake engine."""
    made = train_generator(session.window)
    yield made
    shut(made)


def shut(dialog: GeneratorDialog) -> None:
    if shiboken6.isValid(dialog):
        dialog.leave()


def chosen(qtbot, dialog: GeneratorDialog, pictures: Path, path: Path | None = None, model="net-a"):
    """Go through the first step."""
    draft = dialog.choose_page._draft
    draft.set_model(model)
    draft.set_source(pictures)
    if path is not None:
        draft.set_path(path)
    qtbot.waitUntil(lambda: None not in (draft.images or draft.failure, draft.lying))
    assert draft.failure is None
    assert not dialog.choose_page.blocked()
    dialog.next.click()
    rest(qtbot, dialog)


def rest(qtbot, dialog: GeneratorDialog) -> None:
    qtbot.waitUntil(lambda: not dialog.page.busy())


def begun(qtbot, dialog: GeneratorDialog, pictures: Path, path: Path | None = None):
    """A training of the quick recipe; the trainer."""
    chosen(qtbot, dialog, pictures, path)
    dialog.recipe_page.form.set_value(QUICK)
    dialog.next.click()
    assert dialog.page is dialog.training_page
    return dialog.training_page._trainer


# ---------------------------------------------------------------------- the whole way


def test_that_a_generator_is_trained_shown_and_put_into_the_attack_panel(
    qtbot, session, engine, dialog, pictures, own_folder
):
    engine.go.clear()
    trainer = begun(qtbot, dialog, pictures)
    page = dialog.training_page
    qtbot.waitUntil(lambda: trainer.preview is not None)
    assert page.head.text() == "Epoch 1 of 3"
    assert len(page.sights.pictures) == 3
    assert page.sights.largest == pytest.approx(4 / 255)
    assert page.curves.rate.running == 0.25
    assert not dialog.back.isEnabled()
    assert not dialog.next.isEnabled()
    assert session.bench.jobs.jobs[-1].state is JobState.RUNNING
    engine.go.set()
    qtbot.waitUntil(lambda: dialog.page is dialog.result_page)
    (request,) = engine.of(TrainGeneratorRequest)
    assert request.recipe == QUICK
    assert (request.path.parent, request.resume, len(request.dataset)) == (own_folder, False, 6)
    assert isinstance(engine.requests[-2], LoadRequest)
    result = dialog.result_page
    assert ("Decisions changed", "30.0 %") in result.sheet.lines
    assert result.curves.loss.values == (1.0, 0.5, pytest.approx(1 / 3))
    result.use.click()
    assert session.bench.case.attack == GAP(generator=str(request.path))
    assert session.bench.case.model == "net-a"
    dialog.next.click()
    assert trainer.stage is Stage.IDLE
    qtbot.waitUntil(lambda: not session.bench.jobs.busy)


@pytest.mark.slow
def test_that_a_real_training_writes_a_generator_that_attacks(
    qtbot, open_window, write_model, pictures, tmp_path, grey_png
):
    session = open_window(load_engine)
    controller, case = session.bench.controller, session.bench.case
    controller.open_model(write_model())
    qtbot.waitUntil(lambda: case.loaded is not None)
    dialog = train_generator(session.window)
    chosen(qtbot, dialog, pictures, tmp_path / "g", model=case.model)
    dialog.recipe_page.form.set_value(QUICK)
    dialog.next.click()
    qtbot.waitUntil(lambda: not trainer_of(session.window).running)
    assert dialog.page is dialog.result_page, trainer_of(session.window).failure
    head = read_head(tmp_path / "g.safetensors")
    whole = load(tmp_path / "g.safetensors")
    assert (head.recipe, head.origin, head.epochs) == (whole.recipe, whole.origin, whole.epochs)
    assert head.finished
    assert (head.recipe, head.shape, head.origin.samples) == (QUICK, (1, SIDE, SIDE), 6)
    assert head.epochs == trainer_of(session.window).history
    dialog.result_page.use.click()
    shut(dialog)
    controller.open_paths([grey_png])
    qtbot.waitUntil(lambda: case.prediction is not None)
    with qtbot.waitSignal(case.outcome_changed):
        controller.run_attack()
    assert 0 < np.abs(case.outcome.perturbation).max() <= QUICK.epsilon + 1e-6


# ---------------------------------------------------------------------- a universal perturbation


def test_that_a_perturbation_is_fitted_shown_and_put_into_the_attack_panel(
    qtbot, session, engine, dialog, pictures, tmp_path
):
    engine.go.clear()
    dialog.choose_page.kinds[Kind.FITTED].click()
    chosen(qtbot, dialog, pictures)
    page = dialog.recipe_page
    assert page.heading == "How it is fitted"
    page.goal.show_objective(Targeted(target=1))
    page.goal.changed.emit()
    page.form.set_value(UniversalRecipe(epochs=2, batch_size=3))
    assert dialog.next.text() == "Fit"
    dialog.next.click()
    trainer, shown = trainer_of(session.window), dialog.training_page
    qtbot.waitUntil(lambda: trainer.preview is not None)
    assert dialog.page is shown
    assert shown.head.text() == "Epoch 1 of 2"
    assert shown.curves.rate.accessibleName() == "Goal reached"
    assert len(shown.sights.pictures) == 3
    engine.go.set()
    qtbot.waitUntil(lambda: dialog.page is dialog.result_page)
    (request,) = engine.of(FitUniversalRequest)
    assert request.recipe == UniversalRecipe(epochs=2, batch_size=3)
    assert request.objective == Targeted(target=1)
    assert request.path.parent == tmp_path / "data" / "perturbations"
    result = dialog.result_page
    assert ("Goal reached", "80.0 %") in result.sheet.lines
    assert ("Without it", "10.0 %") in result.sheet.lines
    assert result.curves.loss.values == (1.0, 0.5)
    result.use.click()
    assert session.bench.case.attack == Universal(file=str(request.path))
    assert session.bench.case.objective == Targeted(target=1)
    qtbot.waitUntil(lambda: not session.bench.jobs.busy)


def test_that_a_fit_that_is_stopped_keeps_nothing_and_says_so(
    qtbot, session, engine, dialog, pictures
):
    engine.go.clear()
    dialog.choose_page.kinds[Kind.FITTED].click()
    chosen(qtbot, dialog, pictures)
    dialog.next.click()
    qtbot.waitUntil(engine.holding.is_set)
    page, trainer = dialog.training_page, trainer_of(session.window)
    assert "Nothing is kept" in page.stop_training.toolTip()
    page.stop_training.click()
    qtbot.waitUntil(lambda: trainer.stage is Stage.STOPPED)
    assert page.callout.text.text() == "The fit was stopped."
    assert page.callout.remedy.text() == "Nothing was kept."
    assert not page.resume.isVisible()
    assert not trainer.request.path.exists()
    assert dialog.back.isEnabled()


def test_that_labels_that_do_not_fit_the_model_are_told_before_a_fit(
    qtbot, session, engine, dialog, pictures
):
    (pictures / "naevus").rename(pictures / "wart")
    dialog.choose_page.kinds[Kind.FITTED].click()
    chosen(qtbot, dialog, pictures)
    page, draft = dialog.recipe_page, dialog.choose_page._draft
    assert "has no class 'wart'" in page.match.text.text()
    assert not dialog.next.isEnabled()
    page.match_order.setChecked(True)
    assert dialog.next.isEnabled()
    assert draft.request(False).match_order
    draft.set_kind(Kind.EACH)
    page.entered()
    assert draft.mismatch is None  # a generator does not look at labels
    assert not page.match_order.isVisible()


@pytest.mark.slow
def test_that_a_real_fit_writes_a_perturbation_that_attacks(
    qtbot, open_window, write_model, pictures, tmp_path, grey_png
):
    session = open_window(load_engine)
    controller, case = session.bench.controller, session.bench.case
    controller.open_model(write_model())
    qtbot.waitUntil(lambda: case.loaded is not None)
    dialog = train_generator(session.window)
    dialog.choose_page.kinds[Kind.FITTED].click()
    chosen(qtbot, dialog, pictures, tmp_path / "u", model=case.model)
    dialog.recipe_page.form.set_value(UniversalRecipe(epochs=2, batch_size=3))
    dialog.next.click()
    trainer = trainer_of(session.window)
    qtbot.waitUntil(lambda: not trainer.running)
    assert dialog.page is dialog.result_page, trainer.failure
    fitted = load_universal(tmp_path / "u.safetensors")
    assert fitted.epochs == trainer.history
    assert fitted.recipe.batch_size == 3
    assert np.abs(trainer.preview.adversarial - trainer.preview.original).max() > 0
    dialog.result_page.use.click()
    shut(dialog)
    controller.open_paths([grey_png])
    qtbot.waitUntil(lambda: case.prediction is not None)
    with qtbot.waitSignal(case.outcome_changed):
        controller.run_attack()
    assert 0 < np.abs(case.outcome.perturbation).max() <= fitted.recipe.epsilon + 1e-6


# ---------------------------------------------------------------------- stopping and going on


def test_that_a_stop_keeps_whole_epochs_and_the_training_goes_on_from_them(
    qtbot, session, engine, dialog, pictures
):
    engine.hold_in = 3
    engine.go.clear()
    trainer = begun(qtbot, dialog, pictures)
    qtbot.waitUntil(engine.holding.is_set)
    page = dialog.training_page
    page.stop_training.click()
    qtbot.waitUntil(lambda: trainer.kept is not None)
    assert trainer.stage is Stage.STOPPED
    assert page.callout.remedy.text().startswith("2 of 3 epochs are kept")
    assert page.curves.rate.values == (0.1, 0.2)
    engine.go.set()
    page.resume.click()
    qtbot.waitUntil(lambda: dialog.page is dialog.result_page)
    assert [r.resume for r in engine.of(TrainGeneratorRequest)] == [False, True]
    assert len(trainer.history) == 3


def test_that_a_stop_before_the_first_epoch_leaves_an_old_file_out_of_account(
    qtbot, session, engine, dialog, pictures, tmp_path
):
    path = tmp_path / "old.safetensors"
    put_generator(path, QUICK, [EpochFigures(1, 0)] * 3)
    engine.go.clear()
    chosen(qtbot, dialog, pictures, path)
    dialog.recipe_page.form.set_value(QUICK)
    dialog.recipe_page.replace.setChecked(True)
    dialog.next.click()
    qtbot.waitUntil(engine.holding.is_set)
    trainer = trainer_of(session.window)
    dialog.training_page.stop_training.click()
    qtbot.waitUntil(
        lambda: trainer.stage is Stage.STOPPED and session.bench.controller.background.idle
    )
    assert trainer.kept is None
    assert not dialog.next.isEnabled()


def test_that_closing_the_dialog_lets_the_training_go_on_and_opening_shows_it(
    qtbot, session, engine, dialog, pictures
):
    engine.go.clear()
    trainer = begun(qtbot, dialog, pictures)
    qtbot.waitUntil(engine.holding.is_set)
    dialog.cancel.click()
    assert trainer.running
    again = train_generator(session.window)
    assert again is not dialog
    assert again.page is again.training_page
    assert train_generator(session.window) is again
    shut(again)
    engine.go.set()
    qtbot.waitUntil(lambda: trainer.stage is Stage.DONE)
    notice = session.bench.controller.notices.notices[-1]
    assert "is trained: it changes 30.0 % of the decisions" in notice.text
    last = notice.actions[0].run()
    assert last.page is last.result_page
    shut(last)


def test_that_a_failure_is_one_sentence_on_the_page(qtbot, engine, dialog, pictures):
    engine.error_for = TrainGeneratorRequest
    engine.error = AttackError(
        "the loss is not a number any more", subject="training", remedy="Choose a smaller rate"
    )
    trainer = begun(qtbot, dialog, pictures)
    qtbot.waitUntil(lambda: trainer.stage is Stage.FAILED)
    callout = dialog.training_page.callout
    assert callout.level == "error"
    assert callout.text.text() == "training: the loss is not a number any more."
    assert callout.remedy.text() == "Choose a smaller rate."
    assert dialog.back.isEnabled()
    assert not dialog.next.isEnabled()


# ---------------------------------------------------------------------- what is refused or asked


def test_that_an_existing_file_is_not_replaced_without_asking(qtbot, dialog, pictures, tmp_path):
    path = tmp_path / "thesis.safetensors"
    path.write_bytes(b"no generator at all")
    chosen(qtbot, dialog, pictures, path)
    page = dialog.recipe_page
    assert "exists, and is no perturbation generator" in page.file.text.text()
    assert not dialog.next.isEnabled()
    page.replace.setChecked(True)
    assert dialog.next.isEnabled()


def test_that_an_unfinished_generator_of_the_same_recipe_is_gone_on_with(
    qtbot, engine, dialog, pictures, tmp_path
):
    path = tmp_path / "begun.safetensors"
    put_generator(path, QUICK, [EpochFigures(0.9, 0.1)])
    chosen(qtbot, dialog, pictures, path)
    page = dialog.recipe_page
    assert not page.go_on.isVisible()  # the recipe is another
    assert not dialog.next.isEnabled()
    page.file.button.click()
    assert page.form.value() == QUICK
    assert page.go_on.isVisible()
    assert dialog.next.text() == "Go on training"
    page.go_on.setChecked(False)
    assert not dialog.next.isEnabled()
    page.go_on.setChecked(True)
    dialog.next.click()
    qtbot.waitUntil(lambda: dialog.page is dialog.result_page)
    assert engine.of(TrainGeneratorRequest)[0].resume


def test_that_what_is_missing_is_said(qtbot, session, dialog, pictures, tmp_path):
    page, draft = dialog.choose_page, dialog.choose_page._draft
    assert page.blocked() == "Choose a model first"
    draft.set_model("net-a")
    assert page.blocked() == "Choose images first"
    draft.set_source(tmp_path / "nowhere")
    qtbot.waitUntil(lambda: draft.failure is not None)
    assert page.data_trouble.text.text() == "nowhere: does not exist."
    assert not dialog.next.isEnabled()
    draft.set_source(pictures)
    qtbot.waitUntil(lambda: not page.blocked())


def test_that_a_model_without_gradients_is_refused_before_anything_is_computed(
    qtbot, session, dialog, pictures, monkeypatch
):
    library = session.bench.controller.model_library
    monkeypatch.setattr(library, "white_box", lambda _entry: False)
    draft = dialog.choose_page._draft
    draft.set_model("net-a")
    assert dialog.choose_page.blocked() == "Choose a model that has gradients"
    trouble = dialog.choose_page.model_trouble
    assert trouble.text.text() == "Net-A gives scores but no gradients to learn from."
    qtbot.waitUntil(lambda: draft.lying is not None)


def test_that_the_code_of_a_model_is_agreed_to_before_it_is_trained_against(
    qtbot, session, engine, dialog, pictures, monkeypatch
):
    agreements: list[object] = []

    def asks(_model, then):
        agreements.append(then)
        return True

    monkeypatch.setattr(session.bench.controller.model_library, "asks", asks)
    chosen(qtbot, dialog, pictures)
    dialog.next.click()
    assert dialog.page is dialog.recipe_page
    assert not engine.of(TrainGeneratorRequest)
    agreements[0]()
    assert dialog.page is dialog.training_page
    qtbot.waitUntil(lambda: dialog.page is dialog.result_page)


def test_that_a_data_set_of_the_library_and_a_part_of_it_can_be_chosen(
    qtbot, session, dialog, pictures
):
    entry = DatasetEntry(
        name="Six", path=pictures, layout="class-folders", task="single-label", samples=6, counts=()
    )
    session.bench.controller.librarian.library.add(entry)
    page, draft = dialog.choose_page, dialog.choose_page._draft
    page.data.setCurrentIndex(page.data.findData(entry.id))
    page.data.activated.emit(page.data.currentIndex())
    qtbot.waitUntil(lambda: draft.images is not None)
    page.count.setValue(4)
    qtbot.waitUntil(lambda: draft.images is not None and len(draft.images.chosen) == 4)
    assert page.data_note.text().startswith("4 of 6 images")
    page.count.setValue(0)
    qtbot.waitUntil(lambda: draft.images is not None and len(draft.images.chosen) == 6)


# ---------------------------------------------------------------------- recipe


def choose_preset(page, title: str) -> None:
    page.preset.setCurrentIndex(page.preset.findText(title))
    page.preset.activated.emit(page.preset.currentIndex())


def test_that_a_preset_fills_the_form_and_a_class_goes_with_its_goal(qtbot, dialog, pictures):
    dialog.choose_page.kinds[Kind.ALL].click()
    chosen(qtbot, dialog, pictures)
    page = dialog.recipe_page
    assert page.preset.currentText() == "The paper's"
    choose_preset(page, "Quick look")
    assert page.form.value() == GapRecipe(form="universal", width=8, epochs=2)
    assert not page.form.row("form").isVisible()  # the kind said it
    page.form.editor("goal").set_value("target")
    assert page.form.row("target").isVisible()
    assert page.form.value().target == 0
    assert page.preset.currentText() == "Quick look"
    page.form.editor("goal").set_value("least-likely")
    assert page.form.value().target is None
    page.form.editor("epsilon").setText("300/255")
    assert page.preset.currentData() is None
    assert not dialog.next.isEnabled()


def test_that_a_model_of_findings_has_no_class_to_go_for(qtbot, dialog, pictures):
    chosen(qtbot, dialog, pictures, model="chest")
    assert not dialog.recipe_page.form.row("goal").isVisible()
    assert not dialog.recipe_page.form.row("target").isVisible()


def test_that_a_generator_for_a_class_sets_that_as_the_goal(qtbot, session, dialog, pictures):
    chosen(qtbot, dialog, pictures)
    page = dialog.recipe_page
    page.form.set_value(QUICK.model_copy(update={"goal": "target", "target": 1}))
    dialog.next.click()
    qtbot.waitUntil(lambda: dialog.page is dialog.result_page)
    dialog.result_page.use.click()
    assert session.bench.case.objective == Targeted(target=1)
    qtbot.waitUntil(lambda: not session.bench.jobs.busy)


# ---------------------------------------------------------------------- how it is told


def test_that_previews_are_shown_four_times_a_second_and_the_pace_gives_the_time_to_go(
    qtbot, session, engine, dialog, pictures
):
    engine.go.clear()
    trainer = begun(qtbot, dialog, pictures)
    qtbot.waitUntil(engine.holding.is_set)
    qtbot.waitUntil(lambda: trainer.preview is not None and not trainer._pause.isActive())
    clock = itertools.chain((10.0, 12.0), itertools.repeat(14.0))
    session.bench.jobs.clock = lambda: next(clock)
    trainer._previews = 0
    shown: list[object] = []
    trainer.preview_changed.connect(lambda: shown.append(trainer.preview))
    assert trainer.remaining() is None
    for seen in (2, 4, 6):
        trainer._heard(preview_of(1, 3, seen=seen))
    assert len(shown) == 1
    # From a third of an epoch to a whole one in 4 s: the other two epochs take 12 s.
    assert trainer.remaining() == pytest.approx(12)
    qtbot.waitUntil(lambda: len(shown) == 2)
    assert shown[-1].seen == 6


def test_that_a_curve_says_its_epochs_in_words(qtbot, session):
    curve = EpochCurve(session.bench.theme, "Decisions changed", "adversarial", rate=True)
    qtbot.addWidget(curve)
    curve.show_values([0.25, 0.5], 0.625, 4)
    assert [curve.words(n) for n in range(3)] == [
        "Epoch 1: 25.0 %",
        "Epoch 2: 50.0 %",
        "Epoch 3: 62.5 %",
    ]
    assert curve.accessibleDescription() == "Epoch 1: 25.0 %; Epoch 2: 50.0 %"
    curve.resize(300, 160)
    curve.grab()


@pytest.mark.parametrize("content", [b"", b"{}", b"\x02\0\0\0\0\0\0\0{}", b"\xff" * 40])
def test_that_a_file_that_is_no_generator_is_told_from_one(tmp_path, content):
    path = tmp_path / "x.safetensors"
    assert lying_at(path).free
    path.write_bytes(content)
    lying = lying_at(path)
    assert (lying.free, lying.head, lying.reason) == (False, None, "is no perturbation generator")


def test_that_a_universal_perturbation_is_known_by_its_head(tmp_path):
    path = tmp_path / "u.safetensors"
    text = json.dumps({"__metadata__": {"medadv-universal": "{}"}}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    assert (lying_at(path).head, lying_at(path).reason) == (None, "is a universal perturbation")
