from __future__ import annotations

from fractions import Fraction
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from medadv_desktop.errors import SettingsError
from medadv_desktop.settings import (
    PixelFraction,
    Settings,
    fields_of,
    format_pixel_fraction,
    parse,
    parse_fraction,
)


class Example(Settings):
    epsilon: PixelFraction = Field(
        4 / 255, gt=0, le=1, description="Budget", json_schema_extra={"unit": "grey scale"}
    )
    alpha: PixelFraction | None = Field(None, gt=0)
    steps: int = Field(10, ge=1, le=100)
    norm: Literal["linf", "l2"] = "linf"
    targets: tuple[int, ...] = ()
    random_start: bool = True


def test_that_fields_tell_kind_range_unit_and_help() -> None:
    fields = {f.name: f for f in fields_of(Example)}
    assert [f.kind for f in fields.values()] == [
        "pixel_fraction",
        "pixel_fraction",
        "int",
        "choice",
        "int_list",
        "bool",
    ]
    epsilon = fields["epsilon"]
    assert (epsilon.minimum, epsilon.exclusive_minimum, epsilon.maximum) == (0, True, 1)
    assert (epsilon.unit, epsilon.help) == ("grey scale", "Budget")
    assert fields["alpha"].optional
    assert not fields["steps"].optional
    assert fields["norm"].choices == ("linf", "l2")


@given(st.integers(1, 255), st.integers(1, 255))
def test_that_a_quotient_is_read_as_its_value(numerator: int, denominator: int) -> None:
    expected = float(Fraction(numerator, denominator))
    assert parse_fraction(f"{numerator}/{denominator}") == pytest.approx(expected, rel=1e-12)


@given(st.integers(1, 255))
def test_that_a_budget_is_written_as_people_write_it(numerator: int) -> None:
    assert format_pixel_fraction(numerator / 255) == f"{numerator}/255"


def test_that_an_odd_budget_is_written_as_a_decimal() -> None:
    assert format_pixel_fraction(0.0157) == "0.0157"


@pytest.mark.parametrize(
    ("values", "named", "allowed"),
    [
        ({"epsilon": "abc"}, "epsilon: abc", "4/255 or 0.0157"),
        ({"epsilon": 0}, "epsilon: 0", "above 0"),
        ({"epsilon": "-1/255"}, "epsilon: -1/255", "above 0"),
        ({"epsilon": "1/0"}, "epsilon: 1/0", "above 0"),
        ({"epsilon": "nan"}, "epsilon: nan", "above 0"),
        ({"epsilon": 2}, "epsilon: 2", "up to 1"),
        ({"steps": 0}, "steps: 0", "from 1 up to 100"),
        ({"steps": "many"}, "steps: many", "whole number"),
        ({"norm": "l7"}, "norm: l7", "linf, l2"),
        ({"speed": 3}, "speed: there is no such field", "epsilon"),
    ],
)
def test_that_a_wrong_value_names_field_value_and_range(
    values: dict[str, object], named: str, allowed: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(Example, values)
    assert named in str(caught.value)
    assert allowed in str(caught.value)


def test_that_settings_cannot_be_changed_after_the_check() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Example().steps = 3  # type: ignore[misc]
