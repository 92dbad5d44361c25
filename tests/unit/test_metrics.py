"""Monitors count what the ledger holds and what a run tells, and nothing else."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from replan.alarms import Alarm, AlarmScope
from replan.effects import DeskOutcome
from replan.errors import LedgerBusy, SourceAway
from replan.infra.ledger.rows import DeadLetterRow
from replan.infra.ledger.standing import MODE, Standing
from replan.infra.ledger.store import Ledger
from replan.infra.process.metrics import LedgerMetrics, Observer, ledger_text
from replan.infra.process.watching import TickTold, TimedPlanner
from replan.solver.planner import MilpPlanner
from replan.streams.log_slices import LogRange, LogSlice, Partition
from tests.databases import Place
from tests.ledger_builders import TICK, command, decide, decision_body, escalated, made
from tests.planning_problems import chain_problem

POS = Partition("replan.pos", 0)


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    ledger = place.open()
    yield ledger
    ledger.close()


def told(text: bytes) -> dict[tuple[str, ...], float]:
    """Samples by name and the values of their labels, in the order of their names."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def by(ledger: Ledger) -> dict[tuple[str, ...], float]:
    return told(ledger_text(ledger.standing)())


def test_an_empty_ledger_is_up_and_counts_nothing(ledger: Ledger) -> None:
    found = by(ledger)
    assert found["replan_ledger_up",] == 1
    assert found["replan_stopped_scopes",] == 0
    assert ("replan_clock_timestamp_seconds",) not in found


def test_events_dead_letters_and_the_mode_are_counted(ledger: Ledger) -> None:
    letter = DeadLetterRow(
        event_id="e-1",
        place="pos.jsonl:7",
        status="rejected",
        code="sign",
        pointer="/data/qty",
        reason="a sale is not negative",
        raw=b"{}",
        sha256="44136fa3",
        at=TICK,
    )
    with ledger.transaction() as write:
        write.add_counts({"accepted": 41, "late": 2})
        write.add_dead_letters([letter])
        write.set_control(MODE, "shadow")
        write.set_clock(TICK)
    found = by(ledger)
    assert found["replan_events_total", "accepted"] == 41
    assert found["replan_events_total", "late"] == 2
    assert found["replan_dead_letters_total", "sign"] == 1
    assert found["replan_mode", "shadow"] == 1
    assert found["replan_clock_timestamp_seconds",] == TICK.timestamp()


def test_decisions_actions_and_outbox_are_counted_by_state(ledger: Ledger) -> None:
    outcome = DeskOutcome(
        made=(made(decision_body()), made(escalated("d-2")), made(escalated("d-3"))),
        commands=(command(),),
    )
    decide(ledger, outcome)
    found = by(ledger)
    assert found["replan_decisions", "escalated"] == 2
    assert found["replan_decisions", "executing"] == 1
    assert found["replan_actions", "pending"] == 1
    assert found["replan_outbox_commands", "pending"] == 1


def test_an_alarm_counts_while_it_stands(ledger: Ledger) -> None:
    def alarm(alarm_id: str, closed_at: datetime | None) -> Alarm:
        return Alarm(
            alarm_id=alarm_id,
            kind="freshness",
            scope=AlarmScope(site="S1"),
            opened_at=TICK,
            closed_at=closed_at,
            text="nothing is heard from the till",
        )

    with ledger.transaction() as write:
        write.put_alarms([alarm("a", None), alarm("b", TICK + timedelta(hours=1))])
    assert by(ledger)["replan_alarms_open", "freshness"] == 1


def test_the_holder_of_the_lease_is_named_and_no_longer_when_it_is_over(ledger: Ledger) -> None:
    epoch = ledger.take_lease("engine", "host-1:41", timedelta(minutes=5))
    assert by(ledger)["replan_lease_held", "host-1:41", "engine"] == 1
    assert epoch is not None
    ledger.release_lease("engine", epoch)
    assert by(ledger)["replan_lease_held", "host-1:41", "engine"] == 0


def test_lag_is_what_the_log_holds_beyond_the_newest_segment(ledger: Ledger) -> None:
    part = LogRange(partition=POS, low=0, first=0, end=70)
    with ledger.transaction() as write:
        write.store_slice(LogSlice(ranges=(part,), after=None, through=None))
    observer = Observer(ledger.standing)
    assert ("replan_lag_records", "0", "replan.pos") not in told(observer.text())
    observer.log_ends({POS: 100, Partition("replan.pos", 1): 5})
    found = told(observer.text())
    assert found["replan_lag_records", "0", "replan.pos"] == 30
    assert found["replan_lag_records", "1", "replan.pos"] == 5


def nothing() -> Standing:
    raise LedgerBusy("the database is away")


def test_a_ledger_that_is_away_is_down_and_not_an_error() -> None:
    assert told(ledger_text(nothing)()) == {("replan_ledger_up",): 0}


def test_the_ledger_is_not_counted_again_within_two_seconds() -> None:
    asked, now = [], [100.0]

    def standing() -> Standing:
        asked.append(now[0])
        raise LedgerBusy("the database is away")

    metrics = LedgerMetrics(standing, monotonic=lambda: now[0])
    for at in (100.0, 101.9, 102.0):
        now[0] = at
        metrics.is_up()
    assert asked == [100.0, 102.0]


@pytest.mark.parametrize(
    ("happens", "reasons"),
    [
        (lambda o: None, []),
        (lambda o: o.trouble(SourceAway("broker: nobody answers")), ["broker: nobody answers"]),
        (lambda o: (o.trouble(SourceAway("broker: away")), o.log_ends({POS: 1})), []),
        (lambda o: o.trouble(LedgerBusy("locked")), []),
    ],
)
def test_a_run_is_ready_unless_its_broker_is_away(
    ledger: Ledger, happens: Callable[[Observer], Any], reasons: list[str]
) -> None:
    observer = Observer(ledger.standing)
    happens(observer)
    assert observer.not_ready() == reasons


def test_a_run_without_its_ledger_is_not_ready() -> None:
    assert Observer(nothing).not_ready() == ["the ledger does not answer"]


def test_a_new_decision_counts_with_its_delay_and_a_new_version_does_not(ledger: Ledger) -> None:
    observer = Observer(ledger.standing)
    first = decision_body(event_time="2026-05-04T11:00:00Z", decided_at="2026-05-04T12:00:00Z")
    observer.ticked(TickTold(at=TICK, seconds=0.2, made=(first, {**first, "version": 2})))
    found = told(observer.text())
    assert found["replan_decision_delay_seconds_count",] == 1
    assert found["replan_decision_delay_seconds_sum",] == 3600
    assert found["replan_tick_seconds_count",] == 1


def test_only_the_process_that_folds_is_active(ledger: Ledger) -> None:
    observer = Observer(ledger.standing)
    assert told(observer.text())["replan_engine_active",] == 0
    with observer.folding(3):
        assert told(observer.text())["replan_engine_active",] == 1
    assert told(observer.text())["replan_engine_active",] == 0


def test_the_clock_is_told_in_unix_time(ledger: Ledger) -> None:
    with ledger.transaction() as write:
        write.set_clock(datetime(1970, 1, 2, tzinfo=UTC))
    assert by(ledger)["replan_clock_timestamp_seconds",] == 86_400


def test_problems_are_counted_by_how_they_were_answered(ledger: Ledger) -> None:
    observer = Observer(ledger.standing)
    planner = TimedPlanner(MilpPlanner(), observer)
    assert planner.plan(iter(())) == ()
    (answer,) = planner.plan(iter((chain_problem(1, sites=3),)))
    found = told(observer.text())
    assert found["replan_problems_total", answer.outcome] == 1
    assert found["replan_solver_seconds_count",] == 1
