"""Charts as values and as tables."""

from __future__ import annotations

import pytest

from medadv_desktop.analysis.charts.palette import DARK, LIGHT, SERIES
from medadv_desktop.analysis.charts.values import (
    SHARE,
    Axis,
    BarChart,
    Bars,
    HeatMap,
    Line,
    LineChart,
    format_number,
    table_csv,
    thinned,
)

EPSILON = Axis("ε", ((0.0, "0"), (4 / 255, "4/255")))


def line_chart(*lines: Line) -> LineChart:
    return LineChart("Title", "Caption.", EPSILON, SHARE, lines)


def test_that_a_line_chart_is_a_table_of_its_points_with_the_words_of_its_ticks() -> None:
    chart = line_chart(
        Line("a", (0.0, 4 / 255), (0.9, None), (0.8, None), (0.95, None)),
        Line("chance", (0.0, 1.0), (0.0, 1.0), muted=True),
    )
    table = chart.table()
    assert table.head == ("series", "ε", "share of samples", "low", "high")
    assert table.rows == (("a", "0", 0.9, 0.8, 0.95), ("a", "4/255", None, None, None))


def test_that_a_table_without_intervals_has_no_columns_for_them() -> None:
    assert line_chart(Line("a", (0.5,), (0.1,))).table().rows == (("a", 0.5, 0.1),)


def test_that_bars_are_a_table_group_by_group() -> None:
    bars = (Bars("m", (0.1, None)), Bars("n", (0.3, 0.4), (0.2, 0.3), (0.4, 0.5)))
    table = BarChart("T", "C.", Axis("kind"), Axis("FP"), ("snow", "noise"), bars).table()
    assert table.rows == (
        ("snow", "m", 0.1, None, None),
        ("snow", "n", 0.3, 0.2, 0.4),
        ("noise", "m", None, None, None),
        ("noise", "n", 0.4, 0.3, 0.5),
    )


def test_that_a_heat_map_says_what_is_undefined() -> None:
    chart = HeatMap("T", "C.", Axis("attack"), Axis("model"), ("a", "b"), ("m",), ((0.25, None),))
    assert [chart.text(0, 0), chart.text(0, 1)] == ["0.25", "–"]
    assert table_csv(chart.table()) == "model,a,b\nm,0.25,\n"


def test_that_charts_refuse_columns_of_different_lengths() -> None:
    with pytest.raises(ValueError, match="as many y"):
        Line("a", (0.0, 1.0), (0.0,))
    with pytest.raises(ValueError, match="one for each group"):
        BarChart("T", "C.", Axis("x"), Axis("y"), ("g",), (Bars("b", (1.0, 2.0)),))
    with pytest.raises(ValueError, match="every row"):
        HeatMap("T", "C.", Axis("x"), Axis("y"), ("c",), ("r",), ((1.0, 2.0),))


def test_that_csv_quotes_what_needs_it_and_keeps_full_digits() -> None:
    text = table_csv(line_chart(Line('a, "b"', (0.1,), (1 / 3,))).table())
    assert text.splitlines()[1] == '"a, ""b""",0.1,0.3333333333333333'


def test_that_thinning_keeps_both_ends() -> None:
    assert thinned([0.0] * 5, 9) == [0, 1, 2, 3, 4]
    kept = thinned([0.0] * 1000, 7)
    assert (kept[0], kept[-1], len(kept)) == (0, 999, 7)


@pytest.mark.parametrize(
    ("value", "shown", "text"),
    [(0.126, "share", "0.13"), (0.126, "percent", "12.6 %"), (12345, "count", "12\u202f345"),
     (0.00012345, "number", "0.000123")],
)  # fmt: skip
def test_that_numbers_are_written_for_people(value: float, shown: str, text: str) -> None:
    assert format_number(value, shown) == text


@pytest.mark.parametrize("ground", [LIGHT, DARK])
def test_that_every_series_stands_out_from_both_grounds(ground: object) -> None:
    def luminance(color: str) -> float:
        channels = (int(color[k : k + 2], 16) / 255 for k in (1, 3, 5))
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    def contrast(a: str, b: str) -> float:
        high, low = sorted((luminance(a), luminance(b)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    assert all(contrast(color, ground.background) >= 3 for color in SERIES)
    assert contrast(ground.ink, ground.background) >= 7
