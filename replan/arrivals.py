"""When will what is still open of an order line arrive? The best evidence there is, each unit once.

A line starts as promised. The newest of promise and commit holds; units that a shipping notice
names are expected as their shipment is; what was refused, damaged or cancelled on the way is no
supply until the line is stated anew. The late end comes from the supplier's lead time as learned,
and what is overdue is expected the later the longer it has stayed away.
"""

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from replan.events import LeadTimeStated, ShipmentNoticed, ShipmentReport, SupplyCommitted
from replan.lead_times import LeadTime, days_still_to_wait, valid_on
from replan.network import Network, SupplyContract
from replan.shipments import Voyage
from replan.supply import OrderLine, Promise, SupplyLedger
from replan.units import PoLineId, ShipmentId, Units, day_number

RECENT = timedelta(days=14)
"""A slip explains what is short only while it is this young."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Units on their way by one line; days as numbers, p90 ≥ p50. `shipment`: None for units not
    shipped yet."""

    po_line: PoLineId
    shipment: ShipmentId | None
    qty: Units
    p50: int
    p90: int

    @property
    def ref(self) -> str:
        """A name for it: the order line, and the shipment where one carries it."""
        return self.po_line if self.shipment is None else f"{self.po_line}/{self.shipment}"


Slip = Promise | SupplyCommitted | LeadTimeStated | ShipmentNoticed | ShipmentReport
"""The fact that moved an arrival to later than it was promised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineOutlook:
    """An open line as it is expected now.

    `as_promised`: all that is open, as it was first promised. `slips`: the facts that say
    otherwise, newest last; an overdue line slips without one. `lost`: units that will not come.
    """

    line: OrderLine
    arrivals: tuple[Arrival, ...]
    as_promised: Arrival
    slips: tuple[Slip, ...]
    is_overdue: bool
    lost: Units

    def recent_slips(self, at: datetime) -> tuple[Slip, ...]:
        """The slips that are young enough to explain something."""
        return tuple(slip for slip in self.slips if at - slipped_at(slip)[0] <= RECENT)

    def has_slipped(self, at: datetime) -> bool:
        """Whether it slipped lately, or is overdue."""
        return self.is_overdue or bool(self.recent_slips(at))


def contract_of(network: Network, line: OrderLine) -> SupplyContract | None:
    """The supply contract under which a line was ordered."""
    stated = line.stated
    return network.supply.get((stated.supplier, stated.item, stated.ship_to))


def line_outlook(
    network: Network, supply: SupplyLedger, line: OrderLine, today: int
) -> LineOutlook:
    """What is open of a line, by the best evidence, as of a local day."""
    stated = line.stated
    contract = contract_of(network, line)
    lead = None if contract is None else supply.lead_times.of(network, contract, today)
    commit = supply.commit_of(line)
    spoken_at = stated.occurred_at if commit is None else commit.occurred_at
    open_qty = supply.open_qty(line)
    slips: list[Slip] = [] if line.slip is None else [line.slip]
    lost = _lost(supply, line, spoken_at, slips)
    open_qty = Units(max(open_qty - lost, 0))
    if commit is not None:
        left = max(commit.qty - supply.received.get(stated.po_line, 0), 0)
        if commit.day > line.first_promised or left < open_qty:
            slips.append(commit)
        open_qty = min(open_qty, Units(left))
    arrivals = []
    for notice, at, qty in _under_way(supply, line, open_qty):
        p50, p90 = _voyage_days(network, notice, at, lead, today)
        arrivals.append(
            Arrival(po_line=stated.po_line, shipment=notice.shipment, qty=qty, p50=p50, p90=p90)
        )
        slips += at.movers
        if not at.movers and _local(network, line, at.eta) > day_number(line.first_promised):
            slips.append(notice)
        open_qty = Units(open_qty - qty)
    is_overdue = False
    if open_qty > 0:
        due = _promised_day(network, supply, line, commit, lead, slips)
        is_overdue = due < today
        p50, p90 = _awaited(line, due, lead, today)
        arrivals.append(
            Arrival(po_line=stated.po_line, shipment=None, qty=open_qty, p50=p50, p90=p90)
        )
    return LineOutlook(
        line=line,
        arrivals=tuple(arrivals),
        as_promised=_as_promised(supply, line, lead, today),
        slips=tuple(sorted(slips, key=slipped_at)),
        is_overdue=is_overdue,
        lost=lost,
    )


def slipped_at(slip: Slip) -> tuple[datetime, str, str]:
    """When a slip was made known, and by whom: source and event id."""
    at = slip.at if isinstance(slip, Promise) else slip.occurred_at
    return (at, slip.source, slip.event_id)


def is_late(supply: SupplyLedger, line: OrderLine, today: int) -> bool:
    """Whether a line is overdue, or is expected later than it was first promised."""
    commit = supply.commit_of(line)
    promised = line.stated.promised if commit is None else commit.day
    if line.first_promised < promised or day_number(promised) < today:
        return True
    return any(at.moved_by is not None for _, at in supply.shipments.of_line(line.stated.po_line))


def _as_promised(
    supply: SupplyLedger, line: OrderLine, lead: LeadTime | None, today: int
) -> Arrival:
    day = max(day_number(line.first_promised), today)
    spread = 1 if lead is None else max(math.ceil(round(lead.p90 - lead.p50, 6)), 0)
    return Arrival(
        po_line=line.stated.po_line,
        shipment=None,
        qty=supply.open_qty(line),
        p50=day,
        p90=day + spread,
    )


def _lost(supply: SupplyLedger, line: OrderLine, spoken_at: datetime, slips: list[Slip]) -> Units:
    """Units refused, damaged or cancelled on the way since the line was last spoken of; they are
    noted as slips."""
    lost = 0
    for notice, at in supply.shipments.of_line(line.stated.po_line):
        if at.lost_since(spoken_at) and at.moved_by is not None:
            lost += notice.qty
            slips.append(at.moved_by)
    return Units(lost)


def _under_way(
    supply: SupplyLedger, line: OrderLine, open_qty: Units
) -> list[tuple[ShipmentNoticed, Voyage, Units]]:
    """The shipments that still carry something of a line: what was received is taken off those
    that should have come first."""
    living = [
        (notice, at)
        for notice, at in supply.shipments.of_line(line.stated.po_line)
        if at.whereabouts != "lost"
    ]
    living.sort(key=lambda pair: (pair[1].eta, pair[0].shipment))
    received = supply.received.get(line.stated.po_line, 0)
    found = []
    for notice, at in living:
        taken = min(received, notice.qty)
        received -= taken
        qty = Units(min(notice.qty - taken, open_qty))
        open_qty = Units(open_qty - qty)
        if qty > 0:
            found.append((notice, at, qty))
    return found


def _promised_day(
    network: Network,
    supply: SupplyLedger,
    line: OrderLine,
    commit: SupplyCommitted | None,
    lead: LeadTime | None,
    slips: list[Slip],
) -> int:
    """The day by promise or commit, mended by what is known of the supplier's promises, and never
    before a lead time stated since allows it."""
    promised = line.stated.promised if commit is None else commit.day
    due = day_number(promised)
    if promised == line.first_promised:
        bias = supply.lead_times.bias_of(line.stated.supplier, line.stated.item)
        due += 0 if bias is None else bias.correction
    word = None if lead is None else lead.stated
    spoken_at = line.stated.occurred_at if commit is None else commit.occurred_at
    if lead is None or word is None or word.occurred_at <= spoken_at:
        return due
    ordered = day_number(line.created_on)
    if valid_on(network, word, line.stated.ship_to) > ordered:
        return due
    moved = ordered + math.ceil(lead.p50)
    if moved > due:
        slips.append(word)
    return max(due, moved)


def _awaited(line: OrderLine, due: int, lead: LeadTime | None, today: int) -> tuple[int, int]:
    if lead is None:
        return (due, due + 1) if due >= today else (today + 1, today + 2)
    spread = max(math.ceil(round(lead.p90 - lead.p50, 6)), 0)
    if due >= today:
        return due, due + spread
    # The wait began with the order, or a usual lead time before the day it is due.
    usual = due - max(math.ceil(lead.p50), 1)
    ordered = day_number(line.created_on)
    began = max(ordered, usual) if ordered < due else usual
    p50, p90 = days_still_to_wait(lead, due - began, today - began)
    return today + p50, today + max(p90, p50 + spread)


def _voyage_days(
    network: Network,
    notice: ShipmentNoticed,
    at: Voyage,
    lead: LeadTime | None,
    today: int,
) -> tuple[int, int]:
    zone = network.sites[notice.site].zone
    due = day_number(at.eta.astimezone(zone).date())
    if due < today and lead is not None:
        left = day_number(at.left.astimezone(zone).date())
        p50, p90 = days_still_to_wait(lead, due - left, today - left)
        return today + p50, today + p90
    due = max(due, today)
    if at.whereabouts == "arrived":
        return due, due + 1
    if at.late is not None:
        return due, max(day_number(at.late.astimezone(zone).date()), due)
    doubt = math.ceil(at.doubt / timedelta(days=1))
    if lead is None:
        return due, due + 1 + doubt
    # The nearer it has come, the less of the lead time's spread is left.
    share = min((due - today) / max(lead.p50, 1.0), 1.0)
    return due, due + math.ceil(round((lead.p90 - lead.p50) * share, 6)) + doubt


def _local(network: Network, line: OrderLine, at: datetime) -> int:
    day: date = at.astimezone(network.sites[line.stated.ship_to].zone).date()
    return day_number(day)
