"""PGD over networks that draw random numbers: each step goes by the mean of several draws."""

from __future__ import annotations

import pytest
import torch
from attack_models import card_of, convolutional, decided, random_images
from torch import Tensor, nn

from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import Untargeted
from medadv_desktop.jobs import Event, Message
from medadv_desktop.models.card import ModelCard
from medadv_desktop.models.diagnostic import DiagnosticModel

EPSILON = 4 / 255
GOAL = Untargeted(loss_kind="margin")


class Shaken(nn.Module):
    """Two logits whose difference rises along `true`, plus twice `false` with a random sign.

    The sign is drawn once for the whole batch, as many defences draw.
    """

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        true, false = (
            torch.where(torch.rand(64, generator=generator) < 0.5, -1.0, 1.0).double()
            for _ in range(2)
        )
        self.true, self.false = nn.Parameter(true), nn.Parameter(false)

    def forward(self, images: Tensor) -> Tensor:
        sign = 1.0 if torch.rand(()) < 0.5 else -1.0
        rise = images.flatten(1) @ (self.true + 2 * sign * self.false)
        return torch.stack([torch.full_like(rise, 400.0), rise], 1)


def shaken() -> DiagnosticModel:
    card = ModelCard(**card_of(2, channels=1).model_dump() | {"mean": (0.0,), "std": (1.0,)})
    return DiagnosticModel(Shaken(), card).double().eval()


def one_step(draws: int) -> PGD:
    return PGD(epsilon=EPSILON, step_size=EPSILON, steps=1, random_start=False, eot_samples=draws)


def share_along_the_truth(model: DiagnosticModel, draws: int) -> float:
    images = torch.full((1, 1, 8, 8), 0.5, dtype=torch.float64)
    result = one_step(draws).run(model, images, torch.zeros(1, dtype=int), GOAL)
    network = model.network
    assert isinstance(network, Shaken)
    steps = (result.adversarial - images).flatten().sign()
    return (steps == network.true.sign()).double().mean().item()


def test_that_many_draws_find_the_direction_that_one_draw_misses() -> None:
    # One draw follows ±2·false + true, that is ±false; the mean of many comes to true.
    model = shaken()
    assert share_along_the_truth(model, 1) < 0.8
    assert share_along_the_truth(model, 64) == 1.0


def test_that_draws_do_not_depend_on_batch_or_order() -> None:
    model = shaken()
    images, labels = random_images(3, channels=1), torch.zeros(3, dtype=int)
    attack = PGD(epsilon=EPSILON, steps=3, eot_samples=3, stop_when_beaten=False)
    whole = attack.run(model, images, labels, GOAL, seed=5)
    for rows in ([1], [2, 0]):
        part = attack.run(model, images[rows], labels[rows], GOAL, seed=5, sample_ids=rows)
        torch.testing.assert_close(part.adversarial, whole.adversarial[rows], rtol=0, atol=1e-12)
        torch.testing.assert_close(part.adversarial_logits, whole.adversarial_logits[rows])
    again = attack.run(model, images, labels, GOAL, seed=5)
    assert torch.equal(again.adversarial, whole.adversarial)
    other = attack.run(model, images, labels, GOAL, seed=6)
    assert not torch.equal(other.adversarial_logits, whole.adversarial_logits)


def test_that_every_draw_counts_as_a_query_and_the_random_state_is_left_alone() -> None:
    model = shaken()
    state = torch.get_rng_state()
    images, labels = random_images(2, channels=1), torch.zeros(2, dtype=int)
    attack = PGD(epsilon=EPSILON, steps=4, eot_samples=3, random_start=False)
    result = attack.run(model, images, labels, GOAL)
    assert result.queries.tolist() == [3 * (1 + 4)] * 2
    assert torch.equal(torch.get_rng_state(), state)


def test_that_of_a_network_without_random_numbers_every_draw_is_the_same_and_that_is_told() -> None:
    model = convolutional(3)
    images = random_images(3)
    labels = decided(model, images)
    events: list[Event] = []
    mean = PGD(epsilon=EPSILON, steps=3, eot_samples=2)
    one = PGD(epsilon=EPSILON, steps=3)
    expected = one.run(model, images, labels, Untargeted())
    result = mean.run(model, images, labels, Untargeted(), emit=events.append)
    torch.testing.assert_close(result.adversarial, expected.adversarial, rtol=0, atol=1e-9)
    assert result.success.tolist() == expected.success.tolist()
    told = [e.text for e in events if isinstance(e, Message)]
    assert len([t for t in told if "no random numbers" in t]) == 1


@pytest.mark.parametrize("attack", [one_step(1), one_step(2)], ids=["one", "two"])
def test_that_a_shaken_network_is_not_said_to_be_without_random_numbers(attack: Attack) -> None:
    events: list[Event] = []
    images, labels = random_images(4, channels=1), torch.zeros(4, dtype=int)
    attack.run(shaken(), images, labels, GOAL, emit=events.append)
    assert not [e for e in events if isinstance(e, Message) and "random" in e.text]
