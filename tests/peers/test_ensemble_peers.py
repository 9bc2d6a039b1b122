"""The worst case against AutoAttack, and where that does not fit, against longer single attacks."""

from __future__ import annotations

import copy

import pytest
import torch
from attack_models import decided
from peer_models import Trained, blobs, trained_network
from peers import autoattack
from torch import Tensor

from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.gradient.apgd import APGD
from medadv_desktop.attacks.minimal.fab import FAB
from medadv_desktop.attacks.objectives import Untargeted
from medadv_desktop.attacks.scores.square import Square
from medadv_desktop.attacks.searches.worst_case import WorstCase
from medadv_desktop.models.diagnostic import DiagnosticModel

SAMPLES = 500

LUCK = SAMPLES // 100
"""Random starts and squares differ: of the samples, 1 % may withstand ours and not the peer's."""


def standing(model: DiagnosticModel, images: Tensor, labels: Tensor) -> Tensor:
    """N bool: all decisions are still those of the labels."""
    same = decided(model, images) == labels
    return same if same.ndim == 1 else same.all(1)


# The peer's squares in l2 fit images of other sizes only.
@pytest.mark.parametrize(
    ("norm", "epsilon", "peers"),
    [
        ("linf", 10 / 255, ["apgd-ce", "apgd-t", "fab-t", "square"]),
        ("l2", 0.35, ["apgd-ce", "apgd-t", "fab-t"]),
    ],
    ids=["linf", "l2"],
)
def test_that_the_worst_case_is_no_weaker_than_autoattack(
    trained: Trained, norm: str, epsilon: float, peers: list[str]
) -> None:
    """Both with a fifth of the usual steps and queries; for the peer, standard but for those."""
    model = copy.deepcopy(trained.model).float()
    images, labels = blobs(SAMPLES, 3)
    images = images.float()
    peer = autoattack().AutoAttack(
        model, norm={"linf": "Linf", "l2": "L2"}[norm], eps=epsilon, seed=0, version="standard"
    )
    peer.attacks_to_run = peers
    peer.apgd_targeted.n_target_classes = peer.fab.n_target_classes = 4
    peer.apgd.n_iter = peer.apgd_targeted.n_iter = peer.fab.n_iter = 20
    peer.square.n_queries = 200
    theirs, *_ = peer.run_standard_evaluation(images, labels, batch_size=SAMPLES)
    withstand = int(standing(model, theirs, labels).sum())
    assert SAMPLES / 10 < withstand < int(standing(model, images, labels).sum())
    attack = WorstCase(norm=norm, epsilon=epsilon, thoroughness="quick")
    ours = attack.run(model, images, labels, Untargeted())
    assert int((~ours.success).sum()) <= withstand + LUCK


@pytest.mark.parametrize(("classes", "findings"), [(2, False), (3, False), (3, True)])
def test_that_the_worst_case_is_no_weaker_than_long_single_attacks_together(
    classes: int, findings: bool
) -> None:
    model = trained_network(classes=classes, findings=findings).float()
    images, labels = blobs(100, 3, classes=classes, findings=findings)
    images, epsilon = images.float(), 6 / 255 if findings else 12 / 255
    singles: list[tuple[Attack, Untargeted]] = [
        (APGD(epsilon=epsilon, steps=60, restarts=2), Untargeted()),
        (APGD(epsilon=epsilon, steps=60, restarts=2, loss="margin"), Untargeted()),
        (FAB(epsilon=epsilon, steps=40, restarts=2), Untargeted()),
        (Square(epsilon=epsilon, queries=400), Untargeted(loss_kind="margin")),
    ]
    beaten = torch.zeros(len(images), dtype=torch.bool)
    for attack, goal in singles:
        beaten |= attack.run(model, images, labels, goal).success
    assert 0.2 < beaten.double().mean() < 0.95
    ours = WorstCase(epsilon=epsilon, thoroughness="quick").run(model, images, labels, Untargeted())
    assert int((beaten & ~ours.success).sum()) <= len(images) // 100
