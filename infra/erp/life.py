"""How does the reference order system live? Deliveries, sales, counts and reviews in order of time.

At 00:00 what lies on the shelves costs its holding, at 04:30 some shelves are counted, at 06:00
deliveries arrive, at 09:00 suppliers speak of delays, at the lane's cut-off (else 17:00) transfers
leave, at 20:00 some sites are reviewed and order up to their level, which follows demand (see
`erp_levels`). Times are local. A sale takes from the shelf; what is not there is lost, so stock is
never negative. Goods with a shelf life perish at its end (`erp_perish`). At 11:00 the simple rule
of `erp_rule` acts in a world of its own.

Counted are: all shelves at the start, each site once a week, at night a shelf of which a sale
became known only after its count, and at once a shelf that a sale found empty. The listener folds
the rest from sales, receipts and transfers.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from replan.departures import transit_days
from replan.events import SaleRecorded
from replan.infra.erp.calendar import ARRIVES_AT, Calendar, Happening, Rank
from replan.infra.erp.carriers import Carriers
from replan.infra.erp.events import Voice
from replan.infra.erp.legs import Legs, Tells
from replan.infra.erp.levels import AskedFor, asked_row
from replan.infra.erp.perish import put, shelf_lives
from replan.infra.erp.replies import Replies
from replan.infra.erp.rule import nearest_surplus, next_promises
from replan.infra.erp.tally import DayTally
from replan.infra.erp.world import (
    Key,
    Move,
    OpenLine,
    World,
    fitted,
    late_days,
    lead_days,
    loadable,
    lot_size,
    opening_world,
    order_quantity,
    phase,
    review_days,
    supplier_contract,
    world_from_json,
    world_json,
)
from replan.network import Lane, Network
from replan.panel import NEVER, micros
from replan.units import ONE_UNIT, ItemId, SiteId, Units, day_from_number, priced, quantity_json

REAL, IDLE, RULE = 0, 1, 2
"""The world that obeys commands, the one that gets none, and the one in which a simple rule acts:
same sales, same draws.
"""


class ErpLife:
    """Two worlds, the calendar of what is due in them, and the voice that tells of the real one."""

    def __init__(self, network: Network, legs: Legs | None = None) -> None:
        self.network = network
        self.carriers = Carriers(network, legs or Legs())
        self.replies = Replies(network, legs or Legs())
        self.calendar = Calendar(network)
        self.voice = Voice()
        self.worlds = _three_worlds(network, {})
        self.began: datetime | None = None
        self.at: datetime | None = None
        """Everything up to here has happened; None before the first day."""
        self.days: dict[str, DayTally] = {}
        self.touched: dict[str, DayTally] = {}
        """Tallies by ISO date, and those of them that changed since they were last stored."""
        self.settled: list[tuple[str, dict[str, Any]]] = []
        """Keys of commands that came to an end later than they were taken in, with the answer."""
        self._counted: dict[Key, int] = {}
        """When each shelf was counted last, in microseconds since 1970."""
        self._recount: dict[Key, None] = {}
        self._asked = {key: AskedFor() for key in network.series}
        """One for all worlds: what they are asked for is the same."""
        self._lives = shelf_lives(network)
        self._keys: dict[SiteId, list[Key]] = {}
        for key in network.series:
            self._keys.setdefault(key[1], []).append(key)
        self._reviews = {
            site: [(key, review_days(network.stocking[key])) for key in keys]
            for site, keys in self._keys.items()
        }

        self._holding_millis = {
            key: math.floor(network.stocking[key].holding_minor_per_unit_day * 1_000 + 0.5)
            for key in network.series
        }

    @property
    def real(self) -> World:
        """The world that obeys."""
        return self.worlds[REAL]

    def open(
        self, first: datetime, opening_stock: Mapping[Key, Units], start: datetime | None
    ) -> None:
        """Fill and count the shelves: at `start`, else at each site's midnight before `first`."""
        self.worlds = _three_worlds(self.network, opening_stock)
        days = self.calendar
        begins = {
            site: start or days.instant(site, days.day_of(first, site), time(0))
            for site in self._keys
        }
        self.began = self.at = min(begins.values(), default=first)
        for site, since in begins.items():
            days.begin_days(site, since)
        for world in self.worlds:
            for key, batches in world.batches.items():
                first_day = days.day_of(begins[key[1]], key[1])
                put(batches, first_day + self._lives[key[0]], world.on_hand[key])
        for key in self.network.series:
            self._count(key, begins[key[1]])

    def live(self, until: datetime, sales: Sequence[SaleRecorded]) -> None:
        """Let everything happen up to `until`, sales among it in order of their own time.

        A sale of before the last advance counts as of that moment, one of after `until` as of
        `until`. Sales of before the opening stock are in it already.
        """
        since, began = self.at, self.began
        assert since is not None, "the order system was never opened"
        assert began is not None, "the order system was never opened"
        rules = self.network.stocking
        due = sorted(
            (min(max(s.occurred_at, since), until), s.occurred_at, s.source, s.event_id, n)
            for n, s in enumerate(sales)
            if (s.item, s.site) in rules and s.occurred_at >= began
        )
        empty: dict[Key, datetime] = {}
        for when, *_, n in due:
            if self.calendar.is_due(when, Rank.SALE):
                self._happen_until(when, Rank.SALE)
            if self._sell(sales[n], when):
                empty[(sales[n].item, sales[n].site)] = when
        self._happen_until(until, Rank.LAST)
        for key, when in sorted(empty.items()):
            if self._counted[key] == micros(when):
                self.say(self.voice.count(key, 0, when))
        self.at = until

    def settle_down(self, until: datetime) -> None:
        """Let happen what commands taken in at `until` made due at once."""
        self._happen_until(until, Rank.LAST)

    def say(self, event: dict[str, Any]) -> None:
        """Speak of something to the listener."""
        self.voice.spoken.append(event)

    def _say_all(self, events: Iterable[dict[str, Any]]) -> None:
        self.voice.spoken.extend(events)

    def expect(self, line: OpenLine, now: datetime, world: int = REAL) -> None:
        """The days of a line are new: plan its arrival, and word of its delay if it is late."""
        line.notice_at = self.calendar.notice(line, now)
        self.calendar.expect(line, world)

    def request(self, move: Move) -> None:
        """A transfer is to leave at its time."""
        self.real.moves[move.action_id] = move
        self.calendar.follow(move)

    def pay(self, fixed_minor: int, unit_minor: int, qty: int, day: int) -> None:
        """What an action costs by itself, on the day it is done."""
        self._tally(day).direct_minor += fixed_minor + priced(Units(qty), unit_minor)

    def as_json(self) -> dict[str, Any]:
        """Everything but the tallies as JSON data; instants are left to the writer's `default`."""
        assert self.at is not None, "nothing to keep before the first day"
        assert self.began is not None, "nothing to keep before the first day"
        voice = self.voice
        return {
            "at": self.at,
            "began": self.began,
            "voice": {"said": voice.said, "done": voice.done, "refused": voice.refused},
            "worlds": [world_json(world) for world in self.worlds],
            "counted": [(*key, at) for key, at in self._counted.items()],
            "recount": list(self._recount),
            "asked": [(*key, *asked_row(asked)) for key, asked in self._asked.items()],
            "shipments": self.carriers.as_rows(),
            "replies": self.replies.as_rows(),
        }

    def take_json(self, plain: Mapping[str, Any], days: dict[str, DayTally]) -> None:
        """Go on from what `as_json` gave, instants as ISO texts; the calendar follows from it."""
        self.at = datetime.fromisoformat(plain["at"])
        self.began = datetime.fromisoformat(plain["began"])
        self.voice = Voice(**plain["voice"])
        real, idle, rule = (world_from_json(world, self.network) for world in plain["worlds"])
        self.worlds = (real, idle, rule)
        self.days = days
        self._counted = {(ItemId(item), SiteId(site)): at for item, site, at in plain["counted"]}
        self._recount = {(ItemId(item), SiteId(site)): None for item, site in plain["recount"]}
        # A series that the file does not know of begins to learn now.
        for item, site, *numbers in plain.get("asked", ()):
            self._asked[(ItemId(item), SiteId(site))] = AskedFor(*numbers)
        self.calendar = Calendar(self.network)
        for site in self._keys:
            self.calendar.begin_days(site, self.at)
        for number, world in enumerate(self.worlds):
            for line in world.lines.values():
                self.calendar.expect(line, number)
            for move in world.moves.values():
                self.calendar.follow(move, number)
        self.carriers.take_rows(plain.get("shipments", ()), self.calendar)
        self.replies.take_rows(plain.get("replies", ()), self.calendar)

    def _happen_until(self, when: datetime, rank: Rank) -> None:
        for due in self.calendar.due_until(when, rank):
            match due.rank:
                case Rank.RECEIPT:
                    self._receive(due)
                case Rank.NOTICE:
                    self._give_notice(due)
                case Rank.SHIPMENT:
                    self._ship(due)
                case Rank.ARRIVAL:
                    self._complete(due)
                case Rank.WORD:
                    self._say_all(
                        self.carriers.tell(due, self.real.lines.values(), self.voice, self.calendar)
                    )
                case Rank.REPLY:
                    self.say(self.voice.reply(self.replies.say(due.ref), due.when))
                case _:
                    self._live_day(due)

    def _sell(self, sale: SaleRecorded, when: datetime) -> bool:
        """Sell in all worlds; whether the real shelf was found empty."""
        key = (sale.item, sale.site)
        self._asked[key].today += sale.sold
        lost, lost_idle, lost_rule = (world.sell(key, sale.sold) for world in self.worlds)
        if lost != sale.sold and micros(sale.occurred_at) <= self._counted.get(key, NEVER):
            # The listener takes the count to hold this sale already.
            self._recount[key] = None
        if lost or lost_idle or lost_rule:
            margin = self.network.shortage_minor(*key) * ONE_UNIT
            tally = self._tally(self.calendar.day_of(sale.occurred_at, sale.site))
            tally.lost += lost
            tally.lost_idle += lost_idle
            tally.lost_micros += lost * margin
            tally.lost_micros_idle += lost_idle * margin
            tally.lost_rule += lost_rule
            tally.lost_micros_rule += lost_rule * margin
        if lost:
            self._counted[key] = micros(when)
        return lost > 0

    def _live_day(self, due: Happening) -> None:
        site = SiteId(due.ref)
        day = self.calendar.day_of(due.when, site)
        match due.rank:
            case Rank.COUNT:
                weekly = day % 7 == phase("count", site, 7)
                for key in self._keys[site]:
                    if weekly or key in self._recount:
                        self._count(key, due.when)
                keys = self._keys[site]
                self._say_all(
                    self.carriers.lead_times(site, keys, due.when, self.voice, self.calendar)
                )
            case Rank.HELP:
                self._help(site, day, due.when)
            case Rank.DAY_END:
                self._throw_away(site, day, due.when)
                self._hold(site, day - 1)
                for key in self._keys[site]:
                    self._asked[key].close_day()
            case _:
                for key, period in self._reviews[site]:
                    if day % period == phase("review", site, period):
                        self._review(key, day, due.when)
        self.calendar.next_day(due)

    def _review(self, key: Key, day: int, at: datetime) -> None:
        rule = self.network.stocking[key]
        contract = supplier_contract(self.network, key)
        if contract is None:
            return
        order = f"{key[1]}-{contract.supplier}-{day_from_number(day):%Y%m%d}"
        promised = day + lead_days(contract)
        level = self._asked[key].level(rule.order_up_to, lot_size(contract))
        # One lorry for each order: its lines come on the same day, in all worlds.
        booking = self.carriers.booking(contract.supplier, key[1], day, promised)
        if booking is not None:
            late = booking.trip.late_days
        else:
            late = late_days(order, contract.lead_time_days_p50, contract.lead_time_days_p90)
        for number, world in enumerate(self.worlds):
            qty = order_quantity(level, contract, world.position(key))
            if not qty:
                continue
            line = OpenLine(
                po=fitted(order),
                line=key[0],
                item=key[0],
                site=key[1],
                supplier=contract.supplier,
                qty=qty,
                price_minor=self.network.items[key[0]].unit_cost_minor,
                need_by=promised,
                promised=promised,
                arrives=promised + late,
            )
            world.order(line)
            if number == REAL:
                self.say(self.voice.line("po.created.v1", line, at))
                if booking is not None:
                    self.carriers.take(line, booking, self.calendar)
                if self.carriers.tells(line.supplier) is Tells.COMMITS:
                    self.say(self.voice.commit(line, at))
            self.expect(line, at, number)

    def _give_notice(self, due: Happening) -> None:
        line = self.worlds[due.world].lines.get(due.ref)
        if line is None or line.notice_at != due.when:
            return
        line.promised, line.notice_at = line.arrives, None
        if due.world != REAL:
            return
        if self.carriers.tells(line.supplier) is Tells.COMMITS:
            self.say(self.voice.commit(line, due.when))
        else:
            self.say(self.voice.line("po.changed.v1", line, due.when))

    def _receive(self, due: Happening) -> None:
        world = self.worlds[due.world]
        line = world.lines.get(due.ref)
        if line is None or due.when < self.calendar.arrival(
            line
        ):  # it came earlier, or comes later
            return
        del world.lines[due.ref]
        world.arrive(line.key, line.qty, self._keeps_until(line.key, due.when))
        if due.world == REAL:
            self.say(self.voice.receipt(line, due.when))

    def _ship(self, due: Happening) -> None:
        """What lies there and fits leaves in whole lots; if that is nothing, the action failed."""
        move = self.real.moves.get(due.ref)
        if move is None:  # it was called off
            return
        lane = self.network.lanes.get(move.lane)
        wanted, origin = move.qty, (move.item, move.origin)
        on_hand = self.real.on_hand[origin]
        qty = (
            0 if lane is None else loadable(lane, min(wanted, on_hand, self.real.room(lane, move)))
        )
        if lane is None or qty == 0:
            del self.real.moves[due.ref]
            reason = (
                f"no load of {quantity_json(Units(wanted))} {move.item} could leave {move.origin} "
                f"by lane {move.lane}: {quantity_json(Units(on_hand))} on hand"
            )
            self._settle(move, due.when, done=False, reason=reason)
            return
        move.qty = qty
        move.arrive_at = self._arrival(lane, move)
        self.real.ship(lane, move)
        self.calendar.follow(move)
        self.pay(lane.fixed_cost_minor, lane.unit_cost_minor, qty, move.ship_on)
        self.say(self.voice.move(move, "shipped", due.when))
        less = f"{quantity_json(Units(qty))} of {quantity_json(Units(wanted))} shipped"
        self._settle(move, due.when, done=True, reason=less if qty < wanted else None)

    def _arrival(self, lane: Lane, move: Move) -> datetime:
        """When a transfer arrives: the same day, or a later morning drawn from p50 and p90."""
        days = transit_days(lane.lead_time_days_p50)
        days += late_days(move.action_id, lane.lead_time_days_p50, lane.lead_time_days_p90)
        if days > 0:
            comes = self.calendar.instant(move.destination, move.ship_on + days, ARRIVES_AT)
        else:
            ends = self.calendar.instant(move.destination, move.ship_on, time(23))
            driven = timedelta(minutes=round(lane.lead_time_days_p50 * 1_440))
            comes = min(move.ship_at + driven, ends)
        return max(comes, move.ship_at)

    def _complete(self, due: Happening) -> None:
        world = self.worlds[due.world]
        move = world.moves.pop(due.ref)
        world.arrive((move.item, move.destination), move.qty, move.keeps_until)
        if due.world == REAL:
            self.say(self.voice.move(move, "received", due.when))

    def _help(self, site: SiteId, day: int, at: datetime) -> None:
        """The simple rule sends what its nearest surplus can spare to one site."""
        world = self.worlds[RULE]
        promised = next_promises(world, day)
        for key in self._keys[site]:
            for load in nearest_surplus(self.network, world, self._asked, key, day, promised):
                move = load.move(day, at)
                move.arrive_at = self._arrival(load.lane, move)
                world.ship(load.lane, move)
                world.moves[move.action_id] = move
                self.calendar.follow(move, RULE)
                self._tally(day).direct_minor_rule += load.freight_minor

    def _keeps_until(self, key: Key, at: datetime) -> int | None:
        life = self._lives.get(key[0])
        return None if life is None else self.calendar.day_of(at, key[1]) + life

    def _throw_away(self, site: SiteId, day: int, at: datetime) -> None:
        for key in self._keys[site]:
            if key[0] not in self._lives:
                continue
            real, idle, rule = (world.throw_away(key, day) for world in self.worlds)
            if not real and not idle and not rule:
                continue
            cost = self.network.items[key[0]].unit_cost_minor * ONE_UNIT
            tally = self._tally(day - 1)
            tally.wasted_micros += real * cost
            tally.wasted_micros_idle += idle * cost
            tally.wasted_micros_rule += rule * cost
            if real:
                self.say(self.voice.thrown_away(key, real, at))

    def _settle(self, move: Move, at: datetime, *, done: bool, reason: str | None) -> None:
        event = self.voice.answer(move.action_id, move.idem, at, done=done, reason=reason)
        self.settled.append((move.idem, event))
        self.say(event)

    def _count(self, key: Key, as_of: datetime) -> None:
        self._counted[key] = micros(as_of)
        self._recount.pop(key, None)
        self.say(self.voice.count(key, self.real.on_hand[key], as_of))

    def _hold(self, site: SiteId, day: int) -> None:
        tally = self._tally(day)
        for key in self._keys[site]:
            rate = self._holding_millis[key]
            tally.held_micros += self.worlds[REAL].on_hand[key] * rate
            tally.held_micros_idle += self.worlds[IDLE].on_hand[key] * rate
            tally.held_micros_rule += self.worlds[RULE].on_hand[key] * rate

    def _tally(self, day: int) -> DayTally:
        name = day_from_number(day).isoformat()
        tally = self.days.setdefault(name, DayTally())
        self.touched[name] = tally
        return tally


def _three_worlds(
    network: Network, opening_stock: Mapping[Key, Units]
) -> tuple[World, World, World]:
    real, idle, rule = (opening_world(network, opening_stock) for _ in range(3))
    return real, idle, rule
