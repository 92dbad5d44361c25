"""What does the network look like once a master record has been heard?

Files say what it is to begin with; each record changes one thing from its arrival on, and what it
does not mention stays. Orders, stock and transfers are facts of their own and are never touched.
"""

import json
from dataclasses import dataclass, replace
from datetime import date, time
from typing import Any, Literal
from zoneinfo import ZoneInfo

from replan.events import MasterStated
from replan.network import Item, Lane, Network, Pack, Site
from replan.supplier_terms import price_of
from replan.units import ONE_UNIT, ItemId, LaneId, SiteId, Units


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterTrouble:
    """Why a record cannot be taken: the member of its data, and the rule that it breaks."""

    code: Literal["missing", "type", "range", "unknown_item", "unknown_site", "scope"]
    pointer: str
    reason: str


def with_master(network: Network, fact: MasterStated) -> Network | MasterTrouble:
    """The network after a record, or what is wrong with the record."""
    row = json.loads(fact.row)
    match fact.table:
        case "item":
            return _item(network, ItemId(fact.name), row)
        case "location":
            return _site(network, SiteId(fact.name), row)
        case "lane":
            return _lane(network, LaneId(fact.name), row)
        case "supplier":
            return _supplier(network, fact.name, row)
        case "cost":
            return _cost(network, fact.name, row)
        case "authz":
            # Of people, not of the network: see `delegation`.
            return network


def base_factor(item: Item, uom: str, day: date) -> Units | None:
    """Thousandths of the base unit in one `uom` on a local day; None where nobody has said."""
    if uom == item.uom:
        return Units(ONE_UNIT)
    told = [pack for pack in item.packs if pack.uom == uom and pack.since <= day]
    return max(told, key=lambda pack: pack.since).factor if told else None


def _item(network: Network, name: ItemId, row: dict[str, Any]) -> Network | MasterTrouble:
    known = network.items.get(name)
    packs = tuple(
        Pack(uom=uom, factor=Units(factor), since=date.fromisoformat(since))
        for uom, factor, since in row.pop("packs", ())
    )
    for pack in packs:
        if pack.factor <= 0:
            return MasterTrouble(
                code="range",
                pointer="/data/packs",
                reason=f"item {name}: a {pack.uom} holds {pack.factor}, must be above 0",
            )
    if "substitutes" in row:
        row["substitutes"] = tuple(ItemId(other) for other in row["substitutes"] if other != name)
    margin = row.pop("margin_minor", None)
    if known is None:
        cost = row.get("unit_cost_minor")
        if cost is None or margin is None:
            member = "unit_cost" if cost is None else "margin"
            return MasterTrouble(
                code="missing",
                pointer=f"/data/{member}",
                reason=f"item {name} is new, so its {member} is needed",
            )
        currencies = sorted({item.currency for item in network.items.values()})
        if "currency" not in row and len(currencies) != 1:
            return MasterTrouble(
                code="missing",
                pointer="/data/currency",
                reason=f"item {name} is new, so its currency is needed",
            )
        known = Item(
            item=name,
            description=name,
            category="other",
            abc="C",
            uom="EA",
            unit_cost_minor=cost,
            unit_price_minor=cost + margin,
            currency=row.get("currency") or currencies[0],
            shelf_life_days=None,
        )
    elif row.get("uom", known.uom) != known.uom or row.get("currency", known.currency) != (
        known.currency
    ):
        return MasterTrouble(
            code="scope",
            pointer="/data/uom" if row.get("uom", known.uom) != known.uom else "/data/currency",
            reason=f"item {name} is counted in {known.uom} and priced in {known.currency}; "
            "neither changes under what was counted before",
        )
    cost = row.get("unit_cost_minor", known.unit_cost_minor)
    price = cost + (known.margin_minor if margin is None else margin)
    told = {(pack.uom, pack.since): pack for pack in (*known.packs, *packs)}
    changed = replace(
        known,
        **{**row, "unit_cost_minor": cost, "unit_price_minor": price},
        packs=tuple(told[key] for key in sorted(told)),
    )
    return replace(network, items={**network.items, name: changed})


def _site(network: Network, name: SiteId, row: dict[str, Any]) -> Network | MasterTrouble:
    zone = row.get("timezone")
    if zone is not None and not _is_zone(zone):
        return MasterTrouble(
            code="type", pointer="/data/tz", reason=f"site {name}: there is no zone {zone}"
        )
    known = network.sites.get(name)
    if known is None:
        for member, column in (("kind", "kind"), ("region", "region"), ("tz", "timezone")):
            if column not in row:
                return MasterTrouble(
                    code="missing",
                    pointer=f"/data/{member}",
                    reason=f"site {name} is new, so its {member} is needed",
                )
        known = Site(
            site=name, kind=row["kind"], region=row["region"], timezone=row["timezone"], priority=1
        )
    elif zone is not None and zone != known.timezone:
        return MasterTrouble(
            code="scope",
            pointer="/data/tz",
            reason=f"site {name} closes its days in {known.timezone}; a zone does not change",
        )
    return replace(network, sites={**network.sites, name: replace(known, **row)})


def _lane(network: Network, name: LaneId, row: dict[str, Any]) -> Network | MasterTrouble:
    if "cutoff_local" in row:
        row["cutoff_local"] = time.fromisoformat(row["cutoff_local"])
    for end in ("effective_from", "effective_to"):
        if row.get(end) is not None:
            row[end] = date.fromisoformat(row[end])
    known = network.lanes.get(name)
    for member, column in (("origin", "origin"), ("dest", "destination")):
        site = row.get(column, None if known is None else getattr(known, column))
        if site is None:
            return MasterTrouble(
                code="missing",
                pointer=f"/data/{member}",
                reason=f"lane {name} is new, so its {member} is needed",
            )
        if site not in network.sites:
            return MasterTrouble(
                code="unknown_site",
                pointer=f"/data/{member}",
                reason=f"site {site} is not in the master data",
            )
    if known is None:
        p50 = row.get("lead_time_days_p50")
        if p50 is None:
            return MasterTrouble(
                code="missing",
                pointer="/data/lead_time_s",
                reason=f"lane {name} is new, so its lead_time_s is needed",
            )
        known = Lane(
            lane=name,
            origin=row["origin"],
            destination=row["destination"],
            mode="road",
            lead_time_days_p50=p50,
            lead_time_days_p90=row.get("lead_time_days_p90", p50),
            fixed_cost_minor=0,
            unit_cost_minor=0,
            min_qty=Units(0),
            lot_multiple=Units(ONE_UNIT),
            capacity_units_per_day=None,
            cutoff_local=None,
        )
    lane = replace(known, **row)
    if lane.origin == lane.destination:
        return MasterTrouble(
            code="scope", pointer="/data/dest", reason=f"lane {name} leads to where it begins"
        )
    if lane.lot_multiple <= 0:
        return MasterTrouble(
            code="range", pointer="/data/multiple", reason=f"lane {name}: multiple must be above 0"
        )
    first, last = lane.effective_from, lane.effective_to
    if first is not None and last is not None and last < first:
        return MasterTrouble(
            code="range",
            pointer="/data/effective/to",
            reason=f"lane {name} ends on {last}, before it begins: {first}",
        )
    late = max(lane.lead_time_days_p90, lane.lead_time_days_p50)
    return replace(network, lanes={**network.lanes, name: replace(lane, lead_time_days_p90=late)})


def _supplier(network: Network, scope: str, row: dict[str, Any]) -> Network | MasterTrouble:
    """A scope is a supplier, alone or with an item, or with an item and a site, joined by `@`."""
    parts = scope.split("@")
    if parts[0] not in network.sites:
        return MasterTrouble(
            code="unknown_site",
            pointer="/subject",
            reason=f"supplier {parts[0]} is not in the master data",
        )
    if len(parts) > 1 and parts[1] not in network.items:
        return MasterTrouble(
            code="unknown_item",
            pointer="/subject",
            reason=f"item {parts[1]} is not in the master data",
        )
    if row.get("lot_multiple") == 0:
        return MasterTrouble(
            code="range",
            pointer="/data/multiple",
            reason=f"supplier {scope}: multiple must be above 0",
        )
    if row.get("buffer_until") is not None:
        row["buffer_until"] = date.fromisoformat(row["buffer_until"])
    bought_at = row.pop("buffer_price_minor", None)
    changed = {}
    for key, known in network.supply.items():
        if list(key[: len(parts)]) != parts:
            continue
        contract = replace(known, **row)
        if bought_at is not None:
            # What is dearer than a normal order is the premium.
            premium = max(bought_at - price_of(network, contract), 0)
            contract = replace(contract, buffer_unit_premium_minor=premium)
        changed[key] = contract
    return replace(network, supply={**network.supply, **changed})


def _cost(network: Network, scope: str, row: dict[str, Any]) -> Network | MasterTrouble:
    """A scope is an item, a site or both, joined by `@`."""
    parts = scope.split("@")
    concerned = {
        key: rule
        for key, rule in network.stocking.items()
        if list(key) == parts or (len(parts) == 1 and parts[0] in key)
    }
    if not concerned:
        known = parts[0] in network.items or parts[0] in network.sites
        return MasterTrouble(
            code="scope" if known else "unknown_item",
            pointer="/subject",
            reason=f"nothing is stocked under {scope}",
        )
    premium = row.pop("expedite_unit_minor", None)
    changed = {key: replace(rule, **row) for key, rule in concerned.items()}
    dearer = {
        key: replace(contract, expedite_unit_minor=premium)
        for key, contract in network.supply.items()
        if key[1:] in concerned and premium is not None and contract.expedite_days_saved is not None
    }
    return replace(
        network,
        stocking={**network.stocking, **changed},
        supply={**network.supply, **dearer},
    )


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True
