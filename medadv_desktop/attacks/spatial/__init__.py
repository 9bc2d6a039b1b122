"""Attacks that shift pixels, or repaint a part of the image."""

from __future__ import annotations
