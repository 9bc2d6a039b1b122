"""Windowing policies, presets on disk, histograms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from imaging_samples import frame_of

from medadv_desktop.errors import SettingsError
from medadv_desktop.imaging.frame import ModalityTransform, Window
from medadv_desktop.imaging.histogram import histogram
from medadv_desktop.imaging.lookup import ModalityLut, VoiLut
from medadv_desktop.imaging.windowing import (
    FileVoi,
    Manual,
    MinMax,
    Percentile,
    Preset,
    file_policies,
    percentiles,
    presets_for,
    presets_path,
    read_presets,
    write_presets,
)

QUICK = settings(max_examples=40, deadline=None)
RANDOM = np.random.default_rng(11)


def ct(**fields: object) -> object:
    stored = RANDOM.integers(0, 3000, (40, 50)).astype(np.int16)
    stored[:5] = -2000
    fields.setdefault("modality", ModalityTransform(1, -1024, "HU"))
    return frame_of(stored, padding=(-2000.0, -2000.0), **fields)


def test_that_the_files_own_is_chosen_by_name_and_else_the_first() -> None:
    soft, lung = Window(40, 400, explanation="SOFT"), Window(-600, 1500, explanation="LUNG")
    table = VoiLut(np.array([0, 9], np.uint16), 0, 8, "NORMAL")
    frame = ct(windows=(soft, lung), voi_luts=(table,))
    assert FileVoi().window(frame) is soft
    assert FileVoi("LUNG").window(frame) is lung
    assert FileVoi("NORMAL").window(frame) is table
    assert FileVoi("BRAIN").window(frame) is soft


def test_that_every_choice_of_a_file_has_a_policy_also_without_a_name() -> None:
    choices = (Window(1, 2), Window(3, 4, explanation="SOFT"), Window(5, 6), Window(7, 8))
    frame = ct(windows=choices)
    policies = file_policies(frame)
    assert [policy.window(frame) for policy in policies] == list(choices)
    assert policies[1] == FileVoi("SOFT")
    assert file_policies(frame_of(np.zeros((2, 2), np.uint8))) == ()


def test_that_a_frame_without_a_window_of_its_own_gets_the_first_one_shown() -> None:
    frame = frame_of(np.array([[3, 7]], np.uint16))
    assert FileVoi("SOFT").window(frame) == Window(5.5, 5)


def test_that_min_and_max_leave_the_padding_out() -> None:
    frame = ct()
    inside = frame.stored[5:]
    low, high = int(inside.min()) - 1024, int(inside.max()) - 1024
    assert MinMax().window(frame) == Window((low + high + 1) / 2, high - low + 1)


def test_that_a_preset_and_a_manual_window_ignore_the_frame() -> None:
    assert Preset("Lung", -600, 1500).window(ct()) == Window(-600, 1500, "LINEAR", "Lung")
    own = Window(1, 2, "SIGMOID")
    assert Manual(own).window(ct()) is own


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.uint16, np.int16, np.int32, np.float32])
@pytest.mark.parametrize("slope", [1.0, -2.5])
def test_that_percentiles_are_numpys_of_the_pixels_that_are_no_padding(
    kind: type, slope: float
) -> None:
    @QUICK
    @given(
        arrays(kind, (5, 7), elements=st.integers(-60 if np.dtype(kind).kind != "u" else 0, 60)),
        st.tuples(st.floats(0, 100), st.floats(0, 100)).map(sorted),
    )
    def agrees(stored: np.ndarray, ends: list[float]) -> None:
        frame = frame_of(stored, modality=ModalityTransform(slope, 3), padding=(7.0, 9.0))
        pixels = stored[(stored < 7) | (stored > 9)].astype(float) * slope + 3
        if pixels.size:
            np.testing.assert_allclose(
                percentiles(frame, *ends), np.percentile(pixels, ends), atol=1e-6
            )

    agrees()


def test_that_percentiles_follow_a_modality_table_that_falls() -> None:
    lut = ModalityLut(np.array([900, 500, 100], np.uint16), 0, 16)
    frame = frame_of(np.array([[0, 1, 1, 2]], np.uint16), modality=ModalityTransform(lut=lut))
    assert percentiles(frame, 0, 100) == (100, 900)
    assert percentiles(frame, 50, 50) == (500, 500)


@pytest.mark.parametrize("ends", [(5, 5), (9, 1), (-1, 50), (50, 101)])
def test_that_an_impossible_span_of_percentiles_is_refused(ends: tuple[float, float]) -> None:
    with pytest.raises(SettingsError, match="percentile"):
        Percentile(*ends)


def test_that_a_percentile_window_shows_its_ends_as_black_and_white() -> None:
    window = Percentile(0, 100).window(frame_of(np.array([[10, 30]], np.uint16)))
    assert window == Window(20.5, 21)


def test_that_ct_has_its_organs_and_other_modalities_percentiles() -> None:
    names = {p.name for p in presets_for("CT") if isinstance(p, Preset)}
    assert {"Lung", "Bone", "Brain", "Mediastinum", "Liver", "Stroke", "Abdomen"} <= names
    assert not any(isinstance(p, Preset) for p in presets_for("MR"))
    assert any(isinstance(p, Percentile) for p in presets_for("DX"))


def test_that_own_presets_join_their_modality_and_replace_those_of_the_same_name() -> None:
    own = (Preset("Lung", -500, 1400, modality="CT"), Preset("Knee", 400, 800, modality="MR"))
    lungs = [p for p in presets_for("CT", own) if isinstance(p, Preset) and p.name == "Lung"]
    assert lungs == [own[0]]
    assert own[1] in presets_for("MR", own)
    assert own[1] not in presets_for("CT", own)


def test_that_presets_survive_the_disk(tmp_path: Path) -> None:
    presets = (
        Preset("Lunge – weit", -550.5, 1600, "LINEAR_EXACT", "CT"),
        Preset('quote " and \\', 1, 2, "SIGMOID"),
    )
    path = tmp_path / "deep" / "windows.toml"
    assert read_presets(path) == ()
    write_presets(presets, path)
    assert read_presets(path) == presets


def test_that_presets_lie_in_the_users_configuration_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "platformdirs.user_config_dir", lambda name, appauthor: str(tmp_path / name)
    )
    assert presets_path().parent.parent == tmp_path
    write_presets((Preset("A", 1, 2),))
    assert read_presets() == (Preset("A", 1, 2),)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("version = 2", "version 2"),
        ("preset = []", "version"),
        ("version = 1\npreset = 3", "list"),
        ("version = 1\n[[preset]]\nname = 'x'", "fields"),
        ("version = 1\n[[preset]]\nname = 'x'\ncenter = 1\nwidth = 0", "width"),
        ("version = 1\n[[preset]]\nname = 'x'\ncenter = 'a'\nwidth = 5", "numbers"),
        ("version = 1\n[[preset]]\nname = ''\ncenter = 1\nwidth = 5", "name"),
        ("version = 1\n[[preset]]\nname = 'x'\ncenter = nan\nwidth = 5", "finite"),
        ("version = ", "read"),
    ],
)
def test_that_a_broken_file_of_presets_says_what_is_wrong(
    tmp_path: Path, content: str, reason: str
) -> None:
    path = tmp_path / "windows.toml"
    path.write_text(content)
    with pytest.raises(SettingsError, match=reason) as caught:
        read_presets(path)
    assert str(path) in str(caught.value)


def test_that_refused_presets_leave_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "windows.toml"
    write_presets((Preset("A", 1, 2),), path)
    for presets in ((Preset("A", 1, 2), Preset("A", 3, 4)), (Preset("B", 1, -2),)):
        with pytest.raises(SettingsError):
            write_presets(presets, path)
    assert read_presets(path) == (Preset("A", 1, 2),)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32])
def test_that_a_histogram_counts_every_pixel_once_in_the_bin_that_holds_it(kind: type) -> None:
    stored = RANDOM.integers(0, 120, (20, 30)).astype(kind)
    frame = frame_of(stored, modality=ModalityTransform(-3, 10), padding=(0.0, 4.0))
    result = histogram(frame, bins=17)
    values = stored[stored > 4].astype(float) * -3 + 10
    assert result.total == values.size
    assert result.excluded == int((stored <= 4).sum())
    for low, high, count in zip(result.edges[:-1], result.edges[1:], result.counts, strict=True):
        assert count == int(((values >= low) & (values < high)).sum())


def test_that_a_narrow_range_has_a_bin_for_each_value() -> None:
    result = histogram(frame_of(np.array([[5, 5, 7]], np.uint16)))
    assert result.edges.tolist() == [4.5, 5.5, 6.5, 7.5]
    assert result.counts.tolist() == [2, 0, 1]


def test_that_no_comb_appears_where_values_lie_apart() -> None:
    stored = np.arange(2000, dtype=np.uint16)[None]
    counts = histogram(frame_of(stored, modality=ModalityTransform(2.5, 0)), bins=100).counts
    assert set(counts.tolist()) == {20}


def test_that_a_histogram_can_be_asked_for_a_part() -> None:
    frame = frame_of(np.arange(100, dtype=np.uint8)[None])
    assert histogram(frame, span=(10, 19)).counts.tolist() == [1] * 10


def test_that_a_histogram_of_floats_or_of_nothing_works() -> None:
    floats = histogram(frame_of(np.array([[0.25, np.nan, 1.25]])), bins=4)
    assert (floats.total, floats.excluded) == (2, 1)
    assert floats.edges.tolist() == [0.25, 0.5, 0.75, 1.0, 1.25]
    assert histogram(frame_of(np.full((2, 2), 0.5)), bins=3).total == 4
    empty = histogram(frame_of(np.zeros((2, 2), np.uint16), padding=(0.0, 0.0)))
    assert (empty.total, empty.excluded) == (0, 4)
