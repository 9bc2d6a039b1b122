"""What the file of a generator tells by its head alone. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medadv_desktop.attacks.gap.recipe import GENERATOR, GapRecipe
from medadv_desktop.attacks.prepared import EpochFigures, Origin, named_text
from medadv_desktop.errors import SettingsError
from medadv_desktop.settings import parse


@dataclass(frozen=True)
class GeneratorHead:
    """All that the file of a generator says of it, without its weights.

    Attributes:
        shape: C, H, W of the images it was made for.
        epochs: figures of the epochs done.
    """

    recipe: GapRecipe
    shape: tuple[int, int, int]
    origin: Origin
    epochs: tuple[EpochFigures, ...]

    @property
    def finished(self) -> bool:
        return len(self.epochs) >= self.recipe.epochs


def read_head(path: Path) -> GeneratorHead:
    """What the file of a generator says of it; its weights are not read.

    Raises:
        AttackError: missing, no generator, of a newer version, or damaged.
    """
    return parsed_head(GENERATOR.head(named_text(path, GENERATOR), path), path)


def parsed_head(head: dict[str, Any], path: Path) -> GeneratorHead:
    """The values in the metadata of a file.

    Raises:
        AttackError: damaged.
    """
    try:
        channels, height, width = (int(n) for n in head["shape"])
        return GeneratorHead(
            recipe=parse(GapRecipe, head["recipe"]),
            shape=(channels, height, width),
            origin=Origin(**head["origin"]),
            epochs=GENERATOR.figures_in(head["epochs"]),
        )
    except (KeyError, TypeError, ValueError, SettingsError) as error:
        raise GENERATOR.damaged(path, error) from None
