"""Recipes: every error names its field, before any compute."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest

from medadv_desktop.errors import RecipeError
from medadv_desktop.training.files import read_recipe, recipe_digest, recipe_of, recipe_text
from medadv_desktop.training.optimising import rate_at
from medadv_desktop.training.recipe import Schedule

LEAST = """
[model]
id = "new"
[data]
path = "set"
"""


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        (LEAST + "size = 3", "data.size", "there is no such field"),
        ("[data]\npath = 'set'", "model", "is missing"),
        (LEAST.replace("set", ""), "data.path", "at least 1 character"),
        (LEAST.replace('"new"', '"New!"'), "model.id", "match pattern"),
        (LEAST + "[budget]\nepochs = 0", "budget.epochs", "greater than or equal to 1"),
        (LEAST + "[budget]\npart_size = 64", "budget.part_size", "at most the batch size"),
        (LEAST + "[optimiser]\nlearning_rate = 0", "optimiser.learning_rate", "greater than 0"),
        (LEAST + "[optimiser]\nkind = 'lion'", "optimiser.kind", "'sgd', 'adam' or 'adamw'"),
        (LEAST + "[validation]\nepsilon = '4/2x'", "validation.epsilon", "is not a number"),
        (LEAST + "[schedule]\nmilestones = [0.8, 0.2]", "schedule.milestones", "rising shares"),
        ("objective = 'magic'\n" + LEAST, "objective_settings", "no training objective"),
        (
            "objective = 'advt'\nobjective_settings = { steps = 0 }\n" + LEAST,
            "objective_settings",
            "steps: 0 is refused",
        ),
        (
            "objective = 'maadvt'\n" + LEAST + "[loss]\nfocal_gamma = 2",
            "loss.focal_gamma",
            "loss of its own",
        ),
        (
            "objective = 'maadvt'\n" + LEAST + "[augmentation]\nmixup = 0.2",
            "augmentation.mixup",
            "one true class",
        ),
        ("objective = 'free'\n" + LEAST + "[awp]", "awp", "one pass"),
        (LEAST + "[augmentation]\ncorruptions = ['fog?']", "augmentation.corruptions", "'fog?'"),
        ("[model]\nid = 'a'\ntrained = 'head'\n[data]\npath = 'x'", "trained", "name a base"),
        ("[model]\nid = 'a'\narchitecture = 'vgg99'\n[data]\npath = 'x'", "model.architecture",
         "no architecture"),
        ("version = 2\n" + LEAST, "version 2", "knows version 1"),
        ("version = ", "TOML", ""),
    ],
)  # fmt: skip
def test_that_an_error_names_file_and_field(
    text: str, field: str, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert caught.value.subject == str(path)
    assert field in caught.value.reason
    assert reason in caught.value.reason


def test_that_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none\.toml: cannot be read"):
        read_recipe(tmp_path / "none.toml")


def test_that_a_recipe_written_out_is_the_same_recipe(tmp_path: Path) -> None:
    recipe = recipe_of("ema = 0.99\n" + LEAST + "[data.split]\n[awp]\n")
    again = recipe_of(recipe_text(recipe))
    assert again == recipe
    assert recipe_digest(again) == recipe_digest(recipe)
    assert recipe_digest(recipe) != recipe_digest(recipe_of(LEAST))
    assert recipe.objective_settings["probability"] == 0.5


def test_that_paths_are_seen_from_the_recipes_folder(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(LEAST.replace('id = "new"', 'id = "new"\nbase = "models/old.toml"'))
    recipe = read_recipe(path)
    assert recipe.data.path == str(tmp_path / "set")
    assert recipe.model.base == str(tmp_path / "models" / "old.toml")
    path.write_text(LEAST.replace('id = "new"', 'id = "new"\nbase = "demo-fundus"'))
    assert read_recipe(path).model.base == "demo-fundus"


def test_that_schedules_go_as_they_say() -> None:
    flat = Schedule(kind="constant", warmup=0)
    assert [rate_at(flat, share) for share in (0, 0.5, 1)] == [1, 1, 1]
    steps = Schedule(kind="step", warmup=0, milestones=(0.5, 0.75), factor=0.1)
    found = [rate_at(steps, share) for share in (0.49, 0.5, 0.8)]
    assert found == pytest.approx([1, 0.1, 0.01])
    cycle = Schedule(kind="one-cycle", warmup=0.2)
    assert rate_at(cycle, 0) == pytest.approx(1 / 25)
    assert rate_at(cycle, 0.1) == pytest.approx((1 + 1 / 25) / 2)
    assert rate_at(cycle, 0.2) == 1
    assert rate_at(cycle, 0.6) == pytest.approx(0.5 * (1 + math.cos(math.pi / 2)))
    assert rate_at(cycle, 1) == pytest.approx(0)


def test_that_recipes_and_objectives_are_read_without_torch() -> None:

    code = (
        "import sys; from medadv_desktop.training.files import recipe_of; "
        "import medadv_desktop.training.requests, medadv_desktop.defenses.inference.registry; "
        f"recipe_of({LEAST!r}); sys.exit('torch' in sys.modules or 'PySide6' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
