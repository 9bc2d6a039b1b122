"""One perturbation for all images: fitted, saved, used."""

from __future__ import annotations
