"""Who carries the orders of the reference order system, and what have they told so far?

Suppliers that the tables of `erp_legs` know send each order on one leg; what is told of it is an
`erp_shipments.journey`. Only the world that obeys commands has somebody who listens.
"""

from collections.abc import Iterable, Sequence
from dataclasses import astuple
from datetime import datetime
from typing import Any, NamedTuple

from replan.infra.erp.calendar import Calendar, Happening
from replan.infra.erp.events import Voice
from replan.infra.erp.legs import Legs, Shipper, Tells, Trip
from replan.infra.erp.shipments import Shipment, Word, journey, shipment_from_row
from replan.infra.erp.world import Key, OpenLine, fitted, lead_days, supplier_contract
from replan.network import Network
from replan.units import SiteId, SupplierId, day_from_number, instant_text

PUBLISHED_ON = (1, 16)
"""Days of a month on which suppliers who commit publish their lead times."""


class Booking(NamedTuple):
    """Who sends an order, how it fares, and the day it is to leave."""

    shipper: Shipper
    trip: Trip
    ship_day: int


class Carriers:
    """The legs, and the shipments whose carrier has not told everything yet."""

    def __init__(self, network: Network, legs: Legs) -> None:
        self._network = network
        self._legs = legs
        self._shipments: dict[str, Shipment] = {}

    def booking(
        self, supplier: SupplierId, site: SiteId, ordered: int, promised: int
    ) -> Booking | None:
        """The leg of an order; None where no table knows it, so that its delay is drawn."""
        shipper = self._legs.shippers.get(supplier)
        if shipper is None:
            return None
        day = max(promised - shipper.transit_days, ordered + 1)
        trip = self._legs.trip(supplier, self._network.sites[site].region, day)
        return None if trip is None else Booking(shipper, trip, day)

    def tells(self, supplier: SupplierId) -> Tells:
        """How a supplier speaks of delays."""
        shipper = self._legs.shippers.get(supplier)
        return Tells.ORDERS if shipper is None else shipper.tells

    def take(self, line: OpenLine, booking: Booking, calendar: Calendar) -> None:
        """A new line travels with the shipment of its order, if its carrier speaks of it."""
        if booking.shipper.tells is not Tells.SHIPMENTS:
            return
        line.shipment = line.po
        if line.po not in self._shipments:
            self._shipments[line.po] = Shipment(
                shipment=line.po,
                supplier=line.supplier,
                site=line.site,
                ship_day=booking.ship_day,
                promised=line.promised,
            )
            self._await_next(self._shipments[line.po], calendar)

    def tell(
        self, due: Happening, open_lines: Iterable[OpenLine], voice: Voice, calendar: Calendar
    ) -> list[dict[str, Any]]:
        """The next word of a shipment, as long as some line travels with it."""
        shipment = self._shipments[due.ref]
        lines = [line for line in open_lines if line.shipment == due.ref]
        if not lines:
            del self._shipments[due.ref]
            return []
        word = self._journey(shipment, calendar)[shipment.told]
        if word.type == "shipment.eta.v1":
            expected = datetime.fromisoformat(word.data["new_eta"])
            for line in lines:
                line.promised = calendar.day_of(expected, line.site)
        shipment.told += 1
        self._await_next(shipment, calendar)
        if word.type == "asn.v1":
            return [voice.packed(line, word.data, word.at) for line in lines]
        return [voice.of_shipment(due.ref, word)]

    def part_with(
        self, line: OpenLine, voice: Voice, calendar: Calendar, at: datetime
    ) -> list[dict[str, Any]]:
        """A line whose days were changed leaves the rest of its order: with a shipping notice of
        its own if it was packed already, else by a way that nobody tells of.
        """
        if not line.shipment:
            return []
        shipment = self._shipments.get(line.shipment)
        if shipment is not None and not shipment.left:
            line.shipment = ""
            return []
        line.shipment = fitted(f"{line.shipment}/{line.line}")
        due = calendar.due_at(line.site, line.promised)
        common = {"ship_dt": instant_text(at), "eta": instant_text(due), "mode": "road"}
        return [voice.packed(line, common, at)]

    def lead_times(
        self, site: SiteId, keys: Sequence[Key], at: datetime, voice: Voice, calendar: Calendar
    ) -> list[dict[str, Any]]:
        """What suppliers who commit publish for a site on that day: lead times that have changed
        since the last time.
        """
        day = calendar.day_of(at, site)
        if not self._legs.shippers or day_from_number(day).day not in PUBLISHED_ON:
            return []
        before = max(n for n in range(day - 17, day) if day_from_number(n).day in PUBLISHED_ON)
        region = self._network.sites[site].region
        said = []
        for key in keys:
            contract = supplier_contract(self._network, key)
            if contract is None or self.tells(contract.supplier) is not Tells.COMMITS:
                continue
            late = self._legs.spread(contract.supplier, region, day)
            if late is None or late == self._legs.spread(contract.supplier, region, before):
                continue
            lead = lead_days(contract)
            said.append(voice.lead_time(contract, lead + late[0], lead + late[1], at))
        return said

    def as_rows(self) -> list[tuple[Any, ...]]:
        """All shipments as JSON data."""
        return [astuple(shipment) for shipment in self._shipments.values()]

    def take_rows(self, rows: Iterable[Sequence[Any]], calendar: Calendar) -> None:
        """Go on from what `as_rows` gave."""
        self._shipments = {row[0]: shipment_from_row(row) for row in rows}
        for shipment in tuple(self._shipments.values()):
            self._await_next(shipment, calendar)

    def _journey(self, shipment: Shipment, calendar: Calendar) -> tuple[Word, ...]:
        shipper = self._legs.shippers[shipment.supplier]
        region = self._network.sites[shipment.site].region
        trip = self._legs.trip(shipment.supplier, region, shipment.ship_day)
        assert trip is not None, "a shipment is booked on a leg"
        planned = calendar.instant(shipment.site, shipment.ship_day, trip.first.leaves)
        return journey(shipper, trip, planned, calendar.due_at(shipment.site, shipment.promised))

    def _await_next(self, shipment: Shipment, calendar: Calendar) -> None:
        words = self._journey(shipment, calendar)
        if shipment.told < len(words):
            calendar.tell(shipment.shipment, words[shipment.told].at)
        else:
            del self._shipments[shipment.shipment]
