"""A model and an attack over labelled sets."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs
import pytest
import torch
from PIL import Image

from medadv_desktop.analysis.metrics.proportions import Rate
from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import HideFinding, Targeted
from medadv_desktop.audit.engine import Engine
from medadv_desktop.audit.evaluation import Evaluation, EvaluationRequest, SampleResult
from medadv_desktop.audit.evaluation_files import describe_evaluation, save_evaluation
from medadv_desktop.audit.matching import match_classes
from medadv_desktop.audit.requests import AttackRequest, PredictRequest
from medadv_desktop.datasets.dataset import Dataset
from medadv_desktop.datasets.fingerprint import fingerprint
from medadv_desktop.datasets.opening import open_dataset
from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.datasets.subset import hashed
from medadv_desktop.errors import AttackError, DatasetError, ExportError, SettingsError
from medadv_desktop.jobs import CancelToken, Event, JobCancelled, Partial, Progress
from medadv_desktop.models.card import ModelCard, read_card

WriteModel = Callable[..., Path]
ATTACK = PGD(epsilon=8 / 255, steps=4)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = str(tmp_path_factory.mktemp("cache"))
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_a, **_k: folder)


def write_image(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (36, 40), np.uint8)).save(path)


@pytest.fixture
def lesions(tmp_path: Path) -> Dataset:
    """Seven grey images in two folders, one of them broken."""
    for k in range(6):
        write_image(tmp_path / "set" / ("Melanoma", "naevus")[k % 2] / f"{k}.png", k)
    (tmp_path / "set" / "naevus" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    return open_dataset(tmp_path / "set")


@pytest.fixture
def findings(tmp_path: Path) -> Dataset:
    """Four grey images with two findings; the label of the last is not known."""
    for k in range(5):
        write_image(tmp_path / "chest" / f"{k}.png", 10 + k)
    rows = ["0.png,1,0", "1.png,0,0", "2.png,1,1", "3.png,0,1", "4.png,1,"]
    table = tmp_path / "chest" / "labels.csv"
    table.write_text("\n".join(["path,Effusion,Mass", *rows]) + "\n")
    return open_dataset(table, DatasetOptions(label_columns="Effusion,Mass", task="multi-label"))


def evaluated(model: Path, dataset: Dataset, **fields: object) -> Evaluation:
    answer = Engine("cpu").run(EvaluationRequest(str(model), dataset, **fields))
    assert isinstance(answer, Evaluation)
    return answer


def test_that_clean_results_are_those_of_single_predictions(
    write_model: WriteModel, lesions: Dataset
) -> None:
    model = write_model()
    found = evaluated(model, lesions, batch_size=4)
    engine = Engine("cpu")
    right = 0
    by_index = {s.index: s for s in found.samples}
    assert len(by_index) == 6
    for sample in lesions:
        if sample.path.name == "broken.png":
            continue
        own = engine.run(PredictRequest(str(model), lesions.frame(sample))).prediction
        result = by_index[sample.index]
        np.testing.assert_allclose(result.clean.probabilities, own.probabilities, atol=1e-5)
        assert result.clean.decisions == (int(own.decisions.argmax()),)
        # The set's classes are in the order of its folders, the model's the other way round.
        name = ("naevus", "melanoma")[result.labels[0]]
        assert name == sample.path.parent.name.lower()
        right += name == own.decided[0]
    assert found.figures.clean_accuracy == Rate(right, 6)
    assert found.figures.robust_accuracy is None


def test_that_what_cannot_be_read_is_listed_and_in_no_figure(
    write_model: WriteModel, lesions: Dataset
) -> None:
    found = evaluated(write_model(), lesions)
    (lost,) = found.left_out
    assert lost.path.name == "broken.png"
    assert lost.reason
    assert found.figures.clean_accuracy.of == 6
    assert len(found.samples) + len(found.left_out) == len(lesions)


def test_that_an_attacked_sample_is_what_the_attack_alone_makes_of_it(
    write_model: WriteModel, lesions: Dataset
) -> None:
    model = write_model()
    attack = PGD(epsilon=8 / 255, steps=4, random_start=False)
    found = evaluated(model, lesions, attack=attack, batch_size=3)
    engine = Engine("cpu")
    for result in found.samples:
        request = AttackRequest(
            str(model), lesions.frame(lesions[result.index]), attack, labels=result.labels
        )
        alone = engine.run(request)
        own = result.attacked
        assert own is not None
        assert own.success == alone.success
        assert own.steps == alone.steps
        assert own.linf == pytest.approx(alone.linf, abs=2e-4)
        assert own.l2 == pytest.approx(alone.l2, rel=1e-2)
        assert own.linf <= 8 / 255 * (1 + 1e-9)
        np.testing.assert_allclose(own.probabilities, alone.attacked.probabilities, atol=1e-2)
        assert result.robust == (result.right and not own.success)
        assert 0 < own.l0 <= 32 * 32 or own.steps == 0
    figures = found.figures
    assert figures.robust_accuracy == Rate(sum(s.robust for s in found.samples), 6)


def by_id(found: Evaluation) -> dict[str, SampleResult]:
    return {sample.id: sample for sample in found.samples}


def test_that_batches_order_and_the_choice_of_others_do_not_change_a_sample(
    write_model: WriteModel, lesions: Dataset
) -> None:
    model = write_model()
    attack = PGD(epsilon=8 / 255, steps=2, stop_when_beaten=False)
    whole = by_id(evaluated(model, lesions, attack=attack, batch_size=6, seed=5))
    part = lesions.select([5, 0, 2])
    other = by_id(evaluated(model, part, attack=attack, batch_size=2, seed=5, workers=1))
    assert set(other) == {lesions[k].id for k in (5, 0, 2) if lesions[k].id in whole}
    for name, sample in other.items():
        same = whole[name]
        np.testing.assert_allclose(sample.clean.probabilities, same.clean.probabilities, atol=1e-5)
        np.testing.assert_allclose(
            sample.attacked.probabilities, same.attacked.probabilities, atol=1e-3
        )
        assert sample.attacked.l2 == pytest.approx(same.attacked.l2, rel=1e-2)


def test_that_the_random_start_of_a_sample_comes_from_seed_and_id(
    write_model: WriteModel, lesions: Dataset
) -> None:
    model = write_model()
    attack = PGD(epsilon=8 / 255, steps=1, stop_when_beaten=False)
    found = evaluated(model, lesions, attack=attack, seed=5)
    sample = found.samples[0]
    engine = Engine("cpu")
    network = engine.model(str(model))
    image = engine.run(PredictRequest(str(model), lesions.frame(lesions[sample.index]))).image
    alone = attack.run(
        network, torch.from_numpy(image)[None], torch.tensor(sample.labels),
        found.request.objective, seed=5, sample_ids=[hashed(0, sample.id)],
    )  # fmt: skip
    assert sample.attacked.l2 == pytest.approx(float(alone.l2[0]), rel=1e-3)


def test_that_findings_are_judged_one_by_one_and_unknown_labels_left_out(
    write_model: WriteModel, findings: Dataset
) -> None:
    model = write_model(classes=("mass", "effusion"), multi_label=True)
    found = evaluated(model, findings, attack=ATTACK, batch_size=2)
    assert [s.labels for s in found.samples] == [(0, 1), (0, 0), (1, 1), (1, 0)]
    (lost,) = found.left_out
    assert (lost.id, lost.reason) == ("4.png", "its label is unknown")
    assert [c.name for c in found.figures.classes] == ["mass", "effusion"]
    assert found.figures.classes[0].positives == 2
    assert all(s.attacked is not None for s in found.samples)


def test_that_a_goal_without_anything_to_do_leaves_the_sample_unattacked(
    write_model: WriteModel, lesions: Dataset
) -> None:
    found = evaluated(write_model(), lesions, attack=ATTACK, objective=Targeted(target=1))
    for sample in found.samples:
        if sample.labels == (1,):
            assert sample.attacked is None
            assert sample.not_attacked == "its labels are the goal already"
            assert sample.robust == sample.right
        else:
            assert sample.attacked is not None
    assert found.figures.goal_rate.of == 3
    assert found.figures.robust_accuracy.of == 6


def test_that_a_goal_that_does_not_fit_is_refused_before_anything_runs(
    write_model: WriteModel, lesions: Dataset
) -> None:
    with pytest.raises(AttackError, match="multi-label"):
        evaluated(write_model(), lesions, attack=ATTACK, objective=HideFinding(finding=0))


def test_that_names_that_do_not_match_are_refused_and_can_be_matched_by_order(
    write_model: WriteModel, lesions: Dataset
) -> None:
    model = write_model(classes=("benign", "malignant"))
    with pytest.raises(DatasetError, match=r"no class 'Melanoma', 'naevus'.*--match-order"):
        evaluated(model, lesions)
    found = evaluated(model, lesions, match_order=True)
    assert found.match.positions == (0, 1)
    assert "Melanoma is benign, naevus is malignant" in found.notes[0]


def card_of(model: Path, **fields: object) -> ModelCard:
    return ModelCard(**read_card(model).model_dump() | fields)


def test_that_classes_match_by_name_without_regard_to_case_and_separators(
    write_model: WriteModel, lesions: Dataset, findings: Dataset
) -> None:
    card = card_of(write_model(), classes=("NAEVUS", "basal_cell", "melanoma"))
    match = match_classes(lesions, card)
    assert match.positions == (2, 0)
    assert match.label((1,)) == (0,)
    assert match.label((-1,)) is None
    assert any("Melanoma is melanoma" in note for note in match.notes)
    assert any("without a sample: basal_cell" in note for note in match.notes)
    with pytest.raises(DatasetError, match="cannot be matched by their order"):
        match_classes(lesions, card, by_order=True)
    with pytest.raises(DatasetError, match="is multi-label, but Tiny is single-label"):
        match_classes(findings, card)
    many = {"task": "multi-label", "thresholds": (0.5, 0.5)}
    card = card_of(write_model(), classes=("Mass", "Hernia"), **many)
    with pytest.raises(DatasetError, match="no finding 'Hernia'"):
        match_classes(findings, card)


def test_that_classes_of_the_set_that_no_sample_has_need_no_match(
    write_model: WriteModel, lesions: Dataset
) -> None:
    card = card_of(write_model(), classes=("melanoma", "other"))
    only = lesions.select(np.flatnonzero(np.asarray(lesions.labels) == 0))
    assert match_classes(only, card).positions == (0, -1)


def test_that_an_image_without_a_finite_output_is_left_out(
    write_model: WriteModel, lesions: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, model = Engine("cpu"), str(write_model())
    network = engine.model(model)
    forward = network.forward

    def sometimes(images: torch.Tensor) -> torch.Tensor:
        logits = forward(images)
        return torch.where(images.mean((1, 2, 3))[:, None] > 0.5, torch.nan, logits)

    monkeypatch.setattr(network, "forward", sometimes)
    found = engine.run(EvaluationRequest(model, lesions, batch_size=3))
    reasons = [entry.reason for entry in found.left_out]
    assert "the outputs of Tiny for it are not finite" in reasons
    assert len(found.samples) + len(reasons) == 7
    assert [e.index for e in found.left_out] == sorted(e.index for e in found.left_out)


def test_that_a_batch_that_does_not_fit_is_halved(
    write_model: WriteModel, lesions: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, model = Engine("cpu"), str(write_model())
    network = engine.model(model)
    forward = network.forward

    def small(images: torch.Tensor) -> torch.Tensor:
        if len(images) > 2:
            raise torch.OutOfMemoryError("too much")
        return forward(images)

    expected = engine.run(EvaluationRequest(model, lesions))
    monkeypatch.setattr(network, "forward", small)
    found = engine.run(EvaluationRequest(model, lesions, batch_size=8))
    assert [s.index for s in found.samples] == [s.index for s in expected.samples]
    assert any("out of memory: went on with batches of 2" in note for note in found.notes)


def test_that_results_stream_and_a_cancel_stops(write_model: WriteModel, lesions: Dataset) -> None:
    engine, model, events = Engine("cpu"), str(write_model()), list[Event]()
    request = EvaluationRequest(model, lesions, attack=ATTACK, batch_size=2)
    found = engine.run(request, events.append)
    streamed = [s for e in events if isinstance(e, Partial) for s in e.value]
    assert streamed == list(found.samples)
    done = [e.done for e in events if isinstance(e, Progress) and e.message == "samples"]
    assert done[-1] == len(lesions)
    assert done == sorted(done)
    token = CancelToken()
    seen: list[Event] = []

    def stop(event: Event) -> None:
        seen.append(event)
        if isinstance(event, Partial):
            token.cancel()

    with pytest.raises(JobCancelled):
        engine.run(request, stop, token)
    assert sum(isinstance(e, Partial) for e in seen) == 1


def test_that_an_evaluation_quotes_model_and_data_by_their_fingerprints(
    write_model: WriteModel, lesions: Dataset, tmp_path: Path
) -> None:
    model = write_model()
    found = evaluated(model, lesions, attack=ATTACK)
    assert found.fingerprint == fingerprint(lesions)
    assert found.model_sha256 == read_card(model).sha256
    save_evaluation(found, tmp_path / "out" / "all.json")
    story = json.loads((tmp_path / "out" / "all.json").read_text())
    assert story == json.loads(json.dumps(describe_evaluation(found)))
    assert story["dataset"]["fingerprint"]["sha256"] == found.fingerprint.sha256
    assert story["model"]["sha256"] == found.model_sha256
    assert story["attack"]["name"] == "pgd"
    assert story["judged"] == 6
    assert len(story["left_out"]) == 1
    counts = story["details"]["clean"]["confusion"]["counts"]
    assert sum(map(sum, counts)) == 6
    assert sum(counts[k][k] for k in range(len(counts))) == found.figures.clean_accuracy.count
    assert set(story["details"]["attacked"]) == set(story["details"]["clean"])
    rate = story["figures"]["robust_accuracy"]
    assert rate["of"] == 6
    assert rate["low"] <= rate["value"] <= rate["high"]
    assert len(story["samples"]) == 6


def test_that_the_table_has_a_row_for_every_sample(
    write_model: WriteModel, findings: Dataset, tmp_path: Path
) -> None:
    model = write_model(classes=("Effusion", "Mass"), multi_label=True)
    found = evaluated(model, findings, attack=ATTACK)
    path = tmp_path / "rows.csv"
    save_evaluation(found, path)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [f"{k}.png" for k in range(5)]
    assert [row["label"] for row in rows] == ["Effusion", "", "Effusion|Mass", "Mass", ""]
    assert rows[4]["left_out"] == "its label is unknown"
    for row, sample in zip(rows, found.samples, strict=False):
        assert float(row["p_adversarial:Mass"]) == sample.attacked.probabilities[1]
        assert float(row["linf"]) == sample.attacked.linf
    save_evaluation(evaluated(model, findings), path)
    with path.open(newline="", encoding="utf-8") as file:
        assert "linf" not in next(csv.reader(file))
    with pytest.raises(ExportError, match=r"\.json or \.csv"):
        save_evaluation(found, tmp_path / "rows.xlsx")


def test_that_a_set_without_a_usable_sample_says_why(
    write_model: WriteModel, lesions: Dataset
) -> None:
    broken = [s.index for s in lesions if s.path.name == "broken.png"]
    with pytest.raises(DatasetError, match="none of its 1 samples can be judged"):
        evaluated(write_model(), lesions.select(broken))
    with pytest.raises(DatasetError, match="no samples"):
        evaluated(write_model(), lesions.select([]))


def test_that_the_judges_see_the_images_that_were_attacked_on_the_first(
    write_model: WriteModel, lesions: Dataset
) -> None:
    first = write_model("one")
    small = write_model("two", side=24, classes=("melanoma", "naevus"))
    judges = (str(small), str(write_model("three", seed=3)))
    attack = PGD(epsilon=16 / 255, steps=3, random_start=False)
    found = evaluated(first, lesions, attack=attack, judges=judges, batch_size=4)
    engine = Engine("cpu")
    for k, judge in enumerate(judges):
        right = robust = fell = 0
        for sample in found.samples:
            own = sample.judgements[k]
            assert own.attacked is not None
            # The classes of one of them stand the other way round.
            assert own.labels == ((1 - sample.labels[0],) if k == 0 else sample.labels)
            frame = lesions.frame(lesions[sample.index])
            alone = engine.run(
                AttackRequest(str(first), frame, attack, labels=sample.labels, second_model=judge)
            )
            np.testing.assert_allclose(own.clean.logits, alone.second_clean.logits, atol=1e-4)
            np.testing.assert_allclose(own.attacked.logits, alone.second_attacked.logits, atol=2e-2)
            was_right = own.clean.decisions == own.labels
            assert own.attacked.at_stake == was_right
            assert own.attacked.success == (own.attacked.decisions != own.labels)
            right += was_right
            robust += was_right and own.attacked.decisions == own.labels
            fell += was_right and own.attacked.decisions != own.labels
        part = found.judges[k]
        assert part.figures.clean_accuracy == Rate(right, 6)
        assert part.figures.robust_accuracy == Rate(robust, 6)
        assert part.transfer_rate == part.figures.attack_success_rate == Rate(fell, right)
    assert any("Two: " in note and "resampled" in note for note in found.notes)
    assert not any(note.startswith("Three: ") for note in found.notes)
    story = describe_evaluation(found)
    assert [j["sha256"] for j in story["judges"]] == [read_card(Path(j)).sha256 for j in judges]


def test_that_a_chosen_class_is_looked_for_by_its_name_on_the_judges(
    write_model: WriteModel, lesions: Dataset
) -> None:
    first = write_model("one")
    turned = write_model("two", classes=("melanoma", "naevus"), seed=4)
    found = evaluated(
        first, lesions, attack=ATTACK, objective=Targeted(target=0), judges=(str(turned),)
    )
    naevi = [s for s in found.samples if s.labels == (0,)]
    assert all(s.judgements[0].attacked is None for s in naevi)
    for sample in found.samples:
        own = sample.judgements[0].attacked
        if own is not None:
            assert own.success == (own.decisions == (1,))  # naevus, in its own order


def test_that_a_judge_of_other_classes_is_not_asked_whether_the_goal_is_reached(
    write_model: WriteModel, lesions: Dataset
) -> None:
    wider = write_model("wide", classes=("naevus", "melanoma", "keratosis"))
    found = evaluated(write_model("one"), lesions, attack=ATTACK, judges=(str(wider),))
    assert found.judges[0].transfer_rate is None
    assert found.judges[0].figures.robust_accuracy is not None
    assert any("other classes" in note for note in found.notes)


def test_that_a_model_named_twice_is_refused(write_model: WriteModel, lesions: Dataset) -> None:
    first, second = str(write_model("one")), str(write_model("two"))
    for judges in ((first,), (second, second)):
        with pytest.raises(SettingsError, match="named twice"):
            evaluated(Path(first), lesions, attack=ATTACK, judges=judges)


class Failing(PGD):
    """Fails where an image is bright."""

    def run(self, model, images, labels, objective, **more):  # type: ignore[no-untyped-def]
        if bool((images.mean((1, 2, 3)) > self.epsilon).any()):
            raise AttackError("does not like bright images", subject="sample")
        return PGD(epsilon=0.01, steps=1).run(model, images, labels, objective, **more)


def test_that_a_sample_on_which_the_attack_fails_is_left_out_alone(
    write_model: WriteModel, lesions: Dataset
) -> None:
    model = write_model()
    engine = Engine("cpu")
    means = {
        s.id: float(engine.run(PredictRequest(str(model), lesions.frame(s))).image.mean())
        for s in lesions
        if s.path.name != "broken.png"
    }
    brightest = max(means, key=means.__getitem__)
    limit = (sorted(means.values())[-2] + means[brightest]) / 2
    found = evaluated(model, lesions, attack=Failing(epsilon=limit), batch_size=6)
    assert {s.id for s in found.samples} == set(means) - {brightest}
    reasons = {entry.id: entry.reason for entry in found.left_out}
    assert reasons[brightest] == "does not like bright images"
    with pytest.raises(AttackError, match="bright"):
        evaluated(model, lesions, attack=Failing(epsilon=0.001), batch_size=6)
