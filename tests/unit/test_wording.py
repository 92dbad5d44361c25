"""Are times, amounts and actions said the same way everywhere?"""

from datetime import UTC, datetime

import pytest

from replan.wording import (
    action_text,
    actions_text,
    money_range,
    quantity_range,
    share_text,
    time_text,
)

MOVE = {"kind": "reallocate", "from": "S05", "to": "S03", "qty": 24}


def test_a_time_is_told_on_local_clocks() -> None:
    at = datetime(2026, 5, 4, 12, tzinfo=UTC)
    assert time_text(at, "Europe/Berlin") == "Mon 4 May 14:00"


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(19.4, 34.2, "19–34"), (3, 3, "3"), (0.04, 2.26, "0–2.3"), (1900, 3400, "1,900–3,400")],
)
def test_an_estimate_shows_no_more_digits_than_it_has(low: float, high: float, text: str) -> None:
    assert quantity_range({"p10": low, "p50": low, "p90": high}) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (5_200, 9_100, "52.00–91.00 EUR"),
        (-400, 300, "-4.00 to 3.00 EUR"),
        (100, 100, "1.00 EUR"),
    ],
)
def test_a_range_of_money_names_its_currency_once(low: int, high: int, text: str) -> None:
    assert money_range({"p10": low, "p50": low, "p90": high}, "EUR") == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.93, "93 %"), (0.998, "over 99 %"), (1, "100 %"), (0.001, "under 1 %")]
)
def test_a_share_is_certain_only_when_it_is(share: float, text: str) -> None:
    assert share_text(share) == text


def test_an_expedite_names_the_order_line_and_the_new_day() -> None:
    action = {
        "kind": "expedite",
        "from": "SUP1",
        "to": "S03",
        "qty": 12.5,
        "order_id": "PO17@1",
        "arrive_on": {"p50": "2026-05-07", "p90": "2026-05-08"},
    }
    assert action_text(action) == "bring forward 12.5 of order line PO17@1 for S03 to Thu 7 May"


def test_many_actions_are_counted_beyond_the_third() -> None:
    assert actions_text([MOVE] * 5).endswith(", move 24 from S05 to S03 and 2 more")


def test_no_action_is_doing_nothing() -> None:
    assert actions_text([]) == "do nothing"
