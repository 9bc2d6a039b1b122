"""Threat models, objectives, attacks.

An attack is a frozen `Settings` value with one method, `run` (attack.py). Attacks and objectives
are readable without torch, which only the loop behind them (gradient.py and what it imports) needs.
Adding an attack: one file here and one entry in registry.py. May import `models`, `imaging`,
`settings`, `jobs`, `errors`.
"""
