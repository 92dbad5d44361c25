"""What tables and cases do the tests of authority share?"""

from datetime import UTC, datetime, timedelta
from typing import Any

from replan.authority import AuthorityTable, Case, Rule, RuleId
from replan.authority_table import MILLION, Band, Conditions, Mode

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)

TABLE_YAML = """\
table: replan-authority
version: 12
effective: {from: 2026-01-01T00:00:00Z, to: 2027-01-01T00:00:00Z}
owner: "role:process-owner"
author: ada
approver: grace
currency: EUR
rules:
- id: EXP-AUTO
  when: {action: expedite, region: [EAST], class: [A, B], value: "[0,5000]", confidence: ">=0.85",
         dq: green, reversible_until: ">=2h", supplier_approved: true}
  then: {mode: AUTO, recipient: "role:planner-east", document: [reason], spot_check: 0.05}
- id: EXP-HI
  when: {action: expedite, value: "(5000,inf)"}
  then: {mode: ESCALATE, recipient: "role:planner-lead", approvals: 2}
- id: REAL-AUTO
  when: {action: reallocate, value: "[0,8000]", donor_p_stockout: "<=0.05"}
  then: {mode: AUTO, recipient: "role:planner-east"}
- id: BUF-ASK
  when: {action: buffer_call, within_contract: true, value: "[0,20000]"}
  then: {mode: CLARIFY, ask: supplier, timeout: 72h, then: ESCALATE}
caps:
- {scope: [action, region], window: "calendar_day@Europe/Berlin", value: 25000, count: 40}
- {scope: [supplier], window: rolling_7d, value: 60000}
- {scope: [global], window: rolling_1h, count: 20}
stages: {demand_surge: live, disruption: shadow, lead_time_slip: halted}
"""


def row(rule_id: str, mode: Mode, **conditions: Any) -> Rule:
    """A row about expedites, unless told otherwise."""
    when = Conditions(**{"actions": ("expedite",), **conditions})
    return Rule(rule_id=RuleId(rule_id), mode=mode, when=when, recipient="role:planner", line=1)


def upto(amount_minor: int) -> Band:
    """From 0 to an amount."""
    return Band(lo=0, hi=amount_minor)


def above(amount_minor: int) -> Band:
    """Everything over an amount."""
    return Band(lo=amount_minor + 1, hi=None)


def at_least(share: float) -> Band:
    """Shares from this one to 1."""
    return Band(lo=round(share * MILLION), hi=MILLION)


def table(*rules: Rule, **changes: Any) -> AuthorityTable:
    """A table in force through 2026 in EUR."""
    head: dict[str, Any] = {
        "table": "replan-authority",
        "version": 1,
        "effective_from": datetime(2026, 1, 1, tzinfo=UTC),
        "effective_to": datetime(2027, 1, 1, tzinfo=UTC),
        "owner": "role:process-owner",
        "author": "ada",
        "approver": "grace",
        "currency": "EUR",
    }
    return AuthorityTable(**(head | changes), rules=rules)


def case(**changes: Any) -> Case:
    """An expedite worth EUR 1,000 that EXP-AUTO allows."""
    facts: dict[str, Any] = {
        "action": "expedite",
        "region": "EAST",
        "abc": "A",
        "category": "demand_surge",
        "value_minor": 100_000,
        "confidence": 0.93,
        "dq": "green",
        "reversible_for": timedelta(hours=3),
        "supplier_approved": True,
    }
    return Case(**(facts | changes))
