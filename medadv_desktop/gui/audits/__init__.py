"""Audits in the window: the list of all runs, the results of one, its samples, and comparing two.

What reads a store, counts or draws into files runs in the background (`gui/background.py`). Modules
here that need the store's own classes, or pyqtgraph, are imported when a run is first shown.
"""
