"""Does one customer's pallet stay out of demand, and a crowd in it?"""

from dataclasses import replace

import numpy as np
import pytest

from replan.events import SaleRecorded, SenseFact
from replan.live_model import fit_request
from replan.state import state_digest
from replan.state_record import state_bytes, state_from_bytes
from replan.tickets import OCTAVES, TicketBook
from tests.sense_facts import S1, S2, closed, counted, sale, when
from tests.sense_worlds import CALM, World, network

BLIND = replace(CALM, min_value_minor=10**9)


def book(sizes: list[int]) -> TicketBook:
    """A book that has seen these tickets, in base units, on day 0."""
    made = TicketBook(sizes=np.zeros((1, OCTAVES), dtype=np.int64))
    qty = np.array(sizes, dtype=np.int64) * 1_000
    made.take(np.zeros(len(qty), dtype=np.int64), np.zeros(len(qty), dtype=np.int64), qty)
    return made


def one(made: TicketBook, units: int, day: int = 1) -> int:
    """How many thousandths of that day count after one more ticket."""
    rows, days = np.array([0]), np.array([day])
    made.take(rows, days, np.array([units * 1_000]))
    return int(made.usual(np.array([units * 1_000]), rows, day)[0])


def test_a_pallet_among_single_packs_counts_as_a_large_basket() -> None:
    assert one(book([1, 1, 2, 3] * 25), 240) == 16_384


def test_an_ordinary_ticket_counts_whole() -> None:
    assert one(book([1, 1, 2, 3] * 25), 5) == 5_000


def test_daily_totals_that_treble_are_no_bulk() -> None:
    assert one(book([18, 20, 22, 25, 19] * 12), 66) == 66_000


def test_before_fifty_tickets_nothing_is_unusual() -> None:
    assert one(book([1] * 49), 500) == 500_000


@pytest.mark.parametrize("back_on", [1, 2])
def test_a_pallet_brought_back_leaves_no_trace(back_on: int) -> None:
    made = book([1, 2] * 50)
    rows = np.array([0, 0])
    made.take(rows, np.array([1, back_on]), np.array([300_000, -300_000]))
    sold = {1: 300_000, 2: 0}
    sold[back_on] -= 300_000
    left = [int(made.usual(np.array([sold[day]]), rows[:1], day)[0]) for day in (1, 2)]
    # On one day they cancel; on two, what is left of each is one large basket.
    assert left == ([0, 0] if back_on == 1 else [8_192, 0])


def busy_shop(*more: SenseFact) -> World:
    """A shop that sells some twenty tickets of one or two a day for 35 days, fitted on 28."""
    world = World(network(), BLIND)
    facts: list[SenseFact] = [*more, counted(0.1, 5_000), counted(0.1, 5_000, site=S2)]
    rng = np.random.default_rng(5)
    for day in range(35):
        for ticket in range(int(rng.poisson(20))):
            at = day + 0.4 + ticket / 120
            facts += [sale(at, 1 + ticket % 2, site=site) for site in (S1, S2)]
        facts += [closed(day), closed(day, site=S2)]
    facts.sort(key=lambda f: f.order)
    early = [fact for fact in facts if fact.arrived_at <= when(27.9)]
    world.tell(early, 27.9)
    fit = world.fit(27.9, "ets_ana")
    world.tell([fit], 27.95)
    world.live(facts[len(early) :], [28.9 + day for day in range(7)])
    return world


PALLET = sale(30.5, 400, name="pallet")
BACK = sale(30.6, -400, name="back")


def test_a_pallet_rings_no_alarm_and_is_told_as_bulk() -> None:
    world = busy_shop(PALLET)
    row = world.state.panel.row_of[next(iter(world.state.panel.row_of))]
    assert (world.state.panel.live.alarm_up < 0).all()
    assert world.state.sightings[(row, "bulk")].event_id == "pallet"
    assert "one ticket of 400" in world.state.sightings[(row, "bulk")].text


def test_the_shelf_knows_of_the_pallet_all_the_same() -> None:
    with_it, without = busy_shop(PALLET).state.panel, busy_shop().state.panel
    assert with_it.sold[30, 0] - without.sold[30, 0] == 400_000


def test_a_pallet_and_its_return_leave_the_model_as_it_was() -> None:
    plain, other = busy_shop(), busy_shop(PALLET, BACK)
    np.testing.assert_array_equal(plain.state.panel.live.state, other.state.panel.live.state)
    np.testing.assert_array_equal(plain.state.panel.live.up, other.state.panel.live.up)


def test_a_crowd_of_small_tickets_does_ring() -> None:
    crowd = [
        replace(sale(30.3 + n / 500, 1), event_id=f"crowd-{n}")  # type: ignore[arg-type]
        for n in range(100)
    ]
    assert isinstance(crowd[0], SaleRecorded)
    assert busy_shop(*crowd).state.panel.live.alarm_up[0] > 0


def test_a_fit_sees_the_pallet_as_a_large_basket() -> None:
    asked = [
        fit_request(w.state.panel, asked_at="", min_days=1, false_alarms_per_1000=2.0, seed=1)
        for w in (busy_shop(PALLET), busy_shop())
    ]
    with_it, without = (request.sold[30, 0] for request in asked if request is not None)
    assert with_it - without == pytest.approx(8.192)


def test_bulk_outlives_a_restart() -> None:
    world = busy_shop(PALLET)
    kept = state_bytes(world.state, {})
    state, _ = state_from_bytes(World(network(), BLIND).state, kept, world.state.panel.fit)
    assert state_digest(state) == state_digest(world.state)
    assert state.panel.tickets.rows() == world.state.panel.tickets.rows() != []


def test_a_pallet_that_was_taken_back_was_never_a_ticket() -> None:
    made = book([1, 2] * 50)
    rows, days = np.array([0]), np.array([1])
    before = made.sizes.copy()
    made.take(rows, days, np.array([300_000]))
    made.take_back(0, 1, 300_000)
    np.testing.assert_array_equal(made.sizes, before)
    assert made.excess == {}
