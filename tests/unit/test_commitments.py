"""How much of each cap, sum and rest is used, and by what?"""

from datetime import UTC, datetime, timedelta

import pytest

from replan.authority import AuthorityTable
from replan.commitments import (
    LEAST_REACH,
    CapUse,
    cap_breach,
    cap_uses,
    counting,
    lane_use,
    reach,
    resting,
    strictest_sum,
)
from replan.effects import Move
from replan.limits import Aggregate, CalendarDay, Cap, Cooldown, Rolling, Window
from replan.units import ActionId, DecisionId
from tests.authority_worlds import table
from tests.desk_cases import HOUR, MAY_MOVE, NOW

DAY = timedelta(days=1)
BERLIN = CalendarDay(zone="Europe/Berlin")
ANY_HOUR = Rolling(length=HOUR)


def spent(
    value: int, at: datetime = NOW, *, released: bool = False, account: str = "live", **keys: str
) -> Move:
    named = {"action": "reallocate", "item": "I1", "cause": "site:S03", "site": "S03"}
    return Move(
        action_id=ActionId(f"a-{value}-{at:%d%H%M}"),
        decision_id=DecisionId("d-1"),
        at=at,
        value_minor=value,
        keys={**named, **keys},
        account=account,
        released=released,
    )


def capped(
    window: Window, *scope: str, value: int | None = None, count: int | None = None
) -> AuthorityTable:
    cap = Cap(scope=scope or ("global",), window=window, value_minor=value, count=count)
    return table(MAY_MOVE, caps=(cap,))


def test_a_cap_on_value_holds_to_the_last_cent() -> None:
    rules = capped(ANY_HOUR, value=1_000)
    assert cap_breach(rules, [spent(600)], [spent(400)], NOW) is None
    breach = cap_breach(rules, [spent(600)], [spent(401)], NOW)
    assert breach is not None
    assert (breach.used_minor, breach.limit_minor) == (1_001, 1_000)


def test_a_cap_on_count_counts_every_action_of_a_plan() -> None:
    rules = capped(ANY_HOUR, count=2)
    assert cap_breach(rules, [], [spent(1), spent(2)], NOW) is None
    assert cap_breach(rules, [spent(1)], [spent(2), spent(3)], NOW) is not None


def test_a_cap_counts_by_its_scope_alone() -> None:
    rules = capped(ANY_HOUR, "action", "region", value=1_000)
    elsewhere = spent(900, region="WEST")
    assert cap_breach(rules, [elsewhere], [spent(200, region="EAST")], NOW) is None


def test_a_cap_on_what_a_plan_does_not_have_is_not_about_it() -> None:
    assert cap_breach(capped(ANY_HOUR, "supplier", value=1), [], [spent(500)], NOW) is None


def test_a_rolling_window_forgets_what_is_as_old_as_itself() -> None:
    rules = capped(ANY_HOUR, value=1_000)
    assert cap_breach(rules, [spent(900, NOW - HOUR)], [spent(900)], NOW) is None
    young = spent(900, NOW - HOUR + timedelta(seconds=1))
    assert cap_breach(rules, [young], [spent(900)], NOW) is not None


def test_a_calendar_day_is_that_of_its_zone() -> None:
    rules = capped(BERLIN, value=1_000)
    # 23:30 UTC of the third of May is the fourth in Berlin.
    evening = datetime(2026, 5, 3, 23, 30, tzinfo=UTC)
    assert cap_breach(rules, [spent(900, evening)], [spent(900, NOW)], NOW) is not None


def test_midnight_does_not_double_a_calendar_day() -> None:
    rules = capped(BERLIN, value=1_000)
    before = datetime(2026, 5, 4, 21, 59, tzinfo=UTC)  # 23:59 in Berlin
    after = before + timedelta(minutes=2)
    breach = cap_breach(rules, [spent(900, before)], [spent(900, after)], after)
    assert breach is not None
    assert breach.window == "rolling_86400s"


def test_a_day_of_25_hours_is_one_day() -> None:
    rules = capped(BERLIN, value=1_000)
    first = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)  # 00:30 in Berlin, the clock goes back today
    last = first + timedelta(hours=24)  # 23:30 of the same day
    breach = cap_breach(rules, [spent(900, first)], [spent(900, last)], last)
    assert breach is not None
    assert breach.window == "2026-10-25@Europe/Berlin"


def test_released_reservations_and_other_accounts_do_not_count() -> None:
    moves = [spent(1), spent(2, released=True), spent(4, account="shadow")]
    assert [m.value_minor for m in counting(moves, "live")] == [1]
    assert [m.value_minor for m in counting(moves, "shadow")] == [4]


def test_the_use_of_a_daily_cap_is_told_for_both_of_its_windows() -> None:
    rules = capped(BERLIN, value=1_000)
    yesterday = spent(300, NOW - timedelta(hours=12))
    assert cap_uses(rules, [yesterday, spent(400)], NOW) == (
        use("2026-05-04@Europe/Berlin", 400, 1_000, 1),
        use("rolling_86400s", 700, 1_000, 2),
    )


def use(window: str, used: int, limit: int, count: int) -> CapUse:
    return CapUse(
        scope="global",
        window=window,
        used_minor=used,
        limit_minor=limit,
        used_count=count,
        limit_count=None,
    )


def test_of_two_caps_on_the_same_the_stricter_is_told() -> None:
    both = tuple(
        Cap(scope=("global",), window=Rolling(length=DAY), value_minor=value, count=count)
        for value, count in ((1_000, None), (700, 9))
    )
    [told] = cap_uses(table(MAY_MOVE, caps=both), [spent(400)], NOW)
    assert (told.limit_minor, told.limit_count) == (700, 9)


def test_values_add_up_over_item_and_cause_together() -> None:
    rules = table(MAY_MOVE)
    same, other_cause = spent(300), spent(500, cause="promo:P7")
    assert strictest_sum(rules, [same, other_cause], [spent(200)], NOW) == 500


@pytest.mark.parametrize("key", ["lane", "supplier"])
def test_values_add_up_over_any_other_key_alone(key: str) -> None:
    other = spent(300, item="I2", cause="item:I2", **{key: "X"})
    assert strictest_sum(table(MAY_MOVE), [other], [spent(200, **{key: "X"})], NOW) == 500


def test_values_add_up_over_the_window_of_the_table_only() -> None:
    rules = table(MAY_MOVE, aggregate=Aggregate(window=timedelta(hours=24)))
    assert strictest_sum(rules, [spent(300, NOW - DAY)], [spent(200)], NOW) == 200
    young = spent(300, NOW - DAY + timedelta(minutes=1))
    assert strictest_sum(rules, [young], [spent(200)], NOW) == 500


def test_splitting_a_plan_leaves_its_sum_as_it_is() -> None:
    rules = table(MAY_MOVE)
    whole = strictest_sum(rules, [], [spent(900)], NOW)
    assert strictest_sum(rules, [spent(400, NOW - HOUR)], [spent(500)], NOW) == whole
    assert strictest_sum(rules, [], [spent(400), spent(500)], NOW) == whole


LANE = {"lane": "L05-03", "origin": "S05"}


def test_the_same_goods_on_the_same_lane_rest() -> None:
    rules = table(MAY_MOVE)
    earlier = spent(1, NOW - timedelta(hours=71), **LANE)
    assert resting(rules, [earlier], [spent(1, **LANE)], NOW) == earlier
    assert resting(rules, [earlier], [spent(1, item="I2", **LANE)], NOW) is None
    assert resting(rules, [earlier], [spent(1, **LANE)], NOW + 2 * HOUR) is None


def test_the_way_back_rests_longer() -> None:
    rules = table(MAY_MOVE)
    there = spent(1, NOW - timedelta(days=6), **LANE)
    back = spent(1, lane="L03-05", origin="S03", site="S05")
    assert resting(rules, [there], [back], NOW) == there
    assert resting(rules, [there], [back], NOW + 2 * DAY) is None


def test_an_order_that_is_rushed_twice_to_one_site_rests() -> None:
    rules = table(MAY_MOVE)
    earlier = spent(1, NOW - HOUR, action="expedite", supplier="SUP1")
    again = spent(1, action="expedite", supplier="SUP1")
    assert resting(rules, [earlier], [again], NOW) == earlier
    elsewhere = spent(1, action="expedite", supplier="SUP1", site="S04")
    assert resting(rules, [earlier], [elsewhere], NOW) is None


def test_a_lane_is_used_on_its_shipping_day() -> None:
    moves = [
        spent(1, lane="L1", ship_on="2026-05-04", qty="3000"),
        spent(2, lane="L1", ship_on="2026-05-04", qty="2000"),
        spent(3, lane="L1", ship_on="2026-05-05", qty="1000"),
        spent(4, supplier="SUP1", qty="9000"),
    ]
    used = {(lane, day.isoformat()): qty for (lane, day), qty in lane_use(moves).items()}
    assert used == {("L1", "2026-05-04"): 5_000, ("L1", "2026-05-05"): 1_000}


def test_reservations_are_kept_in_sight_for_as_long_as_the_longest_window() -> None:
    assert reach(None) == reach(table(MAY_MOVE)) == LEAST_REACH
    assert reach(capped(Rolling(length=90 * DAY), value=1)) == 90 * DAY
    rules = table(MAY_MOVE, cooldown=Cooldown(reverse_direction=60 * DAY))
    assert reach(rules) == 60 * DAY
