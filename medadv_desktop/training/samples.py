"""The training samples at hand: batches of them, augmented and mixed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from medadv_desktop.audit.inputs_at_hand import Inputs
from medadv_desktop.defenses.objectives.base_loss import Criterion, balanced_weights
from medadv_desktop.defenses.objectives.lesson import Draws
from medadv_desktop.errors import DatasetError
from medadv_desktop.models.card import ModelCard
from medadv_desktop.training.augmentation import augmented
from medadv_desktop.training.recipe import Recipe

Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Samples:
    """Decoded inputs with their labels.

    Attributes:
        labels: N int64 classes, or N×K float32 of 0 and 1, on the CPU.
    """

    inputs: Inputs
    labels: Tensor
    card: ModelCard

    def __len__(self) -> int:
        return len(self.inputs)

    @classmethod
    def of(cls, inputs: Inputs, card: ModelCard) -> Samples:
        labels = torch.tensor(inputs.labels)
        return cls(inputs, labels.float() if card.multi_label else labels[:, 0], card)

    def counts(self) -> list[int]:
        """Samples of each class, or with each finding."""
        if self.card.multi_label:
            return [int(n) for n in self.labels.sum(0)]
        return torch.bincount(self.labels, minlength=len(self.card.classes)).tolist()

    def check_varied(self, what: str) -> None:
        """Refuse a part of which nothing can be learned.

        Raises:
            DatasetError: all samples have the same label.
        """
        counts = self.counts()
        if self.card.multi_label:
            varied = any(0 < n < len(self) for n in counts)
        else:
            varied = sum(n > 0 for n in counts) > 1
        if not varied:
            raise DatasetError(
                f"all {len(self)} samples have the same label; there is nothing to tell apart",
                subject=what,
                remedy="Choose a part with samples of several classes",
            )

    def criterion(self, recipe: Recipe) -> Criterion:
        """The base loss, weighted by how common classes are here where that is asked for."""
        many = self.card.multi_label
        weights = None
        if recipe.loss.class_weights == "balanced":
            weights = balanced_weights(self.counts(), len(self), multi_label=many)
        return Criterion(recipe.loss, many, weights)

    def batches(self, seed: int, epoch: int, size: int) -> list[Places]:
        """Places of the batches of an epoch, all of `size`: what is over waits for another epoch.

        Of fewer samples than that, one batch of all.
        """
        found = list(self.inputs.shuffled(seed, epoch, size))
        return found if len(found) == 1 else [b for b in found if len(b) == size]

    def part(
        self, places: Places, recipe: Recipe, draws: Draws, device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """Images and labels of the rows `draws.first` to `draws.stop` of a batch, on the device.

        Mixup (Zhang et al., ICLR 2018, eq. 1): each image with another one of the batch, one share
        λ ~ Beta(α, α) for all of it; labels are then shares of classes, or of findings' states.
        """
        own = slice(draws.first, draws.stop)
        images, labels = self._augmented(places[own], recipe, draws, device)
        if not recipe.augmentation.mixup:
            return images, labels
        drawn = draws.shared("mixup")
        share = float(drawn.beta(recipe.augmentation.mixup, recipe.augmentation.mixup))
        partners = places[drawn.permutation(len(places))][own]
        # The partner draws its own augmentation.
        other = Draws(draws.seed + 1, draws.batch, draws.first, draws.stop, draws.total)
        theirs, their_labels = self._augmented(partners, recipe, other, device)
        if not self.card.multi_label:
            classes = len(self.card.classes)
            labels, their_labels = (
                F.one_hot(each, classes).to(images) for each in (labels, their_labels)
            )
        return images.lerp(theirs, 1 - share), labels.lerp(their_labels, 1 - share)

    def _augmented(
        self, places: Places, recipe: Recipe, draws: Draws, device: torch.device
    ) -> tuple[Tensor, Tensor]:
        images = self.inputs.batch(places, torch.empty(0, device=device))
        images = augmented(images, places.tolist(), recipe.augmentation, draws)
        return images, self.labels[torch.from_numpy(places)].to(device)
