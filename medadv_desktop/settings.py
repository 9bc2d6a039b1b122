"""Settings: frozen values whose fields are the form, the option, the plan file and the table.

A settings class is a frozen pydantic model. Its fields carry unit, range, default and one line of
help; `fields_of` hands them out for anything that has to show or edit them, and `parse` turns a
mapping (from a form, a command line, a TOML file) into the value or into one clear error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.fields import FieldInfo as PydanticField
from pydantic_core import PydanticUndefined

from medadv_desktop.errors import SettingsError


class Settings(BaseModel):
    """Base of everything a user can set. Frozen, closed to unknown fields, checked when built."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True
    )


SettingsT = TypeVar("SettingsT", bound=Settings)


def parse_fraction(text: object) -> object:
    """A number written "4/255" or "0.0157" as a float; anything but text is passed through.

    Raises:
        ValueError: the text is neither a number nor a quotient of two numbers.
    """
    if not isinstance(text, str):
        return text
    numerator, slash, denominator = text.replace(" ", "").partition("/")
    try:
        value = float(numerator) / float(denominator) if slash else float(numerator)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{text!r} is not a number; write it like 4/255 or 0.0157") from None
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not a finite number")
    return value


PixelFraction = Annotated[float, BeforeValidator(parse_fraction)]
"""A float in the model input's [0, 1] grey scale; may be written as a quotient: ``4/255``."""


def format_pixel_fraction(value: float) -> str:
    """0.01568… as "4/255" where that is exact enough to read back, else as a decimal.

    Beyond 1, which only lengths of a whole image reach, nobody counts in grey levels: a decimal.
    """
    nearest = Fraction(value * 255).limit_denominator(100)
    if abs(value) <= 1 and math.isclose(float(nearest) / 255, value, rel_tol=1e-9):
        whole = nearest.denominator == 1
        return f"{nearest.numerator if whole else float(nearest):g}/255"
    return f"{value:.6g}"


FieldKind = Literal["pixel_fraction", "float", "int", "bool", "choice", "text", "file", "int_list"]


@dataclass(frozen=True)
class Field:
    """One editable field of a settings class.

    Attributes:
        name: the attribute's name, also the TOML key and, with dashes, the option.
        label: the name for people.
        kind: which editor fits.
        unit: what the number counts, "" where it counts nothing.
        minimum, maximum: bounds; `exclusive_minimum` says that the minimum itself is refused.
        choices: the allowed values of a choice.
        optional: None is allowed and means "automatic", as the help explains.
        default: the value when nothing is said; `...` where the field must be given.
        help: one line.
        suffixes: what the names of a file end in, () for any. A `str` field is one of kind "file"
            by json_schema_extra={"kind": "file", "suffixes": [".safetensors"]}.
    """

    name: str
    label: str
    kind: FieldKind
    unit: str
    minimum: float | None
    maximum: float | None
    exclusive_minimum: bool
    choices: tuple[str, ...]
    optional: bool
    default: Any
    help: str
    suffixes: tuple[str, ...] = ()


def fields_of(settings: type[Settings]) -> tuple[Field, ...]:
    """The fields of a settings class in the order of their declaration."""
    return tuple(_field(name, info) for name, info in settings.model_fields.items())


def parse(settings: type[SettingsT], values: Mapping[str, object]) -> SettingsT:
    """Build `settings` from names and values.

    Raises:
        SettingsError: names the first offending field, its value, and what is allowed.
    """
    try:
        return settings(**dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else settings.__name__
        field = next((f for f in fields_of(settings) if f.name == name), None)
        if field is None:
            known = ", ".join(settings.model_fields) or "none"
            reason = first["msg"].removeprefix("Value error, ")
            if first["type"] == "extra_forbidden":
                reason = "there is no such field"
            raise SettingsError(reason, subject=name, remedy=f"Its fields are: {known}") from None
        given = values.get(name)
        shown = repr(given) if not isinstance(given, str) else given
        message = first["msg"].removeprefix("Value error, ").rstrip(".")
        raise SettingsError(
            f"{shown} is refused: {message[:1].lower()}{message[1:]}",
            subject=name,
            remedy=f"Allowed: {allowed(field)}",
        ) from None


def allowed(field: Field) -> str:
    """What a field takes, in words: for errors, tooltips and documentation."""
    if field.choices:
        return ", ".join(field.choices)
    if field.kind == "bool":
        return "true or false"
    if field.kind == "text":
        return "text"
    if field.kind == "file":
        return f"a file ({', '.join(field.suffixes)})" if field.suffixes else "a file"
    if field.kind == "int_list":
        return "whole numbers separated by commas"
    number = "a whole number" if field.kind == "int" else "a number"
    low = "" if field.minimum is None else f"{field.minimum:g}"
    high = "" if field.maximum is None else f"{field.maximum:g}"
    above = "above" if field.exclusive_minimum else "from"
    span = f" {above} {low}" if low else ""
    span += f" up to {high}" if high else ""
    example = ", written like 4/255 or 0.0157" if field.kind == "pixel_fraction" else ""
    nothing = ", or nothing" if field.optional else ""
    return f"{number}{span}{example}{nothing}"


def _field(name: str, info: PydanticField) -> Field:
    annotation = info.annotation
    options = get_args(annotation)
    optional = type(None) in options
    if optional:
        annotation = next(o for o in options if o is not type(None))
    extra: dict[str, Any] = (
        dict(info.json_schema_extra) if isinstance(info.json_schema_extra, dict) else {}
    )
    is_choice = get_origin(annotation) is Literal
    bounds = {type(m).__name__: m for m in info.metadata}
    low: Any = getattr(bounds.get("Ge"), "ge", None)
    above: Any = getattr(bounds.get("Gt"), "gt", None)
    high: Any = getattr(bounds.get("Le"), "le", None)
    default = ... if info.default is PydanticUndefined else info.default
    return Field(
        name=name,
        label=info.title or name.replace("_", " ").capitalize(),
        kind="file" if extra.get("kind") == "file" else _kind(annotation, info, is_choice),
        unit=str(extra.get("unit", "")),
        minimum=above if above is not None else low,
        maximum=high,
        exclusive_minimum=above is not None,
        choices=tuple(str(c) for c in get_args(annotation)) if is_choice else (),
        optional=optional,
        default=default,
        help=info.description or "",
        suffixes=tuple(extra.get("suffixes", ())),
    )


def _kind(annotation: Any, info: PydanticField, is_choice: bool) -> FieldKind:
    if is_choice:
        return "choice"
    validators = [m for m in info.metadata if isinstance(m, BeforeValidator)]
    nested = [m for m in getattr(annotation, "__metadata__", ()) if isinstance(m, BeforeValidator)]
    if any(v.func is parse_fraction for v in (*validators, *nested)):
        return "pixel_fraction"
    if annotation is bool:
        return "bool"
    if annotation is int:
        return "int"
    if annotation is float or get_origin(annotation) is Annotated:
        return "float"
    if annotation is str:
        return "text"
    return "int_list"
