"""What lies ahead of one item? Stock, supply and demand of its sites as a planning problem.

Everything here is arithmetic on the state at a tick: which days are counted until normal supply can
arrive, what a site can spare while staying protected itself, which lanes and order lines can still
be used.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

import numpy as np

from replan.ahead import Ahead
from replan.alerts import Reach, widened_demand
from replan.arrivals import RECENT, LineOutlook, contract_of, line_outlook
from replan.canonical import seed_from
from replan.departures import lane_offer
from replan.effects import Ordered
from replan.forecasting import FloatArray, IntArray, mean_of
from replan.inbound import as_promised, inbound_of, is_long_overdue, places_of, window_of
from replan.intraday import Surge
from replan.network import Network, cut_off
from replan.panel import Panel
from replan.planning import ExpediteOffer, NextOrder, PlanningProblem, PostponeOffer, SiteOutlook
from replan.state import SenseRules
from replan.stock_book import book_stock, stock_known
from replan.supplier_terms import buffer_offer, postpone_offers
from replan.supply import OrderLine, SupplyLedger, Transfer
from replan.units import ONE_UNIT, ItemId, SiteId, Units, day_from_number, units_floor
from replan.watch import Left, fallen_since, risen_since

DOUBT_DAYS = 14
IN_DOUBT = 0.3
"""After an alarm the new level is known from a few days only: for a fortnight its error is taken
to last."""


def look_ahead(
    panel: Panel,
    supply: SupplyLedger,
    network: Network,
    rows: IntArray,
    forecasts: FloatArray,
    first_open: IntArray,
    today: int,
    rules: SenseRules,
    at: datetime,
    left: Mapping[int, Left] = MappingProxyType({}),
    surged: Mapping[int, Surge] = MappingProxyType({}),
    reaches: tuple[Reach, ...] = (),
) -> dict[int, Ahead]:
    """`Ahead` by row for series whose stock is known.

    `forecasts` (K, D, n) start at `first_open` (n,) day numbers. Of today's demand what is `left`
    counts where that is known, else what was already sold is taken off. `surged`: days that run
    above their forecast. `reaches`: the alerts that stand.
    """
    known = stock_known(panel)
    book = book_stock(panel)
    by_item: dict[ItemId, tuple[_LinesAt, _LinesAt, list[Transfer], list[Ordered]]] = {}
    found: dict[int, Ahead] = {}
    for n, row in enumerate(rows.tolist()):
        if not known[row]:
            continue
        item, site = panel.series[row]
        quantiles = left_to_sell(
            panel,
            row,
            forecasts[:, :, n],
            int(first_open[n]),
            today,
            rules.horizon_days,
            left[row].quantiles if row in left else None,
        )
        risen, with_others = risen_since(panel, row)
        surge = surged.get(row)
        if surge is not None and surge.day >= risen:
            risen, with_others = surge.day, surge.wide
        if item not in by_item:
            moves = [
                t for t in supply.open_transfers(item) if not is_long_overdue(t.arrive_p90, today)
            ]
            calls = [c for c in supply.open_calls(item) if not is_long_overdue(c.arrive_p90, today)]
            normal = [line for line in supply.lines_of(item) if not supply.is_call(line)]
            still_open = supply.open_lines(item)
            by_item[item] = (_by_site(normal), _by_site(still_open), moves, calls)
        placed, open_lines, moves, calls = by_item[item]
        lines = tuple(
            line_outlook(network, supply, line, today) for line in open_lines.get(site, ())
        )
        leaving = sum(t.qty for t in moves if t.origin == site and not t.shipped)
        contracts = network.contracts_of.get((item, site), ())
        leads = [supply.lead_times.of(network, contract, today) for contract in contracts]
        on_hand = max(int(book[row]) - leaving, 0)
        coming = [t for t in moves if t.destination == site]
        called = [call for call in calls if call.destination == site]
        inbound = inbound_of(network, supply, site, lines, coming, called, today, reaches)
        position = on_hand + sum(int(i.qty) for i in inbound)
        window, review_day = window_of(
            network,
            leads,
            item,
            site,
            placed.get(site, ()),
            today,
            rules.horizon_days,
            position=position,
        )
        ahead = Ahead(
            row=row,
            site=site,
            quantiles=np.round(quantiles, 6),
            on_hand=on_hand,
            inbound=inbound,
            window=window,
            review_day=review_day,
            lines=lines,
            persistent=_persistent(panel, row, today, risen),
            surge=surge,
            risen=risen,
            risen_with_others=with_others,
            left_of_today=left[row].share if row in left else None,
            words=tuple(
                lead.stated
                for lead in leads
                if lead.stated is not None and at - lead.stated.occurred_at <= RECENT
            ),
            alerts=tuple(r for r in reaches if r.touches(places_of(network, site, lines, coming))),
        )
        if ahead.words or ahead.alerts or any(line.has_slipped(at) for line in lines):
            before = leads
            if ahead.words:
                before = [
                    supply.lead_times.before(network, contract, today, at - RECENT)
                    for contract in contracts
                ]
            window, review_day = window_of(
                network,
                before,
                item,
                site,
                placed.get(site, ()),
                today,
                rules.horizon_days,
                position=position,
            )
            punctual = tuple(as_promised(line) if line.has_slipped(at) else line for line in lines)
            usual = replace(
                ahead,
                window=window,
                review_day=review_day,
                inbound=inbound_of(network, supply, site, punctual, coming, called, today, ()),
            )
            zone = network.sites[site].zone
            widened = widened_demand(reaches, site, zone, today, ahead.quantiles)
            ahead = replace(ahead, quantiles=widened, usual=usual)
        found[row] = ahead
    return found


_LinesAt = dict[SiteId, list[OrderLine]]


def _by_site(lines: Iterable[OrderLine]) -> _LinesAt:
    found: _LinesAt = {}
    for line in lines:
        found.setdefault(line.stated.ship_to, []).append(line)
    return found


def left_to_sell(
    panel: Panel,
    row: int,
    by_day: FloatArray,
    first_open: int,
    today: int,
    days: int,
    left: FloatArray | None = None,
) -> FloatArray:
    """What is left of a series' demand (K, days) from today on, of a forecast (K, D) that starts
    with its first open day. A day that has closed sells nothing more. Of an open one `left` (K,) is
    still to come where the day's profile tells it; else what was sold is taken off.
    """
    out = np.zeros((by_day.shape[0], days))
    closed = min(max(first_open - today, 0), days)
    behind = max(today - first_open, 0)
    out[:, closed:] = by_day[:, behind : behind + days - closed]
    at = today - panel.first_day
    if closed == 0 and left is not None:
        out[:, 0] = left
    elif closed == 0 and 0 <= at < len(panel.sold):
        sold = int(panel.sold[at, row]) - panel.tickets.excess.get((row, today), 0)
        out[:, 0] = np.maximum(out[:, 0] - max(sold, 0) / ONE_UNIT, 0)
    return out


def planning_problem(
    network: Network,
    supply: SupplyLedger,
    item: ItemId,
    aheads: list[Ahead],
    needy: frozenset[SiteId],
    at: datetime,
    today: int,
    rules: SenseRules,
    *,
    shared: float,
    with_offers: bool = True,
    reaches: tuple[Reach, ...] = (),
    glutted: frozenset[SiteId] = frozenset(),
) -> PlanningProblem:
    """The question for the planner: sites, usable lanes between donors and needy sites, order
    lines and buffers for these, order lines that glutted sites can push out; without offers, what
    happens if nothing is done.
    """
    aheads = sorted(aheads, key=lambda a: a.site)
    sites = tuple(_site_outlook(network, item, a, needy) for a in aheads)
    receivers = sorted(needy) if with_offers else []
    donors = {s.site for s in sites if s.spare > 0}
    lanes = tuple(
        offer
        for origin in sorted(donors)
        for site in receivers
        for lane in network.lanes_between.get((origin, site), ())
        if (
            offer := lane_offer(
                network,
                lane,
                network.items[item],
                at,
                today,
                reaches,
                transit=supply.lead_times.transit(network, lane, item, today),
            )
        )
        is not None
    )
    expedites = tuple(
        early
        for a in aheads
        if a.site in receivers
        for line in a.lines
        if (early := _expedite_offer(network, supply, line, a, at, today)) is not None
    )
    return PlanningProblem(
        item=item,
        asked_at=at,
        first_day=day_from_number(today),
        horizon=rules.horizon_days,
        sites=sites,
        lanes=tuple(sorted(lanes, key=lambda o: o.lane)),
        expedites=tuple(sorted(expedites, key=lambda o: o.po_line)),
        buffers=tuple(
            buffer
            for site in receivers
            for contract in network.contracts_of.get((item, site), ())
            if (buffer := buffer_offer(network, supply, contract, at, today)) is not None
        ),
        postpones=tuple(
            later
            for a in aheads
            if a.site in glutted and with_offers
            for line in a.lines
            for later in _postpone_offers(network, supply, line, a, today)
        ),
        scenarios=rules.scenarios,
        held_out=rules.held_out,
        unit_cost_minor=network.items[item].unit_cost_minor,
        shared=shared,
        seed=seed_from([item, today]),
    )


def _site_outlook(
    network: Network, item: ItemId, ahead: Ahead, needy: frozenset[SiteId]
) -> SiteOutlook:
    rule = network.stocking[(item, ahead.site)]
    return SiteOutlook(
        site=ahead.site,
        region=network.sites[ahead.site].region,
        on_hand=Units(ahead.on_hand),
        inbound=ahead.inbound,
        quantiles=tuple(map(tuple, ahead.quantiles.tolist())),
        window=ahead.window,
        spare=Units(0) if ahead.site in needy else ahead.spare(),
        persistent=ahead.persistent,
        shortage_minor=network.shortage_minor(item, ahead.site),
        holding_millis=math.floor(rule.holding_minor_per_unit_day * 1_000 + 0.5),
        next_order=_next_order(network, item, ahead),
    )


def _next_order(network: Network, item: ItemId, ahead: Ahead) -> NextOrder:
    """What the next review orders, and how long that has to last: until what the review after it
    orders is there.
    """
    rule = network.stocking[(item, ahead.site)]
    shelf_life = network.items[item].shelf_life_days
    by_day = mean_of(ahead.quantiles)[-7:]
    return NextOrder(
        review_day=ahead.review_day,
        up_to=rule.order_up_to if network.contracts_of.get((item, ahead.site)) else Units(0),
        days=max(math.ceil(rule.review_period_days), 1),
        keeps=None if shelf_life is None else units_floor(float(by_day.mean()) * shelf_life),
    )


def _persistent(panel: Panel, row: int, today: int, risen: int) -> float:
    """How far errors last: as measured by the fit, and more while an alarm has put the level in
    doubt.
    """
    assert panel.fit is not None, "what lies ahead is asked of series that have a model"
    newest = max(risen, fallen_since(panel, row)[0])
    in_doubt = newest >= today - DOUBT_DAYS
    # What a driver does is not known either, and errs the same way on all its days.
    in_doubt = in_doubt or bool(panel.drivers.of(row, today, today + DOUBT_DAYS - 1))
    return max(panel.fit.persistent, IN_DOUBT) if in_doubt else panel.fit.persistent


def _expedite_offer(
    network: Network,
    supply: SupplyLedger,
    outlook: LineOutlook,
    ahead: Ahead,
    at: datetime,
    today: int,
) -> ExpediteOffer | None:
    line = outlook.line
    contract = contract_of(network, line)
    # What has been shipped is out of the supplier's hands.
    waiting = next((a for a in outlook.arrivals if a.shipment is None), None)
    if (
        contract is None
        or waiting is None
        or contract.expedite_days_saved is None
        or contract.expedite_fixed_minor is None
        or contract.expedite_unit_minor is None
        or supply.expedite_of(line) is not None
    ):
        return None
    p50, p90 = waiting.p50 - today, waiting.p90 - today
    saved = math.floor(contract.expedite_days_saved)
    new_p50 = max(p50 - saved, 1)
    if new_p50 >= p50:
        return None
    zone = network.sites[ahead.site].zone
    return ExpediteOffer(
        po_line=line.stated.po_line,
        supplier=line.stated.supplier,
        site=ahead.site,
        qty=waiting.qty,
        lot_multiple=contract.lot_multiple,
        day_p50=p50,
        day_p90=p90,
        new_day_p50=new_p50,
        new_day_p90=max(p90 - saved, new_p50),
        fixed_cost_minor=contract.expedite_fixed_minor,
        unit_cost_minor=contract.expedite_unit_minor,
        approved=contract.approved,
        latest_start=cut_off(day_from_number(today), None, zone),
        zone=zone.key,
    )


def _postpone_offers(
    network: Network, supply: SupplyLedger, outlook: LineOutlook, ahead: Ahead, today: int
) -> tuple[PostponeOffer, ...]:
    line = outlook.line
    contract = contract_of(network, line)
    # What has been shipped is out of the supplier's hands.
    waiting = next((a for a in outlook.arrivals if a.shipment is None), None)
    if contract is None or waiting is None or supply.expedite_of(line) is not None:
        return ()
    days = (waiting.p50 - today, waiting.p90 - today)
    horizon = ahead.quantiles.shape[1]
    return postpone_offers(network, contract, line, waiting.qty, days, today, horizon)
