"""Does a kept state come back as the very same state, and is a damaged one told?"""

from dataclasses import replace
from datetime import timedelta

import pytest

from replan.effects import Feedback
from replan.errors import LedgerBroken
from replan.records import proposal_json
from replan.state import SenseState, empty_state, state_digest
from replan.state_record import fit_sha_of, state_bytes, state_from_bytes
from tests.sense_facts import (
    OATS,
    S1,
    S2,
    adjusted,
    alert,
    closed,
    committed,
    counted,
    eta,
    expedite,
    later,
    lead_word,
    line,
    milestone,
    moved,
    ordered,
    receipt,
    sale,
    shipped,
    troubled,
    when,
)
from tests.sense_worlds import World, calm_sales, fitted_world, network


def busy_world() -> World:
    """Something of everything: alarms, a slip, own actions, a rest, promotions, a reopened day."""
    world = fitted_world(28, stock={S1: 150.0, S2: 900.0}, model="ets_ana")
    facts = [
        *calm_sales(28, 31, factor=2.5),
        *calm_sales(28, 31, site=S2),
        sale(29.4, 2.125, promo="P7"),
        later(sale(28.6, 9), 2),
        line(28.2, 35),
        line(29.2, 37),
        line(29.3, 36, po_line="PO2@1", status="confirmed"),
        receipt(31.2, 30, damaged=2),
        counted(30.3, 55),
        adjusted(30.4, -3, site=S2),
        moved(31.4, "shipped", 12),
        committed(29.5, 38),
        committed(29.7, 39),
        shipped(30.1, 37.4, qty=40),
        shipped(30.2, 36.4, qty=30, po_line="PO2@1"),
        milestone(30.3, "SD", reason="AO"),
        eta(30.6, 38.5, late=39.5),
        troubled(30.7),
        lead_word(30.8, 9),
        alert(30.9, 30.9, 33.5, places=("S1", "SUP"), polygon=((47.5, 10.25), (46, 12), (48, 12))),
        line(20.1, 27, po_line="PO3@1"),
        receipt(30.9, 100, po_line="PO3@1"),
    ]
    said = world.live(facts, [28.5, 29, 29.5, 30, 30.5, 31, 31.5])
    case = said[-2].proposals[0]
    word = Feedback(
        item=OATS,
        at=when(31.5),
        ordered=(ordered(), expedite(40, 33, late=34)),
        watch=case.answer.options[0],
        quiet_until=when(33.25) + timedelta(microseconds=7),
        loss_minor=case.loss_mean_minor,
    )
    world.tell([word], 31.75)
    return world


def back(world: World, data: bytes) -> SenseState:
    fit = world.state.panel.fit
    return state_from_bytes(empty_state(world.network, world.rules), data, fit)[0]


def test_what_comes_back_is_what_was_kept() -> None:
    world = busy_world()
    data = state_bytes(world.state, {"ticks": 9})
    state = back(world, data)
    assert state_digest(state) == state_digest(world.state)
    assert state_bytes(state, {"ticks": 9}) == data
    assert state.sightings == world.state.sightings
    assert state.supply == world.state.supply
    assert state.alerts == world.state.alerts
    assert state.cases == world.state.cases


def test_what_goes_with_it_comes_back_too() -> None:
    world = busy_world()
    data = state_bytes(world.state, {"intake": {"clock": None}, "ticks": 9})
    _, extra = state_from_bytes(empty_state(world.network, world.rules), data, None)
    assert extra == {"intake": {"clock": None}, "ticks": 9}
    assert fit_sha_of(data) == world.state.fit_sha


def test_the_days_after_are_the_same() -> None:
    world, other = busy_world(), World(network())
    other.state = back(world, state_bytes(world.state, {}))
    facts = [
        closed(31),
        closed(31, site=S2),
        later(sale(29.1, 30), 3),
        *calm_sales(32, 35, factor=2.5),
        *calm_sales(32, 35, site=S2),
        moved(32.3, "received", 12),
        receipt(33.3, 60),
    ]
    ticks = [32, 32.5, 33, 33.5, 34, 34.5, 35]
    said, again = world.live(facts, ticks), other.live(facts, ticks)
    assert state_digest(world.state) == state_digest(other.state)
    assert [one.days for one in said] == [one.days for one in again]
    assert [one.forecasts for one in said] == [one.forecasts for one in again]
    assert [[proposal_json(p) for p in one.proposals] for one in said] == [
        [proposal_json(p) for p in one.proposals] for one in again
    ]
    assert any(one.proposals for one in said)


def test_a_state_that_has_seen_nothing_can_be_kept() -> None:
    world = World(network())
    state = back(world, state_bytes(world.state, {}))
    assert state_digest(state) == state_digest(world.state)


def test_a_restored_state_is_no_view_of_the_bytes() -> None:
    world = busy_world()
    state = back(world, state_bytes(world.state, {}))
    state.panel.live.state[0, 0] += 1.0
    assert state.panel.live.state[0, 0] != world.state.panel.live.state[0, 0]


def test_a_state_with_facts_that_wait_is_not_kept() -> None:
    world = World(network())
    world.tell([sale(0.9, 1)], 0.5)
    with pytest.raises(AssertionError, match="between ticks"):
        state_bytes(world.state, {})


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda d: b"x" + d, "must start with"),
        (lambda d: d[:40], "damaged header"),
        (lambda d: d[:-8], "ends inside"),
        (lambda d: d + b"\0" * 8, "8 bytes after its last column"),
    ],
    ids=["head", "header", "short", "long"],
)
def test_damaged_bytes_are_refused_in_words(damage: object, said: str) -> None:
    world = busy_world()
    data = damage(state_bytes(world.state, {}))  # type: ignore[operator]
    with pytest.raises(LedgerBroken, match=said):
        back(world, data)


def test_the_digest_does_not_ask_when_an_order_line_was_heard_of() -> None:
    one, other = World(network()), World(network())
    fact = line(0.3, 9)
    one.tell([fact], 1)
    other.tell([replace(fact, arrived_at=when(0.8))], 1)
    assert state_digest(one.state) == state_digest(other.state)
