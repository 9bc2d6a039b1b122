"""The walk of FAB, and the shortest ways onto a plane within [0, 1]."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from medadv_desktop.attacks.attack import AttackResult
from medadv_desktop.attacks.bounded import Norm
from medadv_desktop.attacks.gradient.ascent import warn_of_flatness
from medadv_desktop.attacks.landscape import Point
from medadv_desktop.attacks.minimal.fab import FAB
from medadv_desktop.attacks.minimal.margins import Margin, margin_at
from medadv_desktop.attacks.minimal.nearest import Nearest, within_budget
from medadv_desktop.attacks.norm_balls import NORM_BALLS, l1_norms, l2_norms, linf_norms
from medadv_desktop.attacks.objectives import Untargeted
from medadv_desktop.attacks.objectives.losses import past_borders
from medadv_desktop.attacks.session import Session

FARTHEST_START = {"linf": 0.3, "l2": 1.0, "l1": 5.0}
"""Twice the radius of random starts where nothing was found yet (the authors' defaults)."""

LAST_LOOKS = 3
"""Looks along the line to the original at the end."""

LENGTHS: dict[str, Callable[[Tensor], Tensor]] = {
    "linf": linf_norms,
    "l2": l2_norms,
    "l1": l1_norms,
}

ROUNDS = 10
"""Ways to one border after the other that lead into a goal of several conditions."""

Ways = Callable[[Point, Tensor], tuple[Tensor, Tensor]]
"""From the images of `rows`, and from their originals, to the goal as it looks from the images:
two δ, n×C×H×W float64.
"""


class _Search:
    """One run over one batch."""

    def __init__(self, session: Session, attack: FAB) -> None:
        self.session = session
        self.landscape = session.landscape
        self.originals = session.originals
        self.attack = attack
        self.length = LENGTHS[attack.norm]
        self.flat = False
        self.done = 0
        self.total = 0

    def run(self) -> AttackResult:
        session, attack = self.session, self.attack
        clean = self.landscape.at(self.originals, session.rows)
        nearest = Nearest.before(clean)
        ways = list(self._ways(clean))
        self.total = len(ways) * attack.restarts * attack.steps
        rows = (~clean.achieved).nonzero().flatten()
        stream = 0
        for restart in range(attack.restarts):
            for way in ways:
                session.token.check()
                if len(rows):
                    start = self.originals[rows]
                    if restart > 0:
                        start = self._random_start(rows, nearest, stream)
                    before = nearest.distance[rows]
                    self._walk(start, rows, way, nearest)
                    # At once: a nearer image of a later search may lie on a worse line.
                    self._tighten(nearest, rows[nearest.distance[rows] < before])
                stream += 1
        session.progress(self.total, self.total, nearest.success)
        return nearest.result(session, within_budget(nearest.distance, attack.epsilon))

    def _ways(self, clean: Point) -> Iterator[Ways]:
        """Where to walk, one search for each entry."""
        if not isinstance(self.landscape.objective, Untargeted):
            yield self._into_the_goal
            return
        heights = self._heights(clean.logits.detach().double(), self.session.rows)
        others = int(heights.isfinite().sum(1).max())
        # The best of each sample first; the reference class of a single-label model comes last.
        order = heights.argsort(dim=1, descending=True, stable=True)[:, :others]
        if self.attack.targets is None:
            yield self._onto_the_nearest(order)
            return
        for place in range(min(self.attack.targets, others)):
            yield self._onto_the_nearest(order[:, place : place + 1])

    def _onto_the_nearest(self, columns: Tensor) -> Ways:
        """Onto the nearest of the borders of some classes or findings, N×B."""

        def ways(point: Point, rows: Tensor) -> tuple[Tensor, Tensor]:
            value, w = self._nearest_border(point, rows, columns[rows])
            x, x0 = point.images.detach().double(), self.originals[rows].double()
            norm = self.attack.norm
            here = shortest_way(x, w, -value, norm)
            there = shortest_way(x0, w, ((x - x0) * w).sum((1, 2, 3)) - value, norm)
            return here, there

        return ways

    def _into_the_goal(self, point: Point, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Into the region where the margin of the linearised logits is positive.

        A goal of several conditions (flip all) is no half-space: where the way onto the border of
        the one that is missed most misses another, it goes on to that.
        """
        jacobian = self._jacobian(point, rows)
        self.flat = self.flat or warn_of_flatness(self.session, jacobian)
        images = point.images.detach().double()
        originals = self.originals[rows].double()
        return (
            self._region_from(images, images, jacobian, point, rows),
            self._region_from(originals, images, jacobian, point, rows),
        )

    def _region_from(
        self, start: Tensor, images: Tensor, jacobian: Tensor, point: Point, rows: Tensor
    ) -> Tensor:
        logits, at = point.logits.detach().double(), start
        for place in range(ROUNDS):
            moved = (at - images).flatten(1).to(jacobian)
            heights = logits + torch.einsum("nkd,nd->nk", jacobian, moved)
            margin = margin_at(self.landscape, replace(point, logits=heights), rows)
            missed = margin.value < -1e-6 * heights.abs().amax(1)
            if place == 0:
                missed = torch.ones_like(missed)  # back onto the border, if it lies beyond
            if not missed.any():
                break
            w = torch.einsum("nk,nkd->nd", margin.slope.to(jacobian), jacobian).view_as(images)
            rise = torch.where(missed, -margin.value, 0)
            at = at + shortest_way(at, w, rise, self.attack.norm)
        return at - start

    def _jacobian(self, point: Point, rows: Tensor) -> Tensor:
        """n×K×(C·H·W): ∂logits/∂images."""
        count = point.logits.shape[1]
        rises = []
        for place in range(count):
            slope = torch.zeros_like(point.logits)
            slope[:, place] = 1
            kept = place + 1 < count
            rises.append(self.landscape.pulled_back(point, slope, rows, keep_graph=kept))
        return torch.stack(rises, 1).flatten(2)

    def _heights(self, logits: Tensor, rows: Tensor) -> Tensor:
        """n×K: how far past the border of each class or finding; −∞ for the reference class."""
        landscape = self.landscape
        return past_borders(logits, landscape.labels[rows], landscape.model.cutoffs)

    def _towards(self, point: Point, rows: Tensor, columns: Tensor) -> Margin:
        """Past the border of the class or finding of each image, n."""
        logits = point.logits.detach().double()
        value = self._heights(logits, rows).gather(1, columns[:, None])[:, 0]
        slope = torch.zeros_like(logits)
        labels = self.landscape.labels[rows]
        if labels.ndim > 1:
            present = labels.gather(1, columns[:, None])
            slope.scatter_(1, columns[:, None], torch.where(present, -1.0, 1.0).to(slope))
        else:
            slope.scatter_(1, columns[:, None], 1).scatter_(1, labels[:, None], -1)
        return Margin(value, slope)

    def _random_start(self, rows: Tensor, nearest: Nearest, stream: int) -> Tensor:
        originals = self.originals[rows]
        farthest = self.attack.epsilon or FARTHEST_START[self.attack.norm]
        radius = nearest.distance[rows].clamp_max(farthest)[:, None, None, None] / 2
        unit = NORM_BALLS[self.attack.norm](1.0)
        deltas = [
            unit.draw(originals.shape[1:], originals.dtype, generator)
            for generator in self.session.generators(rows, stream)
        ]
        return (originals + radius.to(originals) * torch.stack(deltas).to(originals)).clamp(0, 1)

    def _walk(self, images: Tensor, rows: Tensor, ways: Ways, nearest: Nearest) -> None:
        attack, originals = self.attack, self.originals[rows]
        for _ in range(attack.steps):
            self.session.token.check()
            point = self.landscape.at(images, rows, climbing=True)
            here, there = ways(point, rows)
            images = self._stepped(point.images.detach(), originals, here, there)
            reached = self.landscape.at(images, rows)
            nearest.consider(reached, rows, self.length(images - originals).double())
            nearest.steps[rows] += 1
            back = originals + attack.beta * (images - originals)
            images = torch.where(reached.achieved[:, None, None, None], back, images)
            self.done += 1
            first = images if int(rows[0]) == 0 else nearest.adversarial
            self.session.report(self.done, self.total, first, nearest.success)

    def _nearest_border(self, point: Point, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """How far past the border that is nearest by the linearisation (eq. 7), n; its gradient.

        Args:
            columns: n×B, the classes or findings in question.
        """
        margins = [self._towards(point, rows, column) for column in columns.unbind(1)]
        least = value = torch.full_like(margins[0].value, torch.inf)
        gradient = torch.zeros_like(point.images)
        for place, margin in enumerate(margins):
            slope = self.landscape.pulled_back(
                point, margin.slope, rows, keep_graph=place + 1 < len(margins)
            )
            distance = margin.value.abs() / _dual_length(slope, self.attack.norm)
            nearer = (distance < least) | (place == 0)
            least = torch.where(nearer, distance, least)
            value = torch.where(nearer, margin.value, value)
            gradient = torch.where(nearer[:, None, None, None], slope, gradient)
        self.flat = self.flat or warn_of_flatness(self.session, gradient)
        return value, gradient.double()

    def _stepped(self, images: Tensor, originals: Tensor, here: Tensor, there: Tensor) -> Tensor:
        """Eq. 9: beyond the border from here and from the original, and between the two."""
        attack, x, x0 = self.attack, images.double(), originals.double()
        near, far = self.length(here), self.length(there)
        share = near / (near + far).clamp_min(1e-30)
        pull = share.clamp(0, attack.alpha_max)[:, None, None, None]
        ahead = (x + attack.eta * here) * (1 - pull) + (x0 + attack.eta * there) * pull
        return ahead.clamp(0, 1).to(images)

    def _tighten(self, nearest: Nearest, rows: Tensor) -> None:
        """The final search: where the goal is lost on the line back to the original (eq. 11)."""
        if len(rows) == 0:
            return
        originals, delta = self.originals[rows], nearest.adversarial[rows] - self.originals[rows]
        clean = self._margin_of(nearest.clean.logits[rows], rows)
        found = self._margin_of(nearest.logits[rows], rows)
        low, high = torch.zeros_like(clean), torch.ones_like(clean)
        for _ in range(LAST_LOOKS):
            self.session.token.check()
            crossing = low + (high - low) * (clean / (clean - found)).nan_to_num(1).clamp(0, 1)
            share = crossing + 0.1 * (high - crossing)
            images = originals + share[:, None, None, None].to(delta) * delta
            point = self.landscape.at(images.clamp(0, 1), rows)
            nearest.consider(point, rows, self.length(point.images - originals).double())
            value = self._margin_of(point.logits, rows)
            low, clean = _where(point.achieved, (low, clean), (share, value))
            high, found = _where(point.achieved, (share, value), (high, found))

    def _margin_of(self, logits: Tensor, rows: Tensor) -> Tensor:
        landscape = self.landscape
        wide, labels = logits.detach().double(), landscape.labels[rows]
        return landscape.objective.margin(wide, labels, landscape.model.cutoffs)


def walk_the_border(session: Session, attack: FAB) -> AttackResult:
    """Attack a batch by FAB."""
    return _Search(session, attack).run()


def shortest_way(images: Tensor, gradient: Tensor, rise: Tensor, norm: Norm) -> Tensor:
    """δ of least norm with ⟨gradient, δ⟩ = rise and images + δ in [0, 1], n×C×H×W float64.

    Where no such δ exists, the one that comes nearest: every pixel at its end (0 where the gradient
    is). Croce and Hein 2020, eq. 4: closed form up to one number λ per image: pixels move by λ
    (linf) or λ·|gradient| (l2) as far as [0, 1] lets them, or one after the other, the steepest
    first (l1).

    Args:
        images: in [0, 1].
        rise: n.
    """
    flat = gradient.flatten(1).double() * torch.where(rise < 0, -1, 1)[:, None]
    x = images.flatten(1).double()
    steep = flat.abs()
    top = steep.amax(1, keepdim=True)
    top = torch.where(top > 0, top, 1)
    steep, wanted = steep / top, rise.double().abs()[:, None] / top
    room = torch.where(flat > 0, 1 - x, x).masked_fill(flat == 0, 0)
    if norm == "l1":
        moved = _steepest_first(steep, room, wanted)
    else:
        moved = _together(steep, room, wanted, steep if norm == "l2" else torch.ones_like(steep))
    return (flat.sign() * moved).view_as(images)


def _steepest_first(steep: Tensor, room: Tensor, wanted: Tensor) -> Tensor:
    slopes, order = steep.sort(dim=1, descending=True, stable=True)
    rooms = room.gather(1, order)
    gains = slopes * rooms
    before = gains.cumsum(1) - gains
    left = (wanted - before).clamp_min(0)
    moved = torch.where(slopes > 0, left / slopes.clamp_min(1e-300), 0).minimum(rooms)
    return torch.zeros_like(room).scatter_(1, order, moved)


def _together(
    steep: Tensor, room: Tensor, wanted: Tensor, speed: Tensor, rounds: int = 100
) -> Tensor:
    """min(λ·speed, room) with Σ steep·that = wanted.

    The sum is concave in λ, so that Newton's steps from 0 never pass the solution, and end on its
    straight piece.
    """
    rate = torch.zeros_like(wanted)
    for _ in range(rounds):
        moved = (rate * speed).minimum(room)
        lack = wanted - (steep * moved).sum(1, keepdim=True)
        slope = (steep * speed * (rate * speed < room)).sum(1, keepdim=True)
        going = (lack > 1e-12 * wanted) & (slope > 0)
        if not going.any():
            break
        rate = rate + torch.where(going, lack / torch.where(slope > 0, slope, 1), 0)
    return moved


def _dual_length(gradient: Tensor, norm: Norm) -> Tensor:
    """n float64: the most that ⟨gradient, δ⟩ rises for δ of norm 1."""
    wide = gradient.double()
    if norm == "linf":
        return l1_norms(wide)
    return l2_norms(wide) if norm == "l2" else linf_norms(wide)


def _where(
    choice: Tensor, left: tuple[Tensor, Tensor], right: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    return torch.where(choice, left[0], right[0]), torch.where(choice, left[1], right[1])
