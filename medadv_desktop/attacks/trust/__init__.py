"""Signs that a model only looks robust."""

from __future__ import annotations
