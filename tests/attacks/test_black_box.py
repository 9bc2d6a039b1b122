"""Attacks without gradients: their papers' formulas, hand-made models, what they may look at."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from attack_cases import CASES
from attack_models import card_of, convolutional, decided, linear, random_images
from torch import Tensor, nn

from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.decisions.boundary import Boundary
from medadv_desktop.attacks.landscape import Landscape, Point
from medadv_desktop.attacks.norm_balls import LinfBall
from medadv_desktop.attacks.objectives import HideFinding, InsertFinding, Targeted, Untargeted
from medadv_desktop.attacks.registry import ATTACKS, make_attack
from medadv_desktop.attacks.scores.estimation import NES, SPSA
from medadv_desktop.attacks.scores.estimation_search import Adam, estimate
from medadv_desktop.attacks.scores.looking import Streams
from medadv_desktop.attacks.scores.noise import Noise
from medadv_desktop.attacks.scores.one_pixel import OnePixel
from medadv_desktop.attacks.scores.one_pixel_search import children, distinct_steps
from medadv_desktop.attacks.scores.square import Square
from medadv_desktop.attacks.scores.square_search import L2Squares, LinfSquares, covered
from medadv_desktop.attacks.session import Session, session
from medadv_desktop.errors import SettingsError
from medadv_desktop.jobs import Event, Message, silent
from medadv_desktop.models.diagnostic import DiagnosticModel

LOOKING = [name for name, attack in ATTACKS.items() if attack.knowledge in ("scores", "decisions")]
DECIDING = [name for name, attack in ATTACKS.items() if attack.knowledge == "decisions"]


@contextmanager
def opened(attack: Attack, model: DiagnosticModel, images: Tensor) -> Iterator[Session]:
    with session(
        attack,
        model,
        images,
        decided(model, images),
        Untargeted(),
        seed=0,
        sample_ids=None,
        token=None,
        emit=silent,
    ) as started:
        yield started


def brightness(border: float = 0.5) -> DiagnosticModel:
    """Class 1 where the mean is above `border`: logit difference 64 · (mean − border)."""
    weights = torch.stack([torch.zeros(64), torch.ones(64)]).double()
    return linear(weights, torch.tensor([0.0, -64 * border], dtype=torch.float64))


def grey(*levels: float) -> Tensor:
    return torch.tensor(levels, dtype=torch.float64)[:, None, None, None].expand(-1, 1, 8, 8)


# Square


@pytest.mark.parametrize(
    ("iteration", "halved"),
    [(0, 0), (10, 0), (11, 1), (51, 2), (201, 3), (501, 4), (1001, 5), (4001, 7), (9999, 9)],
)
def test_that_squares_shrink_as_the_paper_says(iteration: int, halved: int) -> None:
    assert covered(0.8, iteration, 10000) == 0.8 / 2**halved
    assert covered(0.8, iteration // 10, 1000) == 0.8 / 2 ** sum(
        iteration // 10 * 10 > b for b in (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
    )


def test_that_every_square_changes_something_in_a_grey_image() -> None:
    images = random_images(6, channels=1)
    model = brightness()
    with opened(Square(), model, images) as started:
        squares, streams = LinfSquares(started, 0.1), Streams(started)
        now = squares.first(started.rows, streams)
        for share in (0.8, 0.3, 0.1, 0.01):
            drawn = streams.uniform(started.rows, squares.draws)
            moved = squares.moved(now.clone(), started.rows, share, drawn)
            assert (moved != now).flatten(1).any(1).all()
            now = moved
        low, high = (images - 0.1).clamp(0, 1), (images + 0.1).clamp(0, 1)
        assert (((now - low).abs() < 1e-12) | ((now - high).abs() < 1e-12)).all()


def test_that_square_in_l2_spends_the_whole_budget() -> None:
    images = grey(0.4, 0.5, 0.6)
    with opened(Square(norm="l2"), brightness(), images) as started:
        squares, streams = L2Squares(started, 0.7), Streams(started)
        now = squares.first(started.rows, streams)
        for share in (0.8, 0.2, 0.05):
            assert (now - images).flatten(1).norm(dim=1) == pytest.approx([0.7] * 3, rel=1e-9)
            drawn = streams.uniform(started.rows, squares.draws)
            now = squares.moved(now, started.rows, share, drawn)


def test_that_square_finds_the_corner_that_a_linear_model_fears_most() -> None:
    generator = torch.Generator().manual_seed(0)
    signs = torch.randn(64, generator=generator, dtype=torch.float64).sign()
    smooth = signs.view(8, 8)[::4, ::4].repeat_interleave(4, 0).repeat_interleave(4, 1).flatten()
    weights = torch.stack([torch.zeros_like(smooth), smooth])
    # The most that ε = 0.1 can add to the difference of the logits is 6.4.
    images = grey(0.5, 0.5)
    for lead, beaten in ((6.0, True), (6.5, False)):
        bias = torch.tensor([lead, 0.0], dtype=torch.float64) + torch.tensor(
            [float(smooth.sum()) / 2, 0.0], dtype=torch.float64
        )
        result = Square(epsilon=0.1, queries=600).run(
            linear(weights, bias), images, torch.zeros(2, dtype=torch.int64), Untargeted()
        )
        assert result.success.tolist() == [beaten] * 2


# NES and SPSA


@pytest.mark.parametrize("kind", [NES, SPSA])
def test_that_estimates_point_along_the_gradient(kind: type[NES] | type[SPSA]) -> None:
    model, images = convolutional(3, smooth=True), random_images(2) * 0.8 + 0.1
    attack = kind(pairs=3000, queries=10_000, sigma=0.001)
    with opened(attack, model, images) as started:
        found = estimate(started, attack, Streams(started), images, started.rows)
        point = started.landscape.at(images, started.rows, climbing=True)
        true = started.landscape.pulled_back(point, point.slope, started.rows)
    # Of an estimate from n directions in d dimensions the cosine is about √(n / (n + d)).
    cosine = nn.functional.cosine_similarity(found.flatten(1), true.flatten(1))
    assert (cosine > 0.95).all()
    assert found.flatten(1).norm(dim=1) == pytest.approx(true.flatten(1).norm(dim=1), rel=0.1)


def test_that_spsa_steps_as_adam_does() -> None:
    images = random_images(1, channels=1)
    with opened(SPSA(), brightness(), images) as started:
        adam = Adam(started, LinfBall(1), of_length_one=False)
        ours = images.clone()
        theirs = images.clone().requires_grad_()
        peer = torch.optim.Adam([theirs], lr=0.01, maximize=True, eps=1e-12)
        for step in range(1, 6):
            slope = random_images(1, channels=1, seed=step) - 0.4
            ours += 0.01 * adam(slope, started.rows, step)
            theirs.grad = slope.clone()
            peer.step()
    torch.testing.assert_close(ours, theirs.detach())


@pytest.mark.parametrize("name", ["nes", "spsa"])
def test_that_queries_are_whole_steps_of_pairs_and_a_look(name: str) -> None:
    attack = make_attack(name, {"queries": 100, "pairs": 7, "epsilon": 0.01})
    result = attack.run(brightness(), grey(0.1), torch.zeros(1, dtype=torch.int64), Untargeted())
    assert result.steps.tolist() == [6]  # (100 − 1) // (2·7 + 1)
    assert result.queries.tolist() == [1 + 6 * 15]


def test_that_too_few_queries_for_a_step_are_refused() -> None:
    with pytest.raises(SettingsError, match="52 queries"):
        make_attack("nes", {"queries": 20, "pairs": 25})
    with pytest.raises(SettingsError, match="401 queries"):
        make_attack("one-pixel", {"queries": 300})


# One pixel


class OneWeakSpot(nn.Module):
    """Class 1 if the pixel at row 3, column 5 is nearly white in green and nearly black in red."""

    def forward(self, images: Tensor) -> Tensor:
        spot = images[:, 1, 3, 5] - images[:, 0, 3, 5] - 0.5
        return torch.stack([torch.zeros_like(spot), 10 * spot], 1)


def test_that_evolution_finds_the_one_pixel_that_matters() -> None:
    card = card_of(2).model_copy(update={"mean": (0.0,), "std": (1.0,)})
    model = DiagnosticModel(OneWeakSpot(), card).eval()
    images = torch.full((3, 3, 8, 8), 0.5)
    labels = torch.zeros(3, dtype=torch.int64)
    result = OnePixel(population=200, queries=2000).run(model, images, labels, Untargeted())
    assert result.success.all()
    assert result.l0.tolist() == [1, 1, 1]
    changed = (result.adversarial != images).any(1).nonzero()
    assert changed.tolist() == [[0, 3, 5], [1, 3, 5], [2, 3, 5]]


@pytest.mark.parametrize("pixels", [1, 3])
def test_that_no_more_pixels_change_than_allowed(pixels: int) -> None:
    model, images = convolutional(3), random_images(6)
    attack = OnePixel(pixels=pixels, population=10, queries=61)
    result = attack.run(model, images, decided(model, images), Untargeted())
    assert 1 <= result.l0.max() <= pixels
    assert result.queries.max() <= 61
    assert result.queries[~result.success].tolist() == [61] * int((~result.success).sum())


def test_that_parents_are_three_different_others_each_as_often() -> None:
    grid = (torch.arange(12, dtype=torch.float64) + 0.5) / 12
    uniform = torch.cartesian_prod(grid, grid, grid)
    steps = Counter(map(tuple, distinct_steps(uniform, 5).tolist()))
    assert steps.keys() == set(itertools.permutations((1, 2, 3, 4), 3))
    assert set(steps.values()) == {12**3 // 24}


def test_that_a_child_is_one_parent_and_half_the_difference_of_two() -> None:
    genes = torch.arange(4, dtype=torch.float64).view(1, 4, 1, 1) / 10
    # Steps 1, 2 and 3: of candidate i, a = i + 1, b = i + 2, c = i + 3, all modulo 4.
    child = children(genes, torch.tensor([0.0, 0.0, 0.0], dtype=torch.float64).expand(1, 4, 3))
    assert child.flatten().tolist() == pytest.approx(
        [
            0.1 + (0.2 - 0.3) / 2,
            0.2 + (0.3 - 0.0) / 2,
            0.3 + (0.0 - 0.1) / 2,
            0 + (0.1 - 0.2) / 2 + 0.05,
        ]
    )


# Decisions


@pytest.mark.parametrize(("norm", "expected"), [("l2", 0.05 * 8), ("linf", 0.05)])
def test_that_hopskipjump_finds_the_nearest_place_of_a_linear_boundary(
    norm: str, expected: float
) -> None:
    attack = make_attack("hopskipjump", {"norm": norm, "queries": 3000})
    assert attack.minimal
    result = attack.run(brightness(), grey(0.45, 0.55), torch.tensor([0, 1]), Untargeted(), seed=1)
    assert result.success.all()
    distance = getattr(result, norm)
    # 0.05 away in mean grey: every pixel by 0.05, or √64 · 0.05 in length.
    assert (distance >= expected * (1 - 1e-9)).all()
    assert (distance <= expected * 1.1).all()


def test_that_the_boundary_attack_walks_towards_the_nearest_place() -> None:
    attack = Boundary(queries=600)
    result = attack.run(brightness(), grey(0.45, 0.55), torch.tensor([0, 1]), Untargeted())
    assert result.success.all()
    assert (result.l2 <= 0.05 * 8 * 1.5).all()
    assert (result.queries <= 600).all()


class Poisoned(Landscape):
    """Right about what is achieved; loss, slope and logits are lies."""

    def at(self, images: Tensor, rows: Tensor, *, climbing: bool = False) -> Point:
        assert not climbing
        point = super().at(images, rows)
        return dataclasses.replace(
            point,
            logits=torch.full_like(point.logits, torch.nan),
            loss=torch.full_like(point.loss, torch.nan),
            slope=torch.full_like(point.slope, torch.nan),
        )


@pytest.mark.parametrize("name", DECIDING)
def test_that_attacks_by_decisions_see_decisions_alone(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, images = convolutional(3), random_images(4)
    labels = decided(model, images)
    for attack in CASES[name].quick:
        honest = attack.run(model, images, labels, Untargeted())
        with monkeypatch.context() as patch:
            patch.setattr("medadv_desktop.attacks.session.Landscape", Poisoned)
            lied_to = attack.run(model, images, labels, Untargeted())
        assert torch.equal(honest.adversarial, lied_to.adversarial)
        assert honest.success.tolist() == lied_to.success.tolist()
        assert honest.queries.tolist() == lied_to.queries.tolist()
        assert lied_to.adversarial_logits.isnan().all()


def test_that_a_change_beyond_the_budget_is_no_success() -> None:
    for name in DECIDING:
        attack = make_attack(name, {"epsilon": 0.41, "queries": 300})
        images = grey(0.45, 0.3)
        result = attack.run(brightness(), images, torch.tensor([0, 0]), Untargeted())
        assert not result.success[1]
        assert torch.equal(result.adversarial[1], images[1])
        assert (result.l2[result.success] <= 0.41 * (1 + 1e-6)).all()


class Stubborn(nn.Module):
    """The same answer to everything."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.tensor([1.0, 0.0], dtype=images.dtype).expand(len(images), 2)


@pytest.mark.parametrize("name", LOOKING)
def test_that_a_model_that_never_yields_costs_no_more_than_the_limit(name: str) -> None:
    model = DiagnosticModel(Stubborn(), card_of(2, channels=1)).eval()
    images = grey(0.3, 0.7)
    attack = CASES[name].quick[0]
    result = attack.run(model, images, torch.zeros(2, dtype=torch.int64), Untargeted())
    assert not result.success.any()
    limit = attack.model_dump()["queries"]
    assert (result.queries <= limit).all()
    if name == "square":
        assert result.queries.tolist() == [limit] * 2
    if attack.minimal:
        assert torch.equal(result.adversarial, images)


@pytest.mark.parametrize("name", DECIDING)
def test_that_samples_without_a_first_image_are_told(name: str) -> None:
    model = DiagnosticModel(Stubborn(), card_of(2, channels=1)).eval()
    heard: list[Event] = []
    CASES[name].quick[0].run(
        model, grey(0.3, 0.7), torch.zeros(2, dtype=torch.int64), Untargeted(), emit=heard.append
    )
    told = [e for e in heard if isinstance(e, Message)]
    assert [m.level for m in told] == ["warning"]
    assert "for 2 of 2 samples no image was found" in told[0].text


# What holds for all of them


@pytest.mark.parametrize("name", [*LOOKING, "noise"])
def test_that_every_image_shown_to_the_model_is_counted(name: str) -> None:
    model, images = convolutional(3), random_images(4)
    labels = decided(model, images)
    shown: list[int] = []
    model.register_forward_hook(lambda _m, inputs, _out: shown.append(len(inputs[0])))
    for attack in CASES[name].quick:
        shown.clear()
        result = attack.run(model, images, labels, Untargeted())
        assert int(result.queries.sum()) == sum(shown)
        assert (result.queries <= attack.model_dump().get("queries", math.inf)).all()
        beaten_already = decided(model, images) != labels
        assert (result.queries[beaten_already] == 1).all()


@pytest.mark.parametrize("name", LOOKING)
def test_that_a_sample_already_beaten_takes_one_look(name: str) -> None:
    attack = CASES[name].quick[0]
    result = attack.run(brightness(), grey(0.7, 0.3), torch.tensor([0, 0]), Untargeted(), seed=2)
    assert result.queries[0] == 1
    assert result.success[0]
    assert result.steps[0] == 0
    assert result.linf[0] == 0


@pytest.mark.parametrize("name", LOOKING)
@pytest.mark.parametrize("objective", [HideFinding(finding=1), InsertFinding(finding=0)])
def test_that_findings_are_hidden_and_inserted_without_gradients(
    name: str, objective: HideFinding | InsertFinding
) -> None:
    weights = torch.stack([torch.ones(64), torch.ones(64)]).double()
    bias = torch.tensor([-64 * 0.55, -64 * 0.45], dtype=torch.float64)
    model = linear(weights, bias, thresholds=(0.5, 0.5))
    labels = torch.tensor([[0, 1]])  # at 0.5 the first is absent, the second present
    larger = {"one-pixel": {"pixels": 30}, "hopskipjump": {}, "boundary": {}}
    fields: dict[str, object] = larger.get(name, {"epsilon": 0.2}) | {"queries": 300}
    if name == "one-pixel":
        fields["population"] = 50
    result = make_attack(name, fields).run(model, grey(0.5), labels, objective)
    assert result.success.all()


def test_that_a_target_is_reached_without_gradients() -> None:
    model, images = convolutional(3), random_images(4)
    labels = torch.full((4,), 2)
    for name in LOOKING:
        result = CASES[name].strong.run(model, images, labels, Targeted(target=1))
        assert (decided(model, result.adversarial)[result.success] == 1).all()
        assert result.success.any(), name


def test_that_a_network_in_onnx_is_attacked_by_scores_and_decisions(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    from medadv_desktop.models.formats.onnx_file import OnnxScores

    helper = onnx.helper
    whole = brightness()
    head = whole.network[1]
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["images"], ["flat"]),
            helper.make_node("Gemm", ["flat", "w", "b"], ["logits"], transB=1),
        ],
        "tiny",
        [helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, ["n", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["n", 2])],
        [
            onnx.numpy_helper.from_array(head.weight.detach().float().numpy(), "w"),
            onnx.numpy_helper.from_array(head.bias.detach().float().numpy(), "b"),
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    started = runtime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    model = DiagnosticModel(OnnxScores(started), whole.card, white_box=False).eval()
    images = grey(0.45, 0.55).float()
    labels = torch.tensor([0, 1])
    for name in LOOKING:
        fields: dict[str, object] = {"queries": 300} | (
            {"epsilon": 0.1} if not ATTACKS[name].minimal else {}
        )
        if name == "one-pixel":
            fields = {"queries": 300, "population": 50, "pixels": 20}
        result = make_attack(name, fields).run(model, images, labels, Untargeted())
        assert result.success.all(), name


# Noise


@pytest.mark.parametrize("norm", ["linf", "l2", "l1", "l0"])
def test_that_surface_noise_is_as_long_as_the_budget(norm: str) -> None:
    budget = {"linf": 0.1, "l2": 0.8, "l1": 5.0, "l0": 7.0}[norm]
    images = grey(0.4, 0.5, 0.6)
    labels = decided(brightness(), images)
    result = Noise(norm=norm, epsilon=budget).run(brightness(), images, labels, Untargeted())
    drawn = result.linf > 0  # a draw that lowers the loss is not handed out
    assert drawn.any()
    assert getattr(result, norm)[drawn].double().tolist() == pytest.approx(
        [budget] * int(drawn.sum()), rel=1e-9
    )


def test_that_noise_in_a_ball_is_uniform_in_it() -> None:
    from medadv_desktop.attacks.scores.noise_draws import DRAWS

    shape = torch.Size((1, 1, 2))
    generator = torch.Generator().manual_seed(0)
    for norm, order in (("l2", 2), ("l1", 1), ("linf", math.inf)):
        drawn = torch.stack([DRAWS[norm](shape, 2.0, "ball", generator) for _ in range(2000)])
        radius = torch.linalg.vector_norm(drawn.flatten(1), ord=order, dim=1)
        assert radius.max() <= 2
        # In a plane the share within half the radius is a quarter; quadrants are alike.
        assert (radius < 1).double().mean() == pytest.approx(0.25, abs=0.04)
        assert (drawn.flatten(1) > 0).double().mean(0).tolist() == pytest.approx(
            [0.5] * 2, abs=0.04
        )


def test_that_gaussian_noise_has_the_spread_that_it_says() -> None:
    from medadv_desktop.attacks.scores.noise_draws import DRAWS

    generator = torch.Generator().manual_seed(0)
    shape = torch.Size((1, 50, 50))
    lengths = {"l2": 2.0, "l1": 1.0}
    for norm, order in lengths.items():
        drawn = DRAWS[norm](shape, 3.0, "gaussian", generator)
        length = torch.linalg.vector_norm(drawn.flatten(), ord=order)
        assert 0.95 * 3 <= length <= 3 * (1 + 1e-9)
    drawn = DRAWS["linf"](shape, 0.1, "gaussian", generator)
    assert drawn.abs().max() <= 0.1
    # 4.55 % of normal values lie beyond two standard deviations, here cut to ±ε.
    assert (drawn.abs() == 0.1).double().mean() == pytest.approx(0.0455, abs=0.015)


def test_that_noise_takes_no_more_draws_than_it_needs() -> None:
    model, images = convolutional(3), random_images(8)
    labels = decided(model, images)
    result = Noise(epsilon=0.3, draws=20).run(model, images, labels, Untargeted())
    assert result.success.any()
    assert (result.queries == result.steps + 1).all()
    assert (result.steps[~result.success] == 20).all()
    assert result.steps[result.success].min() < 20


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"norm": "linf", "epsilon": 2}, "at most 1"),
        ({"norm": "l0", "epsilon": 2.5}, "whole number"),
        ({"norm": "l0", "epsilon": 2, "kind": "gaussian"}, "every pixel"),
    ],
)
def test_that_noise_without_meaning_is_refused(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        make_attack("noise", fields)
