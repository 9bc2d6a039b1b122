"""All figures of a cell: that they agree with each other, the cheap part and the dear."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from medadv_desktop.analysis.metrics.areas import areas
from medadv_desktop.analysis.metrics.cell import CellFigures, cell_figures
from medadv_desktop.analysis.metrics.figures import Judged, figures, log_odds
from medadv_desktop.analysis.metrics.plain import plain
from medadv_desktop.analysis.metrics.proportions import Rate


def judged(seed: int, truth: np.ndarray, noise: float, *, multi_label: bool) -> Judged:
    generator = np.random.default_rng(seed)
    logits = 2 * truth - 1 + noise * generator.normal(size=truth.shape)
    if multi_label:
        return Judged(truth, logits > 0, logits, 1 / (1 + np.exp(-logits)))
    given = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    decided = logits.argmax(axis=1)[:, None] == np.arange(truth.shape[1])
    return Judged(truth, decided, log_odds(logits), given)


def labels(n: int, k: int, *, multi_label: bool) -> np.ndarray:
    generator = np.random.default_rng(n + k)
    if multi_label:
        return generator.random((n, k)) < 0.4
    return generator.integers(0, k, n)[:, None] == np.arange(k)


def cell(k: int = 3, *, multi_label: bool = False, dear: bool = True) -> CellFigures:
    truth = labels(90, k, multi_label=multi_label)
    clean = judged(0, truth, 0.7, multi_label=multi_label)
    attacked = judged(1, truth, 1.5, multi_label=multi_label)
    return cell_figures(
        "abcdef"[:k],
        clean,
        attacked,
        multi_label=multi_label,
        success=~attacked.right[:50],
        minimal_epsilon=np.where(attacked.right, np.inf, np.arange(90) / 90),
        searched_to=1.0,
        groups={"sex": ["m", "f", ""] * 30, "patient": [f"p{i}" for i in range(90)] * 1},
        dear=dear,
    )


@pytest.mark.parametrize(("k", "multi_label"), [(2, False), (3, False), (4, True), (2, True)])
def test_that_the_parts_of_a_cell_agree(k: int, multi_label: bool) -> None:
    found = cell(k, multi_label=multi_label)
    assert found.attacked is not None
    own, after = found.clean, found.attacked
    assert own.areas is not None
    assert own.areas.macro is not None
    assert found.figures.area == own.areas.macro.value
    n = 90
    if multi_label:
        assert own.confusion.counts.sum() == n * k
        counts = own.confusion.counts[1]
        assert found.figures.classes[1].operating is not None
        assert found.figures.classes[1].operating.true_positives == counts[1, 1]
        assert found.figures.balanced_accuracy is None
    else:
        assert found.figures.clean_accuracy == Rate(int(np.trace(own.confusion.counts)), n)
        assert after.confusion.counts.sum() == n
    for entry, area, curve, mean in zip(
        found.figures.classes, own.areas.classes, own.roc, own.class_calibration, strict=True
    ):
        assert area is not None
        assert curve is not None
        assert mean is not None
        assert entry.area == area.value
        rise = np.diff(curve.false_positive_rate)
        height = np.array(curve.true_positive_rate)
        assert float(rise @ (height[1:] + height[:-1]) / 2) == pytest.approx(area.value)
    sex = found.subgroups[0]
    assert [group.name for group in sex.groups] == ["f", "m", ""]
    assert sum(g.figures.clean_accuracy.count for g in sex.groups) == (
        found.figures.clean_accuracy.count
    )
    assert sex.robust_accuracy is not None
    assert [g.rate for g in sex.robust_accuracy.groups] == [
        g.figures.robust_accuracy for g in sex.groups
    ]


def test_that_the_cheap_part_is_the_same_figures_without_what_needs_sorting() -> None:
    cheap, dear = cell(dear=False), cell()
    assert cheap.clean.areas is None
    assert cheap.clean.roc == ()
    assert cheap.figures.area is None
    assert cheap.figures.clean_accuracy == dear.figures.clean_accuracy
    assert cheap.figures.robust_accuracy == dear.figures.robust_accuracy
    assert cheap.figures.macro_f1 == dear.figures.macro_f1
    np.testing.assert_array_equal(cheap.clean.confusion.counts, dear.clean.confusion.counts)


def test_that_a_group_is_judged_by_its_own_samples() -> None:
    truth = labels(60, 3, multi_label=False)
    side = judged(0, truth, 1.0, multi_label=False)
    names = np.array(["a", "b"] * 30)
    found = cell_figures("abc", side, multi_label=False, groups={"site": list(names)})
    own = names == "b"
    part = Judged(side.truth[own], side.decided[own], side.scores[own])
    group = found.subgroups[0].groups[1]
    assert group.figures == figures("abc", part)
    assert group.areas == areas(part.scores, part.truth)
    assert found.subgroups[0].robust_accuracy is None


def test_that_a_column_that_names_patients_is_told_and_not_grouped() -> None:
    n = 101
    truth = labels(n, 2, multi_label=False)
    side = judged(0, truth, 1.0, multi_label=False)
    found = cell_figures(
        "ab", side, multi_label=False, groups={"patient": [str(i) for i in range(n)]}, dear=False
    )
    assert (found.subgroups[0].distinct, found.subgroups[0].groups) == (n, ())
    with pytest.raises(ValueError, match="patient has 1 values for 101 samples"):
        cell_figures("ab", side, multi_label=False, groups={"patient": ["x"]})


def test_that_no_samples_have_no_figures_and_no_error() -> None:
    nothing = Judged(*[np.zeros((0, 3), np.bool_)] * 2, np.zeros((0, 3)), np.zeros((0, 3)))
    found = cell_figures(
        "abc",
        nothing,
        nothing,
        multi_label=False,
        minimal_epsilon=np.zeros(0),
        groups={"sex": []},
    )
    assert found.figures.clean_accuracy == Rate(0, 0)
    assert found.figures.area is None
    assert found.figures.macro_f1 is None
    assert found.clean.calibration is None
    assert found.budgets is None
    json.dumps(found.plain(), allow_nan=False)


def test_that_a_cell_is_plain_json_and_can_leave_out_what_is_drawn() -> None:
    found = cell(4, multi_label=True)
    whole = json.loads(json.dumps(found.plain(), allow_nan=False))
    assert whole["figures"]["clean_accuracy"] == {
        "value": found.figures.clean_accuracy.value,
        "count": found.figures.clean_accuracy.count,
        "of": 90,
        "low": found.figures.clean_accuracy.low,
        "high": found.figures.clean_accuracy.high,
    }
    first = whole["figures"]["classes"][0]
    assert first["operating"]["ppv"]["of"] == (
        first["operating"]["true_positives"] + first["operating"]["false_positives"]
    )
    assert len(whole["clean"]["roc"]) == 4
    short = found.plain(curves=False)
    assert "roc" not in short["clean"]
    assert "bins" not in short["clean"]["calibration"]
    assert "points" not in short["budgets"]
    assert short["clean"]["calibration"]["ece"] == whole["clean"]["calibration"]["ece"]


def test_that_what_json_has_no_word_for_is_refused() -> None:
    with pytest.raises(ValueError, match="no word"):
        plain({"value": np.array([1.0, np.inf])})


def test_that_the_cheap_part_loads_neither_torch_nor_scipy_nor_scikit_learn() -> None:
    code = (
        "import sys, numpy as np\n"
        "from medadv_desktop.analysis.metrics.cell import cell_figures\n"
        "from medadv_desktop.analysis.metrics.figures import Judged\n"
        "t = np.eye(2, dtype=bool)\n"
        "cell_figures('ab', Judged(t, t, t * 1.0), multi_label=False, dear=False)\n"
        "print([m for m in ('torch', 'scipy', 'sklearn', 'PySide6') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
