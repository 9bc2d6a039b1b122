"""The worst case: several attacks in turn, the cheapest first, each on what is still standing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from medadv_desktop.attacks.attack import Attack, AttackResult
from medadv_desktop.attacks.bounded import LINF_OR_L2, BudgetedAttack, LinfOrL2
from medadv_desktop.attacks.gradient.apgd import APGD, LEAST_CLASSES, AdaptiveLoss
from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.minimal.fab import FAB
from medadv_desktop.attacks.objectives import Targeted, Untargeted
from medadv_desktop.attacks.scores.square import Square
from medadv_desktop.jobs import Emit, Event, Message, Partial, Progress

if TYPE_CHECKING:
    import torch

    from medadv_desktop.attacks.objectives import Objective
    from medadv_desktop.attacks.session import Session
    from medadv_desktop.models.card import ModelCard

Thoroughness = Literal["quick", "standard"]


class WorstCase(BudgetedAttack):
    """Per-sample union of attacks that fail for different reasons; only survivors go on.

    After AutoAttack (Croce and Hein, ICML 2020), which needs four classes for its DLR loss and ten
    for its targeted parts. Here the parts fit the model:

    - PGD, ten steps: takes what falls easily;
    - APGD on the objective's own loss (cross-entropy, BCE);
    - APGD towards each of nine decisions: by DLR (four classes and more), by the margin in logits
      (two and three classes, findings); for other goals, on what they lack in logits;
    - FAB towards the nearest borders, counted within the budget;
    - Square, by scores alone, which no masked gradient misleads.

    Square raises the margin, as its authors have it, where the goal is any other decision; so does
    PGD over findings, of which one is enough: their summed BCE pulls at all of them.

    A sample's result is the first that achieves the objective; of a sample that withstands all, the
    image whose logits came nearest to the goal.
    """

    name = "worst-case"
    title = "Worst case (ensemble)"
    summary = "PGD, two APGD, FAB and Square in turn on what still stands: the figure to quote"
    reference = "After AutoAttack, Croce and Hein, ICML 2020 (arXiv 2003.01690)"
    runs_others = True

    norm: LinfOrL2 = LINF_OR_L2
    thoroughness: Thoroughness = Field(
        "standard",
        description="standard: 100 steps for each part and 1000 queries, as published figures ask "
        "for; quick: 20 steps and 200 queries, for a first look",
    )

    def parts(self, card: ModelCard, objective: Objective) -> tuple[Attack, ...]:
        """The attacks that fit a model and a goal, in the order in which they are run."""
        budget = {"norm": self.norm, "epsilon": self.epsilon}
        steps, queries = (100, 1000) if self.thoroughness == "standard" else (20, 200)
        return (
            PGD(**budget, steps=10, step_size=self.epsilon / 4 or None),
            APGD(**budget, steps=steps),
            APGD(**budget, steps=steps, loss=_second_loss(card, objective)),
            FAB(**budget, steps=steps, targets=9),
            Square(**budget, queries=queries),
        )

    def search(self, session: Session) -> AttackResult:
        import torch

        clean = session.landscape.at(session.originals, session.rows)
        adversarial, logits = session.originals.clone(), clean.logits.detach().clone()
        success = clean.achieved.clone()
        margin = self._margin(session, logits, session.rows)
        steps = torch.zeros_like(success, dtype=torch.int64)
        parts = self.parts(session.model.card, session.objective)
        for number, part in enumerate(parts):
            rows = (~success).nonzero().flatten()
            if len(rows) == 0:
                break
            session.token.check()
            found = part.run(
                session.model,
                session.originals[rows],
                session.labels[rows],
                goal_of(part, session.model.card, session.objective),
                seed=session.seed,
                sample_ids=[session.ids[row] for row in rows.tolist()],
                token=session.token,
                emit=_as_part(session.emit, number, len(parts), shows_first=int(rows[0]) == 0),
                precision=session.precision,
            )
            nearer = self._margin(session, found.adversarial_logits, rows)
            better = found.success | (nearer > margin[rows])
            taken = rows[better]
            adversarial[taken] = found.adversarial[better]
            logits[taken] = found.adversarial_logits[better]
            margin[taken] = nearer[better]
            success[taken] = found.success[better]
            steps[rows] += found.steps
            session.landscape.queries[rows.cpu()] += found.queries.cpu()
            told = f"{part.title}: {int(found.success.sum())} of {len(rows)} fall"
            session.emit(Message(told))
            session.report(number + 1, len(parts), adversarial, success)
        session.progress(len(parts), len(parts), success)
        return session.result(clean, adversarial, logits, success, steps)

    @staticmethod
    def _margin(session: Session, logits: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        labels, cutoffs = session.labels[rows], session.model.cutoffs
        return session.objective.margin(logits.double(), labels, cutoffs)


def goal_of(part: Attack, card: ModelCard, objective: Objective) -> Objective:
    """The objective, with the loss that suits a part best."""
    by_margin = isinstance(part, Square) or (isinstance(part, PGD) and card.multi_label)
    if by_margin and isinstance(objective, Untargeted):
        return Untargeted(loss_kind="margin")
    return objective


def _second_loss(card: ModelCard, objective: Objective) -> AdaptiveLoss:
    many = not card.multi_label and len(card.classes) >= LEAST_CLASSES["dlr-targeted"]
    if isinstance(objective, Untargeted | Targeted) and many:
        return "dlr-targeted"
    return "margin-targeted" if isinstance(objective, Untargeted) else "shortfall"


def _as_part(emit: Emit, number: int, parts: int, *, shows_first: bool) -> Emit:
    """Progress of one part as progress of the whole; the picture only where it is sample 0's."""

    def pass_on(event: Event) -> None:
        match event:
            case Progress(done, total, message):
                share = done / total if total else 0.0
                emit(Progress(number + share, parts, message))
            case Partial() if not shows_first:
                return
            case _:
                emit(event)

    return pass_on
