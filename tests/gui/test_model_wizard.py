"""The model import wizard: a file comes in, its card is looked over, tried on images, and saved."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from PIL import Image
from PySide6.QtWidgets import QMessageBox

from medadv_desktop.audit.requests import CheckModelRequest, ProposeCardRequest
from medadv_desktop.errors import ModelError
from medadv_desktop.gui.dropping import open_dropped
from medadv_desktop.gui.engine_loading import load_engine
from medadv_desktop.gui.state.jobs import JobState
from medadv_desktop.gui.wizards.model_import import check_model, edit_card, import_model
from medadv_desktop.gui.wizards.model_import.dialog import ModelWizard
from medadv_desktop.gui.wizards.model_import.fields import card_of as edited_card
from medadv_desktop.gui.wizards.model_import.fields import values_of
from medadv_desktop.gui.wizards.model_import.samples import Samples, fit
from medadv_desktop.models.card import read_card
from medadv_desktop.models.library import LibraryEntry, user_models
from medadv_desktop.models.proposal import Guess
from tests.gui.dicom_samples import ct_slice
from tests.gui.model_cases import LONG, SIDE, FakeProposal, ImportEngine, card_of, put_model, until


@pytest.fixture
def engine() -> ImportEngine:
    return ImportEngine()


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's folder of this test; it is not there yet."""
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda *_, **__: str(tmp_path / "data"))
    return user_models()


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file that looks like safetensors."""
    path = tmp_path / "from_the_cluster.safetensors"
    path.write_bytes((2).to_bytes(8, "little") + b"{}")
    return path


@pytest.fixture
def wizard(qtbot, session):
    """A wizard on the fake engine."""
    made = import_model(session.window)
    yield made
    leave(qtbot, made)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder for each of the classes: dark pictures and bright ones."""
    rng = np.random.default_rng(0)
    for name, low in (("bright", 160), ("dark", 20)):
        (tmp_path / "set" / name).mkdir(parents=True)
        for index in range(8):
            pixels = rng.integers(low, low + 70, (SIDE, SIDE), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / name / f"{index}.png")
    return tmp_path / "set"


def leave(qtbot, wizard: ModelWizard) -> None:
    """Close a wizard without a question; harmless where it is closed already."""
    import shiboken6

    if shiboken6.isValid(wizard):
        wizard.leave()


def rest(qtbot, wizard: ModelWizard) -> None:
    until(qtbot, lambda: not wizard.draft.busy)


def go_on(qtbot, wizard: ModelWizard) -> None:
    """Press the button to the next step, and wait until that is there."""
    here = wizard.stack.currentIndex()
    assert wizard.next.isEnabled(), wizard.page.blocked()
    wizard.next.click()
    until(qtbot, lambda: wizard.stack.currentIndex() == here + 1 or wizard.draft.failure)
    assert wizard.draft.failure is None
    rest(qtbot, wizard)


def tried(qtbot, wizard: ModelWizard) -> None:
    """Wait until the card as it is was tried; a failure fails the test with its reason."""
    draft = wizard.draft
    until(qtbot, lambda: not draft.stale or draft.failure)
    assert draft.failure is None


def chosen(qtbot, wizard: ModelWizard, path: Path) -> None:
    wizard.choose(path)
    rest(qtbot, wizard)


# ---------------------------------------------------------------------- the whole way


@pytest.mark.slow
def test_that_a_checkpoint_is_imported_to_the_end_and_used_for_a_prediction(
    qtbot, open_window, write_model, grey_png, tmp_path
):
    write_model("tiny")
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "tiny.safetensors"
    shutil.move(tmp_path / "tiny.safetensors", path)
    session = open_window(load_engine)
    controller, case = session.bench.controller, session.bench.case
    wizard = import_model(session.window, path)
    rest(qtbot, wizard)
    assert "safetensors" in wizard.choose_page.callout.text.text()
    go_on(qtbot, wizard)
    page = wizard.card_page
    normalisation = next(b for b in page.inputs if "mean" in b.names)
    assert normalisation.chip.kind == "guess"
    assert page.classes.table.item(0, 0).text() == "class 0"
    wizard.draft.set(
        height=SIDE, width=SIDE, mean="0.5", std="0.25", classes=("naevus", "melanoma")
    )
    assert normalisation.chip.kind == "yours"
    go_on(qtbot, wizard)
    preview = wizard.preview_page
    preview.take_paths([grey_png])
    tried(qtbot, wizard)
    assert preview.view.image.width() == SIDE
    assert preview.list.item(0).text().endswith("grey.png")
    assert "1 × 32 × 32" in preview.numbers.text()
    assert "Resize: 32 × 32" in preview.words.text()
    go_on(qtbot, wizard)
    assert wizard.next.text() == "Save"
    wizard.next.click()
    until(qtbot, lambda: case.loaded is not None)
    assert case.model == "tiny"
    assert read_card(user_models() / "tiny" / "tiny.toml").classes == ("naevus", "melanoma")
    controller.open_paths([grey_png])
    until(qtbot, lambda: case.prediction is not None)
    assert case.prediction.prediction.card.name == "tiny"


@pytest.mark.slow
def test_that_a_swapped_class_order_is_warned_of_and_mended_in_the_table(
    qtbot, open_window, tmp_path, pictures
):
    # Its first output is for dark images, and the folders stand in the order of the alphabet.
    path = tmp_path / "network.py"
    path.write_text(
        "import torch\n"
        "def build():\n"
        "    head = torch.nn.Linear(3, 2)\n"
        "    head.weight.data = torch.tensor([[-4.0], [4.0]]).expand(2, 3).clone() / 3\n"
        "    head.bias.data = torch.tensor([2.0, -2.0])\n"
        "    pool = torch.nn.AdaptiveAvgPool2d(1)\n"
        "    return torch.nn.Sequential(pool, torch.nn.Flatten(), head)\n"
    )
    wizard = import_model(open_window(load_engine).window, path)
    rest(qtbot, wizard)
    assert not wizard.next.isEnabled()
    assert "network.py" in wizard.choose_page.consent.box.text()
    wizard.choose_page.consent.box.click()
    go_on(qtbot, wizard)
    wizard.draft.set(height=SIDE, width=SIDE, mean="0", std="1")
    go_on(qtbot, wizard)
    preview, draft = wizard.preview_page, wizard.draft
    preview.take_paths([pictures])
    tried(qtbot, wizard)
    preview.labels.button.click()
    tried(qtbot, wizard)
    assert draft.card.classes == ("bright", "dark")
    assert "0 of 16 right" in preview.verdict.text.text()
    shown = next(c for c in preview.warnings if "order" in c.text.text())
    assert shown.remedy.text()
    shown.button.click()
    assert wizard.page is wizard.card_page
    wizard.card_page.classes.table.setCurrentCell(0, 0)
    wizard.card_page.classes.down.click()
    go_on(qtbot, wizard)
    tried(qtbot, wizard)
    assert draft.card.classes == ("dark", "bright")
    assert "16 of 16 right" in preview.verdict.text.text()
    assert all(w.sign != "class-order" for w in draft.checked.warnings)
    leave(qtbot, wizard)


def test_that_a_pickle_with_code_is_refused_by_name_and_does_not_run(qtbot, wizard, tmp_path):
    trace = tmp_path / "ran"

    class Payload:
        def __reduce__(self):
            return os.system, (f"touch {trace}",)

    path = tmp_path / "best.pth"
    path.write_bytes(pickle.dumps({"state_dict": Payload()}))
    chosen(qtbot, wizard, path)
    callout = wizard.choose_page.callout
    assert callout.level == "error"
    assert "pickle that wants to run code" in callout.text.text()
    assert "system" in callout.text.text()
    assert "safetensors" in callout.remedy.text()
    assert not wizard.next.isEnabled()
    assert not trace.exists()


# ---------------------------------------------------------------------- the file


def test_that_what_files_of_each_kind_may_do_stands_where_they_are_chosen(wizard):
    from PySide6.QtWidgets import QLabel

    from medadv_desktop.models.formats import FILE_KINDS

    texts = {label.text() for label in wizard.choose_page.kinds.findChildren(QLabel)}
    assert {kind.may for kind in FILE_KINDS.values()} <= texts


def test_that_a_missing_file_is_one_sentence_and_another_one_can_be_chosen(
    qtbot, wizard, tmp_path, weights
):
    chosen(qtbot, wizard, tmp_path / "nowhere.pth")
    assert "nowhere.pth" in wizard.choose_page.callout.text.text()
    assert not wizard.next.isEnabled()
    chosen(qtbot, wizard, weights)
    assert wizard.choose_page.callout.level == "success"
    assert wizard.next.isEnabled()


def test_that_a_refused_proposal_says_why_and_what_to_do(qtbot, wizard, engine, weights):
    engine.error = ModelError(
        "holds the weights of no architecture", subject=weights, remedy="Export the network"
    )
    engine.error_for = ProposeCardRequest
    chosen(qtbot, wizard, weights)
    wizard.next.click()
    rest(qtbot, wizard)
    callout = wizard.choose_page.callout
    assert callout.text.text() == f"{weights.name}: holds the weights of no architecture."
    assert callout.remedy.text() == "Export the network."
    assert wizard.stack.currentIndex() == 0


def test_that_an_error_of_the_program_shows_no_traceback(qtbot, session, wizard, engine, weights):
    engine.error, engine.error_for = KeyError("odd"), ProposeCardRequest
    chosen(qtbot, wizard, weights)
    wizard.next.click()
    rest(qtbot, wizard)
    assert "Traceback" not in wizard.choose_page.callout.text.text()
    assert any("Traceback" in line.details for line in session.bench.log.lines)


def test_that_a_card_beside_the_file_is_offered_and_taken_as_it_is(qtbot, wizard, tmp_path, engine):
    card = put_model(tmp_path / "there", "mine", (2).to_bytes(8, "little") + b"{}")
    chosen(qtbot, wizard, card.with_suffix(".safetensors"))
    assert "Mine" in wizard.choose_page.beside.text.text()
    wizard.choose_page.beside.button.click()
    assert wizard.page is wizard.card_page
    assert wizard.draft.card == read_card(card)
    assert not engine.of(ProposeCardRequest)


def test_that_the_input_of_a_network_that_does_not_say_it_can_be_said(
    qtbot, wizard, engine, tmp_path
):
    path = tmp_path / "network.onnx"
    path.write_bytes(b"onnx")
    chosen(qtbot, wizard, path)
    line = wizard.choose_page.shape
    assert line.isVisible()
    assert not line.height_.isEnabled()
    line.box.click()
    line.height_.setValue(96)
    go_on(qtbot, wizard)
    assert engine.of(ProposeCardRequest)[-1].shape == (3, 96, 224)


# ---------------------------------------------------------------------- stopping and leaving


def test_that_reading_is_stopped_and_begun_again(qtbot, session, wizard, engine, weights):
    chosen(qtbot, wizard, weights)
    engine.go.clear()
    wizard.next.click()
    until(qtbot, engine.waiting.is_set)
    assert not wizard.next.isEnabled()
    assert wizard.stop_button.isVisible()
    wizard.stop_button.click()
    assert not wizard.draft.busy
    until(qtbot, lambda: not session.bench.jobs.busy)
    assert session.bench.jobs.jobs[-1].state is JobState.CANCELLED
    assert wizard.page is wizard.choose_page
    engine.go.set()
    go_on(qtbot, wizard)
    assert wizard.page is wizard.card_page


def test_that_closing_while_something_runs_stops_it(qtbot, session, wizard, engine, weights):
    chosen(qtbot, wizard, weights)
    engine.go.clear()
    wizard.next.click()
    until(qtbot, engine.waiting.is_set)
    with qtbot.waitSignal(wizard.left, timeout=LONG):
        wizard.close()
    until(qtbot, lambda: not session.bench.jobs.busy)
    assert session.bench.jobs.jobs[-1].state is JobState.CANCELLED


def test_that_closing_the_window_closes_the_wizard(qtbot, session, wizard):
    with (
        qtbot.waitSignal(wizard.left, timeout=LONG),
        qtbot.waitSignal(session.bench.controller.stopped, timeout=LONG),
    ):
        session.window.close()


def test_that_an_edited_card_is_not_lost_without_a_question(qtbot, wizard, weights):
    chosen(qtbot, wizard, weights)
    go_on(qtbot, wizard)
    wizard.draft.set(name="Better")
    wizard.close()
    box = wizard.findChild(QMessageBox)
    assert wizard.isVisible()
    stay = next(b for b in box.buttons() if box.buttonRole(b) is QMessageBox.ButtonRole.RejectRole)
    stay.click()
    assert wizard.isVisible()
    wizard.close()
    box = wizard._question
    discard = QMessageBox.ButtonRole.DestructiveRole
    with qtbot.waitSignal(wizard.left, timeout=LONG):
        next(b for b in box.buttons() if box.buttonRole(b) is discard).click()


# ---------------------------------------------------------------------- the card


def test_that_the_least_certain_field_stands_first(qtbot, wizard, engine, weights):
    engine.proposal = FakeProposal(
        card_of("net", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
        (
            Guess("window", "full-range", "nothing in the file says", "guess"),
            Guess("mean and std", "…", "ImageNet's", "likely"),
            Guess("size", "32 × 32", "input of the graph", "certain"),
        ),
        ("the prefix module. was taken off",),
    )
    chosen(qtbot, wizard, weights)
    go_on(qtbot, wizard)
    page = wizard.card_page
    shown = [page._column.itemAt(i).widget() for i in range(page._column.count())]
    order = [b.names[0] for b in shown if b in page.inputs and b.chip.kind]
    assert order == ["window", "mean", "height"]
    window = next(b for b in page.inputs if "window" in b.names)
    assert window.reason.text() == "Nothing in the file says"
    assert page.usual.currentText() == "ImageNet"
    assert "module" in page.notes.text.text()


def test_that_an_error_stands_under_its_field_and_bars_the_way(qtbot, wizard, weights):
    chosen(qtbot, wizard, weights)
    go_on(qtbot, wizard)
    page = wizard.card_page
    block = next(b for b in page.inputs if "mean" in b.names)
    page.mean.setText("0.5, half")
    page.mean.typed.emit("0.5, half")
    assert "half" in block.error.text()
    assert not wizard.next.isEnabled()
    assert "half" in wizard.next.toolTip()
    page.mean.typed.emit("0.5")
    assert not block.error.text()
    assert wizard.next.isEnabled()


def test_that_classes_are_moved_with_their_thresholds_renamed_and_pasted(qtbot, wizard, weights):
    chosen(qtbot, wizard, weights)
    go_on(qtbot, wizard)
    pane, draft = wizard.card_page.classes, wizard.draft
    pane.task.picked.emit("multi-label")
    assert draft.values["thresholds"] == (0.5, 0.5)
    pane.table.item(0, 1).setText("0.3")
    pane.table.setCurrentCell(0, 0)
    pane.down.click()
    assert draft.card.classes == ("melanoma", "naevus")
    assert draft.card.thresholds == (0.5, 0.3)
    pane.table.setCurrentCell(0, 0)
    pane.table.paste("mass\nnodule\nmore than there are\n")
    assert draft.card.classes == ("mass", "nodule")
    pane.table.item(1, 0).setText("mass")
    assert "same name" in pane.block.error.text()


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"mean": ""}, "mean", "one number"),
        ({"mean": "123.7, 116.3, 103.5", "std": "58.4, 57.1, 57.4"}, "mean", "divide by 255"),
        ({"mean": "0.5, 0.5"}, "mean", "2 values for 3 channels"),
        ({"std": "0"}, "std", "above 0"),
        ({"id": "No Good"}, "id", "small letters"),
        ({"name": " "}, "name", "a name"),
        ({"classes": ("a", "")}, "classes", "no name"),
        ({"classes": ("a", "a")}, "classes", "same name"),
        ({"window": "fixed", "low": "100", "high": "-100"}, "low", "below"),
        ({"window": "percentile", "low": "1", "high": "101"}, "low", "0 and 100"),
        ({"task": "multi-label"}, "thresholds", "one each"),
        ({"task": "multi-label", "thresholds": (0.5, "x")}, "thresholds", "number"),
        ({"resize": "crop", "resize_side": "wide"}, "resize_side", "not a number"),
        ({"height": 4}, "height", "8"),
    ],
)
def test_that_each_wrong_value_is_named_with_its_field(values, field, words):
    card, errors = edited_card(values_of(card_of("net")) | values)
    assert card is None
    assert words in errors[field]


def test_that_a_card_comes_out_as_it_went_in_and_numbers_as_they_are_written():
    card = card_of("net", mean=(0.485, 0.456, 0.406), std=(1 / 255,))
    values = values_of(card)
    assert values["std"] == "1/255"
    assert edited_card(values) == (card, {})
    for text in ("0.1, 0.2, 0.3", "0.1; 0.2; 0.3", "0,1; 0,2; 0,3", "0.1 0.2 0.3"):
        read, _ = edited_card(values | {"mean": text})
        assert read.mean == (0.1, 0.2, 0.3), text


# ---------------------------------------------------------------------- the preview


def test_that_labels_fit_by_name_and_nothing_is_guessed():
    frames = (None, None)
    labelled = Samples(
        "set", frames, ("1", "2"), ((0,), (1,)), ("Melanoma", "naevus"), "single-label"
    )
    assert fit(labelled, card_of("net")).labels == ((1,), (0,))
    other = fit(labelled, card_of("net", classes=("class 0", "class 1")))
    assert other.labels is None
    assert other.missing == ("Melanoma", "naevus")
    assert other.adoptable
    three = fit(labelled, card_of("net", classes=("a", "b", "c")))
    assert not three.adoptable
    findings = card_of("net", task="multi-label", classes=("mass", "nodule"), thresholds=(0.5, 0.5))
    assert fit(labelled, findings).task_differs
    many = Samples("set", frames, ("1", "2"), ((1, 0), (0, 1)), ("nodule", "mass"), "multi-label")
    assert fit(many, findings).labels == ((0, 1), (1, 0))


def test_that_a_change_makes_the_preview_stale_until_it_is_run_again(
    qtbot, wizard, engine, weights, pictures
):
    chosen(qtbot, wizard, weights)
    go_on(qtbot, wizard)
    go_on(qtbot, wizard)
    page = wizard.preview_page
    page.take_paths([pictures])
    tried(qtbot, wizard)
    request = engine.of(CheckModelRequest)[-1]
    assert len(request.frames) == 16
    assert request.labels is None
    assert "Use these names" in page.labels.button.text()
    page.labels.button.click()
    tried(qtbot, wizard)
    assert engine.of(CheckModelRequest)[-1].labels == ((0,),) * 8 + ((1,),) * 8
    assert "8 of 16 right" in page.verdict.text.text()
    wizard.draft.set(mean="0.1")
    assert "run it again" in page.verdict.text.text()
    assert page.view.image is None
    page.again.click()
    tried(qtbot, wizard)
    assert page.view.image is not None


def test_that_images_that_cannot_be_read_are_named(qtbot, wizard, weights, tmp_path):
    chosen(qtbot, wizard, weights)
    go_on(qtbot, wizard)
    go_on(qtbot, wizard)
    (tmp_path / "text.png").write_text("no picture")
    wizard.preview_page.take_paths([tmp_path / "text.png"])
    rest(qtbot, wizard)
    assert wizard.preview_page.failure.level == "error"
    assert wizard.preview_page.failure.text.text()
    assert wizard.draft.samples is None


def test_that_names_of_medical_files_are_hidden_with_the_patient_data(
    qtbot, session, wizard, weights, tmp_path
):
    file = tmp_path / "smith_anna.dcm"
    ct_slice(file, depth=0.0, number=1, study="1.2.3", series="1.2.3.4")
    chosen(qtbot, wizard, weights)
    go_on(qtbot, wizard)
    go_on(qtbot, wizard)
    session.bench.controller.privacy.set_masked(True)
    wizard.preview_page.take_paths([file])
    tried(qtbot, wizard)
    assert wizard.preview_page.list.item(0).text().endswith("image 1")
    session.bench.controller.privacy.set_masked(False)
    assert wizard.preview_page.list.item(0).text().endswith("smith_anna.dcm")


# ---------------------------------------------------------------------- saving


def test_that_an_id_that_is_taken_is_not_overwritten_by_chance(qtbot, wizard, weights, models):
    put_model(models / "net", "net")
    wizard._bench.controller.reload_models()
    library = wizard.draft.library
    until(qtbot, lambda: library.taken("net") is not None)
    chosen(qtbot, wizard, weights)
    go_on(qtbot, wizard)
    go_on(qtbot, wizard)
    go_on(qtbot, wizard)
    page = wizard.save_page
    assert "not tried" in page.doubts.text.text()
    wizard.draft.set(id="demo-fundus")
    assert not wizard.next.isEnabled()
    assert not page.replace.isVisible()
    wizard.draft.set(id="net")
    assert not wizard.next.isEnabled()
    page.replace.click()
    assert wizard.next.isEnabled()
    page.clash.button.click()
    assert wizard.draft.card.id == "net-2"
    assert wizard.next.isEnabled()
    page.use.setChecked(False)
    with qtbot.waitSignal(wizard.left, timeout=LONG):
        wizard.next.click()
    assert (models / "net-2" / weights.name).read_bytes() == weights.read_bytes()
    until(qtbot, lambda: library.taken("net-2") is not None)


def test_that_saving_that_fails_says_why_and_stays(qtbot, wizard, weights):
    chosen(qtbot, wizard, weights)
    go_on(qtbot, wizard)
    go_on(qtbot, wizard)
    go_on(qtbot, wizard)
    weights.unlink()
    wizard.next.click()
    rest(qtbot, wizard)
    assert weights.name in wizard.save_page.failure.text.text()
    assert wizard.isVisible()
    assert not user_models().exists() or not list(user_models().glob("*/*.toml"))


def test_that_the_card_of_an_own_model_is_edited_and_the_model_loaded_anew(
    qtbot, session, engine, models
):
    path = put_model(models, "mine")
    controller, case = session.bench.controller, session.bench.case
    controller.reload_models()
    until(qtbot, lambda: controller.model_library.taken("mine") is not None)
    controller.choose_model("mine")
    until(qtbot, lambda: case.loaded is not None)
    wizard = edit_card(session.window, controller.model_library.entry("mine"))
    assert wizard.choose_page is None
    wizard.draft.set(classes=("benign", "malignant"))
    go_on(qtbot, wizard)
    go_on(qtbot, wizard)
    with qtbot.waitSignal(wizard.left, timeout=LONG):
        wizard.next.click()
    assert read_card(path).classes == ("benign", "malignant")
    until(qtbot, lambda: case.loaded is not None and case.loaded.card.classes[0] == "benign")


def test_that_a_model_of_the_library_is_checked_without_changing_it(qtbot, session, grey_png):
    library = session.bench.controller.model_library
    entry = next(e for e in library.entries if isinstance(e, LibraryEntry))
    wizard = check_model(session.window, entry)
    assert wizard.pages == [wizard.preview_page]
    wizard.preview_page.take_paths([grey_png])
    tried(qtbot, wizard)
    assert wizard.next.text() == "Close"
    with qtbot.waitSignal(wizard.left, timeout=LONG):
        wizard.next.click()


# ---------------------------------------------------------------------- dropping


def test_that_a_dropped_model_file_opens_the_wizard_and_pictures_open_as_ever(
    qtbot, session, weights, grey_png, tmp_path
):
    window = session.window
    open_dropped(window, [weights, grey_png])
    wizard = window.findChild(ModelWizard)
    rest(qtbot, wizard)
    assert wizard.draft.look.path == weights
    until(qtbot, lambda: session.bench.case.frame is not None)
    leave(qtbot, wizard)
    card = put_model(tmp_path / "there", "mine")
    open_dropped(window, [card, weights])
    until(qtbot, lambda: session.bench.case.model == str(card))
    assert any(weights.name in n.text for n in session.bench.controller.notices.notices)
