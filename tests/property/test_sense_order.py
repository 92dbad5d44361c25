"""Does sense believe the same whatever the order, the batches and (inside the ring) the delay of
its facts?
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from replan.events import SenseFact, Tick
from replan.records import proposal_json
from replan.replanner import step
from replan.sensing import FitMade, Sensed, SenseInput
from replan.state import state_digest
from replan.state_record import state_bytes
from tests.examples import examples
from tests.sense_facts import (
    S1,
    S2,
    adjusted,
    alert,
    closed,
    committed,
    counted,
    eta,
    lead_word,
    line,
    milestone,
    moved,
    receipt,
    sale,
    shipped,
    stated,
    troubled,
    when,
)
from tests.sense_worlds import CALM, World, calm_sales, fitted_world, network

FIT_DAY = 28
ALERT = replace(CALM, min_value_minor=500)
BLIND = replace(CALM, decide_from=when(365))
"""Believes and decides nothing: what is decided may well differ between a day and its morrow."""

sites = st.sampled_from((S1, S2))
minutes = st.integers(0, 12 * 60 - 1)
quantities = st.integers(1, 30)


@st.composite
def facts(draw: st.DrawFn, first: float = FIT_DAY, days: float = 0.5) -> SenseFact:
    """Any fact that may come within half a day after the fit."""
    at = first + draw(st.integers(0, round(days * 1_440) - 1)) / 1_440
    site, qty = draw(sites), draw(quantities)
    po = f"PO{draw(st.integers(1, 2))}@1"
    kind = draw(st.integers(0, 16))
    ship = f"SHIP{draw(st.integers(1, 2))}"
    match kind:
        case 0 | 1:
            promo = draw(st.sampled_from((None, "P1")))
            return sale(at, qty, site=site, promo=promo)
        case 2:
            return sale(at, -qty, site=site)
        case 3:
            back = draw(st.integers(0, 720)) / 1_440
            return counted(at, qty, site=site, as_of=at - back)
        case 4:
            return adjusted(at, qty - 15, site=site)
        case 5:
            promised = 30 + draw(st.integers(0, 5))
            status = draw(st.sampled_from(("approved", "confirmed", "closed", "proposed")))
            return line(at, promised, qty=qty, po_line=po, site=S1, status=status)
        case 6:
            return receipt(at, qty, damaged=min(qty, 2), po_line=po, site=S1)
        case 7:
            step_ = draw(st.sampled_from(("requested", "picked", "shipped", "received")))
            transfer = f"T{draw(st.integers(1, 2))}"
            return moved(at, step_, qty, transfer=transfer)
        case 8:
            first = FIT_DAY - 2 + draw(st.integers(0, 4))
            last, prior = first + draw(st.integers(0, 4)), qty / 10
            return stated(at, first, last, site=site, prior=prior, promo="P1")
        case 9:
            return committed(at, 30 + draw(st.integers(0, 5)), qty=qty, po_line=po)
        case 10:
            return shipped(at, at + draw(st.integers(1, 6)), qty=qty, shipment=ship, po_line=po)
        case 11:
            code = draw(st.sampled_from(("AF", "X6", "X2", "SD", "X1", "CA")))
            return milestone(at, code, shipment=ship, of=at + 4 if code == "X2" else at)
        case 12:
            return eta(at, at + draw(st.integers(1, 9)), shipment=ship)
        case 13:
            return troubled(at, draw(st.sampled_from((None, 5.0, 30.0))), shipment=ship)
        case 14:
            return lead_word(at, draw(st.integers(3, 20)), lane=site)
        case 15:
            places = draw(st.sampled_from((("SUP",), (S1,), ("S1-S2",))))
            return alert(at, at, at + draw(st.integers(1, 6)), places=places)
        case _:
            return closed(FIT_DAY - 1, site=site, at=at)


def distinct(rows: Sequence[SenseFact]) -> list[SenseFact]:
    """Without repeats of an id: those never reach sense."""
    return list({row.event_id: row for row in rows}.values())


def fresh(rules: object = ALERT) -> tuple[World, FitMade]:
    """A world whose fit is about to take effect, so that it does inside the test."""
    world = World(network(), rules)  # type: ignore[arg-type]
    rows = distinct([*calm_sales(0, FIT_DAY), *calm_sales(0, FIT_DAY, site=S2)])
    rows += [counted(27.5, 40, site=S1), counted(27.5, 400, site=S2)]
    world.live(rows, [27.9])
    return world, world.fit(27.9)


def told(said: Sequence[Sensed]) -> list[object]:
    """All that was said, as plain values."""
    return [
        [
            [proposal_json(p) for p in one.proposals],
            one.reassessed,
            one.cleared,
            one.days,
            one.forecasts,
            one.fit_wanted is not None,
        ]
        for one in said
    ]


@settings(max_examples=examples(30))
@given(st.lists(facts(), max_size=25).map(distinct), st.randoms(use_true_random=False))
def test_any_order_inside_a_tick_is_the_same(rows: list[SenseFact], rng: object) -> None:
    one, fit = fresh()
    other, _ = fresh()
    shuffled = list(rows)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    said = one.tell([fit, *rows], FIT_DAY + 0.5)
    again = other.tell([*shuffled, fit], FIT_DAY + 0.5)
    assert state_digest(one.state) == state_digest(other.state)
    assert state_bytes(one.state, {}) == state_bytes(other.state, {})
    assert told([said]) == told([again])


@settings(max_examples=examples(30))
@given(st.lists(facts(), max_size=20).map(distinct), st.data())
def test_where_the_edges_of_batches_fall_does_not_show(
    rows: list[SenseFact], data: st.DataObject
) -> None:
    whole, fit = fresh()
    cut, _ = fresh()
    rows = sorted(rows, key=lambda row: row.order)
    ticks = [FIT_DAY + 0.25, FIT_DAY + 0.5, FIT_DAY + 1.2]
    batch: list[SenseInput] = [fit]
    left = list(rows)
    for tick in ticks:
        due = [row for row in left if row.arrived_at <= when(tick)]
        left = left[len(due) :]
        batch += [*due, Tick(at=when(tick))]
    said = step(whole.state, batch, whole.sensing)
    edges = sorted(data.draw(st.lists(st.integers(0, len(batch)), max_size=6)))
    parts = [
        step(cut.state, batch[a:b], cut.sensing)
        for a, b in zip([0, *edges], [*edges, len(batch)], strict=True)
    ]
    assert state_digest(whole.state) == state_digest(cut.state)
    assert [proposal_json(p) for p in said.proposals] == [
        proposal_json(p) for part in parts for p in part.proposals
    ]
    assert said.days == [row for part in parts for row in part.days]
    assert said.forecasts == [row for part in parts for row in part.forecasts]


def test_a_fact_of_the_next_tick_is_not_seen_by_this_one() -> None:
    one, fit = fresh()
    other, _ = fresh()
    early, late = sale(28.1, 4), sale(28.4, 9)
    one.tell([fit, early, late], 28.25)
    other.tell([fit, early], 28.25)
    assert state_digest(one.state) == state_digest(other.state)


# Late facts.

LAST = 36
TICKS = [FIT_DAY + 0.25 * k for k in range(1, 4 * (LAST - FIT_DAY) + 1)]


@cache
def days_after() -> tuple[SenseFact, ...]:
    """A week of ordinary life after the fit, shelves far from empty."""
    rows = [
        *calm_sales(FIT_DAY, LAST - 1),
        *calm_sales(FIT_DAY, LAST - 1, site=S2),
        line(28.3, 33),
        line(30.3, 34),
        receipt(33.4, 60, damaged=3),
        receipt(34.4, 37),
        adjusted(29.7, -4),
        adjusted(33.2, -2, site=S2),
        moved(31.2, "shipped", 12),
        moved(32.3, "received", 12),
        sale(30.8, -2),
        counted(30.2, 4_900),
        counted(31.4, 4_870, site=S2, as_of=31.3),
        line(28.5, 34, po_line="PO2@1"),
        committed(29.2, 35, po_line="PO2@1"),
        shipped(30.1, 34.5, po_line="PO2@1"),
        milestone(30.4, "AF"),
        eta(31.2, 35.4),
        milestone(32.1, "SD", reason="AO"),
        troubled(32.6, 5.0),
        receipt(35.2, 100, po_line="PO2@1"),
        lead_word(30.6, 9),
        alert(29.4, 30.0, 33.0),
        alert(30.4, 30.0, 32.0, certainty="Likely"),
    ]
    return tuple(distinct(rows))


def lived(rows: Sequence[SenseFact], stock: float = 5_000) -> World:
    """A world after these days."""
    world = fitted_world(FIT_DAY, stock={S1: stock, S2: stock}, rules=BLIND)
    world.live(rows, TICKS)
    return world


@cache
def in_time() -> str:
    return state_digest(lived(days_after()).state)


@settings(max_examples=examples(25))
@given(st.data())
def test_inside_the_lateness_bound_late_equals_in_time(data: st.DataObject) -> None:
    rows = list(days_after())
    for n in data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=8, unique=True)):
        delay = data.draw(st.integers(1, 48 * 60 - 1)) / 1_440
        arrives = min(rows[n].arrived_at + timedelta(days=delay), when(LAST))
        rows[n] = replace(rows[n], arrived_at=arrives)
    assert state_digest(lived(rows).state) == in_time()


def test_a_sale_six_days_late_is_stepped_as_if_in_time() -> None:
    late = replace(sale(29.6, 55), arrived_at=when(35.6))
    early = sale(29.6, 55)
    assert state_digest(lived([*days_after(), late]).state) == state_digest(
        lived([*days_after(), early]).state
    )


def test_a_sale_older_than_the_ring_mends_totals_and_stock_but_not_the_model() -> None:
    rows = [*days_after(), closed(35, at=35.4), closed(35, site=S2, at=35.4)]
    late, early = replace(sale(28.6, 55), arrived_at=when(35.9)), sale(28.6, 55)
    mended, meant, other = (lived(r).state.panel for r in ([*rows, late], [*rows, early], rows))
    np.testing.assert_array_equal(mended.sold, meant.sold)
    np.testing.assert_array_equal(mended.stock, meant.stock)
    np.testing.assert_array_equal(mended.live.state, other.live.state)
    np.testing.assert_array_equal(mended.live.offsets, other.live.offsets)


def test_a_day_at_the_very_edge_of_the_ring_is_still_stepped_again() -> None:
    """Seven days are kept: with day 34 closed, day 28 is the oldest of them."""
    late = replace(sale(28.6, 55), arrived_at=when(35.25))
    meant = sale(28.6, 55)
    with_late, in_time_ = lived([*days_after(), late]), lived([*days_after(), meant])
    np.testing.assert_array_equal(with_late.state.panel.live.state, in_time_.state.panel.live.state)


def test_whether_a_shelf_was_empty_is_judged_by_what_was_known_at_the_close() -> None:
    """The stated exception: a sale that empties the shelf and comes late leaves the day open."""
    rows = [counted(28.1, 5), closed(28), closed(29)]
    early = lived([*rows, sale(28.5, 5)]).state.panel
    late = lived([*rows, replace(sale(28.5, 5), arrived_at=when(30.1))]).state.panel
    day = (when(29).date() - when(0).date()).days
    row = early.row_of[("OATS", "S1")]  # type: ignore[index]
    assert bool(early.empty[day, row])
    assert not bool(late.empty[day, row])
