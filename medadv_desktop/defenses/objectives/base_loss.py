"""The loss that objectives start from: cross-entropy, with its options. Fields without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from medadv_desktop.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor


class BaseLoss(Settings):
    """Cross-entropy (one class each) or the mean over findings of binary cross-entropy.

    Focal loss: Lin et al., ICCV 2017, eq. 4 and 5: (1 − p)^γ · −log p, p the probability of what
    is true. Label smoothing: Szegedy et al., CVPR 2016, sec. 7: the label becomes
    (1 − s)·label + s/K, of a finding (1 − s)·label + s/2.
    """

    class_weights: Literal["none", "balanced"] = Field(
        "none",
        description="balanced: rare classes (findings: the rarer state of each) count as much as "
        "common ones; the mean weight over the training samples is 1",
    )
    focal_gamma: float = Field(
        0, ge=0, le=10, title="Focal γ", description="Above 0, what is sure already counts less"
    )
    label_smoothing: float = Field(
        0, ge=0, lt=1, description="Share of the label that is spread over all classes"
    )


@dataclass(frozen=True, eq=False)
class Criterion:
    """A base loss for one training set.

    Attributes:
        settings: its options.
        multi_label: labels are findings.
        weights: K by class; or 2×K, of absent and present findings; None for all alike.
    """

    settings: BaseLoss
    multi_label: bool
    weights: Tensor | None = None

    def each(self, logits: Tensor, labels: Tensor) -> Tensor:
        """n losses of n×K logits; labels as `Lesson.labels`. Focal and smoothed as asked for."""
        gamma, smoothing = self.settings.focal_gamma, self.settings.label_smoothing
        if self.multi_label:
            log_p, wanted = _both_states(logits), _states(labels)
            if smoothing:
                wanted = wanted * (1 - smoothing) + smoothing / 2
        else:
            log_p = logits.log_softmax(1)
            wanted = self._shares(labels, logits)
            if smoothing:
                wanted = wanted * (1 - smoothing) + smoothing / logits.shape[1]
        terms = -log_p
        if gamma:
            terms = terms * (1 - log_p.exp()).clamp_min(1e-12) ** gamma
        return self.weighted(self._summed(terms * wanted), labels)

    def weighted(self, values: Tensor, labels: Tensor) -> Tensor:
        """n: the values of samples (n) or findings (n×K), with class weights; mean over findings.

        Args:
            labels: as `Lesson.labels`.
        """
        if self.weights is not None:
            weights = self.weights.to(values)
            if self.multi_label:
                values = values * (weights[0] + labels * (weights[1] - weights[0]))
            elif labels.ndim == 1:
                values = values * weights[labels]
            else:
                values = values * (labels @ weights)
        return values.mean(1) if self.multi_label else values

    def _summed(self, terms: Tensor) -> Tensor:
        return terms.sum(0) if self.multi_label else terms.sum(1)

    @staticmethod
    def _shares(labels: Tensor, logits: Tensor) -> Tensor:
        import torch

        if labels.ndim > 1:
            return labels.to(logits)
        return torch.nn.functional.one_hot(labels, logits.shape[1]).to(logits)


def balanced_weights(counts: Sequence[int], samples: int, *, multi_label: bool) -> Tensor:
    """Weights by class: N/(K·n_k), whose mean over the samples is 1; or 2×K: N/(2·n) by state.

    Args:
        counts: samples of each class, or with each finding; one that none has gets no weight.
    """
    import torch

    present = torch.tensor(counts, dtype=torch.float64)
    if multi_label:
        states = torch.stack([samples - present, present])
        return torch.where(states > 0, samples / (2 * states.clamp_min(1)), 1)
    used = int((present > 0).sum())
    return torch.where(present > 0, samples / (used * present.clamp_min(1)), 1)


def _both_states(logits: Tensor) -> Tensor:
    """2×n×K: log probability of absent and of present."""
    import torch

    return torch.stack([torch.nn.functional.logsigmoid(side) for side in (-logits, logits)])


def _states(labels: Tensor) -> Tensor:
    import torch

    return torch.stack([1 - labels, labels])
