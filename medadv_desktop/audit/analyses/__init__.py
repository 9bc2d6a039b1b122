"""Analyses over the samples of a cell: worked out once, and kept in the audit's store.

`requests` says what is asked and answered; `run.analyze` answers it, in one pass over the images of
a cell (`pairs`, `looking`, `measuring`), and alone imports torch. `at_hand` finds what is kept,
`files` writes it as pictures and tables, `sections` as blocks of the report.
"""
