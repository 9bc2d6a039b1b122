"""Randomised smoothing: many noisy looks, and a radius within which the answer is certain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from medadv_desktop.defenses.inference.procedure import InferenceDefence
from medadv_desktop.jobs import CancelToken, Emit, Progress, silent

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

    from medadv_desktop.models.diagnostic import DiagnosticModel


class Smoothing(InferenceDefence):
    """The model sees each image with `copies` draws of Gaussian noise; probabilities are averaged.

    As a diagnostic model it is soft smoothing (Salman et al., NeurIPS 2019, eq. 4), with a gradient
    for attacks. What is certain is told by `certify`, of the model without it.
    """

    name = "smoothing"
    title = "Randomised smoothing"
    advice = (
        "Averages the answers to many noisy copies. The one defence with a proof: within the "
        "certified L2 radius no change can turn the answer. Needs a model trained with the same "
        "noise, and costs as many looks as copies."
    )
    reference = "Cohen et al., ICML 2019 (arXiv 1902.02918)"
    randomised = True

    sigma: float = Field(
        0.25,
        gt=0,
        le=2,
        title="σ",
        description="Of the noise; that of the training",
        json_schema_extra={"unit": "of the [0, 1] grey scale"},
    )
    copies: int = Field(16, ge=1, le=10_000, description="Noisy copies of each image")

    @property
    def looks(self) -> int:
        return self.copies

    def changed(self, images: Tensor) -> Tensor:
        import torch

        repeated = images.repeat(self.copies, 1, 1, 1)
        noise = torch.randn(repeated.shape, dtype=images.dtype).to(images.device)
        return repeated + self.sigma * noise


ABSTAINED = -1


@dataclass(frozen=True, eq=False)
class Certificates:
    """What is certain of n images.

    Attributes:
        decisions: n int64 classes; or n×K of 0 and 1 for findings; −1 where it abstains.
        radii: as `decisions`, float64: L2 radius, in units of the [0, 1] grey scale, within which
            the smoothed model decides the same with probability 1 − α; 0 where it abstains.
    """

    decisions: NDArray[np.int64]
    radii: NDArray[np.float64]


def certify(
    model: DiagnosticModel,
    images: Tensor,
    *,
    sigma: float,
    selecting: int = 100,
    estimating: int = 10_000,
    alpha: float = 0.001,
    batch_size: int = 256,
    seed: int = 0,
    token: CancelToken | None = None,
    emit: Emit = silent,
) -> Certificates:
    """CERTIFY of Cohen, Rosenfeld, Kolter (ICML 2019, sec. 3.2.2), for every image.

    The commonest answer to `selecting` noisy copies is taken; fresh `estimating` copies bound its
    probability from below by p (Clopper-Pearson, one-sided, 1 − α). The radius is σ·Φ⁻¹(p), or it
    abstains where p ≤ ½. Findings: the same for each, as a decision between two; α is of each.

    Args:
        model: of clean and noisy images, in eval mode; `Smoothing` around it is not wanted here.
        images: n×C×H×W in [0, 1].
        alpha: how likely a certificate may be wrong.
        seed: each image has its own noise, by its place.

    Raises:
        ValueError: no copies, or α not between 0 and 1.
        JobCancelled: the token was cancelled.
    """
    import numpy as np

    if min(selecting, estimating, batch_size) < 1 or not 0 < alpha < 1 or not sigma > 0:
        raise ValueError("there must be copies, σ above 0, and α between 0 and 1")
    token = token or CancelToken()
    decisions, radii = [], []
    for place, image in enumerate(images):
        draw = _Counter(model, image, sigma, batch_size, _generator(seed, place), token)
        first = draw.counts(selecting)
        if model.card.multi_label:
            chosen = (2 * first >= selecting).astype(np.int64)
            present = draw.counts(estimating)
            hits = np.where(chosen == 1, present, estimating - present)
        else:
            chosen = np.asarray(first.argmax())
            hits = draw.counts(estimating)[chosen]
        radius = radius_of(hits, estimating, sigma, alpha)
        decisions.append(np.where(radius > 0, chosen, ABSTAINED))
        radii.append(radius)
        emit(Progress(place + 1, len(images), "images certified"))
    return Certificates(np.array(decisions, np.int64), np.array(radii, np.float64))


def radius_of(
    hits: NDArray[np.int64] | int, of: int, sigma: float, alpha: float
) -> NDArray[np.float64]:
    """σ·Φ⁻¹(p), p the Clopper-Pearson lower bound for `hits` of `of`; 0 where p ≤ ½."""
    import numpy as np
    from scipy.stats import beta, norm

    counts = np.asarray(hits)
    lower = np.where(counts > 0, beta.ppf(alpha, np.maximum(counts, 1), of - counts + 1), 0.0)
    return np.asarray(np.where(lower > 0.5, sigma * norm.ppf(np.maximum(lower, 0.5)), 0.0))


class _Counter:
    """Decisions about noisy copies of one image, counted."""

    def __init__(
        self,
        model: DiagnosticModel,
        image: Tensor,
        sigma: float,
        batch_size: int,
        generator: torch.Generator,
        token: CancelToken,
    ) -> None:
        self.model, self.image, self.sigma = model, image, sigma
        self.batch_size, self.generator, self.token = batch_size, generator, token

    def counts(self, copies: int) -> NDArray[np.int64]:
        """K: copies decided for each class, or with each finding present."""
        import torch

        classes = len(self.model.card.classes)
        total = torch.zeros(classes, dtype=torch.int64)
        for first in range(0, copies, self.batch_size):
            self.token.check()
            count = min(self.batch_size, copies - first)
            shape = (count, *self.image.shape)
            noise = torch.randn(shape, dtype=self.image.dtype, generator=self.generator)
            noisy = self.image + self.sigma * noise.to(self.image.device)
            with torch.no_grad():
                decided = self.model.decisions(self.model(noisy)).cpu()
            if decided.ndim > 1:
                total += decided.sum(0)
            else:
                total += torch.bincount(decided, minlength=classes)
        return total.numpy()


def _generator(seed: int, place: int) -> torch.Generator:
    import torch

    from medadv_desktop.seeds import sample_seed

    return torch.Generator().manual_seed(sample_seed(seed, place, "certify"))
