"""Is every decision scored once its horizon is over: on record, in the view, and as a precedent?"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from replan.desk_state import TickDue
from replan.effects import DayRow
from replan.infra.desk.room import transact
from replan.infra.engine.scoring import SCORED_THROUGH, results_due
from replan.infra.kpi import Effort, kpi
from replan.infra.ledger.rows import ProposalRow
from replan.infra.ledger.store import Ledger
from replan.infra.planners.office import Office
from replan.infra.proof.replay_run import replay
from replan.planning import Option
from replan.records import proposal_json
from replan.solver.joint import JointPlanner
from replan.solver.planner import MilpPlanner
from replan.units import ItemId, SiteId, Units
from tests.authority_worlds import table
from tests.databases import Place
from tests.desk_cases import MAY_MOVE, NOW, case, move, option, rule
from tests.unit.test_office import source

ASKING = table(rule("ASK", "ESCALATE"))
MODELS = "sha256:" + "2" * 64
DAY = timedelta(days=1)
LATENESS = timedelta(hours=48)
HORIZON = 8
OVER = NOW + HORIZON * DAY + LATENESS + DAY
"""The day after the horizon and the lateness bound."""


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    ledger = place.open()
    yield ledger
    ledger.close()


def tick(ledger: Ledger, at: Any, *plans: Option, rules: Any = ASKING, item: str = "I1") -> None:
    """A planning tick: what is over by then, and one case if there is a plan for it."""
    cases = (case(*plans, item=item, at=at, episode=f"ep-{at:%j}"),) if plans else ()
    over = results_due(ledger, MilpPlanner(), at, horizon_days=HORIZON, lateness=LATENESS)
    with ledger.transaction() as write:
        write.set_clock(at)
        if over is not None:
            write.set_control(SCORED_THROUGH, over.mark)
        rows = [ProposalRow(group="all", item=p.item, n=1, body=proposal_json(p)) for p in cases]
        write.add_proposals(at, rows)
    due = TickDue(
        at=at,
        proposals=cases,
        reassessed=(),
        cleared=(),
        results=() if over is None else over.results,
    )
    transact(ledger, "all", due, source(rules).at(at, MODELS))


def sell(ledger: Ledger, daily: int) -> None:
    """The days of the horizon at S03, each with the same sales; S05 sells next to nothing."""
    rows = [
        DayRow(
            item=ItemId("I1"),
            site=SiteId(site),
            day=date(2026, 5, 4) + timedelta(days=n),
            actual=Units(qty * 1_000),
            censored=False,
        )
        for site, qty in (("S03", daily), ("S05", 1))
        for n in range(HORIZON)
    ]
    with ledger.transaction() as write:
        write.add_days(rows)


def only(ledger: Ledger) -> dict[str, Any]:
    [body] = ledger.decisions()
    return body


def test_a_decision_has_no_result_before_its_last_day_is_beyond_the_lateness_bound(
    ledger: Ledger,
) -> None:
    tick(ledger, NOW, option("plan", move()))
    sell(ledger, 8)
    tick(ledger, OVER - DAY)
    assert "result" not in only(ledger)


def test_the_result_compares_what_happened_with_nothing_recommended_verdict_and_best(
    ledger: Ledger,
) -> None:
    """PL11."""
    tick(ledger, NOW, option("plan", move()))
    office = Office(ledger, source(ASKING))
    office.verdict(only(ledger)["decision_id"], "reject", login="ann", chip="cost_not_justified")
    sell(ledger, 8)
    tick(ledger, OVER)
    result = only(ledger)["result"]
    cost = result["cost_minor"]
    assert cost["none"] == cost["verdict"] == cost["happened"] > cost["recommended"]
    assert cost["best"] <= cost["recommended"]
    assert result["override_minor"] == cost["recommended"] - cost["verdict"] < 0
    assert (result["verdict"], only(ledger)["state"]) == ("reject", "rejected")


def test_a_result_is_told_once(ledger: Ledger) -> None:
    tick(ledger, NOW, option("plan", move()))
    sell(ledger, 8)
    for n in range(3):
        tick(ledger, OVER + n * DAY)
    file = ledger.decision(only(ledger)["decision_id"])
    assert sum("result" in move["changes"] for move in file.moves) == 1


def test_a_result_keeps_a_waiting_decision_waiting_and_an_ended_one_ended(ledger: Ledger) -> None:
    tick(ledger, NOW, option("plan", move()), rules=table(MAY_MOVE))
    sell(ledger, 8)
    tick(ledger, OVER, rules=table(MAY_MOVE))
    assert only(ledger)["state"] == "executing"


def test_what_was_sold_after_all_decides_what_a_plan_was_worth(ledger: Ledger) -> None:
    tick(ledger, NOW, option("plan", move()))
    sell(ledger, 1)
    tick(ledger, OVER)
    cost = only(ledger)["result"]["cost_minor"]
    assert cost["recommended"] >= cost["none"] == cost["best"]


def test_the_view_shows_each_result_in_money(ledger: Ledger, place: Place) -> None:
    tick(ledger, NOW, option("plan", move()))
    sell(ledger, 8)
    tick(ledger, OVER)
    [row] = place.rows("SELECT * FROM v_results")
    result = only(ledger)["result"]
    told = {name: row[f"{name}_minor"] for name in result["cost_minor"]}
    assert told == result["cost_minor"]
    assert (row["best"], row["verdict"], row["days"]) == (result["best"], None, result["days"])


def test_a_later_case_of_the_item_names_the_result_among_its_precedents(ledger: Ledger) -> None:
    tick(ledger, NOW, option("plan", move()))
    Office(ledger, source()).verdict(
        only(ledger)["decision_id"], "reject", login="ann", chip="policy"
    )
    sell(ledger, 8)
    tick(ledger, OVER)
    tick(ledger, OVER + DAY, option("plan", move(qty=4)))
    later = ledger.decisions()[-1]["brief"]
    [precedent] = later["precedents"]
    assert precedent["result"]["gained_minor"] == 0
    assert "gained" in later["text"]


def test_the_measures_add_the_results_up(ledger: Ledger) -> None:
    tick(ledger, NOW, option("plan", move()))
    Office(ledger, source()).verdict(
        only(ledger)["decision_id"], "reject", login="ann", chip="policy"
    )
    sell(ledger, 8)
    tick(ledger, OVER)
    told = kpi(ledger.decisions(), ledger.escalated_ids(), (), Effort()).json()
    result = only(ledger)["result"]
    assert (told["scored"], told["overrides_scored"]) == (1, 1)
    assert told["override_minor"] == result["override_minor"]
    assert told["missed_minor"] == result["missed_minor"]


def test_results_are_on_the_chain_and_a_replay_tells_the_same(ledger: Ledger) -> None:
    tick(ledger, NOW, option("plan", move()))
    Office(ledger, source()).verdict(
        only(ledger)["decision_id"], "reject", login="ann", chip="policy"
    )
    sell(ledger, 8)
    tick(ledger, OVER)
    tick(ledger, OVER + DAY, option("plan", move(qty=4)))
    assert ledger.verify_audit().first_bad is None
    planner = _Recorded()
    assert all(c.equal for c in replay(ledger, ["all"], planner, JointPlanner()))


class _Recorded:
    """Answers what the cases of `tests.desk_cases` say was answered."""

    def plan(self, problems: Any) -> tuple[Any, ...]:
        known = {
            case(option("plan", move(qty=q)), at=at).problem.sha: case(
                option("plan", move(qty=q)), at=at
            ).answer
            for q, at in ((10, NOW), (4, OVER + DAY))
        }
        return tuple(known[p.sha] for p in problems)
