from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from medadv_desktop.attacks.gradient.apgd import APGD
from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import HideFinding
from medadv_desktop.audit.budget_search import BudgetSearchOutcome, BudgetSearchRequest
from medadv_desktop.audit.devices import choose_device
from medadv_desktop.audit.engine import Engine
from medadv_desktop.audit.grid import GRID
from medadv_desktop.audit.judging import on_grid
from medadv_desktop.audit.requests import (
    AttackOutcome,
    AttackRequest,
    FeatureRequest,
    LoadRequest,
    PredictRequest,
    WarmUp,
)
from medadv_desktop.audit.saving import file_sha256, save_outcome
from medadv_desktop.audit.transfer import transferred
from medadv_desktop.errors import AttackError, DeviceError, ExportError, ModelError
from medadv_desktop.imaging.reading import read_frame
from medadv_desktop.jobs import CancelToken, JobCancelled
from medadv_desktop.models.input_plan import InputPlan
from medadv_desktop.models.loading import load_model

WriteModel = Callable[..., Path]
STRONG = PGD(epsilon=32 / 255, steps=30)


def attacked(model: Path, image: Path, **fields: object) -> AttackOutcome:
    request = AttackRequest(str(model), read_frame(image), STRONG, **fields)
    outcome = Engine("cpu").run(request)
    assert isinstance(outcome, AttackOutcome)
    return outcome


def test_that_a_prediction_is_that_of_the_model(write_model: WriteModel, grey_png: Path) -> None:
    card = write_model()
    result = Engine("cpu").run(PredictRequest(str(card), read_frame(grey_png)))
    model = load_model(card)
    with torch.no_grad():
        logits = model(torch.from_numpy(result.image)[None])[0].double()
    np.testing.assert_allclose(result.prediction.logits, logits, rtol=1e-6)
    np.testing.assert_allclose(result.prediction.probabilities.sum(), 1)
    assert result.prediction.decided == (("naevus", "melanoma")[int(logits.argmax())],)


def test_that_the_engine_tells_its_device_and_versions() -> None:
    ready = Engine("cpu").run(WarmUp())
    assert ready.device == "cpu"
    assert "cpu" in ready.devices
    assert dict(ready.versions)["torch"] == torch.__version__


def test_that_a_loaded_model_lists_layers_with_maps(write_model: WriteModel) -> None:
    loaded = Engine("cpu").run(LoadRequest(str(write_model())))
    assert loaded.layers[0] == "stem"
    assert "head" not in loaded.layers


def test_that_without_true_labels_the_clean_prediction_is_the_reference(
    write_model: WriteModel, grey_png: Path
) -> None:
    outcome = attacked(write_model(), grey_png)
    assert outcome.reference_is_prediction
    assert outcome.reference == (int(outcome.clean.logits.argmax()),)
    assert outcome.success == (outcome.attacked.decided != outcome.clean.decided)


def test_that_what_was_judged_is_what_is_saved(
    write_model: WriteModel, grey_png: Path, tmp_path: Path
) -> None:
    for channels in (1, 3):
        card = write_model(f"tiny{channels}", channels=channels)
        outcome = attacked(card, grey_png)
        assert outcome.success
        folder = tmp_path / "result"
        save_outcome(outcome, folder)
        again = Engine("cpu").run(PredictRequest(str(card), read_frame(folder / "adversarial.png")))
        np.testing.assert_array_equal(again.image, outcome.adversarial)
        np.testing.assert_array_equal(again.prediction.logits, outcome.attacked.logits)


def test_that_the_saved_story_is_complete_and_true(
    write_model: WriteModel, grey_png: Path, tmp_path: Path
) -> None:
    outcome = attacked(write_model(), grey_png, labels=(1,), seed=7)
    paths = save_outcome(outcome, tmp_path / "result")
    assert {p.name for p in paths} == {p.name for p in (tmp_path / "result").iterdir()}
    story = json.loads((tmp_path / "result" / "result.json").read_text())
    assert story["input"]["sha256"] == file_sha256(grey_png)
    assert story["seed"] == 7
    assert story["reference"] == {"labels": [1], "is": "true label"}
    assert story["attack"]["epsilon"] == pytest.approx(32 / 255)
    arrays = np.load(tmp_path / "result" / "arrays.npz")
    difference = arrays["adversarial"].astype(float) - arrays["original"]
    # The arrays are float32, the norms exact.
    assert story["norms"]["linf"] == pytest.approx(np.abs(difference).max(), abs=2e-7)
    assert story["norms"]["l2"] == pytest.approx(np.sqrt((difference**2).sum()), rel=1e-5)
    assert story["norms"]["linf"] <= 32 / 255 * (1 + 1e-9)
    assert "not for diagnosis" in story["notice"]
    picture = np.asarray(Image.open(tmp_path / "result" / "perturbation.png"))
    assert picture.shape == (32, 32, 3)


def test_that_padding_takes_no_part_in_the_norms(write_model: WriteModel, grey_png: Path) -> None:
    card = str(write_model())
    stored = np.array(read_frame(grey_png).stored)[:32, :32].clip(1)
    stored[:16] = 0
    whole = dataclasses.replace(read_frame(grey_png), stored=stored)
    padded = dataclasses.replace(whole, padding=(0.0, 0.0))
    outcome = Engine("cpu").run(AttackRequest(card, padded, STRONG))
    inner = outcome.perturbation[:, 16:].astype(float)
    assert np.abs(outcome.perturbation[:, :16]).max() > 0
    assert outcome.l2 == pytest.approx(np.sqrt((inner**2).sum()), rel=1e-5)


def test_that_an_unwritable_folder_is_named(
    write_model: WriteModel, grey_png: Path, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(ExportError, match="taken"):
        save_outcome(attacked(write_model(), grey_png), tmp_path / "taken")


def test_that_hiding_a_finding_hides_it(write_model: WriteModel, grey_png: Path) -> None:
    card = write_model(classes=("nodule", "mass", "effusion"), multi_label=True, seed=3)
    outcome = attacked(card, grey_png, objective=HideFinding(finding=1), labels=(0, 1, 0))
    assert outcome.success == (not outcome.attacked.decisions[1])


@pytest.mark.parametrize("labels", [(2,), (0, 1), (-1,)])
def test_that_labels_that_do_not_fit_are_refused(
    write_model: WriteModel, grey_png: Path, labels: tuple[int, ...]
) -> None:
    with pytest.raises(AttackError, match="labels"):
        attacked(write_model(), grey_png, labels=labels)


def test_that_the_second_model_judges_the_same_images(
    write_model: WriteModel, grey_png: Path
) -> None:
    first, second = write_model("first"), write_model("second", seed=9)
    outcome = attacked(first, grey_png, second_model=str(second))
    model = load_model(second)
    with torch.no_grad():
        expected = model(torch.from_numpy(outcome.adversarial)[None])[0]
    np.testing.assert_array_equal(outcome.second_adversarial, outcome.adversarial)
    np.testing.assert_allclose(outcome.second_attacked.logits, expected.double(), rtol=1e-6)
    assert outcome.notes == outcome.plan.notes


def test_that_a_second_model_of_another_size_gets_a_resampled_perturbation(
    write_model: WriteModel, grey_png: Path
) -> None:
    second = write_model("second", side=48)
    outcome = attacked(write_model("first"), grey_png, second_model=str(second))
    assert outcome.second_adversarial.shape == (1, 48, 48)
    assert any("resampled" in note for note in outcome.notes)
    moved = np.abs(outcome.second_adversarial - outcome.second_original).max()
    assert 0 < moved <= outcome.linf + 1e-6


def test_that_feature_maps_are_those_of_the_layer(write_model: WriteModel, grey_png: Path) -> None:
    card = write_model()
    engine = Engine("cpu")
    outcome = attacked(card, grey_png)
    request = FeatureRequest(str(card), "stem", outcome.original, outcome.adversarial, channels=3)
    result = engine.run(request)
    model = load_model(card)
    with torch.no_grad():
        original, adversarial = (
            model.network.stem((torch.from_numpy(x)[None] - 0.5) / 0.25)[0]
            for x in (outcome.original, outcome.adversarial)
        )
    difference = (adversarial - original).flatten(1).norm(dim=1)
    expected = difference.argsort(descending=True)[:3].tolist()
    assert list(result.channels) == expected
    np.testing.assert_allclose(result.original, original[expected], rtol=1e-5, atol=1e-6)
    relative = (adversarial - original).norm() / original.norm()
    assert result.distance == pytest.approx(float(relative), rel=1e-5)


def test_that_equal_images_have_no_feature_distance(
    write_model: WriteModel, grey_png: Path
) -> None:
    card = write_model()
    image = Engine("cpu").run(PredictRequest(str(card), read_frame(grey_png))).image
    result = Engine("cpu").run(FeatureRequest(str(card), "stem", image, image))
    assert result.distance == 0
    assert not result.change.any()


def test_that_a_layer_without_maps_is_refused_by_name(
    write_model: WriteModel, grey_png: Path
) -> None:
    card = str(write_model())
    image = Engine("cpu").run(PredictRequest(card, read_frame(grey_png))).image
    with pytest.raises(AttackError, match="head"):
        Engine("cpu").run(FeatureRequest(card, "head", image, image))


def test_that_a_cancelled_request_leaves_the_engine_usable(
    write_model: WriteModel, grey_png: Path
) -> None:
    card, engine, token = str(write_model()), Engine("cpu"), CancelToken()
    frame = read_frame(grey_png)

    def stop_at_once(_event: object) -> None:
        token.cancel()

    with pytest.raises(JobCancelled):
        engine.run(AttackRequest(card, frame, PGD(steps=50)), stop_at_once, token)
    assert engine.run(PredictRequest(card, frame)).prediction.decided


def test_that_a_missing_model_is_an_error_not_a_crash(grey_png: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.toml"):
        Engine("cpu").run(PredictRequest("gone.toml", read_frame(grey_png)))


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cuda:99", "tpu:0", ""])
def test_that_a_device_that_is_not_there_is_refused_with_the_choices(name: str) -> None:
    with pytest.raises(DeviceError, match="auto, cpu"):
        choose_device(name)


@given(
    st.lists(st.integers(0, GRID), min_size=4, max_size=4),
    st.lists(st.floats(-1, 1, width=32), min_size=4, max_size=4),
    st.sampled_from([1, 2, 4, 8]),
)
@settings(max_examples=200, deadline=None)
def test_that_rounding_to_sixteen_bits_never_leaves_the_budget(
    levels: list[int], directions: list[float], budget: int
) -> None:
    original = torch.tensor(levels, dtype=torch.float64).div(GRID).float()
    epsilon = budget / 255
    adversarial = (original + torch.tensor(directions) * epsilon).clamp(0, 1)
    rounded = on_grid(original, adversarial)
    steps = rounded.double() * GRID
    assert torch.allclose(steps, steps.round(), atol=5e-3)
    assert float((rounded.double() - original.double()).abs().max()) <= epsilon * (1 + 1e-6)
    assert float((rounded - adversarial).abs().max()) <= 1.01 / GRID


def test_that_a_transferred_perturbation_stays_where_it_was_in_the_frame() -> None:
    whole = InputPlan(0, 255, False, (16, 16), (0, 0, 16, 16), 1)
    # The same frame at twice the size, of which the middle 16×16 is cut.
    middle = InputPlan(0, 255, False, (32, 32), (8, 8, 16, 16), 1)
    delta = torch.zeros(1, 1, 16, 16)
    delta[..., 4:12, 4:12] = 0.5
    moved, notes = transferred(delta, whole, middle, (64, 64))
    assert notes
    # The patch is exactly the middle half of the frame, so all of the second input.
    assert float(moved[..., 1:-1, 1:-1].min()) == pytest.approx(0.5)


def test_that_a_transferred_perturbation_keeps_its_size_in_modality_values() -> None:
    wide = InputPlan(0, 200, False, (8, 8), (0, 0, 8, 8), 1)
    narrow = InputPlan(50, 150, True, (8, 8), (0, 0, 8, 8), 1)
    moved, _ = transferred(torch.full((1, 1, 8, 8), 0.1), wide, narrow, (8, 8))
    # 0.1 of 200 is 20, which is 0.2 of 100; inverted, brighter becomes darker.
    torch.testing.assert_close(moved, torch.full((1, 1, 8, 8), -0.2))


def test_that_the_smallest_budget_of_a_frame_is_found_and_every_try_can_be_looked_at(
    write_model: WriteModel, grey_png: Path
) -> None:
    frame, model = read_frame(grey_png), str(write_model())
    request = BudgetSearchRequest(model, frame, APGD(steps=10), highest=32 / 255, halvings=4)
    found = Engine("cpu").run(request)
    assert isinstance(found, BudgetSearchOutcome)
    assert found.smallest is not None
    assert found.step == pytest.approx(2 / 255)
    budgets = [tried.epsilon for tried in found.tries]
    assert budgets == sorted(budgets)
    assert {tried.epsilon for tried in found.tries if tried.success} == {
        b for b in budgets if b >= found.smallest
    }
    for tried in found.tries:
        change = tried.adversarial.astype(np.float64) - found.original
        assert np.abs(change).max() <= tried.epsilon * (1 + 1e-6)
        changed = tried.prediction.decided != found.clean.decided
        assert changed == tried.success
    # A run at one budget alone gives the same verdict there.
    last = found.at(found.smallest)
    assert last is not None
    attack = APGD(steps=10, epsilon=found.smallest)
    alone = Engine("cpu").run(AttackRequest(model, frame, attack))
    assert isinstance(alone, AttackOutcome)
    assert alone.success
    np.testing.assert_array_equal(alone.adversarial, last.adversarial)
    assert found.at(0) is None
    assert found.at(1).success


def test_that_no_budget_is_named_where_the_highest_is_not_enough(
    write_model: WriteModel, grey_png: Path
) -> None:
    request = BudgetSearchRequest(
        str(write_model()), read_frame(grey_png), PGD(steps=1), highest=1e-6, halvings=2
    )
    found = Engine("cpu").run(request)
    assert isinstance(found, BudgetSearchOutcome)
    assert found.smallest is None
    assert [tried.success for tried in found.tries] == [False]
