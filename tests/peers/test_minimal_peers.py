"""DeepFool, C&W, EAD and JSMA against foolbox, torchattacks and ART."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from attack_models import convolutional, decided, random_images
from peer_models import Trained
from peers import art, foolbox, torchattacks
from torch import Tensor

from medadv_desktop.attacks.minimal.carlini_wagner import CarliniWagnerL2, CarliniWagnerLinf
from medadv_desktop.attacks.minimal.deepfool import DeepFool
from medadv_desktop.attacks.minimal.ead import ElasticNet
from medadv_desktop.attacks.minimal.jsma import JSMA
from medadv_desktop.attacks.objectives import Targeted, Untargeted


def inner_images(count: int, channels: int = 3) -> Tensor:
    """Away from 0 and 1, where clamping would begin and the papers say nothing."""
    return 0.25 + 0.5 * random_images(count, channels=channels)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_that_deepfool_equals_foolbox_pixel_for_pixel(norm: str) -> None:
    peer = foolbox()
    model = convolutional(5, smooth=True)
    images = inner_images(8)
    labels = decided(model, images)
    base = {"l2": "L2DeepFoolAttack", "linf": "LinfDeepFoolAttack"}[norm]

    class Plain(getattr(peer.attacks, base)):  # type: ignore[misc]
        """Without the 1e-4 that foolbox adds to every step, which the paper does not know."""

        def get_perturbations(self, distances: object, grads: object) -> object:
            return super().get_perturbations(distances - 1e-4, grads)  # type: ignore[operator]

    attack = Plain(steps=30, candidates=4, loss="logits")
    expected, _, _ = attack(peer.PyTorchModel(model, bounds=(0, 1)), images, labels, epsilons=None)
    ours = DeepFool(norm=norm, steps=30, candidates=4).run(model, images, labels, Untargeted())
    assert ours.success.all()
    # Foolbox divides by lengths plus 1e-8, so that its steps are shorter in the eighth digit.
    torch.testing.assert_close(ours.adversarial, expected, rtol=0, atol=1e-7)


def test_that_a_deepfool_step_equals_torchattacks_pixel_for_pixel() -> None:
    peer = torchattacks()
    model = convolutional(5)
    images = inner_images(8)
    labels = decided(model, images)
    expected = peer.DeepFool(model, steps=1, overshoot=0.02)(images, labels)
    ours = DeepFool(steps=1).run(model, images, labels, Untargeted())
    assert ours.success.any()
    torch.testing.assert_close(
        ours.adversarial[ours.success], expected[ours.success], rtol=0, atol=1e-12
    )


def test_that_cw_equals_foolbox_pixel_for_pixel() -> None:
    peer = foolbox()
    model = convolutional(4)
    images = random_images(3)
    labels = decided(model, images)
    settings = {"steps": 20, "confidence": 0.1, "abort_early": False}
    # Foolbox keeps its constants in float32: a power of two and its halves are exact there.
    attack = peer.attacks.L2CarliniWagnerAttack(
        binary_search_steps=4, stepsize=0.02, initial_const=0.125, **settings
    )
    ours = CarliniWagnerL2(constants=4, step_size=0.02, initial_constant=0.125, **settings)
    wrapped = peer.PyTorchModel(model, bounds=(0, 1))
    expected, _, _ = attack(wrapped, images, labels, epsilons=None)
    result = ours.run(model, images, labels, Untargeted())
    assert result.success.all()
    torch.testing.assert_close(result.adversarial, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("rule", ["EN", "L1"])
def test_that_ead_equals_foolbox_pixel_for_pixel(rule: str) -> None:
    peer = foolbox()
    model = convolutional(4)
    images = random_images(3)
    labels = decided(model, images)
    settings = {"steps": 20, "confidence": 0.05, "abort_early": False}
    attack = peer.attacks.EADAttack(
        binary_search_steps=4,
        initial_stepsize=0.02,
        regularization=0.01,
        initial_const=0.125,
        decision_rule=rule,
        **settings,
    )
    decision = {"EN": "elastic-net", "L1": "l1"}[rule]
    ours = ElasticNet(
        constants=4, step_size=0.02, initial_constant=0.125, decision=decision, **settings
    )
    wrapped = peer.PyTorchModel(model, bounds=(0, 1))
    expected, _, _ = attack(wrapped, images, labels, epsilons=None)
    result = ours.run(model, images, labels, Untargeted())
    assert result.success.all()
    torch.testing.assert_close(result.adversarial, expected, rtol=0, atol=1e-9)


def test_that_jsma_equals_torchattacks_pixel_for_pixel(trained: Trained) -> None:
    peer = torchattacks()
    keep = trained.labels != 2
    images, labels = trained.images[keep][:6], trained.labels[keep][:6]
    images = images.clamp(0.05, 0.65)
    attack = peer.JSMA(trained.model, theta=0.3, gamma=0.1)
    attack.set_mode_targeted_by_label(quiet=True)
    with torch.random.fork_rng():
        expected = attack(images, torch.full_like(labels, 2))
    ours = JSMA(theta=0.3, direction="brighter", max_share=0.1)
    result = ours.run(trained.model, images, labels, Targeted(target=2))
    assert result.success.any()
    won = result.success
    torch.testing.assert_close(result.adversarial[won], expected[won], rtol=0, atol=1e-12)
    assert (decided(trained.model, expected) == 2).tolist() == won.tolist()


def lengths(adversarial: Tensor, images: Tensor, order: float) -> Tensor:
    return torch.linalg.vector_norm((adversarial - images).flatten(1), order, dim=1)


def test_that_cw_is_no_weaker_than_torchattacks(trained: Trained) -> None:
    peer = torchattacks()
    images, labels = trained.images[:16], trained.labels[:16]
    theirs = peer.CW(trained.model, c=1, kappa=0, steps=100, lr=0.01)(images, labels)
    beaten = decided(trained.model, theirs) != labels
    ours = CarliniWagnerL2(steps=50, constants=3, initial_constant=1, step_size=0.02)
    result = ours.run(trained.model, images, labels, Untargeted())
    assert (result.success | ~beaten).all()
    expected = lengths(theirs, images, 2)[beaten]
    assert result.l2[beaten].median() <= expected.median() * 1.02


def test_that_ead_is_no_weaker_than_torchattacks(trained: Trained) -> None:
    peer = torchattacks()
    model = copy.deepcopy(trained.model).float()
    images, labels = trained.images[:8].float(), trained.labels[:8]
    settings = {"initial_const": 0.1, "binary_search_steps": 3, "max_iterations": 40}
    theirs = peer.EADL1(model, lr=0.01, **settings)(images, labels)
    beaten = decided(model, theirs) != labels
    ours = ElasticNet(steps=40, constants=3, beta=0.001, initial_constant=0.1)
    result = ours.run(model, images, labels, Untargeted())
    assert beaten.any()
    assert (result.success | ~beaten).all()
    expected = lengths(theirs, images, 1)[beaten]
    assert result.l1[beaten].median() <= expected.median() * 1.02


def test_that_cw_linf_is_no_weaker_than_art(trained: Trained) -> None:
    peer = art()
    count = 2
    model = copy.deepcopy(trained.model).float()
    images, labels = trained.images[2:4].float(), trained.labels[2:4]
    classifier = peer.estimators.classification.PyTorchClassifier(
        model=model,
        loss=torch.nn.CrossEntropyLoss(),
        input_shape=tuple(images.shape[1:]),
        nb_classes=5,
        clip_values=(0.0, 1.0),
        device_type="cpu",
    )
    attack = peer.attacks.evasion.CarliniLInfMethod(
        classifier, max_iter=10, learning_rate=0.01, batch_size=count, verbose=False
    )
    theirs = torch.from_numpy(attack.generate(images.numpy(), np.eye(5)[labels.numpy()]))
    beaten = decided(model, theirs) != labels
    ours = CarliniWagnerLinf(steps=20, step_size=0.02, initial_constant=1)
    result = ours.run(model, images, labels, Untargeted())
    assert beaten.any()
    assert result.success.all()
    expected = lengths(theirs, images, float("inf"))[beaten]
    assert result.linf[beaten].median() <= expected.median() * 1.02
