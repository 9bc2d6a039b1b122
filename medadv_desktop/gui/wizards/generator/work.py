"""What takes time before a perturbation is prepared: opening images, looking where its file goes.

All of this happens off the GUI thread; no Qt and no torch in here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from medadv_desktop.attacks.gap.history import GeneratorHead, read_head
from medadv_desktop.attacks.prepared import named_text
from medadv_desktop.attacks.universal.recipe import UNIVERSAL
from medadv_desktop.errors import AttackError
from medadv_desktop.gui.labelled.librarian import open_entry
from medadv_desktop.gui.state.dataset_library import DatasetEntry
from medadv_desktop.jobs import CancelToken, Emit

if TYPE_CHECKING:
    from medadv_desktop.datasets.dataset import Dataset

SUFFIX = ".safetensors"
Source = DatasetEntry | Path
"""A data set of the library, or a folder, table or archive that is none of it."""


@dataclass(frozen=True, eq=False)
class Images:
    """What a perturbation is prepared on.

    Attributes:
        source: where they come from.
        whole: the set as it was opened.
        chosen: the part of it that is used.
    """

    source: Source
    whole: Dataset
    chosen: Dataset


@dataclass(frozen=True)
class Lying:
    """What lies where the file is to go.

    Attributes:
        stamp: when the file was changed last, in ns; None where there is none.
        head: what it says of itself, None where it is no generator.
        reason: what it is otherwise, or why it is none.
    """

    path: Path
    stamp: int | None = None
    head: GeneratorHead | None = None
    reason: str = ""

    @property
    def free(self) -> bool:
        return self.stamp is None

    @property
    def unfinished(self) -> bool:
        """Training of it can be gone on with."""
        return self.head is not None and not self.head.finished


def prepared_folder(name: str) -> Path:
    """Where files of a kind go if nobody says otherwise."""
    return Path(platformdirs.user_data_dir("MedAdv Desktop", appauthor=False)) / name


def open_images(
    source: Source,
    opened: Images | None,
    split: str,
    count: int | None,
    token: CancelToken,
    emit: Emit,
) -> Images:
    """Open what is worked on; a set that is open already is not opened again.

    Raises:
        DatasetError: it is gone, no data set, or nothing of it is left.
        JobCancelled: the token was cancelled.
    """
    from medadv_desktop.datasets.opening import open_dataset
    from medadv_desktop.datasets.subset import Subset

    if opened is not None and opened.source == source:
        whole = opened.whole
    elif isinstance(source, Path):
        whole = open_dataset(source, token=token, emit=emit)
    else:
        whole = open_entry(source, token)
    token.check()
    part = Subset(splits=split, count=count)
    return Images(source, whole, part.apply(whole) if split or count else whole)


def lying_at(path: Path) -> Lying:
    """What lies at a path."""
    try:
        stamp = path.stat().st_mtime_ns
    except OSError:
        return Lying(path)
    try:
        return Lying(path, stamp, read_head(path))
    except AttackError as error:
        reason = error.reason
    try:
        named_text(path, UNIVERSAL)
    except AttackError:
        return Lying(path, stamp, reason=reason)
    return Lying(path, stamp, reason="is a universal perturbation")


def free_place(folder: Path, words: str) -> Lying:
    """A file of a telling name that does not exist yet."""
    stem = re.sub(r"\W+", "-", words).strip("-").lower() or "perturbation"
    number, path = 1, folder / f"{stem}{SUFFIX}"
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}{SUFFIX}"
    return Lying(path)
