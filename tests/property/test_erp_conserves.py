"""Whatever is sold, moved, expedited: no unit appears or vanishes, and who listens knows it."""

import json
import tempfile
from collections import Counter, defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from replan.effects import Command
from replan.events import OrderLineStated, SaleRecorded, StockCounted
from replan.infra.erp.reference import ReferenceErp
from replan.panel import empty_panel, micros
from replan.stock_book import add_stock_moves, book_stock, count_stock
from replan.streams.codec import Decoder
from replan.streams.messages import Decoded, Place, ReceiptHeard, TransferHeard
from replan.units import ItemId, SiteId
from tests.erp_cases import MILK, contract, expedite, lane, local, move, network, rule, sale, stock
from tests.examples import examples

NETWORK = network(
    rules=[rule(order_up_to=60, period=2), rule(site="S2", order_up_to=40, period=3)],
    contracts=[contract(p90=6, lot=6), contract(site="S2", p50=2, p90=5, moq=5)],
    lanes=[lane("S1-S2", "S1", "S2", p90=3, capacity=15), lane("S2-S1", "S2", "S1", lot=2)],
)
# Each example lives through days with a commit each: looking for a smaller one would take minutes.
at_once = settings(max_examples=examples(25), phases=[Phase.explicit, Phase.reuse, Phase.generate])
HALF_DAY = timedelta(hours=12)
START = local("04")

sold = st.tuples(
    st.sampled_from(["S1", "S2"]), st.integers(-1, 30), st.integers(0, 719), st.integers(1, 900)
)
moved = st.tuples(st.booleans(), st.integers(1, 25))
brought_forward = st.tuples(st.integers(0, 5), st.integers(1, 20))
half_days = st.lists(
    st.tuples(
        st.lists(sold, max_size=5),
        st.lists(moved, max_size=1),
        st.lists(brought_forward, max_size=1),
    ),
    min_size=8,
    max_size=24,
)


def played(script: list[Any], folder: Path) -> tuple[ReferenceErp, list[SaleRecorded], list[Any]]:
    """The script lived through, with two quiet days behind it: the system, all sales, its events.

    A sale is known up to fifteen hours after it happened, often only after a count or a delivery.
    """
    erp = ReferenceErp(folder, NETWORK, stock(S1=60, S2=40), START)
    sales, said, lines = [], [], []
    for n, (sold_now, _, _) in enumerate(script):
        for k, (site, units, minute, lag) in enumerate(sold_now):
            happened = START + n * HALF_DAY + timedelta(minutes=minute)
            sales.append((happened + timedelta(minutes=lag), sale(happened, units, site, n=k)))
    clock, told = START, 0
    for n, (_, moves, early) in enumerate([*script, *[((), (), ())] * 4]):
        since, clock = clock, clock + HALF_DAY
        commands: list[Command] = []
        for is_back, units in moves:
            day = f"{(clock + timedelta(hours=2)).day:02}"
            ends = {"from": "S2", "to": "S1"} if is_back else {}
            commands.append(move(f"m{n}", units, day, **ends))
        for which, units in early:
            if lines:
                commands.append(expedite(f"e{n}", units, lines[-1 - which % len(lines)]))
        heard = [s for known, s in sales if since < known <= clock]
        said += erp.advance(clock, heard, commands)
        lines += [e["subject"] for e in said[told:] if e["type"] == "po.created.v1"]
        told = len(said)
    return erp, [s for _, s in sales], said


def decoded(said: list[Any]) -> list[Any]:
    """The facts in the events; every one of them must be valid."""
    decoder, facts = Decoder(NETWORK), []
    for number, event in enumerate(said):
        (found,) = decoder.record(json.dumps(event).encode(), Place("erp", number + 1))
        assert isinstance(found, Decoded), found
        facts.append(found.fact)
    return facts


@at_once
@given(half_days)
def test_no_unit_appears_or_vanishes(script: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        erp, sales, said = played(script, Path(folder))
        total: Counter[str] = Counter(S1=60_000, S2=40_000)
        for fact in decoded(said):
            if isinstance(fact, ReceiptHeard):
                total[fact.po_line[:2]] += fact.qty_received
            elif isinstance(fact, TransferHeard) and fact.step == "shipped":
                total[str(fact.origin)] -= fact.qty or 0
            elif isinstance(fact, TransferHeard) and fact.step == "received":
                total[str(fact.destination)] += fact.qty or 0
        for made in sales:
            total[made.site] -= made.sold
        on_hand = {site: erp.stock()[(MILK, SiteId(site))] for site in ("S1", "S2")}
        lost = erp.gain()["lost_units"]["with"] * 1_000
        erp.close()

        assert sum(total.values()) + lost == sum(on_hand.values())
        assert all(total[site] <= on_hand[site] for site in on_hand)
        assert min(on_hand.values()) >= 0


@at_once
@given(half_days)
def test_who_folds_the_events_knows_every_shelf(script: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        erp, sales, said = played(script, Path(folder))
        panel = empty_panel(NETWORK, keep_days=1)
        moves: list[tuple[int, int, int]] = []

        def moves_to(item: ItemId, site: SiteId, at: Any, qty: int) -> None:
            moves.append((panel.row_of[(item, site)], micros(at), qty))

        stated: dict[str, OrderLineStated] = {}
        for fact in decoded(said):
            match fact:
                case StockCounted():
                    row = panel.row_of[(fact.item, fact.site)]
                    count_stock(panel, row, fact.on_hand, micros(fact.as_of))
                case OrderLineStated():
                    stated[fact.po_line] = fact
                case ReceiptHeard():
                    line = stated[fact.po_line]
                    moves_to(line.item, line.ship_to, fact.at, fact.qty_received)
                case TransferHeard(step="shipped"):
                    moves_to(fact.item, fact.origin, fact.at, -fact.qty)
                case TransferHeard(step="received"):
                    moves_to(fact.item, fact.destination, fact.at, fact.qty)
                case _:
                    pass
        for made in sales:
            moves_to(made.item, made.site, made.occurred_at, -made.sold)
        table = np.array(moves, dtype=np.int64).reshape(-1, 3)
        add_stock_moves(panel, table[:, 0], table[:, 1], table[:, 2])
        shelves = dict(zip(panel.series, book_stock(panel).tolist(), strict=True))
        known = erp.stock()
        erp.close()

        assert shelves == known


@at_once
@given(half_days)
def test_every_line_is_received_as_it_was_last_stated(script: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        erp, _, said = played(script, Path(folder))
        erp.close()
        stated: dict[str, OrderLineStated] = {}
        received: defaultdict[str, list[tuple[int, Any]]] = defaultdict(list)
        for fact in decoded(said):
            if isinstance(fact, OrderLineStated):
                assert fact.po_line not in received
                stated[fact.po_line] = fact
            elif isinstance(fact, ReceiptHeard):
                received[fact.po_line].append((fact.qty_received, fact.at.date()))

        assert all(
            rows == [(stated[name].qty, stated[name].promised)] for name, rows in received.items()
        )
