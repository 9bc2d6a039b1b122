"""Two audits side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medadv_desktop.analysis.metrics.proportions import mcnemar, paired_difference
from medadv_desktop.audit.comparison import (
    Comparison,
    compare,
    describe_comparison,
    plan_differences,
)
from medadv_desktop.audit.masking import Naming
from medadv_desktop.audit.store.store import AuditStore
from medadv_desktop.errors import AuditError
from medadv_desktop.jobs import CancelToken, JobCancelled
from tests.audit_store.building import PLAN, SMALL_PLAN, build_audit, plan_from_text


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_audit(tmp_path_factory.mktemp("run"), images=False)


@pytest.fixture(scope="module")
def models(run: Path) -> Comparison:
    return compare(run, run, models=("plain", "defended"))


def test_that_two_models_of_one_audit_are_compared_sample_by_sample(
    run: Path, models: Comparison
) -> None:
    cell = next(c for c in models.cells if c.first.name == "pgd" and c.first.budget == 4 / 255)
    with AuditStore.open(run) as store:
        mine, theirs = (store.rows(own.id) for own in (cell.first, cell.second))
    robust = [rows.right_before & rows.right_after for rows in (mine, theirs)]
    assert cell.paired
    assert cell.samples == 60
    assert cell.robust is not None
    assert (cell.robust.first.value, cell.robust.second.value) == (
        robust[0].mean(), robust[1].mean(),
    )  # fmt: skip
    assert cell.robust.p == mcnemar(*robust).p
    assert cell.robust.difference == paired_difference(robust[1], robust[0])
    np.testing.assert_array_equal(cell.now_right, np.flatnonzero(robust[1] & ~robust[0]))
    np.testing.assert_array_equal(cell.now_wrong, np.flatnonzero(robust[0] & ~robust[1]))


def test_that_every_cell_of_both_models_has_its_counterpart(models: Comparison) -> None:
    assert len(models.cells) == 13
    assert models.only_first == models.only_second == ()
    assert models.plan == models.warnings == ()
    for cell in models.cells:
        one, other = cell.first, cell.second
        assert (one.kind, one.name, one.budget) == (other.kind, other.name, other.budget)


def test_that_clean_images_have_no_robust_accuracy_and_sequences_have_flips(
    models: Comparison,
) -> None:
    by_kind = {cell.first.kind: cell for cell in models.cells}
    assert by_kind["clean"].robust is None
    flips = by_kind["sequence"].flips
    assert flips is not None
    assert flips.difference is not None
    assert flips.difference.value == pytest.approx(flips.second.value - flips.first.value)
    assert flips.difference.low is not None
    assert flips.difference.low < flips.difference.value


def test_that_other_samples_are_compared_as_independent_ones_with_a_warning(
    tmp_path: Path,
) -> None:
    first = build_audit(tmp_path / "1", SMALL_PLAN, images=False)
    second = build_audit(tmp_path / "2", SMALL_PLAN, images=False, samples=40, sha256="cd")
    found = compare(first, second)
    assert any("the samples differ" in w for w in found.warnings)
    assert any("weights differ" in w for w in found.warnings)
    cell = found.cells[1]
    assert not cell.paired
    assert cell.robust is not None
    assert cell.robust.p is None
    assert cell.robust.difference is not None
    assert cell.robust.difference.method == "Newcombe"
    assert not len(cell.now_wrong)


def test_that_an_unfinished_cell_is_named_as_having_no_counterpart(tmp_path: Path) -> None:
    first = build_audit(tmp_path / "1", SMALL_PLAN, images=False)
    second = build_audit(
        tmp_path / "2", SMALL_PLAN, images=False, finished=lambda c: c.budget != 4 / 255
    )
    found = compare(first, second)
    assert [cell.budget for cell in found.only_first] == [4 / 255]
    assert found.only_second == ()


def test_that_plans_are_compared_field_by_field_whatever_the_order_of_entries() -> None:
    one = plan_from_text(PLAN)
    text = PLAN.replace('name = "Synthetic audit"', 'name = "Other"')
    text = text.replace("severities = [1, 3, 5]", "severities = [1, 5]")
    models = text.index("[[models]]"), text.index("[[datasets]]")
    plain, defended = text[slice(*models)].split("[[models]]")[1:]
    turned = f"[[models]]{defended}[[models]]{plain}"
    other = plan_from_text(text[: models[0]] + turned + text[models[1] :])
    found = {d.field: (d.first, d.second) for d in plan_differences(one, other)}
    assert found == {
        "name": ("Synthetic audit", "Other"),
        "corruptions.gaussian-noise.severities": ([1, 3, 5], [1, 5]),
    }


def test_that_an_attack_with_other_settings_is_compared_with_a_note(tmp_path: Path) -> None:
    first = build_audit(tmp_path / "1", SMALL_PLAN, images=False)
    other = SMALL_PLAN.replace('attack = "pgd"', 'attack = "pgd"\nsettings = { steps = 3 }')
    second = build_audit(tmp_path / "2", other, images=False)
    found = compare(first, second)
    assert found.cells[1].notes == ("the attack itself differs: settings",)
    assert [d.field for d in found.plan] == ["attacks.pgd.settings.steps"]


def test_that_a_run_is_not_compared_with_itself_nor_with_models_it_lacks(
    run: Path, tmp_path: Path
) -> None:
    with pytest.raises(AuditError, match="itself"):
        compare(run, run)
    with pytest.raises(AuditError, match="no model 'absent'"):
        compare(run, run, models=("plain", "absent"))
    with pytest.raises(AuditError, match="no audit"):
        compare(run, tmp_path)


def test_that_a_cancelled_comparison_ends(run: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        compare(run, run, models=("plain", "defended"), token=token)


def test_that_what_is_written_tells_no_folder_of_data(tmp_path: Path) -> None:
    first = build_audit(tmp_path / "1", SMALL_PLAN, images=False)
    other = SMALL_PLAN.replace('path = "skin"', 'path = "doe-john"')
    second = build_audit(tmp_path / "2", other, images=False)
    found = compare(first, second)
    assert "doe" not in str(describe_comparison(found, Naming())["plan"])
    assert "doe-john" in str(describe_comparison(found, Naming(identifiers=True))["plan"])
