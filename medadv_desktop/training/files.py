"""A recipe as a TOML file: read with one clear error, written with every default. No torch."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any, Final

import tomli_w
from pydantic import ValidationError

from medadv_desktop.errors import RecipeError
from medadv_desktop.files import write_atomically
from medadv_desktop.training.recipe import RECIPE_VERSION, Recipe

_LARGEST: Final = 4 << 20


def read_recipe(path: Path) -> Recipe:
    """The recipe in a file; paths in it are made absolute, seen from the file's own folder.

    Raises:
        RecipeError: missing, no TOML, of another version, or a field is wrong; names file and
            field.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise RecipeError("is far too large for a recipe", subject=path)
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RecipeError(f"cannot be read ({error.strerror or error})", subject=path) from None
    except UnicodeDecodeError:
        raise RecipeError("is no text in UTF-8", subject=path) from None
    return recipe_of(text, subject=str(path), folder=path.parent)


def recipe_of(text: str, *, subject: str = "recipe", folder: Path | None = None) -> Recipe:
    """The recipe that a TOML text describes.

    Args:
        subject: what an error calls it.
        folder: relative paths of data and base are seen from it; None leaves them.

    Raises:
        RecipeError: as `read_recipe`.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"is no TOML: {error}", subject=subject) from None
    version = values.get("version", RECIPE_VERSION)
    if version != RECIPE_VERSION:
        newer = isinstance(version, int) and version > RECIPE_VERSION
        raise RecipeError(
            f"has version {version!r}; this program knows version {RECIPE_VERSION}",
            subject=subject,
            remedy="Update this program" if newer else f"Write version = {RECIPE_VERSION}",
        )
    try:
        recipe = Recipe(**values)
    except ValidationError as error:
        raise _refusal(error, subject) from None
    return recipe if folder is None else _resolved(recipe, folder.resolve())


def write_recipe(recipe: Recipe, path: Path) -> None:
    """Write a recipe with every default, whole or not at all.

    Raises:
        ExportError: it cannot be written.
    """
    write_atomically(path, recipe_text(recipe).encode())


def recipe_text(recipe: Recipe) -> str:
    """The recipe as TOML with every default; what is absent is automatic."""
    return tomli_w.dumps(_without_none(recipe.model_dump(mode="json")))


def recipe_digest(recipe: Recipe) -> str:
    """SHA-256 of all fields, in hexadecimal: two trainings of one digest are the same one."""
    text = json.dumps(recipe.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _refusal(error: ValidationError, subject: str) -> RecipeError:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    reason = first["msg"].removeprefix("Value error, ").rstrip(".")
    if first["type"] == "extra_forbidden":
        reason = "there is no such field"
    elif first["type"] == "missing":
        reason = "is missing"
    return RecipeError(
        f"{where}: {reason[:1].lower()}{reason[1:]}" if where else reason,
        subject=subject,
        remedy="See docs/training.md for all fields",
    )


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    if isinstance(value, (list, tuple)):
        return [_without_none(v) for v in value]
    return value


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
