"""Losses over logits, and what a model decides by them. Torch is imported when they are called.

They are written in margins, not in probabilities: −log σ(margin) keeps its slope where a confident
network would round 1 − p to zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def cross_entropy(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """−log softmax(logits)[class] of N×K logits and N class indices, K ≥ 2: N losses.

    Written as −log σ(z_y − log Σ_{k≠y} exp z_k), the same number with a slope that does not round
    to zero for a confident network.
    """
    import torch

    own = logits.gather(1, classes[:, None])
    others = logits.scatter(1, classes[:, None], -torch.inf).logsumexp(1)
    return -torch.nn.functional.logsigmoid(own[:, 0] - others)


def lead(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """z_class − max_{k≠class} z_k of N×K logits and N class indices: N; positive: it is decided."""
    import torch

    own = logits.gather(1, classes[:, None])[:, 0]
    return own - logits.scatter(1, classes[:, None], -torch.inf).amax(1)


def dlr(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Difference of logits ratio, −(z_y − max_{k≠y} z_k) / (z_π1 − z_π3); K ≥ 3.

    Croce and Hein: Reliable evaluation of adversarial robustness with an ensemble of diverse
    parameter-free attacks, ICML 2020, eq. 6. Unchanged by shifting and scaling the logits.
    """
    ordered = logits.sort(1, descending=True).values
    return -lead(logits, classes) / (ordered[:, 0] - ordered[:, 2]).clamp_min(1e-12)


def targeted_dlr(
    logits: torch.Tensor, classes: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """−(z_y − z_t) / (z_π1 − (z_π3 + z_π4)/2); K ≥ 4; same paper, eq. 7."""
    ordered = logits.sort(1, descending=True).values
    width = ordered[:, 0] - (ordered[:, 2] + ordered[:, 3]) / 2
    own = logits.gather(1, classes[:, None])[:, 0]
    target = logits.gather(1, targets[:, None])[:, 0]
    return -(own - target) / width.clamp_min(1e-12)


def binary_cross_entropies(
    logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None = None
) -> torch.Tensor:
    """N×K: the binary cross-entropy of every finding, from N×K logits and 0/1 labels.

    Logits count from the K cutoffs. At a threshold of one half that is the plain BCE; at another,
    plain BCE would take a finding that is past its threshold for one that is not, and the slopes
    of the others would drown in its own.
    """
    import torch

    return -torch.nn.functional.logsigmoid(past_cutoffs(logits, labels, cutoffs))


def reported(logits: torch.Tensor, cutoffs: torch.Tensor | None) -> torch.Tensor:
    """N×K bool: the findings whose logit is at or above its cutoff."""
    assert cutoffs is not None, "a multi-label model has cutoffs"
    return logits >= cutoffs.to(logits)


def flipped(
    logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None
) -> torch.Tensor:
    """N×K bool: the findings whose decision is not the reference."""
    return reported(logits, cutoffs) != labels.bool()


def past_cutoffs(
    logits: torch.Tensor, states: torch.Tensor, cutoffs: torch.Tensor | None
) -> torch.Tensor:
    """N×K: how far each logit lies on the side of its cutoff that `states` (0/1) asks for."""
    import torch

    height = logits if cutoffs is None else logits - cutoffs.to(logits)
    return torch.where(states.bool(), height, -height)


def past_borders(
    logits: torch.Tensor, labels: torch.Tensor, cutoffs: torch.Tensor | None
) -> torch.Tensor:
    """N×K: how far past the border of each other decision: z_k − z_y, −∞ for the reference class
    itself; or of each finding, past its cutoff.
    """
    import torch

    if labels.ndim > 1:
        return past_cutoffs(logits, ~labels.bool(), cutoffs)
    own = labels[:, None]
    return (logits - logits.gather(1, own)).scatter(1, own, -torch.inf)
