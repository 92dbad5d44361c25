"""Does an item look up when its supply moves, and is a signal taken back as if never given?"""

from collections.abc import Sequence

import pytest

from replan.events import Retracted, SenseFact, SupplySignal
from replan.state import state_digest
from replan.units import EventId, PoLineId
from tests.sense_facts import (
    S1,
    S2,
    alert,
    committed,
    eta,
    lead_word,
    line,
    milestone,
    shipped,
    troubled,
    when,
)
from tests.sense_worlds import World, fitted_world

UNDER_WAY = (line(28.1, 35), shipped(28.2, 33.5))


def told(*facts: SenseFact, then: Sequence[SenseFact] = ()) -> World:
    """A calm world with goods under way that is told these facts, and more a quarter of a day
    later."""
    world = fitted_world(28, stock={S1: 900.0, S2: 900.0})
    world.live([*UNDER_WAY, *facts], [28.5])
    world.live(then, [28.75])
    return world


def taken_back(fact: SupplySignal) -> Retracted:
    return Retracted(
        event_id=EventId("fix-1"),
        source="/till",
        occurred_at=when(28.6),
        arrived_at=when(28.6),
        payload_sha=fact.payload_sha,
        of=fact,
        reason="incorrect_data",
    )


SIGNALS: list[SupplySignal] = [
    committed(28.3, 38),
    shipped(28.3, 36.5, shipment="SHIP2", po_line="PO1@1"),
    shipped(28.3, 36.5),
    milestone(28.3, "SD", reason="AO"),
    milestone(28.3, "CA"),
    eta(28.3, 37.5),
    troubled(28.3, 30.0),
    lead_word(28.3, 14),
    alert(28.3, 28.3, 33.0),
]


@pytest.mark.parametrize("fact", SIGNALS, ids=lambda fact: type(fact).__name__)
def test_a_signal_taken_back_was_never_given(fact: SupplySignal) -> None:
    with_it, without = told(fact, then=[taken_back(fact)]), told()
    assert state_digest(told(fact).state) != state_digest(without.state)
    assert state_digest(with_it.state) == state_digest(without.state)


def looks(*facts: SenseFact) -> int:
    """How many looks the item takes at 28.75, at which these facts are heard."""
    world = told()
    return len(world.tell(facts, 28.75).forecasts)


def test_an_item_looks_up_when_a_shipment_is_late() -> None:
    assert looks(eta(28.6, 37.5)) > 0


def test_a_restated_eta_that_moves_no_day_is_no_news() -> None:
    assert looks(eta(28.6, 33.6)) == looks() == 0


def test_a_storm_where_the_order_comes_from_is_news_and_one_elsewhere_is_none() -> None:
    assert looks(alert(28.6, 28.6, 33.0)) > 0
    assert looks(alert(28.6, 28.6, 33.0, places=("S9",))) == 0


def test_a_lead_time_is_news_for_its_item() -> None:
    assert looks(lead_word(28.6, 14)) > 0


def test_a_report_of_a_shipment_nobody_noticed_is_kept_for_its_notice() -> None:
    notice = shipped(28.2, 33.5, shipment="SHIP9", arrived=28.6)
    world = told(eta(28.3, 37.5, shipment="SHIP9"), then=[notice])
    voyages = [at for _, at in world.state.supply.shipments.of_line(PoLineId("PO1@1"))]
    assert [at.eta for at in voyages] == [when(33.5), when(37.5)]
