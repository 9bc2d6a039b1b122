"""Whole jobs without a screen: one image or many, one attack, what came of it.

The window, the command line and the tests call the same functions. May import everything but `gui`
and `cli`; never Qt.
"""
