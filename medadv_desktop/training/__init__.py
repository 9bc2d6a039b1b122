"""Training a diagnostic model, plainly or defended: recipe, loop, checkpoints, result.

`recipe`, `files` and `requests` are readable without torch. Stands beside `audit`, and takes from
it the devices, the team of processes and the prepared inputs; may import all below, never Qt.
"""
