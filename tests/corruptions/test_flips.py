"""Flip probability, flip rate and corruption error against loops and hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medadv_desktop.corruptions.flips import (
    corruption_error,
    flip_probability,
    flips_of,
    mean_flip_rate,
    relative_corruption_error,
)
from medadv_desktop.errors import CorruptionError


def counted(sequence: list[int], noise: bool) -> float:
    """The share of flips of one sequence, counted."""
    flips = 0
    for j in range(1, len(sequence)):
        flips += sequence[j] != sequence[0 if noise else j - 1]
    return flips / (len(sequence) - 1)


def test_that_hand_counted_sequences_flip_as_often_as_they_do() -> None:
    decisions = np.array([[0, 0, 1, 1, 0], [2, 2, 2, 2, 2]])
    assert flip_probability(decisions, noise=False) == (2 / 4 + 0) / 2
    assert flip_probability(decisions, noise=True) == (2 / 4 + 0) / 2
    drifting = np.array([[0, 1, 1, 1, 1]])
    assert flip_probability(drifting, noise=False) == 1 / 4
    assert flip_probability(drifting, noise=True) == 1


def test_that_findings_are_counted_each_for_itself_and_divided_by_the_comparisons() -> None:
    decisions = np.zeros((1, 10, 3), bool)
    decisions[0, ::2, 1] = True
    decisions[0, 5:, 2] = True
    assert flip_probability(decisions, noise=False) == pytest.approx([0, 1, 1 / 9])
    assert flip_probability(decisions, noise=True) == pytest.approx([0, 5 / 9, 5 / 9])


@given(
    arrays(
        np.int64,
        st.tuples(st.integers(1, 6), st.integers(2, 8)),
        elements=st.integers(0, 3),
    ),
    st.booleans(),
)
def test_that_any_decisions_are_counted_as_by_a_loop(decisions: np.ndarray, noise: bool) -> None:
    each = [counted(row, noise) for row in decisions.tolist()]
    assert flips_of(decisions, noise) == pytest.approx(each)
    assert flip_probability(decisions, noise) == pytest.approx(sum(each) / len(each))
    findings = np.stack([decisions == 1, decisions == 2], -1)
    expected = [np.mean([counted(row, noise) for row in findings[..., k].tolist()]) for k in (0, 1)]
    assert flip_probability(findings, noise) == pytest.approx(expected)


@pytest.mark.parametrize(
    "decisions",
    [np.zeros((0, 10), int), np.zeros((2, 1), int), np.zeros(5, int), np.zeros((2, 3))],
    ids=["no sequence", "one frame", "one axis", "floats"],
)
def test_that_what_cannot_be_compared_is_refused(decisions: np.ndarray) -> None:
    with pytest.raises(CorruptionError):
        flip_probability(decisions, noise=False)


def test_that_the_mean_flip_rate_is_the_mean_of_quotients() -> None:
    found = mean_flip_rate({"rotate": 0.1, "snow": 0.3}, {"rotate": 0.2, "snow": 0.2})
    assert found.by_kind == pytest.approx({"rotate": 0.5, "snow": 1.5})
    assert found.mean == pytest.approx(1.0)
    assert found.undefined == ()


def test_that_a_baseline_that_never_flips_leaves_a_kind_undefined() -> None:
    found = mean_flip_rate({"rotate": 0.1, "snow": 0.3}, {"rotate": 0.0, "snow": 0.2})
    assert found.by_kind["rotate"] is None
    assert found.undefined == ("rotate",)
    assert found.mean == pytest.approx(1.5)
    assert mean_flip_rate({"rotate": 0.1}, {"rotate": 0.0}).mean is None


def test_that_corruption_errors_follow_their_equations() -> None:
    errors = {"hair": [0.1, 0.2, 0.3], "jpeg": [0.2, 0.2, 0.2]}
    baseline = {"hair": [0.2, 0.4, 0.6], "jpeg": [0.3, 0.3, 0.6]}
    found = corruption_error(errors, baseline)
    assert found.by_kind == pytest.approx({"hair": 0.5, "jpeg": 0.5})
    assert found.mean == pytest.approx(0.5)
    relative = relative_corruption_error(errors, baseline, 0.1, 0.2)
    assert relative.by_kind == pytest.approx({"hair": 0.3 / 0.6, "jpeg": 0.3 / 0.6})
    assert corruption_error(errors, errors).mean == pytest.approx(1)


def test_that_a_baseline_without_loss_leaves_the_relative_error_undefined() -> None:
    found = relative_corruption_error({"hair": [0.3]}, {"hair": [0.2]}, 0.1, 0.2)
    assert found.undefined == ("hair",)
    assert found.mean is None


@pytest.mark.parametrize(
    ("own", "baseline"),
    [
        ({}, {}),
        ({"hair": [0.1]}, {"jpeg": [0.1]}),
        ({"hair": [0.1]}, {"hair": [0.1, 0.2]}),
        ({"hair": []}, {"hair": []}),
        ({"hair": [1.1]}, {"hair": [0.1]}),
        ({"hair": [float("nan")]}, {"hair": [0.1]}),
    ],
)
def test_that_figures_that_do_not_correspond_are_refused(
    own: dict[str, list[float]], baseline: dict[str, list[float]]
) -> None:
    with pytest.raises(CorruptionError):
        corruption_error(own, baseline)
