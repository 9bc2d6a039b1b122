"""Whole trainings: what they leave, how they end, what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import training_cases

from medadv_desktop.errors import DatasetError, DeviceError, ModelError, RecipeError, TrainingError
from medadv_desktop.jobs import CancelToken, Event, JobCancelled, Message, Partial, silent
from medadv_desktop.models.loading import load_model
from medadv_desktop.models.watch import watched
from medadv_desktop.training import validation
from medadv_desktop.training.files import read_recipe
from medadv_desktop.training.recipe import Recipe
from medadv_desktop.training.requests import (
    TrainingControl,
    TrainingFinished,
    TrainingRequest,
    TrainingStanding,
)
from medadv_desktop.training.run import run_training
from medadv_desktop.training.validation import Scores


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return training_cases.write_set(tmp_path)


def train(
    folder: Path, recipe: Recipe | None, emit: Any = silent, *, resume: bool = False, **more: Any
) -> TrainingFinished:
    cache = folder.parent / "digests"
    request = TrainingRequest(folder, recipe, resume=resume, cache=cache, **more)
    return run_training(request, "cpu", emit)


def at_step(number: int, do: Any) -> Any:
    """An audience that acts once so many steps are done."""

    def emit(event: Event) -> None:
        standing = isinstance(event, Partial) and isinstance(event.value, TrainingStanding)
        if standing and event.value.step == number:
            do()

    return emit


def test_that_a_training_leaves_a_model_ready_for_the_library(data: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    recipe = training_cases.recipe_for(data, budget={"epochs": 4}, optimiser={"kind": "adamw"})
    finished = train(tmp_path / "run", recipe, events.append)
    assert finished.ending == "epochs"
    assert finished.card is not None
    model = load_model(finished.card)
    assert model.card.id == "tiny"
    assert model.card.classes == ("melanoma", "naevus")
    best = finished.history[finished.best - 1]
    assert best.score == max(e.score for e in finished.history if e.score is not None)
    robust = next(f for f in model.card.figures if f.name.startswith("robust"))
    assert robust.value == pytest.approx(best.robust, abs=1e-4)
    assert robust.samples == 8
    assert read_recipe(tmp_path / "run" / "recipe.toml") == recipe
    curves = json.loads((tmp_path / "run" / "curves.json").read_text())
    assert [e["epoch"] for e in curves["epochs"]] == [1, 2, 3, 4]
    assert curves["train_samples"] == 16
    standings = [e.value for e in events if isinstance(e, Partial)]
    assert [s.step for s in standings] == list(range(1, 17))
    shown = next(s for s in standings if s.attacked is not None)
    assert 0 < abs(shown.attacked - shown.original).max() <= 8 / 255 + 1e-6
    told = [e.text for e in events if isinstance(e, Message)]
    assert any(text.startswith("epoch 4 of 4: loss") for text in told)


@pytest.mark.parametrize(
    "values",
    [
        {"objective": "free", "objective_settings": {"repeats": 2}},
        {"objective": "trades", "objective_settings": {"steps": 1}, "awp": {"gamma": 0.01}},
        {
            "objective": "standard",
            "objective_settings": {},
            "loss": {"class_weights": "balanced", "focal_gamma": 2, "label_smoothing": 0.1},
            "augmentation": {
                "mixup": 0.2,
                "rotate": 10,
                "shift": 0.1,
                "scale": 0.1,
                "brightness": 0.1,
                "contrast": 0.1,
                "flip_vertical": True,
                "corruptions": ["gaussian-noise", "gamma-up"],
            },
        },
        {"precision": "mixed", "optimiser": {"clip": 1.0}, "schedule": {"kind": "step"}},
    ],
)
def test_that_paused_and_resumed_it_ends_in_the_same_bits(
    values: dict[str, Any], data: Path, tmp_path: Path
) -> None:
    recipe = training_cases.recipe_for(data, **values)
    train(tmp_path / "whole", recipe)
    control = TrainingControl()
    replays = recipe.made_objective().replays
    first = train(tmp_path / "run", recipe, at_step(3 * replays, control.pause), control=control)
    assert first.ending == "paused"
    assert first.card is None
    assert train(tmp_path / "run", None, resume=True).ending == "epochs"
    training_cases.assert_same(tmp_path / "run", tmp_path / "whole")


def test_that_cancelled_in_the_middle_of_a_step_it_goes_on_to_the_same_bits(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = training_cases.recipe_for(data)
    train(tmp_path / "whole", recipe)
    token, calls = CancelToken(), 0

    def cancelling(model: torch.nn.Module, heeded: CancelToken) -> Any:
        def count(*_: object) -> None:
            nonlocal calls
            calls += 1
            if calls == 8:  # the second pass of the third step or so, in train mode
                token.cancel()

        model.network.register_forward_hook(count)  # type: ignore[union-attr,operator]
        return watched(model, heeded)

    monkeypatch.setattr("medadv_desktop.training.loop.watched", cancelling)
    request = TrainingRequest(tmp_path / "run", recipe, cache=tmp_path / "digests")
    with pytest.raises(JobCancelled):
        run_training(request, "cpu", token=token)
    monkeypatch.undo()
    train(tmp_path / "run", None, resume=True)
    training_cases.assert_same(tmp_path / "run", tmp_path / "whole")


def test_that_findings_are_trained_and_scored_by_area(tmp_path: Path) -> None:
    data = training_cases.write_set(tmp_path, findings=True)
    recipe = training_cases.recipe_for(
        data,
        objective="maadvt",
        data={"options": {"label_columns": "a, b"}},
        loss={"class_weights": "balanced"},
    )
    finished = train(tmp_path / "run", recipe)
    assert finished.card is not None
    model = load_model(finished.card)
    assert model.card.multi_label
    assert {f.name.split(" (")[0] for f in model.card.figures} == {
        "clean macro AUC",
        "robust macro AUC, PGD-1, Linf 4/255",
    }


def test_that_a_batch_in_parts_gives_the_same_weights(data: Path, tmp_path: Path) -> None:
    base = train(tmp_path / "base", training_cases.recipe_for(data, budget={"epochs": 1}))
    tuned = {"id": "tuned", "base": str(base.card), "batch_norm": "frozen"}
    for name, part in (("whole", None), ("parts", 3)):
        budget = {} if part is None else {"part_size": part}
        train(tmp_path / name, training_cases.recipe_for(data, model=tuned, budget=budget))
    whole, parts = (training_cases.weights(tmp_path / name) for name in ("whole", "parts"))
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, rtol=1e-4, atol=1e-6)


def test_that_memory_that_does_not_suffice_halves_the_parts(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medadv_desktop.defenses.objectives.advt import AdvT

    honest, events = AdvT.backward, []

    def greedy(self: AdvT, lesson: Any, scale: float) -> Any:
        losses = honest(self, lesson, scale)
        if len(lesson.images) > most:
            raise torch.OutOfMemoryError("out of memory")
        return losses

    # Large enough that a single sample has statistics.
    large = {"preprocessing": {"channels": 1, "height": 64, "width": 64}}
    recipe = training_cases.recipe_for(data, model=large, budget={"epochs": 1})
    in_parts = training_cases.recipe_for(data, model=large, budget={"epochs": 1, "part_size": 1})
    train(tmp_path / "parts", in_parts)
    monkeypatch.setattr(AdvT, "backward", greedy)
    most = 1
    train(tmp_path / "run", recipe, events.append)
    told = [e.text for e in events if isinstance(e, Message) and e.level == "warning"]
    assert [text.split(":")[1].split()[0] for text in told] == ["2", "1"]
    training_cases.assert_same(tmp_path / "run", tmp_path / "parts")
    most = 0
    with pytest.raises(DeviceError, match="single training sample"):
        train(tmp_path / "none", recipe)


def test_that_a_part_too_small_for_batch_norm_is_told(data: Path, tmp_path: Path) -> None:
    recipe = training_cases.recipe_for(data, budget={"part_size": 1})
    with pytest.raises(TrainingError, match="no statistics") as caught:
        train(tmp_path / "run", recipe)
    assert caught.value.subject == "budget.part_size"


def test_that_a_diverging_rate_ends_with_a_diagnosis_and_what_was_best(
    data: Path, tmp_path: Path
) -> None:
    recipe = training_cases.recipe_for(
        data,
        optimiser={"learning_rate": 1e6},
        schedule={"kind": "constant", "warmup": 0},
        budget={"epochs": 20},
    )
    finished = train(tmp_path / "run", recipe)
    assert finished.ending == "diverged"
    assert "learning rate of 1e+06" in finished.diagnosis
    assert "ten times smaller" in finished.diagnosis
    if finished.best:
        assert finished.card is not None
        load_model(finished.card)


def scripted(monkeypatch: pytest.MonkeyPatch, robust: list[float]) -> None:
    """Validations that give these scores in turn."""
    rest = iter(robust)

    def judged(*_: Any) -> Scores:
        score = next(rest)
        return Scores(0.9, score, score)

    monkeypatch.setattr("medadv_desktop.training.loop.validate", judged)


def test_that_without_a_better_score_it_ends_and_the_earliest_best_is_kept(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.4, 0.6, 0.6, 0.5])
    recipe = training_cases.recipe_for(data, budget={"epochs": 9, "patience": 2})
    finished = train(tmp_path / "run", recipe)
    assert (finished.ending, finished.best, len(finished.history)) == ("patience", 2, 4)


def test_that_catastrophic_overfitting_ends_a_fast_training(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.5, 0.6, 0.45, 0.3])
    recipe = training_cases.recipe_for(
        data, objective="fast", objective_settings={}, budget={"epochs": 9}
    )
    finished = train(tmp_path / "run", recipe)
    assert (finished.ending, finished.best, len(finished.history)) == ("collapsed", 2, 4)


def test_that_no_epoch_is_begun_beyond_the_time(data: Path, tmp_path: Path) -> None:
    recipe = training_cases.recipe_for(data, budget={"epochs": 9, "minutes": 1e-6})
    finished = train(tmp_path / "run", recipe)
    assert (finished.ending, len(finished.history), finished.best) == ("time", 1, 1)
    again = train(tmp_path / "run", None, resume=True)
    assert (again.ending, len(again.history)) == ("time", 1)


def test_that_finishing_early_keeps_the_best_so_far(data: Path, tmp_path: Path) -> None:
    control = TrainingControl()
    recipe = training_cases.recipe_for(data, budget={"epochs": 9})
    finished = train(tmp_path / "run", recipe, at_step(2, control.finish), control=control)
    assert finished.ending == "asked"
    assert finished.best == 1
    assert finished.card is not None


def test_that_only_the_head_learns_where_that_is_asked(data: Path, tmp_path: Path) -> None:
    base = train(tmp_path / "base", training_cases.recipe_for(data, budget={"epochs": 1}))
    tuned = {"id": "tuned", "base": str(base.card), "trained": "head"}
    train(tmp_path / "run", training_cases.recipe_for(data, model=tuned))
    before = load_model(base.card).network.state_dict()  # type: ignore[arg-type]
    after = training_cases.weights(tmp_path / "run")
    changed = {n for n, v in before.items() if not torch.equal(v, after[f"network/{n}"])}
    assert changed == {"head.weight", "head.bias"}


def test_that_a_set_of_one_class_is_refused(tmp_path: Path) -> None:
    data = training_cases.write_set(tmp_path, one_class=True)
    options = {"options": {"classes": "naevus|melanoma"}}
    with pytest.raises(DatasetError, match="nothing to tell apart"):
        train(tmp_path / "run", training_cases.recipe_for(data, data=options))
    assert not (tmp_path / "run").exists()


def test_that_a_missing_or_shared_validation_part_is_refused(data: Path, tmp_path: Path) -> None:
    for subset, wanted in (({"splits": "validation"}, "no split"), ({}, "both learned from")):
        recipe = training_cases.recipe_for(data, data={"val": subset})
        with pytest.raises(DatasetError, match=wanted) as caught:
            train(tmp_path / "run", recipe)
        assert caught.value.subject == "data.val"


def test_that_patients_in_both_parts_are_told_of(tmp_path: Path) -> None:
    data = training_cases.write_set(tmp_path)
    table = data.read_text().splitlines()
    data.write_text("\n".join([table[0], *(row.rsplit(",", 1)[0] + ",p1" for row in table[1:])]))
    events: list[Event] = []
    train(tmp_path / "run", training_cases.recipe_for(data, budget={"epochs": 1}), events.append)
    told = [e.text for e in events if isinstance(e, Message)]
    assert any(text.startswith("1 patients are both") for text in told)


def test_that_an_unreadable_image_is_told_of_and_left_out(data: Path, tmp_path: Path) -> None:
    (data.parent / "000.png").write_bytes(b"no image")
    events: list[Event] = []
    train(tmp_path / "run", training_cases.recipe_for(data, budget={"epochs": 1}), events.append)
    told = [e.text for e in events if isinstance(e, Message)]
    assert any("1 samples of the training part cannot be used" in text for text in told)


def test_that_another_recipe_or_other_data_is_not_gone_on_with(data: Path, tmp_path: Path) -> None:
    recipe = training_cases.recipe_for(data, budget={"epochs": 1})
    folder = tmp_path / "run"
    train(folder, recipe)
    with pytest.raises(TrainingError, match="holds a training already"):
        train(folder, recipe)
    other = training_cases.recipe_for(data, budget={"epochs": 1}, seed=1)
    with pytest.raises(TrainingError, match="another recipe"):
        train(folder, other, resume=True)
    (folder / "recipe.toml").write_text(
        (folder / "recipe.toml").read_text().replace("seed = 0", "seed = 1", 1)
    )
    with pytest.raises(TrainingError, match="checkpoint of another recipe"):
        train(folder, None, resume=True)
    with pytest.raises(TrainingError, match="no training to go on with"):
        train(tmp_path / "nothing", None, resume=True)


def test_that_changed_labels_are_noticed_on_resuming(data: Path, tmp_path: Path) -> None:
    train(tmp_path / "run", training_cases.recipe_for(data, budget={"epochs": 1}))
    data.write_text(data.read_text().replace("000.png,naevus", "000.png,melanoma"))
    with pytest.raises(TrainingError, match="other data"):
        train(tmp_path / "run", None, resume=True)


def test_that_a_broken_checkpoint_is_named(data: Path, tmp_path: Path) -> None:
    train(tmp_path / "run", training_cases.recipe_for(data, budget={"epochs": 1}))
    (tmp_path / "run" / "checkpoint.safetensors").write_bytes(b"broken")
    with pytest.raises(TrainingError, match="cannot be read as a checkpoint"):
        train(tmp_path / "run", None, resume=True)


def test_that_a_model_without_a_known_architecture_is_not_trained(
    data: Path, tmp_path: Path
) -> None:
    recipe = training_cases.recipe_for(data, model={"base": str(tmp_path / "none.toml")})
    with pytest.raises(ModelError, match="no such model card"):
        train(tmp_path / "run", recipe)


def test_that_a_batch_must_be_shared_evenly(data: Path, tmp_path: Path) -> None:
    from medadv_desktop.audit.runner.team import Team

    request = TrainingRequest(tmp_path / "run", training_cases.recipe_for(data))
    with pytest.raises(RecipeError, match="multiple of 3"):
        run_training(request, "cpu", team=Team(0, 3))


def test_that_a_network_of_nan_scores_nothing(data: Path, tmp_path: Path) -> None:
    from medadv_desktop.audit.inputs_at_hand import inputs_at_hand
    from medadv_desktop.audit.runner.team import Team
    from medadv_desktop.training.samples import Samples
    from medadv_desktop.training.starting import class_match, labels_by, make_model, open_data

    recipe = training_cases.recipe_for(data)
    opened = open_data(recipe, CancelToken(), silent)
    model = make_model(recipe, opened.whole, torch.device("cpu"))
    with torch.no_grad():
        next(model.network.parameters()).fill_(torch.nan)
    match = labels_by(class_match(recipe, opened.whole, model.card))
    with inputs_at_hand(model, opened.val, 1, silent, CancelToken(), match) as inputs:
        samples = Samples.of(inputs, model.card)
        found = validation.validate(model, samples, recipe.validation, 0, Team(), CancelToken())
    assert found == Scores(-1, -1, -1)
