"""Procedures around a finished model. One is a file here and an entry in `registry`.

The fields are readable without torch; `wrapping.defended` makes a diagnostic model of model and
procedures.
"""
