"""Is a plan that was only played held against what people really did? PO3."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from replan.desk_state import TickDue
from replan.events import HumanActed, HumanLineDone
from replan.infra.boundary.shadow_report import shadow_lines, shadow_rows
from replan.infra.desk.room import transact
from replan.infra.ledger.store import Ledger
from replan.infra.planners.office import Office
from replan.intervals import wilson
from replan.units import DecisionId, ItemId, SiteId, Units
from tests.authority_worlds import table
from tests.desk_cases import HOUR, MAY_MOVE, NOW, case, forward, move, option, rule
from tests.ledger_builders import new_ledger
from tests.unit.test_office import source

MODELS = "sha256:" + "2" * 64
RULES = table(MAY_MOVE, rule("RUSH", "ESCALATE", "expedite"))
DAY = timedelta(days=1)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = new_ledger(tmp_path)
    yield opened
    opened.close()


def tick(ledger: Ledger, *cases: Any, hours: int = 0, reports: Any = ()) -> list[dict[str, Any]]:
    """A planning tick in shadow mode; the decisions that it made."""
    at = NOW + hours * HOUR
    policies = source(RULES, mode="shadow")
    with ledger.transaction() as write:
        write.set_clock(at)
    due = TickDue(at=at, proposals=cases, reassessed=(), cleared=(), reports=tuple(reports))
    taken = transact(ledger, "all", due, policies.at(at, MODELS))
    return [dict(made.body) for made in taken.outcome.made]


def acted(
    *lines: HumanLineDone, about: str | None = None, kind: str = "reallocate", hours: int = 2
) -> HumanActed:
    """A report, about a decision or else about item I1 at S03."""
    return HumanActed(
        event_id="h-1",
        occurred_at=NOW + hours * HOUR,
        arrived_at=NOW + hours * HOUR,
        source="/erp",
        payload_sha="0" * 64,
        decision_id=None if about is None else DecisionId(about),
        item=ItemId("I1") if about is None else None,
        site=SiteId("S03") if about is None else None,
        kind=kind,
        lines=lines,
        at=NOW + hours * HOUR,
        role="planner",
    )


def moved(qty: int, origin: str | None = "S05", to: str = "S03") -> HumanLineDone:
    return HumanLineDone(
        item=ItemId("I1"), qty=Units(qty * 1_000), origin=origin, to=to, order_id=None
    )


BOTH = (
    option("ten", move("I1", 10), benefit=5_000),
    option("forward", forward("I1"), benefit=3_000),
)


@pytest.mark.parametrize(
    ("report", "difference", "delta"),
    [
        (acted(moved(10)), None, 0),
        (acted(moved(11)), None, 0),
        (acted(moved(10, origin=None)), None, 0),
        (acted(moved(5)), "other_quantity", None),
        (acted(moved(10, origin="S04")), "other_place", None),
        (acted(kind="none"), "nothing_done", 5_000),
        (
            acted(moved(10, origin="SUP1"), kind="expedite"),
            "other_action",
            2_000,
        ),
        (acted(moved(10), moved(4, to="S04")), "other_action", None),
    ],
)
def test_what_people_did_is_held_against_the_plan_that_was_played(
    ledger: Ledger, report: HumanActed, difference: str | None, delta: int | None
) -> None:
    tick(ledger, case(*BOTH))
    tick(ledger, hours=3, reports=[report])
    [row] = ledger.compared_since(None)
    assert (row["agreed"], row["difference"]) == (difference is None, difference)
    assert row["cost_delta_minor"] == delta


def test_a_report_that_names_a_decision_is_about_that_one(ledger: Ledger) -> None:
    [body] = tick(ledger, case(*BOTH))
    tick(ledger, hours=3, reports=[acted(moved(10), about=body["decision_id"])])
    assert [row["decision_id"] for row in ledger.compared_since(None)] == [body["decision_id"]]


def test_what_people_did_before_a_plan_was_made_is_not_about_it(ledger: Ledger) -> None:
    tick(ledger, case(*BOTH))
    tick(ledger, hours=3, reports=[acted(moved(10), hours=-1)])
    assert ledger.compared_since(None) == []


def test_people_may_do_more_than_the_engine_would(ledger: Ledger) -> None:
    tick(ledger, case(option("ten", move("I1", 10), benefit=-1)))
    tick(ledger, hours=3, reports=[acted(moved(10))])
    [row] = ledger.compared_since(None)
    assert row["difference"] == "something_done"


def test_the_first_word_about_a_decision_counts(ledger: Ledger) -> None:
    tick(ledger, case(*BOTH))
    tick(ledger, hours=3, reports=[acted(moved(10))])
    tick(ledger, hours=4, reports=[acted(kind="none", hours=3)])
    [row] = ledger.compared_since(None)
    assert row["agreed"]


@pytest.mark.parametrize(
    ("verdict", "difference", "delta"), [("approve", None, 0), ("reject", "policy", 5_000)]
)
def test_a_verdict_says_what_people_would_do_too(
    ledger: Ledger, verdict: str, difference: str | None, delta: int
) -> None:
    [body] = tick(ledger, case(option("forward", forward("I1"), benefit=5_000)))
    office = Office(ledger, source(RULES, mode="shadow"))
    office.verdict(body["decision_id"], verdict, login="ann", chip="policy")
    [row] = ledger.compared_since(None)
    assert (row["difference"], row["cost_delta_minor"]) == (difference, delta)


def test_the_report_is_what_the_view_says_day_by_day(ledger: Ledger, tmp_path: Path) -> None:
    tick(ledger, case(*BOTH), case(option("other", move("I2", 5)), item="I2", episode="ep-2"))
    second = HumanLineDone(
        item=ItemId("I2"), qty=Units(5_000), origin="S06", to="S03", order_id=None
    )
    about_i2 = replace(acted(second), item=ItemId("I2"), event_id="h-2")
    tick(ledger, hours=3, reports=[acted(moved(10)), about_i2])
    day, whole = shadow_rows(ledger.compared_since(None))
    conn = sqlite3.connect(tmp_path / "ledger.db")
    try:
        [row] = conn.execute("SELECT * FROM v_shadow").fetchall()
    finally:
        conn.close()
    low, high = wilson(1, 2)
    assert row == ("2026-05-04", "demand_surge", 2, 1, low, high, 0, "EUR", "other_place")
    assert (day["date"], day["cases"], day["agreed"]) == ("2026-05-04", 2, 1)
    assert (whole["date"], whole["causes"]) == (None, {"other_place": 1})
    assert "1 of 2 alike" in shadow_lines([day])[0]


def test_in_live_mode_nothing_is_played(ledger: Ledger) -> None:
    at = NOW
    with ledger.transaction() as write:
        write.set_clock(at)
    due = TickDue(at=at, proposals=(case(*BOTH),), reassessed=(), cleared=())
    transact(ledger, "all", due, source(RULES).at(at, MODELS))
    tick(ledger, hours=3, reports=[acted(moved(10))])
    assert ledger.compared_since(None) == []


@pytest.mark.parametrize(
    ("hits", "cases", "ends"),
    [
        (0, 0, (0.0, 1.0)),
        (0, 10, (0.0, 0.2775)),
        (10, 10, (0.7225, 1.0)),
        (81, 100, (0.7222, 0.8749)),
    ],
)
def test_the_interval_is_the_published_one(
    hits: int, cases: int, ends: tuple[float, float]
) -> None:
    assert wilson(hits, cases) == ends
