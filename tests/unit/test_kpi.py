"""Are the measures of the process what another query of the same ledger gives?"""

import json
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from replan.desk_state import AnswersDue, TickDue
from replan.events import ActionAnswered
from replan.infra.desk.room import transact
from replan.infra.kpi import Effort, hours, kpi
from replan.infra.ledger.store import Ledger
from replan.infra.planners.office import Office
from replan.planning import Option
from tests.authority_worlds import table
from tests.desk_cases import HOUR, MAY_MOVE, NOW, case, forward, move, option, rule
from tests.ledger_builders import new_ledger
from tests.unit.test_office import source

BOTH = table(MAY_MOVE, rule("RUSH", "ESCALATE", "expedite"))
DAY = timedelta(days=1)
MODELS = "sha256:" + "2" * 64


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Two weeks: three moves that ran (one is refused), three orders that people were asked about
    (one approved, one refused, one waits), one trouble left alone.
    """
    opened = new_ledger(tmp_path)
    policies = source(BOTH)
    office = Office(opened, policies)
    lived = (
        ("I1", move("I1", 4), None),
        ("I2", forward("I2"), "approve"),
        ("I3", move("I3", 3, "S06"), None),
        ("I4", forward("I4"), "reject"),
        ("I1", move("I1", 2, "S04"), None),
        ("I3", forward("I3"), None),
    )
    for n, (item, plan, verdict) in enumerate(lived):
        _tick(opened, policies, n, item, option("plan", plan))
        if verdict is not None:
            [body] = office.queue()
            office.verdict(body["decision_id"], verdict, login="ann", chip="policy")
    _tick(opened, policies, 6, "I2", None)
    [refused, *_] = [row for row in opened.outbox() if row.body["kind"] == "reallocate"]
    answer = ActionAnswered(
        event_id="e-1",
        occurred_at=NOW,
        arrived_at=NOW,
        action_id=refused.action_id,
        acked=False,
        idem=refused.idem,
        reason="no lorry",
        source="/erp",
        payload_sha="0" * 64,
    )
    at = NOW + 15 * DAY
    transact(opened, "all", AnswersDue(at=at, answers=(answer,)), policies.at(at, MODELS))
    yield opened
    opened.close()


def _tick(ledger: Ledger, policies: Any, n: int, item: str, plan: Option | None) -> None:
    at = NOW + n * 2 * DAY
    one = case(
        *(() if plan is None else (plan,)),
        item=item,
        at=at,
        episode=f"ep-{n}",
        cause=f"item:{item}/{n}",
        event_time=at - (n + 1) * HOUR,
    )
    if plan is None:
        one = case(option("plan", move(item), benefit=-1), item=item, at=at, episode=f"ep-{n}")
    with ledger.transaction() as write:
        write.set_clock(at)
    due = TickDue(at=at, proposals=(one,), reassessed=(), cleared=())
    transact(ledger, "all", due, policies.at(at, MODELS))


def told(ledger: Ledger, effort: Effort | None = None) -> dict[str, Any]:
    given = (ledger.decisions(), ledger.escalated_ids(), ledger.verdicts_accepted())
    return kpi(*given, effort or Effort()).json()


def asked(folder: Path, statement: str) -> list[Any]:
    conn = sqlite3.connect(folder / "ledger.db")
    try:
        return conn.execute(statement).fetchall()
    finally:
        conn.close()


PLANNED = """
    WITH plan AS (
        SELECT json_extract(body, '$.episode') AS episode, decision_id, state, category,
               decided_at, event_time, was_escalated
        FROM decision_now WHERE chosen <> 'none'),
    exception AS (
        SELECT episode, max(was_escalated) AS reviewed, min(decided_at) AS first_at,
               max(state IN ('failed', 'unknown', 'cancelled')) AS wrong
        FROM plan GROUP BY episode)
"""


def test_rates_are_what_sql_counts(ledger: Ledger, tmp_path: Path) -> None:
    """PO5."""
    [(n, reviewed, resolved, wrong)] = asked(
        tmp_path,
        PLANNED + "SELECT count(*), sum(reviewed), sum(1 - reviewed), sum((1 - reviewed) * wrong) "
        "FROM exception",
    )
    row = told(ledger)
    assert (n, reviewed, wrong) == (6, 3, 1)
    assert row["exceptions"] == n
    assert row["review_rate"] == round(reviewed / n, 3)
    assert row["autonomous_rate"] == round(resolved / n, 3)
    assert row["error_rate"] == round(wrong / resolved, 3)


def test_what_waits_for_a_release_is_reviewed_and_never_autonomous(tmp_path: Path) -> None:
    """PO5: in mode recommend nothing runs by itself."""
    opened = new_ledger(tmp_path)
    policies = source(BOTH, mode="recommend")
    for n, item in enumerate(("I1", "I2")):
        _tick(opened, policies, n, item, option("plan", move(item)))
    office = Office(opened, policies)
    released = office.queue()[0]["decision_id"]
    office.verdict(released, "approve", login="ann", chip="policy")
    row = told(opened)
    labels = [label["kind"] for label in opened.labels()]
    opened.close()
    assert (row["exceptions"], row["review_rate"], row["autonomous_rate"]) == (2, 1.0, 0.0)
    assert asked(tmp_path, "SELECT outcome, count(*) FROM v_exceptions") == [("escalated", 2)]
    assert labels == ["verdict"]


def test_volume_is_what_the_daily_view_adds_up_to(ledger: Ledger, tmp_path: Path) -> None:
    """PO5."""
    found = asked(
        tmp_path,
        "SELECT category, sum(decisions) FROM v_kpi_daily WHERE state <> 'no_action' "
        "GROUP BY category",
    )
    assert told(ledger)["volume_by_category"] == dict(found)


def test_cycle_and_pace_are_what_sql_counts(ledger: Ledger, tmp_path: Path) -> None:
    """PO5, R52."""
    cycles = asked(
        tmp_path,
        PLANNED + "SELECT (julianday(p.decided_at) - julianday(p.event_time)) * 24 FROM plan p "
        "JOIN exception e ON e.episode = p.episode AND e.first_at = p.decided_at ORDER BY 1",
    )
    row = told(ledger)
    middle = (cycles[2][0] + cycles[3][0]) / 2
    assert row["cycle_hours"] == round(middle, 1)
    assert sum(week["exceptions"] for week in row["velocity"]) == len(cycles)
    assert sum(week["reviewed"] for week in row["velocity"]) == 3


def test_overrides_are_verdicts_that_changed_or_refused_the_plan(
    ledger: Ledger, tmp_path: Path
) -> None:
    [(share,)] = asked(
        tmp_path,
        "SELECT avg(verdict <> 'approve') FROM v_verdicts WHERE result = 'accepted' "
        "AND verdict IN ('approve', 'modify', 'reject')",
    )
    assert told(ledger)["override_rate"] == share == 0.5


def test_the_arithmetic_of_hours_is_that_of_the_worked_example() -> None:
    """R38, PO9: 250 exceptions at 25 minutes, 13 reviews at 8."""
    assert (hours(250, 25), hours(13, 8)) == (104.17, 1.73)


def test_cost_is_the_hours_of_reviews_spread_over_all_exceptions(ledger: Ledger) -> None:
    row = told(ledger, Effort(review_minutes=10, hourly_cost=36))
    assert row["hours_spent"] == 0.5
    assert row["cost_per_exception_minor"] == 300
    assert told(ledger)["cost_per_exception_minor"] is None


def test_nothing_to_measure_is_no_division_by_zero() -> None:
    row = kpi((), frozenset(), (), Effort(hourly_cost=36)).json()
    assert (row["exceptions"], row["autonomous_rate"], row["cycle_hours"]) == (0, None, None)
    assert json.loads(json.dumps(row)) == row
