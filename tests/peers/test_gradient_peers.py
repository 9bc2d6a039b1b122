"""BIM, MI-FGSM, PGD and APGD against torchattacks, foolbox and ART."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from attack_models import convolutional, decided, random_images
from peer_models import Trained
from peers import art, foolbox, torchattacks
from torch import Tensor, nn
from torch.nn import functional as F

from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.gradient.apgd import APGD
from medadv_desktop.attacks.gradient.bim import BIM
from medadv_desktop.attacks.gradient.mifgsm import MIFGSM
from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import Untargeted

EPSILON = 8 / 255
THRESHOLDS = (0.4, 0.5, 0.6, 0.5)


def test_that_bim_equals_torchattacks_pixel_for_pixel() -> None:
    theirs = torchattacks()
    model = convolutional(3)
    images = random_images(16)
    labels = decided(model, images)
    expected = theirs.BIM(model, eps=EPSILON, alpha=EPSILON / 10, steps=10)(images, labels)
    attack = BIM(epsilon=EPSILON, steps=10, stop_when_beaten=False)
    result = attack.run(model, images, labels, Untargeted())
    torch.testing.assert_close(result.adversarial, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("decay", [0.0, 0.5, 1.0])
def test_that_mifgsm_equals_torchattacks_pixel_for_pixel(decay: float) -> None:
    theirs = torchattacks()
    model = convolutional(3)
    images = random_images(16)
    labels = decided(model, images)
    peer = theirs.MIFGSM(model, eps=EPSILON, alpha=2 / 255, decay=decay, steps=10)
    attack = MIFGSM(
        epsilon=EPSILON, step_size=2 / 255, decay=decay, steps=10, stop_when_beaten=False
    )
    result = attack.run(model, images, labels, Untargeted())
    torch.testing.assert_close(result.adversarial, peer(images, labels), rtol=0, atol=1e-12)


class SummedBCE(nn.Module):
    """A loss of our own kind, that no library knows as a binary cross-entropy."""

    reduction = "sum"

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        past = logits - torch.logit(torch.tensor(THRESHOLDS)).to(logits)
        return F.binary_cross_entropy_with_logits(past, labels.to(logits), reduction="sum")


def findings() -> tuple[nn.Module, Tensor, Tensor, Tensor]:
    """A multi-label model, images, labels, and what PGD makes of them without a random start."""
    model = convolutional(4, thresholds=THRESHOLDS, dtype=torch.float32, smooth=True)
    images = random_images(12, dtype=torch.float32)
    labels = decided(model, images)
    attack = PGD(epsilon=EPSILON, steps=8, random_start=False, stop_when_beaten=False)
    return model, images, labels, attack.run(model, images, labels, Untargeted()).adversarial


def agree(ours: Tensor, theirs: Tensor) -> None:
    """In float32 a gradient next to zero may have either sign, so not quite every pixel."""
    same = (ours - theirs).abs() < 1e-6
    assert same.double().mean() > 0.995


def test_that_multi_label_pgd_equals_that_of_art_with_a_loss_of_our_own() -> None:
    library = art()
    model, images, labels, ours = findings()
    classifier = library.estimators.classification.PyTorchClassifier(
        model=model, loss=SummedBCE(), input_shape=(3, 8, 8), nb_classes=4, clip_values=(0.0, 1.0)
    )
    peer = library.attacks.evasion.ProjectedGradientDescent(
        classifier,
        norm=np.inf,
        eps=EPSILON,
        eps_step=1 / 255,
        max_iter=8,
        num_random_init=0,
        batch_size=12,
        verbose=False,
    )
    theirs = peer.generate(images.numpy(), labels.numpy().astype(np.float32))
    agree(ours, torch.from_numpy(theirs))


def test_that_multi_label_pgd_equals_that_of_foolbox_with_another_loss() -> None:
    library = foolbox()
    model, images, labels, ours = findings()

    class FindingsPGD(library.attacks.LinfPGD):  # type: ignore[misc, name-defined]
        def get_loss_fn(self, model, labels):
            def loss(images):
                logits = model(images)
                return type(logits)(SummedBCE()(logits.raw, labels.raw))

            return loss

    peer = FindingsPGD(steps=8, abs_stepsize=1 / 255, random_start=False)
    theirs = peer.run(
        library.PyTorchModel(model, bounds=(0, 1)),
        images,
        library.criteria.Misclassification(labels.float()),
        epsilon=EPSILON,
    )
    agree(ours, theirs)


# Random starts differ from the peer's, so one of the 64 samples may fall the other way.
LUCK = 1


def standing(trained: Trained, adversarial: Tensor) -> int:
    return int((decided(trained.model, adversarial.double()) == trained.labels).sum())


def left_by(trained: Trained, attack: Attack) -> int:
    result = attack.run(trained.model, trained.images, trained.labels, Untargeted())
    return int((~result.success).sum())


@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 10 / 255), ("l2", 0.35)])
@pytest.mark.parametrize("loss", ["objective", "dlr"])
def test_that_apgd_leaves_no_more_samples_standing_than_torchattacks(
    trained: Trained, norm: str, epsilon: float, loss: str
) -> None:
    theirs = torchattacks().APGD(
        trained.model,
        norm={"linf": "Linf", "l2": "L2"}[norm],
        eps=epsilon,
        steps=20,
        loss={"objective": "ce", "dlr": "dlr"}[loss],
    )
    peers = standing(trained, theirs(trained.images, trained.labels))
    assert 0 < peers < 64
    assert left_by(trained, APGD(norm=norm, epsilon=epsilon, steps=20, loss=loss)) <= peers + LUCK


def test_that_apgd_over_classes_leaves_no_more_samples_standing_than_torchattacks(
    trained: Trained,
) -> None:
    theirs = torchattacks().APGDT(trained.model, eps=10 / 255, steps=20, n_classes=5)
    peers = standing(trained, theirs(trained.images, trained.labels))
    assert 0 < peers < 64
    attack = APGD(epsilon=10 / 255, steps=20, loss="dlr-targeted")
    assert left_by(trained, attack) <= peers + LUCK


@pytest.mark.parametrize("attack", [PGD(norm="l1", epsilon=1.5, steps=20), None])
def test_that_l1_attacks_leave_no_more_samples_standing_than_foolbox(
    trained: Trained, attack: Attack | None
) -> None:
    library = foolbox()
    model = library.PyTorchModel(trained.model, bounds=(0, 1))
    peer = library.attacks.SparseL1DescentAttack(steps=20)
    _, theirs, _ = peer(model, trained.images, trained.labels, epsilons=1.5)
    peers = standing(trained, theirs)
    assert 0 < peers < 64
    attack = attack or APGD(norm="l1", epsilon=1.5, steps=20)
    assert left_by(trained, attack) <= peers + LUCK
