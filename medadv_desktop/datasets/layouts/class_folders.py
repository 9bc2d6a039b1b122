"""One folder for each class, or one for each split with one for each class inside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from medadv_desktop.datasets.columns import CodedBuilder, CodedColumn, TextColumn
from medadv_desktop.datasets.dataset import Columns, Dataset
from medadv_desktop.datasets.labelling import natural
from medadv_desktop.datasets.layouts.layout import Layout, Recognition, nothing_there
from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.datasets.problems import Guess, ProblemKind, ProblemLog
from medadv_desktop.datasets.tables import is_table
from medadv_desktop.datasets.tabular import SPLIT_WORDS, canonical_splits
from medadv_desktop.errors import DatasetError, ImageError
from medadv_desktop.imaging.reading import IMAGE_SUFFIXES, kind_of
from medadv_desktop.imaging.series import natural_key
from medadv_desktop.jobs import CancelToken, Emit, Progress

ID = "class-folders"


def recognise(path: Path) -> Recognition | None:
    if not path.is_dir():
        return None
    splits = _splits(path)
    folders = [f for s in splits for f in _subfolders(s)] if splits else _subfolders(path)
    filled = [f for f in folders if _shows_image(f)]
    if len({f.name for f in filled}) < 2:
        return None
    sure = not any(is_table(p) for p in path.iterdir())
    evidence = f"{len(filled)} folders hold images: {', '.join(f.name for f in filled[:4])}"
    return Recognition(ID, (0.85 if splits else 0.8) if sure else 0.4, evidence)


def open_folders(path: Path, options: DatasetOptions, token: CancelToken, emit: Emit) -> Dataset:
    if not path.is_dir():
        raise nothing_there(path, "folders")
    splits = _splits(path)
    parts = (
        [(s, f) for s in splits for f in _subfolders(s)]
        if splits
        else [(path, f) for f in _subfolders(path)]
    )
    guesses = []
    classes = options.class_list
    if not classes:
        classes = tuple(sorted({f.name for _, f in parts}, key=natural))
        why = "they are the names of the folders, in natural order"
        listed = ", ".join(classes)
        guesses.append(Guess(f"The classes, in this order, are: {listed}", why, "classes"))
    if splits:
        listed = ", ".join(s.name for s in splits)
        guesses.append(Guess(f"The splits are {listed}", "by the names of the folders"))
    log = ProblemLog()
    paths: list[str] = []
    labels: list[int] = []
    split_words = CodedBuilder(s.name for s in splits)
    for top in splits or [path]:
        for stray in sorted(p for p in top.iterdir() if p.is_file()):
            if not stray.name.startswith("."):
                log.add(ProblemKind.STRAY_FILE, "lies in no class folder and is left out", stray)
    for split, folder in parts:
        label = classes.index(folder.name) if folder.name in classes else -1
        before = len(paths)
        for file in _images(folder, token, log):
            paths.append(file.relative_to(path).as_posix())
            emit(Progress(len(paths), 0, str(file)))
        if label < 0 and len(paths) > before:
            text = f"the folder {folder.name!r} is none of the classes"
            log.add(ProblemKind.UNKNOWN_LABEL, text, folder)
        labels += [label] * (len(paths) - before)
        split_words.add([split.name if splits else ""] * (len(paths) - before))
    if not paths:
        raise nothing_there(path, "images in folders")
    coded, split_guesses = canonical_splits(split_words.column())
    column = TextColumn.of(paths)
    return Dataset(
        name=path.name or str(path),
        root=path,
        layout=ID,
        task="single-label",
        classes=classes,
        columns=Columns(
            paths=column,
            ids=column,
            labels=np.array(labels, np.int32),
            patients=CodedColumn.constant("", len(paths)),
            splits=coded,
        ),
        indices=np.arange(len(paths), dtype=np.int64),
        options=options,
        guesses=(*guesses, *split_guesses),
        problems=log.frozen(),
    )


def _subfolders(path: Path) -> list[Path]:
    try:
        with os.scandir(path) as entries:
            names = [e.name for e in entries if e.is_dir() and not e.name.startswith(".")]
    except OSError as error:
        raise DatasetError(
            f"cannot be read ({error.strerror})", subject=path, remedy="Check its permissions"
        ) from None
    return [path / n for n in sorted(names, key=lambda n: (natural_key(n), n))]


def _splits(path: Path) -> list[Path]:
    """The folders below `path` where all of them are called train, val, test or the like."""
    folders = _subfolders(path)
    named = all(f.name.lower() in SPLIT_WORDS for f in folders)
    return folders if folders and named and any(_subfolders(f) for f in folders) else []


def _shows_image(folder: Path) -> bool:
    """Whether one of the first files at or below a folder is an image by its name or content."""
    files = (Path(place, name) for place, _, names in os.walk(folder) for name in names)
    return any(_is_image(file) for file in islice(files, 50))


def _is_image(path: Path) -> bool:
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return True
    if path.suffix and not path.suffix[1:].isdigit():  # UIDs end in .123
        return False
    try:
        kind_of(path)
    except (ImageError, OSError):
        return False
    return True


def _images(folder: Path, token: CancelToken, log: ProblemLog) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        token.check()
        folders.sort(key=lambda n: (natural_key(n), n))
        for name in sorted(names, key=lambda n: (natural_key(n), n)):
            path = Path(place) / name
            if name.startswith("."):
                continue
            if _is_image(path):
                yield path
            else:
                log.add(ProblemKind.STRAY_FILE, "is no image by its name and is left out", path)


CLASS_FOLDERS = Layout(ID, "Folder per class", recognise, open_folders)
