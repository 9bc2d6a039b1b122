"""Labelled images: so far the seeded phantoms of the three domains of the paper.

May import `imaging`, `settings`, `jobs`, `errors`; neither torch nor Qt.
"""
