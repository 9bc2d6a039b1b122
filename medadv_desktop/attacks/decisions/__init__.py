"""Attacks that see decisions alone."""

from __future__ import annotations
