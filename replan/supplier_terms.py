"""What can a supplier still do by contract? Send from a buffer, or let an order line come later."""

import math
from datetime import datetime, timedelta

from replan.network import Network, SupplyContract, cut_off
from replan.planning import BufferOffer, PostponeOffer
from replan.supply import OrderLine, SupplyLedger
from replan.units import Units, day_from_number

NOTICE_DAYS = 2
"""A line that comes sooner is on its way: it can no longer be pushed out."""
MOST_DATES = 4
"""Later days on offer for one line."""


def buffer_offer(
    network: Network, supply: SupplyLedger, contract: SupplyContract, at: datetime, today: int
) -> BufferOffer | None:
    """What a supplier still holds for us under contract; None without a buffer, or if it is empty.

    What was called is back once the supplier had its late normal lead time to refill the buffer.
    """
    if (
        contract.buffer_qty is None
        or contract.buffer_lead_time_days is None
        or contract.buffer_unit_premium_minor is None
        or (contract.buffer_until is not None and day_from_number(today) > contract.buffer_until)
    ):
        return None
    item, site = contract.item, contract.site
    filled = at - timedelta(days=contract.lead_time_days_p90)
    left = contract.buffer_qty - supply.called(contract.supplier, item, site, filled)
    if left <= 0:
        return None
    quick, late = buffer_days(contract, contract.buffer_lead_time_days)
    return BufferOffer(
        supplier=contract.supplier,
        site=site,
        qty=Units(left),
        min_qty=contract.moq,
        lot_multiple=contract.lot_multiple,
        arrive_p50=quick,
        arrive_p90=late,
        unit_cost_minor=price_of(network, contract),
        premium_minor=contract.buffer_unit_premium_minor,
        clause=contract.contract_clause,
        approved=contract.approved,
        latest_start=cut_off(day_from_number(today), None, network.sites[site].zone),
        zone=network.sites[site].zone.key,
    )


def buffer_days(contract: SupplyContract, lead_time_days: float) -> tuple[int, int]:
    """Days p50 and p90 from the call of a buffer to its receipt."""
    arrives = max(math.ceil(round(lead_time_days, 6)), 1)
    spread = max(math.ceil(contract.lead_time_days_p90 - contract.lead_time_days_p50), 0)
    # A buffer lies ready: it cannot be later than twice its own lead time.
    return arrives, arrives + min(spread, arrives)


def price_of(network: Network, contract: SupplyContract) -> int:
    """What a base unit costs by contract, minor units."""
    if contract.price_minor is not None:
        return contract.price_minor
    return network.items[contract.item].unit_cost_minor


def postpone_offers(
    network: Network,
    contract: SupplyContract,
    line: OrderLine,
    qty: Units,
    days: tuple[int, int],
    today: int,
    horizon: int,
) -> tuple[PostponeOffer, ...]:
    """By how much an open line could come later: by one review period, two, and so on up to the
    end of the horizon. Not what comes today or tomorrow. `days`: p50 and p90 of its arrival.
    """
    p50, p90 = days
    if p50 < NOTICE_DAYS:
        return ()
    site = line.stated.ship_to
    rule = network.stocking[(line.stated.item, site)]
    step = max(math.ceil(rule.review_period_days), -(-horizon // MOST_DATES), 1)
    return tuple(
        PostponeOffer(
            po_line=line.stated.po_line,
            supplier=line.stated.supplier,
            site=site,
            qty=qty,
            lot_multiple=contract.lot_multiple,
            day_p50=p50,
            day_p90=p90,
            new_day_p50=p50 + shift,
            new_day_p90=p90 + shift,
            approved=contract.approved,
            latest_start=cut_off(
                day_from_number(today + p50 - NOTICE_DAYS), None, network.sites[site].zone
            ),
            zone=network.sites[site].zone.key,
        )
        for shift in range(step, horizon + step, step)
    )
