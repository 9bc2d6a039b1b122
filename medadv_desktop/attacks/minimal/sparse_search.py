"""The searches for few pixels: σ-zero and the saliency map."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from medadv_desktop.attacks.attack import AttackResult
from medadv_desktop.attacks.landscape import Point
from medadv_desktop.attacks.minimal.jsma import JSMA
from medadv_desktop.attacks.minimal.margins import margin_at
from medadv_desktop.attacks.minimal.nearest import Nearest, within_budget
from medadv_desktop.attacks.minimal.sigma_zero import SigmaZero
from medadv_desktop.attacks.norm_balls import l0_norms
from medadv_desktop.attacks.objectives import LeastLikely, Targeted, Untargeted
from medadv_desktop.attacks.session import Session

_MOST_CANDIDATES = 512


def sigma_zero(session: Session, attack: SigmaZero) -> AttackResult:
    """Run σ-zero on a batch."""
    landscape = session.landscape
    clean = landscape.at(session.originals, session.rows)
    found = Nearest.before(clean)
    rows = session.rows[~clean.achieved]
    originals = session.originals[rows]
    delta = torch.zeros_like(originals)
    threshold = torch.full_like(originals[:, :1, :1, :1], attack.threshold)
    for step in range(1, attack.steps + 1):
        if len(rows) == 0:
            break
        session.token.check()
        point = landscape.at(originals + delta, rows, climbing=True)
        margin = margin_at(landscape, point, rows)
        pushing = (margin.value < 0) | ~point.achieved
        slope = torch.where(pushing[:, None], -margin.slope, 0)
        gradient = landscape.pulled_back(point, slope, rows) + _count_slope(delta, attack.sigma)
        largest = gradient.abs().amax((1, 2, 3), keepdim=True)
        size = 0.5 * attack.step_size * (1 + math.cos(math.pi * (step - 1) / attack.steps))
        found.steps[rows] += 1
        found.consider(point, rows, l0_norms(point.images.detach() - originals).double())
        if step == attack.steps:
            break
        moved = originals + delta - size * gradient / torch.where(largest > 0, largest, 1)
        delta = moved.clamp_(0, 1) - originals
        delta = torch.where(delta.abs().amax(1, keepdim=True) < threshold, 0, delta)
        adapt = torch.where(point.achieved, 1, -1).to(threshold)[:, None, None, None]
        threshold = (threshold + attack.threshold_step * size * adapt).clamp_(0, 1)
        session.report(step, attack.steps, found.adversarial, found.success)
    session.progress(attack.steps, attack.steps, found.success)
    return found.result(session, within_budget(found.distance, attack.max_pixels))


def _count_slope(delta: Tensor, sigma: float) -> Tensor:
    """∂/∂δ of (1/d)·Σ s² / (s² + σ)."""
    pixels = delta.shape[2] * delta.shape[3]
    square = delta.square().sum(1, keepdim=True)
    return 2 * sigma * delta / (pixels * (square + sigma).square())


def saliency_steps(session: Session, attack: JSMA) -> AttackResult:
    """Run the saliency-map attack on a batch."""
    landscape, rows = session.landscape, session.rows
    clean = landscape.at(session.originals, rows, climbing=True)
    found = Nearest.before(clean)
    targets = _targets(session, clean)
    point, free = clean, torch.ones_like(session.originals[:, 0], dtype=torch.bool)
    each = 2 if attack.pairs else 1
    steps = math.ceil(free[0].numel() * attack.max_share / each)
    for step in range(1, steps + 1):
        session.token.check()
        stay = ~point.achieved
        if not stay.any():
            break
        moves, towards, against = _chances(session, attack, point, rows, targets)
        images = point.images.detach()
        able = free & (moves != 0).any(1)
        chosen = _chosen(towards, against, able, pairs=attack.pairs)
        stay &= chosen.flatten(1).any(1)
        if not stay.any():
            break
        images = torch.where(chosen[:, None], (images + moves).clamp_(0, 1), images)
        free = (free & ~chosen)[stay]
        rows = rows[stay]
        point = landscape.at(images[stay], rows, climbing=step < steps)
        found.steps[rows] += 1
        found.consider(point, rows, l0_norms(images[stay] - session.originals[rows]).double())
        first = point.images if int(rows[0]) == 0 else found.adversarial
        session.report(step, steps, first, found.success)
    session.progress(steps, steps, found.success)
    return found.result(session)


def _targets(session: Session, clean: Point) -> Tensor | None:
    """N classes to be predicted; None where the objective is no class."""
    objective, labels = session.objective, session.landscape.labels
    if isinstance(objective, Targeted):
        return torch.full_like(labels, objective.target)
    if isinstance(objective, LeastLikely):
        return labels
    if isinstance(objective, Untargeted) and labels.ndim == 1:
        return clean.logits.detach().scatter(1, labels[:, None], -torch.inf).argmax(1)
    return None


def _chances(
    session: Session, attack: JSMA, point: Point, rows: Tensor, targets: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """How each pixel would move, n×C×H×W, and what it brings: α and −β, n×H×W."""
    landscape, images = session.landscape, point.images.detach()
    if targets is None:
        slope = landscape.pulled_back(point, margin_at(landscape, point, rows).slope, rows)
        moves = _moves(attack, slope, images)
        gain = (slope * moves).sum(1)
        return moves, gain, gain
    target = torch.nn.functional.one_hot(targets[rows], point.logits.shape[1]).to(images)
    towards = landscape.pulled_back(point, target, rows, keep_graph=True)
    against = landscape.pulled_back(point, target - 1, rows)  # minus all others, summed
    moves = _moves(attack, towards + against, images)
    return moves, (towards * moves).sum(1), (against * moves).sum(1)


def _moves(attack: JSMA, slope: Tensor, images: Tensor) -> Tensor:
    sign = {"brighter": 1.0, "darker": -1.0}.get(attack.direction)
    way = slope.sign() if sign is None else torch.full_like(slope, sign)
    return (images + attack.theta * way).clamp_(0, 1) - images


def _chosen(towards: Tensor, against: Tensor, able: Tensor, *, pairs: bool) -> Tensor:
    """n×H×W bool: the pixels to change; none where no change helps."""
    a = towards.flatten(1).masked_fill(~able.flatten(1), -torch.inf)
    b = against.flatten(1).masked_fill(~able.flatten(1), -torch.inf)
    if pairs:
        picked, found = _best_pair(a, b)
    else:
        gain = torch.where((a > 0) & (b > 0), a * b, -torch.inf)
        best = gain.max(1)
        picked, found = best.indices[:, None], best.values > 0
    chosen = torch.zeros_like(able).flatten(1)
    chosen.scatter_(1, picked, found[:, None].expand_as(picked))
    return chosen.view_as(able)


def _best_pair(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """n×2 places p ≠ q of largest (a_p + a_q)·(b_p + b_q), both sums positive; n bool: they exist.

    The product grows in the second pixel's a and b, so both pixels lie on the first or, beside
    one that beats it, on the second Pareto front. Of fronts longer than any seen in networks the
    places of largest sum of a and b, each over its largest, are looked at.
    """
    first = _front(a, b)
    second = _front(a.masked_fill(first, -torch.inf), b.masked_fill(first, -torch.inf))
    candidates = first | second
    count = min(int(candidates.sum(1).max()), _MOST_CANDIDATES)
    worth = _scaled(a, candidates) + _scaled(b, candidates)
    places = worth.masked_fill(~candidates, -torch.inf).topk(max(count, 2), dim=1).indices
    valid = candidates.gather(1, places)
    a = a.gather(1, places).masked_fill(~valid, -torch.inf)
    b = b.gather(1, places).masked_fill(~valid, -torch.inf)
    best_value = torch.full_like(a[:, 0], 0)
    best = torch.zeros(len(a), 2, dtype=torch.int64, device=a.device)
    for p in range(places.shape[1]):
        sum_a, sum_b = a + a[:, p : p + 1], b + b[:, p : p + 1]
        gain = torch.where((sum_a > 0) & (sum_b > 0), sum_a * sum_b, 0)
        gain[:, p] = 0
        top = gain.max(1)
        better = top.values > best_value
        best_value = torch.where(better, top.values, best_value)
        pair = torch.stack([places[:, p], places.gather(1, top.indices[:, None])[:, 0]], 1)
        best = torch.where(better[:, None], pair, best)
    return best, best_value > 0


def _scaled(values: Tensor, candidates: Tensor) -> Tensor:
    values = torch.where(candidates, values, 0)
    return values / values.abs().amax(1, keepdim=True).clamp_min(torch.finfo(values.dtype).tiny)


def _front(a: Tensor, b: Tensor) -> Tensor:
    """n×d bool: places that no other surpasses in both a and b; −∞ is left out."""
    order = a.argsort(1, descending=True)
    ordered = b.gather(1, order)
    ahead = torch.full_like(ordered[:, :1], -torch.inf)
    highest = torch.cat([ahead, ordered.cummax(1).values[:, :-1]], 1)
    return torch.zeros_like(a, dtype=torch.bool).scatter_(1, order, ordered > highest)
