"""APGD, FAB and the L1 projection against the code of their authors."""

from __future__ import annotations

import copy

import pytest
import torch
from attack_models import decided
from peer_models import Trained
from peers import autoattack

from medadv_desktop.attacks.gradient.apgd import APGD
from medadv_desktop.attacks.minimal.fab import FAB
from medadv_desktop.attacks.norm_balls import L1Ball
from medadv_desktop.attacks.objectives import Untargeted

THEIR_NORMS = {"linf": "Linf", "l2": "L2", "l1": "L1"}

# Random starts differ from the peer's, so one of the 64 samples may fall the other way.
LUCK = 1


@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 10 / 255), ("l2", 0.3), ("l1", 1.5)])
@pytest.mark.parametrize("targets", [0, 4], ids=["ce", "targeted"])
def test_that_apgd_leaves_no_more_samples_standing_than_its_authors_code(
    trained: Trained, norm: str, epsilon: float, targets: int
) -> None:
    base = autoattack().autopgd_base
    model = copy.deepcopy(trained.model).float()  # some of their steps are float32 alone
    common = {
        "n_iter": 20,
        "n_restarts": 1,
        "norm": THEIR_NORMS[norm],
        "eps": epsilon,
        "seed": 0,
        "device": "cpu",
        "use_largereps": norm == "l1",
    }
    if targets:
        peer = base.APGDAttack_targeted(model, n_target_classes=targets, **common)
    else:
        peer = base.APGDAttack(model, **common)
    theirs = peer.perturb(trained.images.float(), trained.labels).double()
    standing = int((decided(trained.model, theirs) == trained.labels).sum())
    assert 0 < standing < 64
    attack = APGD(
        norm=norm,
        epsilon=epsilon,
        steps=20,
        loss="dlr-targeted" if targets else "objective",
        targets=targets or 1,
    )
    ours = attack.run(trained.model, trained.images, trained.labels, Untargeted())
    assert (~ours.success).sum() <= standing + LUCK


@pytest.mark.parametrize("norm", list(THEIR_NORMS))
def test_that_fab_comes_as_near_as_its_authors_code(trained: Trained, norm: str) -> None:
    model = copy.deepcopy(trained.model).float()
    peer = autoattack().fab_pt.FABAttack_PT(
        model, norm=THEIR_NORMS[norm], n_iter=15, eps=1e3, seed=0, device="cpu"
    )
    theirs = peer.attack_single_run(trained.images.float(), trained.labels).double()
    delta = (theirs - trained.images).flatten(1)
    order = {"linf": float("inf"), "l2": 2, "l1": 1}[norm]
    median = torch.linalg.vector_norm(delta, ord=order, dim=1).median()
    attack = FAB(norm=norm, steps=15)
    ours = attack.run(trained.model, trained.images, trained.labels, Untargeted())
    assert ours.success.all()
    assert getattr(ours, norm).median() <= 1.02 * median


@pytest.mark.parametrize("epsilon", [0.5, 3.0, 20.0])
def test_that_the_nearest_point_of_l1_ball_and_box_is_that_of_its_authors_code(
    epsilon: float,
) -> None:
    project = autoattack().autopgd_base.L1_projection
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(6, 1, 8, 8, generator=generator)
    delta = torch.randn(6, 1, 8, 8, generator=generator) / 2
    theirs = images + delta + project(images, delta, epsilon)
    ours = L1Ball(epsilon).project(images + delta, images)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
