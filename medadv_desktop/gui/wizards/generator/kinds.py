"""What can be prepared: a generator for each image, one for all of them, or one perturbation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import QT_TRANSLATE_NOOP

from medadv_desktop.attacks.gap.recipe import GapRecipe
from medadv_desktop.attacks.universal.recipe import UniversalRecipe

Recipe = GapRecipe | UniversalRecipe


class Kind(StrEnum):
    """What is prepared. Generators are told apart by the form that their recipe names."""

    EACH = "image-dependent"
    ALL = "universal"
    FITTED = "fitted"


@dataclass(frozen=True)
class KindSpec:
    """A kind in words; marked for translation.

    Attributes:
        recipe: how it is prepared.
        folded: fields of the recipe that are out of sight at first.
        folder: where its files go, in the folder of the program's data.
        fixed: values of the recipe that the kind decides.
    """

    kind: Kind
    title: str
    sentence: str
    recipe: type[Recipe]
    folded: tuple[str, ...]
    folder: str
    fixed: Mapping[str, object]

    @property
    def fitted(self) -> bool:
        """One perturbation by gradients alone, without a network; images need labels."""
        return self.recipe is UniversalRecipe


_OF_A_NETWORK = ("network", "width", "batch_size", "learning_rate", "seed")

KINDS: Mapping[Kind, KindSpec] = {
    spec.kind: spec
    for spec in (
        KindSpec(
            Kind.EACH,
            QT_TRANSLATE_NOOP("GeneratorTraining", "A &generator for each image"),
            QT_TRANSLATE_NOOP(
                "GeneratorTraining",
                "GAP: a network makes a perturbation of its own for every image, in one pass",
            ),
            GapRecipe,
            _OF_A_NETWORK,
            "generators",
            {"form": "image-dependent"},
        ),
        KindSpec(
            Kind.ALL,
            QT_TRANSLATE_NOOP("GeneratorTraining", "A generator for &all images"),
            QT_TRANSLATE_NOOP(
                "GeneratorTraining",
                "Universal GAP: a network learns one perturbation that fits every image",
            ),
            GapRecipe,
            _OF_A_NETWORK,
            "generators",
            {"form": "universal"},
        ),
        KindSpec(
            Kind.FITTED,
            QT_TRANSLATE_NOOP("GeneratorTraining", "A &perturbation for all images"),
            QT_TRANSLATE_NOOP(
                "GeneratorTraining",
                "UAP: one perturbation, fitted by gradients; quicker, any goal, needs labels",
            ),
            UniversalRecipe,
            ("step_size", "loss_cap", "batch_size", "seed"),
            "perturbations",
            {},
        ),
    )
}


@dataclass(frozen=True)
class RecipePreset:
    """A recipe by what it is for; marked for translation."""

    title: str
    sentence: str
    kinds: tuple[Kind, ...]
    values: Mapping[str, object]


# No part of what a preset says: which class, and which numbers are drawn.
OWN = ("goal", "target", "seed")

PRESETS = (
    RecipePreset(
        QT_TRANSLATE_NOOP("GeneratorTraining", "The paper's"),
        QT_TRANSLATE_NOOP("GeneratorTraining", "U-Net, L∞ within 8/255, Adam at 0.0002, 10 epochs"),
        (Kind.EACH, Kind.ALL),
        {},
    ),
    RecipePreset(
        QT_TRANSLATE_NOOP("GeneratorTraining", "Quick look"),
        QT_TRANSLATE_NOOP(
            "GeneratorTraining",
            "A narrow network and 2 epochs: whether anything can be learnt, no verdict",
        ),
        (Kind.EACH, Kind.ALL),
        {"width": 8, "epochs": 2},
    ),
    RecipePreset(
        QT_TRANSLATE_NOOP("GeneratorTraining", "Customary"),
        QT_TRANSLATE_NOOP(
            "GeneratorTraining", "L∞ within 10/255, 10 epochs, as universal attacks are compared"
        ),
        (Kind.FITTED,),
        {},
    ),
    RecipePreset(
        QT_TRANSLATE_NOOP("GeneratorTraining", "Customary, L2"),
        QT_TRANSLATE_NOOP(
            "GeneratorTraining", "The same, within a Euclidean length of 10 over the whole input"
        ),
        (Kind.FITTED,),
        {"norm": "l2", "epsilon": 10.0},
    ),
    RecipePreset(
        QT_TRANSLATE_NOOP("GeneratorTraining", "Quick look"),
        QT_TRANSLATE_NOOP("GeneratorTraining", "2 epochs: whether anything can be had, no verdict"),
        (Kind.FITTED,),
        {"epochs": 2},
    ),
)


def preset_recipe(preset: RecipePreset, spec: KindSpec) -> Recipe:
    """What a preset comes to."""
    return spec.recipe(**{**spec.fixed, **preset.values})


def describes(preset: RecipePreset, recipe: Recipe, spec: KindSpec) -> bool:
    """Whether a recipe is that of a preset, but for what is no part of it."""
    own = {name: getattr(recipe, name) for name in OWN if name in spec.recipe.model_fields}
    return preset_recipe(preset, spec).model_copy(update=own) == recipe
