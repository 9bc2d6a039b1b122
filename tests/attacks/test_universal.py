"""One perturbation for all images: how it is fitted, kept in a file, applied and refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from attack_models import convolutional, decided, linear, random_images
from safetensors.torch import save_file
from test_attack_isolation import assert_same, mixed_model, trace_of
from torch import Tensor

from medadv_desktop.attacks.objectives import InsertFinding, LeastLikely, Targeted, Untargeted
from medadv_desktop.attacks.prepared import Origin
from medadv_desktop.attacks.universal.attack import Universal
from medadv_desktop.attacks.universal.file import UniversalPerturbation, load, save
from medadv_desktop.attacks.universal.fit import LabelledBatches, fit
from medadv_desktop.attacks.universal.recipe import UniversalRecipe
from medadv_desktop.errors import AttackError, ExportError
from medadv_desktop.jobs import CancelToken, Event, JobCancelled, Partial, Progress
from medadv_desktop.models.diagnostic import DiagnosticModel

ORIGIN = Origin("tiny", "ab" * 32, "cd" * 32, 24)


def in_batches(images: Tensor, labels: Tensor, size: int = 8) -> LabelledBatches:
    def batches(epoch: int) -> Iterable[tuple[Tensor, Tensor]]:
        return list(zip(images.split(size), labels.split(size), strict=True))

    return batches


def two_classes() -> tuple[DiagnosticModel, Tensor, Tensor]:
    """A linear model, images of its class 0, and w of the border w·x = 0.5·Σw."""
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(64, generator=generator, dtype=torch.float64)
    middle = weights.sum() / 2
    model = linear(torch.stack([-weights, weights]), torch.stack([middle, -middle]))
    images = 0.3 + 0.4 * random_images(40, channels=1)
    return model, images[decided(model, images) == 0], weights


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_that_the_best_perturbation_of_a_linear_model_is_found(norm: str) -> None:
    model, images, weights = two_classes()
    labels = torch.zeros(len(images), dtype=torch.int64)
    epsilon = {"linf": 0.04, "l2": 0.3}[norm]
    recipe = UniversalRecipe(norm=norm, epsilon=epsilon, epochs=5)
    fitted = fit(model, in_batches(images, labels), Untargeted(), recipe, origin=ORIGIN)
    best = epsilon * (weights.sign() if norm == "linf" else weights / weights.norm())
    torch.testing.assert_close(fitted.delta.flatten(), best, rtol=0, atol=1e-9)
    expected = (decided(model, images + best.view(1, 1, 8, 8)) == 1).double().mean()
    assert 0 < expected < 1
    assert fitted.goal_rate == pytest.approx(expected.item())
    assert fitted.clean_rate == 0
    assert fitted.delta.shape == (1, 8, 8)


def test_that_images_that_are_lost_already_steer_no_more() -> None:
    model, images, _ = two_classes()
    labels = torch.zeros(len(images), dtype=torch.int64)
    recipe = UniversalRecipe(epsilon=0.5, epochs=1, loss_cap=1e-6)  # every loss lies above
    fitted = fit(model, in_batches(images, labels), Untargeted(), recipe, origin=ORIGIN)
    assert not fitted.delta.any()


@pytest.mark.parametrize("thresholds", [(), (0.3, 0.5, 0.7)])
def test_that_a_fitted_perturbation_beats_noise_of_its_size(thresholds: tuple[float, ...]) -> None:
    model = convolutional(3, thresholds=thresholds)
    images = random_images(24)
    labels = decided(model, images)
    recipe = UniversalRecipe(epsilon=0.05, epochs=8)
    fitted = fit(model, in_batches(images, labels), Untargeted(), recipe, origin=ORIGIN)
    assert float(fitted.delta.abs().max()) <= 0.05
    assert len(fitted.epochs) == 8
    generator = torch.Generator().manual_seed(0)
    noise = 0.05 * (2 * torch.randint(2, (3, 8, 8), generator=generator) - 1)
    changed = decided(model, (images + noise).clamp(0, 1)) != labels
    changed = changed if changed.ndim == 1 else changed.any(1)
    assert fitted.goal_rate > changed.double().mean()


def test_that_the_goal_may_be_a_class_a_finding_or_the_least_likely() -> None:
    images = random_images(16)
    recipe = UniversalRecipe(epsilon=0.3, epochs=5)
    classes = convolutional(3)
    labels = decided(classes, images)
    away = labels != 2
    to_class = fit(
        classes,
        in_batches(images[away], labels[away]),
        Targeted(target=2),
        recipe,
        origin=ORIGIN,
    )
    assert to_class.objective["name"] == "targeted"
    assert to_class.objective["target"] == 2
    assert to_class.goal_rate > to_class.clean_rate
    least = fit(classes, in_batches(images, labels), LeastLikely(), recipe, origin=ORIGIN)
    assert least.goal_rate > least.clean_rate == 0
    findings = convolutional(3, thresholds=(0.3, 0.5, 0.7))
    shown = fit(
        findings,
        in_batches(images, decided(findings, images)),
        InsertFinding(finding=1),
        recipe,
        origin=ORIGIN,
    )
    assert shown.goal_rate > shown.clean_rate


def finish(event: Event) -> None:
    pass


def cancel(event: Event) -> None:
    raise JobCancelled


@pytest.mark.parametrize("end", [finish, cancel])
def test_that_fitting_leaves_the_model_as_it_was(end: object) -> None:
    model = mixed_model()
    images = random_images(8)
    labels = decided(copy.deepcopy(model).eval(), images)
    before = trace_of(model)
    try:
        fit(
            model,
            in_batches(images, labels),
            Untargeted(),
            UniversalRecipe(epochs=1),
            origin=ORIGIN,
            emit=end,  # type: ignore[arg-type]
        )
    except JobCancelled:
        assert end is cancel
    assert_same(before, trace_of(model))


def test_that_progress_rises_to_its_end_and_shows_an_image() -> None:
    model, images, _ = two_classes()
    labels = torch.zeros(len(images), dtype=torch.int64)
    events: list[Event] = []
    recipe = UniversalRecipe(epochs=2)
    batches = in_batches(images, labels, 4)
    fit(model, batches, Untargeted(), recipe, origin=ORIGIN, emit=events.append)
    done = [e.done for e in events if isinstance(e, Progress)]
    assert done == sorted(done)
    assert done[-1] == 2
    assert any(isinstance(e, Partial) for e in events)


def test_that_a_fit_without_images_or_after_a_cancel_is_refused() -> None:
    model, images, _ = two_classes()
    labels = torch.zeros(len(images), dtype=torch.int64)
    once = iter([(images, labels)])
    with pytest.raises(AttackError, match="no images in pass 2"):
        fit(model, lambda epoch: once, Untargeted(), UniversalRecipe(), origin=ORIGIN)
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        fit(
            model,
            in_batches(images, labels),
            Untargeted(),
            UniversalRecipe(),
            origin=ORIGIN,
            token=token,
        )


def test_that_one_image_is_shown_while_it_is_fitted() -> None:
    model, images, _ = two_classes()
    labels = torch.zeros(len(images), dtype=torch.int64)
    told: list[Event] = []
    recipe = UniversalRecipe(epsilon=0.04, epochs=2)
    origin = replace(ORIGIN, samples=len(images))
    fitted = fit(
        model, in_batches(images, labels), Untargeted(), recipe, origin=origin, emit=told.append
    )
    previews = [event.value for event in told if isinstance(event, Partial)]
    batches = -(-len(images) // 8)
    assert [(p.epoch, len(p.history)) for p in previews] == [(1, 0)] * batches + [(2, 1)] * batches
    assert previews[-1].history == fitted.epochs[:1]
    assert previews[-1].epochs_done == 2
    first = images[0].float().numpy()
    assert all((p.original == first).all() for p in previews)
    assert (
        previews[-1].adversarial == (images[0] + fitted.delta).clamp(0, 1).float().numpy()
    ).all()


def some(epsilon: float = 0.1) -> UniversalPerturbation:
    generator = torch.Generator().manual_seed(3)
    delta = epsilon * (2 * torch.rand(3, 8, 8, generator=generator, dtype=torch.float64) - 1)
    recipe = UniversalRecipe(epsilon=epsilon)
    return UniversalPerturbation(delta, recipe, {"name": "untargeted"}, ORIGIN, 0.1, 0.6, ())


def test_that_a_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "new" / "delta.safetensors"
    save(some(), path)
    back = load(path)
    assert torch.equal(back.delta, some().delta)
    for name in ("recipe", "objective", "origin", "clean_rate", "goal_rate", "epochs"):
        assert getattr(back, name) == getattr(some(), name)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_that_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "delta.safetensors"
    save(some(), path)
    before = path.read_bytes()
    broken = replace(some(), objective={"name": object()})
    with pytest.raises(TypeError):
        save(broken, path)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ExportError):
        save(some(), tmp_path / "file" / "delta.safetensors")
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["delta.safetensors", "file"]


def header(**changes: object) -> dict[str, str]:
    head = {
        "version": 1,
        "recipe": {"epsilon": 0.1},
        "objective": {"name": "untargeted"},
        "origin": {"model": "tiny", "model_sha256": "", "data_sha256": "", "samples": 1},
        "clean_rate": 0,
        "goal_rate": 0,
        "epochs": [],
    }
    return {"medadv-universal": json.dumps(head | changes)}


@pytest.mark.parametrize(
    ("delta", "metadata", "words"),
    [
        (torch.zeros(3, 8, 8), {}, "is no universal perturbation"),
        (torch.zeros(3, 8, 8), header(version=2), "version 2"),
        (torch.zeros(3, 8, 8), header(recipe={"epsilon": -1}), "damaged"),
        (torch.zeros(3, 8, 8), header(origin={}), "damaged"),
        (torch.zeros(3, 8, 8), {"medadv-universal": "{"}, "damaged"),
        (torch.full((3, 8, 8), 0.2), header(), "larger than its budget"),
        (torch.full((3, 8, 8), torch.nan), header(), "damaged"),
        (torch.zeros(8, 8), header(), "damaged"),
    ],
)
def test_that_another_or_a_damaged_file_is_refused(
    delta: Tensor, metadata: dict[str, str], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "delta.safetensors"
    save_file({"delta": delta}, path, metadata=metadata or None)
    with pytest.raises(AttackError, match=words) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_that_a_missing_or_cut_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "delta.safetensors"
    with pytest.raises(AttackError, match="does not exist"):
        load(path)
    save(some(), path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(AttackError, match="cannot be read"):
        load(path)


def test_that_delta_is_added_and_scaled_down(tmp_path: Path) -> None:
    path = tmp_path / "delta.safetensors"
    save(some(), path)
    model, images = convolutional(3), random_images(6)
    labels = decided(model, images)
    told: list[Event] = []
    whole = Universal(file=str(path)).run(model, images, labels, Untargeted(), emit=told.append)
    expected = (images + some().delta).clamp(0, 1)
    torch.testing.assert_close(whole.adversarial, expected, rtol=0, atol=1e-12)
    assert any("transfer attack" in str(event) for event in told)
    part = Universal(file=str(path), epsilon=0.05).run(model, images, labels, Untargeted())
    expected = (images + some().delta / 2).clamp(0, 1)
    torch.testing.assert_close(part.adversarial, expected, rtol=0, atol=1e-12)


def test_that_a_perturbation_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "delta.safetensors"
    save(some(), path)
    model, images, _ = two_classes()
    labels = torch.zeros(len(images), dtype=torch.int64)
    with pytest.raises(AttackError, match=r"3×8×8.*takes 1×8×8"):
        Universal(file=str(path)).run(model, images, labels, Untargeted())
    with pytest.raises(AttackError, match="no fitted perturbation"):
        Universal().run(model, images, labels, Untargeted())
    other, pictures = convolutional(3), random_images(1)
    with pytest.raises(AttackError, match=r"fitted for a budget of 0\.1"):
        Universal(file=str(path), epsilon=0.2).run(
            other, pictures, decided(other, pictures), Untargeted()
        )
