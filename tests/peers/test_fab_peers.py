"""FAB against torchattacks: as near as theirs, in every norm. (Foolbox and ART have none.)"""

from __future__ import annotations

import copy
import importlib

import pytest
import torch
from peer_models import Trained
from peers import torchattacks
from torch import Tensor

from medadv_desktop.attacks.minimal.fab import FAB
from medadv_desktop.attacks.minimal.fab_search import shortest_way
from medadv_desktop.attacks.objectives import Untargeted

NORMS = ("linf", "l2", "l1")
ORDERS = {"linf": float("inf"), "l2": 2, "l1": 1}


def distances(trained: Trained, adversarial: Tensor, norm: str) -> Tensor:
    delta = (adversarial.double() - trained.images).flatten(1)
    return torch.linalg.vector_norm(delta, ord=ORDERS[norm], dim=1)


def ours(trained: Trained, norm: str, steps: int) -> Tensor:
    result = FAB(norm=norm, steps=steps).run(
        trained.model, trained.images, trained.labels, Untargeted()
    )
    assert result.success.all()
    return distances(trained, result.adversarial, norm)


@pytest.mark.parametrize("norm", NORMS)
def test_that_changes_are_no_larger_than_those_of_torchattacks(trained: Trained, norm: str) -> None:
    model = copy.deepcopy(trained.model).float()  # their FAB computes in float32 alone
    name = {"linf": "Linf", "l2": "L2", "l1": "L1"}[norm]
    peer = torchattacks().FAB(model, norm=name, eps=None, steps=15)
    theirs = peer.attack_single_run(trained.images.float(), trained.labels)
    assert distances(trained, theirs, norm).min() > 0
    median = distances(trained, theirs, norm).median()
    assert ours(trained, norm, 15).median() <= 1.02 * median


@pytest.mark.parametrize("norm", NORMS)
def test_that_the_ways_onto_planes_are_those_of_torchattacks(norm: str) -> None:
    torchattacks()
    peer = importlib.import_module("torchattacks.attacks.fab")
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(12, 1, 5, 5, generator=generator)
    gradient = torch.randn(12, 1, 5, 5, generator=generator)
    rise = torch.linspace(-3, 3, 12)
    level = (gradient * images).sum((1, 2, 3)) + rise
    project = getattr(peer, f"projection_{norm}")
    theirs = project(images.flatten(1).clone(), gradient.flatten(1), level)
    delta = shortest_way(images, gradient, rise, norm).flatten(1).float()
    torch.testing.assert_close(delta, theirs, rtol=0, atol=2e-5)
