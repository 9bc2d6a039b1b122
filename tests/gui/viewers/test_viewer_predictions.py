"""What the predictions and feature docks say."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QLocale
from viewer_cases import (
    card,
    color_frame,
    grey_frame,
    open_case,
    outcome,
    plan_for,
    predicted,
    says,
)

from medadv_desktop.audit.requests import FeatureRequest, FeatureResult
from medadv_desktop.gui.docks import features, predictions
from medadv_desktop.gui.viewers.bars import sections_of
from medadv_desktop.gui.viewers.colormaps import heat_table
from medadv_desktop.gui.viewers.features import default_layer, map_pairs, tile
from medadv_desktop.gui.viewers.wording import number, probability, verdict_text

IMAGE = np.full((1, 20, 20), 0.5, np.float32)
FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural thickening",
    "Hernia",
)


def attacked(bench, clean, after, labels=None, **changes):
    frame, plan = grey_frame(), plan_for(grey_frame())
    predicted(bench, frame, IMAGE, plan, clean)
    bench.case.labels = labels
    result = outcome(frame, plan, IMAGE, IMAGE + np.float32(4 / 255), clean, after, **changes)
    bench.case.set_outcome(result)
    return result


def test_that_the_headline_says_what_became_of_it(bench, show):
    panel = show(predictions.DOCK.build(bench), 280, 400)
    of = card()
    attacked(bench, says(of, 0.03, 0.97), says(of, 0.97, 0.03), labels=(1,), reference=(1,))
    assert panel.headline.text() == "Attack succeeded: melanoma → naevus"
    assert panel.measures.text() == "3 steps · ‖δ‖∞ 4.0/255 · ‖δ‖₂ 0.31"
    assert panel.reference.text() == "Reference: the true label (melanoma)"


def test_that_a_failed_attack_is_told_as_such(bench, show):
    panel = show(predictions.DOCK.build(bench), 280, 400)
    of = card()
    attacked(bench, says(of, 0.9, 0.1), says(of, 0.7, 0.3), success=False, steps=1)
    assert panel.headline.text() == "Attack failed: still naevus"
    assert panel.measures.text().startswith("1 step ·")


def test_that_a_goal_met_without_an_attack_is_not_called_a_success(bench, show):
    panel = show(predictions.DOCK.build(bench), 280, 400)
    of = card()
    attacked(bench, says(of, 0.1, 0.9), says(of, 0.1, 0.9), labels=(0,), steps=0, linf=0.0)
    assert panel.headline.text() == "Goal already met without an attack: melanoma"


def test_that_a_goal_met_by_a_random_start_alone_is_a_success_of_the_attack(bench, show):
    panel = show(predictions.DOCK.build(bench), 280, 400)
    of = card()
    attacked(bench, says(of, 0.9, 0.1), says(of, 0.1, 0.9), steps=0, linf=0.01 / 255)
    assert panel.headline.text() == "Attack succeeded: naevus → melanoma"
    assert "0.010/255" in panel.measures.text()


def test_that_flipped_findings_are_named(bench, show):
    panel = show(predictions.DOCK.build(bench), 280, 400)
    of = card(multi=True)
    attacked(
        bench,
        says(of, 0.9, 0.1, 0.1),
        says(of, 0.2, 0.8, 0.1),
        reference=(1, 0, 0),
        reference_is_prediction=True,
    )
    assert panel.headline.text() == "Attack succeeded: effusion hidden, mass inserted"
    assert panel.reference.text() == (
        "Reference: the clean prediction (effusion), as no true label is known"
    )


def test_that_rows_hold_numbers_thresholds_flips_and_true_labels():
    of = card(multi=True)
    clean, after = says(of, 0.97, 0.1, 0.1), says(of, 0.03, 0.1, 0.1)
    (section,) = sections_of(clean, after, None, None, (1, 0, 0))
    first, second, _ = section.rows
    assert first.first.text == "0.97 → 0.03"
    assert first.first.flipped
    assert first.true is True
    assert first.first.threshold == 0.5
    assert second.first.text == "0.10 → 0.10"
    assert not second.first.flipped
    assert second.true is False


def test_that_without_labels_no_row_claims_a_truth():
    of = card()
    (section,) = sections_of(says(of, 0.9, 0.1), None, None, None, None)
    assert [row.true for row in section.rows] == [None, None]
    assert section.rows[0].first.text == "0.90"
    assert not section.rows[0].first.flipped


def test_that_a_second_model_stands_beside_the_first_where_classes_are_the_same():
    of = card()
    clean, after = says(of, 0.9, 0.1), says(of, 0.1, 0.9)
    (section,) = sections_of(clean, after, says(of, 0.8, 0.2), says(of, 0.7, 0.3), None)
    assert section.rows[0].second.text == "0.80 → 0.70"
    grades = card(name="Grades", classes=("none", "mild", "severe"))
    mine, other = sections_of(clean, after, says(grades, 0.5, 0.3, 0.2), None, None)
    assert mine.rows[0].second is None
    assert other.title == "Grades"
    assert [row.name for row in other.rows] == ["none", "mild", "severe"]


def test_that_before_an_attack_the_clean_verdict_and_the_coming_reference_are_said(bench, show):
    panel = show(predictions.DOCK.build(bench), 280, 400)
    predicted(bench, grey_frame(), IMAGE, plan_for(grey_frame()))
    assert panel.headline.text() == "Clean image: naevus 0.97"
    assert panel.reference.text() == (
        "No true label is known: the clean prediction is the reference."
    )


def test_that_the_empty_dock_says_what_to_do(bench, show):
    panel = show(predictions.DOCK.build(bench), 280, 400)
    assert panel.empty.text() == "Open an image to see what a model says of it."
    open_case(bench, grey_frame())
    assert panel.empty.text() == "Choose a model to see what it says of this image."


def test_that_fourteen_findings_fit_a_narrow_dock(bench, show):
    of = card(multi=True).model_copy(update={"classes": FINDINGS, "thresholds": tuple([0.5] * 14)})
    panel = show(predictions.DOCK.build(bench), 280, 500)
    clean, after = says(of, *[0.2] * 14), says(of, *[0.8] * 14)
    attacked(bench, clean, after, reference=(0,) * 14)
    assert len(panel.bars.sections[0].rows) == 14
    assert panel.bars.width() <= 280
    described = panel.bars.accessibleDescription().splitlines()
    assert len(described) == 14
    assert described[1] == (
        "Cardiomegaly: clean 0.2000, adversarial 0.8000 (decision flipped); present from 0.50"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.00"), (0.001, "<0.01"), (0.03, "0.03"), (0.996, ">0.99"), (1.0, "1.00")],
)
def test_that_a_probability_is_never_rounded_to_certainty(value, text):
    assert probability(value) == text


def test_that_numbers_follow_the_locale():
    QLocale.setDefault(QLocale(QLocale.Language.German))
    assert number(-0.25) == "−0,25"
    assert number(0.0, 1, sign=True) == "0,0"
    assert number(-0.001, 1) == "0,0"


def test_that_a_verdict_names_few_findings_and_counts_the_rest():
    of = card(multi=True)
    assert verdict_text(says(of, 0.1, 0.1, 0.1)) == "no finding"
    assert verdict_text(says(of, 0.9, 0.9, 0.1)) == "effusion, mass"
    assert verdict_text(says(of, 0.9, 0.9, 0.9)) == "effusion, mass and 1 more"


def feature_result(adversarial: bool = True) -> FeatureResult:
    original = np.zeros((2, 4, 6), np.float32)
    original[0, 0, 0] = 1.0
    after = original * 0 + 2.0 if adversarial else None
    request = FeatureRequest("net", "block2", IMAGE, IMAGE)
    return FeatureResult(request, original, after, (37, 5), np.array([1.2, 0.4]), 0.734)


def test_that_a_pair_of_feature_maps_shares_one_scale():
    pair = map_pairs(feature_result())[0]
    assert (pair.channel, pair.low, pair.high) == (37, 0.0, 2.0)
    table = [tuple(map(int, c)) for c in heat_table()]
    assert pair.adversarial.pixelColor(0, 0).getRgb()[:3] == table[255]
    assert pair.original.pixelColor(0, 0).getRgb()[:3] == table[128]  # 1.0 of 2.0
    assert pair.original.pixelColor(5, 3).getRgb()[:3] == table[0]


@pytest.mark.parametrize(
    ("layers", "chosen"),
    [
        (("stem", "block1", "block2", "pool"), 2),
        (("features.norm5", "classifier"), 0),
        (("head",), 0),
        (("a.pool", "a.conv", "b.fc"), 1),
    ],
)
def test_that_the_default_layer_is_the_last_that_still_has_maps(layers, chosen):
    assert default_layer(layers) == chosen


def test_that_the_layer_nearest_to_the_decision_is_asked_for_once(bench, show):
    panel = show(features.DOCK.build(bench), 280, 300)
    predicted(bench, grey_frame(), IMAGE, plan_for(grey_frame()))
    assert panel.layer.currentText() == "block2"
    assert bench.controller.asked == ["block2"]
    bench.jobs.add(1, "Features")
    assert panel.grid.message == "The engine is at work…"
    bench.case.set_features(feature_result())
    assert [p.channel for p in panel.grid.pairs] == [37, 5]
    assert panel.distance.full_text() == "moved by 0.734 of its length"
    assert bench.controller.asked == ["block2"]


def test_that_maps_are_asked_for_again_after_another_second_model_took_them_away(bench, show):
    panel = show(features.DOCK.build(bench), 280, 300)
    predicted(bench, grey_frame(), IMAGE, plan_for(grey_frame()))
    bench.case.set_features(feature_result())
    bench.case.set_second_model("other")
    assert bench.controller.asked == ["block2", "block2"]
    bench.case.set_features(feature_result())
    assert panel.grid.pairs


def test_that_a_hidden_feature_dock_asks_for_nothing(bench, show):
    panel = show(features.DOCK.build(bench), 280, 300)
    panel.hide()
    predicted(bench, grey_frame(), IMAGE, plan_for(grey_frame()))
    assert bench.controller.asked == []
    panel.show()
    assert bench.controller.asked == ["block2"]


def test_that_a_chosen_layer_is_kept_for_the_outcome(bench, show):
    panel = show(features.DOCK.build(bench), 280, 300)
    frame, plan = grey_frame(), plan_for(grey_frame())
    predicted(bench, frame, IMAGE, plan)
    panel.layer.setCurrentIndex(0)
    panel.layer.activated.emit(0)
    bench.case.set_outcome(outcome(frame, plan, IMAGE, IMAGE))
    assert bench.controller.asked == ["block2", "stem", "stem"]


@pytest.mark.parametrize(
    ("width", "room", "across", "down"),
    [(264, 300, 1, 2), (760, 240, 1, 2), (760, 90, 2, 1), (264, 140, 1, 2)],
)
def test_that_pairs_stand_beside_each_other_only_where_it_is_low_and_wide(
    width, room, across, down
):
    tiling = tile(8, 2, width, room)
    assert (tiling.across, tiling.down) == (across, down)
    assert tiling.columns * (tiling.width + 8) - 8 <= width
    if room != 140:  # too low for two maps that can still be read: it scrolls
        assert tiling.height <= room


def test_that_feature_maps_scroll_down_where_the_dock_is_narrow(bench, show):
    panel = show(features.DOCK.build(bench), 280, 200)
    predicted(bench, color_frame(), IMAGE, plan_for(color_frame()))
    bench.case.set_features(feature_result())
    assert panel.grid.width() <= 280
    assert panel.grid.heightForWidth(100) > panel.grid.heightForWidth(400)
