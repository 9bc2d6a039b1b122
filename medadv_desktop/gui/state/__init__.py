"""What the window knows, as QObjects with typed signals and no widgets.

Widgets show and edit these values and never talk to each other.
"""
