"""Gradient ascent inside a region, and the search for the region where it does most harm."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from medadv_desktop.attacks.attack import AttackResult
from medadv_desktop.attacks.gradient.ascent import Found
from medadv_desktop.attacks.landscape import Point
from medadv_desktop.attacks.norm_balls import displaced
from medadv_desktop.attacks.session import Session
from medadv_desktop.attacks.spatial.patch import Patch


@dataclass(frozen=True, eq=False)
class _Bounds:
    """What each pixel may become: n×C×H×W, the original itself outside the region."""

    low: Tensor
    high: Tensor

    def held(self, images: Tensor) -> Tensor:
        return torch.minimum(torch.maximum(images, self.low), self.high)

    def of(self, which: Tensor) -> _Bounds:
        return _Bounds(self.low[which], self.high[which])


def _bounds(originals: Tensor, region: Tensor, epsilon: float | None) -> _Bounds:
    """`region`: n×1×H×W bool."""
    reach = torch.full_like(originals, 1 if epsilon is None else epsilon)
    low = displaced(originals, -reach).clamp(0, 1)
    high = displaced(originals, reach).clamp(0, 1)
    if epsilon is None:
        low, high = torch.zeros_like(low), torch.ones_like(high)
    return _Bounds(torch.where(region, low, originals), torch.where(region, high, originals))


def search(session: Session, attack: Patch, regions: Tensor | None = None) -> AttackResult:
    """Run the patch attack on a batch.

    Args:
        regions: N×1×H×W bool: a region for each sample, in place of the attack's own placement; as
            where every image has its own lesion mask.
    """
    landscape = session.landscape
    worst = attack.placement == "worst" and regions is None
    clean = landscape.at(session.originals, session.rows, climbing=worst)
    found = Found.on(clean)
    harm = _harm(session, attack, clean) if worst else None
    if regions is None and not worst:
        regions = _region(session, attack).expand(len(session.originals), -1, -1, -1)
    for attempt in range(attack.tries):
        rows = session.rows[~found.success]
        if len(rows) == 0:
            break
        if harm is not None:
            region = _worst(harm, attack.size(session.model.card.input_shape[1:]), rows)
        else:
            assert regions is not None
            region = regions[rows]
        bounds = _bounds(session.originals[rows], region, attack.epsilon)
        _climb(session, attack, bounds, rows, found, attempt)
    total = attack.tries * attack.steps
    session.progress(total, total, found.success)
    return session.result(clean, found.adversarial, found.logits, found.success, found.steps)


def _climb(
    session: Session, attack: Patch, bounds: _Bounds, rows: Tensor, found: Found, attempt: int
) -> None:
    images = session.originals[rows]
    if attack.random_start:
        drawn = [
            torch.rand(images.shape[1:], generator=g, dtype=images.dtype)
            for g in session.generators(rows, attempt)
        ]
        uniform = torch.stack(drawn).to(images.device)
        images = bounds.held(torch.lerp(bounds.low, bounds.high, uniform))
    total = attack.tries * attack.steps
    point = session.landscape.at(images, rows, climbing=True)
    found.consider(point, rows)
    for step in range(1, attack.steps + 1):
        session.token.check()
        stay = ~found.success[rows]
        if not stay.any():
            return
        gradient = session.landscape.gradient(point, rows)[stay]
        rows, bounds = rows[stay], bounds.of(stay)
        moved = point.images.detach()[stay] + attack.effective_step_size * gradient.sign()
        point = session.landscape.at(bounds.held(moved), rows, climbing=step < attack.steps)
        found.steps[rows] += 1
        found.consider(point, rows)
        first = point.images if int(rows[0]) == 0 else found.adversarial
        session.report(attempt * attack.steps + step, total, first, found.success)


def _region(session: Session, attack: Patch) -> Tensor:
    """1×1×H×W bool: the region of the placements centre, chosen and mask."""
    if attack.placement == "mask":
        marked = torch.from_numpy(attack.marked(session.model).copy())
        return marked[None, None].to(session.originals.device)
    shape = session.model.card.input_shape[1:]
    (top, left), (height, width) = attack.corner(shape), attack.size(shape)
    region = torch.zeros(1, 1, *shape, dtype=torch.bool, device=session.originals.device)
    region[:, :, top : top + height, left : left + width] = True
    return region


def _harm(session: Session, attack: Patch, clean: Point) -> Tensor:
    """N×(H−h+1)×(W−w+1) float64: what a patch with that first pixel could do, to first order."""
    gradient = session.landscape.gradient(clean, session.rows).double()
    originals = session.originals
    everywhere = torch.ones_like(originals[:, :1], dtype=torch.bool)
    bounds = _bounds(originals, everywhere, attack.epsilon)
    room = torch.where(gradient > 0, bounds.high - originals, originals - bounds.low)
    gain = (gradient.abs() * room).sum(1, keepdim=True)
    size = attack.size(session.model.card.input_shape[1:])
    return F.avg_pool2d(gain, size, stride=1)[:, 0]


def _worst(harm: Tensor, size: tuple[int, int], rows: Tensor) -> Tensor:
    """n×1×H×W bool: the most harmful region of each row; its surroundings are struck from `harm`.

    Struck are places that overlap it by more than half in both directions.
    """
    height, width = harm.shape[1:]
    tall, wide = size
    best = harm[rows].flatten(1).argmax(1)
    top, left = (best // width)[:, None, None], (best % width)[:, None, None]
    down = torch.arange(height, device=harm.device)[:, None]
    right = torch.arange(width, device=harm.device)
    near = ((down - top).abs() * 2 < tall) & ((right - left).abs() * 2 < wide)
    harm[rows] = harm[rows].masked_fill(near, -1)
    down = torch.arange(height + tall - 1, device=harm.device)[:, None]
    right = torch.arange(width + wide - 1, device=harm.device)
    inside = (down >= top) & (down < top + tall) & (right >= left) & (right < left + wide)
    return inside[:, None]
