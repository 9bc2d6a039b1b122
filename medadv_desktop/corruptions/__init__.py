"""Common perturbations: corruptions in five severities, and sequences of slowly changing images.

A `Corruption` (corruption.py) and a `PerturbationSequence` (sequences/) are frozen `Settings`
values that are readable without torch. `flips` holds what is counted over them, `build` writes
perturbed images to disk. Adding a kind: one class and one entry in a registry. May import
`imaging`, `settings`, `files`, `seeds`, `jobs`, `errors`.
"""
