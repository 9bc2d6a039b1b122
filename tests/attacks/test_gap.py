"""Perturbation generators: the budget inside autograd, training, the file, breaks and refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from attack_models import convolutional, decided, linear, random_images
from safetensors import safe_open
from safetensors.torch import save_file
from test_attack_isolation import assert_same, mixed_model, trace_of
from torch import Tensor

from medadv_desktop.attacks.gap.attack import GAP
from medadv_desktop.attacks.gap.file import load
from medadv_desktop.attacks.gap.networks import Generator, within
from medadv_desktop.attacks.gap.recipe import GapRecipe
from medadv_desktop.attacks.gap.training import train_generator
from medadv_desktop.attacks.norm_balls import LinfBall, sample_generator
from medadv_desktop.attacks.objectives import FlipAll, Untargeted
from medadv_desktop.attacks.prepared import Origin, PreparationPreview
from medadv_desktop.errors import AttackError, SettingsError
from medadv_desktop.jobs import CancelToken, Event, JobCancelled, Partial
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.settings import parse

ORIGIN = Origin("tiny", "", "f" * 64, 32)
QUICK = GapRecipe(width=8, epochs=4, batch_size=16, epsilon=0.1, learning_rate=2e-3)


def images_of(epoch: int, count: int = 32) -> Iterator[Tensor]:
    shuffled = torch.randperm(count, generator=torch.Generator().manual_seed(epoch))
    images = random_images(count, dtype=torch.float32)
    yield from images[shuffled].split(16)


def model_of(*, findings: bool = False) -> DiagnosticModel:
    thresholds = (0.4, 0.5, 0.6) if findings else ()
    return convolutional(3, thresholds=thresholds, dtype=torch.float32)


def trained(path: Path, recipe: GapRecipe = QUICK, *, findings: bool = False) -> Path:
    train_generator(model_of(findings=findings), images_of, recipe, path, origin=ORIGIN)
    return path


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_that_scaling_to_the_budget_is_part_of_the_gradient(norm: str) -> None:
    raw = torch.randn(2, 1, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    raw[1] *= 1e-3  # within the budget: stays as it is
    scaled = within(raw, norm, 0.05)
    lengths = {"linf": scaled.abs().amax((1, 2, 3)), "l2": scaled.flatten(1).norm(dim=1)}[norm]
    assert lengths[0].item() == pytest.approx(0.05)
    assert torch.equal(scaled[1], raw[1])
    assert torch.autograd.gradcheck(lambda x: within(x, norm, 0.05), raw.requires_grad_())


@pytest.mark.parametrize("network", ["unet", "resnet"])
@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 37, 50), (3, 5, 4)])
@pytest.mark.parametrize("form", ["image-dependent", "universal"])
def test_that_a_generator_takes_any_size_and_keeps_company_out(
    network: str, shape: tuple[int, int, int], form: str
) -> None:
    recipe = GapRecipe(network=network, form=form, width=4, epsilon=4 / 255)
    generator = Generator(recipe, shape).double().eval()
    images = torch.rand(3, *shape, dtype=torch.float64)
    delta = generator(images)
    assert delta.shape == images.shape
    assert delta.abs().max() <= 4 / 255 * (1 + 1e-6)
    torch.testing.assert_close(generator(images[1:2]), delta[1:2])
    assert torch.equal(delta[0], delta[1]) == (form == "universal")


def halves() -> Tensor:
    """2×3×8×8: +1 on the upper half and −1 on the lower one; the same for left and right."""
    signs = torch.ones(2, 3, 8, 8)
    signs[0, :, 4:] = -1
    signs[1, :, :, 4:] = -1
    return signs


def halved_images(count: int, seed: int) -> Tensor:
    """Noise about grey, one half brighter than the other, up and down and left and right."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(count, 3, 8, 8, generator=generator) * 0.05
    sides = torch.randint(0, 2, (count, 2), generator=generator) * 2.0 - 1
    return 0.5 + noise + 0.1 * torch.einsum("nk,kchw->nchw", sides, halves())


def which_half(*, findings: bool = False) -> DiagnosticModel:
    """Linear: is the upper half brighter than the lower one; with findings, also the left one."""
    weights = halves().flatten(1) / 4
    if findings:
        return linear(weights, torch.zeros(2), channels=3, thresholds=(0.5, 0.5))
    return linear(torch.stack((weights[0], -weights[0])), torch.zeros(2), channels=3)


@pytest.mark.parametrize(
    ("form", "goal", "findings"),
    [
        ("image-dependent", {}, False),
        ("image-dependent", {}, True),
        ("universal", {"goal": "target", "target": 1}, False),
    ],
    ids=["least-likely", "findings", "universal-target"],
)
def test_that_training_finds_what_noise_does_not(
    tmp_path: Path, form: str, goal: dict[str, object], findings: bool
) -> None:
    budget = 0.35 if findings else 0.15  # two patterns of 0.1 each may add up
    changes = {"form": form, "epochs": 15, "epsilon": budget, "learning_rate": 1e-2}
    recipe = GapRecipe(**QUICK.model_dump() | changes | goal)
    path, model = tmp_path / "g.safetensors", which_half(findings=findings)
    train_generator(
        model, lambda epoch: halved_images(64, epoch).split(16), recipe, path, origin=ORIGIN
    )
    fresh = halved_images(64, 99).clamp(0, 1)
    labels = decided(model, fresh)
    noise = LinfBall(budget).start(fresh, [sample_generator(0, i, 0) for i in range(64)])
    assert torch.equal(decided(model, noise), labels)
    objective = FlipAll() if findings else Untargeted()
    result = GAP(generator=str(path)).run(model, fresh, labels, objective)
    reached = result.success if not goal else decided(model, result.adversarial) == 1
    assert reached.double().mean() > 0.9
    history = load(path).epochs
    assert history[-1].loss < history[0].loss


def test_that_a_break_does_not_change_the_generator(tmp_path: Path) -> None:
    whole = load(trained(tmp_path / "whole.safetensors"))
    broken, token = tmp_path / "broken.safetensors", CancelToken()

    def stop(event: Event) -> None:
        if isinstance(event, Partial) and event.value.epoch == 3:
            token.cancel()

    with pytest.raises(JobCancelled):
        train_generator(model_of(), images_of, QUICK, broken, origin=ORIGIN, token=token, emit=stop)
    assert len(load(broken).epochs) == 2
    assert not load(broken).finished
    resumed = train_generator(model_of(), images_of, QUICK, broken, origin=ORIGIN, resume=True)
    assert resumed.finished
    assert resumed.epochs == whole.epochs
    assert_same(whole.generator.state_dict(), resumed.generator.state_dict())
    assert not resumed.optimiser
    assert sorted(p.name for p in tmp_path.iterdir()) == ["broken.safetensors", "whole.safetensors"]


def test_that_another_recipe_or_data_set_is_not_resumed(tmp_path: Path) -> None:
    path = trained(tmp_path / "g.safetensors")
    other = GapRecipe(**QUICK.model_dump() | {"epochs": 9})
    for recipe, origin in ((other, ORIGIN), (QUICK, Origin("tiny", "", "0" * 64, 32))):
        with pytest.raises(AttackError, match="was begun with another"):
            train_generator(model_of(), images_of, recipe, path, origin=origin, resume=True)


def test_that_training_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    model = mixed_model().float()
    before = trace_of(model)
    train_generator(model, images_of, QUICK, tmp_path / "g.safetensors", origin=ORIGIN)
    assert_same(before, trace_of(model))


def test_that_previews_show_one_image_within_the_budget(tmp_path: Path) -> None:
    previews: list[PreparationPreview] = []

    def listen(event: Event) -> None:
        if isinstance(event, Partial):
            previews.append(event.value)

    path = tmp_path / "g.safetensors"
    train_generator(model_of(), images_of, QUICK, path, origin=ORIGIN, emit=listen)
    assert [(p.epoch, len(p.history)) for p in previews] == [
        (e, e - 1) for e in (1, 1, 2, 2, 3, 3, 4, 4)
    ]
    for preview in previews:
        assert (preview.original == previews[0].original).all()
        assert 0 < abs(preview.adversarial - preview.original).max() <= 0.1 + 1e-6


def test_that_another_model_makes_it_a_transfer_attack_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "g.safetensors"
    origin = Origin("other", "a" * 64, "", 32)
    train_generator(model_of(), images_of, QUICK, path, origin=origin)
    told: list[Event] = []
    model = model_of()
    images = random_images(2, dtype=torch.float32)
    GAP(generator=str(path)).run(
        model, images, decided(model, images), Untargeted(), emit=told.append
    )
    assert any("transfer" in getattr(event, "text", "") for event in told)


def head_of(path: Path) -> tuple[dict[str, Tensor], dict[str, object]]:
    with safe_open(path, framework="pt") as stream:
        tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
        return tensors, json.loads(stream.metadata()["medadv-gap"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("missing", "there is no file"),
        ("cut", "cannot be read"),
        ("text", "cannot be read"),
        ("weights", "is no perturbation generator"),
        ("newer", "is of version 2"),
        ("lacking", "is a damaged generator"),
        ("recipe", "is a damaged generator"),
    ],
)
def test_that_a_bad_file_is_one_error_that_names_it(
    tmp_path: Path, change: str, words: str
) -> None:
    path = tmp_path / "g.safetensors"
    if change == "text":
        path.write_text("hello")
    elif change != "missing":
        trained(path, GapRecipe(**QUICK.model_dump() | {"epochs": 1}))
        tensors, head = head_of(path)
        if change == "cut":
            path.write_bytes(path.read_bytes()[:2000])
        elif change == "weights":
            save_file(tensors, path)
        else:
            head |= {"version": 2} if change == "newer" else {}
            head |= {"recipe": {"width": 1}} if change == "recipe" else {}
            if change == "lacking":
                tensors.pop(next(iter(tensors)))
            save_file(tensors, path, metadata={"medadv-gap": json.dumps(head)})
    model = model_of()
    images = random_images(1, dtype=torch.float32)
    with pytest.raises(AttackError, match=words) as caught:
        GAP(generator=str(path)).run(model, images, decided(model, images), Untargeted())
    assert "g.safetensors" in str(caught.value)


def test_that_what_does_not_fit_is_refused_before_any_compute(tmp_path: Path) -> None:
    path = trained(tmp_path / "g.safetensors")
    model, images = model_of(), random_images(1, dtype=torch.float32)
    labels = decided(model, images)
    with pytest.raises(AttackError, match=r"trained for a budget of 0\.1"):
        GAP(generator=str(path), epsilon=0.2).run(model, images, labels, Untargeted())
    for target, findings, words in ((7, False, "no class 7"), (0, True, "reports findings")):
        recipe = GapRecipe(goal="target", target=target)
        with pytest.raises(AttackError, match=words):
            train_generator(model_of(findings=findings), images_of, recipe, path, origin=ORIGIN)
    with pytest.raises(AttackError, match="no images"):
        train_generator(model, lambda _epoch: (), QUICK, path, origin=ORIGIN)
    for values in ({"goal": "target"}, {"target": 1}, {"epsilon": 2}, {"epsilon": 0}):
        with pytest.raises(SettingsError):
            parse(GapRecipe, values)
