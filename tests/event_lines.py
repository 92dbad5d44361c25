"""Builders of wire events and the small network that they speak of: MILK in stores S1 and S2."""

import json
from typing import Any

from replan.network import Item, Network, Site
from replan.units import ItemId, SiteId


def network() -> Network:
    milk = Item(
        item=ItemId("MILK"),
        description="Milk 1 l",
        category="dairy",
        abc="A",
        uom="EA",
        unit_cost_minor=70,
        unit_price_minor=100,
        currency="EUR",
        shelf_life_days=10.0,
    )
    sites = [
        Site(site=SiteId(name), kind=kind, region="NORTH", timezone="Europe/Berlin", priority=1)
        for name, kind in (("S1", "store"), ("S2", "store"), ("SUP1", "supplier"))
    ]
    return Network(
        items={milk.item: milk},
        sites={site.site: site for site in sites},
        lanes={},
        supply={},
        stocking={},
    )


def sale(**changes: Any) -> dict[str, Any]:
    event = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "till/S1",
        "type": "pos.sale.v1",
        "time": "2026-05-04T12:00:00Z",
        "subject": "MILK@S1",
        "data": {"qty": 2},
    }
    return event | changes


def order(**changes: Any) -> dict[str, Any]:
    data = {
        "po": "PO1",
        "line": "1",
        "item": "MILK",
        "supplier": "SUP1",
        "ship_to": "S1",
        "qty": 24,
        "price": 70,
        "need_by": "2026-05-10",
        "promised": "2026-05-09",
    }
    return sale(id="po-1", type="po.created.v1", subject="PO1@1", data=data | changes)


def receipt(**changes: Any) -> dict[str, Any]:
    data = {"qty_received": 24, "qty_damaged": 0, "at": "2026-05-04T11:00:00Z"}
    return sale(id="r-1", type="receipt.v1", subject="PO1@1", data=data | changes)


def promo(**changes: Any) -> dict[str, Any]:
    data = {"from": "2026-05-11", "to": "2026-05-16", "type": "display", "uplift_prior": 1.8}
    return sale(id="d-1", type="driver.promo.v1", data=data | changes)


def asn(**changes: Any) -> dict[str, Any]:
    data = {
        "sscc": ["340123450000000018"],
        "po_line": "PO1@1",
        "qty": 24,
        "ship_dt": "2026-05-04T08:00:00Z",
        "eta": "2026-05-09T08:00:00Z",
    }
    return sale(id="asn-1", type="asn.v1", subject="SHIP1", data=data | changes)


def milestone(**changes: Any) -> dict[str, Any]:
    data = {"code": "SD", "at": "2026-05-04T11:00:00Z", "loc": "Brenner"}
    return sale(id="ms-1", type="shipment.milestone.v1", subject="SHIP1", data=data | changes)


def eta_change(**changes: Any) -> dict[str, Any]:
    data = {
        "previous_eta": "2026-05-09T08:00:00Z",
        "new_eta": "2026-05-11T08:00:00Z",
        "delta_s": 172_800,
    }
    return sale(id="eta-1", type="shipment.eta.v1", subject="SHIP1", data=data | changes)


def lead_time(**changes: Any) -> dict[str, Any]:
    data = {"valid_from": "2026-05-04T00:00:00Z"} | changes
    return sale(id="lt-1", type="leadtime.update.v1", subject="SUP1@MILK@S1", data=data)


def commit(**changes: Any) -> dict[str, Any]:
    data = {"commit_qty": 24, "commit_date": "2026-05-11"} | changes
    return sale(id="c-1", type="supply.commit.v1", subject="PO1@1", data=data)


def alert(**changes: Any) -> dict[str, Any]:
    data = {
        "area": {"locations": ["SUP1"]},
        "onset": "2026-05-04T06:00:00Z",
        "expires": "2026-05-08T06:00:00Z",
        "urgency": "Expected",
        "severity": "Severe",
        "certainty": "Likely",
    }
    return sale(id="cap-1", type="signal.weather.v1", subject="STORM", data=data | changes)


def hand_work(**changes: Any) -> dict[str, Any]:
    """What people say that they did: six of milk sent from S2 to S1."""
    data = {
        "kind": "reallocate",
        "lines": [{"item": "MILK", "qty": 6, "from": "S2", "to": "S1"}],
        "at": "2026-05-04T09:00:00Z",
    }
    return sale(id="hand-1", type="human.action.v1", subject="MILK@S1", data=data) | changes


def reply_to_question(**changes: Any) -> dict[str, Any]:
    event = sale(
        id="r-1",
        type="clarification.answered.v1",
        subject="dec-1",
        data={"answer": "accepted"},
    )
    return event | changes


def without_data(event: dict[str, Any], name: str) -> dict[str, Any]:
    return event | {"data": without(event["data"], name)}


def answer(**changes: Any) -> dict[str, Any]:
    event = sale(
        id="a-1",
        type="action.ack.v1",
        subject="ACT1",
        correlationid="ACT1",
        data={"idem": "k1", "at": "2026-05-04T12:00:00Z"},
    )
    return event | changes


def written(qty: str) -> bytes:
    """A sale whose quantity is written just so."""
    return json.dumps(sale()).replace('"qty": 2', f'"qty": {qty}').encode()


def without(event: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key != name}
