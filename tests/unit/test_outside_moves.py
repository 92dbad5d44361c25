"""Does what people moved by hand count as stock and supply, once, and never as demand?"""

from replan.events import HumanActed, HumanLineDone, Retracted
from replan.inbound import inbound_of
from replan.panel import micros
from replan.sensing import SenseInput
from replan.stock_book import book_stock
from replan.units import EventId, ItemId, SiteId, Units
from tests.sense_facts import OATS, S1, S2, SUP, counted, line, moved, ordered, when
from tests.sense_worlds import World, fitted_world, network


def did(
    at: float,
    qty: float = 40,
    *,
    kind: str = "reallocate",
    origin: str | None = "S2",
    to: str | None = "S1",
    order_id: str | None = None,
    name: str = "human-1",
) -> HumanActed:
    """A report of one thing done, forty units of oats from S2 to S1 unless said otherwise."""
    return HumanActed(
        event_id=EventId(name),
        source="/planners",
        occurred_at=when(at),
        arrived_at=when(at),
        payload_sha="00",
        decision_id=None,
        item=OATS,
        site=S1,
        kind=kind,
        lines=(
            HumanLineDone(
                item=OATS, qty=Units(round(qty * 1_000)), origin=origin, to=to, order_id=order_id
            ),
        ),
        at=when(at),
        role="planner",
    )


def world_after(*facts: SenseInput, at: float) -> World:
    world = fitted_world(28, stock={S1: 500, S2: 900})
    world.tell(list(facts), at)
    return world


def shelf(world: World, site: SiteId) -> int:
    """On the shelf by the book, whole units."""
    return int(book_stock(world.state.panel)[world.state.panel.row_of[(OATS, site)]]) // 1_000


def coming(world: World, site: SiteId, today: int) -> list[tuple[int, int, int]]:
    """What is on its way to a site: units, and days p50 and p90 from day `today` of the world."""
    supply = world.state.supply
    first = micros(when(today)) // 86_400_000_000
    rows = inbound_of(
        network(),
        supply,
        site,
        (),
        [t for t in supply.open_transfers(OATS) if t.destination == site],
        [c for c in supply.open_calls(ItemId(OATS)) if c.destination == site],
        first,
        (),
    )
    return [(row.qty // 1_000, row.day_p50, row.day_p90) for row in rows]


def test_what_people_send_leaves_one_shelf_and_is_on_its_way_to_the_other() -> None:
    before = fitted_world(28, stock={S1: 500, S2: 900})
    world = world_after(did(28.4), at=28.5)
    assert shelf(world, S2) == shelf(before, S2) - 40
    assert shelf(world, S1) == shelf(before, S1)
    assert coming(world, S1, 28) == [(40, 1, 2)]


def test_what_people_sent_lies_on_the_shelf_after_its_day_in_transit() -> None:
    world = world_after(did(28.4), at=28.5)
    before = shelf(world, S1)
    world.tell([], 30.0)
    assert (shelf(world, S1), coming(world, S1, 30)) == (before + 40, [])


def test_what_people_moved_is_no_demand() -> None:
    told, untold = world_after(did(28.4), at=28.5), world_after(at=28.5)
    assert told.state.panel.sold.tolist() == untold.state.panel.sold.tolist()


def test_move_that_a_system_tells_too_counts_once() -> None:
    for facts in (
        [did(28.4), moved(28.6, "shipped", 40)],
        [moved(28.3, "shipped", 40), did(28.4)],
    ):
        world = world_after(*facts, at=28.7)
        assert shelf(world, S2) == shelf(world_after(at=28.7), S2) - 40
        assert [row[0] for row in coming(world, S1, 28)] == [40]


def test_move_of_another_quantity_is_another_move() -> None:
    world = world_after(did(28.4), moved(28.6, "shipped", 90), at=28.7)
    assert sorted(row[0] for row in coming(world, S1, 28)) == [40, 90]


def test_move_that_we_ordered_ourselves_counts_once() -> None:
    world = fitted_world(28, stock={S1: 500, S2: 900})
    world.state.supply.order(ordered(), when(28))
    world.tell([did(28.4)], 28.5)
    assert [row[0] for row in coming(world, S1, 28)] == [40]


def test_count_of_the_shelf_outranks_what_people_said() -> None:
    world = world_after(did(28.4), counted(28.5, 800, site=S2), at=28.6)
    assert shelf(world, S2) == 800


def test_report_that_is_taken_back_moved_nothing() -> None:
    report = did(28.4)
    back = Retracted(
        event_id=EventId("human-1-not"),
        source="/planners",
        occurred_at=when(30.5),
        arrived_at=when(30.5),
        payload_sha="01",
        of=report,
        reason="did_not_occur",
    )
    world, untold = world_after(report, at=28.5), world_after(at=28.5)
    for one in (world, untold):
        one.tell([], 30.1)
    world.tell([back], 30.6)
    assert [shelf(world, s) for s in (S1, S2)] == [shelf(untold, s) for s in (S1, S2)]
    assert coming(world, S1, 30) == []


def test_buffer_that_people_called_is_on_its_way_until_its_order_is_heard() -> None:
    terms = {
        "buffer_qty": Units(100_000),
        "buffer_lead_time_days": 2.0,
        "buffer_unit_premium_minor": 5,
    }
    world = fitted_world(28, stock={S1: 500, S2: 900}, contracts=terms)
    world.tell([did(28.4, kind="buffer_call", origin=SUP)], 28.5)
    assert coming(world, S1, 28) == [(40, 2, 4)]
    assert world.state.supply.called(SUP, OATS, S1, when(28)) == 40_000
    world.tell([line(28.6, 31, qty=40, po_line="PO7@1")], 28.7)
    assert coming(world, S1, 28) == []


def test_order_that_people_brought_forward_comes_as_much_earlier_as_its_contract_allows() -> None:
    world = world_after(line(27.5, 35), at=28.2)
    world.tell([did(28.4, qty=60, kind="expedite", origin=SUP, order_id="PO1@1")], 28.5)
    _, early = world.state.supply.expedited[line(27.5, 35).po_line]
    assert (early.qty, (early.arrive_p50 - when(28).date()).days) == (60_000, 4)


def test_report_of_nothing_moves_nothing() -> None:
    world = world_after(did(28.4, kind="none"), at=28.5)
    assert shelf(world, S2) == shelf(world_after(at=28.5), S2)
