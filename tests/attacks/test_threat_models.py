"""Threat models, groups and presets: what is offered, and what each preset sets."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import pytest

from medadv_desktop.attacks.decisions.hopskipjump import HopSkipJump
from medadv_desktop.attacks.fitting import ModelFacts, why_not
from medadv_desktop.attacks.gap.attack import GAP
from medadv_desktop.attacks.gradient.apgd import APGD
from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.minimal.fab import FAB
from medadv_desktop.attacks.objectives import OBJECTIVES, Untargeted
from medadv_desktop.attacks.presets import PRESETS
from medadv_desktop.attacks.registry import ATTACKS
from medadv_desktop.attacks.scores.square import Square
from medadv_desktop.attacks.threat import GROUPS, KNOWLEDGE, NORMS, Threat, group_of, norms_of
from medadv_desktop.errors import AttackError
from medadv_desktop.models.card import ModelCard, Preprocessing
from medadv_desktop.settings import allowed, fields_of, format_pixel_fraction

CARD = ModelCard(
    id="net",
    name="Net",
    architecture="compact-resnet",
    task="single-label",
    classes=("naevus", "melanoma"),
    thresholds=(),
    preprocessing=Preprocessing(height=32, width=32, channels=3),
    weights="net.safetensors",
)


@pytest.mark.parametrize("kind", ATTACKS.values(), ids=ATTACKS)
def test_that_every_attack_has_a_group_and_known_norms(kind):
    assert group_of(kind) in GROUPS
    assert set(norms_of(kind)) <= set(NORMS)
    assert kind.knowledge in KNOWLEDGE


def test_that_whoever_knows_more_can_run_whatever_needs_less():
    offered = [
        {n for n, k in ATTACKS.items() if Threat(known, "").admits(k)} for known in KNOWLEDGE
    ]
    assert offered[0] == set(ATTACKS)
    for more, less in pairwise(offered):
        assert less < more
    assert "square" in offered[1]
    assert "square" not in offered[2]
    assert offered[3] == {"noise", "gap", "universal"}


def test_that_an_attack_of_another_norm_is_beyond_the_threat_model():
    assert not Threat("white-box", "linf").admits(ATTACKS["ead"])
    assert Threat("white-box", "l1").admits(ATTACKS["ead"])
    assert Threat("white-box", "l1").admits(ATTACKS["patch"])  # measured by no norm at all


def test_that_a_threat_model_widens_no_more_than_an_attack_needs():
    assert Threat("decisions", "linf").widened_for(PGD(norm="l2", epsilon=1)) == Threat(
        "white-box", "l2"
    )
    assert Threat("white-box", "l2").widened_for(HopSkipJump()) == Threat("white-box", "l2")
    assert Threat("scores", "").widened_for(Square()) == Threat("scores", "")


@pytest.mark.parametrize("preset", PRESETS, ids=lambda p: p.name)
def test_that_every_preset_can_be_made_and_knows_itself_again(preset):
    assert preset.describes(preset.make())
    assert preset.objective in ("", *OBJECTIVES)
    assert set(preset.free) <= set(ATTACKS[preset.attack].model_fields)


def test_that_the_papers_pgd_leaves_the_budget_to_choose():
    preset = next(p for p in PRESETS if p.name == "paper-pgd")
    made = preset.make({"epsilon": 3 / 255, "steps": 99})
    assert made == PGD(norm="linf", epsilon=3 / 255, steps=20, step_size=1 / 255)
    assert preset.describes(made)
    assert not preset.describes(made.model_copy(update={"steps": 21}))


def test_that_what_a_model_cannot_give_is_said_without_torch():
    scores = ModelFacts(CARD, white_box=False)
    assert "gradients" in why_not(FAB, scores)
    assert why_not(Square, scores) == ""
    with pytest.raises(AttackError, match="no gradients"):
        PGD().check_fit(scores, Untargeted())
    with pytest.raises(AttackError, match="3 classes"):
        APGD(loss="dlr").check_fit(ModelFacts(CARD), Untargeted())


def test_that_a_missing_file_is_told_before_anything_runs(tmp_path):
    facts = ModelFacts(CARD)
    with pytest.raises(AttackError, match="no trained generator"):
        GAP().check_fit(facts, Untargeted())
    with pytest.raises(AttackError, match="there is no file"):
        GAP(generator=str(tmp_path / "no.safetensors")).check_fit(facts, Untargeted())
    path = tmp_path / "is.safetensors"
    path.touch()
    GAP(generator=str(path)).check_fit(facts, Untargeted())


def test_that_a_field_that_holds_a_file_says_so():
    field = fields_of(GAP)[0]
    assert (field.kind, field.suffixes) == ("file", (".safetensors",))
    assert allowed(field) == "a file (.safetensors)"
    assert format_pixel_fraction(2.0) == "2"  # a length, not 510/255


def test_that_threat_models_presets_and_fit_need_no_torch():
    code = (
        "import sys; from medadv_desktop.attacks import presets, threat, fitting;"
        "[p.make() for p in presets.PRESETS]; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
