"""Attacks that climb the gradient of the loss within a budget."""

from __future__ import annotations
