"""Is a person told once of one cause, not too often a day, and is nothing dropped?"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from replan.desk_state import desk_from_json, desk_json
from replan.network import Network
from replan.units import DecisionId, ItemId
from tests.desk_cases import MAY_MOVE, NOW, Desk, bodies, case, network, table

SUPPLIER = "supplier:SUP1"
NOTHING_BY_ITSELF: Any = table()
"""No row: every plan waits for a person."""


def with_items(count: int) -> Network:
    """The chain with so many more items, I0 and on."""
    chain = network()
    one = next(iter(chain.items.values()))
    names = [ItemId(f"I{n}") for n in range(count)]
    return replace(chain, items=chain.items | {n: replace(one, item=n) for n in names})


def told(desk: Desk) -> list[dict[str, Any]]:
    return [dict(body) for body in bodies(desk.said)]


def test_the_first_of_a_cause_leads_and_the_rest_are_its_children() -> None:
    desk = Desk(NOTHING_BY_ITSELF, network=with_items(6))
    desk.tick(*[case(item=f"I{n}", cause=SUPPLIER) for n in range(1, 4)])
    lead, *children = told(desk)
    assert (lead["parent"], lead["notified"]) == (None, True)
    assert {c["parent"] for c in children} == {lead["decision_id"]}
    assert not any(c["notified"] for c in children)


@pytest.mark.slow
def test_three_thousand_deviations_of_one_cause_are_one_announcement_and_none_is_dropped() -> None:
    """PL9."""
    desk = Desk(NOTHING_BY_ITSELF, network=with_items(3_000))
    said = [
        dict(body)
        for batch in range(30)
        for body in bodies(
            desk.tick(
                *[case(item=f"I{100 * batch + n}", cause=SUPPLIER) for n in range(100)],
                at=NOW + timedelta(hours=batch / 10),
            )
        )
    ]
    assert len(said) == len(desk.state.pending) == 3_000
    assert sum(body["notified"] for body in said) == 1
    assert len({body["incident_id"] for body in said}) == 1
    assert sum(body["parent"] is None for body in said) == 1


def test_two_causes_are_two_announcements() -> None:
    desk = Desk(NOTHING_BY_ITSELF)
    desk.tick(case(item="I1", cause=SUPPLIER), case(item="I2", cause="promo:P7"))
    assert [body["notified"] for body in told(desk)] == [True, True]


def test_beyond_the_days_budget_alerts_wait_unannounced() -> None:
    desk = Desk(NOTHING_BY_ITSELF, alerts_per_day=2, network=with_items(6))
    desk.tick(*[case(item=f"I{n}", cause=f"site:S{n}") for n in range(1, 6)])
    assert sum(body["notified"] for body in told(desk)) == 2
    assert len(desk.state.pending) == 5


def test_the_next_day_has_a_budget_of_its_own() -> None:
    desk = Desk(NOTHING_BY_ITSELF, alerts_per_day=1, network=with_items(6))
    desk.tick(case(item="I1", cause="site:S1"))
    desk.tick(case(item="I2", cause="site:S2"), at=NOW + timedelta(hours=23))
    assert told(desk)[0]["notified"] is False
    desk.tick(case(item="I3", cause="site:S3"), at=NOW + timedelta(hours=25))
    assert told(desk)[0]["notified"] is True


def test_a_new_plan_for_the_same_cause_is_no_new_announcement() -> None:
    desk = Desk(NOTHING_BY_ITSELF)
    desk.tick(case(item="I1", cause=SUPPLIER))
    first = told(desk)[0]
    desk.tick(case(item="I2", cause=SUPPLIER), at=NOW + timedelta(hours=1))
    second = told(desk)[0]
    assert first["notified"]
    assert not second["notified"]
    assert second["parent"] == DecisionId(first["decision_id"])


def test_what_was_announced_is_remembered_with_the_desk() -> None:
    desk = Desk(NOTHING_BY_ITSELF)
    desk.tick(case(item="I1", cause=SUPPLIER))
    again = desk_from_json(desk_json(desk.state))
    assert again.notices == desk.state.notices != []


@pytest.mark.parametrize("cause", ["site:S03", SUPPLIER])
def test_what_waits_for_nobody_has_no_parent(cause: str) -> None:
    desk = Desk(table(MAY_MOVE))
    desk.tick(case(item="I1", cause=cause), case(item="I2", cause=cause))
    assert [(b["parent"], b["notified"]) for b in told(desk)] == [(None, False)] * 2
