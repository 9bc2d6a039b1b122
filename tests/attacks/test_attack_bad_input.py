"""Everything that does not fit is refused at the door, in words, before any step."""

from __future__ import annotations

import pytest
import torch
from attack_models import card_of, convolutional, decided, random_images
from torch import Tensor, nn

from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import HideFinding, Objective, Targeted, Untargeted
from medadv_desktop.errors import AttackError
from medadv_desktop.jobs import Event, Message
from medadv_desktop.models.diagnostic import DiagnosticModel

ZEROS = torch.zeros(2, dtype=torch.int64)
IMAGES = random_images(2)


def spoiled(value: float) -> Tensor:
    images = IMAGES.clone()
    images[1, 0, 3, 3] = value
    return images


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (IMAGES[0], "images: are 3×8×8; Tiny takes N×3×8×8"),
        (IMAGES[:, :1], "images: are 2×1×8×8"),
        (IMAGES[:0], "the batch is empty"),
        (IMAGES.half(), "are float16; an attack needs float32 or float64"),
        ((IMAGES * 255).to(torch.uint8), "are uint8"),
        (IMAGES.float(), "are float32, the model computes in float64"),
        (spoiled(float("nan")), "NaN or infinite"),
        (spoiled(float("inf")), "NaN or infinite"),
        (spoiled(1.5), r"to 1\.5; the model input lies within \[0, 1\]"),
        (spoiled(-0.25), r"from -0\.25"),
    ],
)
def test_that_images_that_are_no_model_input_are_refused(images: Tensor, words: str) -> None:
    with pytest.raises(AttackError, match=words):
        PGD().run(convolutional(3), images, ZEROS, Untargeted())


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (torch.zeros(3, dtype=torch.int64), "labels: are 3 int64"),
        (torch.zeros(2), "float32; a single-label model takes one class index"),
        (torch.zeros(2, 3, dtype=torch.int64), "are 2×3"),
        (torch.tensor([0, 3]), "name class 3 for sample 1; the classes are 0 to 2"),
        (torch.tensor([-1, 0]), "name class -1 for sample 0"),
    ],
)
def test_that_labels_of_another_kind_are_refused(labels: Tensor, words: str) -> None:
    with pytest.raises(AttackError, match=words):
        PGD().run(convolutional(3), IMAGES, labels, Untargeted())


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (torch.zeros(2, dtype=torch.int64), "labels: are 2; a multi-label model"),
        (torch.zeros(2, 4), "2×4"),
        (torch.tensor([[0, 1, 0], [0, 0, -1]]), "say -1 for finding 2 of sample 1"),
        (torch.tensor([[0, 1, 0.5], [0, 0, 1]]), r"say 0\.5 for finding 2 of sample 0"),
        (torch.tensor([[0, 1, float("nan")], [0, 0, 1]]), "say nan"),
    ],
)
def test_that_states_of_findings_other_than_0_and_1_are_refused(labels: Tensor, words: str) -> None:
    with pytest.raises(AttackError, match=words):
        PGD().run(convolutional(3, thresholds=(0.5,) * 3), IMAGES, labels, Untargeted())


def test_that_states_of_findings_may_have_any_dtype() -> None:
    model = convolutional(3, thresholds=(0.5,) * 3)
    states = torch.tensor([[0, 1, 0], [1, 0, 1]])
    results = [
        PGD(steps=2).run(model, IMAGES, states.to(dtype), Untargeted()).adversarial
        for dtype in (torch.bool, torch.uint8, torch.int64, torch.float32)
    ]
    assert all(torch.equal(results[0], r) for r in results)


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        (HideFinding(finding=0), "objective hide"),
        (Targeted(target=9), "no class 9"),
        (Targeted(target=0), "class 0 is already the reference of samples 0, 1"),
    ],
)
def test_that_a_goal_that_does_not_fit_is_refused(objective: Objective, words: str) -> None:
    with pytest.raises(AttackError, match=words):
        PGD().run(convolutional(3), IMAGES, ZEROS, objective)


def test_that_ids_must_be_one_per_sample() -> None:
    with pytest.raises(AttackError, match="sample_ids: 3 ids for 2 images"):
        PGD().run(convolutional(3), IMAGES, ZEROS, Untargeted(), sample_ids=[1, 2, 3])


class Broken(nn.Module):
    """A linear head whose output is passed through `spoil`."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.head = nn.Linear(192, 3, dtype=torch.float64)
        self.kind = kind

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(images.flatten(1))
        if self.kind == "nan":
            return torch.cat([logits[:1], logits[1:] * torch.nan])
        if self.kind == "constant":
            return logits * 0
        if self.kind == "detached":
            return logits.detach()
        if self.kind == "steep":  # finite, with an infinite slope at 0
            return (logits * 0).sqrt()
        return logits[:, :2]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("nan", "sample 11: the model returns NaN or infinite logits"),
        ("detached", "Tiny: its logits are cut off from the image"),
        ("steep", "sample 10 and 1 more: the gradient of the loss is NaN or infinite"),
        ("short", "Tiny: returns 2×2 for 2 images and 3 classes"),
    ],
)
def test_that_a_model_that_cannot_be_attacked_is_named(kind: str, words: str) -> None:
    model = DiagnosticModel(Broken(kind), card_of(3)).eval()
    with pytest.raises(AttackError, match=words):
        PGD(random_start=False).run(model, IMAGES, ZEROS, Untargeted(), sample_ids=[10, 11])


def test_that_a_flat_loss_is_told_and_not_sold_as_robustness() -> None:
    model = DiagnosticModel(Broken("constant"), card_of(3)).eval()
    events: list[Event] = []
    labels = decided(model, IMAGES)
    PGD(steps=4).run(model, IMAGES, labels, Untargeted(), emit=events.append)
    warnings = [e for e in events if isinstance(e, Message)]
    assert [w.level for w in warnings] == ["warning"]
    assert "zero for 2 of 2 samples" in warnings[0].text


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_that_images_on_another_device_are_refused() -> None:
    with pytest.raises(AttackError, match="are on cuda:0, the model on cpu"):
        PGD().run(convolutional(3), IMAGES.cuda(), ZEROS, Untargeted())


def test_that_a_model_without_gradients_is_refused_before_any_step() -> None:
    model = convolutional(3)
    model.white_box = False
    with pytest.raises(AttackError, match="scores but no gradients"):
        PGD().run(model, IMAGES, ZEROS, Untargeted())
