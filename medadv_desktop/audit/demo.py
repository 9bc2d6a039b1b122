"""The demo study: phantoms of the three domains as files, each with its model and true labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import HideFinding, Objective, Untargeted
from medadv_desktop.datasets.phantoms import DOMAINS, phantom, write_phantom

DEMO_SEED = 2026
DEMO_ATTACK = PGD(epsilon=4 / 255, steps=20)
DEMO_SIDE = 512


@dataclass(frozen=True)
class DemoImage:
    """One file of the demo study, the demo model for it, its true labels, and what is attacked."""

    path: Path
    model: str
    labels: tuple[int, ...]
    objective: Objective


# Domain, index, labels (None: as drawn), objective.
_IMAGES: tuple[tuple[str, int, tuple[int, ...], Objective], ...] = (
    ("dermoscopy", 0, (1,), Untargeted()),
    ("dermoscopy", 1, (0,), Untargeted()),
    ("fundus", 0, (3,), Untargeted()),
    ("fundus", 1, (0,), Untargeted()),
    ("radiograph", 0, (0, 1, 0, 1, 0, 0), HideFinding(finding=1)),
    ("radiograph", 1, (0, 0, 0, 0, 0, 0), Untargeted()),
)


def write_demo_study(folder: Path) -> tuple[DemoImage, ...]:
    """Write the demo study into `folder`; always the same pixels and labels.

    Raises:
        ExportError: the folder cannot be written.
    """
    images = []
    for domain, index, labels, objective in _IMAGES:
        sample = phantom(domain, DEMO_SEED, index, DEMO_SIDE, labels)
        path = write_phantom(sample, folder)
        images.append(DemoImage(path, f"demo-{DOMAINS[domain].name}", labels, objective))
    return tuple(images)
