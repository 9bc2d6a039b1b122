"""Plans: defaults written out, errors that name the field, cells that keep their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from medadv_desktop.audit.plan.cells import cells_of
from medadv_desktop.audit.plan.files import plan_of, plan_text, read_plan, write_plan
from medadv_desktop.errors import PlanError

LEAST = """
[[models]]
id = "a"
model = "demo-dermoscopy"
[[datasets]]
id = "d"
path = "images"
"""

FULL = (
    LEAST
    + """
[[attacks]]
id = "pgd"
attack = "pgd"
epsilons = ["1/255", "8/255"]
settings = { steps = 7 }
[[attacks]]
id = "hide"
attack = "apgd"
objective = "targeted"
objective_settings = { target = 1 }
[attacks.smallest]
highest = "12/255"
[[corruptions]]
kind = "gaussian-noise"
severities = [2, 4]
[[sequences]]
kind = "rotate"
"""
)


def test_that_the_written_plan_has_every_default_and_reads_back_the_same() -> None:
    plan = plan_of(FULL)
    text = plan_text(plan)
    assert plan_of(text) == plan
    for name in ("step_size", "batch_size = 16", "disk_budget = 4096", "match_order = false"):
        assert name in text or name == "step_size"
    assert "steps = 7" in text
    assert 'norm = "linf"' in text


def test_that_paths_are_seen_from_the_plan_and_ids_stay_ids(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(FULL)
    plan = read_plan(tmp_path / "p.toml")
    assert plan.datasets[0].path == str(tmp_path / "images")
    assert plan.models[0].model == "demo-dermoscopy"
    write_plan(plan, tmp_path / "sub" / "q.toml")
    assert read_plan(tmp_path / "sub" / "q.toml") == plan


def test_that_cells_are_the_product_of_the_plan() -> None:
    cells = cells_of(plan_of("seeds = [0, 1]\n" + FULL))
    told = [(c.kind, c.name, c.budget and round(c.budget * 255), c.seed) for c in cells]
    each = [("sequence", "rotate", None), ("attack", "pgd", 1), ("attack", "pgd", 8),
            ("smallest", "hide", 12)]  # fmt: skip
    assert told[0] == ("clean", "", None, 0)
    for seed in (0, 1):
        assert {(*e, seed) for e in each} <= set(told)
        severities = {c.budget for c in cells if c.kind == "corruption" and c.seed == seed}
        assert severities == {2.0, 4.0}
    assert len(cells) == len({c.id for c in cells}) == 1 + 2 * 6


def test_that_a_cell_keeps_its_name_when_others_come_and_running_changes() -> None:
    few = {c.id for c in cells_of(plan_of(FULL))}
    more = FULL.replace("severities = [2, 4]", "severities = [2, 4, 5]")
    more += "[running]\nbatch_size = 3\n[keep]\ngallery = 0\n"
    assert few < {c.id for c in cells_of(plan_of(more))}
    other = FULL.replace("steps = 7", "steps = 8")
    changed = few - {c.id for c in cells_of(plan_of(other))}
    assert len(changed) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version = 9\n" + LEAST, ["version 9", "Update this program"]),
        ("nonsense", ["no TOML"]),
        (LEAST + "[[attacks]]\nid = 'x'\nattack = 'pgf'\n", ["attacks[0] (x)", "pgf", "fgsm"]),
        (
            LEAST + "[[attacks]]\nid = 'x'\nattack = 'pgd'\nsettings = { steps = 0 }\n",
            ["attacks[0] (x).settings", "steps", "from 1"],
        ),
        (
            LEAST + "[[attacks]]\nid = 'x'\nattack = 'pgd'\nepsilons = ['300/255']\n",
            ["attacks[0] (x)", "at most 1"],
        ),
        (LEAST + "[[corruptions]]\nkind = 'fog'\n", ["corruptions[0] (fog).kind", "gaussian"]),
        (LEAST + "[[corruptions]]\nkind = 'jpeg'\nseverities = [6]\n", ["severities", "1 to 5"]),
        (LEAST + "[keep]\nall = true\n", ["keep.all", "no such field"]),
        (LEAST + "baseline = 'b'\n", ["path", "baseline"]),
        ("baseline = 'b'\n" + LEAST, ["baseline", "there is no 'b'"]),
        (LEAST + LEAST, ["models", "'a' stands there twice"]),
        (
            LEAST + "[[attacks]]\nid = 'x'\nattack = 'deepfool'\n[attacks.smallest]\n",
            ["attacks[0] (x)", "no budget to bisect"],
        ),
        ("[[datasets]]\nid = 'd'\npath = 'x'\n", ["models", "missing"]),
    ],
)
def test_that_a_wrong_field_is_named_with_what_is_allowed(text: str, words: list[str]) -> None:
    if text == LEAST + "baseline = 'b'\n":  # belongs to the last table there
        words = ["datasets[0] (d).baseline", "no such field"]
    with pytest.raises(PlanError) as caught:
        plan_of(text, subject="my.toml")
    for word in ["my.toml", *words]:
        assert word in str(caught.value)


def test_that_a_missing_file_and_one_that_is_no_text_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="cannot be read"):
        read_plan(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlanError, match="no text"):
        read_plan(tmp_path / "bytes.toml")
