"""What attacks by decisions alone share: yes-or-no looks within a limit, first images, bisection.

Of a point they see whether the objective is achieved, and nothing else: logits are handed through
to the result unread.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from medadv_desktop.attacks.attack import AttackResult
from medadv_desktop.attacks.norm_balls import l2_norms, linf_norms
from medadv_desktop.attacks.scores.looking import Streams, pieces
from medadv_desktop.attacks.session import Session

DISTANCES = {"linf": linf_norms, "l2": l2_norms}

STARTS_AT_ONCE = 8
STARTS_AT_MOST = 200


class Decisions:
    """Asks whether images achieve the objective; remembers each sample's nearest that does.

    Args:
        norm: how near is measured.
        limit: looks at each sample, the clean image included.

    Attributes:
        norm: as given.
        clean: N bool: achieved by the original itself.
        nearest: N×C×H×W, the nearest image found; the original where there is none.
        distance: N float64, of `nearest`; infinite where there is none.
    """

    def __init__(self, session: Session, norm: str, limit: int) -> None:
        self._session = session
        self.norm = norm
        self._length = DISTANCES[norm]
        self._limit = limit
        self._clean_point = session.landscape.at(session.originals, session.rows)
        self.clean = self._clean_point.achieved
        self.nearest = session.originals.clone()
        self.distance = torch.where(self.clean, 0.0, torch.inf).double()
        self._logits = self._clean_point.logits.clone()

    def left(self, rows: Tensor) -> Tensor:
        """n: looks that the limit still allows."""
        return (self._limit - self._session.landscape.queries.to(rows.device))[rows]

    def far(self, images: Tensor, rows: Tensor) -> Tensor:
        """n float64: distances from the originals."""
        return self._length(images - self._session.originals[rows]).double()

    def ask(self, images: Tensor, rows: Tensor) -> Tensor:
        """n bool: the objective is achieved. A sample may come several times."""
        answers = []
        for piece in pieces(len(images), self._session.originals):
            self._session.token.check()
            point = self._session.landscape.at(images[piece], rows[piece])
            answers.append(point.achieved)
            self._remember(point.images, point.logits, rows[piece], point.achieved)
        return torch.cat(answers)

    def result(self, steps: Tensor, epsilon: float | None) -> AttackResult:
        """The nearest images; those farther than ε count for nothing, and originals are given."""
        found = self.distance.isfinite() if epsilon is None else self.distance <= epsilon
        keep = found[:, None, None, None]
        clean = self._clean_point
        return self._session.result(
            clean,
            torch.where(keep, self.nearest, self._session.originals),
            torch.where(found[:, None], self._logits, clean.logits),
            found,
            steps,
        )

    def _remember(self, images: Tensor, logits: Tensor, rows: Tensor, achieved: Tensor) -> None:
        place = achieved.nonzero()[:, 0]
        if len(place) == 0:
            return
        rows, distance = rows[place], self.far(images[place], rows[place])
        least = self.distance.scatter_reduce(0, rows, distance, "amin")
        nearer = (distance < self.distance[rows]) & (distance == least[rows])
        place, rows = place[nearer], rows[nearer]
        # Of several equally near, the first.
        order = torch.full_like(self.distance, len(images), dtype=torch.int64)
        order = order.scatter_reduce(0, rows, place, "amin")
        first = place == order[rows]
        self.nearest[rows[first]] = images[place[first]]
        self._logits[rows[first]] = logits[place[first]]
        self.distance = least


def first_found(
    session: Session,
    decisions: Decisions,
    streams: Streams,
    rows: Tensor,
    *,
    keep: int,
    halvings: int = 0,
) -> Tensor:
    """Look for an image of each sample that achieves the objective, however far.

    Tried are eight images that follow from the sample (`fixed_starts`), then random images of every
    grain, all of them blind to the model. The nearest is in `decisions.nearest` afterwards.

    Args:
        keep: looks to be left over.
        halvings: of a bisection towards the original, of each that achieves it.

    Returns:
        the rows for which one was found.
    """
    waiting = rows
    for first in range(0, STARTS_AT_MOST, STARTS_AT_ONCE):
        waiting = waiting[decisions.left(waiting) >= keep + STARTS_AT_ONCE]
        if len(waiting) == 0:
            break
        if first == 0:
            tries = fixed_starts(session.originals[waiting])
        else:
            numbers = range(first, first + STARTS_AT_ONCE)
            tries = [random_start(session, streams, waiting, number) for number in numbers]
        owners = waiting.repeat(STARTS_AT_ONCE)
        images = torch.cat(tries)
        achieved = decisions.ask(images, owners)
        room = decisions.left(owners) >= keep + STARTS_AT_ONCE * halvings
        closer = achieved & room
        to_the_boundary(session, decisions, images[closer], owners[closer], halvings)
        waiting = waiting[decisions.distance[waiting].isinf()]
    found = decisions.distance[rows].isfinite()
    if not found.all():
        session.warn(
            f"for {int((~found).sum())} of {len(found)} samples no image was found that reaches "
            "the goal, however far from the sample: that they stand is no proof of robustness"
        )
    return rows[found]


def fixed_starts(originals: Tensor) -> list[Tensor]:
    """Black, white, grey, the negative, two mirror images, halves exchanged, black and white."""
    height, width = originals.shape[2:]
    middle = originals.mean((1, 2, 3), keepdim=True)
    return [
        torch.zeros_like(originals),
        torch.ones_like(originals),
        torch.full_like(originals, 0.5),
        1 - originals,
        originals.flip(-1),
        originals.flip(-2),
        originals.roll((height // 2, width // 2), (2, 3)),
        (originals > middle).to(originals),
    ]


def random_start(session: Session, streams: Streams, rows: Tensor, number: int) -> Tensor:
    """n×C×H×W of uniform random values in blocks; from one number to the next twice as large."""
    originals = session.originals[rows]
    channels, height, width = originals.shape[1:]
    grain = 2 ** (number % (1 + int(math.log2(min(height, width)))))
    coarse = streams.uniform(rows, channels, -(-height // grain), -(-width // grain))
    fine = coarse.repeat_interleave(grain, 2).repeat_interleave(grain, 3)
    return fine[:, :, :height, :width].to(originals)


def towards(originals: Tensor, images: Tensor, share: Tensor, norm: str) -> Tensor:
    """The images brought back towards their originals, to `share` (n, 0 to 1) of the distance.

    In l2 along the line between them, in linf by cutting off what changes by more.
    """
    delta = images - originals
    part = share.to(delta)[:, None, None, None]
    if norm == "l2":
        return (originals + part * delta).clamp_(0, 1)
    most = linf_norms(delta)[:, None, None, None] * part
    return (originals + torch.clamp(delta, -most, most)).clamp_(0, 1)


def to_the_boundary(
    session: Session, decisions: Decisions, images: Tensor, rows: Tensor, halvings: int
) -> Tensor:
    """Bisection between the originals and images that achieve the objective: n×C×H×W that do.

    Takes `halvings` looks of each sample, or as many as it has left.
    """
    originals = session.originals[rows]
    low = torch.zeros(len(rows), dtype=torch.float64, device=rows.device)
    high = torch.ones_like(low)
    nearest = images.clone()
    for _ in range(halvings):
        active = (decisions.left(rows) > 0).nonzero()[:, 0]
        if len(active) == 0:
            break
        middle = (low + high) / 2
        tried = towards(originals[active], images[active], middle[active], decisions.norm)
        achieved = decisions.ask(tried, rows[active])
        high[active] = torch.where(achieved, middle[active], high[active])
        low[active] = torch.where(achieved, low[active], middle[active])
        nearest[active[achieved]] = tried[achieved]
    return nearest
