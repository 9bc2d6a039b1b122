"""BIM and MI-FGSM against their formulas written out."""

from __future__ import annotations

import pytest
import torch
from attack_models import convolutional, decided, random_images
from torch.nn import functional as F

from medadv_desktop.attacks.gradient.bim import BIM
from medadv_desktop.attacks.gradient.mifgsm import MIFGSM
from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import Untargeted


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_that_mifgsm_steps_along_gathered_gradients(norm: str) -> None:
    model = convolutional(3, smooth=True)
    images = 0.3 + 0.4 * random_images(4)
    labels = decided(model, images)
    epsilon, steps, decay = (8 / 255 if norm == "linf" else 0.4), 6, 0.7
    x, gathered = images.clone(), torch.zeros_like(images)
    for _ in range(steps):
        x.requires_grad_()
        (slope,) = torch.autograd.grad(F.cross_entropy(model(x), labels, reduction="sum"), x)
        gathered = decay * gathered + slope / slope.abs().sum((1, 2, 3), keepdim=True)
        if norm == "linf":
            move = gathered.sign()
        else:
            move = gathered / gathered.square().sum((1, 2, 3), keepdim=True).sqrt()
        # Steps of ε/steps never leave the ball, and the images are far from 0 and 1.
        x = (x + epsilon / steps * move).detach()
    attack = MIFGSM(norm=norm, epsilon=epsilon, steps=steps, decay=decay, stop_when_beaten=False)
    result = attack.run(model, images, labels, Untargeted())
    torch.testing.assert_close(result.adversarial, x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_that_bim_is_pgd_from_the_image_itself_and_so_is_mifgsm_without_memory(norm: str) -> None:
    model = convolutional(3)
    images = random_images(6)
    labels = decided(model, images)
    epsilon = {"linf": 8 / 255, "l2": 0.4, "l1": 3.0}[norm]
    pgd = PGD(norm=norm, epsilon=epsilon, steps=5, step_size=epsilon / 5, random_start=False)
    expected = pgd.run(model, images, labels, Untargeted(), seed=1)
    result = BIM(norm=norm, epsilon=epsilon, steps=5).run(
        model, images, labels, Untargeted(), seed=2
    )
    assert torch.equal(result.adversarial, expected.adversarial)
    assert result.steps.tolist() == expected.steps.tolist()
    if norm != "l1":
        memoryless = MIFGSM(norm=norm, epsilon=epsilon, steps=5, decay=0)
        result = memoryless.run(model, images, labels, Untargeted())
        torch.testing.assert_close(result.adversarial, expected.adversarial, rtol=0, atol=1e-12)
