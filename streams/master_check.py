"""Do the master data know every item and site that an event names, in its unit and currency?"""

from datetime import date, datetime

from replan.events import (
    AlertRaised,
    DayClosed,
    DriverStated,
    HumanActed,
    LeadTimeStated,
    OrderLineStated,
    SaleRecorded,
    StockAdjusted,
    StockCounted,
)
from replan.network import Network, local_day
from replan.streams.messages import Decoded, Refusal, TransferHeard
from replan.units import ItemId, LaneId, SiteId


def check_names(network: Network, decoded: Decoded) -> None:
    """Every item and site that the event names is known, in its unit and currency."""
    fact = decoded.fact
    match fact:
        case SaleRecorded() | StockCounted() | StockAdjusted() | DriverStated():
            _know_item(network, fact.item, "/subject", decoded)
            _know_site(network, fact.site, "/subject")
        case HumanActed() if fact.item is not None and fact.site is not None:
            _know_item(network, fact.item, "/subject", decoded)
            _know_site(network, fact.site, "/subject")
        case DayClosed():
            _know_site(network, fact.site, "/subject")
            _check_close(network, fact.site, fact.business_date, fact.occurred_at)
        case OrderLineStated():
            _know_item(network, fact.item, "/data/item", decoded)
            _know_site(network, SiteId(fact.supplier), "/data/supplier")
            _know_site(network, fact.ship_to, "/data/ship_to")
        case LeadTimeStated():
            _know_site(network, SiteId(fact.supplier), "/subject")
            _know_item(network, fact.item, "/subject", decoded)
            if LaneId(fact.lane) not in network.lanes:
                _know_site(network, SiteId(fact.lane), "/subject")
        case AlertRaised():
            _know_area(network, fact)
        case TransferHeard():
            if fact.item is not None:
                _know_item(network, fact.item, "/data/item", decoded)
            for site, pointer in ((fact.origin, "/data/from"), (fact.destination, "/data/to")):
                if site is not None:
                    _know_site(network, site, pointer)
        case _:
            pass


def _know_item(network: Network, item: ItemId, pointer: str, decoded: Decoded) -> None:
    row = network.items.get(item)
    if row is None:
        raise Refusal("unknown_item", pointer, f"item {item} is not in the master data")
    currency = decoded.currency
    if currency is not None and currency != row.currency:
        raise Refusal(
            "currency", "/data/currency", f"item {item} is priced in {row.currency}, not {currency}"
        )


def _know_site(network: Network, site: SiteId, pointer: str) -> None:
    if site not in network.sites:
        raise Refusal("unknown_site", pointer, f"site {site} is not in the master data")


def _know_area(network: Network, fact: AlertRaised) -> None:
    """Alerts are told to many: one place of ours in it, or a polygon, makes one ours."""
    known = [name for name in fact.locations if name in network.sites or name in network.lanes]
    if fact.locations and not known and not fact.polygon:
        name = fact.locations[0]
        raise Refusal("unknown_site", "/data/area/locations", f"{name} is no site and no lane")


def _check_close(network: Network, site: SiteId, day: date, at: datetime) -> None:
    today = local_day(at, network.sites[site].zone)
    if day > today:
        raise Refusal("future", "/data/business_date", f"site {site} cannot close {day} on {today}")
