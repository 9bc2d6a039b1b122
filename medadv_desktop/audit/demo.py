"""The demo study: phantoms of the three domains as files, each with its model and true labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import HideFinding, Objective, Untargeted
from medadv_desktop.datasets.phantoms import DOMAINS, phantom, write_phantom
from medadv_desktop.files import write_atomically

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


AUDIT_SEED: Final = 2027
AUDIT_SAMPLES: Final = 16
"""Of each domain; a real audit takes hundreds."""

_PLAN: Final = """
name = "Demo audit"
notes = "Phantoms drawn by a program: the figures say nothing about patients."
baseline = "dermoscopy"

[keep]
gallery = 4

[running]
probed = 8

[[attacks]]
id = "noise"
attack = "noise"
epsilons = ["4/255"]

[[attacks]]
id = "fgsm"
attack = "fgsm"
epsilons = ["4/255"]

[[attacks]]
id = "pgd"
attack = "pgd"
settings = { steps = 10 }
epsilons = ["0.5/255", "1/255", "2/255", "4/255"]

[[sequences]]
kind = "gaussian-noise"

[[sequences]]
kind = "brightness"

[[sequences]]
kind = "rotate"
"""

_PLAN_OF_DOMAIN: Final = """
[[models]]
id = "{domain}"
model = "demo-{domain}"
datasets = ["{domain}-phantoms"]

[[datasets]]
id = "{domain}-phantoms"
path = "{domain}/labels.csv"
groups = ["side"]
{options}
[[datasets]]
id = "{domain}-training"
path = "{domain}-train/labels.csv"
{options}

[[attacks]]
id = "gap-{domain}"
attack = "gap"
models = ["{domain}"]
[attacks.train]
dataset = "{domain}-training"
[attacks.train.recipe]
width = 8
epochs = 10
batch_size = 8
epsilon = "8/255"
learning_rate = 0.003
"""


def write_demo_audit(folder: Path) -> Path:
    """Write the demo audit into `folder`: three labelled sets of phantoms and a plan over them.

    Returns:
        The plan's file.

    Raises:
        ExportError: the folder cannot be written.
    """
    parts = ["# The demo audit: the three demo models on phantoms they have not seen.\n" + _PLAN]
    for domain in DOMAINS:
        _write_set(folder / domain, domain, AUDIT_SEED, AUDIT_SAMPLES)
        _write_set(folder / f"{domain}-train", domain, AUDIT_SEED + 1, AUDIT_SAMPLES)
        parts.append(_PLAN_OF_DOMAIN.format(domain=domain, options=_options(domain)))
    path = folder / "plan.toml"
    write_atomically(path, "".join(parts).encode())
    return path


def _options(domain: str) -> str:
    """How the table of a domain is read, where it does not say so itself."""
    if DOMAINS[domain].task == "single-label":
        return ""
    columns = ",".join(DOMAINS[domain].classes)
    return f'options = {{ task = "multi-label", label_columns = "{columns}" }}\n'


def _write_set(folder: Path, domain: str, seed: int, count: int) -> None:
    """Phantoms as files, and the table that says what they show: a class, or 0/1 per finding."""
    classes, single = DOMAINS[domain].classes, DOMAINS[domain].task == "single-label"
    lines = [",".join(["image", "patient", "side", *(["label"] if single else classes)])]
    for index in range(count):
        sample = phantom(domain, seed, index, 224)
        path = write_phantom(sample, folder / "images")
        side = ("left", "right")[index % 2]
        told = [classes[sample.labels[0]]] if single else [str(label) for label in sample.labels]
        lines.append(",".join([f"images/{path.name}", f"{domain}-{index}", side, *told]))
    write_atomically(folder / "labels.csv", ("\n".join(lines) + "\n").encode())
