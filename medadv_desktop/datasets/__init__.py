"""Labelled images: known layouts and manifests, splits, subsets, streams, fingerprints, phantoms.

`open_dataset` (opening.py) makes a `Dataset`; `inspect` looks it over; `split` and `Subset` divide
it; `stream` decodes it; `fingerprint` names it. A layout is one module in layouts/ and one entry.

May import `imaging`, `settings`, `files`, `jobs`, `errors`; neither torch nor Qt.
"""
