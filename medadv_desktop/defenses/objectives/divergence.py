"""Kullback-Leibler divergences between what a network says of two images."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def softmax_divergences(clean: Tensor, attacked: Tensor) -> Tensor:
    """n: KL(p(x) ‖ p(x̂)) = Σ_k p_k(x)·(log p_k(x) − log p_k(x̂)), of n×K logits each."""
    log_p, log_q = clean.log_softmax(1), attacked.log_softmax(1)
    return (log_p.exp() * (log_p - log_q)).sum(1)


def bernoulli_divergences(clean: Tensor, attacked: Tensor) -> Tensor:
    """n×K: KL of every finding's Bernoulli distribution, of n×K logits each."""
    p = torch.sigmoid(clean)
    present = F.logsigmoid(clean) - F.logsigmoid(attacked)
    absent = F.logsigmoid(-clean) - F.logsigmoid(-attacked)
    return p * present + (1 - p) * absent
