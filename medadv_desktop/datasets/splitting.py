"""Train, validation and test parts by patient, with the classes spread evenly, from a seed.

The algorithm, a greedy form of the stratification of multi-label data by Sechidis, Tsoumakas and
Vlahavas (ECML PKDD 2011) over groups:

1. Samples of one patient form a group; a sample without patient is a group by itself, under its id.
2. Each group is filed under its rarest label: the one that the fewest samples of the set have
   (unlabelled samples, and multi-label samples without finding, have a label of their own).
3. Labels are taken from the rarest to the commonest; within a label the groups with more samples
   come first, equals in the order of the SHA-256 of seed and patient.
4. A group goes to the split that lacks most of that label, compared with its share; among equals to
   the one that lacks most samples altogether; then to the first.

Nothing depends on the order of rows. Splits of share 0 stay empty.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import chain
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from medadv_desktop.datasets.columns import CodedColumn
from medadv_desktop.datasets.dataset import Dataset
from medadv_desktop.datasets.subset import hashed
from medadv_desktop.settings import Settings

SPLIT_NAMES = ("train", "val", "test")

ROUNDING = 1e-9
"""Needs closer than this count as equal."""


class SplitSettings(Settings):
    """How a set is split. The shares are parts of their sum."""

    train: float = Field(0.7, ge=0, le=1, description="Share of the training split")
    val: float = Field(0.1, ge=0, le=1, description="Share of the validation split")
    test: float = Field(0.2, ge=0, le=1, description="Share of the test split")
    by_patient: bool = Field(True, description="All images of a patient stay together")
    stratified: bool = Field(True, description="Each split gets its share of every class")
    seed: int = Field(0, ge=0, description="Other seeds give other splits")

    @model_validator(mode="after")
    def _some_share(self) -> Self:
        if self.train + self.val + self.test <= 0:
            raise ValueError("one of the shares must be above 0")
        return self

    @property
    def shares(self) -> NDArray[np.float64]:
        values = np.array([self.train, self.val, self.test])
        return np.asarray(values / values.sum())


def split(dataset: Dataset, settings: SplitSettings | None = None) -> Dataset:
    """The same samples with splits assigned anew: train, val, test."""
    settings = settings or SplitSettings()
    groups = _groups(dataset, settings.by_patient)
    strata, weights = _strata(dataset, settings.stratified)
    assigned = np.zeros(len(dataset), np.int32)
    # Plain lists: there may be a million groups, and three splits are too few for an array.
    shares = settings.shares.tolist()
    lacking_all = [share * len(dataset) for share in shares]
    lacking = [[share * weight for weight in weights.tolist()] for share in shares]
    parts = [part for part, share in enumerate(shares) if share > 0]
    for stratum, members in _in_turn(groups, strata, weights, settings.seed):
        most = max(lacking[part][stratum] for part in parts) - ROUNDING
        best = [part for part in parts if lacking[part][stratum] >= most]
        part = max(best, key=lacking_all.__getitem__)
        assigned[members] = part
        lacking_all[part] -= len(members)
        own = lacking[part]
        for k in members:
            for label in strata[k]:
                own[label] -= 1
    codes = np.full(len(dataset.columns.splits), -1, np.int32)
    codes[dataset.indices] = assigned
    # Samples outside of this subset are in no split.
    words = (*SPLIT_NAMES, "") if (codes < 0).any() else SPLIT_NAMES
    codes[codes < 0] = len(SPLIT_NAMES)
    said = f"split {settings.train:g}/{settings.val:g}/{settings.test:g} by " + (
        f"{'patient' if settings.by_patient else 'image'}, seed {settings.seed}"
    )
    return replace(
        dataset,
        columns=replace(dataset.columns, splits=CodedColumn(codes, words)),
        history=(*dataset.history, said),
    )


def _groups(dataset: Dataset, by_patient: bool) -> dict[str, list[int]]:
    """Places in the data set by patient ("p" and the id) or by sample ("s" and the id)."""
    groups: dict[str, list[int]] = defaultdict(list)
    patients, ids = dataset.columns.patients, dataset.columns.ids
    for place, row in enumerate(dataset.indices.tolist()):
        patient = patients[row] if by_patient else ""
        groups[f"p{patient}" if patient else f"s{ids[row]}"].append(place)
    return groups


def _strata(dataset: Dataset, stratified: bool) -> tuple[list[list[int]], NDArray[np.float64]]:
    """The labels of each sample, and how many samples have each label."""
    none = len(dataset.classes)
    labels = dataset.labels
    if not stratified:
        strata = [[none]] * len(dataset)
    elif labels.ndim == 1:
        strata = [[none if label < 0 else label] for label in labels.tolist()]
    else:
        strata = [[k for k, state in enumerate(row) if state == 1] for row in labels.tolist()]
        strata = [own or [none] for own in strata]
    flat = np.fromiter(chain.from_iterable(strata), np.int64)
    return strata, np.bincount(flat, minlength=none + 1).astype(np.float64)


def _in_turn(
    groups: dict[str, list[int]], strata: list[list[int]], weights: NDArray[np.float64], seed: int
) -> list[tuple[int, list[int]]]:
    """(label a group is filed under, its members) in the order in which they are assigned."""
    filed = []
    sizes = weights.tolist()
    for key, members in groups.items():
        size, stratum = min((sizes[label], label) for k in members for label in strata[k])
        filed.append((size, stratum, -len(members), hashed(seed, key), key))
    return [(stratum, groups[key]) for _, stratum, _, _, key in sorted(filed)]
