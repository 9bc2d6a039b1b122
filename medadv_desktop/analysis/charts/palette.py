"""Colours that tell series apart, also for those who see few of them, on white and on near-black.

After Okabe and Ito, Color Universal Design, 2008; the light ones darkened until each stands out by
3 : 1 (WCAG 2.1, 1.4.11) from the light and from the dark background.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SERIES: Final = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#c46ba0",
    "#a87600",
    "#7b68c8",
    "#7f8790",
    "#9c5b3c",
)

MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "*")
"""By the names of matplotlib; the k-th goes with the k-th colour."""


@dataclass(frozen=True)
class Ground:
    """What a chart stands on: background, text and axes, lines of the grid, what is undefined."""

    background: str
    ink: str
    grid: str
    undefined: str


LIGHT: Final = Ground("#ffffff", "#17202b", "#d5dbe2", "#e3e8ee")
DARK: Final = Ground("#14171c", "#e4e8ee", "#38414c", "#2b323b")


def series_color(number: int) -> str:
    """Of the k-th series, from 0; after the last they begin again."""
    return SERIES[number % len(SERIES)]
