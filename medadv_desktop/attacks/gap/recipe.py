"""How a generator is trained: every field of the recipe, readable without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from medadv_desktop.attacks.bounded import GREY_SCALE, within_grey_scale
from medadv_desktop.attacks.prepared import FileKind
from medadv_desktop.settings import PixelFraction, Settings

GENERATOR = FileKind(
    key="medadv-gap",
    version=1,
    title="perturbation generator",
    noun="generator",
    verb="train",
    made="trained",
    source="Train one by medadv gap train",
    rate="fooling_rate",
)


class GapRecipe(Settings):
    """The recipe of a perturbation generator.

    Defaults are those of the paper that MedAdv implements (Xu et al., Medical Image Analysis 2021):
    Adam at 2e-4 with β (0.9, 0.999), 10 epochs, an L∞ budget of 3/255 to 15/255.
    """

    form: Literal["image-dependent", "universal"] = Field(
        "image-dependent",
        description="A perturbation made for each image, or one and the same for all",
    )
    network: Literal["unet", "resnet"] = Field("unet", description="The generator's architecture")
    width: int = Field(
        32, ge=4, le=256, description="Channels of the generator's first layer; more learn more"
    )
    norm: Literal["linf", "l2"] = Field("linf", description="What ε bounds")
    epsilon: PixelFraction = Field(
        8 / 255,
        gt=0,
        le=100,
        title="Budget ε",
        description="How far an image may be changed; the paper takes 3/255 to 15/255",
        json_schema_extra={"unit": GREY_SCALE},
    )
    goal: Literal["least-likely", "target"] = Field(
        "least-likely",
        description="Towards the class least likely for the clean image (findings: towards all "
        "decisions flipped), or towards a chosen class",
    )
    target: int | None = Field(
        None, ge=0, description="Index of the chosen class; for the goal target only"
    )
    epochs: int = Field(10, ge=1, le=1000, description="Passes over the training images")
    batch_size: int = Field(16, ge=1, le=4096, description="Images per training step")
    learning_rate: float = Field(2e-4, gt=0, le=1, description="Of Adam")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Of the first weights and of the order")

    _within = field_validator("epsilon")(within_grey_scale)

    @field_validator("target")
    @classmethod
    def _with_its_goal(cls, target: int | None, info: ValidationInfo) -> int | None:
        if (target is None) == (info.data.get("goal") == "target"):
            raise ValueError("the goal target takes a class, and no other goal does")
        return target
