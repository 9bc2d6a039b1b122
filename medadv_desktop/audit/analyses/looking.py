"""One pass over a cell's images for all analyses that need the network; features go to disk."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from medadv_desktop.analysis.features.distances import feature_distances
from medadv_desktop.analysis.layer_statistics import LayerStatistics, RunningDistances, groups_of
from medadv_desktop.analysis.norm_inputs import NormInputs
from medadv_desktop.analysis.penultimate import FeatureReader
from medadv_desktop.analysis.squeezing import squeezing_scores
from medadv_desktop.audit.analyses.pairs import CellPairs, Pairs
from medadv_desktop.audit.runner.inputs import mapped
from medadv_desktop.audit.store.records import Rows
from medadv_desktop.audit.store.rows import picked
from medadv_desktop.errors import AnalysisError, ExportError, ModelError
from medadv_desktop.jobs import CancelToken, Emit
from medadv_desktop.models.isolation import undisturbed

_SPARE_BYTES = 256 << 20


@dataclass(frozen=True, eq=False)
class Looked:
    """What was seen of the N changed samples of a cell.

    Attributes:
        rows: theirs, by place.
        layer: whose features, or why there are none.
        clean, changed: N×D float32 in files that memory is mapped to; None without features.
        squeezing_clean, squeezing_changed: N; None where not asked.
        layers: None where not asked; `no_layers` says why there are none.
    """

    rows: Rows
    layer: str
    clean: NDArray[np.float32] | None
    changed: NDArray[np.float32] | None
    squeezing_clean: NDArray[np.float64] | None
    squeezing_changed: NDArray[np.float64] | None
    layers: LayerStatistics | None
    no_layers: str
    notes: tuple[str, ...]


def look(
    pairs: CellPairs,
    rows: Rows,
    scratch: Path,
    *,
    layer: str,
    features: bool,
    squeezing: bool,
    layers: bool,
    emit: Emit,
    token: CancelToken,
) -> Looked:
    """Look at every pair once.

    Args:
        rows: of the cell.
        layer, features: whose features are wanted, if any.
        squeezing, layers: whether these are wanted.

    Raises:
        MedAdvError: a sample or image is not as it was, or the disk is full.
        JobCancelled: the token was cancelled.
    """
    chosen = np.flatnonzero(rows.changed).astype(np.int64)
    return _Looking(pairs, picked(rows, chosen), chosen, scratch).go(
        layer=layer if features else None,
        squeezing=squeezing,
        layers=layers,
        emit=emit,
        token=token,
    )


class _Looking:
    def __init__(
        self, pairs: CellPairs, rows: Rows, chosen: NDArray[np.int64], scratch: Path
    ) -> None:
        self.pairs, self.rows, self.scratch = pairs, rows, scratch
        self.place = {row: k for k, row in enumerate(chosen.tolist())}
        self.model = pairs.subject.model
        self.reader: FeatureReader | None = None
        self.files: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        self.squeezed: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        self.distances: RunningDistances | None = None
        self.norms: NormInputs | None = None
        self.no_layers = self.layer = ""
        self.again = self.otherwise = 0

    def go(
        self, *, layer: str | None, squeezing: bool, layers: bool, emit: Emit, token: CancelToken
    ) -> Looked:
        if layer is not None:
            self._open_features(layer)
        if squeezing:
            self.squeezed = np.empty(len(self.rows)), np.empty(len(self.rows))
        if layers:
            self._open_layers()
        for pair in self.pairs.batches(emit, token):
            self._take(pair, token)
        return self._looked()

    def _open_features(self, layer: str) -> None:
        try:
            self.reader = FeatureReader(self.model, self.pairs.subject.device, layer)
        except (AnalysisError, ModelError) as error:
            self.layer = str(error)
            return
        self.layer = self.reader.title
        shape = len(self.rows), self.reader.width
        needed = 2 * 4 * shape[0] * shape[1]
        if needed + _SPARE_BYTES > shutil.disk_usage(self.scratch).free:
            raise ExportError(
                f"has no room for {needed >> 20} MiB of features",
                subject=self.scratch,
                remedy="Make room on the disk",
            )
        first, second = (
            mapped(self.scratch / f"{name}.features", np.float32, shape)
            for name in ("clean", "changed")
        )
        self.files = first, second

    def _open_layers(self) -> None:
        try:
            if not self.model.layers():
                self.model.layer("")
            if self.model.images_at_a_time is not None:
                raise AnalysisError(
                    f"takes {self.model.images_at_a_time} images at a time; statistics over layers "
                    "need a network that takes any number",
                    subject=self.model.card.name,
                )
        except (AnalysisError, ModelError) as error:
            self.no_layers = str(error)
            return
        self.distances, self.norms = RunningDistances(), NormInputs(self.model)

    def _take(self, pair: Pairs, token: CancelToken) -> None:
        at = np.array([self.place[row] for row in pair.rows.tolist()])
        with undisturbed(self.model, pair.clean.device, 0, token), torch.no_grad():
            sides = (pair.clean, pair.changed)
            said = [self._read(images, at, k) for k, images in enumerate(sides)]
            if self.squeezed is not None:
                for images, logits, own in zip(sides, said, self.squeezed, strict=True):
                    own[at] = squeezing_scores(self.model, images, logits).cpu().numpy()
            if self.norms is not None:
                with self.norms.listening("clean"):
                    self.model(pair.clean)
                with self.norms.listening("adversarial"):
                    self.model(pair.changed)
        if self.distances is not None:
            self._compare(pair, at, token)
        self.again += pair.made_again
        decisions = self.model.decisions(said[1]).to("cpu", torch.int16).numpy()
        now = decisions if decisions.ndim > 1 else decisions[:, None]
        self.otherwise += int((now != self.rows.decisions[at]).any(axis=1).sum())

    def _read(self, images: torch.Tensor, at: NDArray[np.int64], side: int) -> torch.Tensor:
        if self.reader is None or self.files is None:
            logits: torch.Tensor = self.model(images)
            return logits
        features, logits = self.reader.read(images)
        self.files[side][at] = features.cpu().numpy()
        return logits

    def _compare(self, pair: Pairs, at: NDArray[np.int64], token: CancelToken) -> None:
        assert self.distances is not None
        try:
            curve = feature_distances(self.model, pair.clean, pair.changed, token=token)
        except AnalysisError as error:
            self.no_layers, self.distances = str(error), None
            return
        classes = tuple(self.model.card.classes)
        right = self.rows.right_before[at]
        self.distances.add(curve, groups_of(self.rows.labels[at], right, classes))

    def _looked(self) -> Looked:
        notes = []
        if self.again:
            notes.append(f"{self.again} of {len(self.rows)} changed images were made again")
        if self.otherwise:
            notes.append(
                f"{self.otherwise} of them are decided otherwise than when the audit ran: device, "
                "versions or batch differ"
            )
        clean, changed = self.files or (None, None)
        before, after = self.squeezed or (None, None)
        statistics = None
        if self.distances is not None:
            assert self.norms is not None
            statistics = self.distances.result(self.norms.shifts())
        return Looked(
            self.rows, self.layer, clean, changed, before, after, statistics, self.no_layers,
            tuple(notes),
        )  # fmt: skip
