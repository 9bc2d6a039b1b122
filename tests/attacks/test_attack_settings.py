"""Attacks and objectives as plain values: names, fields, refusals, no torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from medadv_desktop.attacks.gap.recipe import GapRecipe
from medadv_desktop.attacks.gradient.fgsm import FGSM
from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import FlipFindings
from medadv_desktop.attacks.registry import ATTACKS, OBJECTIVES, make_attack, make_objective
from medadv_desktop.attacks.universal.recipe import UniversalRecipe
from medadv_desktop.errors import SettingsError
from medadv_desktop.settings import Settings, fields_of


def test_that_the_registry_leaves_torch_out() -> None:
    code = (
        "import sys; from medadv_desktop.attacks.registry import make_attack, make_objective;"
        "make_attack('pgd', {}); make_objective('hide', {'finding': 1});"
        "print('torch' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"


def test_that_every_entry_stands_under_its_own_name() -> None:
    assert set(ATTACKS) >= {"fgsm", "pgd"}
    for name, kind in (ATTACKS | OBJECTIVES).items():
        assert kind.name == name
        assert kind.title


COUNTS = {
    *("batch_size", "candidates", "constants", "draws", "eot_samples", "epochs", "k", "pairs"),
    *("population", "queries", "restarts", "samples", "steps", "targets", "tries", "width"),
}
INDICES = {"finding", "findings", "seed", "target"}
SHARES_AND_FACTORS = {
    *("alpha_max", "beta", "decay", "eta", "max_share", "momentum", "overshoot", "p", "shrink"),
    *("source_step", "spherical_step", "threshold_step"),
}
WEIGHTS = {
    *("initial_constant", "largest_constant", "learning_rate", "loss_cap", "smoothness"),
    "ead.step_size",
}
WITHOUT_UNIT = COUNTS | INDICES | SHARES_AND_FACTORS | WEIGHTS
"""Numbers that count what their name says, or are ratios."""

EVERY_FORM = [*(ATTACKS | OBJECTIVES).items(), ("gap recipe", GapRecipe), ("uap", UniversalRecipe)]


@pytest.mark.parametrize(("name", "kind"), EVERY_FORM, ids=[name for name, _ in EVERY_FORM])
def test_that_every_field_tells_what_it_is(name: str, kind: type[Settings]) -> None:
    for field in fields_of(kind):
        assert field.label[:1].strip().isupper(), field.name
        assert field.help[:1].isalpha(), field.name
        assert "\n" not in field.help, field.name
        assert not field.help.endswith("."), field.name
        if field.kind in ("int", "float", "pixel_fraction") and not field.unit:
            assert {field.name, f"{name}.{field.name}"} & WITHOUT_UNIT, field.name
            assert field.kind != "pixel_fraction", field.name


def test_that_a_number_of_one_name_has_one_unit_unless_it_is_another_quantity() -> None:
    units: dict[str, set[str]] = {}
    for kind in ATTACKS.values():
        for field in fields_of(kind):
            units.setdefault(field.name, set()).add(field.unit)
    assert units["confidence"] == {"logits"}
    assert {name for name, own in units.items() if len(own) > 1} == {
        "beta",  # an L1 weight that cuts grey values (EAD), a share (FAB)
        "epsilon",  # with a note on L0 in the noise
        "sigma",  # a distance (NES, SPSA), a squared one (σ-zero)
        "step_size",  # of pixels, of Adam's variable, of a flow
    }


def test_that_the_defaults_are_those_of_the_literature() -> None:
    attack = make_attack("pgd", {})
    assert isinstance(attack, PGD)
    assert attack.epsilon == 4 / 255
    assert attack.effective_step_size == 1 / 255
    assert PGD(norm="l2", epsilon=0.5, steps=10).effective_step_size == pytest.approx(0.125)
    assert PGD(step_size=0.01).effective_step_size == 0.01


def test_that_a_budget_may_be_written_as_a_quotient() -> None:
    attack = make_attack("fgsm", {"epsilon": "8/255"})
    assert isinstance(attack, FGSM)
    assert attack.epsilon == 8 / 255


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("pgd", {"epsilon": -0.1}, ["epsilon: -0.1 is refused", "Allowed: a number from 0"]),
        ("fgsm", {"epsilon": "abc"}, ["epsilon: abc is refused", "written like 4/255"]),
        ("fgsm", {"epsilon": float("nan")}, ["epsilon: nan is refused"]),
        ("pgd", {"epsilon": 2}, ["epsilon: 2 is refused", "at most 1"]),
        ("pgd", {"norm": "l7"}, ["norm: l7 is refused", "Allowed: linf, l2"]),
        ("pgd", {"step_size": 0}, ["step_size: 0 is refused", "above 0"]),
        ("pgd", {"steps": 0}, ["steps: 0 is refused", "from 1 up to 1000"]),
        ("pgd", {"steps": 2.5}, ["steps: 2.5 is refused", "a whole number"]),
        ("pgd", {"restarts": 101}, ["restarts: 101 is refused"]),
        ("pgd", {"restarts": 2, "random_start": False}, ["restarts: 2 is refused", "the same"]),
        ("fgsm", {"steps": 3}, ["steps: there is no such field", "norm, epsilon"]),
        ("steal", {}, ["steal: there is no attack of that name", "fgsm, bim"]),
    ],
)
def test_that_a_wrong_attack_is_refused_in_words(
    name: str, values: dict[str, object], words: list[str]
) -> None:
    with pytest.raises(SettingsError) as caught:
        make_attack(name, values)
    for word in words:
        assert word in str(caught.value)


def test_that_an_l2_budget_may_exceed_one() -> None:
    assert PGD(norm="l2", epsilon=3).epsilon == 3


@pytest.mark.parametrize(
    ("name", "values", "word"),
    [
        ("hide", {}, "finding"),
        ("hide", {"finding": -1}, "finding: -1 is refused"),
        ("flip", {"findings": ()}, "findings"),
        ("flip", {"findings": "1, 1"}, "named twice"),
        ("flip", {"findings": "one"}, "findings: one is refused"),
        ("flip", {"findings": (0, -2)}, "findings"),
        ("steal", {}, "there is no objective of that name"),
    ],
)
def test_that_a_wrong_objective_is_refused_in_words(
    name: str, values: dict[str, object], word: str
) -> None:
    with pytest.raises(SettingsError, match=word):
        make_objective(name, values)


def test_that_findings_may_be_written_as_a_list_in_text() -> None:
    objective = make_objective("flip", {"findings": "0, 2"})
    assert objective == FlipFindings(findings=(0, 2))


def test_that_attacks_and_objectives_survive_json() -> None:
    for attack in (PGD(epsilon=0.03, norm="l2"), FGSM()):
        assert type(attack).model_validate_json(attack.model_dump_json()) == attack
    objective = FlipFindings(findings=(1, 0))
    assert FlipFindings.model_validate_json(objective.model_dump_json()) == objective
