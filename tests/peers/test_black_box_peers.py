"""Attacks without gradients against torchattacks', Foolbox's and ART's, at equal queries.

All are random searches: never clearly weaker (an exact sign test over the samples), and where a
part of a search is deterministic, equal.
"""

from __future__ import annotations

import math

import numpy as np
import peers
import pytest
import torch
from attack_models import card_of, decided
from peer_models import Trained
from torch import Tensor, nn

from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.decisions.boundary import Boundary
from medadv_desktop.attacks.decisions.hopskipjump import HopSkipJump
from medadv_desktop.attacks.objectives import Untargeted
from medadv_desktop.attacks.scores.estimation import SPSA
from medadv_desktop.attacks.scores.one_pixel import OnePixel
from medadv_desktop.attacks.scores.square import Square
from medadv_desktop.attacks.scores.square_search import bump
from medadv_desktop.models.card import ModelCard
from medadv_desktop.models.diagnostic import DiagnosticModel

EPSILON = 16 / 255


class Counted(nn.Module):
    """Counts the images that a model is shown."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.images = 0

    def forward(self, images: Tensor) -> Tensor:
        self.images += len(images)
        logits: Tensor = self.model(images)
        return logits


def beaten(trained: Trained, images: Tensor) -> Tensor:
    with torch.no_grad():
        return trained.model(images.double()).argmax(1) != trained.labels


def ours(trained: Trained, attack: Attack) -> Tensor:
    result = attack.run(trained.model, trained.images, trained.labels, Untargeted(), seed=5)
    return result.success


def assert_not_weaker(ours: Tensor, theirs: Tensor) -> None:
    """The peer beats no more samples than luck explains (one-sided, 1 %)."""
    more, fewer = int((theirs & ~ours).sum()), int((ours & ~theirs).sum())
    trials = more + fewer
    tail = sum(math.comb(trials, k) for k in range(more, trials + 1)) / 2**trials
    assert tail > 0.01, f"ours beats {int(ours.sum())}, the peer {int(theirs.sum())}"


@pytest.mark.parametrize("side", [3, 5, 7, 8])
def test_that_the_shape_of_an_l2_square_is_torchattacks(side: int, trained: Trained) -> None:
    peer = peers.torchattacks().Square(trained.model)
    torch.manual_seed(0)
    theirs = peer.eta(side)
    shape = bump(side).float()
    same = torch.allclose(theirs, shape, atol=1e-6) or torch.allclose(theirs, shape.T, atol=1e-6)
    assert same


def test_that_square_is_as_strong_as_torchattacks(trained: Trained) -> None:
    peer = peers.torchattacks().Square(trained.model, eps=EPSILON, n_queries=150, seed=1)
    theirs = beaten(trained, peer(trained.images, trained.labels))
    assert theirs.any()
    # Its count leaves out the clean image and the first squares.
    assert_not_weaker(ours(trained, Square(epsilon=EPSILON, queries=152)), theirs)


def test_that_square_in_l2_is_as_strong_as_torchattacks(trained: Trained) -> None:
    """On the inner 10×10 pixels: the peer's tiles fit sides that are multiples of five only."""
    framed = nn.Sequential(nn.ConstantPad2d(1, 0.4), trained.model)
    model = DiagnosticModel(framed, inner_card()).eval()
    images = trained.images[:, :, 1:11, 1:11].contiguous()
    labels = decided(model, images)
    peer = peers.torchattacks().Square(model, norm="L2", eps=0.5, n_queries=150, seed=1)
    theirs = decided(model, peer(images, labels)) != labels
    assert theirs.any()
    attack = Square(norm="l2", epsilon=0.5, queries=152)
    result = attack.run(model, images, labels, Untargeted(), seed=5)
    assert_not_weaker(result.success, theirs)


def inner_card() -> ModelCard:
    """Of a model of 10×10 images that leaves mean and standard deviation to the one within."""
    card = card_of(5, channels=1, side=10)
    return card.model_copy(update={"mean": (0.0,), "std": (1.0,)})


def test_that_spsa_is_as_strong_as_torchattacks(trained: Trained) -> None:
    model = Counted(trained.model.float())
    try:
        peer = peers.torchattacks().SPSA(model, eps=EPSILON, nb_iter=8, nb_sample=16)
        theirs = peer(trained.images.float(), trained.labels)
    finally:
        trained.model.double()
    queries = model.images // len(trained.images)
    attack = SPSA(epsilon=EPSILON, queries=queries, pairs=8)
    assert_not_weaker(ours(trained, attack), beaten(trained, theirs))


def test_that_one_pixel_is_as_strong_as_torchattacks(trained: Trained) -> None:
    model = Counted(trained.model)
    few = Trained(trained.model, trained.images[:16], trained.labels[:16])
    np.random.seed(0)
    peer = peers.torchattacks().OnePixel(model, pixels=2, steps=5, popsize=24)
    theirs = beaten(few, peer(few.images, few.labels))
    queries = max(model.images // len(few.images), 49)
    assert_not_weaker(ours(few, OnePixel(pixels=2, population=24, queries=queries)), theirs)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_that_hopskipjump_is_as_near_as_foolboxs(norm: str, trained: Trained) -> None:
    foolbox = peers.foolbox()
    model = Counted(trained.model).eval()
    attack = foolbox.attacks.HopSkipJumpAttack(
        steps=3, initial_gradient_eval_steps=30, constraint=norm
    )
    near, queries = foolbox_distance(foolbox, attack, model, trained, norm)
    result = HopSkipJump(norm=norm, queries=queries, samples=30).run(
        trained.model, trained.images, trained.labels, Untargeted(), seed=5
    )
    assert result.success.all()
    assert getattr(result, norm).median() <= 1.05 * near.median()


def test_that_the_boundary_attack_is_as_near_as_foolboxs(trained: Trained) -> None:
    foolbox = peers.foolbox()
    model = Counted(trained.model).eval()
    attack = foolbox.attacks.BoundaryAttack(steps=150)
    near, queries = foolbox_distance(foolbox, attack, model, trained, "l2")
    result = Boundary(queries=queries).run(
        trained.model, trained.images, trained.labels, Untargeted(), seed=5
    )
    assert result.success.all()
    assert result.l2.median() <= 1.05 * near.median()


def test_that_hopskipjump_is_as_near_as_arts(trained: Trained) -> None:
    art = peers.art()
    few = Trained(trained.model, trained.images[:6], trained.labels[:6])
    model = Counted(trained.model)
    np.random.seed(0)
    attack = art.attacks.evasion.HopSkipJump(
        art_classifier(art, model, few), max_iter=3, init_eval=30, max_eval=1000, verbose=False
    )
    found = attack.generate(few.images.float().numpy(), few.labels.numpy())
    near = (torch.from_numpy(found).double() - few.images).flatten(1).norm(dim=1)
    result = HopSkipJump(queries=model.images // len(few.images), samples=30).run(
        few.model, few.images, few.labels, Untargeted(), seed=5
    )
    assert result.success.all()
    assert result.l2.median() <= 1.05 * near.median()


def foolbox_distance(
    foolbox: object, attack: object, model: Counted, trained: Trained, norm: str
) -> tuple[Tensor, int]:
    """Distances of what the peer finds, and its queries for each sample."""
    seen = foolbox.PyTorchModel(model, bounds=(0, 1))  # type: ignore[attr-defined]
    wrong = foolbox.criteria.Misclassification(trained.labels)  # type: ignore[attr-defined]
    torch.manual_seed(0)
    found = attack.run(seen, trained.images, wrong)  # type: ignore[attr-defined]
    order = {"linf": math.inf, "l2": 2}[norm]
    near = torch.linalg.vector_norm((found - trained.images).flatten(1), ord=order, dim=1)
    return near, model.images // len(trained.images)


def art_classifier(art: object, model: nn.Module, trained: Trained) -> object:
    """The trained model as ART sees it, in float32."""
    return art.estimators.classification.PyTorchClassifier(  # type: ignore[attr-defined]
        nn.Sequential(_Float64(), model),
        loss=nn.CrossEntropyLoss(),
        input_shape=tuple(trained.images.shape[1:]),
        nb_classes=5,
        clip_values=(0.0, 1.0),
    )


class _Float64(nn.Module):
    """ART computes in float32."""

    def forward(self, images: Tensor) -> Tensor:
        return images.double()
