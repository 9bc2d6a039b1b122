"""The steps of DeepFool, over linear pieces of the objective's margin."""

from __future__ import annotations

import torch
from torch import Tensor

from medadv_desktop.attacks.attack import AttackResult
from medadv_desktop.attacks.landscape import Point
from medadv_desktop.attacks.minimal.deepfool import DeepFool
from medadv_desktop.attacks.minimal.margins import margin_at
from medadv_desktop.attacks.minimal.nearest import Nearest, within_budget
from medadv_desktop.attacks.norm_balls import l2_norms, linf_norms
from medadv_desktop.attacks.objectives import Untargeted
from medadv_desktop.attacks.session import Session


class _Borders:
    """The borders that lead to the goal, any one of which is enough to cross.

    Args:
        clean: the N clean points, which say what borders are looked at.
    """

    def __init__(self, session: Session, clean: Point, candidates: int) -> None:
        self.session = session
        self.labels = session.landscape.labels
        self.cutoffs = session.model.cutoffs
        self.columns = self._columns(clean.logits.detach(), candidates)

    def _columns(self, logits: Tensor, candidates: int) -> Tensor | None:
        """N×P: the other classes, or findings, in question; None: follow the margin itself."""
        if not isinstance(self.session.objective, Untargeted):
            return None
        count = min(candidates, logits.shape[1])
        if self.cutoffs is not None:
            return (logits - self.cutoffs).abs().topk(count, largest=False).indices
        others = logits.scatter(1, self.labels[:, None], -torch.inf)
        return others.topk(count - 1).indices

    def at(self, point: Point, rows: Tensor) -> tuple[Tensor, Tensor]:
        """n×P values f (negative: not crossed) and n×P×K slopes ∂f/∂logits, float64."""
        if self.columns is None:
            margin = margin_at(self.session.landscape, point, rows)
            return margin.value[:, None], margin.slope[:, None]
        logits = point.logits.detach().double()
        columns = self.columns[rows]
        slopes = torch.nn.functional.one_hot(columns, logits.shape[1]).to(logits)
        if self.cutoffs is None:
            own = torch.nn.functional.one_hot(self.labels[rows], logits.shape[1])
            slopes = slopes - own[:, None]
            return torch.einsum("npk,nk->np", slopes, logits), slopes
        present = self.labels[rows].gather(1, columns)
        sign = torch.where(present, -1.0, 1.0).to(logits)
        height = (logits - self.cutoffs.to(logits)).gather(1, columns)
        return sign * height, sign[:, :, None] * slopes


def deepfool(session: Session, attack: DeepFool) -> AttackResult:
    """Run DeepFool on a batch."""
    landscape, rows = session.landscape, session.rows
    clean = landscape.at(session.originals, rows, climbing=True)
    borders = _Borders(session, clean, attack.candidates)
    found = Nearest.before(clean)
    point, total = clean, torch.zeros_like(session.originals)
    warned = False
    for step in range(1, attack.steps + 1):
        session.token.check()
        stay = ~point.achieved
        if not stay.any():
            break
        move, blind = _nearest_border(session, attack, borders, point, rows)
        if not warned and (blind & stay).any():
            warned = True
            session.warn(
                "the gradient is zero for some samples: there the attack sees no direction, and "
                "its failure is no proof of robustness"
            )
        stay &= ~blind
        if not stay.any():
            break
        rows, total = rows[stay], total[stay] + move[stay]
        images, total = _moved(session.originals[rows], total, 1 + attack.overshoot)
        point = landscape.at(images, rows, climbing=step < attack.steps)
        found.steps[rows] += 1
        found.consider(point, rows, _lengths(attack, images - session.originals[rows]))
        first = images if int(rows[0]) == 0 else found.adversarial
        session.report(step, attack.steps, first, found.success)
    session.progress(attack.steps, attack.steps, found.success)
    return found.result(session, within_budget(found.distance, attack.epsilon))


def _moved(originals: Tensor, total: Tensor, stretch: float) -> tuple[Tensor, Tensor]:
    """The images, held in [0, 1], and the way that was really gone, before it is stretched."""
    wished = originals + stretch * total
    images = wished.clamp(0, 1)
    return images, torch.where(images == wished, total, (images - originals) / stretch)


def _nearest_border(
    session: Session, attack: DeepFool, borders: _Borders, point: Point, rows: Tensor
) -> tuple[Tensor, Tensor]:
    """n×C×H×W: the step to the nearest border; n bool: no border has a slope.

    Pixels that would leave [0, 1] are left out of the slopes, for they cannot help.
    """
    values, slopes = borders.at(point, rows)
    count = values.shape[1]
    least = torch.full_like(values[:, 0], torch.inf)
    move = torch.zeros_like(point.images)
    for place in range(count):
        gradient = session.landscape.pulled_back(
            point, slopes[:, place], rows, keep_graph=place < count - 1
        )
        images = point.images.detach()
        able = ((gradient > 0) & (images < 1)) | ((gradient < 0) & (images > 0))
        distance, step = _step(attack, values[:, place], torch.where(able, gradient, 0))
        nearer = distance < least
        least = torch.where(nearer, distance, least)
        move = torch.where(nearer[:, None, None, None], step, move)
    return move, least.isinf()


def _step(attack: DeepFool, value: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Distance to a border, n float64 (infinite without a slope), and the way there."""
    if attack.norm == "linf":
        dual = gradient.abs().sum((1, 2, 3), dtype=torch.float64)
        direction = gradient.sign()
    else:
        dual = l2_norms(gradient)
        safe = torch.where(dual > 0, dual, 1)
        direction = gradient / safe.to(gradient)[:, None, None, None]
    distance = torch.where(dual > 0, value.abs() / dual, torch.inf)
    length = torch.where(dual > 0, distance, 0).to(gradient)
    return distance, length[:, None, None, None] * direction


def _lengths(attack: DeepFool, delta: Tensor) -> Tensor:
    return l2_norms(delta) if attack.norm == "l2" else linf_norms(delta).double()
