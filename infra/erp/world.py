"""What lies on the shelves and what is on its way? One world of the reference order system.

Quantities are thousandths of a base unit, days are numbers since 1970-01-01 (see `replan.units`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from statistics import NormalDist
from typing import Any

from replan.canonical import seed_from, short_id
from replan.infra.erp.perish import Batch, put, settle, shelf_lives, take_newest, throw_away
from replan.network import Lane, Network, StockingRule, SupplyContract
from replan.units import ItemId, LaneId, SiteId, SupplierId

Key = tuple[ItemId, SiteId]

_NORMAL = NormalDist()
_Z90 = _NORMAL.inv_cdf(0.90)


@dataclass(slots=True, kw_only=True)
class OpenLine:
    """An order line not received yet.

    `promised`: the day the supplier last spoke of; `arrives`: the day it will really come.
    `notice_at`: when the supplier will say that the two differ, None if there is nothing to say.
    `splits` counts the lines split off. `shipment`: what it travels with, empty if nobody tells.
    """

    po: str
    line: str
    item: ItemId
    site: SiteId
    supplier: SupplierId
    qty: int
    price_minor: int
    need_by: int
    promised: int
    arrives: int
    notice_at: datetime | None = None
    splits: int = 0
    shipment: str = ""

    @property
    def key(self) -> Key:
        """Where it goes."""
        return (self.item, self.site)

    @property
    def po_line(self) -> str:
        """`<po>@<line>`, the name that events use."""
        return f"{self.po}@{self.line}"


@dataclass(slots=True, kw_only=True)
class Move:
    """A transfer that a command asked for; `arrive_at` is None until it has left."""

    action_id: str
    idem: str
    item: ItemId
    origin: SiteId
    destination: SiteId
    lane: LaneId
    qty: int
    ship_on: int
    ship_at: datetime
    arrive_at: datetime | None = None
    keeps_until: int | None = None
    """The day from which its goods can no longer be sold, where they perish."""


@dataclass(slots=True, kw_only=True)
class World:
    """Stock by (item, site), what is on its way there, open lines, and moves by action.

    `loads`: what each lane carried on a day, by `<lane>@<day>`; only of late.
    """

    on_hand: dict[Key, int]
    inbound: dict[Key, int]
    batches: dict[Key, list[Batch]] = field(default_factory=dict)
    """Of perishable series, see `erp_perish`."""
    lines: dict[str, OpenLine] = field(default_factory=dict)
    moves: dict[str, Move] = field(default_factory=dict)
    loads: dict[str, int] = field(default_factory=dict)
    calls: list[list[Any]] = field(default_factory=list)
    """Buffer calls: `<supplier>@<item>@<site>`, day, thousandths."""

    def called(self, buffer: str, since: int) -> int:
        """What was called of a buffer after a day; what is older the supplier has made up for."""
        return sum(qty for name, day, qty in self.calls if name == buffer and day > since)

    def sell(self, key: Key, qty: int) -> int:
        """Take a sale off the shelf, or put a return on it; the part that was not there is lost."""
        left = self.on_hand[key] - qty
        self.on_hand[key] = max(left, 0)
        return max(-left, 0)

    def order(self, line: OpenLine) -> None:
        """A new line is on its way."""
        assert line.po_line not in self.lines, f"order line {line.po_line} exists already"
        self.lines[line.po_line] = line
        self.inbound[line.key] += line.qty

    def arrive(self, key: Key, qty: int, keeps_until: int | None = None) -> None:
        """Inbound units reach the shelf; a perishable one keeps until a day."""
        self.inbound[key] -= qty
        batches = self.batches.get(key)
        if batches is not None and keeps_until is not None:
            settle(batches, self.on_hand[key])
            put(batches, keeps_until, qty)
        self.on_hand[key] += qty

    def throw_away(self, key: Key, day: int) -> int:
        """What can no longer be sold from a day on leaves the shelf; thousandths."""
        batches = self.batches.get(key)
        if not batches or batches[0][0] > day:
            return 0
        settle(batches, self.on_hand[key])
        wasted = min(throw_away(batches, day), self.on_hand[key])
        self.on_hand[key] -= wasted
        return wasted

    def room(self, lane: Lane, move: Move) -> int:
        """What a lane can still carry on the day of a move."""
        if lane.capacity_units_per_day is None:
            return move.qty
        return lane.capacity_units_per_day - self.loads.get(f"{lane.lane}@{move.ship_on}", 0)

    def ship(self, lane: Lane, move: Move) -> None:
        """Units leave a shelf for another one."""
        # What left before yesterday is settled, in whatever zone.
        self.loads = {
            name: load
            for name, load in self.loads.items()
            if int(name.rpartition("@")[2]) >= move.ship_on - 1
        }
        name = f"{lane.lane}@{move.ship_on}"
        self.loads[name] = self.loads.get(name, 0) + move.qty
        batches = self.batches.get((move.item, move.origin))
        if batches is not None:
            settle(batches, self.on_hand[(move.item, move.origin)])
            move.keeps_until = take_newest(batches, move.qty)
        self.on_hand[(move.item, move.origin)] -= move.qty
        self.inbound[(move.item, move.destination)] += move.qty

    def position(self, key: Key) -> int:
        """On hand, open orders and inbound transfers."""
        return self.on_hand[key] + self.inbound[key]


def opening_world(network: Network, opening_stock: Mapping[Key, int]) -> World:
    """A world with nothing on its way; a stocked series without an opening stock starts empty."""
    lives = shelf_lives(network)
    return World(
        on_hand={key: int(opening_stock.get(key, 0)) for key in network.series},
        inbound=dict.fromkeys(network.series, 0),
        batches={key: [] for key in network.series if key[0] in lives},
    )


def order_quantity(level: int, contract: SupplyContract, position: int) -> int:
    """Periodic base stock: up to a level, at least the minimum, in whole lots.

    0 if nothing is missing.
    """
    missing = level - position
    if missing <= 0:
        return 0
    lot = lot_size(contract)
    return -(-max(missing, contract.moq) // lot) * lot


def lot_size(contract: SupplyContract) -> int:
    """What orders are a multiple of, above 0."""
    return max(contract.lot_multiple, 1)


def supplier_contract(network: Network, key: Key) -> SupplyContract | None:
    """The contract that normal orders go by: approved, quickest, first by name."""
    rows = [row for row in network.contracts_of.get(key, ()) if row.approved]
    return min(rows, key=lambda row: (row.lead_time_days_p50, row.supplier), default=None)


def loadable(lane: Lane, qty: int) -> int:
    """Whole lots of at least the lane's minimum, else nothing."""
    whole = max(qty, 0)
    whole -= whole % max(lane.lot_multiple, 1)
    return whole if whole >= max(lane.min_qty, 1) else 0


def fitted(name: str) -> str:
    """A name as it is if it fits into an id of an event, else a short one made from it."""
    return name if len(name) <= 64 else short_id("id", name)


@lru_cache(maxsize=4096)
def phase(name: str, site: SiteId, period: int) -> int:
    """On which day of its period something recurs at a site, counted from 1970-01-01; for good."""
    return seed_from([name, site]) % period


def review_days(rule: StockingRule) -> int:
    """Whole days between reviews, at least one."""
    return max(math.ceil(rule.review_period_days), 1)


def lead_days(contract: SupplyContract) -> int:
    """Whole days from order to promised receipt; ordered in the evening, tomorrow at best."""
    return max(math.ceil(round(contract.lead_time_days_p50, 6)), 1)


@lru_cache(maxsize=4096)
def late_days(name: str, p50: float, p90: float) -> int:
    """Whole days behind the p50, drawn from the name.

    The upper half of the normal distribution with these two quantiles: half of all are on time,
    nine in ten within the p90, and nothing comes early.
    """
    chance = ((seed_from(["late", name]) >> 12) + 0.5) / 2**52
    days = _NORMAL.inv_cdf(chance) * max(p90 - p50, 0.0) / _Z90
    # Rounded first, so that the last bit of a logarithm on another machine cannot move a day.
    return max(math.floor(round(days, 6) + 0.5), 0)


def world_json(world: World) -> dict[str, Any]:
    """A world as JSON data; instants are left to the writer's `default`."""
    return {
        "shelves": [
            [item, site, qty, world.inbound[(item, site)]]
            for (item, site), qty in world.on_hand.items()
        ],
        "lines": list(map(_LINE, world.lines.values())),
        "batches": [[*key, rows] for key, rows in world.batches.items()],
        "moves": list(map(_MOVE, world.moves.values())),
        "loads": world.loads,
        "calls": world.calls,
    }


def world_from_json(plain: Mapping[str, Any], network: Network) -> World:
    """The world that `world_json` wrote, with an empty shelf for each series that is new since."""
    world = opening_world(network, {})
    for item, site, on_hand, inbound in plain["shelves"]:
        world.on_hand[(item, site)] = on_hand
        world.inbound[(item, site)] = inbound
    for row in plain["lines"]:
        line = OpenLine(**_timed(_LINE_FIELDS, row, "notice_at"))
        world.lines[line.po_line] = line
    for item, site, rows in plain.get("batches", ()):
        world.batches[(item, site)] = rows
    for row in plain["moves"]:
        move = Move(**_timed(_MOVE_FIELDS, row, "ship_at", "arrive_at"))
        world.moves[move.action_id] = move
    world.loads = dict(plain["loads"])
    world.calls = [list(call) for call in plain.get("calls", ())]
    return world


# Rows without names, taken apart in one call: this happens for every open line at every commit.
_LINE_FIELDS = tuple(column.name for column in fields(OpenLine))
_MOVE_FIELDS = tuple(column.name for column in fields(Move))
_LINE = attrgetter(*_LINE_FIELDS)
_MOVE = attrgetter(*_MOVE_FIELDS)


def _timed(names: Sequence[str], row: Sequence[Any], *instants: str) -> dict[str, Any]:
    plain = dict(zip(names, row, strict=True))
    for name in instants:
        plain[name] = None if plain[name] is None else datetime.fromisoformat(plain[name])
    return plain
