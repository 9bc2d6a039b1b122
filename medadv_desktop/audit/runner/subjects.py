"""A model on a data set: what every cell of the pair works with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from medadv_desktop.audit.devices import onto
from medadv_desktop.audit.grid import GRID
from medadv_desktop.audit.matching import ClassMatch
from medadv_desktop.audit.runner.inputs import PreparedInputs, Slice
from medadv_desktop.audit.store.records import Rows
from medadv_desktop.datasets.dataset import Dataset
from medadv_desktop.datasets.subset import hashed
from medadv_desktop.errors import AttackError
from medadv_desktop.jobs import CancelToken
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.isolation import undisturbed
from medadv_desktop.models.watch import watched


@dataclass(frozen=True, eq=False)
class Said:
    """What a model said of N images: decisions N×L int16 as labels are, logits N×K float32."""

    decisions: NDArray[np.int16]
    logits: NDArray[np.float32]
    tensor: torch.Tensor

    def part(self, rows: list[int]) -> Said:
        """Of some of the images, in that order."""
        return Said(self.decisions[rows], self.logits[rows], self.tensor[rows])


@dataclass(frozen=True, eq=False)
class Ready:
    """N samples ready for the model.

    Attributes:
        places: in the data set.
        ids: numbers made of the samples' names: each draws from its own generator.
        labels: N×L int16, in the model's classes.
        targets: as attacks take them: N int64 classes, or N×K findings.
        images: N×C×H×W on the grid and on the model's device.
        padding: N×1×H×W bool, or None.
        clean: what the model says of them as they are, where that is known already.
    """

    places: NDArray[np.int64]
    ids: tuple[int, ...]
    labels: NDArray[np.int16]
    targets: torch.Tensor
    images: torch.Tensor
    padding: torch.Tensor | None
    clean: Said | None = None

    def __len__(self) -> int:
        return len(self.places)

    def part(self, rows: list[int]) -> Ready:
        """Some of them, in that order."""
        own = torch.tensor(rows, device=self.images.device)
        return Ready(
            self.places[rows],
            tuple(self.ids[k] for k in rows),
            self.labels[rows],
            self.targets[own],
            self.images[own],
            None if self.padding is None else self.padding[own],
            None if self.clean is None else self.clean.part(rows),
        )

    def with_clean(self, known: Rows) -> Ready:
        """The same samples with what a clean cell stored of them, where it has all of them."""
        at = np.searchsorted(known.places, self.places)
        if not len(known) or (at >= len(known)).any() or (known.places[at] != self.places).any():
            return self
        logits = known.clean_logits[at]
        said = Said(known.clean_decisions[at], logits, torch.from_numpy(logits).to(self.images))
        return replace(self, clean=said)


@dataclass(frozen=True, eq=False)
class Subject:
    """A model of the plan on a data set of the plan."""

    model_id: str
    dataset_id: str
    reference: str
    model: DiagnosticModel
    dataset: Dataset
    match: ClassMatch
    inputs: PreparedInputs
    device: torch.device

    def ready(self, part: Slice) -> tuple[Ready | None, tuple[tuple[int, str, str], ...]]:
        """The samples of a slice with known labels, and those that are left out."""
        left_out = list(part.left_out)
        rows, labels, ids = [], [], []
        for k, place in enumerate(part.places.tolist()):
            sample = self.dataset[place]
            own = self.match.label(sample.labels)
            if own is None:
                left_out.append((place, sample.id, "its label is unknown"))
                continue
            rows.append(k)
            labels.append(own)
            ids.append(hashed(0, sample.id))
        left_out.sort()
        if not rows:
            return None, tuple(left_out)
        targets = torch.tensor(labels)
        if not self.model.card.multi_label:
            targets = targets[:, 0]
        # As `prepared` divides: the nearest float32 to each step of the grid.
        images = onto(torch.from_numpy(part.images[rows].astype(np.float32)) / GRID, self.device)
        padding = None
        if part.padding is not None:
            padding = torch.from_numpy(part.padding[rows])[:, None].to(self.device)
        found = Ready(
            part.places[rows],
            tuple(ids),
            np.array(labels, np.int16),
            targets.to(self.device),
            images,
            padding,
        )
        return found, tuple(left_out)

    def say(self, images: torch.Tensor, token: CancelToken) -> Said:
        """What the model says of N×C×H×W.

        Raises:
            AttackError: an output is not finite.
            JobCancelled: the token was cancelled.
        """
        model = self.model
        with (
            undisturbed(model, images.device, 0, None),
            torch.no_grad(),
            watched(model.network, token),
        ):
            logits: torch.Tensor = model(images)
        if not bool(logits.isfinite().all()):
            raise AttackError(
                f"the outputs of {model.card.name} for it are not finite",
                remedy="Check its weights and normalisation",
            )
        decisions = model.decisions(logits)
        decisions = decisions if decisions.ndim > 1 else decisions[:, None]
        return Said(
            decisions.to("cpu", torch.int16).numpy(),
            logits.detach().to("cpu", torch.float32).numpy(),
            logits.detach(),
        )
