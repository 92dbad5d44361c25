"""Whose own estimate is asked for before the engine's is shown? Of one case in twenty of those that
two people must approve.

Whoever has said a number first reads the engine's with other eyes (automation bias: Green and Chen
2019, The principles and limits of algorithm-in-the-loop decision making). Which cases they are is
drawn by a hash of the table's hash and the decision's id, as spot checks are: nobody can aim at it.
What is said is a row of the audit chain and changes nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from replan.authority_table import MILLION
from replan.desk_state import PENDING
from replan.errors import UsageError
from replan.infra.ledger.store import Ledger
from replan.spot_checks import is_drawn
from replan.units import quantity_json, units_from_decimal

RATE = MILLION // 20
SECOND_TIER = 2
"""So many approvals make a case one of the second tier."""
MOST = Decimal(10) ** 9


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstEstimate:
    """Whether a login is asked for its own estimate of the units short, and what it said; None:
    nothing yet.
    """

    asked: bool
    units: float | None

    @property
    def is_owed(self) -> bool:
        return self.asked and self.units is None


def is_asked_first(body: Mapping[str, Any]) -> bool:
    """Whether a case is one of those in which the reader's estimate comes first."""
    brief = body.get("brief")
    if brief is None or body["state"] not in PENDING:
        return False
    chosen = [o for o in brief["options"] if o["name"] == body["chosen"]]
    needed = chosen[0].get("authority") if chosen else None
    return (
        needed is not None
        and needed["approvals"] >= SECOND_TIER
        and is_drawn(f"estimate {body['authority_hash']}", body["decision_id"], RATE)
    )


def estimate_of(ledger: Ledger, decision_id: str, login: str) -> FirstEstimate:
    """How this login stands to the estimate of a case."""
    file = ledger.decision(decision_id)
    if not is_asked_first(file.body):
        return FirstEstimate(asked=False, units=None)
    said = [
        row.body["units"]
        for row in file.audit
        if row.body["kind"] == "estimate" and row.body["login"] == login
    ]
    return FirstEstimate(asked=True, units=said[0] if said else None)


def keep_estimate(ledger: Ledger, decision_id: str, login: str, units: str) -> None:
    """Put a login's estimate on record; UsageError for what is no number of units. The first one
    counts: another one is not kept.
    """
    number = _number(units)
    if not estimate_of(ledger, decision_id, login).is_owed:
        return
    version = ledger.decision(decision_id).body["version"]
    with ledger.transaction() as write:
        plain = quantity_json(units_from_decimal(number))
        write.note_estimate(decision_id, write.clock(), login=login, version=version, units=plain)


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except ArithmeticError:
        raise UsageError(f"estimate {text!r} is not a number such as 40 or 1.5") from None
    if not number.is_finite() or not 0 <= number <= MOST:
        raise UsageError(f"estimate {text} must be 0 or more, and at most {MOST}")
    return round(number, 3)
