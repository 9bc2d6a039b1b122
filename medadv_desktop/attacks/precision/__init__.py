"""A faster copy of a network to search on, and a second try for what withstood."""

from __future__ import annotations
