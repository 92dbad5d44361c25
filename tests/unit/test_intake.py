"""The verdicts that need memory: clock, lateness, ids, waiting, suspects, resumption."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from replan.events import (
    AlertRaised,
    EtaChanged,
    InboundFact,
    OrderLineStated,
    Received,
    Retracted,
    SaleRecorded,
    ShipmentNoticed,
    TransferMoved,
)
from replan.network import Network
from replan.streams.codec import Decoder
from replan.streams.intake import Intake
from replan.streams.messages import Outcome, Place
from replan.units import ItemId, SiteId, TransferId, Units
from tests.event_lines import (
    alert,
    asn,
    commit,
    eta_change,
    lead_time,
    milestone,
    network,
    order,
    receipt,
    sale,
)


def at(hour: int, day: int = 4) -> str:
    return f"2026-05-{day:02}T{hour:02}:00:00Z"


def instant(hour: int, day: int = 4) -> datetime:
    return datetime(2026, 5, day, hour, tzinfo=UTC)


def new_intake(state: dict[str, Any] | None = None) -> Intake:
    return Intake(
        lateness=timedelta(hours=48),
        max_jump=timedelta(days=30),
        typical_daily=lambda item, site: 3.0 if site == "S1" else None,
        state=state,
    )


def take(intake: Intake, *events: dict[str, Any], known: Network | None = None) -> list[Outcome]:
    decoder = Decoder(known or network())
    return [
        intake.take(result)
        for line, event in enumerate(events, 1)
        for result in decoder.record(json.dumps(event).encode(), Place("events.jsonl", line))
    ]


def statuses(outcomes: list[Outcome]) -> list[str]:
    return [outcome.reply.status for outcome in outcomes]


def facts(outcomes: list[Outcome]) -> list[InboundFact]:
    return [fact for outcome in outcomes for fact in outcome.facts]


def transfer(**changes: Any) -> dict[str, Any]:
    event = sale(id="t-1", type="transfer.status.v1", subject="ACT1", data={"status": "shipped"})
    return event | changes


def foreign_transfer(**changes: Any) -> dict[str, Any]:
    data = {"status": "requested", "item": "MILK", "from": "S1", "to": "S2", "qty": 6} | changes
    return transfer(id="t-0", data={key: value for key, value in data.items() if value is not None})


def knows_transfer(intake: Intake) -> tuple[InboundFact, ...]:
    return intake.know_transfer(
        TransferId("ACT1"),
        item=ItemId("MILK"),
        origin=SiteId("S1"),
        destination=SiteId("S2"),
        qty=Units(6_000),
        at=instant(13),
    )


def test_event_at_the_lateness_bound_is_not_late() -> None:
    events = [
        sale(id="a", time=at(12), recordedtime=at(12, day=6)),
        sale(id="b", time=at(12), recordedtime="2026-05-06T12:00:01Z"),
    ]
    assert statuses(take(new_intake(), *events)) == ["ACCEPTED", "LATE"]


def test_late_sale_is_still_a_fact() -> None:
    (outcome,) = take(new_intake(), sale(time=at(12), recordedtime=at(12, day=9)))
    assert len(outcome.facts) == 1


def test_time_up_to_five_minutes_ahead_of_the_arrival_is_taken() -> None:
    events = [
        sale(id="a", time="2026-05-04T12:05:00Z", recordedtime=at(12)),
        sale(id="b", time="2026-05-04T12:05:01Z", recordedtime=at(12)),
    ]
    assert [o.reply.code for o in take(new_intake(), *events)] == [None, "future"]


def test_lone_wrong_arrival_does_not_move_the_clock() -> None:
    intake = new_intake()
    outcomes = take(
        intake, sale(id="a"), sale(id="b", time="2027-01-01T00:00:00Z"), sale(id="c", time=at(13))
    )
    assert statuses(outcomes) == ["ACCEPTED", "REJECTED", "ACCEPTED"]
    assert intake.clock == instant(13)


def test_clock_never_goes_back() -> None:
    intake = new_intake()
    take(intake, sale(id="a", time=at(13)), sale(id="b", time=at(12)))
    assert intake.clock == instant(13)


def test_each_event_counts_once() -> None:
    intake = new_intake()
    bad = sale(id="b", data={})
    take(intake, sale(id="a"), sale(id="a"), bad, sale(id="c", subject="TEA@S1"))
    assert intake.counts == {
        "ACCEPTED": 1,
        "REJECTED": 1,
        "DUPLICATE": 1,
        "LATE": 0,
        "QUARANTINED": 1,
    }


def test_duplicate_that_comes_late_is_a_duplicate() -> None:
    outcomes = take(new_intake(), sale(), sale(recordedtime=at(12, day=20)))
    assert statuses(outcomes) == ["ACCEPTED", "DUPLICATE"]


def test_id_beyond_the_window_is_applied_again() -> None:
    others = [sale(id=f"o-{n}") for n in range(2_048)]
    outcomes = take(new_intake(), sale(), *others[:2_047], sale(), others[-1], sale())
    assert statuses(outcomes)[-3:] == ["DUPLICATE", "ACCEPTED", "ACCEPTED"]


def test_same_id_of_another_source_is_another_event() -> None:
    outcomes = take(new_intake(), sale(), sale(source="till/S2"))
    assert statuses(outcomes) == ["ACCEPTED", "ACCEPTED"]


@pytest.mark.parametrize(
    ("qty", "subject", "is_suspect"),
    [(300, "MILK@S1", False), (301, "MILK@S1", True), (5_000, "MILK@S2", False)],
)
def test_sale_above_100_usual_days_is_suspect(qty: int, subject: str, is_suspect: bool) -> None:
    (outcome,) = take(new_intake(), sale(data={"qty": qty}, subject=subject))
    (fact,) = outcome.facts
    assert isinstance(fact, SaleRecorded)
    assert fact.suspect == is_suspect
    assert outcome.reply.code == ("suspect" if is_suspect else None)


def test_receipt_finds_item_and_site_of_its_order_line() -> None:
    stated, received = facts(take(new_intake(), order(), receipt()))
    assert isinstance(stated, OrderLineStated)
    assert isinstance(received, Received)
    assert (received.item, received.site, received.qty_received) == ("MILK", "S1", 24_000)


def test_receipt_before_its_order_waits_and_follows_it_with_the_later_arrival() -> None:
    early, stated = take(new_intake(), receipt(), order() | {"time": at(14)})
    assert (early.reply.status, early.facts) == ("ACCEPTED", ())
    received = stated.facts[1]
    assert isinstance(received, Received)
    assert received.arrived_at == instant(14)


def test_receipt_that_comes_twice_while_waiting_is_a_duplicate() -> None:
    outcomes = take(new_intake(), receipt(), receipt(), receipt(qty_received=1), order())
    assert [o.reply.code for o in outcomes] == [None, "duplicate", "id_conflict", None]
    assert len(outcomes[3].facts) == 2


def test_receipt_that_comes_again_after_its_release_is_a_duplicate() -> None:
    outcomes = take(new_intake(), receipt(), order(), receipt())
    assert outcomes[2].reply.status == "DUPLICATE"


def test_change_silent_about_the_status_does_not_open_a_closed_line() -> None:
    closed = order(status="closed")
    change = order(qty=12) | {"type": "po.changed.v1", "id": "po-2", "time": at(13)}
    stated = facts(take(new_intake(), closed, change))[1]
    assert isinstance(stated, OrderLineStated)
    assert stated.status == "closed"


def test_step_of_our_transfer_gets_its_item_and_sites() -> None:
    intake = new_intake()
    knows_transfer(intake)
    (moved,) = facts(take(intake, transfer()))
    assert isinstance(moved, TransferMoved)
    assert (moved.item, moved.origin, moved.destination, moved.qty) == ("MILK", "S1", "S2", 6_000)


def test_step_before_we_know_of_the_transfer_waits() -> None:
    intake = new_intake()
    (early,) = take(intake, transfer())
    (moved,) = knows_transfer(intake)
    assert (early.reply.status, early.facts) == ("ACCEPTED", ())
    assert moved.arrived_at == instant(13)


def test_transfer_of_others_is_known_from_its_own_words() -> None:
    outcomes = take(new_intake(), transfer(), foreign_transfer())
    assert [type(fact) for fact in outcomes[1].facts] == [TransferMoved, TransferMoved]


@pytest.mark.parametrize("name", ["item", "from", "to", "qty"])
def test_transfer_of_others_must_say_everything(name: str) -> None:
    (outcome,) = take(new_intake(), foreign_transfer(**{name: None}))
    assert (outcome.reply.code, outcome.reply.pointer) == ("missing", f"/data/{name}")


def test_step_that_contradicts_our_transfer_is_refused() -> None:
    intake = new_intake()
    knows_transfer(intake)
    (outcome,) = take(intake, foreign_transfer(to="S1"))
    assert (outcome.reply.code, outcome.reply.pointer) == ("scope", "/data/to")


def test_event_of_an_unknown_item_is_applied_when_the_master_data_know_it() -> None:
    nothing = Network(items={}, sites=network().sites, lanes={}, supply={}, stocking={})
    intake = new_intake()
    take(intake, sale(data={"qty": "1.50"}), known=nothing)
    assert intake.release(nothing) == []
    (outcome,) = intake.release(network(), instant(15))
    (fact,) = outcome.facts
    assert isinstance(fact, SaleRecorded)
    assert (fact.sold, fact.arrived_at, outcome.reply.status) == (1_500, instant(15), "ACCEPTED")
    assert intake.release(network()) == []


def test_event_released_into_another_unit_is_refused() -> None:
    nothing = Network(items={}, sites=network().sites, lanes={}, supply={}, stocking={})
    intake = new_intake()
    take(intake, sale(data={"qty": 1, "uom": "CS"}), known=nothing)
    (outcome,) = intake.release(network(), instant(15))
    assert (outcome.reply.status, outcome.reply.code) == ("REJECTED", "unit")


def test_day_close_after_the_store_day_is_taken_and_before_it_refused() -> None:
    closes = [
        sale(id=day, type="pos.day_close.v1", subject="S1", data={"business_date": day})
        for day in ("2026-05-04", "2026-05-05")
    ]
    outcomes = take(new_intake(), *closes)
    assert [o.reply.code for o in outcomes] == [None, "future"]


STORY = [
    sale(id="a", time=at(1)),
    receipt() | {"time": at(2), "data": {"qty_received": 1, "qty_damaged": 0, "at": at(2)}},
    transfer(time=at(3)),
    sale(id="tea", subject="TEA@S1", time=at(4)),
    sale(id="a", time=at(1)),
    order() | {"time": at(5)},
    foreign_transfer() | {"time": at(6)},
    sale(id="a", time=at(1), data={"qty": 9}),
    receipt() | {"id": "r-2", "time": at(13)},
]


@pytest.mark.parametrize("cut", range(len(STORY) + 1))
def test_intake_resumed_from_its_state_goes_on_as_if_nothing_had_happened(cut: int) -> None:
    whole = new_intake()
    expected = take(whole, *STORY)
    first = new_intake()
    before = take(first, *STORY[:cut])
    resumed = new_intake(json.loads(json.dumps(first.state_json())))
    behind = take(resumed, *STORY[cut:])
    assert facts(before) + facts(behind) == facts(expected)
    assert statuses(before) + statuses(behind) == statuses(expected)
    # Only the places of parked events differ: both halves here are numbered from line 1.
    assert {**resumed.state_json(), "parked": 0} == {**whole.state_json(), "parked": 0}


def test_only_an_event_that_will_be_taken_moves_the_clock() -> None:
    intake = new_intake()
    take(intake, sale(id="a"))
    decoder = Decoder(network())
    events = [
        sale(id="b", time=at(13)),
        sale(id="a", recordedtime=at(13)),
        sale(id="c", time=at(11)),
        sale(id="d", subject="TEA@S1", time=at(13)),
        foreign_transfer(qty=None) | {"time": at(13)},
    ]
    results = [decoder.record(json.dumps(e).encode(), Place("events.jsonl", 2))[0] for e in events]
    expected = [instant(13), None, None, None, None]
    assert [intake.moves_clock_to(result) for result in results] == expected


# Shipments and commits.


def ids(outcomes: list[Outcome]) -> list[str]:
    return [fact.event_id for fact in facts(outcomes)]


def test_a_notice_of_an_unknown_line_is_accepted_and_waits_for_it() -> None:
    intake = new_intake()
    assert [o.reply.code for o in take(intake, asn(), commit())] == [None, None]
    released = take(intake, order() | {"time": at(13)})
    assert ids(released) == ["po-1", "asn-1", "c-1"]
    assert {fact.arrived_at for fact in facts(released)} == {instant(13)}


def test_reports_wait_for_the_notice_of_their_shipment() -> None:
    intake = new_intake()
    reports = take(intake, order(), milestone(), eta_change())
    assert statuses(reports) == ["ACCEPTED"] * 3
    assert ids(reports) == ["po-1"]
    assert ids(take(intake, asn() | {"time": at(13)})) == ["asn-1", "eta-1", "ms-1"]


def test_reports_and_notice_wait_together_for_the_line() -> None:
    intake = new_intake()
    take(intake, milestone(), asn())
    assert ids(take(intake, order() | {"time": at(13)})) == ["po-1", "asn-1", "ms-1"]


def test_a_notice_has_the_item_and_the_site_of_its_line() -> None:
    (_, notice) = facts(take(new_intake(), order(), asn()))
    assert isinstance(notice, ShipmentNoticed)
    assert (notice.item, notice.site) == ("MILK", "S1")


def test_what_waits_survives_a_restart() -> None:
    intake = new_intake()
    take(intake, milestone(), eta_change(p90=3_600), asn(), commit(), receipt())
    again = new_intake(json.loads(json.dumps(intake.state_json())))
    assert again.state_json() == intake.state_json()
    late_order = order() | {"time": at(13)}
    assert facts(take(again, late_order)) == facts(take(intake, late_order))


@pytest.mark.parametrize("event", [milestone(), eta_change(), asn(), commit()])
def test_what_waits_is_a_duplicate_when_told_again(event: dict[str, Any]) -> None:
    intake = new_intake()
    assert statuses(take(intake, event, event)) == ["ACCEPTED", "DUPLICATE"]
    take(intake, order(), asn())
    assert statuses(take(intake, event)) == ["DUPLICATE"]


def test_seconds_around_an_eta_are_counted_from_the_new_one() -> None:
    (_, _, changed) = facts(take(new_intake(), order(), asn(), eta_change(p90=7_200)))
    assert isinstance(changed, EtaChanged)
    assert changed.p90 == changed.eta + timedelta(hours=2)


def test_an_alert_about_places_of_others_and_one_of_ours_is_ours() -> None:
    (raised,) = facts(take(new_intake(), alert(area={"locations": ["X", "SUP1"]})))
    assert isinstance(raised, AlertRaised)
    assert raised.locations == ("SUP1", "X")


SIGNALS = [
    lead_time(lead_time_s=604_800),
    alert(),
    commit(),
    asn(),
    milestone(),
    eta_change(),
]


@pytest.mark.parametrize("event", SIGNALS, ids=lambda event: event["type"])
def test_whatever_suppliers_and_carriers_said_can_be_taken_back(event: dict[str, Any]) -> None:
    intake = new_intake()
    take(intake, order(), asn(), event)
    correction = event | {
        "id": "fix-1",
        "time": at(13),
        "corrects": event["id"],
        "correctsreason": "incorrect_data",
    }
    (retracted,) = facts(take(intake, correction))
    assert isinstance(retracted, Retracted)
    assert retracted.of.event_id == event["id"]


def test_a_report_taken_back_while_it_waits_is_given_and_taken_back_together() -> None:
    intake = new_intake()
    correction = milestone() | {
        "id": "fix-1",
        "time": at(13),
        "corrects": "ms-1",
        "correctsreason": "did_not_occur",
    }
    take(intake, order(), milestone(), correction)
    assert ids(take(intake, asn() | {"time": at(14)})) == ["asn-1", "ms-1", "fix-1"]
