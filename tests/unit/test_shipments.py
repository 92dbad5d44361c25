"""Is a shipment where its newest reports say, in whatever order they are heard?"""

from datetime import timedelta
from itertools import permutations

import pytest

from replan.events import ShipmentNoticed, ShipmentReport
from replan.shipments import MAX_REPORTS, Shipments, Voyage
from replan.units import PoLineId
from tests.sense_facts import eta, milestone, shipped, troubled, when

LEFT = shipped(28.0, 33.5)


def told(*facts: ShipmentNoticed | ShipmentReport) -> Shipments:
    shipments = Shipments()
    for fact in facts:
        if isinstance(fact, ShipmentNoticed):
            shipments.notice(fact)
        else:
            shipments.report(fact)
    return shipments


def believed(*facts: ShipmentNoticed | ShipmentReport) -> Voyage:
    ((_, voyage),) = told(*facts).of_line(PoLineId("PO1@1"))
    return voyage


def arrives(*facts: ShipmentReport) -> float:
    """Days after day 0."""
    return (believed(LEFT, *facts).eta - when(0)) / timedelta(days=1)


def test_a_shipment_is_expected_as_its_notice_says() -> None:
    assert arrives() == 33.5


def test_a_new_eta_holds() -> None:
    assert arrives(eta(29.0, 35.5)) == 35.5


def test_the_newest_eta_holds_whenever_it_was_heard() -> None:
    assert arrives(eta(30.0, 36.5), eta(29.0, 35.5)) == 36.5


def test_an_eta_restated_with_less_than_four_hours_difference_moves_nothing() -> None:
    assert arrives(*(eta(29 + n / 24, 33.5 + n % 3 / 24) for n in range(40))) == 33.5


def test_an_eta_that_creeps_is_believed_once_it_has_crept_far_enough() -> None:
    assert arrives(*(eta(29 + n / 24, 33.5 + n / 24) for n in range(1, 6))) == 33.5 + 4 / 24


def test_an_estimate_of_the_carrier_is_an_eta() -> None:
    assert arrives(milestone(29.0, "X2", of=36.0)) == 36.0


def test_a_departure_a_day_late_arrives_a_day_late() -> None:
    assert arrives(milestone(29.0, "AF")) == 34.5


def test_a_departure_in_time_moves_nothing() -> None:
    assert arrives(milestone(28.05, "AF")) == 33.5


def test_a_late_departure_that_an_eta_foresaw_is_not_counted_twice() -> None:
    assert arrives(eta(28.5, 34.5), milestone(29.0, "AF")) == 34.5


def test_a_delay_without_a_new_time_is_taken_for_a_day_and_a_wider_late_end() -> None:
    voyage = believed(LEFT, milestone(29.0, "SD", reason="AO"))
    assert (voyage.eta, voyage.doubt) == (when(34.5), timedelta(days=2))


def test_an_eta_after_a_delay_ends_the_doubt() -> None:
    voyage = believed(LEFT, milestone(29.0, "SD"), eta(29.5, 36.0))
    assert (voyage.eta, voyage.doubt) == (when(36.0), timedelta(0))


def test_an_exception_moves_the_arrival_by_its_impact() -> None:
    assert arrives(troubled(29.0, 36.0)) == 35.0


def test_an_exception_without_an_impact_counts_like_a_delay() -> None:
    assert arrives(troubled(29.0)) == 34.5


@pytest.mark.parametrize("code", ["P1", "X6", "PA"])
def test_a_step_on_the_way_moves_nothing(code: str) -> None:
    assert arrives(milestone(30.0, code)) == 33.5  # type: ignore[arg-type]


def test_an_arrival_ends_the_trip() -> None:
    voyage = believed(LEFT, milestone(33.2, "X1"), eta(33.3, 35.0))
    assert (voyage.whereabouts, voyage.eta) == ("arrived", when(33.2))


@pytest.mark.parametrize("code", ["A7", "A9", "CA"])
def test_refused_damaged_or_cancelled_goods_are_lost(code: str) -> None:
    voyage = believed(LEFT, milestone(30.0, code), eta(31.0, 34.0))  # type: ignore[arg-type]
    assert voyage.whereabouts == "lost"


def test_goods_refused_at_the_door_are_lost_though_they_arrived() -> None:
    assert believed(LEFT, milestone(33.2, "X1"), milestone(33.4, "A7")).whereabouts == "lost"


def test_a_notice_given_anew_after_a_loss_is_believed() -> None:
    again = shipped(31.0, 36.0)
    assert believed(LEFT, milestone(30.0, "CA"), again).whereabouts == "under_way"


def test_a_report_older_than_its_notice_is_known_to_whoever_wrote_the_notice() -> None:
    assert arrives(eta(27.0, 40.0)) == 33.5


REPORTS = (
    LEFT,
    milestone(28.4, "AF"),
    eta(29.0, 35.0),
    milestone(30.0, "SD", reason="AO"),
    troubled(31.0, 6.0),
)


@pytest.mark.parametrize("order", list(permutations(range(5))))
def test_the_order_in_which_reports_are_heard_does_not_show(order: tuple[int, ...]) -> None:
    assert told(*(REPORTS[n] for n in order)).of_line(PoLineId("PO1@1")) == [
        (LEFT, believed(*REPORTS))
    ]


def test_a_report_told_twice_counts_once() -> None:
    assert arrives(milestone(29.0, "SD"), milestone(29.0, "SD")) == 34.5


def test_a_report_taken_back_was_never_given() -> None:
    shipments = told(LEFT, eta(29.0, 35.0), eta(30.0, 37.0))
    shipments.take_back_report(eta(30.0, 37.0))
    ((_, voyage),) = shipments.of_line(PoLineId("PO1@1"))
    assert voyage.eta == when(35.0)


def test_a_notice_taken_back_leaves_the_one_before_it() -> None:
    again = shipped(31.0, 36.0)
    shipments = told(LEFT, again)
    shipments.take_back_notice(again)
    assert [notice for notice, _ in shipments.of_line(PoLineId("PO1@1"))] == [LEFT]
    shipments.take_back_notice(LEFT)
    assert shipments.of_line(PoLineId("PO1@1")) == []


def test_a_platform_that_never_stops_restating_is_remembered_by_its_newest_words() -> None:
    shipments = told(LEFT, *(eta(29 + n / 1_000, 40.0) for n in range(3 * MAX_REPORTS)))
    (kept,) = shipments.reports.values()
    assert len(kept) == MAX_REPORTS


def test_a_shipment_of_two_lines_is_forgotten_with_the_second() -> None:
    other = shipped(28.0, 33.5, po_line="PO2@1")
    shipments = told(LEFT, other, eta(29.0, 35.0))
    shipments.forget_line(PoLineId("PO1@1"))
    assert shipments.reports != {}
    shipments.forget_line(PoLineId("PO2@1"))
    assert (shipments.notices, shipments.reports) == ({}, {})
