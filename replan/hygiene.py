"""What becomes of doubts about what we were told? Alarms that open, and scopes that go on HOLD.

Every fact passes here once when it is applied: it shows which feed tells of which series, and may
be doubtful itself. Nothing here keeps a fact from counting.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from replan.alarms import AlarmScope
from replan.events import (
    OrderLineStated,
    Received,
    SaleRecorded,
    SenseFact,
    StockAdjusted,
    StockCounted,
    TroubleFound,
)
from replan.holds import HOLD, Hold, HoldKind, cause_of, series_name
from replan.panel import Panel
from replan.state import SenseState
from replan.units import ONE_UNIT, ItemId, SiteId

SUSPECT_FOR = timedelta(days=7)
"""How long a sale of suspicious size keeps machines from acting, unless it is taken back."""


def take_doubts(state: SenseState, facts: Sequence[SenseFact]) -> None:
    """Doubts that the facts of a tick bring with them, before they are applied."""
    for fact in facts:
        match fact:
            case SaleRecorded() | StockCounted() | StockAdjusted():
                _note_feed(state, fact.source, fact.item, fact.site)
                if isinstance(fact, SaleRecorded) and fact.suspect:
                    _suspect(state, fact)
            case OrderLineStated():
                _note_feed(state, fact.source, fact.item, fact.ship_to)
            case Received():
                _note_feed(state, fact.source, fact.item, fact.site)
            case TroubleFound():
                _take_trouble(state, fact)
            case _:
                pass


def doubt_returns(state: SenseState, facts: Iterable[SenseFact]) -> None:
    """More came back than was ever sold: the item goes on HOLD. Asked once the sales of the tick
    have been added up.
    """
    for fact in facts:
        if not isinstance(fact, SaleRecorded) or fact.sold >= 0:
            continue
        row = state.panel.row_of.get((fact.item, fact.site))
        if row is None or ever_sold(state.panel, row) >= 0:
            continue
        state.holds.put(
            Hold(
                kind="item",
                name=fact.item,
                cause=cause_of(fact.source, fact.event_id),
                until=fact.arrived_at + HOLD,
                quality="red",
                text=f"more came back to {fact.site} than was ever sold there, "
                f"event {fact.event_id}",
            )
        )
        state.case(fact.item).stirred = True


def ever_sold(panel: Panel, row: int) -> int:
    """Net sales of a series in everything remembered, thousandths."""
    return int(panel.sold[:, row].sum())


def pass_time(state: SenseState, at: datetime) -> None:
    """What is over by itself at a tick ends."""
    state.alarms.pass_time(at)
    state.holds.pass_time(at)


def _note_feed(state: SenseState, feed: str, item: ItemId, site: SiteId) -> None:
    row = state.panel.row_of.get((item, site))
    if row is not None:
        state.holds.note_feed(feed, row)


def _suspect(state: SenseState, fact: SaleRecorded) -> None:
    state.holds.put(
        Hold(
            kind="series",
            name=series_name(fact.item, fact.site),
            cause=cause_of(fact.source, fact.event_id),
            until=fact.arrived_at + SUSPECT_FOR,
            quality="amber",
            text=f"a sale of {fact.sold / ONE_UNIT:g} looks like a slip, event {fact.event_id}",
        )
    )


def _take_trouble(state: SenseState, fact: TroubleFound) -> None:
    if fact.kind is not None:
        scope = AlarmScope(item=fact.item, site=fact.site, source=fact.feed)
        state.alarms.open(fact.kind, scope, fact.arrived_at, fact.text, fact.until)
    if not fact.holds:
        return
    kind, name = _held(fact)
    # A feed that stays in trouble is one hold; what one event did to an item is one of its own.
    cause = f"feed#{name}" if kind == "feed" else cause_of(fact.source, fact.event_id)
    state.holds.put(
        Hold(kind=kind, name=name, cause=cause, until=fact.until, quality="red", text=fact.text)
    )
    if fact.item is not None and fact.item in {item for item, _ in state.panel.series}:
        state.case(fact.item).stirred = True


def _held(fact: TroubleFound) -> tuple[HoldKind, str]:
    if fact.item is not None and fact.site is not None:
        return "series", series_name(fact.item, fact.site)
    if fact.item is not None:
        return "item", fact.item
    if fact.site is not None:
        return "site", fact.site
    assert fact.feed is not None, "a trouble is about something"
    return "feed", fact.feed
