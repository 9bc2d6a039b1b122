"""Attacks and questions made of other attacks."""

from __future__ import annotations
