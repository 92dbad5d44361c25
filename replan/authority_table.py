"""What does the decision table say? Rows with typed conditions, limits, a window, a hash.

Every bound is a closed interval of integers, so no case falls between two rows and none reaches
a row by rounding: money in minor units, shares (confidence, probabilities) in millionths,
stretches of time in whole seconds.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal, NewType, get_args

from replan.canonical import digest
from replan.limits import Aggregate, CalendarDay, Cap, Cooldown, Freeze, Rolling
from replan.units import instant_text

RuleId = NewType("RuleId", str)
ActionName = Literal["expedite", "reallocate", "buffer_call", "postpone"]
CategoryName = Literal[
    "demand_surge",
    "demand_drop",
    "lead_time_slip",
    "shipment_delay",
    "disruption",
    "data_quality",
    "stock_discrepancy",
]
DataQuality = Literal["green", "amber", "red"]
Mode = Literal["AUTO", "CLARIFY", "ESCALATE"]
Stage = Literal["live", "spot_check", "recommend", "shadow", "halted"]

ACTIONS: tuple[str, ...] = get_args(ActionName)
ORDER_ACTIONS = frozenset({"expedite", "postpone"})
"""Actions about an open order line, whose value theirs can be held against."""

CATEGORIES: tuple[str, ...] = get_args(CategoryName)
DATA_QUALITY: tuple[str, ...] = get_args(DataQuality)
"""From best to worst."""
STAGES: tuple[str, ...] = get_args(Stage)

MILLION = 1_000_000
"""A share is counted in millionths."""

VALUE_TERMS = (
    "book_value_moved",
    "commitment_value",
    "donor_shortage_cost_p90",
    "freight",
    "incremental_cost_p90",
    "order_value_moved",
)
"""What a value may be made of; a basis is a sum of these."""

DEFAULT_VALUE_BASIS: Mapping[str, tuple[str, ...]] = {
    "expedite": ("incremental_cost_p90",),
    "reallocate": ("book_value_moved", "freight", "donor_shortage_cost_p90"),
    "buffer_call": ("commitment_value",),
    "postpone": ("order_value_moved",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A closed interval of integers; `hi` None is without end."""

    lo: int
    hi: int | None

    def holds(self, number: int) -> bool:
        """Whether the number lies inside, both ends included."""
        return self.lo <= number and (self.hi is None or number <= self.hi)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """When a row applies. None: the condition was left out and anything matches.

    `value` in minor units, `confidence`, `donor_p_stockout` and `order_share` (the plan's value by
    that of the order line it is about) in millionths, `reversible_for` in seconds.
    """

    actions: tuple[str, ...]
    regions: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None
    categories: tuple[str, ...] | None = None
    value: Band | None = None
    confidence: Band | None = None
    dq: tuple[str, ...] | None = None
    reversible_for: Band | None = None
    supplier_approved: bool | None = None
    within_contract: bool | None = None
    donor_p_stockout: Band | None = None
    order_share: Band | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row. `spot_check` in millionths; `recipient` and `next_recipient` are `role:X`;
    None: the process owner."""

    rule_id: RuleId
    when: Conditions
    mode: Mode
    recipient: str | None = None
    next_recipient: str | None = None
    approvals: int = 1
    document: tuple[str, ...] = ()
    spot_check: int = 0
    ask: str | None = None
    timeout: timedelta | None = None
    line: int = field(default=0, compare=False)
    """Where the row stands in its file; no part of what it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """Standing suspensions written into the table."""

    everything: bool = False
    regions: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AuthorityTable:
    """One version of the table, in force from `effective_from` up to, not including,
    `effective_to`.

    `stages` None: every category is live. `demote`: measure → its limit, as `replan.demotion`
    reads it.
    """

    table: str
    version: int
    effective_from: datetime
    effective_to: datetime
    owner: str
    author: str
    approver: str
    currency: str
    rules: tuple[Rule, ...]
    caps: tuple[Cap, ...] = ()
    aggregate: Aggregate = field(default_factory=Aggregate)
    cooldown: Cooldown = field(default_factory=Cooldown)
    freeze: Freeze = field(default_factory=Freeze)
    stages: Mapping[str, str] | None = None
    value_basis: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: dict(DEFAULT_VALUE_BASIS)
    )
    demote: Mapping[str, str] = field(default_factory=dict)
    kill: Kill = Kill()
    line: int = field(default=0, compare=False)

    @cached_property
    def hash(self) -> str:
        """`sha256:` of the canonical form: equal for tables that say the same, however they are
        laid out."""
        return digest(table_json(self))

    def stage(self, category: str) -> str:
        """How far a category may go; one that a present `stages` leaves out is shadow."""
        return "live" if self.stages is None else self.stages.get(category, "shadow")

    def holds_at(self, now: datetime) -> bool:
        """Whether an instant lies in the window of this version."""
        return self.effective_from <= now < self.effective_to


def table_json(table: AuthorityTable) -> dict[str, Any]:
    """A table as plain JSON data, rows sorted by id; where things stand in the file is left out."""
    plain: dict[str, Any] = {
        name: getattr(table, name)
        for name in ("table", "version", "owner", "author", "approver", "currency")
    }
    plain["effective"] = {
        "from": instant_text(table.effective_from),
        "to": instant_text(table.effective_to),
    }
    plain["rules"] = [
        {k: v for k, v in asdict(rule).items() if k not in ("line", "timeout")}
        | {"timeout": None if rule.timeout is None else _seconds(rule.timeout)}
        for rule in sorted(table.rules, key=lambda rule: rule.rule_id)
    ]
    plain["caps"] = [_cap_json(cap) for cap in table.caps]
    plain["aggregate"] = {
        "keys": table.aggregate.keys,
        "window": _seconds(table.aggregate.window),
    }
    plain["cooldown"] = {
        "scope": table.cooldown.scope,
        "after_action": _seconds(table.cooldown.after_action),
        "reverse_direction": _seconds(table.cooldown.reverse_direction),
        "break_factor": table.cooldown.break_factor,
    }
    plain["freeze"] = {"before_cutoff": _seconds(table.freeze.before_cutoff)}
    plain["stages"] = None if table.stages is None else dict(table.stages)
    plain["value_basis"] = {action: list(terms) for action, terms in table.value_basis.items()}
    plain["demote"] = dict(table.demote)
    plain["kill"] = asdict(table.kill)
    return plain


def table_from_json(plain: Mapping[str, Any]) -> AuthorityTable:
    """The table that `table_json` wrote, equal and with an equal hash."""
    return AuthorityTable(
        **{name: plain[name] for name in ("table", "version", "owner", "author", "approver")},
        currency=plain["currency"],
        effective_from=datetime.fromisoformat(plain["effective"]["from"]),
        effective_to=datetime.fromisoformat(plain["effective"]["to"]),
        rules=tuple(_rule(row) for row in plain["rules"]),
        caps=tuple(_cap(row) for row in plain["caps"]),
        aggregate=Aggregate(
            keys=tuple(plain["aggregate"]["keys"]),
            window=timedelta(seconds=plain["aggregate"]["window"]),
        ),
        cooldown=Cooldown(
            scope=tuple(plain["cooldown"]["scope"]),
            after_action=timedelta(seconds=plain["cooldown"]["after_action"]),
            reverse_direction=timedelta(seconds=plain["cooldown"]["reverse_direction"]),
            break_factor=plain["cooldown"]["break_factor"],
        ),
        freeze=Freeze(before_cutoff=timedelta(seconds=plain["freeze"]["before_cutoff"])),
        stages=plain["stages"],
        value_basis={action: tuple(terms) for action, terms in plain["value_basis"].items()},
        demote=plain["demote"],
        kill=Kill(
            everything=plain["kill"]["everything"],
            **{name: tuple(plain["kill"][name]) for name in ("regions", "actions", "models")},
        ),
    )


def _rule(plain: Mapping[str, Any]) -> Rule:
    when: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in plain["when"].items()
    }
    for name in ("value", "confidence", "reversible_for", "donor_p_stockout", "order_share"):
        when[name] = None if when[name] is None else Band(**when[name])
    timeout = plain["timeout"]
    return Rule(
        **{k: plain[k] for k in plain if k not in ("when", "document", "timeout")},
        when=Conditions(**when),
        document=tuple(plain["document"]),
        timeout=None if timeout is None else timedelta(seconds=timeout),
    )


def _cap_json(cap: Cap) -> dict[str, Any]:
    match cap.window:
        case CalendarDay(zone=zone):
            window: dict[str, Any] = {"calendar_day": zone}
        case Rolling(length=length):
            window = {"rolling": _seconds(length)}
    return {
        "scope": list(cap.scope),
        "window": window,
        "value_minor": cap.value_minor,
        "count": cap.count,
    }


def _cap(plain: Mapping[str, Any]) -> Cap:
    window = plain["window"]
    return Cap(
        scope=tuple(plain["scope"]),
        window=CalendarDay(zone=window["calendar_day"])
        if "calendar_day" in window
        else Rolling(length=timedelta(seconds=window["rolling"])),
        value_minor=plain["value_minor"],
        count=plain["count"],
    )


def _seconds(length: timedelta) -> int:
    return length // timedelta(seconds=1)
