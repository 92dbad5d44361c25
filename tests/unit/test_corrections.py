"""Which event does a correction take back? Matched by what the window of ids remembers (IN5)."""

import json
from typing import Any

import pytest

from replan.events import HumanActed, InboundFact, Retracted, SaleRecorded
from replan.streams.codec import Decoder
from replan.streams.messages import Outcome, Place
from replan.units import SiteId
from tests.event_lines import (
    alert,
    hand_work,
    network,
    order,
    receipt,
    reply_to_question,
    sale,
)
from tests.unit.test_intake import at, instant, knows_transfer, new_intake, take, transfer


def correction(of: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Everything as the original said it, at a time of its own."""
    own = {"id": f"not-{of['id']}", "corrects": of["id"], "correctsreason": "did_not_occur"}
    return of | own | {"time": at(18)} | changes


def retracted(outcomes: list[Outcome]) -> list[InboundFact]:
    return [f.of for o in outcomes for f in o.facts if isinstance(f, Retracted)]


def test_sale_is_taken_back_as_it_was_said_with_its_own_time() -> None:
    said, taken = take(new_intake(), sale(), correction(sale()))
    (of,) = retracted([taken])
    (original,) = said.facts
    assert isinstance(of, SaleRecorded)
    assert isinstance(original, SaleRecorded)
    assert (of.sold, of.occurred_at, of.event_id) == (2_000, original.occurred_at, "e-1")


def test_report_of_hand_work_is_taken_back() -> None:
    outcomes = take(new_intake(), hand_work(), correction(hand_work()))
    (of,) = retracted(outcomes)
    assert isinstance(of, HumanActed)


@pytest.mark.parametrize("event", [hand_work(), alert()])
def test_correction_of_an_unheard_report_or_alert_holds_nothing(event: dict[str, Any]) -> None:
    """Neither names one item or site, so there is nothing to hold, and no run may stumble."""
    (early,) = take(new_intake(), correction(event))
    assert (early.reply.status, early.reply.code, early.facts) == ("ACCEPTED", "suspect", ())


def test_answer_to_a_question_cannot_be_taken_back() -> None:
    (refused,) = take(new_intake(), correction(reply_to_question()))
    assert (refused.reply.code, refused.reply.pointer) == ("scope", "/corrects")


def test_event_can_be_taken_back_once() -> None:
    outcomes = take(new_intake(), sale(), correction(sale()), correction(sale(), id="again"))
    assert [o.reply.status for o in outcomes] == ["ACCEPTED", "ACCEPTED", "DUPLICATE"]
    assert len(retracted(outcomes)) == 1


def test_event_that_comes_again_after_its_correction_stays_taken_back() -> None:
    outcomes = take(new_intake(), sale(), correction(sale()), sale())
    assert outcomes[2].reply.status == "DUPLICATE"


def test_correction_of_a_correction_is_refused() -> None:
    undo = correction(sale())
    again = correction(undo, id="undo-undo", corrects=undo["id"])
    outcomes = take(new_intake(), sale(), undo, again)
    assert outcomes[2].reply.code == "id_conflict"


def test_correction_before_its_original_waits_for_it_and_holds_the_item_meanwhile() -> None:
    early, said = take(new_intake(), correction(sale(), time=at(9)), sale())
    assert (early.reply.status, early.reply.code) == ("ACCEPTED", "suspect")
    assert [(t.item, t.holds, t.kind) for t in early.troubles] == [("MILK", True, None)]
    assert len(retracted([said])) == 1


def test_correction_of_an_id_that_has_left_its_window_opens_an_alarm() -> None:
    intake = new_intake()
    take(intake, sale(), *(sale(id=f"o-{n}") for n in range(2_048)))
    (outcome,) = take(intake, correction(sale()))
    assert retracted([outcome]) == []
    assert [(t.item, t.holds, t.kind) for t in outcome.troubles[:1]] == [
        ("MILK", True, "id_window")
    ]


def test_receipt_is_taken_back_from_the_line_it_came_for() -> None:
    outcomes = take(new_intake(), order(), receipt(), correction(receipt()))
    (of,) = retracted(outcomes)
    assert (of.item, of.site, of.qty_received) == ("MILK", "S1", 24_000)  # type: ignore[union-attr]


def test_receipt_corrected_while_it_waits_never_counts() -> None:
    outcomes = take(new_intake(), receipt(), correction(receipt()), order(), correction(receipt()))
    assert [o.reply.status for o in outcomes[:3]] == ["ACCEPTED"] * 3
    assert [type(f).__name__ for f in outcomes[2].facts] == [
        "OrderLineStated",
        "Received",
        "Retracted",
    ]
    assert outcomes[3].reply.status == "DUPLICATE"


def test_line_taken_back_is_not_known_any_more() -> None:
    outcomes = take(new_intake(), order(), correction(order()), receipt())
    assert outcomes[2].facts == ()


def test_earlier_statement_of_a_line_holds_again() -> None:
    to_s2 = order(ship_to="S2") | {"id": "po-2", "type": "po.changed.v1", "time": at(13)}
    outcomes = take(new_intake(), order(), to_s2, correction(to_s2), receipt())
    (received,) = outcomes[3].facts
    assert received.site == SiteId("S1")  # type: ignore[union-attr]


def test_transfer_step_without_a_time_of_its_own_keeps_that_of_the_original() -> None:
    intake = new_intake()
    knows_transfer(intake)
    outcomes = take(intake, transfer(), correction(transfer()))
    (of,) = retracted(outcomes)
    assert of.at == instant(12)  # type: ignore[union-attr]


STORY = [
    correction(sale(id="early"), time=at(1)),
    sale(id="early", time=at(2)),
    receipt() | {"time": at(3), "data": {"qty_received": 1, "qty_damaged": 0, "at": at(2)}},
    sale(id="b", time=at(4)),
    sale(id="bad", time=at(4), data={}),
    correction(sale(id="b"), time=at(5)),
    order() | {"time": at(6)},
    correction(order(), time=at(7)),
    correction(sale(id="b"), time=at(8)),
]


@pytest.mark.parametrize("cut", range(len(STORY) + 1))
def test_corrections_are_matched_alike_after_a_restart(cut: int) -> None:
    expected = take(new_intake(), *STORY)
    first = new_intake()
    before = take(first, *STORY[:cut])
    resumed = new_intake(json.loads(json.dumps(first.state_json())))
    behind = take(resumed, *STORY[cut:])
    facts = [[o.facts, o.troubles, o.reply.code] for o in [*before, *behind]]
    assert facts == [[o.facts, o.troubles, o.reply.code] for o in expected]


def sources_in_trouble(events: list[dict[str, Any]]) -> list[tuple[str | None, str | None]]:
    intake, decoder = new_intake(), Decoder(network())
    outcomes = [
        intake.take(decoder.record(json.dumps(event).encode(), Place("e.jsonl", line))[0])
        for line, event in enumerate(events, 1)
    ]
    return [(t.kind, t.feed) for o in outcomes for t in o.troubles]


def test_source_of_too_many_refusals_is_alarmed_and_held() -> None:
    good = [sale(id=f"g-{n}") for n in range(300)]
    bad = [sale(id=f"b-{n}", data={"qty": "12,5"}) for n in range(5)]
    assert sources_in_trouble([*good, *bad]) == [("dlq_rate", "till/S1")]


def test_few_refusals_among_many_events_are_no_alarm() -> None:
    good = [sale(id=f"g-{n}") for n in range(600)]
    bad = [sale(id=f"b-{n}", data={"qty": "12,5"}) for n in range(5)]
    assert sources_in_trouble([*good, *bad]) == []


def test_refusals_long_ago_do_not_count() -> None:
    bad = [sale(id=f"b-{n}", data={"n": n}) for n in range(4)]
    later = "2026-05-04T12:06:00Z"
    events = [sale(), *bad, sale(id="e-2", time=later), sale(id="b-9", time=later, data={})]
    assert sources_in_trouble(events) == []


def test_fifty_one_refusals_in_a_row_are_alarmed_however_slowly_they_come() -> None:
    events = [sale()]
    for n in range(51):
        time = f"2026-05-05T{n // 10:02}:{n % 10 * 6:02}:00Z"
        # Somebody else's sale moves the clock on; refusals do not.
        events += [sale(id=f"t-{n}", source="till/S2", time=time)]
        events += [sale(id=f"b-{n}", time=time, data={"n": n})]
    assert sources_in_trouble(events) == [("dlq_rate", "till/S1")]


def test_one_bad_event_that_is_sent_over_and_over_counts_once() -> None:
    assert sources_in_trouble([sale(), *[sale(id="b", data={})] * 60]) == []


def test_unknown_items_are_no_refusals() -> None:
    assert (
        sources_in_trouble([sale(), *(sale(id=f"t-{n}", subject="TEA@S1") for n in range(60))])
        == []
    )


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (sale(id="f", time="2026-05-04T13:00:00Z", recordedtime=at(12)), "clock"),
        (sale(data={"qty": 9}), "id_conflict"),
    ],
)
def test_wrong_clock_and_reused_id_are_alarms_of_their_source(
    event: dict[str, Any], kind: str
) -> None:
    assert sources_in_trouble([sale(), event]) == [(kind, "till/S1")]


def test_window_that_does_not_reach_back_to_the_lateness_bound_is_an_alarm_once_a_day() -> None:
    events = [sale(id=f"o-{n}") for n in range(2_060)]
    assert sources_in_trouble(events) == [("id_window", None)]
