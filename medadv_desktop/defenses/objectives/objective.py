"""What every training objective is: a frozen value, from a batch to its losses. No torch here."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from medadv_desktop.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor

    from medadv_desktop.defenses.objectives.lesson import Lesson


@dataclass(frozen=True, eq=False)
class Losses:
    """What an objective makes of n samples.

    Attributes:
        each: n, float32 or wider, with the graph: the loss of every sample.
        logits: n×K, without graph: of the images that were learned from.
        attacked: n×C×H×W in [0, 1], without graph: those images, where they are not the clean ones.
    """

    each: Tensor
    logits: Tensor
    attacked: Tensor | None = None


class TrainingObjective(Settings):
    """Base of all training objectives: the fields are the constants, `losses` is the formula.

    Attributes:
        name: the word in recipes; `title` the one for people.
        advice: a paragraph for people: what it buys, what it costs, when to choose it.
        reference: the paper.
        soft_labels: takes labels that are shares of classes, as mixup makes them.
        own_loss: has a loss of its own instead of the base loss, so that focal loss and label
            smoothing have nothing to work on.
        weights_may_be_perturbed: `awp` fits around it.
        replays: optimiser steps taken on one and the same batch.
        tolerated_drop: of robust accuracy on the validation split between two validations; beyond
            it the training has collapsed (catastrophic overfitting). None: no such guard.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    advice: ClassVar[str]
    reference: ClassVar[str]
    soft_labels: ClassVar[bool] = True
    own_loss: ClassVar[bool] = False
    weights_may_be_perturbed: ClassVar[bool] = True

    @property
    def replays(self) -> int:
        return 1

    @property
    def tolerated_drop(self) -> float | None:
        return None

    @property
    @abstractmethod
    def passes(self) -> float:
        """Forward-and-backward passes for a sample of a batch, on average; standard training has 1.

        For estimates of time.
        """

    def attacked(self, lesson: Lesson) -> Tensor | None:  # noqa: ARG002
        """The images to learn from, n×C×H×W without graph; None: the clean ones.

        Mode, statistics and gradients of the network are left as they are.
        """
        return None

    @abstractmethod
    def losses(self, lesson: Lesson, attacked: Tensor | None) -> Losses:
        """The loss of every sample, with the network as it stands (in training: train mode).

        Args:
            attacked: what `attacked` gave.
        """

    def backward(self, lesson: Lesson, scale: float) -> Losses:
        """Add the gradient of `scale` × the sum of the losses to the weights' gradients."""
        losses = self.losses(lesson, self.attacked(lesson))
        learn(losses, scale)
        return losses


def learn(losses: Losses, scale: float) -> None:
    """Backward pass of `scale` × the sum of the losses, into the weights' gradients."""
    import torch

    torch.autograd.backward((losses.each.sum() * scale,))
