"""Diagnostic models: cards, library, model files, architectures, preprocessing, layer taps.

`load_model` (loading.py) is the door: a card and a model file in, a checked model that gives logits
out. `propose_card` makes a card from a file; `check_model` looks for signs of a wrong one. card.py,
library.py, input_plan.py and the tables of formats/ and architectures/ are readable without torch;
everything that computes imports it. May import `imaging`, `settings`, `files`, `jobs`, `errors`,
`resources`.
"""
