"""What is on its way to a site, by when at the latest, and how long until normal supply can help?

Arrivals as planning wants them, in days from today: order lines, transfers and buffer calls, late
days as alerts on the way widen them.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from replan.alerts import Reach, widened_arrival
from replan.arrivals import LineOutlook
from replan.effects import Ordered
from replan.lead_times import LeadTime
from replan.network import Network
from replan.planning import Inbound
from replan.supply import OrderLine, SupplyLedger, Transfer
from replan.units import ItemId, SiteId, Units, day_number


def inbound_of(
    network: Network,
    supply: SupplyLedger,
    site: SiteId,
    lines: Sequence[LineOutlook],
    moves: list[Transfer],
    calls: list[Ordered],
    today: int,
    reaches: tuple[Reach, ...],
) -> tuple[Inbound, ...]:
    """What is on its way to a site by these order lines and transfers; days counted from today,
    late days as alerts on the way widen them.
    """
    rows = []

    def late_day(origin: str, p50: int, p90: int) -> int:
        if not reaches:
            return p90
        places = [lane.lane for lane in network.lanes_between.get((SiteId(origin), site), ())]
        days = (today, today + p50, today + p90)
        return (
            widened_arrival(reaches, [origin, site, *places], network.sites[site].zone, *days)
            - today
        )

    for outlook in lines:
        early = supply.expedite_of(outlook.line)
        supplier = outlook.line.stated.supplier
        for arrival in outlook.arrivals:
            qty = arrival.qty
            # Past its late day nobody knows any more whether it was brought forward.
            ours = early if arrival.shipment is None else None
            if ours is not None and not is_long_overdue(ours.arrive_p90, today):
                quick = max(day_number(ours.arrive_p50) - today, 0)
                late = max(day_number(ours.arrive_p90) - today, quick)
                moved = Units(min(ours.qty, qty))
                ref = f"{arrival.po_line}+"
                rows.append(Inbound(ref=ref, qty=moved, day_p50=quick, day_p90=late))
                qty = Units(qty - moved)
            if qty > 0:
                p50 = arrival.p50 - today
                p90 = late_day(supplier, p50, arrival.p90 - today)
                rows.append(Inbound(ref=arrival.ref, qty=qty, day_p50=p50, day_p90=p90))
    for transfer in moves:
        p50 = max(day_number(transfer.arrive_p50) - today, 0)
        p90 = late_day(transfer.origin, p50, max(day_number(transfer.arrive_p90) - today, p50))
        left = Units(transfer.qty - transfer.received)
        rows.append(Inbound(ref=transfer.transfer, qty=left, day_p50=p50, day_p90=p90))
    for call in calls:
        p50 = max(day_number(call.arrive_p50) - today, 0)
        p90 = max(day_number(call.arrive_p90) - today, p50)
        rows.append(Inbound(ref=call.ref, qty=call.qty, day_p50=p50, day_p90=p90))
    return tuple(sorted(rows, key=lambda r: r.ref))


def places_of(
    network: Network, site: SiteId, lines: Sequence[LineOutlook], moves: Sequence[Transfer]
) -> set[str]:
    """Where a series is, where its supply comes from, and the lanes in between."""
    origins = {SiteId(row.line.stated.supplier) for row in lines} | {t.origin for t in moves}
    lanes = {
        lane.lane for origin in origins for lane in network.lanes_between.get((origin, site), ())
    }
    return {site} | origins | lanes


def as_promised(outlook: LineOutlook) -> LineOutlook:
    """The line as if nothing had slipped."""
    return replace(outlook, arrivals=(outlook.as_promised,))


def window_of(
    network: Network,
    leads: list[LeadTime],
    item: ItemId,
    site: SiteId,
    placed: Sequence[OrderLine],
    today: int,
    horizon: int,
    *,
    position: int,
) -> tuple[int, int]:
    """Days until normal supply can arrive: to the next review, then the supplier's lead time; never
    less than its late lead time from now. And the day of that review.

    The review's phase is read off the newest line `placed` for the site; without one, a review may
    be due today. Where the newest was placed today, the next review is a whole period away. A
    review that was due yesterday and must have ordered, as stock and orders (`position`) are below
    its level, but of which no order was heard, is taken to order today: word of an order may take a
    day.
    """
    if not leads:
        return horizon, horizon - 1
    lead = min(math.ceil(row.p50) for row in leads)
    late = min(math.ceil(row.p90) for row in leads)
    rule = network.stocking[(item, site)]
    review = max(math.ceil(rule.review_period_days), 1)
    # A line split off by an expedite is younger than the review that ordered it.
    first: dict[str, int] = {}
    for line in placed:
        po = line.stated.po_line.partition("@")[0]
        day = day_number(line.created_on)
        first[po] = min(first.get(po, day), day)
    since = today - max(first.values()) if first else 0
    wait = review if first and since == 0 else -since % review
    if since > review and since % review == 1 and position < rule.order_up_to:
        wait = 0
    window = max(1, min(horizon, max(wait + lead, late)))
    return window, min(wait, window - 1)


def is_long_overdue(arrive_p90: date, today: int) -> bool:
    """Whether a move is more than a day past its late arrival: it no longer counts as supply."""
    return today - day_number(arrive_p90) > 1
