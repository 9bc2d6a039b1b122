"""From what a table calls an image to a file: relative paths, bare names, ids, Windows paths."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from medadv_desktop.datasets.problems import Guess, ProblemKind, ProblemLog
from medadv_desktop.imaging.reading import IMAGE_SUFFIXES
from medadv_desktop.jobs import CancelToken

PROBE = 200
MAX_FILES = 3_000_000
"""Files that are looked at below a table's folder before the search is given up."""

_DRIVE = re.compile(r"^[A-Za-z]:[\\/]|^\\\\")


@dataclass
class FileIndex:
    """The image files below a folder by their name, in lower case, with and without suffix."""

    root: Path
    by_name: dict[str, list[str]] = field(default_factory=dict)
    by_stem: dict[str, list[str]] = field(default_factory=dict)
    complete: bool = True

    @classmethod
    def of(cls, root: Path, token: CancelToken) -> FileIndex:
        """Look through a folder; hidden files and what has no image's suffix are left out.

        Raises:
            JobCancelled: the token was cancelled.
        """
        index = cls(root)
        count = 0
        for folder, folders, names in os.walk(root):
            token.check()
            folders[:] = sorted(f for f in folders if not f.startswith("."))
            inside = Path(folder).relative_to(root).as_posix()
            for name in names:
                stem, dot, suffix = name.rpartition(".")
                if not stem or f"{dot}{suffix}".lower() not in IMAGE_SUFFIXES:
                    continue
                path = name if inside == "." else f"{inside}/{name}"
                index.by_name.setdefault(name.lower(), []).append(path)
                index.by_stem.setdefault(stem.lower(), []).append(path)
            count += len(names)
            if count > MAX_FILES:
                index.complete = False
                break
        return index

    def find(self, text: str) -> list[str]:
        """The files that fit a path, name or id best; more than one where that is not clear."""
        parts = PurePosixPath(text).parts
        if not parts:
            return []
        name = parts[-1].lower()
        found = self.by_name.get(name) or self.by_stem.get(name, [])
        if len(found) < 2:
            return found
        scores = [_common_end(parts[:-1], PurePosixPath(path).parts[:-1]) for path in found]
        best = [path for path, s in zip(found, scores, strict=True) if s == max(scores)]
        exact = [p for p in best if PurePosixPath(p).name == parts[-1]]
        return exact if len(exact) == 1 else best


def _common_end(wanted: Sequence[str], there: Sequence[str]) -> int:
    count = 0
    for a, b in zip(reversed(wanted), reversed(there), strict=False):
        if a.lower() != b.lower():
            break
        count += 1
    return count


@dataclass
class Locator:
    """Turns the texts of an image column into paths relative to `root`.

    Attributes:
        root: where relative paths start.
        backslashes: the texts are Windows paths.
        index: None where the texts are paths as they stand.
    """

    root: Path
    backslashes: bool = False
    index: FileIndex | None = None
    guesses: tuple[Guess, ...] = ()

    @classmethod
    def fitting(
        cls, root: Path, texts: Sequence[str], token: CancelToken, *, chosen: bool = False
    ) -> Locator:
        """The way that finds most of `texts`, some of a table's first images.

        Args:
            root: the table's folder, or the one that was `chosen` by the user.

        Raises:
            JobCancelled: the token was cancelled.
        """
        probe = [t.strip() for t in texts[:PROBE] if t.strip()]
        guesses = []
        slashes = any("\\" in t for t in probe)
        if slashes:
            guesses.append(Guess("Image paths are Windows paths", "they hold backslashes"))
        direct = cls(root, slashes)
        plain = [direct.slashed(t) for t in probe]
        hits = sum((root / t).is_file() for t in plain)
        if probe and hits < len(probe):
            index = FileIndex.of(root, token)
            found = sum(len(index.find(t)) == 1 for t in plain)
            if found > hits:
                guesses.append(
                    Guess(
                        f"Images are found by their name below {root}",
                        f"that finds {found} of the first {len(probe)}, the plain path {hits}",
                        "" if chosen else "image_folder",
                    )
                )
                return cls(root, slashes, index, tuple(guesses))
        return cls(root, slashes, None, tuple(guesses))

    def slashed(self, text: str) -> str:
        if "\\" in text and (self.backslashes or _DRIVE.match(text)):
            return text.replace("\\", "/")
        return text

    def locate(
        self, texts: Sequence[str], file: Path, rows: Sequence[int], log: ProblemLog
    ) -> list[str]:
        """A path for each text. What is not found keeps its text; `inspect` reports it missing."""
        plain = [self.slashed(t) for t in texts] if self.backslashes else list(texts)
        if self.index is None:
            return plain
        paths = []
        for text, row in zip(plain, rows, strict=True):
            found = self.index.find(text)
            if len(found) > 1:
                log.add(
                    ProblemKind.AMBIGUOUS_IMAGE,
                    f"{text!r} may be any of {len(found)} files: {found[0]}, {found[1]}"
                    + (", ..." if len(found) > 2 else ""),
                    file,
                    row,
                )
            paths.append(found[0] if len(found) == 1 else text)
        return paths
