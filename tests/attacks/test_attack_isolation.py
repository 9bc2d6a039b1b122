"""An attack leaves no trace: not on the model, not on its inputs, not on the random state."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from attack_models import card_of, convolutional, decided, random_images
from torch import Tensor, nn

from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.gradient.fgsm import FGSM
from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import Untargeted
from medadv_desktop.jobs import CancelToken, Event, JobCancelled, Progress
from medadv_desktop.models.diagnostic import DiagnosticModel


class BoomError(Exception):
    pass


def mixed_model() -> DiagnosticModel:
    """Some parts train, some do not; some weights have gradients, some want none."""
    model = convolutional(3)
    model.train()
    model.network[1].eval()
    for i, parameter in enumerate(model.parameters()):
        parameter.requires_grad_(i % 2 == 0)
        if i % 3 == 0:
            parameter.grad = torch.full_like(parameter, 0.25)
    return model


def trace_of(model: DiagnosticModel) -> dict[str, object]:
    return {
        "state": copy.deepcopy(model.state_dict()),
        "buffers": {n: b.clone() for n, b in model.named_buffers()},
        "gradients": {
            n: None if p.grad is None else p.grad.clone() for n, p in model.named_parameters()
        },
        "wanted": {n: p.requires_grad for n, p in model.named_parameters()},
        "modes": {n: m.training for n, m in model.named_modules()},
        "hooks": [
            len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks)
            for m in model.modules()
        ],
        "random": torch.get_rng_state(),
    }


def assert_same(before: object, after: object) -> None:
    if isinstance(before, dict):
        assert isinstance(after, dict)
        assert before.keys() == after.keys()
        for key, value in before.items():
            assert_same(value, after[key])
    elif isinstance(before, Tensor):
        assert torch.equal(before, after)
    else:
        assert before == after


def finish(event: Event) -> None:
    pass


def cancel(event: Event) -> None:
    if isinstance(event, Progress) and event.done == 2:
        raise JobCancelled


def fail(event: Event) -> None:
    if isinstance(event, Progress) and event.done == 2:
        raise BoomError


@pytest.mark.parametrize("end", [finish, cancel, fail])
@pytest.mark.parametrize(
    "attack", [PGD(steps=4, restarts=2, stop_when_beaten=False), PGD(norm="l2", steps=4)], ids=str
)
def test_that_the_model_is_as_before_however_the_attack_ends(
    attack: Attack, end: Callable[[Event], None]
) -> None:
    model = mixed_model()
    images = random_images(4)
    labels = torch.zeros(4, dtype=torch.int64)
    given = images.clone()
    before = trace_of(model)
    try:
        attack.run(model, images, labels, Untargeted(), token=CancelToken(), emit=end)
    except (JobCancelled, BoomError):
        assert end is not finish
    else:
        assert end is finish
    assert_same(before, trace_of(model))
    assert torch.equal(images, given)
    assert not images.requires_grad


def test_that_the_model_is_attacked_in_eval_mode() -> None:
    model = mixed_model()
    images = random_images(4)
    labels = torch.zeros(4, dtype=torch.int64)
    result = FGSM().run(model, images, labels, Untargeted())
    with torch.no_grad():
        torch.testing.assert_close(result.clean_logits, model.eval()(images))


class Noisy(nn.Module):
    """A network that draws random numbers even in eval mode."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(192, 3, dtype=torch.float64)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(images.flatten(1))
        return logits + torch.randn_like(logits)


def test_that_a_network_with_random_numbers_of_its_own_repeats_itself_by_seed() -> None:
    model = DiagnosticModel(Noisy(), card_of(3)).eval()
    images, labels = random_images(3), torch.zeros(3, dtype=torch.int64)
    state = torch.get_rng_state()
    runs = [PGD(steps=3).run(model, images, labels, Untargeted(), seed=s) for s in (1, 1, 2)]
    assert torch.equal(runs[0].adversarial_logits, runs[1].adversarial_logits)
    assert not torch.equal(runs[0].clean_logits, runs[2].clean_logits)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_that_an_attack_works_where_gradients_are_off(context: Callable[[], object]) -> None:
    model = convolutional(3)
    images = random_images(4)
    labels = decided(model, images)
    expected = PGD(steps=3).run(model, images, labels, Untargeted())
    with context():  # type: ignore[attr-defined]
        result = PGD(steps=3).run(model, images.clone(), labels.clone(), Untargeted())
    assert torch.equal(result.adversarial, expected.adversarial)


def test_that_autocast_around_an_attack_does_not_coarsen_it() -> None:
    model = convolutional(3, dtype=torch.float32)
    images = random_images(4, dtype=torch.float32)
    labels = decided(model, images)
    expected = PGD(steps=3).run(model, images, labels, Untargeted())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = PGD(steps=3).run(model, images, labels, Untargeted())
    assert torch.equal(result.adversarial, expected.adversarial)


def test_that_a_cancelled_token_stops_an_attack_at_its_next_step() -> None:
    model = convolutional(3)
    token = CancelToken()
    steps: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, Progress):
            steps.append(event.done)
            if event.done == 3:
                token.cancel()

    with pytest.raises(JobCancelled):
        PGD(steps=50, stop_when_beaten=False).run(
            model,
            random_images(2),
            torch.zeros(2, dtype=torch.int64),
            Untargeted(),
            token=token,
            emit=listen,
        )
    assert steps == [1, 2, 3]


def test_that_a_cancel_inside_the_network_leaves_the_model_as_before() -> None:
    model, token = mixed_model(), CancelToken()
    seen: list[int] = []

    def count(*_: object) -> None:
        seen.append(1)
        if len(seen) == 3:
            token.cancel()

    model.network[3].register_forward_hook(count)
    before = trace_of(model)
    with pytest.raises(JobCancelled):
        PGD().run(
            model, random_images(2), torch.zeros(2, dtype=torch.int64), Untargeted(), token=token
        )
    assert len(seen) == 3
    assert_same(before, trace_of(model))


def test_that_an_attack_with_a_token_gives_the_same_images() -> None:
    model = convolutional(3)
    images = random_images(4)
    labels = decided(model, images)
    plain = PGD(steps=3).run(model, images, labels, Untargeted())
    watched = PGD(steps=3).run(model, images, labels, Untargeted(), token=CancelToken())
    assert torch.equal(plain.adversarial, watched.adversarial)
