"""The draws of random noise (noise.py): one sample's δ, float64 on the CPU."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor

from medadv_desktop.attacks.attack import AttackResult
from medadv_desktop.attacks.norm_balls import displaced
from medadv_desktop.attacks.scores.looking import Best
from medadv_desktop.attacks.session import Session

if TYPE_CHECKING:
    from medadv_desktop.attacks.scores.noise import Noise, NoiseKind


def search(session: Session, attack: Noise) -> AttackResult:
    """Draw, look, and go on with the samples that stand."""
    rows = session.rows
    clean = session.landscape.at(session.originals, rows)
    best = Best.of(clean)
    generators = session.generators(rows)
    for draw in range(1, attack.draws + 1):
        session.token.check()
        rows = best.standing(rows)
        if len(rows) == 0:
            break
        images = [
            _noisy(session.originals[row].cpu(), attack, generators[row]) for row in rows.tolist()
        ]
        noisy = torch.stack(images).to(session.originals.device)
        best.consider(session.landscape.at(noisy, rows), rows)
        best.steps[rows] += 1
        session.report(draw, attack.draws, best.adversarial, best.success)
    session.progress(attack.draws, attack.draws, best.success)
    return session.result(clean, best.adversarial, best.logits, best.success, best.steps)


def _noisy(original: Tensor, attack: Noise, generator: Generator) -> Tensor:
    if attack.norm == "l0":
        return few_pixels(original, int(attack.epsilon), attack.kind, generator)
    delta = DRAWS[attack.norm](original.shape, attack.epsilon, attack.kind, generator)
    return displaced(original, delta.to(original)).clamp_(0, 1)


def linf(shape: torch.Size, epsilon: float, kind: NoiseKind, generator: Generator) -> Tensor:
    """δ with |δ_i| ≤ ε."""
    if kind == "gaussian":
        normal = torch.randn(shape, dtype=torch.float64, generator=generator)
        return (normal * epsilon / 2).clamp_(-epsilon, epsilon)
    uniform = 2 * torch.rand(shape, dtype=torch.float64, generator=generator) - 1
    return epsilon * (uniform.sign() if kind == "surface" else uniform)


def l2(shape: torch.Size, epsilon: float, kind: NoiseKind, generator: Generator) -> Tensor:
    """δ with ‖δ‖₂ ≤ ε."""
    normal = torch.randn(shape, dtype=torch.float64, generator=generator)
    length = torch.linalg.vector_norm(normal)
    if kind == "gaussian":
        return normal * epsilon / torch.clamp(length, min=math.sqrt(shape.numel()))
    direction: Tensor = normal / length
    return direction * epsilon * _radius(shape, kind, generator)


def l1(shape: torch.Size, epsilon: float, kind: NoiseKind, generator: Generator) -> Tensor:
    """δ with Σ|δ_i| ≤ ε; exponential values over their sum are uniform on the simplex."""
    if kind == "gaussian":
        normal = torch.randn(shape, dtype=torch.float64, generator=generator)
        expected = shape.numel() * math.sqrt(2 / math.pi)
        return normal * epsilon / torch.clamp(normal.abs().sum(), min=expected)
    sizes = torch.empty(shape, dtype=torch.float64).exponential_(generator=generator)
    signs = torch.where(torch.rand(shape, generator=generator) < 0.5, -1.0, 1.0)
    return signs * sizes / sizes.sum() * epsilon * _radius(shape, kind, generator)


def few_pixels(original: Tensor, pixels: int, kind: NoiseKind, generator: Generator) -> Tensor:
    """C×H×W with at most so many random pixels of random value: 0 or 1, or in between."""
    channels, height, width = original.shape
    places = torch.randperm(height * width, generator=generator)[:pixels]
    values = torch.rand((channels, len(places)), dtype=torch.float64, generator=generator)
    noisy = original.flatten(1).clone()
    noisy[:, places] = (values.round() if kind == "surface" else values).to(original)
    return noisy.view_as(original)


def _radius(shape: torch.Size, kind: NoiseKind, generator: Generator) -> float:
    """Of a point uniform in the ball of radius 1, or on its surface."""
    if kind == "surface":
        return 1.0
    uniform = float(torch.rand((), dtype=torch.float64, generator=generator))
    return math.pow(uniform, 1 / shape.numel())


DRAWS: dict[str, Callable[[torch.Size, float, NoiseKind, Generator], Tensor]] = {
    "linf": linf,
    "l2": l2,
    "l1": l1,
}
