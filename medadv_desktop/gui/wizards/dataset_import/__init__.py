"""The data set wizard: from a folder, table or archive to an entry of the data set library.

`wizard` puts the pages together, `draft` holds what they have settled so far, `work` is what
happens off the GUI thread, `drops` decides what is done with what is dropped on the window.
"""

from __future__ import annotations

from medadv_desktop.gui.dropping import DropKind
from medadv_desktop.gui.wizards.dataset_import.drops import open_dropped, takes

DROP = DropKind("dataset", takes, open_dropped)
