"""A patch: a part of the image is repainted, without or with a bound, and the rest left alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationInfo, field_validator

from medadv_desktop.attacks.attack import Attack, AttackResult
from medadv_desktop.attacks.bounded import GREY_SCALE
from medadv_desktop.attacks.fitting import need_file
from medadv_desktop.errors import AttackError
from medadv_desktop.settings import PixelFraction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from medadv_desktop.attacks.fitting import Fittable
    from medadv_desktop.attacks.objectives import Objective
    from medadv_desktop.attacks.session import Session
    from medadv_desktop.models.diagnostic import DiagnosticModel

_UNIT = "as the unit says"


class Patch(Attack):
    """PGD inside a region: x ← Π(x + α·sign ∇L) there, and nothing elsewhere.

    After Brown, Mané, Roy, Abadi, Gilmer: Adversarial Patch, NIPS 2017 workshop, and Karmon, Zoran,
    Goldberg: LaVAN, ICML 2018, whose patches lie on a small part of the image and know no other
    bound; one patch is made for each image. The place is the middle, one of choice, the worst one
    (where the sum over the patch of |∂L/∂x| times how far the pixel can go is largest, then the
    next worst that overlaps no earlier one by half, for the samples that withstood), or a mask.

    A sample leaves when the goal is reached; the others keep the image of the largest loss met.
    """

    name = "patch"
    title = "Patch"
    summary = "Repaints a rectangle, or what a lesion mask marks, and leaves the rest as it is"
    reference = "Brown et al. 2017 (arXiv 1712.09665); Karmon et al., ICML 2018 (arXiv 1801.02608)"

    placement: Literal["centre", "chosen", "worst", "mask"] = Field(
        "centre",
        description="Where the patch lies: in the middle, at row and column, where it does most "
        "harm, or where the mask file marks",
    )
    unit: Literal["fraction", "pixels"] = Field(
        "fraction",
        description="What row, column, height and width count: fractions of the model input, or "
        "its pixels",
    )
    height: float = Field(
        0.2, gt=0, le=4096, description="Of the patch", json_schema_extra={"unit": _UNIT}
    )
    width: float = Field(
        0.2, gt=0, le=4096, description="Of the patch", json_schema_extra={"unit": _UNIT}
    )
    row: float | None = Field(
        None,
        ge=0,
        le=4096,
        description="Of the patch's top edge, for the chosen place",
        json_schema_extra={"unit": _UNIT},
    )
    column: float | None = Field(
        None,
        ge=0,
        le=4096,
        description="Of the patch's left edge, for the chosen place",
        json_schema_extra={"unit": _UNIT},
    )
    mask: str = Field(
        "",
        description="Image file that is bright where the patch may be, for the placement mask: of "
        "the model input's size, or resized and cropped as the images are",
        json_schema_extra={
            "kind": "file",
            "suffixes": [".png", ".tif", ".tiff", ".bmp", ".jpg", ".jpeg"],
        },
    )
    epsilon: PixelFraction | None = Field(
        None,
        ge=0,
        le=1,
        title="Budget ε",
        description="Largest change of a pixel of the patch; nothing means any colour",
        json_schema_extra={"unit": GREY_SCALE},
    )
    steps: int = Field(40, ge=1, le=10_000, description="Gradient steps, for each try")
    step_size: PixelFraction | None = Field(
        None,
        gt=0,
        le=1,
        title="Step size α",
        description="Length of one step; nothing means 2.5/steps of the budget",
        json_schema_extra={"unit": GREY_SCALE},
    )
    random_start: bool = Field(
        True, description="Start from random colours instead of the image itself"
    )
    tries: int = Field(
        1,
        ge=1,
        le=100,
        description="Fresh starts for the samples that withstood; with the placement worst, each "
        "at the next place",
    )

    @field_validator("height", "width", "row", "column")
    @classmethod
    def _in_its_unit(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is None:
            return value
        if info.data.get("unit") == "fraction" and value > 1:
            raise ValueError("a fraction of the model input is at most 1; the unit may be pixels")
        if info.data.get("unit") == "pixels" and value != int(value):
            raise ValueError("pixels are whole numbers")
        return value

    @field_validator("row", "column")
    @classmethod
    def _for_the_chosen_place(cls, value: float | None, info: ValidationInfo) -> float | None:
        chosen = info.data.get("placement") == "chosen"
        if "placement" in info.data and chosen == (value is None):
            raise ValueError("the placement chosen takes a row and a column, and no other does")
        return value

    @field_validator("mask")
    @classmethod
    def _for_its_placement(cls, mask: str, info: ValidationInfo) -> str:
        if "placement" in info.data and (info.data["placement"] == "mask") != bool(mask):
            raise ValueError("the placement mask takes a mask file, and no other does")
        return mask

    @field_validator("tries")
    @classmethod
    def _differ(cls, tries: int, info: ValidationInfo) -> int:
        same = info.data.get("random_start") is False and info.data.get("placement") != "worst"
        if tries > 1 and same:
            raise ValueError("without a random start every try at the same place would be the same")
        return tries

    @property
    def effective_step_size(self) -> float:
        """The step size given, or the automatic one."""
        if self.step_size is not None:
            return self.step_size
        return 2.5 * (1 if self.epsilon is None else self.epsilon) / self.steps

    def size(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Height and width in pixels of a model input of `shape`; at least one."""
        return self._pixels(self.height, shape[0], 1), self._pixels(self.width, shape[1], 1)

    def corner(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Row and column of the first pixel, for the placements centre and chosen."""
        if self.row is None or self.column is None:
            height, width = self.size(shape)
            return (shape[0] - height) // 2, (shape[1] - width) // 2
        return self._pixels(self.row, shape[0]), self._pixels(self.column, shape[1])

    def marked(self, model: DiagnosticModel) -> NDArray[np.bool_]:
        """H×W: what the mask file marks.

        Raises:
            AttackError: it cannot be read, or marks nothing that the model sees.
        """
        from medadv_desktop.attacks.spatial.masks import read_mask

        return read_mask(Path(self.mask), model.card.preprocessing)

    def check(self, model: DiagnosticModel, objective: Objective) -> None:
        super().check(model, objective)
        if self.placement == "mask":
            self.marked(model)

    def check_fit(self, model: Fittable, objective: Objective) -> None:
        super().check_fit(model, objective)
        if self.placement == "mask":
            need_file(self.mask, "mask", "mask", "Choose an image that is bright inside the patch")
            return
        shape = model.card.input_shape[1:]
        top, left = self.corner(shape) if self.placement == "chosen" else (0, 0)
        bottom, right = top + self.size(shape)[0], left + self.size(shape)[1]
        if bottom > shape[0] or right > shape[1]:
            raise AttackError(
                f"the patch would reach to row {bottom} and column {right}; the input of "
                f"{model.card.name} has {shape[0]} rows and {shape[1]} columns",
                subject="patch",
                remedy="Make it smaller, or place it nearer to the top left",
            )

    def search(self, session: Session) -> AttackResult:
        from medadv_desktop.attacks.spatial.patch_search import search

        return search(session, self)

    def _pixels(self, value: float, side: int, least: int = 0) -> int:
        return max(round(value * side if self.unit == "fraction" else value), least)
