"""Has a published decision exactly its members, and do its ids follow from what it says?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from replan.canonical import canonical_bytes
from replan.decision import action_values, end_of_horizon, incident_of, last_moment, plan_sha
from replan.planning import Option
from replan.units import SiteId
from tests.authority_worlds import table
from tests.desk_cases import (
    HOUR,
    MAY_MOVE,
    NOW,
    Desk,
    asked,
    bodies,
    case,
    forward,
    move,
    option,
    rule,
)

MEMBERS = {
    "decision_id",
    "version",
    "item",
    "site",
    "category",
    "cause",
    "group",
    "event_time",
    "decided_at",
    "mode",
    "state",
    "rule_id",
    "authority_hash",
    "why_escalated",
    "value_minor",
    "currency",
    "confidence",
    "options",
    "chosen",
    "deadline",
    "model",
    "evidence",
    "brief",
    "versions",
    "incident_id",
    "cause_confidence",
    "tags",
    "waits_until",
    "clarification",
    "parent",
    "notified",
    "flags",
    "dq",
    "supersedes",
    "episode",
    "recipient",
    "solver",
    "reasoning",
    "spot_check",
    "at_risk_minor",
}

ACTION = {
    "action_id",
    "kind",
    "item",
    "from",
    "to",
    "qty",
    "ship_on",
    "arrive_on",
    "cost_minor",
    "order_id",
    "lane",
}


def body(rules: Any = None, *options: Option, **changes: Any) -> dict[str, Any]:
    said = Desk(rules or table(MAY_MOVE), **changes).tick(case(*options))
    return dict(bodies(said)[0])


def test_a_decision_has_its_members_and_no_others() -> None:
    assert set(body()) == MEMBERS
    assert set(body(table(rule("ASK", "ESCALATE")))) == MEMBERS


def test_an_action_has_its_members_and_no_others() -> None:
    decided = body(None, option("both", move(), forward()))
    [both] = [o["actions"] for o in decided["options"] if o["name"] == "both"]
    assert [set(a) for a in both] == [ACTION, ACTION]
    moved, rushed = both
    assert (moved["order_id"], moved["lane"]) == (None, "L05-03")
    assert (rushed["order_id"], rushed["lane"], rushed["from"]) == ("PO-I1@1", None, "SUP1")


def test_only_what_waits_has_a_deadline_a_recipient_and_a_brief() -> None:
    for rules, waits in ((table(MAY_MOVE), False), (table(rule("ASK", "ESCALATE")), True)):
        decided = body(rules)
        for name in ("deadline", "recipient", "brief"):
            assert (decided[name] is not None) == waits


def test_a_decision_says_under_which_versions_it_was_made() -> None:
    rules = table(MAY_MOVE)
    decided = body(rules)
    assert decided["authority_hash"] == rules.hash == decided["versions"]["authority"]
    assert set(decided["versions"]) == {"code", "network", "authority", "models", "settings"}


def test_the_value_is_the_sum_over_the_actions_of_the_plan() -> None:
    decided = body(None, option("both", move(qty=3, cost_minor=70), forward(qty=2)))
    assert decided["value_minor"] == (3 * 500 + 70) + 200


def test_a_donor_s_loss_counts_once_however_often_it_gives() -> None:
    plan = option(
        "two",
        move(qty=1),
        move(qty=1, to="S04"),
        donor_shortage_p90_minor={SiteId("S05"): 900},
    )
    assert action_values(None, plan, 500) == (1_400, 500)


def test_doing_nothing_is_worth_nothing() -> None:
    decided = body(None, option("r", move(), benefit=-1))
    assert (decided["value_minor"], decided["rule_id"]) == (0, None)


def test_the_same_case_gives_the_same_bytes() -> None:
    assert canonical_bytes(body()) == canonical_bytes(body())


def test_ids_follow_from_episode_and_plan() -> None:
    one = body()
    other = dict(bodies(Desk(table(MAY_MOVE)).tick(case(episode="ep-other")))[0])
    assert one["decision_id"] != other["decision_id"]
    actions = {a["action_id"] for b in (one, other) for o in b["options"] for a in o["actions"]}
    assert len(actions) == 2


def test_all_decisions_of_one_cause_share_an_incident() -> None:
    slip = caused("supplier:SUP1", category="lead_time_slip")
    delay = caused("supplier:SUP1", category="shipment_delay")
    assert slip["incident_id"] == delay["incident_id"]
    assert incident_of("promo:P7") != incident_of("promo:P8")


def test_a_decision_about_one_site_names_it_and_a_wider_one_names_none() -> None:
    assert caused("site:S03")["site"] == "S03"
    assert caused("item:I1")["site"] == "S03"
    both = option("both", move(), move(to="S04"))
    assert caused("item:I1", both)["site"] is None


def caused(cause: str, *options: Option, **changes: Any) -> dict[str, Any]:
    said = Desk(table(MAY_MOVE)).tick(case(*options, cause=cause, **changes))
    return dict(bodies(said)[0])


def test_the_key_of_an_order_is_its_decision_s_and_each_action_has_its_own() -> None:
    def keys(episode: str) -> list[str]:
        plan = option("both", move(), move(to="S04"))
        said = Desk(table(MAY_MOVE)).tick(case(plan, episode=episode))
        return [command.idem for command in said.commands]

    assert keys("ep-1") == keys("ep-1")
    assert len({*keys("ep-1"), *keys("ep-2")}) == 4


def test_the_days_of_a_plan_may_move_but_not_its_goods() -> None:
    assert plan_sha([move()]) == plan_sha([move(ship_day=2)])
    assert plan_sha([move(qty=9)]) != plan_sha([move(qty=10)])
    assert plan_sha([move()]) != plan_sha([move(to="S04")])


def test_the_last_moment_is_the_last_departure_before_it_is_short() -> None:
    plan, question = option("r", move()), asked()
    assert last_moment(plan, question, 3) == NOW + 6 * HOUR + timedelta(days=2)
    assert last_moment(plan, question, 1) == NOW + 6 * HOUR
    assert last_moment(plan, question, 0) == NOW + 6 * HOUR


@pytest.mark.parametrize(
    ("leaves", "last"),
    [
        (datetime(2026, 3, 27, 13, tzinfo=UTC), datetime(2026, 3, 29, 12, tzinfo=UTC)),
        (datetime(2026, 10, 23, 12, tzinfo=UTC), datetime(2026, 10, 25, 13, tzinfo=UTC)),
    ],
)
def test_the_last_departure_is_at_the_cut_off_of_its_day_when_the_clocks_change(
    leaves: datetime, last: datetime
) -> None:
    question = asked()
    lanes = tuple(replace(o, latest_start=leaves, zone="Europe/Berlin") for o in question.lanes)
    assert last_moment(option("r", move()), replace(question, lanes=lanes), 3) == last


def test_the_last_moment_is_before_normal_supply_is_there() -> None:
    question = asked()
    sites = tuple(replace(s, window=2) for s in question.sites)
    moment = last_moment(option("r", move()), replace(question, sites=sites), question.horizon)
    assert moment == NOW + 6 * HOUR + timedelta(days=1)


def test_a_plan_is_over_when_its_first_action_is() -> None:
    question = asked()
    assert last_moment(option("b", move(), forward()), question, 3) == NOW + 6 * HOUR
    assert last_moment(option("none"), question, 3) is None
    assert end_of_horizon(question) == NOW.replace(hour=0) + timedelta(days=8)
