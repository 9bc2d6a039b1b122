"""A model, and an attack, over a labelled data set: what is asked and what came of it. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.analysis.metrics.cell import CellFigures, cell_figures
from medadv_desktop.analysis.metrics.figures import Figures, Judged, figures, log_odds
from medadv_desktop.analysis.metrics.proportions import Rate
from medadv_desktop.attacks.attack import Attack, Precision
from medadv_desktop.attacks.objectives import Objective, Untargeted
from medadv_desktop.attacks.trust.suspicion import Suspicion
from medadv_desktop.audit.matching import ClassMatch
from medadv_desktop.datasets.dataset import Dataset
from medadv_desktop.datasets.fingerprint import Fingerprint
from medadv_desktop.models.card import ModelCard


@dataclass(frozen=True, eq=False)
class EvaluationRequest:
    """Evaluate a model on a data set. Answer: `Evaluation`.

    While it runs, `Progress` in samples and `Partial` of a tuple of `SampleResult` per batch.

    Attributes:
        model: id or path.
        dataset: all of its samples are used; choose a part before (`datasets.subset.Subset`).
        attack: None to look at clean images alone.
        objective: of the attack, on every sample, starting from its true labels.
        match_order: the user says that the data set's classes stand in the model's order, whatever
            their names; else the names must match.
        batch_size: samples at a time; halved where the device runs out of memory.
        judges: ids or paths of other models that judge the same images, clean and as attacked on
            the first: transfer. A sample that one of them cannot take is left out.
        seed: of the attack; with a sample's id it decides which random numbers that sample sees,
            so neither order nor batch size nor the choice of others changes them.
        workers: threads that decode; None takes what suits the machine.
        cache: file of remembered digests for the fingerprint; None means the user's own.
        precision: of the search; the model itself judges (`Attack.run`).
        probed: how many of the attacked samples are looked at again for signs of a false sense of
            security; 0 for none.
    """

    model: str
    dataset: Dataset
    attack: Attack | None = None
    objective: Objective = field(default_factory=Untargeted)
    match_order: bool = False
    judges: tuple[str, ...] = ()
    batch_size: int = 16
    seed: int = 0
    workers: int | None = None
    cache: Path | None = None
    precision: Precision = "exact"
    probed: int = 24


@dataclass(frozen=True)
class Opinion:
    """What a model said of one image: `decisions` as labels are, K `probabilities` and `logits`.

    Probabilities near 1 are equal where their logits still differ.
    """

    decisions: tuple[int, ...]
    probabilities: tuple[float, ...]
    logits: tuple[float, ...]


@dataclass(frozen=True)
class Shown(Opinion):
    """What a model said of an image after an attack, on this model or on another.

    Attributes:
        decisions, probabilities, logits: of the adversarial image on the grid of a 16-bit picture.
        success: the objective is achieved there; None where the model's classes are not those of
            the attacked one, so that nobody can tell.
        at_stake: something was left to do: the objective is not achieved on the clean image, and a
            single-label model decided for the true class there. Transfer is counted among these.
    """

    success: bool | None
    at_stake: bool


@dataclass(frozen=True)
class Attacked(Shown):
    """What an attack did to one sample.

    Attributes:
        steps, queries: that the attack took.
        linf, l2, l1: norms of the change in units of the [0, 1] grey scale, padding left out.
        l0: pixels changed.
    """

    success: bool
    steps: int
    queries: int
    linf: float
    l2: float
    l1: float
    l0: int


@dataclass(frozen=True)
class Judgement:
    """What another model said of one sample: labels in its own classes, clean, and of the image as
    it was attacked on the first; None where it was not.
    """

    labels: tuple[int, ...]
    clean: Opinion
    attacked: Shown | None


@dataclass(frozen=True)
class SampleResult:
    """What a model said of one sample.

    Attributes:
        index, id: its place and name in the data set of the request.
        labels: in the model's classes: (class index,), or 0/1 per finding.
        clean: what the model said of the image without an attack.
        attacked: None without an attack, or where this sample was not attacked.
        not_attacked: why not: the goal leaves nothing to do for its labels; else "".
        judgements: what the other models said, in the order of the request.
    """

    index: int
    id: str
    labels: tuple[int, ...]
    clean: Opinion
    attacked: Attacked | None = None
    not_attacked: str = ""
    judgements: tuple[Judgement, ...] = ()

    @property
    def right(self) -> bool:
        """Every decision on the clean image is right."""
        return self.labels == self.clean.decisions

    @property
    def robust(self) -> bool:
        """Right before, and still after the attack where there was one."""
        return self.right and (self.attacked is None or self.attacked.decisions == self.labels)


@dataclass(frozen=True)
class LeftOut:
    """A sample that could not be judged and is in no figure, with the reason."""

    index: int
    id: str
    path: Path
    reason: str


@dataclass(frozen=True, eq=False)
class JudgingModel:
    """Another model of an evaluation, and the figures of its own answers.

    Its robust figures are those of images attacked on the first model.

    Attributes:
        transfer_rate: `transfer_rate` of its samples; None without an attack, or where nobody can
            tell whether the objective is achieved there.
    """

    model: str
    card: ModelCard
    model_sha256: str
    match: ClassMatch
    figures: Figures
    transfer_rate: Rate | None


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A whole evaluation.

    Attributes:
        card: of the model; `model_sha256` is that of its weights as they were loaded.
        match: which class of the set is which of the model.
        fingerprint: of the data set as it was asked for, left-out samples included.
        samples: judged, in the data set's order.
        left_out: unreadable, unlabelled, or without a finite output; in no figure.
        figures: over `samples`.
        judges: the other models' parts, in the order of the request.
        device, seconds, versions: where, how long, with what.
        notes: what a reader of the figures should know.
        suspicions: why the model may withstand less than the figures say.
    """

    request: EvaluationRequest
    card: ModelCard
    model_sha256: str
    match: ClassMatch
    fingerprint: Fingerprint
    samples: tuple[SampleResult, ...]
    left_out: tuple[LeftOut, ...]
    figures: Figures
    device: str
    seconds: float
    versions: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()
    judges: tuple[JudgingModel, ...] = ()
    suspicions: tuple[Suspicion, ...] = ()


def figures_of(samples: Iterable[SampleResult], card: ModelCard, *, attacked: bool) -> Figures:
    """The figures of judged samples; also of some of them, while an evaluation runs.

    Args:
        attacked: they come from an evaluation with an attack.
    """
    samples = tuple(samples)
    return _figures(
        card,
        [s.labels for s in samples],
        [s.clean for s in samples],
        # What was not attacked stays as it was.
        [s.attacked or s.clean for s in samples] if attacked else None,
        np.array([s.attacked.success for s in samples if s.attacked is not None], np.bool_),
    )


def judged_figures_of(
    judgements: Iterable[Judgement], card: ModelCard, *, attacked: bool
) -> Figures:
    """As `figures_of`, of what another model said."""
    own = tuple(judgements)
    after = [s.attacked or s.clean for s in own] if attacked else None
    success = [s.attacked.success for s in own if s.attacked is not None]
    told = None if None in success else np.array(success, np.bool_)
    return _figures(card, [s.labels for s in own], [s.clean for s in own], after, told)


def transfer_rate(samples: Iterable[SampleResult | Judgement]) -> Rate | None:
    """Of the samples that left something to do (`Shown.at_stake`), on how many the objective is
    achieved; the same count for the attacked model and for those that judge. None where nothing
    was attacked, or nobody can tell.
    """
    shown = [s.attacked for s in samples if s.attacked is not None]
    if not shown or any(s.success is None for s in shown):
        return None
    return Rate(sum(bool(s.success) for s in shown if s.at_stake), sum(s.at_stake for s in shown))


def details_of(samples: Iterable[SampleResult], card: ModelCard, *, attacked: bool) -> CellFigures:
    """As `figures_of`, with areas' intervals, curves, confusion and calibration; takes longer."""
    samples = tuple(samples)
    after = [s.attacked or s.clean for s in samples] if attacked else None
    clean, moved = _judged(card, [s.labels for s in samples], [s.clean for s in samples], after)
    return cell_figures(card.classes, clean, moved, multi_label=card.multi_label)


def _figures(
    card: ModelCard,
    labels: list[tuple[int, ...]],
    clean: Sequence[Opinion],
    after: Sequence[Opinion] | None,
    success: NDArray[np.bool_] | None,
) -> Figures:
    before, attacked = _judged(card, labels, clean, after)
    told = None if attacked is None else success
    return figures(card.classes, before, attacked, told, multi_label=card.multi_label)


def _judged(
    card: ModelCard,
    labels: list[tuple[int, ...]],
    clean: Sequence[Opinion],
    after: Sequence[Opinion] | None,
) -> tuple[Judged, Judged | None]:
    k = len(card.classes)

    def rows(parts: list[tuple[int, ...]]) -> NDArray[np.bool_]:
        """N×K bool of class indices or findings."""
        if card.multi_label:
            return np.array(parts, np.bool_).reshape(-1, k)
        return np.asarray(np.array(parts, np.int64).reshape(-1, 1) == np.arange(k))

    truth = rows(labels)

    def judged(opinions: Sequence[Opinion]) -> Judged:
        logits = np.array([o.logits for o in opinions], np.float64).reshape(-1, k)
        scores = logits if card.multi_label else log_odds(logits)
        given = np.array([o.probabilities for o in opinions], np.float64).reshape(-1, k)
        return Judged(truth, rows([o.decisions for o in opinions]), scores, given)

    return judged(clean), None if after is None else judged(after)
