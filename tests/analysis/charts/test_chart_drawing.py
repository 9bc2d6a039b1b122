"""Charts as files."""

from __future__ import annotations

import io
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from PIL import Image

from medadv_desktop.analysis.charts.drawing import draw, draw_for_page
from medadv_desktop.analysis.charts.palette import DARK, LIGHT
from medadv_desktop.analysis.charts.values import (
    SHARE,
    Axis,
    BarChart,
    Bars,
    Chart,
    HeatMap,
    Line,
    LineChart,
    Reference,
)

CURVE = LineChart(
    "Robust accuracy",
    "Falls.",
    Axis("ε (L∞)", ((0.0, "0"), (1.0, "1/255"))),
    SHARE,
    (
        Line("model <a> & $x_1$", (0.0, 1.0), (0.9, 0.5), (0.8, 0.4), (0.95, None)),
        Line("b", (0.0, 1.0), (0.7, None), color=1, dashed=True, steps=True),
        Line("chance", (0.0, 1.0), (0.0, 1.0), muted=True),
    ),
    (Reference(0.6, "green from 0.6"),),
)
BARS = BarChart(
    "Flips", "Few.", Axis("kind"), Axis("FP", low=0.0), ("a long name of a group",) * 4,
    (Bars("m", (0.1, 0.2, None, 0.0), (0.1, 0.1, None, 0.0), (0.2, 0.3, None, 0.1)),),
)  # fmt: skip
HEAT = HeatMap(
    "Map", "Coloured.", Axis("attack"), Axis("model"), ("clean", "pgd at 4/255"), ("m",),
    ((0.9, None),),
)  # fmt: skip
EMPTY = LineChart("Nothing", "No lines.", Axis("x"), Axis("y"), ())

ALL = pytest.mark.parametrize("chart", [CURVE, BARS, HEAT, EMPTY], ids=lambda c: c.title)


@ALL
def test_that_every_chart_can_be_drawn_in_every_format_and_on_both_grounds(chart: Chart) -> None:
    for dark, ground in ((False, LIGHT), (True, DARK)):
        image = Image.open(io.BytesIO(draw(chart, "png", dark=dark, size=(3, 2)))).convert("RGB")
        assert image.size == (600, 400)
        assert "#{:02x}{:02x}{:02x}".format(*image.getpixel((1, 1))) == ground.background
    assert draw(chart, "pdf").startswith(b"%PDF")
    ElementTree.fromstring(draw(chart, "svg"))


@ALL
def test_that_the_same_chart_gives_the_same_bytes(chart: Chart) -> None:
    first = [draw(chart, kind) for kind in ("svg", "pdf")]
    draw(CURVE, "svg", dark=True)
    assert [draw(chart, kind) for kind in ("svg", "pdf")] == first


def test_that_texts_stay_texts_as_they_were_written() -> None:
    root = ElementTree.fromstring(draw(CURVE, "svg"))
    texts = {"".join(e.itertext()).strip() for e in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"model <a> & $x_1$", "b", "1/255", "Robust accuracy"} <= texts
    assert "chance" not in texts


def test_that_a_chart_for_a_page_follows_its_colours_and_brings_no_ids_of_groups() -> None:
    text = draw_for_page(CURVE)
    root = ElementTree.fromstring(text)
    assert root.tag.endswith("svg")
    assert LIGHT.ink not in text
    assert "currentColor" in text
    assert "var(--grid)" in text
    groups = root.iter("{http://www.w3.org/2000/svg}g")
    assert not any(group.get("id") for group in groups)
    assert "Robust accuracy" not in text


def test_that_charts_as_values_need_no_plotting_library() -> None:
    code = (
        "import sys, medadv_desktop.analysis.charts.values, medadv_desktop.analysis.charts.palette;"
        "sys.exit('matplotlib' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
