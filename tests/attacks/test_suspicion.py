"""Signs of a false sense of security: on figures made by hand, and networks that show them."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from attack_models import card_of, convolutional, decided, linear, random_images
from attack_trained import trained
from torch import Tensor, nn

from medadv_desktop.attacks.decisions.hopskipjump import HopSkipJump
from medadv_desktop.attacks.gradient.fgsm import FGSM
from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import FlipAll, Objective, Targeted, Untargeted
from medadv_desktop.attacks.trust.probing import examine, probe
from medadv_desktop.attacks.trust.suspicion import (
    Agreement,
    Evidence,
    Outcome,
    agreement,
    clearly_more,
    outcome_of,
    suspicions,
)
from medadv_desktop.jobs import CancelToken, JobCancelled
from medadv_desktop.models.diagnostic import DiagnosticModel


def outcome(beaten: int, of: int = 20, *, last: bool = False, **fields: object) -> Outcome:
    """An attack that beats the first (or last) so many samples."""
    flags = (True,) * beaten + (False,) * (of - beaten)
    plain = Outcome("PGD", "white-box", "linf", 0.03, flags[::-1] if last else flags)
    return dataclasses.replace(plain, **fields)


def signs(*outcomes: Outcome, **evidence: object) -> list[str]:
    return [s.sign for s in suspicions(Evidence(outcomes, **evidence))]  # type: ignore[arg-type]


def test_that_nothing_known_is_nothing_suspected() -> None:
    assert suspicions(Evidence()) == ()


@pytest.mark.parametrize(("first", "second"), [(4, 0), (5, 0), (6, 1), (7, 1), (9, 3), (10, 2)])
def test_that_more_is_clear_where_a_fair_coin_rarely_gives_it(first: int, second: int) -> None:
    scipy = pytest.importorskip("scipy.stats")
    fair = scipy.binomtest(first, first + second, alternative="greater").pvalue
    assert clearly_more(first, second) == (fair <= 0.05)


def test_that_a_black_box_that_beats_gradients_is_told() -> None:
    square = outcome(12, attack="Square", knowledge="scores")
    assert signs(outcome(4), square) == ["black-box-beats-white-box"]
    assert signs(outcome(12), square) == []
    assert signs(outcome(8), square) == []  # four samples: may be luck
    assert signs(outcome(4), dataclasses.replace(square, epsilon=0.1)) == []  # not comparable
    told = suspicions(Evidence((outcome(4), square)))[0]
    assert "Square beat 8 samples that PGD did not (0 the other way round)" in told.message
    assert told.remedy.endswith(".")


def test_that_a_single_step_that_beats_many_is_told() -> None:
    fgsm = outcome(12, attack="FGSM", single_step=True)
    assert signs(fgsm, outcome(5)) == ["single-step-beats-iterative"]
    assert signs(fgsm, outcome(15)) == []
    assert signs(fgsm, outcome(5, last=True)) == []  # 12 against 5 is no clear difference


def test_that_random_starts_which_see_more_are_told() -> None:
    plain, random = outcome(2, random_start=False), outcome(9, random_start=True)
    assert signs(plain, random) == ["random-start-beats-none"]
    assert signs(plain, dataclasses.replace(random, random_start=None)) == []


def test_that_samples_which_withstand_any_budget_are_told() -> None:
    assert signs(outcome(15, huge=True)) == ["huge-budget-survived"]
    assert signs(outcome(100, of=101, huge=True)) == []
    assert signs(outcome(15)) == []
    assert signs(outcome(15, huge=True, knowledge="scores")) == []


def test_that_zero_gradients_and_flat_places_are_told() -> None:
    some = (True, True, *(False,) * 18)
    assert signs(no_gradient=some) == ["zero-gradients"]
    assert signs(flat=some) == ["flat-loss"]
    assert signs(no_gradient=(False,) * 20, flat=(True, *(False,) * 40)) == []


def test_that_decisions_no_better_than_chance_are_told() -> None:
    assert signs(agreement=Agreement(55, 100, 50, 5)) == ["untrained-model"]
    assert signs(agreement=Agreement(60, 100, 50, 5)) == []
    assert signs(agreement=Agreement(0, 0, 0, 0)) == []
    assert signs(agreement=Agreement(2, 3, 1.5, 0.9)) == []  # three samples say nothing


def test_that_expected_agreement_is_that_of_cohens_kappa() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    generator = torch.Generator().manual_seed(0)
    true = torch.randint(3, (50,), generator=generator).tolist()
    guess = torch.randint(3, (50,), generator=generator).tolist()
    seen = agreement(tuple((g,) for g in guess), tuple((t,) for t in true))
    kappa = (seen.correct - seen.expected) / (seen.judged - seen.expected)
    assert kappa == pytest.approx(metrics.cohen_kappa_score(true, guess))
    # The spread, by pairing them at random.
    drawn = torch.tensor(true)
    shuffles = [torch.randperm(50, generator=generator) for _ in range(1000)]
    agreed = torch.tensor([float((drawn[s] == torch.tensor(guess)).sum()) for s in shuffles])
    assert agreed.mean() == pytest.approx(seen.expected, abs=0.3)
    assert agreed.std() == pytest.approx(seen.spread, rel=0.1)


def test_that_a_reference_that_never_varies_says_nothing() -> None:
    seen = agreement(((0, 1), (1, 0)), ((0, 1), (0, 0)))
    assert (seen.judged, seen.correct) == (2, 2)


def test_that_an_outcome_says_what_the_attack_was() -> None:
    model, images = convolutional(3), random_images(3)
    labels = decided(model, images)
    seen = outcome_of(FGSM(), FGSM().run(model, images, labels, Untargeted()))
    assert (seen.single_step, seen.random_start, seen.huge, seen.norm) == (
        True,
        None,
        False,
        "linf",
    )
    attack = PGD(norm="l2", epsilon=0.5 * math.sqrt(192), steps=2)
    seen = outcome_of(attack, attack.run(model, images, labels, Untargeted()))
    assert (seen.single_step, seen.random_start, seen.huge) == (False, True, True)


def test_that_a_minimal_attack_is_judged_by_the_budget_asked() -> None:
    model = linear(torch.cat([torch.zeros(1, 64), torch.ones(1, 64)]), torch.tensor([0.0, -32.0]))
    images = torch.stack([torch.full((1, 8, 8), 0.5 - d) for d in (0.01, 0.1)])
    attack = HopSkipJump(norm="linf", queries=400)
    result = attack.run(model, images, torch.zeros(2, dtype=torch.int64), Untargeted())
    assert outcome_of(attack, result, norm="linf", epsilon=0.05).beaten == (True, False)


class Shaped(nn.Module):
    """A linear decision behind something done to the image or to the logits."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.head = nn.Linear(64, 2, dtype=torch.float64)
        with torch.no_grad():
            self.head.weight.copy_(torch.stack([-torch.ones(64), torch.ones(64)]))
            self.head.bias.zero_()

    def forward(self, images: Tensor) -> Tensor:
        flat = images.flatten(1) - 0.5
        if self.kind == "rounded":  # the gradient of rounding is zero
            flat = (flat * 8).round() / 8
        logits: Tensor = self.head(flat)
        if self.kind == "saturated":
            return torch.where(logits > 0, 1.0, -1.0) + 0 * logits
        return logits


def shaped(kind: str) -> DiagnosticModel:
    card = card_of(2, channels=1).model_copy(update={"mean": (0.0,), "std": (1.0,)})
    return DiagnosticModel(Shaped(kind), card).eval()


def near_the_middle(count: int = 40) -> tuple[Tensor, Tensor]:
    """Dark and bright images of noise about mid-grey, and which they are."""
    generator = torch.Generator().manual_seed(3)
    noise = torch.rand(count, 1, 8, 8, generator=generator, dtype=torch.float64) - 0.5
    labels = torch.arange(count) % 2
    bright = (labels.double() * 2 - 1) * 0.02
    noise = 0.6 * (noise - noise.mean((1, 2, 3), keepdim=True))
    return 0.5 + noise + bright[:, None, None, None], labels


def told(kind: str) -> set[str]:
    model = shaped(kind)
    images, labels = near_the_middle()
    return {s.sign for s in probe(model, images, labels, Untargeted(), epsilon=0.1)}


def test_that_an_honest_model_raises_no_suspicion() -> None:
    assert told("plain") == set()


@pytest.mark.parametrize(
    ("objective", "count"), [(Untargeted(), 48), (Untargeted(), 3), (Targeted(target=0), 48)]
)
def test_that_a_network_that_has_learned_raises_no_suspicion(
    objective: Objective, count: int
) -> None:
    model, images, labels = trained()
    rows = (labels != 0).nonzero().flatten() if objective.name == "targeted" else labels >= 0
    images, labels = images[rows][:count], labels[rows][:count]
    assert probe(model, images, labels, objective, epsilon=0.02) == ()


def test_that_a_goal_beyond_all_budgets_is_no_sign() -> None:
    """Two findings seen by the same pixels, with opposite signs, can never both be flipped."""
    weights = torch.ones(2, 64, dtype=torch.float64)
    model = linear(weights, torch.tensor([-31.5, -31.5]).double(), thresholds=(0.5, 0.5))
    images, bright = near_the_middle()
    labels = torch.stack([bright, 1 - bright], 1)
    found = probe(model, images, labels, FlipAll(), epsilon=0.1)
    assert "huge-budget-survived" not in {s.sign for s in found}


def test_that_a_rounding_network_is_seen_through() -> None:
    assert told("rounded") == {
        "zero-gradients",
        "huge-budget-survived",
        "black-box-beats-white-box",
    }


def test_that_saturated_logits_are_seen_as_flat_and_without_gradient() -> None:
    assert {"zero-gradients", "flat-loss", "huge-budget-survived"} <= told("saturated")


@pytest.mark.parametrize("thresholds", [(), (0.5, 0.5, 0.5)])
def test_that_an_untrained_model_is_told(thresholds: tuple[float, ...]) -> None:
    model, images = convolutional(3, thresholds=thresholds), random_images(40)
    generator = torch.Generator().manual_seed(5)
    shape = (40, 3) if thresholds else (40,)
    labels = torch.randint(2 if thresholds else 3, shape, generator=generator)
    found = probe(model, images, labels, Untargeted())
    assert "untrained-model" in {s.sign for s in found}
    own = probe(model, images, decided(model, images), Untargeted())
    assert "untrained-model" not in {s.sign for s in own}


class Masked(nn.Module):
    """Zero gradient in a narrow plateau around each image's mean grey; honest beyond it."""

    def forward(self, images: Tensor) -> Tensor:
        level = (images.flatten(1) - 0.5).sum(1)
        fine = images.flatten(1)[:, ::2].sum(1) - images.flatten(1)[:, 1::2].sum(1)
        plain = torch.where(fine.abs() < 0.05, level.detach().sign(), level)
        return torch.stack([-plain, plain], 1)


def test_that_a_plateau_around_the_image_is_told_by_random_starts() -> None:
    card = card_of(2, channels=1).model_copy(update={"mean": (0.0,), "std": (1.0,)})
    model = DiagnosticModel(Masked(), card).eval()
    labels = torch.arange(24) % 2
    grey = 0.5 + 0.02 * (labels.double() * 2 - 1)
    images = grey[:, None, None, None].expand(24, 1, 8, 8)
    found = {s.sign for s in probe(model, images, labels, Untargeted(), epsilon=0.1)}
    assert "random-start-beats-none" in found


def test_that_a_model_of_scores_alone_is_probed_without_gradients() -> None:
    whole = shaped("plain")
    model = DiagnosticModel(whole.network, whole.card, white_box=False).eval()
    images, labels = near_the_middle()
    seen = examine(model, images, labels, Untargeted())
    assert {o.knowledge for o in seen.outcomes} == {"nothing", "scores"}
    assert not any(seen.no_gradient)


def test_that_a_probe_takes_a_few_dozen_passes_and_leaves_no_trace() -> None:
    model, images = convolutional(3), random_images(6)
    labels = decided(model, images)
    model.train()
    passes: list[int] = []
    model.network[0].register_forward_hook(lambda *_: passes.append(1))
    state = torch.get_rng_state()
    probe(model, images, labels, Untargeted(), epsilon=1e-6)
    assert 20 <= len(passes) <= 70
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)


def test_that_a_probe_can_be_cancelled() -> None:
    token = CancelToken()
    token.cancel()
    model, images = convolutional(3), random_images(2)
    with pytest.raises(JobCancelled):
        probe(model, images, decided(model, images), Untargeted(), token)
