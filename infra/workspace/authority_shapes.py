"""What may stand in authority.yaml? The shape of one version of the table, and its meaning."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from replan.authority_table import (
    ACTIONS,
    CATEGORIES,
    DATA_QUALITY,
    DEFAULT_VALUE_BASIS,
    STAGES,
    VALUE_TERMS,
    AuthorityTable,
    Band,
    Conditions,
    Kill,
    Rule,
    RuleId,
)
from replan.currencies import minor_digits
from replan.demotion import MEASURES, limit_of
from replan.infra.workspace.shapes import StrictShape, parsed_by
from replan.infra.workspace.text_values import (
    NotAValue,
    duration,
    duration_band,
    is_zone,
    share_band,
    share_millionths,
    value_band,
    whole_minor,
)
from replan.limits import (
    SCOPE_KEYS,
    Aggregate,
    CalendarDay,
    Cap,
    Cooldown,
    Freeze,
    Rolling,
    Window,
)
from replan.people import ROLE_PREFIX

_ID = re.compile(r"[A-Za-z0-9._:/-]{1,64}")
_ROLE = re.compile(rf"{ROLE_PREFIX}[A-Za-z0-9._:/-]{{1,64}}")
_BREAK = re.compile(r"([1-9][0-9]{0,3}) ?\* ?change_cost")
_USUAL_DIGITS = 2
"""Amounts are read before their currency is known, and checked again in its own minor units."""

CLARIFY_TIMEOUT = timedelta(hours=72)


def instant(value: object) -> datetime:
    """An instant with a zone, plain or quoted, as aware UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise NotAValue("yaml", f"{value!r} is not an instant") from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise NotAValue("yaml", f"{value} is not an instant with a zone: 2026-12-01T00:00:00Z")
    return value.astimezone(UTC)


def _names(what: str, known: tuple[str, ...] | None = None) -> Callable[[object], tuple[str, ...]]:
    """One name or a list of names, sorted, each once; known ones only, where there is a closed
    list."""

    def parse(value: object) -> tuple[str, ...]:
        listed = value if isinstance(value, list) else [value]
        for name in listed:
            if not isinstance(name, str) or not name.strip():
                raise NotAValue("yaml", f"{name!r} is not the name of a {what}: quote it")
            if known is not None and name not in known:
                text = f"{name} is not a known {what}: one of {', '.join(known)}"
                raise NotAValue("unknown_name", text)
        if not listed:
            raise NotAValue("yaml", f"an empty list of {what}s matches nothing: leave it out")
        return tuple(sorted(set(listed)))

    return parse


def _matching(pattern: re.Pattern[str], what: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise NotAValue("yaml", f"{value!r} is not {what}")
        return value

    return parse


def _window(text: object) -> Window | Literal["calendar_day"]:
    if text == "calendar_day":
        return "calendar_day"
    kind, _, rest = text.partition("@") if isinstance(text, str) else ("", "", "")
    if kind == "calendar_day" and is_zone(rest):
        return CalendarDay(zone=rest)
    if kind.startswith("rolling_") and not rest:
        length = duration(kind.removeprefix("rolling_"))
        if length:
            return Rolling(length=length)
    raise NotAValue("yaml", f"{text!r} is not a window: calendar_day@<zone> or rolling_<n>m|h|d")


def _basis(text: object) -> tuple[str, ...]:
    terms = tuple(term.strip() for term in text.split("+")) if isinstance(text, str) else ()
    for term in terms or (text,):
        if term not in VALUE_TERMS:
            said = f"{term} is not a known part of a value: one of {', '.join(VALUE_TERMS)}"
            raise NotAValue("unknown_name", said)
    return terms


def _break_factor(text: object) -> int:
    match = _BREAK.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise NotAValue("number", f'{text!r} is not a multiple such as "3*change_cost"')
    return int(match[1])


def _known(what: str, known: tuple[str, ...]) -> Callable[[object], str]:
    def parse(value: object) -> str:
        return _names(what, known)(value)[0]

    return parse


def _currency(code: object) -> str:
    if not isinstance(code, str) or minor_digits(code) is None:
        raise NotAValue("unknown_name", f"{code!r} is not a currency code of ISO 4217")
    return code


def _count(number: object) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= 10**9:
        raise NotAValue("number", f"{number} must be a whole number from 0 to {10**9}")
    return number


def _positive(most: int) -> Callable[[object], int]:
    def parse(number: object) -> int:
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= most:
            raise NotAValue("number", f"{number} must be a whole number from 1 to {most}")
        return number

    return parse


def _raw_band(text: object) -> str:
    value_band(text, _USUAL_DIGITS)
    return str(text)


def _raw_amount(number: object) -> int:
    whole_minor(number, _USUAL_DIGITS)
    return int(str(number))


_Role = Annotated[str, parsed_by(_matching(_ROLE, "a role such as role:planner"))]
_Text = Annotated[str, Field(min_length=1, max_length=200)]
_Duration = Annotated[timedelta, parsed_by(duration)]
_Scopes = Annotated[tuple[str, ...], parsed_by(_names("scope", SCOPE_KEYS))]


class _When(StrictShape):
    action: Annotated[tuple[str, ...], parsed_by(_names("action", ACTIONS))]
    region: Annotated[tuple[str, ...] | None, parsed_by(_names("region"))] = None
    class_: Annotated[tuple[str, ...] | None, parsed_by(_names("class"))] = Field(
        None, alias="class"
    )
    category: Annotated[tuple[str, ...] | None, parsed_by(_names("category", CATEGORIES))] = None
    value: Annotated[str | None, parsed_by(_raw_band)] = None
    confidence: Annotated[Band | None, parsed_by(share_band)] = None
    dq: Annotated[tuple[str, ...] | None, parsed_by(_names("data quality", DATA_QUALITY))] = None
    reversible_until: Annotated[Band | None, parsed_by(duration_band)] = None
    supplier_approved: bool = Field(default=None)  # type: ignore[assignment]  # left out: any
    within_contract: bool = Field(default=None)  # type: ignore[assignment]  # left out: any
    donor_p_stockout: Annotated[Band | None, parsed_by(share_band)] = None
    order_share: Annotated[Band | None, parsed_by(share_band)] = None


class _Then(StrictShape):
    mode: Literal["AUTO", "CLARIFY", "ESCALATE"]
    recipient: _Role | None = None
    next: _Role | None = None
    approvals: Annotated[int, parsed_by(_positive(2))] = 1
    document: Annotated[tuple[str, ...], parsed_by(_names("document"))] = ()
    spot_check: Annotated[int, parsed_by(share_millionths)] = 0
    ask: _Text | None = None
    timeout: _Duration | None = None
    then: Literal["ESCALATE"] = "ESCALATE"


class _Row(StrictShape):
    id: Annotated[str, parsed_by(_matching(_ID, "an id of letters, digits and . _ : / -"))]
    when: _When
    then: _Then


class _Cap(StrictShape):
    scope: _Scopes
    window: Annotated[CalendarDay | Rolling | Literal["calendar_day"], parsed_by(_window)]
    value: Annotated[int | None, parsed_by(_raw_amount)] = None
    count: Annotated[int | None, parsed_by(_count)] = None


class _Aggregate(StrictShape):
    key: _Scopes = Aggregate().keys
    window: _Duration = Aggregate().window


class _Cooldown(StrictShape):
    scope: _Scopes = Cooldown().scope
    after_action: _Duration = Cooldown().after_action
    reverse_direction: _Duration = Cooldown().reverse_direction
    break_if_benefit_over: Annotated[int, parsed_by(_break_factor)] = Cooldown().break_factor


class _Freeze(StrictShape):
    before_cutoff: _Duration = Freeze().before_cutoff


class _Kill(StrictShape):
    global_: bool = Field(False, alias="global")
    regions: list[_Text] = Field(default_factory=list)
    actions: list[Annotated[str, parsed_by(_known("action", ACTIONS))]] = Field(
        default_factory=list
    )
    models: list[_Text] = Field(default_factory=list)


class _Effective(StrictShape):
    from_: Annotated[datetime, parsed_by(instant)] = Field(alias="from")
    to: Annotated[datetime, parsed_by(instant)]


_Category = Annotated[str, parsed_by(_known("category", CATEGORIES))]
_Action = Annotated[str, parsed_by(_known("action", ACTIONS))]
_Measure = Annotated[str, parsed_by(_known("measure", MEASURES))]


class TableShape(StrictShape):
    """One YAML document of authority.yaml."""

    table: _Text
    version: Annotated[int, parsed_by(_positive(10**9))]
    effective: _Effective
    owner: _Text
    author: _Text
    approver: _Text
    currency: Annotated[str, parsed_by(_currency)]
    rules: list[_Row]
    caps: list[_Cap] = Field(default_factory=list)
    aggregate: _Aggregate = _Aggregate()
    cooldown: _Cooldown = _Cooldown()
    freeze: _Freeze = _Freeze()
    stages: dict[_Category, Annotated[str, parsed_by(_known("stage", STAGES))]] | None = None
    value_basis: dict[_Action, Annotated[tuple[str, ...], parsed_by(_basis)]] = Field(
        default_factory=dict
    )
    demote: dict[_Measure, _Text] = Field(default_factory=dict)
    kill: _Kill = _Kill()


def table_of(
    shape: TableShape, policy_zone: str, line_of: Callable[[tuple[Any, ...]], int]
) -> AuthorityTable:
    """The table that a document describes; whole units of currency become minor units.

    Raises NotAValue where an amount is too large in minor units of its currency.
    """
    digits = minor_digits(shape.currency) or 0
    basis = {**DEFAULT_VALUE_BASIS, **shape.value_basis}
    return AuthorityTable(
        table=shape.table,
        version=shape.version,
        effective_from=shape.effective.from_,
        effective_to=shape.effective.to,
        owner=shape.owner,
        author=shape.author,
        approver=shape.approver,
        currency=shape.currency,
        rules=tuple(
            _rule(row, digits, line_of(("rules", at))) for at, row in enumerate(shape.rules)
        ),
        caps=tuple(_cap(cap, digits, policy_zone) for cap in shape.caps),
        aggregate=Aggregate(keys=shape.aggregate.key, window=shape.aggregate.window),
        cooldown=Cooldown(
            scope=shape.cooldown.scope,
            after_action=shape.cooldown.after_action,
            reverse_direction=shape.cooldown.reverse_direction,
            break_factor=shape.cooldown.break_if_benefit_over,
        ),
        freeze=Freeze(before_cutoff=shape.freeze.before_cutoff),
        stages=None if shape.stages is None else dict(sorted(shape.stages.items())),
        value_basis=dict(sorted(basis.items())),
        demote=_demote(shape.demote),
        kill=Kill(
            everything=shape.kill.global_,
            regions=tuple(sorted(shape.kill.regions)),
            actions=tuple(sorted(shape.kill.actions)),
            models=tuple(sorted(shape.kill.models)),
        ),
        line=line_of(()),
    )


def _demote(stated: dict[str, str]) -> dict[str, str]:
    for measure, text in stated.items():
        try:
            limit_of(measure, text)
        except ValueError as wrong:
            raise NotAValue("number", f"demote.{measure}: {wrong}") from None
    return dict(sorted(stated.items()))


def _rule(row: _Row, digits: int, line: int) -> Rule:
    when, then = row.when, row.then
    asks = then.mode == "CLARIFY"
    return Rule(
        rule_id=RuleId(row.id),
        when=Conditions(
            actions=when.action,
            regions=when.region,
            classes=when.class_,
            categories=when.category,
            value=None if when.value is None else value_band(when.value, digits),
            confidence=when.confidence,
            dq=when.dq,
            reversible_for=when.reversible_until,
            supplier_approved=when.supplier_approved,
            within_contract=when.within_contract,
            donor_p_stockout=when.donor_p_stockout,
            order_share=when.order_share,
        ),
        mode=then.mode,
        recipient=then.recipient,
        next_recipient=then.next,
        approvals=then.approvals,
        document=then.document,
        spot_check=then.spot_check,
        ask=(then.ask or "supplier") if asks else then.ask,
        timeout=(then.timeout or CLARIFY_TIMEOUT) if asks else then.timeout,
        line=line,
    )


def _cap(cap: _Cap, digits: int, policy_zone: str) -> Cap:
    window = CalendarDay(zone=policy_zone) if cap.window == "calendar_day" else cap.window
    return Cap(
        scope=cap.scope,
        window=window,
        value_minor=None if cap.value is None else whole_minor(cap.value, digits),
        count=cap.count,
    )
