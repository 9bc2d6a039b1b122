"""Windowing policies: how a frame's window is chosen, as small values with one method each.

A policy outlives the frame it was chosen on: scrolling through a series asks the same policy for
every slice. `presets_for` lists what radiologists expect by modality; a user's own are kept in a
TOML file in the user's configuration folder.
"""

from __future__ import annotations

import math
import os
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import platformdirs
import tomli_w

from medadv_desktop.errors import SettingsError
from medadv_desktop.files import write_atomically
from medadv_desktop.imaging.display import (
    check_window,
    default_voi,
    is_whole,
    modality_extent,
    window_between,
)
from medadv_desktop.imaging.frame import Frame, Voi, Window

PRESETS_VERSION: Final = 1


@dataclass(frozen=True)
class FileVoi:
    """One of the file's own windows and tables.

    A frame that has no such choice is shown as it first would be (`default_voi`).

    Attributes:
        name: a Window Center & Width Explanation or a LUT Explanation; "" for any.
        number: which of those of this name, from 0.
    """

    name: str = ""
    number: int = 0

    def window(self, frame: Frame) -> Voi:
        named = [c for c in frame.voi_choices if self.name in ("", c.explanation)]
        return named[self.number] if self.number < len(named) else default_voi(frame)


@dataclass(frozen=True)
class Preset:
    """A window with a name, in modality values.

    Attributes:
        name: for people; unique among the presets of a modality.
        center, width, function: as `Window`.
        modality: the DICOM modality it is meant for ("CT"); "" for all.
    """

    name: str
    center: float
    width: float
    function: str = "LINEAR"
    modality: str = ""

    def window(self, _frame: Frame) -> Voi:
        return Window(self.center, self.width, self.function, self.name)


@dataclass(frozen=True)
class Percentile:
    """From the `low`-th to the `high`-th percentile of the frame's pixels, padding left out.

    Raises:
        SettingsError: not 0 ≤ low < high ≤ 100.
    """

    low: float = 1.0
    high: float = 99.0

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 100:
            raise SettingsError(
                f"{self.low:g} to {self.high:g} is no span of percentiles",
                subject="percentile",
                remedy="Allowed: low below high, both from 0 to 100",
            )

    def window(self, frame: Frame) -> Voi:
        low, high = percentiles(frame, self.low, self.high)
        return window_between(low, high, whole=is_whole(frame))


@dataclass(frozen=True)
class MinMax:
    """From the smallest to the largest value of the frame's pixels, padding left out."""

    def window(self, frame: Frame) -> Voi:
        return window_between(*modality_extent(frame), whole=is_whole(frame))


@dataclass(frozen=True)
class Manual:
    """The same window, or table, for every frame."""

    voi: Voi

    def window(self, _frame: Frame) -> Voi:
        return self.voi


WindowPolicy = FileVoi | Preset | Percentile | MinMax | Manual


def file_policies(frame: Frame) -> tuple[FileVoi, ...]:
    """A policy for each window and table of the frame's file, in its order.

    By name where the name is its own, so that other slices find theirs; else by number.
    """
    names = [choice.explanation for choice in frame.voi_choices]
    return tuple(
        FileVoi(name) if name and names.count(name) == 1 else FileVoi("", number)
        for number, name in enumerate(names)
    )


def percentiles(frame: Frame, low: float, high: float) -> tuple[float, float]:
    """Two percentiles of the modality values of the pixels, in closed form over all of them.

    Linear between neighbouring values (method 7 of Hyndman and Fan, as `numpy.percentile`). Padding
    and what is not finite take no part; where no pixel is left, the ends of what can be encoded.
    """
    stored = pixels_of(frame)
    if not stored.size:
        return frame.modality.extent(*frame.value_range)
    values: Any
    if stored.dtype.kind in "iu" and stored.dtype.itemsize <= 2:
        # Sorting codes by counting them is tenfold faster than sorting the pixels.
        codes, counts = code_counts(stored)
        values = frame.modality.apply(codes)
        order = np.argsort(values, kind="stable")
        values, ends = values[order], np.cumsum(counts[order])
        return tuple(_ranked(values, ends, share) for share in (low, high))  # type: ignore[return-value]
    values = np.percentile(frame.modality.apply(stored), (low, high))
    return float(values[0]), float(values[1])


def pixels_of(frame: Frame) -> np.ndarray[Any, np.dtype[np.generic]]:
    """The stored values that are pixels, 1-D (colour: all channels): neither padding nor NaN."""
    mask = frame.padding_mask()
    stored = frame.stored.ravel() if mask is None else frame.stored[~mask]
    return stored[np.isfinite(stored)] if stored.dtype.kind == "f" else stored


def code_counts(
    stored: np.ndarray[Any, np.dtype[np.generic]],
) -> tuple[np.ndarray[Any, np.dtype[np.int64]], np.ndarray[Any, np.dtype[np.int64]]]:
    """The values that occur among integers of at most 16 bits, rising, and how often each does."""
    unsigned = np.dtype(f"u{stored.dtype.itemsize}")
    half = 2 ** (8 * unsigned.itemsize - 1)
    base = -half if stored.dtype.kind == "i" else 0
    # Two's complement read as unsigned, turned by half its range, rises as the value does.
    codes = stored.astype(stored.dtype.newbyteorder("="), copy=False).view(unsigned)
    counts = np.bincount(codes, minlength=2 ** (8 * unsigned.itemsize))
    counts = np.roll(counts, base) if base else counts
    present = np.flatnonzero(counts)
    return present + base, counts[present]


def _ranked(
    values: np.ndarray[Any, np.dtype[np.float64]],
    ends: np.ndarray[Any, np.dtype[np.int64]],
    share: float,
) -> float:
    place = (ends[-1] - 1) * share / 100
    below, above = math.floor(place), math.ceil(place)
    low = values[np.searchsorted(ends, below, side="right")]
    high = values[np.searchsorted(ends, above, side="right")]
    return float(low + (high - low) * (place - below))


_CT = (
    ("Abdomen", 40, 400),
    ("Lung", -600, 1500),
    ("Bone", 400, 1800),
    ("Brain", 40, 80),
    ("Mediastinum", 50, 350),
    ("Liver", 60, 160),
    ("Stroke", 35, 35),
    ("Subdural", 75, 215),
    ("Temporal bone", 600, 2800),
    ("Angiography", 300, 600),
)
"""Centre and width in HU, as in common use at CT consoles."""


def presets_for(
    modality: str, own: tuple[Preset, ...] = ()
) -> tuple[Preset | Percentile | MinMax, ...]:
    """What to offer for a modality, the user's own presets behind the common ones.

    Hounsfield units mean the same everywhere, so CT has windows by organ. All other modalities have
    arbitrary units: percentiles of the image itself. A user's preset replaces a common one of the
    same name.

    Args:
        modality: the DICOM modality, "" where unknown.
        own: the user's own, for any modality.
    """
    mine = tuple(p for p in own if p.modality in ("", modality))
    taken = {p.name for p in mine}
    common = _CT if modality == "CT" else ()
    named = tuple(
        Preset(name, center, width, modality="CT")
        for name, center, width in common
        if name not in taken
    )
    automatic = (Percentile(0.5, 99.5), Percentile(2, 98), MinMax())
    return (*named, *mine, *automatic)


def presets_path() -> Path:
    """Where the user's own presets are kept."""
    return Path(platformdirs.user_config_dir("MedAdv Desktop", appauthor=False)) / "windows.toml"


def read_presets(path: Path | None = None) -> tuple[Preset, ...]:
    """The user's own presets; () where none were ever saved.

    Raises:
        SettingsError: the file cannot be read, is of a newer version, or holds what is no preset.
    """
    path = path or presets_path()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise _unreadable(path, f"cannot be read ({reason})") from None
    version = content.get("version")
    if version != PRESETS_VERSION:
        raise _unreadable(path, f"has version {version}; this program knows {PRESETS_VERSION}")
    entries = content.get("preset", [])
    if not isinstance(entries, list):
        raise _unreadable(path, "holds no list of presets")
    return tuple(_preset(path, entry) for entry in entries)


def write_presets(presets: tuple[Preset, ...], path: Path | None = None) -> None:
    """Keep the user's own presets, whole or not at all.

    Raises:
        SettingsError: one of them is no window, or two for the same modality share a name.
        ExportError: the file cannot be written.
    """
    keys = [(p.modality, p.name) for p in presets]
    for preset in presets:
        _check(preset)
        if keys.count((preset.modality, preset.name)) > 1:
            raise SettingsError("two presets have this name", subject=preset.name)
    values = {"version": PRESETS_VERSION, "preset": [asdict(p) for p in presets]}
    write_atomically(path or presets_path(), tomli_w.dumps(values).encode())


def _preset(path: Path, entry: object) -> Preset:
    if not isinstance(entry, dict):
        raise _unreadable(path, "holds an entry that is no preset")
    try:
        preset = Preset(**entry)
        _check(preset)
    except TypeError:
        known = ", ".join(Preset.__dataclass_fields__)
        raise _unreadable(path, f"holds a preset whose fields are not among {known}") from None
    except SettingsError as error:
        raise _unreadable(path, f"holds a preset that is refused: {error.reason}") from None
    return preset


def _check(preset: Preset) -> None:
    texts = (preset.name, preset.function, preset.modality)
    numbers = (preset.center, preset.width)
    if not all(isinstance(t, str) for t in texts) or not preset.name.strip():
        raise SettingsError("a preset needs a name", subject="preset")
    if any(isinstance(n, bool) or not isinstance(n, int | float) for n in numbers):
        raise SettingsError("centre and width must be numbers", subject=preset.name)
    check_window(Window(preset.center, preset.width, preset.function))


def _unreadable(path: Path, reason: str) -> SettingsError:
    return SettingsError(reason, subject=path, remedy="Mend the file, or delete it to start anew")
