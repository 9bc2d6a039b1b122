"""A recipe as a TOML file: read with one clear error, written with every default. No torch."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final

from medadv_desktop.errors import RecipeError
from medadv_desktop.files import write_atomically
from medadv_desktop.toml_files import TomlKind, as_toml
from medadv_desktop.training.recipe import RECIPE_VERSION, Recipe

_RECIPE: Final = TomlKind(Recipe, RECIPE_VERSION, "a recipe", RecipeError, "docs/training.md")


def read_recipe(path: Path) -> Recipe:
    """The recipe in a file; paths in it are made absolute, seen from the file's own folder.

    Raises:
        RecipeError: missing, no TOML, of another version, or a field is wrong; names file and
            field.
    """
    return recipe_of(_RECIPE.text(path), subject=str(path), folder=path.parent)


def recipe_of(text: str, *, subject: str = "recipe", folder: Path | None = None) -> Recipe:
    """The recipe that a TOML text describes.

    Args:
        subject: what an error calls it.
        folder: relative paths of data and base are seen from it; None leaves them.

    Raises:
        RecipeError: as `read_recipe`.
    """
    recipe = _RECIPE.build(_RECIPE.values(text, subject), subject)
    return recipe if folder is None else _resolved(recipe, folder.resolve())


def write_recipe(recipe: Recipe, path: Path) -> None:
    """Write a recipe with every default, whole or not at all.

    Raises:
        ExportError: it cannot be written.
    """
    write_atomically(path, recipe_text(recipe).encode())


def recipe_text(recipe: Recipe) -> str:
    """The recipe as TOML with every default; what is absent is automatic."""
    return as_toml(recipe.model_dump(mode="json"))


def recipe_digest(recipe: Recipe) -> str:
    """SHA-256 of all fields, in hexadecimal: two trainings of one digest are the same one."""
    text = json.dumps(recipe.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _resolved(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with absolute paths; an id of the model library stays an id."""

    def absolute(text: str) -> str:
        return str((folder / Path(text).expanduser()).resolve())

    values = recipe.model_dump()
    base = values["model"]["base"]
    if base and ((folder / base).exists() or "/" in base or "\\" in base):
        base = absolute(base)
    data = values["data"] | {"path": absolute(values["data"]["path"])}
    return Recipe(**values | {"data": data, "model": values["model"] | {"base": base}})
