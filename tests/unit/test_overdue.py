"""Is it told when what we had moved does not arrive, and when nobody says what was done?"""

from replan.alarms import Alarm, AlarmScope
from replan.effects import Feedback
from replan.events import HumanActed, SenseFact
from replan.units import DecisionId, EventId
from tests.sense_facts import OATS, S1, S2, moved, ordered, when
from tests.sense_worlds import World, fitted_world

SCOPE = AlarmScope(item=OATS, site=S1)


def waiting(facts: list[SenseFact], *ticks: float) -> tuple[World, list[Alarm]]:
    """Forty units leave S2 for S1 on day 30 and are there on day 31, or 32 when late."""
    world = fitted_world(28, stock={S1: 500, S2: 900})
    word = Feedback(item=OATS, at=when(30), ordered=(ordered(),))
    told = [*world.tell([word], 30.1).alarms]
    for said in world.live(facts, ticks):
        told += said.alarms
    return world, [alarm for alarm in told if alarm.kind == "ack_overdue"]


def test_transfer_more_than_a_day_past_its_late_arrival_is_an_alarm_once() -> None:
    _, told = waiting([], 32.5, 33.9, 34.1, 34.5, 35.5)
    (alarm,) = told
    assert (alarm.scope, alarm.opened_at, alarm.closed_at) == (SCOPE, when(34.1), None)
    assert alarm.text == (
        "transfer act-1 of 40 from S2 to S1 was to arrive by 2026-07-03; "
        "it no longer counts as supply"
    )


def test_what_arrives_after_all_ends_the_alarm() -> None:
    came = moved(34.3, "received", 40, transfer="act-1")
    _, (opened, closed) = waiting([came], 34.1, 34.5)
    assert opened.alarm_id == closed.alarm_id
    assert closed.closed_at == when(34.5)


def test_what_arrives_in_time_is_no_alarm() -> None:
    came = moved(33.8, "received", 40, transfer="act-1")
    assert waiting([came], 33.9, 34.5)[1] == []


def test_move_that_was_refused_is_not_awaited() -> None:
    world, _ = waiting([], 31.0)
    word = Feedback(item=OATS, at=when(31.5), ended=(ordered().action_id,))
    said = [world.tell([word], 31.6), world.tell([], 34.5)]
    assert [a for one in said for a in one.alarms if a.kind == "ack_overdue"] == []


def test_called_buffer_that_nobody_heard_an_order_of_is_an_alarm() -> None:
    world = fitted_world(28, stock={S1: 500, S2: 900})
    call = ordered(kind="buffer_call", origin="SUP", ref="SUP@S1")
    world.tell([Feedback(item=OATS, at=when(30), ordered=(call,))], 30.1)
    (alarm,) = world.tell([], 34.2).alarms
    assert (alarm.kind, alarm.scope) == ("ack_overdue", SCOPE)
    assert "no order was heard of for 40 called from SUP" in alarm.text


def unreported() -> tuple[World, list[Alarm]]:
    """A case that was taken over three days ago, of which nobody said what became of it."""
    world = fitted_world(28, stock={S1: 500, S2: 900})
    word = Feedback(item=OATS, at=when(30), unreported=DecisionId("dec-1"))
    return world, [a for a in world.tell([word], 30.1).alarms if a.kind == "ack_overdue"]


def test_case_taken_over_without_a_report_is_an_alarm_of_its_item() -> None:
    _, (alarm,) = unreported()
    assert (alarm.kind, alarm.scope) == ("ack_overdue", AlarmScope(item=OATS))
    assert alarm.text == (
        "decision dec-1 was taken over, and no report of what was done came in time"
    )


def test_report_that_comes_late_ends_the_alarm() -> None:
    world, (opened,) = unreported()
    said = world.tell([report(30.5)], 30.6)
    (closed,) = (alarm for alarm in said.alarms if alarm.kind == "ack_overdue")
    assert (closed.alarm_id, closed.closed_at) == (opened.alarm_id, when(30.6))


def report(at: float) -> HumanActed:
    return HumanActed(
        event_id=EventId("human-1"),
        source="/planners",
        occurred_at=when(at),
        arrived_at=when(at),
        payload_sha="00",
        decision_id=None,
        item=OATS,
        site=S1,
        kind="reallocate",
        lines=(),
        at=when(at),
        role="planner",
    )
