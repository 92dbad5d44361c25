"""Which window and which scope does a limit mean?"""

from datetime import UTC, datetime, timedelta

from replan.limits import (
    Aggregate,
    CalendarDay,
    Cap,
    Rolling,
    aggregate_scopes,
    cap_scope,
    in_window,
    window_key,
    window_start,
)

FACTS = {"action": "expedite", "region": "EAST", "item": "MILK", "cause": "promo:P7"}


def day_cap() -> Cap:
    window = CalendarDay(zone="Europe/Berlin")
    return Cap(scope=("action", "region"), window=window, value_minor=1, count=None)


def week_cap() -> Cap:
    window = Rolling(length=timedelta(days=7))
    return Cap(scope=("supplier",), window=window, value_minor=1, count=None)


def test_a_scope_names_its_keys_and_values() -> None:
    assert cap_scope(day_cap(), FACTS) == "action=expedite,region=EAST"


def test_the_global_scope_is_one_for_all() -> None:
    everything = Cap(scope=("global",), window=day_cap().window, value_minor=None, count=20)
    assert cap_scope(everything, {}) == "global"


def test_a_cap_on_suppliers_is_not_about_a_case_without_one() -> None:
    assert cap_scope(week_cap(), FACTS) is None


def test_a_calendar_day_is_the_day_of_its_zone() -> None:
    late = datetime(2026, 5, 3, 22, 30, tzinfo=UTC)
    assert window_key(day_cap(), late) == "2026-05-04@Europe/Berlin"


def test_a_calendar_day_starts_at_local_midnight() -> None:
    noon = datetime(2026, 5, 4, 10, tzinfo=UTC)
    assert window_start(day_cap(), noon) == datetime(2026, 5, 3, 22, tzinfo=UTC)


def test_the_day_that_clocks_go_back_has_25_hours() -> None:
    morning = datetime(2026, 10, 25, 12, tzinfo=UTC)
    last = datetime(2026, 10, 25, 22, 59, tzinfo=UTC)
    assert last - window_start(day_cap(), morning) == timedelta(hours=24, minutes=59)
    assert in_window(day_cap(), morning, last)


def test_a_rolling_window_leaves_out_what_is_exactly_its_length_ago() -> None:
    now = datetime(2026, 5, 8, tzinfo=UTC)
    assert not in_window(week_cap(), now - timedelta(days=7), now)
    assert in_window(week_cap(), now - timedelta(days=7) + timedelta(microseconds=1), now)


def test_item_and_cause_add_up_together_and_each_other_key_alone() -> None:
    facts = {**FACTS, "lane": "L1"}
    assert aggregate_scopes(Aggregate(), facts) == ("item=MILK,cause=promo:P7", "lane=L1")


def test_an_item_listed_without_cause_adds_up_alone() -> None:
    assert aggregate_scopes(Aggregate(keys=("item",)), FACTS) == ("item=MILK",)
