"""The grid of a 16-bit picture, on which images are judged: what is judged is what is saved."""

from __future__ import annotations

from typing import Final

# 65535 = 255 × 257: the grid of a 16-bit PNG holds every k/255, so a budget of 4/255 stays exact.
GRID: Final = 65535
