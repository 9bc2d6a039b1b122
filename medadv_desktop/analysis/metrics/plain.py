"""The values of this room as what JSON holds."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from medadv_desktop.analysis.metrics.proportions import Rate


def plain(value: Any, *, without: frozenset[str] = frozenset()) -> Any:
    """Dataclasses as dicts of their fields and `derived` properties, arrays and tuples as lists.

    A rate has its value, count and 95 % interval.

    Args:
        without: names of fields that are left out, wherever they stand.

    Raises:
        ValueError: a number is not finite: JSON has no word for it.
    """
    if isinstance(value, Rate):
        return {name: getattr(value, name) for name in ("value", "count", "of", "low", "high")}
    if is_dataclass(value):
        names = [field.name for field in fields(value)] + list(getattr(value, "derived", ()))
        return {
            name: plain(getattr(value, name), without=without)
            for name in names
            if name not in without
        }
    if isinstance(value, dict):
        return {str(key): plain(entry, without=without) for key, entry in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(entry, without=without) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"JSON has no word for {value}")
    return value
