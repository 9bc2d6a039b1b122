"""Signs that a model only looks robust: what results say about the attacks that made them.

After Athalye, Carlini, Wagner: Obfuscated Gradients Give a False Sense of Security, ICML 2018,
sec. 3.1, and Carlini et al.: On Evaluating Adversarial Robustness, 2019 (arXiv 1902.06705), sec. 4
and 5. `suspicions` judges what is known of results; `examine` and `probe` (probing.py) gather it
from a model. No torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from medadv_desktop.attacks.attack import Attack, Knowledge

if TYPE_CHECKING:
    from medadv_desktop.attacks.attack import AttackResult

Sign = Literal[
    "black-box-beats-white-box",
    "single-step-beats-iterative",
    "random-start-beats-none",
    "huge-budget-survived",
    "flat-loss",
    "zero-gradients",
    "untrained-model",
]

LEVEL = 0.05
"""Of the one-sided tests: how often chance alone may raise a suspicion."""

NOTABLE_SHARE = 0.05
"""Of samples: fewer that survive a huge budget, or have no gradient, are no sign."""

HUGE = 0.5
"""In linf, and as a mean over all pixels in other norms: with it every image can become grey."""


@dataclass(frozen=True)
class Suspicion:
    """One reason not to trust a robustness figure.

    Attributes:
        message: what was seen, with figures; a sentence.
        remedy: what to try; a sentence.
    """

    sign: Sign
    message: str
    remedy: str


@dataclass(frozen=True)
class Outcome:
    """What one attack did to the samples of a batch, in the order of the batch.

    Attributes:
        attack: its title.
        norm, epsilon: the budget; epsilon None for an attack that has none.
        beaten: N: the objective is achieved within the budget.
        single_step: it takes one gradient step only.
        random_start: whether it starts at a random point of the ball; None where that is no
            choice of the attack, or where it has several tries.
        huge: the budget leaves the image free.
    """

    attack: str
    knowledge: Knowledge
    norm: str
    epsilon: float | None
    beaten: tuple[bool, ...]
    single_step: bool = False
    random_start: bool | None = None
    huge: bool = False


@dataclass(frozen=True)
class Agreement:
    """How far a model's decisions on clean images go beyond chance.

    Attributes:
        correct, judged: decisions that agree with the reference, of how many.
        expected: how many would, if decisions and references were paired at random.
        spread: the standard deviation of that number.
    """

    correct: int
    judged: int
    expected: float
    spread: float


@dataclass(frozen=True)
class Evidence:
    """What is known of a model and of attacks on it, for the same samples throughout.

    Attributes:
        no_gradient: for samples not beaten yet: the gradient of the loss at the image is zero.
        flat: for samples not beaten yet: the loss is the same at the image and at all neighbours
            that were looked at.
        agreement: with the reference labels, where it was looked at.
    """

    outcomes: tuple[Outcome, ...] = ()
    no_gradient: tuple[bool, ...] = ()
    flat: tuple[bool, ...] = ()
    agreement: Agreement | None = None


def suspicions(evidence: Evidence) -> tuple[Suspicion, ...]:
    """Every sign that the evidence shows, the gravest first."""
    found = [
        _untrained(evidence.agreement),
        _no_gradient(evidence.no_gradient),
        _flat(evidence.flat),
        *(_survived(outcome) for outcome in evidence.outcomes),
    ]
    for outcomes in _by_budget(evidence.outcomes):
        found += [_black_box(outcomes), _single_step(outcomes), _random_start(outcomes)]
    return tuple(suspicion for suspicion in found if suspicion is not None)


def outcome_of(
    attack: Attack,
    result: AttackResult,
    *,
    norm: str | None = None,
    epsilon: float | None = None,
) -> Outcome:
    """What an attack's result says.

    Args:
        norm, epsilon: the budget by which an attack that looks for the smallest change is judged;
            for other attacks their own.
    """
    norm = norm or str(getattr(attack, "norm", "linf"))
    own = getattr(attack, "epsilon", None)
    epsilon = own if epsilon is None else epsilon
    beaten = result.success
    if attack.minimal and epsilon is not None:
        beaten = beaten & (getattr(result, norm) <= epsilon * (1 + 1e-6))
    restarts = getattr(attack, "restarts", 1)
    return Outcome(
        attack=attack.title,
        knowledge=attack.knowledge,
        norm=norm,
        epsilon=epsilon,
        beaten=tuple(beaten.tolist()),
        single_step=attack.name == "fgsm" or getattr(attack, "steps", None) == 1,
        random_start=getattr(attack, "random_start", None) if restarts == 1 else None,
        huge=_is_huge(norm, epsilon, result.adversarial[0].numel()),
    )


def agreement(
    decisions: tuple[tuple[int, ...], ...], references: tuple[tuple[int, ...], ...]
) -> Agreement:
    """Of N decisions with N references: one class each, or one state for each finding.

    What chance alone would give follows from how often each class is decided and is the reference:
    the null distribution of Cohen's kappa (Fleiss, Cohen, Everitt: Psychological Bulletin 1969,
    eq. 15), summed over findings. Of a reference that never varies nothing can be said: it is left
    out.
    """
    count, judged = len(decisions), 0
    correct, expected, variance = 0, 0.0, 0.0
    columns = zip(zip(*decisions, strict=True), zip(*references, strict=True), strict=True)
    for decided, true in columns:
        if len(set(true)) == 1:
            continue
        judged += count
        correct += sum(a == b for a, b in zip(decided, true, strict=True))
        shares = [(decided.count(c) / count, true.count(c) / count) for c in {*decided, *true}]
        chance = sum(p * q for p, q in shares)
        expected += count * chance
        variance += count * (chance + chance**2 - sum(p * q * (p + q) for p, q in shares))
    return Agreement(correct, judged, expected, math.sqrt(max(variance, 0)))


def clearly_more(only_first: int, only_second: int) -> bool:
    """Whether more samples speak for the first of two than chance explains (exact sign test)."""
    trials = only_first + only_second
    tail = sum(math.comb(trials, k) for k in range(only_first, trials + 1))
    return only_first > only_second and tail <= LEVEL * 2**trials


def _black_box(outcomes: list[Outcome]) -> Suspicion | None:
    white = [o for o in outcomes if o.knowledge == "white-box"]
    black = [o for o in outcomes if o.knowledge != "white-box"]
    seen = _exceeding(black, white)
    if seen is None:
        return None
    more, fewer = seen
    return Suspicion(
        "black-box-beats-white-box",
        f"{_names(black)} beat {more} samples that {_names(white)} did not ({fewer} the other way "
        "round), though gradients tell more than scores: they lead astray here",
        "Judge by the attacks without gradients, with more queries; look for operations that cut "
        "or distort gradients (rounding, sampling, saturation), and attack through a smooth "
        "stand-in.",
    )


def _single_step(outcomes: list[Outcome]) -> Suspicion | None:
    white = [o for o in outcomes if o.knowledge == "white-box" and not o.huge]
    single = [o for o in white if o.single_step]
    iterative = [o for o in white if not o.single_step]
    seen = _exceeding(single, iterative)
    if seen is None:
        return None
    more, fewer = seen
    return Suspicion(
        "single-step-beats-iterative",
        f"{_names(single)} beat {more} samples that {_names(iterative)} did not ({fewer} the other "
        "way round): small steps get lost near the image",
        "Give the iterative attack more steps, restarts and a larger step size, or APGD, which "
        "adapts it; a model trained against single steps often hides its gradient so.",
    )


def _random_start(outcomes: list[Outcome]) -> Suspicion | None:
    iterative = [o for o in outcomes if o.knowledge == "white-box" and not o.single_step]
    random = [o for o in iterative if o.random_start is True]
    plain = [o for o in iterative if o.random_start is False]
    seen = _exceeding(random, plain)
    if seen is None:
        return None
    more, fewer = seen
    return Suspicion(
        "random-start-beats-none",
        f"from a random start {_names(random)} beat {more} samples that it did not beat from the "
        f"image itself ({fewer} the other way round): the gradient at the image is masked",
        "Use random starts and many restarts, and a larger step size.",
    )


def _survived(outcome: Outcome) -> Suspicion | None:
    standing = outcome.beaten.count(False)
    if not outcome.huge or outcome.knowledge != "white-box" or outcome.single_step:
        return None
    if standing == 0 or standing < NOTABLE_SHARE * len(outcome.beaten):
        return None
    return Suspicion(
        "huge-budget-survived",
        f"{standing} of {len(outcome.beaten)} samples withstand {outcome.attack} with a budget "
        "that lets it make any image of them: the attack fails, not the images",
        "Give it more steps; if samples still stand, its gradients are of no use, or no image at "
        "all reaches the goal: try Square, SPSA or another goal.",
    )


def _no_gradient(zero: tuple[bool, ...]) -> Suspicion | None:
    if not _notable(zero):
        return None
    return Suspicion(
        "zero-gradients",
        f"the gradient of the loss is zero at {sum(zero)} of {len(zero)} images: gradient attacks "
        "have no direction there",
        "Compute in float64, use the margin loss instead of cross-entropy, and attack by scores "
        "(Square, SPSA) or decisions (HopSkipJump), which need no gradient.",
    )


def _flat(flat: tuple[bool, ...]) -> Suspicion | None:
    if not _notable(flat):
        return None
    return Suspicion(
        "flat-loss",
        f"around {sum(flat)} of {len(flat)} images the loss does not change at all: neither "
        "gradients nor scores show a way",
        "Attack by decisions (HopSkipJump, Boundary), with a larger budget, or craft the change on "
        "another model and transfer it.",
    )


def _untrained(seen: Agreement | None) -> Suspicion | None:
    if seen is None or seen.judged == 0:
        return None
    doubt = 1.645 * seen.spread
    if seen.correct == seen.judged or seen.correct > seen.expected + doubt:
        return None
    if seen.correct + doubt >= (seen.expected + seen.judged) / 2:
        return None  # so few samples that a fair model could look like this
    return Suspicion(
        "untrained-model",
        f"{seen.correct} of {seen.judged} decisions on clean images are right, where chance alone "
        f"gives {seen.expected:.0f}: the model knows nothing of these images",
        "Check that the weights were loaded, that preprocessing is the model's own, and that the "
        "classes of model and labels are in the same order.",
    )


def _exceeding(first: list[Outcome], second: list[Outcome]) -> tuple[int, int] | None:
    """Samples beaten only by the first, and only by the second, where that is clearly more."""
    if not first or not second:
        return None
    pairs = list(zip(_union(first), _union(second), strict=True))
    more = sum(a and not b for a, b in pairs)
    fewer = sum(b and not a for a, b in pairs)
    return (more, fewer) if clearly_more(more, fewer) else None


def _union(outcomes: list[Outcome]) -> list[bool]:
    return [any(beaten) for beaten in zip(*(o.beaten for o in outcomes), strict=True)]


def _by_budget(outcomes: Iterable[Outcome]) -> list[list[Outcome]]:
    """Outcomes that can be compared: of one norm and one ε."""
    bounded = [o for o in outcomes if o.epsilon is not None]
    ordered = sorted(bounded, key=_budget)
    return [list(group) for _, group in groupby(ordered, key=_budget)]


def _budget(outcome: Outcome) -> tuple[str, float]:
    assert outcome.epsilon is not None
    return outcome.norm, outcome.epsilon


def _is_huge(norm: str, epsilon: float | None, values: int) -> bool:
    radius = {"linf": 1.0, "l2": math.sqrt(values), "l1": float(values)}.get(norm)
    return epsilon is not None and radius is not None and epsilon >= HUGE * radius


def _notable(signs: tuple[bool, ...]) -> bool:
    return any(signs) and sum(signs) >= NOTABLE_SHARE * len(signs)


def _names(outcomes: list[Outcome]) -> str:
    return " and ".join(dict.fromkeys(o.attack for o in outcomes))
