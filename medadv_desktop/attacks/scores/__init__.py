"""Attacks that see scores alone, and noise, which sees nothing."""

from __future__ import annotations
