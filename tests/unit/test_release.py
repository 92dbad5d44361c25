"""Does a plan that waited ship on a day that can still be met, and on a lane with room?"""

from dataclasses import replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

from replan.decision import action_id_of, action_json
from replan.effects import Move
from replan.network import Network
from replan.planning import Action
from replan.release import crowded_lane, dated_anew
from replan.units import ActionId, DecisionId, LaneId
from tests.desk_cases import NOW, TODAY, forward, move, network

BERLIN = ZoneInfo("Europe/Berlin")


def published(*actions: Action) -> list[dict[str, object]]:
    decision = DecisionId("dec-1")
    return [action_json(a, action_id_of(decision, "r", n), TODAY) for n, a in enumerate(actions)]


def at(day: int, hour: int) -> datetime:
    return datetime(2026, 5, day, hour, tzinfo=BERLIN)


def days(actions: list[dict[str, object]] | None) -> list[object]:
    assert actions is not None
    return [(a["ship_on"], a["arrive_on"]) for a in actions]


def leaving(known: Network, *weekdays: int) -> Network:
    lane = known.lanes[LaneId("L05-03")]
    return replace(known, lanes={**known.lanes, lane.lane: replace(lane, departures=weekdays)})


def test_on_the_day_it_was_planned_for_nothing_changes() -> None:
    plan = published(move(), forward())
    assert dated_anew(plan, network(), NOW) == plan


def test_after_the_cut_off_it_leaves_the_next_day() -> None:
    late = dated_anew(published(move()), network(cutoff=time(14)), at(4, 15))
    assert days(late) == [("2026-05-05", {"p50": "2026-05-06", "p90": "2026-05-06"})]


def test_a_lane_that_leaves_on_some_days_waits_for_one() -> None:
    thursday = leaving(network(), 3)
    late = dated_anew(published(move()), thursday, at(5, 9))
    assert days(late) == [("2026-05-07", {"p50": "2026-05-08", "p90": "2026-05-08"})]


def test_a_plan_never_moves_forward() -> None:
    plan = published(move(ship_day=2))
    assert dated_anew(plan, network(), NOW) == plan


def test_an_order_that_should_have_come_today_comes_tomorrow() -> None:
    late = dated_anew(published(forward()), network(), at(7, 9))
    assert days(late) == [("2026-05-07", {"p50": "2026-05-08", "p90": "2026-05-08"})]


def test_a_lane_that_is_closed_or_gone_makes_it_impossible() -> None:
    assert dated_anew(published(move()), network(capacity=0), NOW) is None
    bare = replace(network(), lanes={})
    assert dated_anew(published(move()), bare, NOW) is None


def test_goods_and_days_stay_together() -> None:
    [late] = dated_anew(published(move(qty=7)), network(cutoff=time(14)), at(4, 15)) or []
    [plan] = published(move(qty=7))
    changed = {name for name in plan if plan[name] != late[name]}
    assert changed == {"ship_on", "arrive_on"}


def reserved(qty: int, ship_on: str = "2026-05-04") -> Move:
    return Move(
        action_id=ActionId("a"),
        decision_id=DecisionId("d"),
        at=NOW,
        value_minor=0,
        keys={"lane": "L05-03", "ship_on": ship_on, "qty": str(qty * 1_000)},
        account="live",
    )


def test_a_lane_carries_what_it_has_room_for() -> None:
    plan = published(move(qty=4))
    assert crowded_lane(plan, [4_000], network(capacity=10), [reserved(6)]) is None
    assert crowded_lane(plan, [4_000], network(capacity=10), [reserved(7)]) == {
        "lane": "L05-03",
        "ship_on": "2026-05-04",
        "asked": 4,
        "free": 3,
    }


def test_another_day_s_load_does_not_crowd_a_lane() -> None:
    plan = published(move(qty=4))
    assert crowded_lane(plan, [4_000], network(capacity=5), [reserved(5, "2026-05-05")]) is None


def test_two_moves_of_one_plan_share_a_lane() -> None:
    plan = published(move(qty=4), move(qty=4))
    assert crowded_lane(plan, [4_000, 4_000], network(capacity=7), []) is not None


def test_orders_and_unlimited_lanes_are_never_crowded() -> None:
    assert crowded_lane(published(forward()), [10_000], network(capacity=1), []) is None
    assert crowded_lane(published(move()), [10_000], network(), [reserved(10**6)]) is None
