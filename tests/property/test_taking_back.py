"""Is a fact that was taken back as if it had never been said? (IN5)"""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from replan.events import DayClosed, EventId, Retracted, SenseFact
from replan.state import empty_state, state_digest
from replan.state_record import state_bytes, state_from_bytes
from replan.stock_book import book_stock
from tests.examples import examples
from tests.property.test_sense_order import BLIND, FIT_DAY, distinct, facts, fresh
from tests.sense_facts import counted, moved, sale, when
from tests.sense_worlds import World

TICKS = (FIT_DAY + 0.5, FIT_DAY + 1.25, FIT_DAY + 1.5, FIT_DAY + 2.25)


def correction(of: SenseFact, at: float) -> Retracted:
    """Says at a moment that a fact was none."""
    return Retracted(
        event_id=EventId(f"not-{of.event_id}"),
        source=of.source,
        occurred_at=when(at),
        arrived_at=max(when(at), of.arrived_at),
        payload_sha=of.payload_sha,
        of=of,  # type: ignore[arg-type]
        reason="did_not_occur",
    )


def lived(rows: list[SenseFact]) -> World:
    """A world that has heard these facts, each before the first tick at or after its arrival."""
    world, fit = fresh(BLIND)
    world.tell([fit], FIT_DAY)
    world.live(rows, TICKS)
    return world


def is_undone(fact: SenseFact) -> bool:
    # A day that was closed too early stays closed; what comes in later reopens it. A promotion
    # seen at the till stays seen.
    return not isinstance(fact, DayClosed) and getattr(fact, "promo", None) is None


@settings(max_examples=examples(30))
@given(
    rows=st.lists(facts(), max_size=12).map(distinct),
    extra=facts().filter(is_undone),
    at=st.sampled_from((FIT_DAY + 0.5, FIT_DAY + 1.0, FIT_DAY + 1.4, FIT_DAY + 2.0)),
)
def test_fact_that_was_taken_back_leaves_nothing_behind(
    rows: list[SenseFact], extra: SenseFact, at: float
) -> None:
    rows = [row for row in rows if row.event_id != extra.event_id]
    never = lived(rows)
    back = lived([*rows, extra, correction(extra, at)])
    assert state_digest(back.state) == state_digest(never.state)


@settings(max_examples=examples(20))
@given(rows=st.lists(facts(), min_size=1, max_size=12).map(distinct))
def test_what_was_taken_back_survives_a_restart(rows: list[SenseFact]) -> None:
    world = lived([*rows, correction(rows[0], FIT_DAY + 1.4)])
    empty = empty_state(world.network, world.rules)
    body = state_bytes(world.state, {})
    kept, _ = state_from_bytes(empty, body, world.state.panel.fit)
    assert state_digest(kept) == state_digest(world.state)
    assert state_bytes(kept, {}) == body


def test_movement_that_was_folded_long_ago_leaves_the_book() -> None:
    shrunk = sale(FIT_DAY + 0.1, 7)
    world = lived([shrunk])
    world.tell([], FIT_DAY + 6)
    assert len(world.state.panel.move_at) == 0
    before = int(book_stock(world.state.panel)[0])
    world.tell([correction(shrunk, FIT_DAY + 6.5)], FIT_DAY + 7)
    assert int(book_stock(world.state.panel)[0]) == before + 7_000


def test_shelf_of_the_only_count_is_unknown_again_without_it() -> None:
    world, fit = fresh(BLIND)
    first = counted(27.5, 40)
    world.tell([fit, correction(first, FIT_DAY + 0.1)], FIT_DAY + 0.5)
    assert world.state.panel.stock_as_of[0] < 0


def test_two_receipts_of_a_transfer_are_one_less_when_the_first_was_none() -> None:
    sent = moved(FIT_DAY + 0.1, "shipped", 20)
    first, second = moved(FIT_DAY + 0.2, "received", 12), moved(FIT_DAY + 0.3, "received", 20)
    late = replace(first, event_id=EventId("x"), occurred_at=first.occurred_at + timedelta(hours=1))
    never = lived([sent, second])
    back = lived([sent, late, second, correction(late, FIT_DAY + 1.4)])
    assert state_digest(back.state) == state_digest(never.state)
