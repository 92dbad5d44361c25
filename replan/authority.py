"""May this plan run by itself? Exactly one row of the decision table answers; no row, no authority.

`judge` is total: whatever is missing, not a number or unknown escalates. It looks at one case
and one table; the sums over time (caps, aggregation), cool-downs and the run's mode are judged
by the desk after it.
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from replan.authority_proof import check_table
from replan.authority_space import KnownNames
from replan.authority_table import (
    ACTIONS,
    CATEGORIES,
    DATA_QUALITY,
    MILLION,
    ORDER_ACTIONS,
    AuthorityTable,
    Conditions,
    Mode,
    Rule,
    RuleId,
    table_from_json,
    table_json,
)
from replan.currencies import money_text
from replan.limits import (
    Aggregate,
    Cap,
    Cooldown,
    Freeze,
    aggregate_scopes,
    cap_scope,
    in_window,
    window_key,
    window_start,
)
from replan.people import DEFAULT_RECIPIENT

__all__ = [
    "AbsentCode",
    "Aggregate",
    "AuthorityTable",
    "Cap",
    "Case",
    "Cooldown",
    "Freeze",
    "KnownNames",
    "Mode",
    "Rule",
    "RuleId",
    "Ruling",
    "WhyCode",
    "aggregate_scopes",
    "cap_scope",
    "check_table",
    "in_window",
    "judge",
    "suspended",
    "table_from_json",
    "table_json",
    "window_key",
    "window_start",
]

DEFAULT_ASK = "supplier"
DEFAULT_TIMEOUT = timedelta(hours=72)
"""Whom a CLARIFY row asks, and how long it waits, where it does not say so."""

AbsentCode = Literal["no_table", "table_expired"]
WhyCode = Literal[
    "limit",
    "no_rule",
    "no_table",
    "table_expired",
    "confidence",
    "data_quality",
    "supplier_not_approved",
    "stopped",
    "rule",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the table is asked about: one action kind of a whole plan, with the plan's value.

    `region`: the receiving site's. `abc`: the item's class. `confidence`: 0..1, rounded to 1e-6.
    `reversible_for`: how long it can still be undone; None: it cannot. `donor_p_stockout` (0..1)
    must be known for a reallocation; supplier facts must be known for the others, an unknown
    approval counts as none. `currency` None: the table's. `order_value_minor`: of the order line
    that the action is about, where there is one.
    """

    action: str
    region: str
    abc: str
    category: str
    value_minor: int
    confidence: float | None
    dq: str
    reversible_for: timedelta | None = None
    supplier_approved: bool | None = None
    donor_p_stockout: float | None = None
    within_contract: bool | None = None
    model: str | None = None
    currency: str | None = None
    order_value_minor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What the table says. `code` is None exactly when the mode is AUTO. With CLARIFY `ask` says
    whom to ask before the plan runs, and `timeout` how long an answer is waited for.

    `limit_minor`: the largest value at which the same case would run by itself, where there is one.
    """

    mode: Mode
    rule_id: RuleId | None
    code: WhyCode | None
    limit_minor: int | None
    actual_minor: int
    recipient: str
    next_recipient: str
    approvals: int
    document: tuple[str, ...]
    spot_check: int
    text: str
    ask: str = ""
    timeout: timedelta = DEFAULT_TIMEOUT


def judge(
    table: AuthorityTable | None, case: Case, now: datetime, absent: AbsentCode = "no_table"
) -> Ruling:
    """The ruling of the table on a case at an instant; `absent` says why there is no table, if
    there is none.
    """
    if table is None:
        return _escalate(case, absent, "no authority table is in force")
    if not table.rules:
        return _escalate(case, "no_table", f"version {table.version} has no rows")
    if not table.holds_at(now):
        return _escalate(case, "table_expired", f"version {table.version} is not in force now")
    stopped = suspended(
        table,
        category=case.category,
        region=case.region,
        action=case.action,
        model=case.model,
    )
    if stopped is not None:
        return _escalate(case, "stopped", stopped)
    facts = _facts(table, case)
    if isinstance(facts, _Unusable):
        return _escalate(case, facts.code, facts.text)
    rows = _matching(table, facts)
    if len(rows) > 1:
        names = " and ".join(rule.rule_id for rule in rows)
        return _escalate(case, "no_rule", f"rows {names} both match; exactly one must")
    if not rows:
        return _no_rule(table, case, facts)
    if rows[0].mode == "AUTO":
        return _by_row(rows[0], case, None, None, _allowed(table, rows[0], facts))
    return _stricter_row(table, rows[0], case, facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """A case in the integers of the table; what does not apply to the action is None."""

    action: str
    region: str
    abc: str
    category: str
    value: int
    confidence: int
    dq: str
    reversible_for: int
    supplier_approved: bool | None
    within_contract: bool | None
    donor_p_stockout: int | None
    order_value: int | None

    @property
    def order_share(self) -> int | None:
        """The value by that of the order, rounded up; None where there is no order."""
        return -(-self.value * MILLION // self.order_value) if self.order_value else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unusable:
    """Why a case cannot be put to the rows at all."""

    code: WhyCode
    text: str


def _facts(table: AuthorityTable, case: Case) -> _Facts | _Unusable:
    for name, value, known in (
        ("action", case.action, ACTIONS),
        ("category", case.category, CATEGORIES),
    ):
        if value not in known:
            return _Unusable(code="no_rule", text=f"{name} {value!r} is not known")
    if case.currency not in (None, table.currency):
        text = f"the plan is in {case.currency}, the table in {table.currency}"
        return _Unusable(code="no_rule", text=text)
    if not case.region or not case.abc:
        return _Unusable(code="no_rule", text="the receiving region or the item's class is missing")
    if type(case.value_minor) is not int or case.value_minor < 0:
        return _Unusable(code="no_rule", text=f"value {case.value_minor} is not an amount")
    if case.dq not in DATA_QUALITY:
        return _Unusable(code="data_quality", text=f"data quality {case.dq!r} is not known")
    confidence = _millionths(case.confidence)
    if confidence is None:
        return _Unusable(code="confidence", text=f"confidence {case.confidence} is not a share")
    moves = case.action == "reallocate"
    donor = _millionths(case.donor_p_stockout)
    if moves and donor is None:
        text = f"the donor's stock-out risk {case.donor_p_stockout} is not a share"
        return _Unusable(code="no_rule", text=text)
    undo = case.reversible_for or timedelta(0)
    return _Facts(
        action=case.action,
        region=case.region,
        abc=case.abc,
        category=case.category,
        value=case.value_minor,
        confidence=confidence,
        dq=case.dq,
        reversible_for=max(0, undo // timedelta(seconds=1)),
        supplier_approved=None if moves else case.supplier_approved is True,
        within_contract=None if moves else case.within_contract is True,
        donor_p_stockout=donor if moves else None,
        order_value=case.order_value_minor if case.action in ORDER_ACTIONS else None,
    )


def _millionths(share: float | None) -> int | None:
    if share is None or not math.isfinite(share) or not 0 <= share <= 1:
        return None
    return round(share * MILLION)


def _matching(table: AuthorityTable, facts: _Facts) -> tuple[Rule, ...]:
    return tuple(rule for rule in table.rules if _matches(rule.when, facts))


def _matches(when: Conditions, facts: _Facts) -> bool:
    return (
        facts.action in when.actions
        and (when.regions is None or facts.region in when.regions)
        and (when.classes is None or facts.abc in when.classes)
        and (when.categories is None or facts.category in when.categories)
        and (when.value is None or when.value.holds(facts.value))
        and (when.confidence is None or when.confidence.holds(facts.confidence))
        and (when.dq is None or facts.dq in when.dq)
        and (when.reversible_for is None or when.reversible_for.holds(facts.reversible_for))
        and when.supplier_approved in (None, facts.supplier_approved)
        and when.within_contract in (None, facts.within_contract)
        and (
            when.donor_p_stockout is None
            or (
                facts.donor_p_stockout is not None
                and when.donor_p_stockout.holds(facts.donor_p_stockout)
            )
        )
        and (
            when.order_share is None
            or (facts.order_share is not None and when.order_share.holds(facts.order_share))
        )
    )


def suspended(
    table: AuthorityTable, *, category: str, region: str, action: str, model: str | None
) -> str | None:
    """What the table stops altogether, in words; None where it lets rows and people decide."""
    if table.kill.everything:
        return "the table suspends everything"
    for name, value, killed in (
        ("region", region, table.kill.regions),
        ("action", action, table.kill.actions),
        ("model", model, table.kill.models),
    ):
        if value in killed:
            return f"the table suspends {name} {value}"
    if table.stage(category) == "halted":
        return f"the table halts category {category}"
    return None


def _allowed(table: AuthorityTable, row: Rule, facts: _Facts) -> str:
    """Why a row lets a plan run, with the terms that were checked."""
    said = [f"row {row.rule_id} allows it: value {money_text(facts.value, table.currency)}"]
    most = row.when.order_share
    if most is not None and facts.order_share is not None and facts.order_value is not None:
        order = money_text(facts.order_value, table.currency)
        limit = "" if most.hi is None else f", at most {100 * most.hi / MILLION:g} % may be"
        said.append(f"{100 * facts.order_share / MILLION:.2g} % of the order's {order}{limit}")
    if row.when.within_contract:
        said.append("within the contract's terms")
    return ", ".join(said)


def _auto_row(table: AuthorityTable, facts: _Facts) -> Rule | None:
    rows = _matching(table, facts)
    return rows[0] if len(rows) == 1 and rows[0].mode == "AUTO" else None


def _auto_limit(table: AuthorityTable, facts: _Facts) -> int | None:
    """The largest smaller value at which the same case would run by itself; it is the upper end
    of some AUTO row, or stands right below the lower end of a row that takes over there."""
    ends = {facts.value - 1}
    for rule in table.rules:
        band = rule.when.value
        if band is not None:
            ends |= {band.lo - 1} | (set() if band.hi is None else {band.hi})
        share = rule.when.order_share
        if share is not None and share.hi is not None and facts.order_value:
            ends.add(share.hi * facts.order_value // MILLION)
    for end in sorted((e for e in ends if 0 <= e < facts.value), reverse=True):
        if _auto_row(table, replace(facts, value=end)) is not None:
            return end
    return None


def _stricter_row(table: AuthorityTable, row: Rule, case: Case, facts: _Facts) -> Ruling:
    limit = _auto_limit(table, facts)
    if row.mode == "CLARIFY":
        text = f"row {row.rule_id} asks the {row.ask or DEFAULT_ASK} before it runs"
        return _by_row(row, case, "rule", None, text)
    if limit is None:
        return _by_row(row, case, "rule", None, f"row {row.rule_id} sends it to a person")
    actual, most = money_text(facts.value, table.currency), money_text(limit, table.currency)
    text = f"value {actual} is over {most}, up to which it would run by itself"
    return _by_row(row, case, "limit", limit, text)


def _no_rule(table: AuthorityTable, case: Case, facts: _Facts) -> Ruling:
    """No row matches: name the one condition that failed, or all of them, if mending would make
    it AUTO."""
    dropped = _mended(table, facts)
    if dropped is not None:
        row, failed = dropped
        words = {
            "confidence": f"confidence {facts.confidence / MILLION:g} is too low",
            "data_quality": f"data quality is {facts.dq}",
            "supplier_not_approved": "the supplier is not approved",
        }
        text = f"row {row.rule_id} does not apply: {', '.join(words[code] for code in failed)}"
        return replace(
            _escalate(case, failed[0], text),
            recipient=row.recipient or DEFAULT_RECIPIENT,
            document=row.document,
        )
    limit = _auto_limit(table, facts)
    if limit is None:
        return _escalate(case, "no_rule", "no row of the table covers it")
    most = money_text(limit, table.currency)
    text = f"no row covers {money_text(facts.value, table.currency)}; up to {most} it would run"
    return replace(_escalate(case, "no_rule", text), limit_minor=limit)


def _mended(table: AuthorityTable, facts: _Facts) -> tuple[Rule, tuple[WhyCode, ...]] | None:
    """The AUTO row that would apply after the fewest mendings, and what had to be mended."""
    surer = sorted({MILLION} | {end for rule in table.rules for end in _confidence_ends(rule)})
    cleaner = DATA_QUALITY[: DATA_QUALITY.index(facts.dq)]
    candidates = []
    for confidence in [facts.confidence, *(end for end in surer if end > facts.confidence)]:
        for dq in (facts.dq, *reversed(cleaner)):
            for approved in (facts.supplier_approved, *((True,) if _refused(facts) else ())):
                tried = replace(facts, confidence=confidence, dq=dq, supplier_approved=approved)
                row = _auto_row(table, tried)
                if row is not None:
                    candidates.append((row, _mendings(facts, tried)))
    return min(candidates, key=lambda found: len(found[1]), default=None)


def _mendings(facts: _Facts, tried: _Facts) -> tuple[WhyCode, ...]:
    codes: list[WhyCode] = []
    if tried.supplier_approved != facts.supplier_approved:
        codes.append("supplier_not_approved")
    if tried.dq != facts.dq:
        codes.append("data_quality")
    if tried.confidence != facts.confidence:
        codes.append("confidence")
    return tuple(codes)


def _confidence_ends(rule: Rule) -> tuple[int, ...]:
    band = rule.when.confidence
    return () if band is None else (band.lo,)


def _refused(facts: _Facts) -> bool:
    return facts.supplier_approved is False


def _by_row(row: Rule, case: Case, code: WhyCode | None, limit: int | None, text: str) -> Ruling:
    return Ruling(
        mode=row.mode,
        rule_id=row.rule_id,
        code=code,
        limit_minor=limit,
        actual_minor=case.value_minor,
        recipient=row.recipient or DEFAULT_RECIPIENT,
        next_recipient=row.next_recipient or DEFAULT_RECIPIENT,
        approvals=row.approvals,
        document=row.document,
        spot_check=row.spot_check,
        text=text,
        ask=row.ask or DEFAULT_ASK,
        timeout=row.timeout or DEFAULT_TIMEOUT,
    )


def _escalate(case: Case, code: WhyCode, text: str) -> Ruling:
    return Ruling(
        mode="ESCALATE",
        rule_id=None,
        code=code,
        limit_minor=None,
        actual_minor=case.value_minor,
        recipient=DEFAULT_RECIPIENT,
        next_recipient=DEFAULT_RECIPIENT,
        approvals=1,
        document=(),
        spot_check=0,
        text=text,
    )
