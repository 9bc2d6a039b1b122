"""Part of a data set, as a value that can be written into a plan and gives the same part again."""

from __future__ import annotations

import fnmatch
import hashlib

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from medadv_desktop.datasets.columns import Indices, TextSequence
from medadv_desktop.datasets.dataset import Dataset
from medadv_desktop.errors import DatasetError
from medadv_desktop.settings import Settings

FILTER_COLUMNS = ("id", "path", "patient", "split")


class Subset(Settings):
    """Which samples of a set are used. All conditions hold together; empty ones hold always.

    Classes and splits are chosen first, then the filter, then the numbers: of each class, of all.
    """

    splits: str = Field("", description="Names of splits, separated by |")
    classes: str = Field(
        "", description="Names of classes, separated by |; multi-label: any of these is present"
    )
    filter: str = Field(
        "",
        description="Conditions such as id=ISIC_00* or patient!=17, separated by ;. Columns: "
        + ", ".join(FILTER_COLUMNS),
    )
    labelled: bool = Field(False, description="Only samples whose label is known")
    per_class: int | None = Field(
        None,
        ge=1,
        description="At most so many of each class, drawn by the seed; nothing means all "
        "(single-label)",
    )
    count: int | None = Field(
        None, ge=1, description="At most so many, drawn by the seed; nothing means all"
    )
    balanced: bool = Field(
        False, description="Draw equally from each class, as far as it has samples (single-label)"
    )
    seed: int = Field(0, ge=0, description="Of the draw")

    def apply(self, dataset: Dataset) -> Dataset:
        """The part of `dataset` that this describes, in the order of the set.

        The draw takes the samples with the smallest SHA-256 of seed and id, so it does not depend
        on the order of rows, and a larger count contains the smaller one.

        Raises:
            DatasetError: an unknown split, class or column, or nothing is left.
        """
        keep = np.ones(len(dataset), np.bool_)
        if self.splits:
            keep &= self._in_splits(dataset)
        if self.classes:
            keep &= self._in_classes(dataset)
        if self.labelled:
            keep &= dataset.known()
        if self.filter:
            keep &= self._matching(dataset)
        chosen: Indices = np.flatnonzero(keep)
        if self.per_class is not None and len(chosen):
            order = self._order(dataset, chosen)
            ranks = _ranks(dataset, order, "per_class")
            chosen = np.sort(order[ranks < self.per_class])
        if self.count is not None and self.count < len(chosen):
            chosen = self._drawn(dataset, chosen, self.count)
        if not len(chosen):
            raise DatasetError(
                f"no sample of {dataset.name} is left by {self.describe()}",
                subject="subset",
                remedy="Loosen a condition",
            )
        return dataset.select(chosen, self.describe())

    def describe(self) -> str:
        """What is chosen, in words: "splits=test, count=100 (seed 0)"."""
        parts = [
            f"{n}={getattr(self, n)}" for n in ("splits", "classes", "filter") if getattr(self, n)
        ]
        if self.labelled:
            parts.append("labelled")
        if self.per_class is not None:
            parts.append(f"per_class={self.per_class} (seed {self.seed})")
        if self.count is not None:
            parts.append(
                f"count={self.count} ({'balanced, ' if self.balanced else ''}seed {self.seed})"
            )
        return ", ".join(parts) or "all samples"

    def _in_splits(self, dataset: Dataset) -> NDArray[np.bool_]:
        words = dataset.columns.splits.vocabulary
        codes = [_number(name, words, "split", dataset) for name in _listed(self.splits)]
        return np.isin(dataset.columns.splits.codes[dataset.indices], codes)

    def _in_classes(self, dataset: Dataset) -> NDArray[np.bool_]:
        wanted = [_number(n, dataset.classes, "class", dataset) for n in _listed(self.classes)]
        labels = dataset.labels
        if dataset.task == "single-label":
            return np.isin(labels, wanted)
        return np.asarray((labels[:, wanted] == 1).any(axis=1))

    def _matching(self, dataset: Dataset) -> NDArray[np.bool_]:
        keep = np.ones(len(dataset), np.bool_)
        c = dataset.columns
        columns: dict[str, TextSequence] = {
            "id": c.ids,
            "path": c.paths,
            "patient": c.patients,
            "split": c.splits,
        }
        for condition in (p.strip() for p in self.filter.split(";") if p.strip()):
            left, equals, pattern = condition.partition("=")
            name, wanted = left.rstrip("!").strip(), not left.endswith("!")
            if not equals or name not in columns:
                raise DatasetError(
                    f"{condition!r} is no condition",
                    subject="filter",
                    remedy=f"Write column=pattern; columns are {', '.join(FILTER_COLUMNS)}",
                )
            column, pattern = columns[name], pattern.strip()
            keep &= [
                fnmatch.fnmatchcase(column[i], pattern) is wanted for i in dataset.indices.tolist()
            ]
        return keep

    def _order(self, dataset: Dataset, chosen: Indices) -> Indices:
        """The chosen ones in the order in which the seed draws them."""
        return chosen[np.argsort(draw_keys(dataset, chosen, self.seed), kind="stable")]

    def _drawn(self, dataset: Dataset, chosen: Indices, count: int) -> Indices:
        order = self._order(dataset, chosen)
        if not self.balanced:
            return np.sort(order[:count])
        # The first of every class, then the second of every class, and so on.
        ranks = _ranks(dataset, order, "balanced")
        return np.sort(order[np.argsort(ranks, kind="stable")][:count])


def _ranks(dataset: Dataset, order: Indices, field: str) -> NDArray[np.int64]:
    """How many samples of its class stand before each one."""
    if dataset.task != "single-label":
        raise DatasetError(
            "a draw by class needs one class for each image",
            subject=field,
            remedy="Choose classes instead",
        )
    labels = dataset.labels[order]
    ranks = np.zeros(len(order), np.int64)
    for label in np.unique(labels):
        ranks[labels == label] = np.arange((labels == label).sum())
    return ranks


def draw_keys(dataset: Dataset, chosen: Indices, seed: int) -> NDArray[np.uint64]:
    """A number for each chosen sample that depends on seed and id alone."""
    ids, rows = dataset.columns.ids, dataset.indices[chosen].tolist()
    return np.fromiter((hashed(seed, ids[row]) for row in rows), np.uint64, len(rows))


def hashed(seed: int, text: str) -> int:
    """64 bits of the SHA-256 of seed and text."""
    data = f"{seed}\0{text}".encode(errors="surrogatepass")
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big")


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split("|") if part.strip()]


def _number(name: str, words: tuple[str, ...], what: str, dataset: Dataset) -> int:
    if name not in words:
        raise DatasetError(
            f"{dataset.name} has no {what} {name!r}",
            subject="subset",
            remedy=f"It has: {', '.join(w for w in words if w)}",
        )
    return words.index(name)
