"""Groups of patients: counted by hand, flagged when small, compared when they are not."""

from __future__ import annotations

import numpy as np
import pytest

from medadv_desktop.analysis.metrics.proportions import Rate, independent_difference
from medadv_desktop.analysis.metrics.subgroups import by_group, means_by_group, rows_of_groups


def test_that_groups_stand_by_name_with_the_unknown_last() -> None:
    rows = rows_of_groups(["m", "", "f", "m"])
    assert [(name, own.tolist()) for name, own in rows.items()] == [
        ("f", [2]),
        ("m", [0, 3]),
        ("", [1]),
    ]
    assert rows_of_groups([]) == {}


def test_that_shares_are_counted_in_each_group_and_the_small_are_flagged() -> None:
    names = ["a"] * 20 + ["b"] * 12 + ["c"] * 3 + [""] * 15
    hits = np.array(
        [True] * 15 + [False] * 5 + [True] * 4 + [False] * 8 + [False] * 3 + [True] * 15
    )
    found = by_group(names, hits)
    assert [(g.name, g.rate, g.small) for g in found.groups] == [
        ("a", Rate(15, 20), False),
        ("b", Rate(4, 12), False),
        ("c", Rate(0, 3), True),
        ("", Rate(15, 15), False),
    ]
    # Neither the small group nor the unknown makes the gap.
    assert found.gap is not None
    assert (found.gap.highest, found.gap.lowest) == ("a", "b")
    assert found.gap.difference == independent_difference(Rate(15, 20), Rate(4, 12))


def test_that_shares_may_count_some_samples_only() -> None:
    hits = np.array([True, False, True, True])
    found = by_group(["a", "a", "b", "b"], hits, np.array([True, True, False, True]))
    assert [g.rate for g in found.groups] == [Rate(1, 2), Rate(1, 1)]
    assert found.gap is None


def test_that_means_leave_out_what_is_not_finite_and_say_how_many_remain() -> None:
    found = means_by_group(["a", "a", "a", "b"], np.array([1.0, 3.0, np.inf, np.nan]))
    assert (found[0].samples, found[1].samples) == (2, 0)
    assert found[0].mean is not None
    assert found[0].mean.value == 2.0
    assert found[0].mean.high == pytest.approx(2 + 1.959963984540054 * np.sqrt(2) / np.sqrt(2))
    assert found[1].mean is None
