"""Where is a shipment, and when does it arrive? Its notice and its reports, folded by their own
time.

A shipping notice says what left and when it should arrive; reports on the way move that. Reports
fold in the order of their own time, source and id, so the order in which they were heard does not
show. What is believed about a shipment is worked out anew from all of them (`voyage`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from replan.events import (
    EtaChanged,
    MilestoneReached,
    ShipmentNoticed,
    ShipmentReport,
    ShipmentTroubled,
)
from replan.sayings import said_at, with_saying, without_saying
from replan.units import PoLineId, ShipmentId

MAX_REPORTS = 64
"""Reports of one shipment that are remembered: the newest ones."""

ETA_STEP = timedelta(hours=4)
"""An arrival is believed to move only by this or more: platforms restate an ETA on every
recalculation, many an hour."""

UNSTATED_DELAY = timedelta(days=1)
"""What a delay that says no more is taken for; as much again, twice, is added to the late end."""

MOVERS_TOLD = 3
"""Reports of a delay that are told as evidence: the newest."""

LOSSES: frozenset[str] = frozenset({"A7", "A9", "CA"})
"""Refused, damaged, cancelled: these units are no supply until the order line is stated anew."""

ARRIVALS: frozenset[str] = frozenset({"X1", "D1"})
"""Arrived at the delivery location, unloaded there."""

Whereabouts = Literal["under_way", "arrived", "lost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Voyage:
    """What is believed of a shipment.

    `eta`: expected arrival, or the arrival itself; `late`: nine in ten arrive by then, None if
    nobody said; `doubt`: what unexplained delays add to the late end. `movers`: the newest reports
    that moved the arrival to later, or lost the goods.
    """

    left: datetime
    eta: datetime
    late: datetime | None
    doubt: timedelta
    whereabouts: Whereabouts
    movers: tuple[ShipmentReport, ...] = ()

    @property
    def moved_by(self) -> ShipmentReport | None:
        """The newest report that made it late or lost it."""
        return self.movers[-1] if self.movers else None

    def by(self, report: ShipmentReport) -> "Voyage":
        """The same, moved by one more report."""
        return replace(self, movers=(*self.movers, report)[-MOVERS_TOLD:])

    def lost_since(self, at: datetime) -> bool:
        """Whether the goods were lost at an instant or after it."""
        lost_by = self.moved_by if self.whereabouts == "lost" else None
        return lost_by is not None and lost_by.occurred_at >= at


@dataclass(slots=True, kw_only=True)
class Shipments:
    """Notices by shipment and order line, the newest last and valid; reports by shipment."""

    notices: dict[tuple[ShipmentId, PoLineId], tuple[ShipmentNoticed, ...]] = field(
        default_factory=dict
    )
    reports: dict[ShipmentId, tuple[ShipmentReport, ...]] = field(default_factory=dict)
    _of_line: dict[PoLineId, set[ShipmentId]] = field(default_factory=dict)
    _lines_of: dict[ShipmentId, set[PoLineId]] = field(default_factory=dict)
    _voyages: dict[ShipmentId, dict[PoLineId, Voyage]] = field(
        default_factory=dict, repr=False, compare=False
    )
    """What was worked out since a shipment was last spoken of."""

    def __post_init__(self) -> None:
        for shipment, po_line in self.notices:
            self._link(shipment, po_line)

    def notice(self, fact: ShipmentNoticed) -> None:
        """Take a notice; the newest by its own time holds."""
        key = (fact.shipment, fact.po_line)
        fact = replace(fact, arrived_at=fact.occurred_at)
        self.notices[key] = with_saying(self.notices.get(key, ()), fact)
        self._link(*key)
        self._voyages.pop(fact.shipment, None)

    def take_back_notice(self, fact: ShipmentNoticed) -> None:
        """A notice was wrong: the one before it holds; after the only one nothing was shipped."""
        self._voyages.pop(fact.shipment, None)
        key = (fact.shipment, fact.po_line)
        left = without_saying(self.notices.get(key, ()), fact)
        self.notices[key] = left
        if not left:
            del self.notices[key]
            self._of_line.get(fact.po_line, set()).discard(fact.shipment)
            self._lines_of.get(fact.shipment, set()).discard(fact.po_line)

    def report(self, fact: ShipmentReport) -> None:
        """Take a report, whether or not its notice was heard of."""
        fact = replace(fact, arrived_at=fact.occurred_at)
        known = self.reports.get(fact.shipment, ())
        self.reports[fact.shipment] = with_saying(known, fact, MAX_REPORTS)
        self._voyages.pop(fact.shipment, None)

    def take_back_report(self, fact: ShipmentReport) -> None:
        """A report was wrong."""
        self._voyages.pop(fact.shipment, None)
        left = without_saying(self.reports.get(fact.shipment, ()), fact)
        self.reports[fact.shipment] = left
        if not left:
            del self.reports[fact.shipment]

    def of_line(self, po_line: PoLineId) -> list[tuple[ShipmentNoticed, Voyage]]:
        """The shipments that carry units of an order line, by id, with what is believed of each."""
        return [
            (self.notices[shipment, po_line][-1], self._voyage(shipment, po_line))
            for shipment in sorted(self._of_line.get(po_line, ()))
        ]

    def _voyage(self, shipment: ShipmentId, po_line: PoLineId) -> Voyage:
        known = self._voyages.setdefault(shipment, {})
        found = known.get(po_line)
        if found is None:
            notice = self.notices[shipment, po_line][-1]
            found = known[po_line] = voyage(notice, self.reports.get(shipment, ()))
        return found

    def lines_of(self, shipment: ShipmentId) -> list[PoLineId]:
        """The order lines that a shipment carries units of, by id."""
        return sorted(self._lines_of.get(shipment, ()))

    def forget_line(self, po_line: PoLineId) -> None:
        """Drop the notices of a line, and the reports of shipments that held nothing else."""
        for shipment in self._of_line.pop(po_line, set()):
            del self.notices[shipment, po_line]
            self._voyages.pop(shipment, None)
            self._lines_of[shipment].discard(po_line)
            if not self._lines_of[shipment]:
                del self._lines_of[shipment]
                self.reports.pop(shipment, None)

    def _link(self, shipment: ShipmentId, po_line: PoLineId) -> None:
        self._of_line.setdefault(po_line, set()).add(shipment)
        self._lines_of.setdefault(shipment, set()).add(po_line)


def voyage(notice: ShipmentNoticed, reports: Iterable[ShipmentReport]) -> Voyage:
    """Fold a notice and the reports of its shipment, in the order of their own time.

    A notice that is newer than a report has the last word on the arrival, but not on whether the
    goods are there already. An arrival moves by `ETA_STEP` or more, or not at all.
    """
    at = Voyage(
        left=notice.ship_at,
        eta=notice.eta,
        late=None,
        doubt=timedelta(0),
        whereabouts="under_way",
    )
    for report in reports:
        is_older = said_at(report) < said_at(notice)
        ends = _code(report) in LOSSES
        if at.whereabouts == "lost" or (at.whereabouts == "arrived" and not ends):
            continue
        if is_older and _code(report) not in ARRIVALS:
            continue
        match report:
            case EtaChanged():
                at = replace(_expected(at, report.eta, report), late=report.p90)
            case ShipmentTroubled():
                late = None if report.impact_s is None else timedelta(seconds=report.impact_s)
                at = _delayed(at, late, report)
            case MilestoneReached():
                at = _reached(at, report, notice.eta)
    return at


def _reached(at: Voyage, report: MilestoneReached, announced: datetime) -> Voyage:
    match report.code:
        case "AF":
            behind = max(report.at - at.left, timedelta(0))
            at = replace(at, left=report.at)
            # It left later than announced, so it arrives later; an ETA given since knows better.
            return _expected(at, at.eta + behind, report) if at.eta == announced else at
        case "AG" | "X2":
            return replace(_expected(at, report.at, report), late=None)
        case "SD":
            return _delayed(at, None, report)
        case "X1" | "D1":
            return replace(at, eta=report.at, late=None, doubt=timedelta(0), whereabouts="arrived")
        case "A7" | "A9" | "CA":
            return replace(at, whereabouts="lost").by(report)
        case "P1" | "X6" | "PA":
            return at


def _expected(at: Voyage, eta: datetime, report: ShipmentReport) -> Voyage:
    if abs(eta - at.eta) < ETA_STEP:
        return replace(at, doubt=timedelta(0))
    moved = replace(at, eta=eta, doubt=timedelta(0))
    return moved.by(report) if eta > at.eta else moved


def _delayed(at: Voyage, late: timedelta | None, report: ShipmentReport) -> Voyage:
    if late is not None:
        return _expected(at, at.eta + late, report)
    doubt = at.doubt + 2 * UNSTATED_DELAY
    return replace(at, eta=at.eta + UNSTATED_DELAY, late=None, doubt=doubt).by(report)


def _code(report: ShipmentReport) -> str:
    return report.code if isinstance(report, MilestoneReached) else ""
