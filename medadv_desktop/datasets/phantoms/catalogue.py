"""The three domains, and the doors to their phantoms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from medadv_desktop.datasets.phantoms import dermoscopy, fundus, radiograph
from medadv_desktop.datasets.phantoms.sample import Domain, PhantomSample, Sources
from medadv_desktop.errors import SettingsError

SMALLEST_SIDE, LARGEST_SIDE = 32, 4096
FINDING_SHARE = 0.35
"""How often a finding of the radiograph is present, each for itself."""

DOMAINS: Mapping[str, Domain] = MappingProxyType(
    {
        domain.name: domain
        for domain in (
            Domain("dermoscopy", "single-label", dermoscopy.CLASSES, 1, dermoscopy.paint),
            Domain("fundus", "single-label", fundus.CLASSES, 2, fundus.paint),
            Domain("radiograph", "multi-label", radiograph.FINDINGS, 3, radiograph.paint),
        )
    }
)


def phantom(
    domain: str, seed: int, index: int, side: int = 224, labels: Sequence[int] | None = None
) -> PhantomSample:
    """One phantom: the same anatomy for the same domain, seed and index, at any `side`.

    Args:
        domain: a key of `DOMAINS`.
        seed, index: 0 or greater; samples of one seed are independent draws.
        side: height and width in pixels, 32 to 4096.
        labels: what to show, as in `PhantomSample.labels`; drawn at random when None: classes are
            equally likely, each finding is present with probability 0.35.

    Raises:
        SettingsError: an argument is out of range; its subject names the argument.
    """
    kind = _domain(domain)
    _whole("seed", seed, 0)
    _whole("index", index, 0)
    _whole("side", side, SMALLEST_SIDE, LARGEST_SIDE)
    sources = Sources.of(kind.number, int(seed), int(index))
    drawn = _draw_labels(kind, sources)
    shown = drawn if labels is None else _checked_labels(kind, labels)
    picture = kind.paint(sources, shown, int(side))
    return PhantomSample(
        domain=kind.name,
        seed=int(seed),
        index=int(index),
        pixels=picture.pixels,
        labels=shown,
        lesion_mask=picture.lesion_mask,
        findings_masks=picture.findings_masks,
    )


def phantoms(domain: str, seed: int, count: int, side: int = 224) -> Iterator[PhantomSample]:
    """The phantoms of indices 0 to count − 1, made one by one as they are asked for.

    Raises:
        SettingsError: as `phantom`; at the call, not at the first sample.
    """
    _domain(domain)
    _whole("seed", seed, 0)
    _whole("count", count, 0)
    _whole("side", side, SMALLEST_SIDE, LARGEST_SIDE)
    return (phantom(domain, seed, index, side) for index in range(count))


def _domain(name: str) -> Domain:
    try:
        return DOMAINS[name]
    except (KeyError, TypeError):
        raise SettingsError(
            f"{name!r} is no domain of phantoms",
            subject="domain",
            remedy=f"Allowed: {', '.join(DOMAINS)}",
        ) from None


def _is_whole(value: object) -> bool:
    """An integer of Python or NumPy; True and False are answers, not numbers."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _whole(field: str, value: int, low: int, high: int | None = None) -> None:
    if _is_whole(value) and low <= value and (high is None or value <= high):
        return
    upper = "" if high is None else f" up to {high}"
    raise SettingsError(
        f"{value!r} is refused", subject=field, remedy=f"Allowed: a whole number from {low}{upper}"
    )


def _draw_labels(domain: Domain, sources: Sources) -> tuple[int, ...]:
    rng, count = sources.labels, len(domain.classes)
    if domain.task == "single-label":
        return (int(rng.integers(count)),)
    return tuple(int(draw < FINDING_SHARE) for draw in rng.uniform(size=count))


def _checked_labels(domain: Domain, labels: Sequence[int]) -> tuple[int, ...]:
    count = len(domain.classes)
    wanted, top = (1, count - 1) if domain.task == "single-label" else (count, 1)
    given = tuple(labels) if isinstance(labels, Iterable) else None
    if given and len(given) == wanted and all(_is_whole(v) and 0 <= v <= top for v in given):
        return tuple(int(v) for v in given)
    what = (
        f"a sequence of one class index from 0 to {top}"
        if domain.task == "single-label"
        else f"a sequence with a 0 or 1 for each of {', '.join(domain.classes)}"
    )
    raise SettingsError(f"{labels!r} is refused", subject="labels", remedy=f"Allowed: {what}")
