"""A model card while it is being edited: plain values, the card they make, and what is wrong.

The values are those of the card with its preprocessing laid flat, numbers that are typed as text
left as text, so that anything can stand in them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError
from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

from medadv_desktop.models.card import ModelCard, Preprocessing
from medadv_desktop.settings import parse_fraction

INPUT_FIELDS: Final = tuple(Preprocessing.model_fields)
TEXT_NUMBERS: Final = ("mean", "std", "low", "high", "resize_side")

SIDES: Final = (8, 4096)
"""Smallest and largest side of a model input, as the card allows it."""

Values = Mapping[str, Any]

# How the card's own errors about several fields begin, and the field under which each is shown.
_ABOUT: Final = (
    ("mean has", "mean"),
    ("std", "std"),
    ("a multi-label model has one", "thresholds"),
    ("thresholds", "thresholds"),
    ("a single-label model decides", "thresholds"),
    ("two classes", "classes"),
    ("a single output", "classes"),
    ("low", "low"),
    ("percentiles", "low"),
)

# What a guess of a proposal is called, and the fields that it is about.
GUESSED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "architecture": ("architecture",),
        "channels": ("channels",),
        "size": ("height", "width", "resize", "resize_side"),
        "mean and std": ("mean", "std"),
        "window": ("window", "low", "high"),
        "classes": ("classes",),
        "thresholds": ("thresholds",),
        "task": ("task",),
        "outputs": ("outputs",),
    }
)


@dataclass(frozen=True)
class Normalisation:
    """A usual mean and standard deviation, for one channel and for three."""

    title: str
    grey: tuple[tuple[float, ...], tuple[float, ...]]
    color: tuple[tuple[float, ...], tuple[float, ...]]

    def of(self, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        return self.grey if channels == 1 else self.color


def _same(mean: float, std: float) -> dict[str, tuple[tuple[float, ...], tuple[float, ...]]]:
    return {"grey": ((mean,), (std,)), "color": ((mean,), (std,))}


NORMALISATIONS: Final = (
    Normalisation(
        QT_TRANSLATE_NOOP("ModelImport", "ImageNet"),
        ((0.449,), (0.226,)),
        ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ),
    Normalisation(QT_TRANSLATE_NOOP("ModelImport", "None: 0 to 1"), **_same(0.0, 1.0)),
    Normalisation(QT_TRANSLATE_NOOP("ModelImport", "−1 to 1"), **_same(0.5, 0.5)),
    Normalisation(QT_TRANSLATE_NOOP("ModelImport", "0 to 255"), **_same(0.0, 1 / 255)),
    Normalisation(
        QT_TRANSLATE_NOOP("ModelImport", "−1024 to 1024 (TorchXRayVision)"), **_same(0.5, 1 / 2048)
    ),
)


def tr(text: str) -> str:
    """A text of this wizard in the user's language."""
    return QCoreApplication.translate("ModelImport", text)


def values_of(card: ModelCard) -> dict[str, Any]:
    """The editable values of a card."""
    values = card.model_dump()
    values |= values.pop("preprocessing")
    for name in TEXT_NUMBERS:
        values[name] = numbers_text(values[name])
    return values


def card_of(values: Values) -> tuple[ModelCard | None, dict[str, str]]:
    """The card that values make, or None, and what is wrong with each field, a sentence each."""
    errors: dict[str, str] = {}
    fields = dict(values)
    for name in ("mean", "std"):
        fields[name] = _numbers(fields[name], name, errors)
    for name in ("low", "high", "resize_side"):
        fields[name] = _number(fields[name], name, errors)
    if not str(fields["name"]).strip():
        errors["name"] = tr("Give the model a name")
    if any(not str(c).strip() for c in fields["classes"]):
        errors["classes"] = tr("A class has no name")
    preprocessing = {n: fields.pop(n) for n in INPUT_FIELDS}
    if preprocessing["resize"] != "crop":
        preprocessing["resize_side"] = None
    try:
        card = ModelCard(**fields, preprocessing=preprocessing)
    except ValidationError as error:
        for found in error.errors():
            name, text = _named(found["loc"], found["msg"])
            errors.setdefault(name, text)
        return None, errors
    warned = _too_large(card)
    return (card, {}) if not errors and not warned else (None, errors | warned)


def numbers_text(value: object) -> str:
    """Numbers as they are typed: "0.485, 0.456, 0.406"; "" for nothing."""
    if value is None:
        return ""
    if isinstance(value, tuple | list):
        return ", ".join(numbers_text(v) for v in value)
    number = float(value)  # type: ignore[arg-type]
    inverse = 1 / number if 0 < abs(number) < 0.01 else 0.0
    if inverse and abs(inverse - round(inverse)) < 1e-9 * abs(inverse):
        return f"1/{round(inverse)}"
    return f"{number:.6g}" if float(f"{number:.6g}") == number else repr(number)


def moved(items: tuple[Any, ...], source: int, target: int) -> tuple[Any, ...]:
    """`items` with one of them taken out and put in again so that it stands at `target`."""
    left = list(items)
    left.insert(target, left.pop(source))
    return tuple(left)


def _numbers(text: object, name: str, errors: dict[str, str]) -> tuple[float, ...]:
    separated = str(text)
    # Where the comma stands between digits of one number, numbers are parted by something else.
    if re.search(r"[;\s]", separated.strip()) and not re.search(r",\s", separated):
        separated = re.sub(r"[;\s]+", ";", separated.strip().replace(",", "."))
    parts = [p.strip() for p in re.split(r"[;,]", separated) if p.strip()]
    if not parts:
        errors[name] = tr("Give one number, or one for each channel")
        return (0.5,)
    try:
        return tuple(float(parse_fraction(p)) for p in parts)  # type: ignore[arg-type]
    except ValueError as error:
        errors[name] = _sentence(str(error))
        return (0.5,)


def _number(text: object, name: str, errors: dict[str, str]) -> float | None:
    if not str(text).strip():
        if name == "resize_side":
            return None
        errors[name] = tr("Give a number")
        return 0.0
    try:
        return float(parse_fraction(str(text).replace(",", ".")))  # type: ignore[arg-type]
    except ValueError as error:
        errors[name] = _sentence(str(error))
        return None if name == "resize_side" else 0.0


def _named(place: tuple[int | str, ...], message: str) -> tuple[str, str]:
    text = message.removeprefix("Value error, ")
    names = [str(p) for p in place if not isinstance(p, int) and p != "preprocessing"]
    if names:
        if names[0] == "id":
            text = tr("Use small letters, digits, dots, dashes and underscores")
        return names[0], _sentence(text)
    for beginning, field in _ABOUT:
        if beginning in text:
            return field, _sentence(text)
    return "", _sentence(text)


def _too_large(card: ModelCard) -> dict[str, str]:
    """A mean for values up to 255 is the commonest slip; here values go from 0 to 1."""
    if max(map(abs, card.mean)) <= 1.5 or max(card.std) < 1.5:
        return {}
    return {"mean": tr("This is for values from 0 to 255; here they go from 0 to 1: divide by 255")}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
