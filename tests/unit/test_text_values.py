"""Do written durations, intervals and amounts mean exactly one thing?"""

from datetime import timedelta
from decimal import Decimal

import pytest

from replan.authority_table import Band
from replan.infra.workspace.text_values import (
    NotAValue,
    duration,
    duration_band,
    share_band,
    share_millionths,
    value_band,
    whole_minor,
)


@pytest.mark.parametrize(
    ("text", "length"),
    [("90m", timedelta(minutes=90)), ("48h", timedelta(hours=48)), ("7d", timedelta(days=7))],
)
def test_a_duration_is_a_number_and_a_unit(text: str, length: timedelta) -> None:
    assert duration(text) == length


@pytest.mark.parametrize("text", ["48", "1.5h", "1e3m", "-1h", "2w", " 2h", "01h", "99999d", 48])
def test_anything_else_is_no_duration(text: object) -> None:
    with pytest.raises(NotAValue):
        duration(text)


@pytest.mark.parametrize(
    ("text", "band"),
    [
        ("[0,5000]", Band(lo=0, hi=500_000)),
        ("(5000,50000]", Band(lo=500_001, hi=5_000_000)),
        ("(50000,inf)", Band(lo=5_000_001, hi=None)),
        ("[0,5000)", Band(lo=0, hi=499_999)),
        ("<=5000", Band(lo=0, hi=500_000)),
        (">5000", Band(lo=500_001, hi=None)),
    ],
)
def test_value_intervals_become_whole_minor_units(text: str, band: Band) -> None:
    assert value_band(text, 2) == band


def test_a_currency_without_cents_has_whole_units_as_minor_units() -> None:
    assert value_band("(5000,9000]", 0) == Band(lo=5001, hi=9000)


@pytest.mark.parametrize(
    "text",
    [
        "[-1,5]",
        "[0,5.5]",
        "[0,nan]",
        "[0,inf]",
        "[5,4]",
        "(5,5]",
        "[0,1e3]",
        "[0,999999999999999]",
        "0-5000",
        "",
        5000,
    ],
)
def test_other_value_intervals_are_refused(text: object) -> None:
    with pytest.raises(NotAValue):
        value_band(text, 2)


@pytest.mark.parametrize(
    ("text", "band"),
    [
        (">=0.85", Band(lo=850_000, hi=1_000_000)),
        (">0.85", Band(lo=850_001, hi=1_000_000)),
        ("<=0.05", Band(lo=0, hi=50_000)),
        ("<0.05", Band(lo=0, hi=49_999)),
    ],
)
def test_shares_become_millionths(text: str, band: Band) -> None:
    assert share_band(text) == band


@pytest.mark.parametrize("text", [">=1.5", ">=0.1234567", ">1", "<0", ">=NaN"])
def test_other_shares_are_refused(text: str) -> None:
    with pytest.raises(NotAValue):
        share_band(text)


def test_a_comparison_with_a_duration_becomes_seconds() -> None:
    assert duration_band(">=2h") == Band(lo=7200, hi=None)


@pytest.mark.parametrize("number", [True, 1.5, -1, 10**12, "5"])
def test_an_amount_is_a_whole_number_of_bounded_size(number: object) -> None:
    with pytest.raises(NotAValue):
        whole_minor(number, 2)


def test_a_share_is_read_without_a_binary_float() -> None:
    assert share_millionths(Decimal("0.05")) == 50_000
