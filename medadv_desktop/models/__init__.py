"""Diagnostic models: cards, library, checkpoints, preprocessing, layer taps.

card.py, library.py and preprocessing.py's settings are readable without torch; everything that
computes imports it. May import `imaging`, `settings`, `jobs`, `errors`, `resources`.
"""
