"""How much of each cap, sum and rest is already used? Sums over the reservations that still
count.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from replan.authority_table import AuthorityTable
from replan.currencies import money_text
from replan.effects import Move
from replan.limits import (
    CalendarDay,
    Cap,
    Rolling,
    aggregate_scopes,
    cap_scope,
    in_window,
    window_key,
)
from replan.units import LaneId, Units

A_DAY = timedelta(hours=24)

LEAST_REACH = timedelta(days=35)
"""How far back reservations are looked at, where no window of the table is longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapUse:
    """One cap in one scope and window: what is used, what is allowed; None is not limited that
    way.
    """

    scope: str
    window: str
    used_minor: int
    limit_minor: int | None
    used_count: int
    limit_count: int | None


def cap_text(use: CapUse, currency: str) -> str:
    """What is used of what is allowed: `100.00 EUR of 80.00 EUR, 2 of 1 actions`."""
    said = []
    if use.limit_minor is not None:
        limit = money_text(use.limit_minor, currency)
        said.append(f"{money_text(use.used_minor, currency)} of {limit}")
    if use.limit_count is not None:
        said.append(f"{use.used_count} of {use.limit_count} actions")
    return ", ".join(said)


def reach(table: AuthorityTable | None) -> timedelta:
    """How far back reservations can still count for anything: the longest window of the table."""
    if table is None:
        return LEAST_REACH
    rest = table.cooldown
    windows = [c.window.length for c in table.caps if isinstance(c.window, Rolling)]
    windows += [table.aggregate.window, rest.after_action, rest.reverse_direction]
    return max([LEAST_REACH, *windows])


def counting(moves: Iterable[Move], account: str) -> tuple[Move, ...]:
    """Reservations of an account that were not released."""
    return tuple(m for m in moves if m.account == account and not m.released)


def cap_breach(
    table: AuthorityTable, moves: Sequence[Move], plan: Sequence[Move], now: datetime
) -> CapUse | None:
    """The first cap that the plan's reservations would exceed together with those that count; None
    if none.
    """
    for use, limit_hit in _uses(table, (*moves, *plan), plan, now):
        if limit_hit:
            return use
    return None


def cap_uses(table: AuthorityTable, moves: Sequence[Move], now: datetime) -> tuple[CapUse, ...]:
    """Every cap that something counts for at this moment, by scope and window; of two the
    stricter.
    """
    uses: dict[tuple[str, str], CapUse] = {}
    for use, _ in _uses(table, moves, moves, now):
        known = uses.setdefault((use.scope, use.window), use)
        uses[(use.scope, use.window)] = replace(
            known,
            limit_minor=_lower(known.limit_minor, use.limit_minor),
            limit_count=_lower(known.limit_count, use.limit_count),
        )
    return tuple(use for _, use in sorted(uses.items()))


def strictest_sum(
    table: AuthorityTable, moves: Sequence[Move], plan: Sequence[Move], now: datetime
) -> int:
    """The largest sum of values, minor units, that the plan joins: by item and cause together, or
    by any other key alone.

    Moves count from `window` before now on. Splitting an action leaves the sum as it is.
    """
    since = now - table.aggregate.window
    recent = [m for m in moves if since < m.at <= now]
    sums = [sum(m.value_minor for m in plan)]
    for scope in sorted({s for m in plan for s in aggregate_scopes(table.aggregate, m.keys)}):
        sums.append(
            sum(
                m.value_minor
                for m in (*recent, *plan)
                if scope in aggregate_scopes(table.aggregate, m.keys)
            )
        )
    return max(sums)


def resting(
    table: AuthorityTable, moves: Sequence[Move], plan: Sequence[Move], now: datetime
) -> Move | None:
    """An earlier move that makes this one too soon: the same scope again, or its reverse."""
    rest = table.cooldown
    for move in plan:
        for earlier in moves:
            age = now - earlier.at
            same = all(_rests_as(earlier, key) == _rests_as(move, key) for key in rest.scope)
            if same and age < rest.after_action:
                return earlier
            reverse = (
                earlier.keys.get("item") == move.keys.get("item")
                and "origin" in move.keys
                and earlier.keys.get("origin") == move.keys.get("site")
                and earlier.keys.get("site") == move.keys["origin"]
            )
            if (reverse or _undoes(earlier, move)) and age < rest.reverse_direction:
                return earlier
    return None


def _undoes(earlier: Move, move: Move) -> bool:
    """Whether one brings goods of a supplier to a site sooner, and the other later."""
    ends = [
        (m.keys.get("item"), m.keys.get("supplier"), m.keys.get("site")) for m in (earlier, move)
    ]
    later = [m.keys.get("action") == "postpone" for m in (earlier, move)]
    return ends[0] == ends[1] and "supplier" in move.keys and later[0] != later[1]


def _rests_as(move: Move, key: str) -> str | None:
    """What a move is for a rest. An order has no lane of ours: its supplier and site stand for
    it.
    """
    if key == "lane" and "lane" not in move.keys:
        return f"{move.keys.get('supplier')}>{move.keys.get('site')}"
    return move.keys.get(key)


def lane_use(moves: Iterable[Move]) -> Mapping[tuple[LaneId, date], int]:
    """Thousandths already reserved by lane and shipping day."""
    used: dict[tuple[LaneId, date], int] = {}
    for move in moves:
        if "lane" in move.keys and "ship_on" in move.keys:
            key = (LaneId(move.keys["lane"]), date.fromisoformat(move.keys["ship_on"]))
            used[key] = used.get(key, 0) + Units(int(move.keys["qty"]))
    return used


def _uses(
    table: AuthorityTable, moves: Sequence[Move], about: Sequence[Move], now: datetime
) -> Iterable[tuple[CapUse, bool]]:
    for cap in (each for written in table.caps for each in _windows(written)):
        for scope in sorted({s for m in about if (s := cap_scope(cap, m.keys)) is not None}):
            counted = [
                m for m in moves if cap_scope(cap, m.keys) == scope and in_window(cap, m.at, now)
            ]
            value, count = sum(m.value_minor for m in counted), len(counted)
            over = (cap.value_minor is not None and value > cap.value_minor) or (
                cap.count is not None and count > cap.count
            )
            yield (
                CapUse(
                    scope=scope,
                    window=window_key(cap, now),
                    used_minor=value,
                    limit_minor=cap.value_minor,
                    used_count=count,
                    limit_count=cap.count,
                ),
                over,
            )


def _windows(cap: Cap) -> tuple[Cap, ...]:
    """A cap of a calendar day holds over any 24 hours too, so that midnight does not double it."""
    if isinstance(cap.window, CalendarDay):
        return (cap, replace(cap, window=Rolling(length=A_DAY)))
    return (cap,)


def _lower(one: int | None, other: int | None) -> int | None:
    return min((n for n in (one, other) if n is not None), default=None)
