"""What the engine answers when it is asked about models."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from medadv_desktop.audit.engine import Engine
from medadv_desktop.audit.requests import (
    CheckedModel,
    CheckModelRequest,
    LoadedModel,
    LoadRequest,
    ManyPredictions,
    PredictManyRequest,
    PredictRequest,
    ProposeCardRequest,
    ProposedCard,
)
from medadv_desktop.errors import ModelError
from medadv_desktop.imaging.frame import Frame, Photometric, Provenance
from medadv_desktop.imaging.reading import read_frame
from medadv_desktop.jobs import CancelToken, Event, JobCancelled, Partial
from medadv_desktop.models.card import ModelCard, Preprocessing, read_card, write_card

WriteModel = Callable[..., Path]

FACTORY = """
import pathlib, torch
(pathlib.Path(__file__).parent / "ran").touch()

def build():
    torch.manual_seed(5)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1024, 2))
"""


@pytest.fixture
def python_model(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(FACTORY)
    card = ModelCard(
        id="net",
        name="Net",
        architecture="as-in-file",
        task="single-label",
        classes=("a", "b"),
        preprocessing=Preprocessing(channels=1, height=32, width=32),
        weights="net.py",
    )
    write_card(card, tmp_path / "net.toml")
    return tmp_path / "net.toml"


def test_that_code_runs_only_after_the_user_agreed_and_then_for_every_request(
    python_model: Path, grey_png: Path
) -> None:
    engine, name, ran = Engine("cpu"), str(python_model), python_model.parent / "ran"
    with pytest.raises(ModelError, match=r"net\.py: .*did not agree.*allow-code"):
        engine.run(LoadRequest(name))
    assert not ran.exists()
    loaded = engine.run(LoadRequest(name, allow_code=True))
    assert isinstance(loaded, LoadedModel)
    assert ran.exists()
    assert loaded.notes == ("built by code of the file",)
    engine.run(PredictRequest(name, read_frame(grey_png)))
    with pytest.raises(ModelError, match="did not agree"):
        Engine("cpu").run(LoadRequest(name))


def test_that_a_changed_python_file_needs_a_new_permission(python_model: Path) -> None:
    engine, name, ran = Engine("cpu"), str(python_model), python_model.parent / "ran"
    engine.run(LoadRequest(name, allow_code=True))
    ran.unlink()
    (python_model.parent / "net.py").write_text(FACTORY + "# another\n")
    with pytest.raises(ModelError, match=r"net\.py: .*changed since you agreed"):
        engine.run(LoadRequest(name))
    assert not ran.exists()
    assert engine.run(LoadRequest(name, allow_code=True))


def test_that_a_model_whose_files_changed_is_loaded_anew(
    write_model: WriteModel, grey_png: Path
) -> None:
    engine, card = Engine("cpu"), write_model()
    engine.run(LoadRequest(str(card)))
    before = engine.run(PredictRequest(str(card), read_frame(grey_png))).prediction.logits
    write_model(seed=3)
    engine.run(LoadRequest(str(card)))
    after = engine.run(PredictRequest(str(card), read_frame(grey_png))).prediction.logits
    assert not np.allclose(before, after)


def test_that_a_proposed_card_comes_from_the_engine(write_model: WriteModel) -> None:
    weights = write_model(channels=3).with_suffix(".safetensors")
    answer = Engine("cpu").run(ProposeCardRequest(weights))
    assert isinstance(answer, ProposedCard)
    assert answer.proposal.card.architecture == "compact-resnet"
    assert len(answer.proposal.card.classes) == 2


def frames(count: int) -> tuple[Frame, ...]:
    generator = np.random.default_rng(0)
    return tuple(
        Frame(
            stored=generator.integers(0, 256, (40, 40, 3), np.uint8),
            photometric=Photometric.RGB,
            bits_stored=8,
            provenance=Provenance(Path(f"{index}.png"), 0),
        )
        for index in range(count)
    )


def test_that_a_card_that_is_not_on_disk_is_checked_on_samples(write_model: WriteModel) -> None:
    path = write_model(channels=3)
    card = ModelCard(**read_card(path).model_dump() | {"name": "Edited"})
    request = CheckModelRequest(card, path.parent, frames(3), ((0,), (1,), (0,)))
    answer = Engine("cpu").run(request)
    assert isinstance(answer, CheckedModel)
    assert [i.shape for i in answer.inputs] == [(3, 32, 32)] * 3
    assert len(answer.plans) == len(answer.predictions) == 3
    assert answer.predictions[0].card.name == "Edited"
    assert answer.layers[0] == "stem"
    assert answer.white_box
    for frame, image, prediction in zip(
        request.frames, answer.inputs, answer.predictions, strict=True
    ):
        single = Engine("cpu").run(PredictRequest(str(path), frame))
        np.testing.assert_array_equal(single.image, image)
        np.testing.assert_allclose(single.prediction.logits, prediction.logits, atol=1e-5)


def test_that_a_constant_model_is_warned_of(write_model: WriteModel) -> None:
    path = write_model(channels=3)
    weights = path.with_suffix(".safetensors")
    state = load_file(weights)
    save_file(state | {"head.weight": torch.zeros_like(state["head.weight"])}, weights)
    card = ModelCard(**read_card(path).model_dump() | {"sha256": ""})
    answer = Engine("cpu").run(CheckModelRequest(card, path.parent, frames(2)))
    assert isinstance(answer, CheckedModel)
    assert "constant" in [warning.sign for warning in answer.warnings]


def test_that_a_check_without_images_or_with_unknown_labels_is_refused(
    write_model: WriteModel,
) -> None:
    path = write_model(channels=3, multi_label=True)
    card = read_card(path)
    with pytest.raises(ModelError, match="no images"):
        Engine("cpu").run(CheckModelRequest(card, path.parent, ()))
    with pytest.raises(ModelError, match="neither 0 nor 1"):
        Engine("cpu").run(CheckModelRequest(card, path.parent, frames(1), ((1, -1),)))


def test_that_many_frames_are_predicted_one_by_one_and_a_bad_one_stops_none(
    write_model: WriteModel, grey_png: Path
) -> None:
    good = read_frame(grey_png)
    stored = np.array(good.stored, np.float32)
    stored[0, 0] = np.nan
    bad = dataclasses.replace(good, stored=stored)
    card = str(write_model(channels=3, window="percentile", low=1, high=99))
    events: list[Event] = []
    answer = Engine("cpu").run(PredictManyRequest(card, (good, bad, good)), events.append)
    assert isinstance(answer, ManyPredictions)
    first, second, third = answer.predictions
    assert isinstance(second, str)
    expected = Engine("cpu").run(PredictRequest(card, good)).prediction.logits
    np.testing.assert_array_equal(first.logits, expected)
    np.testing.assert_array_equal(third.logits, expected)
    partial = [e.value for e in events if isinstance(e, Partial)]
    assert [index for index, _ in partial] == [0, 2]


def test_that_many_predictions_can_be_cancelled(write_model: WriteModel, grey_png: Path) -> None:
    token = CancelToken()
    engine, request = Engine("cpu"), PredictManyRequest(
        str(write_model()), (read_frame(grey_png),) * 5
    )  # fmt: skip
    seen: list[Event] = []

    def stop(event: Event) -> None:
        seen.append(event)
        token.cancel()

    with pytest.raises(JobCancelled):
        engine.run(request, stop, token)
    assert len(seen) <= 2
    assert len(engine.run(request).predictions) == 5
