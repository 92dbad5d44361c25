"""Over how much, and over how long, do limits add up? Caps, aggregation, cool-down, freeze.

Parsed once from the authority table into typed values. What they mean for one moment or one
action is computed here; who keeps the sums is the ledger's matter. A calendar day is the policy
zone's, so it has 23 or 25 hours twice a year.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

GLOBAL = "global"
SCOPE_KEYS = (
    "action",
    "category",
    "cause",
    "class",
    "group",
    "item",
    "lane",
    "region",
    "site",
    "supplier",
    GLOBAL,
)
"""What a cap, an aggregate or a cool-down may be scoped by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarDay:
    """The calendar day of a named zone."""

    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolling:
    """The stretch of that length up to now."""

    length: timedelta


Window = CalendarDay | Rolling


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """At most `value_minor` and at most `count` actions per scope and window; None: not limited
    that way."""

    scope: tuple[str, ...]
    window: Window
    value_minor: int | None
    count: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """Values of actions that agree in these keys inside the window are judged as one sum."""

    keys: tuple[str, ...] = ("item", "supplier", "lane", "cause")
    window: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooldown:
    """How long a scope rests after an action, and longer before the reverse of it; a benefit above
    `break_factor` times the change cost breaks the rest."""

    scope: tuple[str, ...] = ("item", "lane")
    after_action: timedelta = timedelta(hours=72)
    reverse_direction: timedelta = timedelta(days=7)
    break_factor: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """How long before a cut-off nothing is changed by itself any more."""

    before_cutoff: timedelta = timedelta(minutes=30)


def cap_scope(cap: Cap, facts: Mapping[str, str]) -> str | None:
    """The scope value that a case counts for, such as `action=expedite,region=EAST` or `global`.

    None if the case lacks one of the keys (a reallocation has no supplier): the cap is not about
    it.
    """
    return _scope(cap.scope, facts)


def aggregate_scopes(aggregate: Aggregate, facts: Mapping[str, str]) -> tuple[str, ...]:
    """Every scope whose sum counts for a case: item and cause together, any other listed key
    alone."""
    together = tuple(key for key in ("item", "cause") if key in aggregate.keys)
    alone = tuple(key for key in aggregate.keys if key not in together)
    groups = ((together,) if together else ()) + tuple((key,) for key in alone)
    scopes = (_scope(keys, facts) for keys in groups)
    return tuple(scope for scope in scopes if scope is not None)


def window_key(cap: Cap, now: datetime) -> str:
    """A name for the window at an instant: `2026-05-03@Europe/Berlin`, or `rolling_604800s`."""
    match cap.window:
        case CalendarDay(zone=zone):
            return f"{now.astimezone(ZoneInfo(zone)).date().isoformat()}@{zone}"
        case Rolling(length=length):
            return f"rolling_{int(length.total_seconds())}s"


def window_start(cap: Cap, now: datetime) -> datetime:
    """Where the window at an instant begins, in UTC; see `in_window` for which side of it
    counts."""
    match cap.window:
        case CalendarDay(zone=zone):
            local = now.astimezone(ZoneInfo(zone))
            return datetime.combine(local.date(), time(0), tzinfo=local.tzinfo).astimezone(UTC)
        case Rolling(length=length):
            return now - length


def in_window(cap: Cap, at: datetime, now: datetime) -> bool:
    """Whether what happened at an instant counts now: the same local day; or later than now −
    length."""
    match cap.window:
        case CalendarDay():
            return window_key(cap, at) == window_key(cap, now)
        case Rolling():
            return window_start(cap, now) < at <= now


def _scope(keys: tuple[str, ...], facts: Mapping[str, str]) -> str | None:
    parts = []
    for key in keys:
        if key == GLOBAL:
            parts.append(GLOBAL)
        elif key in facts:
            parts.append(f"{key}={facts[key]}")
        else:
            return None
    return ",".join(parts)
