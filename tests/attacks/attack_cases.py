"""For every attack: settings quick enough for tests, and settings that leave nothing standing.

A new attack adds one entry; `test_every_attack.py` then holds it to what holds for all.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.decisions.boundary import Boundary
from medadv_desktop.attacks.decisions.hopskipjump import HopSkipJump
from medadv_desktop.attacks.gap.attack import GAP
from medadv_desktop.attacks.gap.recipe import GapRecipe
from medadv_desktop.attacks.gradient.apgd import APGD
from medadv_desktop.attacks.gradient.bim import BIM
from medadv_desktop.attacks.gradient.fgsm import FGSM
from medadv_desktop.attacks.gradient.mifgsm import MIFGSM
from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.minimal.carlini_wagner import CarliniWagnerL2, CarliniWagnerLinf
from medadv_desktop.attacks.minimal.deepfool import DeepFool
from medadv_desktop.attacks.minimal.ead import ElasticNet
from medadv_desktop.attacks.minimal.fab import FAB
from medadv_desktop.attacks.minimal.jsma import JSMA
from medadv_desktop.attacks.minimal.sigma_zero import SigmaZero
from medadv_desktop.attacks.scores.estimation import NES, SPSA
from medadv_desktop.attacks.scores.noise import Noise
from medadv_desktop.attacks.scores.one_pixel import OnePixel
from medadv_desktop.attacks.scores.square import Square
from medadv_desktop.attacks.searches.worst_case import WorstCase
from medadv_desktop.attacks.spatial.patch import Patch
from medadv_desktop.attacks.spatial.stadv import SpatialAttack
from medadv_desktop.attacks.universal.attack import Universal
from medadv_desktop.attacks.universal.recipe import UniversalRecipe

FOLDER = Path(tempfile.mkdtemp(prefix="medadv-attack-cases-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


@dataclass(frozen=True)
class Case:
    """One attack under test.

    Attributes:
        quick: some hundred milliseconds on the tiny networks of `attack_models`; one value for each
            norm that the attack offers.
        strong: an unlimited budget: hardly any sample of the tiny networks stands.
        left_standing: share of samples that may withstand `strong` (single-step attacks overshoot).
        bitwise: results do not depend on the batch to the last bit (sign steps); else to 1e-6.
    """

    quick: tuple[Attack, ...]
    strong: Attack
    left_standing: float = 0.1
    bitwise: bool = False
    tasks: tuple[str, ...] = field(default=("single-label", "multi-label"))


def untrained_generator(epsilon: float) -> str:
    """The path of a generator for 3×8×8 images that has learnt nothing yet."""
    import torch

    from medadv_desktop.attacks.gap.file import TrainedGenerator, save
    from medadv_desktop.attacks.gap.networks import Generator
    from medadv_desktop.attacks.prepared import Origin

    recipe = GapRecipe(width=4, epsilon=epsilon)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = Generator(recipe, (3, 8, 8)).double()
    path = FOLDER / f"generator-{epsilon}.safetensors"
    save(TrainedGenerator(recipe, generator, (3, 8, 8), Origin("tiny", "", "", 0), (), {}), path)
    return str(path)


def chosen_perturbation(epsilon: float) -> str:
    """The path of a universal perturbation for 3×8×8 images: one of the corners of the L∞ ball."""
    import torch

    from medadv_desktop.attacks.prepared import Origin
    from medadv_desktop.attacks.universal.file import UniversalPerturbation, save

    generator = torch.Generator().manual_seed(0)
    signs = 2 * torch.randint(2, (3, 8, 8), generator=generator) - 1
    path = FOLDER / f"universal-{epsilon}.safetensors"
    recipe = UniversalRecipe(epsilon=epsilon)
    origin = Origin("tiny", "", "", 0)
    objective = {"name": "untargeted"}
    save(UniversalPerturbation(epsilon * signs.double(), recipe, objective, origin, 0, 0, ()), path)
    return str(path)


CASES: dict[str, Case] = {
    "fgsm": Case(
        quick=(FGSM(epsilon=8 / 255), FGSM(norm="l2", epsilon=0.3)),
        strong=FGSM(epsilon=0.5),
        left_standing=0.5,
    ),
    "pgd": Case(
        quick=(
            PGD(epsilon=8 / 255, steps=4, restarts=2),
            PGD(norm="l2", epsilon=0.3, steps=4),
            PGD(epsilon=8 / 255, steps=3, stop_when_beaten=False, restarts=2),
            PGD(norm="l1", epsilon=2, steps=4),
            PGD(epsilon=8 / 255, steps=3, eot_samples=2),
        ),
        strong=PGD(epsilon=1, step_size=0.1, steps=30),
    ),
    "bim": Case(
        quick=(
            BIM(epsilon=8 / 255, steps=4),
            BIM(norm="l2", epsilon=0.3, steps=4),
            BIM(norm="l1", epsilon=2, steps=4, stop_when_beaten=False),
        ),
        strong=BIM(epsilon=1, steps=30),
    ),
    "mifgsm": Case(
        quick=(
            MIFGSM(epsilon=8 / 255, steps=4),
            MIFGSM(norm="l2", epsilon=0.3, steps=4, decay=0.5),
        ),
        strong=MIFGSM(epsilon=1, steps=30),
    ),
    "apgd": Case(
        quick=(
            APGD(epsilon=8 / 255, steps=8),
            APGD(norm="l2", epsilon=0.3, steps=8, restarts=2, loss="margin"),
            APGD(norm="l1", epsilon=2, steps=12),
        ),
        strong=APGD(epsilon=1, steps=30),
    ),
    "fab": Case(
        quick=(
            FAB(steps=5, epsilon=4 / 255),
            FAB(norm="l2", steps=4, targets=2),
            FAB(norm="l1", steps=4, restarts=2),
        ),
        strong=FAB(steps=15),
    ),
    "gap": Case(
        quick=(
            GAP(generator=untrained_generator(0.5)),
            GAP(generator=untrained_generator(0.5), epsilon=0.1),
        ),
        strong=GAP(generator=untrained_generator(1.0)),
        left_standing=0.9,
    ),
    "square": Case(
        quick=(
            Square(epsilon=8 / 255, queries=80),
            Square(norm="l2", epsilon=0.3, queries=80),
        ),
        strong=Square(epsilon=1, queries=400),
    ),
    "nes": Case(
        quick=(
            NES(epsilon=8 / 255, queries=106, pairs=10),
            NES(norm="l2", epsilon=0.3, queries=106, pairs=10),
        ),
        strong=NES(epsilon=1, queries=1000, pairs=24),
    ),
    "spsa": Case(
        quick=(
            SPSA(epsilon=8 / 255, queries=106, pairs=10),
            SPSA(norm="l2", epsilon=0.3, queries=106, pairs=10),
        ),
        strong=SPSA(epsilon=1, queries=1000, pairs=24),
    ),
    "one-pixel": Case(
        quick=(
            OnePixel(population=20, queries=101),
            OnePixel(pixels=3, population=20, queries=101),
        ),
        strong=OnePixel(pixels=64, population=20, queries=1000),
    ),
    "hopskipjump": Case(
        quick=(
            HopSkipJump(queries=120, samples=20),
            HopSkipJump(norm="linf", queries=120, samples=20),
            HopSkipJump(epsilon=0.5, queries=120, samples=20),
        ),
        strong=HopSkipJump(queries=200, samples=20),
    ),
    "boundary": Case(
        quick=(Boundary(queries=120), Boundary(epsilon=0.5, queries=120)),
        strong=Boundary(queries=200),
    ),
    "noise": Case(
        quick=(
            Noise(epsilon=8 / 255, draws=3),
            Noise(norm="l2", epsilon=0.3, kind="ball", draws=3),
            Noise(norm="l1", epsilon=2, draws=3),
            Noise(norm="l0", epsilon=5, draws=3),
            Noise(norm="l2", epsilon=0.3, kind="gaussian", draws=3),
        ),
        strong=Noise(epsilon=1, draws=100),
        left_standing=0.5,
    ),
    "deepfool": Case(
        quick=(
            DeepFool(steps=5),
            DeepFool(norm="linf", steps=5, candidates=2),
            DeepFool(epsilon=0.2, steps=5),
        ),
        strong=DeepFool(),
    ),
    "cw": Case(
        quick=(
            CarliniWagnerL2(steps=10, constants=4, initial_constant=1, step_size=0.05),
            CarliniWagnerL2(
                steps=10, constants=3, initial_constant=1, epsilon=0.3, abort_early=False
            ),
        ),
        strong=CarliniWagnerL2(steps=40, constants=5, initial_constant=1, step_size=0.05),
    ),
    "cw-linf": Case(
        quick=(
            CarliniWagnerLinf(steps=10, step_size=0.05, initial_constant=1, largest_constant=4),
        ),
        strong=CarliniWagnerLinf(steps=40, step_size=0.05, initial_constant=1),
    ),
    "ead": Case(
        quick=(
            ElasticNet(steps=10, constants=4, initial_constant=1),
            ElasticNet(steps=10, constants=3, decision="elastic-net", momentum=False, epsilon=2),
        ),
        strong=ElasticNet(steps=20, constants=3, initial_constant=10),
    ),
    "sigma-zero": Case(
        quick=(SigmaZero(steps=20), SigmaZero(steps=20, max_pixels=3)),
        strong=SigmaZero(steps=60),
    ),
    "jsma": Case(
        quick=(
            JSMA(),
            JSMA(pairs=False, max_share=0.2),
            JSMA(direction="brighter", theta=0.5),
            JSMA(direction="darker"),
        ),
        strong=JSMA(max_share=1),
    ),
    "stadv": Case(
        quick=(
            SpatialAttack(steps=8),
            SpatialAttack(steps=5, max_displacement=0.5, stop_when_beaten=False),
        ),
        strong=SpatialAttack(max_displacement=8, steps=60, step_size=0.3),
    ),
    "patch": Case(
        quick=(
            Patch(steps=5),
            Patch(steps=5, placement="worst", tries=2, epsilon=0.5),
            Patch(steps=5, placement="chosen", unit="pixels", row=1, column=2, height=3, width=6),
        ),
        strong=Patch(height=1, width=1, steps=30),
    ),
    "universal": Case(
        quick=(
            Universal(file=chosen_perturbation(0.5)),
            Universal(file=chosen_perturbation(0.5), epsilon=0.1),
        ),
        strong=Universal(file=chosen_perturbation(1.0)),
        left_standing=0.9,
    ),
    "worst-case": Case(
        quick=(WorstCase(epsilon=8 / 255, thoroughness="quick"),),
        strong=WorstCase(epsilon=1, thoroughness="quick"),
    ),
}
