"""MAAdvT: adversarial training that looks at what is misclassified already (MART)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from medadv_desktop.defenses.objectives.fields import budget, step_count, step_length
from medadv_desktop.defenses.objectives.objective import Losses, TrainingObjective
from medadv_desktop.settings import PixelFraction

if TYPE_CHECKING:
    from torch import Tensor

    from medadv_desktop.defenses.objectives.lesson import Lesson


class MAAdvT(TrainingObjective):
    """BCE(p(x̂), y) + λ·KL(p(x) ‖ p(x̂))·(1 − p_y(x)).

    BCE is −log p_y(x̂) − log(1 − max_{k≠y} p_k(x̂)). Wang et al.: Improving Adversarial Robustness
    Requires Revisiting Misclassified Examples, ICLR 2020, eq. 8 to 11; as misclassification-aware
    training of diagnostic models: Xu et al., Medical Image Analysis 2021.

    Findings: the same terms for each, with its two states for classes, so that BCE is
    −2·log p_y(x̂) and KL that of Bernoulli distributions; then the mean over findings. The inner
    attack is PGD on cross-entropy, from beside the image by normal noise of 0.001, as in the
    authors' code, but within [0, 1] before mean and deviation.
    """

    name = "maadvt"
    title = "MAAdvT (misclassification-aware, MART)"
    advice = (
        "As AdvT, but with a term that pulls the answers to clean and attacked image together, the "
        "stronger the less sure the clean diagnosis is. Usually the most robust of the four; it "
        "costs a bit more time than AdvT (steps + 2 passes) and somewhat more clean accuracy. "
        "Choose it where resistance counts most."
    )
    reference = "Wang et al., ICLR 2020 (MART); Xu et al., Medical Image Analysis 2021"
    soft_labels = False
    own_loss = True

    epsilon: PixelFraction = budget(0.031)
    step_size: PixelFraction = step_length(0.007)
    steps: int = step_count(10)
    lam: float = Field(
        6, ge=0, le=1000, title="λ", description="Weight of the divergence; 8 for retinopathy"
    )
    margin: bool = Field(
        True,
        description="The second term of BCE, −log(1 − max p_k); without it BCE is cross-entropy, "
        "and with λ 0 the objective is AdvT",
    )

    @property
    def passes(self) -> float:
        return 2 + self.steps

    def attacked(self, lesson: Lesson) -> Tensor:
        from medadv_desktop.defenses.objectives.inner import climbed, cross_entropy, normal_start

        return climbed(
            lesson,
            cross_entropy(lesson),
            normal_start(lesson),
            epsilon=self.epsilon,
            step_size=self.step_size,
            steps=self.steps,
        )

    def losses(self, lesson: Lesson, attacked: Tensor | None) -> Losses:
        logits = lesson.logits(lesson.images if attacked is None else attacked)
        boosted = _findings if lesson.multi_label else _classes
        first = boosted(logits, lesson.labels, self.margin)
        each = lesson.criterion.weighted(first, lesson.labels)
        # Without its weight the term is left out: a second pass would change the statistics.
        if self.lam:
            each = each + self.lam * _drift(lesson, logits)
        return Losses(each, logits.detach(), attacked)


def _classes(logits: Tensor, labels: Tensor, margin: bool) -> Tensor:
    """n: −log p_y − log(1 − max_{k≠y} p_k), in logarithms all the way."""
    import torch

    log_p = logits.log_softmax(1)
    own = log_p.gather(1, labels[:, None])[:, 0]
    if not margin:
        return -own
    runner_up = log_p.detach().scatter(1, labels[:, None], -torch.inf).argmax(1, keepdim=True)
    return -own - log_p.scatter(1, runner_up, -torch.inf).logsumexp(1)


def _findings(logits: Tensor, labels: Tensor, margin: bool) -> Tensor:
    """n×K: the same for two states, where 1 − p of the other is p of the own."""
    import torch

    each = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    return 2 * each if margin else each


def _drift(lesson: Lesson, attacked: Tensor) -> Tensor:
    """n: KL(p(x) ‖ p(x̂))·(1 − p_y(x)); of findings the mean."""
    from medadv_desktop.defenses.objectives.divergence import (
        bernoulli_divergences,
        softmax_divergences,
    )

    clean = lesson.logits(lesson.images)
    if lesson.multi_label:
        other = clean.sigmoid() * (1 - 2 * lesson.labels) + lesson.labels
        return (bernoulli_divergences(clean, attacked) * other).mean(1)
    own = clean.softmax(1).gather(1, lesson.labels[:, None])[:, 0]
    return softmax_divergences(clean, attacked) * (1 - own)
