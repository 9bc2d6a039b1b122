"""The model card: everything about a diagnostic model that its weights do not say. No torch.

A card is a TOML file beside the weights. Its version rises whenever a field changes meaning; a
newer card than this program knows is refused.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final, Literal, Self

import tomli_w
from pydantic import Field, ValidationError, model_validator

from medadv_desktop.errors import ModelError
from medadv_desktop.files import write_atomically
from medadv_desktop.settings import Settings

CARD_VERSION: Final = 1
AS_IN_FILE: Final = "as-in-file"
"""The architecture of a card whose file holds the network itself, not only its weights."""

Task = Literal["single-label", "multi-label"]


class Preprocessing(Settings):
    """From a frame to the model's input in [0, 1], before mean and standard deviation.

    Grey values first, then geometry, then channels. MONOCHROME1 is turned so that a larger input
    value is always brighter.
    """

    window: Literal["full-range", "file", "fixed", "percentile"] = Field(
        "full-range",
        description="Which grey values become 0 and 1: all that the encoding can hold, the file's "
        "own window, two fixed modality values, or two percentiles of the image",
    )
    low: float = Field(0.0, description="Modality value, or percentile, that becomes 0")
    high: float = Field(1.0, description="Modality value, or percentile, that becomes 1")
    resize: Literal["stretch", "crop", "pad"] = Field(
        "stretch",
        description="To the input size: both sides at will, shorter side then centre crop, or "
        "longer side then black borders",
    )
    resize_side: int | None = Field(
        None,
        ge=1,
        le=8192,
        description="With crop: the shorter side before cropping; nothing means the input size",
        json_schema_extra={"unit": "pixels"},
    )
    height: int = Field(224, ge=8, le=4096, description="Of the model input")
    width: int = Field(224, ge=8, le=4096, description="Of the model input")
    channels: Literal[1, 3] = Field(3, description="1 grey, 3 RGB; grey images are repeated")

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if self.window in ("fixed", "percentile") and not self.low < self.high:
            raise ValueError(f"low {self.low:g} must be below high {self.high:g}")
        if self.window == "percentile" and (self.low < 0 or self.high > 100):
            raise ValueError("percentiles lie between 0 and 100")
        return self


class Figure(Settings):
    """One measured figure and the command that prints it."""

    name: str
    value: float
    samples: int = Field(ge=1)
    command: str


class ModelCard(Settings):
    """What a diagnostic model is, claims and was measured to do.

    Raises (from `read_card`):
        ModelError: the card cannot be read or contradicts itself.
    """

    version: Literal[1] = CARD_VERSION
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    name: str
    summary: str = ""
    domain: str = ""
    architecture: str
    architecture_options: dict[str, int | float | str | bool] = Field(default_factory=dict)
    task: Task
    classes: tuple[str, ...] = Field(min_length=2)
    thresholds: tuple[float, ...] = Field(
        (), description="Multi-label: probability from which a finding counts as present"
    )
    preprocessing: Preprocessing = Preprocessing()
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    weights: str = Field(description="File name of the weights, beside the card")
    sha256: str = Field("", description="Of the weights file; checked when it is loaded")
    companions: dict[str, str] = Field(
        default_factory=dict,
        description="Files beside the weights that these read too, each with its SHA-256, checked "
        "when it is loaded",
    )
    training: str = Field("", description="Command that trained it")
    figures: tuple[Figure, ...] = ()
    provenance: str = Field("", description="Where the model comes from: paper, site, person, date")
    source_format: str = Field(
        "", description="Kind of file that the weights came in, as it was recognised"
    )
    conversions: tuple[str, ...] = Field(
        (), description="What was changed or left out between that file and this model"
    )
    outputs: Literal["recognise", "logits", "sigmoid", "softmax"] = Field(
        "recognise",
        description="What a network from a file gives; recognised from its last operation, unless "
        "said here",
    )
    single_output: bool = Field(
        False,
        description="One output for two classes: the logit of the second one against the first",
    )
    code: str = Field(
        "", description="Python file, beside the card, whose factory function builds the network"
    )
    code_sha256: str = Field("", description="Of that file; checked before its code runs")
    factory: str = Field("", description="Name of the factory function; may be left out if clear")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        channels = self.preprocessing.channels
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, channels):
                raise ValueError(f"{name} has {len(values)} values for {channels} channels")
        if min(self.std) <= 0:
            raise ValueError("std must be above 0")
        if self.task == "multi-label" and len(self.thresholds) != len(self.classes):
            raise ValueError(
                f"{len(self.thresholds)} thresholds for {len(self.classes)} findings; "
                "a multi-label model has one each"
            )
        if self.task == "single-label" and self.thresholds:
            raise ValueError("a single-label model decides by the largest logit, not by thresholds")
        if any(not 0 < t < 1 for t in self.thresholds):
            raise ValueError("thresholds lie between 0 and 1")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("two classes have the same name")
        beside = [("companions", name) for name in self.companions]
        for name, value in (("weights", self.weights), ("code", self.code), *beside):
            if Path(value).name != value:
                raise ValueError(f"{name} must be a bare file name beside the card")
        if self.single_output and (self.multi_label or len(self.classes) != 2):
            raise ValueError("a single output stands for the two classes of a single-label model")
        return self

    @property
    def multi_label(self) -> bool:
        return self.task == "multi-label"

    @property
    def output_count(self) -> int:
        """How many numbers the network itself gives for an image."""
        return 1 if self.single_output else len(self.classes)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height, width of the model input."""
        p = self.preprocessing
        return p.channels, p.height, p.width


def read_card(path: Path) -> ModelCard:
    """Read a model card.

    Raises:
        ModelError: missing, unreadable, of a newer version, or contradicting itself.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError("there is no such model card", subject=path) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f"the model card cannot be read ({error})", subject=path) from None
    version = values.get("version")
    if isinstance(version, int) and version > CARD_VERSION:
        raise ModelError(
            f"the model card has version {version}; this program knows up to {CARD_VERSION}",
            subject=path,
            remedy="Update MedAdv Desktop",
        )
    try:
        return ModelCard(**values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise ModelError(
            f"the model card's {field or 'content'} is refused: {message}", subject=path
        ) from None


def write_card(card: ModelCard, path: Path) -> None:
    """Write a card as TOML, whole or not at all."""
    values = _without_none(card.model_dump(mode="json"))
    write_atomically(path, tomli_w.dumps(values).encode())


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_none(v) for v in value]
    return value
