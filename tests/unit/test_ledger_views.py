"""The views that dashboards and auditors read: their columns, and what stands in them."""

from collections.abc import Iterator
from datetime import date

import pytest
import sqlalchemy as sa

from replan.effects import ActionMoved, DecisionMoved, DeskOutcome
from replan.infra.desk.shown import authority_rows
from replan.infra.ledger import checks
from replan.infra.ledger.rows import CapRow, text
from replan.infra.ledger.store import Ledger
from replan.infra.ledger.views import VIEWS
from replan.stops import Stop
from replan.units import ActionId, DecisionId, instant_text
from replan.urgency import urgency
from tests.databases import Place
from tests.desk_cases import allowing
from tests.ledger_builders import (
    HOUR,
    TICK,
    batch,
    closed_day,
    command,
    decide,
    decision_body,
    escalated,
    forecast,
    made,
    segment_file,
    verdict,
)

SERIES = {
    "item": "MILK",
    "site": "LYO",
    "region": "SOUTH",
    "category": "DAIRY",
    "class": "A",
    "model": "ets_ana",
    "degraded": False,
}


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    ledger = place.open()
    yield ledger
    ledger.close()


@pytest.mark.parametrize(
    ("view", "columns"),
    [
        (
            "v_actions",
            (
                "action_id decision_id kind item from_site to_site qty cost_minor state idem "
                "sent_at acked_at"
            ),
        ),
        (
            "v_forecast",
            "item site date made_at p05 p10 p25 p50 p75 p90 p95 actual censored",
        ),
        ("v_escalations", "decision_id version state recipient deadline urgency value_minor"),
        ("v_caps", "scope window used_minor limit_minor used_count limit_count"),
        ("v_audit", "writer seq prev hash body at"),
    ],
)
def test_a_view_has_the_columns_of_the_contract(place: Place, view: str, columns: str) -> None:
    with place.connected() as conn:
        found = [column["name"] for column in sa.inspect(conn).get_columns(view)]
    assert found == columns.split()


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_a_view_of_an_empty_ledger_can_be_read(place: Place, view: str) -> None:
    assert len(place.rows(f"SELECT * FROM {view}")) <= 1


def test_an_action_is_listed_in_base_units_with_its_times(ledger: Ledger, place: Place) -> None:
    decide(ledger, DeskOutcome(made=(made(decision_body()),), commands=(command(),)))
    with ledger.transaction() as write:
        write.claim_commands(["idem-a-1"], "me", TICK)
        write.command_sent("idem-a-1", "me", TICK)
    ack = ActionMoved(action_id=ActionId("a-1"), state="acked", at=TICK + HOUR)
    decide(ledger, DeskOutcome(actions=(ack,)))
    [row] = place.rows("SELECT * FROM v_actions")
    assert (row["qty"], row["state"]) == (80.5, "acked")
    assert (row["sent_at"], row["acked_at"]) == ("2026-05-04T12:00:00Z", "2026-05-04T13:00:00Z")


def test_a_past_day_shows_the_last_forecast_made_before_it_and_what_was_sold(
    ledger: Ledger, place: Place
) -> None:
    evening, morning, noon = (TICK + n * HOUR for n in (-20, -4, 0))
    with ledger.transaction() as write:
        write.upsert_forecasts([forecast(first_day=date(2026, 5, 3), made_at=evening)])
        write.upsert_forecasts([forecast(first_day=date(2026, 5, 4), days=3, made_at=morning)])
        write.upsert_forecasts([forecast(first_day=date(2026, 5, 5), made_at=noon)])
        write.add_days([closed_day(date(2026, 5, 3)), closed_day(date(2026, 5, 4))])
        write.add_days([closed_day(date(2026, 5, 4), actual=22_000, censored=True)])
    found = place.rows(
        "SELECT date, made_at, p05, actual, censored FROM v_forecast"
        " WHERE actual IS NOT NULL ORDER BY date"
    )
    assert found == [
        {
            "date": "2026-05-03",
            "made_at": instant_text(evening),
            "p05": 10.0,
            "actual": 21.5,
            "censored": 0,
        },
        {
            "date": "2026-05-04",
            "made_at": instant_text(morning),
            "p05": 10.0,
            "actual": 22.0,
            "censored": 1,
        },
    ]


def test_a_day_that_closes_unlooked_at_shows_what_was_last_forecast_of_it(
    ledger: Ledger, place: Place
) -> None:
    with ledger.transaction() as write:
        write.upsert_forecasts([forecast(first_day=date(2026, 5, 2))])
        write.add_days([closed_day(date(2026, 5, 1)), closed_day(date(2026, 5, 3))])
    found = place.rows("SELECT date, p05, actual FROM v_forecast ORDER BY date")
    assert found == [
        {"date": "2026-05-01", "p05": None, "actual": 21.5},
        {"date": "2026-05-02", "p05": 10.0, "actual": None},
        {"date": "2026-05-03", "p05": 11.0, "actual": 21.5},
    ]


def test_future_days_show_the_newest_forecast(ledger: Ledger, place: Place) -> None:
    with ledger.transaction() as write:
        write.upsert_forecasts([forecast(first_day=date(2026, 5, 31), days=4)])
        write.upsert_forecasts([forecast(first_day=date(2026, 5, 31))])
    found = place.rows("SELECT date, p05, p95, actual FROM v_forecast ORDER BY date")
    assert found == [
        {"date": "2026-05-31", "p05": 10.0, "p95": 70.0, "actual": None},
        {"date": "2026-06-01", "p05": 11.0, "p95": 71.0, "actual": None},
    ]


def test_a_day_that_has_begun_keeps_what_was_forecast_before_it(
    ledger: Ledger, place: Place
) -> None:
    with ledger.transaction() as write:
        write.upsert_forecasts([forecast(first_day=date(2026, 5, 3))])
        write.upsert_forecasts([forecast(first_day=date(2026, 5, 4))])
    found = place.rows("SELECT date, p05 FROM v_forecast ORDER BY date")
    assert found == [
        {"date": "2026-05-03", "p05": 10.0},
        {"date": "2026-05-04", "p05": 10.0},
        {"date": "2026-05-05", "p05": 11.0},
    ]


def test_a_closed_day_stands_once(ledger: Ledger, place: Place) -> None:
    with ledger.transaction() as write:
        write.upsert_forecasts([forecast(first_day=date(2026, 5, 3))])
        write.add_days([closed_day(date(2026, 5, 3))])
    found = place.rows("SELECT date, actual FROM v_forecast ORDER BY date")
    assert found == [
        {"date": "2026-05-03", "actual": 21.5},
        {"date": "2026-05-04", "actual": None},
    ]


def test_an_escalation_stays_listed_with_the_decisions_state(ledger: Ledger, place: Place) -> None:
    decide(ledger, DeskOutcome(made=(made(escalated()), made(decision_body("d-2")))))
    approved = made(decision_body(version=2, state="approved"))
    decide(ledger, DeskOutcome(made=(approved,)))
    found = place.rows("SELECT decision_id, version, state FROM v_escalations")
    assert found == [{"decision_id": "d-1", "version": 2, "state": "approved"}]


def test_caps_are_those_in_force_now(ledger: Ledger, place: Place) -> None:
    def cap(scope: str) -> CapRow:
        return CapRow(
            scope=scope,
            window="calendar_day@Europe/Berlin",
            used_minor=120_000,
            limit_minor=500_000,
            used_count=1,
            limit_count=None,
        )

    for scope in ("action=expedite", "action=reallocate"):
        with ledger.transaction() as write:
            write.set_caps([cap(scope)])
    assert [row["scope"] for row in place.rows("SELECT * FROM v_caps")] == ["action=reallocate"]


def test_verdicts_are_listed(ledger: Ledger, place: Place) -> None:
    decide(ledger, DeskOutcome(made=(made(escalated()),), verdicts=(verdict(),)))
    [row] = place.rows("SELECT * FROM v_verdicts")
    assert (row["login"], row["verdict"], row["at"]) == (
        "planner-north-1",
        "approve",
        "2026-05-04T13:00:00Z",
    )


def test_measures_count_decisions_by_day_and_by_category(ledger: Ledger, place: Place) -> None:
    decide(ledger, DeskOutcome(made=(made(decision_body()), made(escalated("d-2")))))
    assert len(place.rows("SELECT * FROM v_kpi_daily WHERE date = '2026-05-04'")) == 2
    [row] = place.rows("SELECT * FROM v_exceptions_by_category")
    assert (row["decisions"], row["escalations"], row["open"]) == (2, 1, 1)


def test_the_health_of_the_stream_is_one_row(ledger: Ledger, place: Place) -> None:
    with ledger.transaction() as write:
        write.set_clock(TICK)
        write.set_control("run_mode", "shadow")
        write.add_counts({"accepted": 9, "late": 1})
        write.store_segment([segment_file()])
        write.append_manifest(batch(1, 0, 9, tick=TICK))
    [row] = place.rows("SELECT clock, last_tick, accepted, late, dlq, mode FROM v_stream_health")
    assert tuple(row.values()) == (
        "2026-05-04T12:00:00Z",
        "2026-05-04T12:00:00Z",
        9,
        1,
        0,
        "shadow",
    )


def test_the_health_of_a_model_leaves_censored_days_out(ledger: Ledger, place: Place) -> None:
    """Forecast were 10 to 70 and half-way 40, then 11 to 71 and 41, then 12 to 72 and 42."""
    with ledger.transaction() as write:
        write.upsert_forecasts([forecast(first_day=date(2026, 5, 1), days=3)])
        write.add_days(
            [
                closed_day(date(2026, 5, 1), 30_000),
                closed_day(date(2026, 5, 2), 90_000),
                closed_day(date(2026, 5, 3), 0, censored=True),
            ]
        )
    [row] = place.rows("SELECT days, coverage, wape, bias FROM v_model_health")
    assert row == {"days": 2, "coverage": 0.5, "wape": 59 / 120, "bias": -39 / 120}


def test_a_model_is_named_and_held_against_saying_yesterday_again(
    ledger: Ledger, place: Place
) -> None:
    """Sold 20, 40, 30; medians 40, 41, 42: errors of 20, 1 and 12 against steps of 20 and 10."""
    sold = {date(2026, 5, 1): 20_000, date(2026, 5, 2): 40_000, date(2026, 5, 3): 30_000}
    with ledger.transaction() as write:
        write.upsert_forecasts([forecast(first_day=date(2026, 5, 1), days=3)])
        write.add_days([closed_day(day, actual) for day, actual in sold.items()])
        write.put_series([SERIES])
    [row] = place.rows("SELECT model, family, region, rmsse, fallback FROM v_model_health")
    assert row.pop("rmsse") == pytest.approx(((545 / 3) / 250) ** 0.5)
    assert row == {"model": "ets_ana", "family": "DAIRY", "region": "SOUTH", "fallback": 0}


def test_what_waits_is_listed_with_its_question_and_how_many_share_its_cause(
    ledger: Ledger, place: Place
) -> None:
    brief = {
        "headline": {"text": "short by Thu", "value_minor": {"p10": 1, "p50": 20, "p90": 300}},
        "question": "Approve the plan reallocate?",
    }
    bodies = [
        escalated(name) | {"brief": brief, "deadline": instant_text(TICK + 2 * HOUR)}
        for name in ("d-1", "d-2")
    ]
    decide(ledger, DeskOutcome(made=(*map(made, bodies), made(decision_body("d-3")))))
    with ledger.transaction() as write:
        write.set_clock(TICK)
        write.put_series([SERIES])
    first, second = place.rows("SELECT * FROM v_queue ORDER BY decision_id")
    assert (first["headline"], first["question"]) == ("short by Thu", brief["question"])
    assert [first[f"at_risk_p{q}_minor"] for q in (10, 50, 90)] == [1, 20, 300]
    assert (first["seconds_left"], first["region"], first["of_cause"]) == (7_200, "SOUTH", 2)
    assert second["decision_id"] == "d-2"


def test_a_planted_check_waits_among_the_cases_and_looks_like_one(
    ledger: Ledger, place: Place
) -> None:
    deadline = instant_text(TICK + 4 * HOUR)
    case = escalated("d-1") | {"at_risk_minor": 4_000, "deadline": deadline, "confidence": 0.9}
    decide(ledger, DeskOutcome(made=(made(case),)))
    planted = case | {"decision_id": "d-2"}
    with ledger.transaction() as write:
        write.set_clock(TICK)
    with place.connected() as conn:
        # The second one is over.
        for name, hours in (("d-2", 4), ("d-3", -1)):
            checks.add(
                conn,
                decision_id=name,
                month="2026-05",
                recipient=case["recipient"],
                fault="cause",
                source_id="d-1",
                at=TICK - 2 * HOUR,
                deadline=TICK + hours * HOUR,
                body=text(planted),
            )
    real, check = place.rows("SELECT * FROM v_queue ORDER BY decision_id")
    assert check == real | {"decision_id": "d-2"}


def test_an_exception_is_one_row_from_its_first_plan_with_the_worst_that_befell_it(
    ledger: Ledger, place: Place
) -> None:
    later = instant_text(TICK + HOUR)
    bodies = (
        decision_body("d-1", episode="ep-1"),
        escalated("d-2") | {"episode": "ep-1", "decided_at": later},
        decision_body("d-3", episode="ep-2", state="failed"),
        decision_body("d-4", episode="ep-3", clarification={"answers": []}),
        decision_body("d-5", episode="ep-4", clarification={"answers": []}, state="expired"),
        decision_body("d-6", episode="ep-5", chosen="none", state="no_action"),
    )
    decide(ledger, DeskOutcome(made=tuple(map(made, bodies))))
    found = place.rows("SELECT episode, outcome, wrong, cycle_seconds FROM v_exceptions")
    assert sorted(tuple(row.values()) for row in found) == [
        ("ep-1", "escalated", 0, 120),
        ("ep-2", "resolved", 1, 120),
        ("ep-3", "clarified", 0, 120),
        ("ep-4", "escalated", 0, 120),
    ]


def test_stock_ahead_stands_by_day_with_the_plan_and_without(ledger: Ledger, place: Place) -> None:
    row = {
        "item": "MILK",
        "site": "LYO",
        "decision_id": "d-1",
        "made_at": TICK,
        "first_day": date(2026, 5, 31),
        "safety_stock": 7.5,
        "body": "[[1,2,3,4,5,6.5],[0,0,1,2,3,4]]",
    }
    with ledger.transaction() as write:
        write.put_projections([row])
    found = place.rows(
        "SELECT date, made_at, without_p50, with_p90, safety_stock FROM v_projection ORDER BY date"
    )
    assert [tuple(row.values()) for row in found] == [
        ("2026-05-31", "2026-05-04T12:00:00Z", 2, 6.5, 7.5),
        ("2026-06-01", "2026-05-04T12:00:00Z", 0, 4, 7.5),
    ]


def test_the_history_of_the_boundary_says_which_version_holds(ledger: Ledger, place: Place) -> None:
    old, new = allowing(100_000), allowing(250_000, version=2)
    with ledger.transaction() as write:
        write.put_authority(authority_rows(old, TICK))
        write.put_authority(authority_rows(new, TICK + HOUR))
        # Known already: it keeps the instant at which it began to decide.
        write.put_authority(authority_rows(old, TICK + 2 * HOUR))
        write.set_control("authority_in_force", new.hash)
    found = place.rows(
        "SELECT version, seen_at, rule_id, limit_minor, in_force FROM v_authority ORDER BY seen_at"
    )
    assert [tuple(row.values()) for row in found] == [
        (old.version, "2026-05-04T12:00:00Z", "MOVE", 100_000, 0),
        (2, "2026-05-04T13:00:00Z", "MOVE", 250_000, 1),
    ]


def test_the_health_of_the_stream_says_what_is_stopped_late_and_unchecked(
    ledger: Ledger, place: Place
) -> None:
    with ledger.transaction() as write:
        write.set_clock(TICK)
        write.add_counts({"accepted": 9, "late": 1})
        write.store_segment([segment_file()])
        write.append_manifest(batch(1, 0, 9, tick=TICK - HOUR))
        stop = Stop(key="site", value="LYO", by="ada", since=TICK, reason="recall")
        write.move_stops([stop], {}, TICK)
        write.put_series([SERIES | {"degraded": True}])
    [row] = place.rows(
        "SELECT behind_seconds, late_share, fallback_series, stopped, checked_at, check_held "
        "FROM v_stream_health"
    )
    assert tuple(row.values()) == (3_600, 0.1, 1, 1, None, None)


def test_the_queue_puts_what_is_at_risk_soonest_first(ledger: Ledger, place: Place) -> None:
    """PL1: 9 k with 10 h left, 4 k with 1 h, 9 k with 1 h."""
    cases = {"A": (900_000, 10), "B": (400_000, 1), "C": (900_000, 1)}
    bodies = [
        escalated(name) | {"at_risk_minor": minor, "deadline": instant_text(TICK + hours * HOUR)}
        for name, (minor, hours) in cases.items()
    ]
    decide(ledger, DeskOutcome(made=tuple(made(body) for body in bodies)))
    with ledger.transaction() as write:
        write.set_clock(TICK)
    found = place.rows("SELECT decision_id, urgency FROM v_escalations ORDER BY urgency DESC")
    assert [row["decision_id"] for row in found] == ["C", "B", "A"]
    for row in found:
        minor, hours = cases[str(row["decision_id"])]
        assert row["urgency"] == pytest.approx(urgency(minor, TICK + hours * HOUR, TICK), abs=1)


def test_what_no_longer_waits_has_no_urgency(ledger: Ledger, place: Place) -> None:
    decide(ledger, DeskOutcome(made=(made(escalated() | {"at_risk_minor": 5}),)))
    moved = DecisionMoved(
        decision_id=DecisionId("d-1"), version=1, at=TICK, changes={"state": "rejected"}, reason=""
    )
    decide(ledger, DeskOutcome(moved=(moved,)))
    [row] = place.rows("SELECT state, urgency FROM v_escalations")
    assert row == {"state": "rejected", "urgency": None}
