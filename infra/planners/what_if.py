"""What would become of an answer if it were given now? The desk decides it, and nothing is kept.

The same rules decide as would for the answer itself, on the ledger as it stands: hard limits by
name, prices on the draws that judge every plan, and the table's word on the new value. What is
learned this way holds for a moment only; the answer itself is judged again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from replan.desk_state import DeskState
from replan.effects import DeskOutcome
from replan.infra.desk.room import Taken
from replan.units import DecisionId
from replan.verdicts import VerdictResult

WOULD = ("state", "recipient", "rule_id", "why_escalated", "value_minor", "currency", "deadline")
"""Members of the decision that are told as they would be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """How an answer would be taken, and the decision as it would stand then; None if refused."""

    result: VerdictResult
    body: Mapping[str, Any] | None

    @property
    def option(self) -> Mapping[str, Any] | None:
        """The plan that would be chosen, as published."""
        if self.body is None:
            return None
        return next((o for o in self.body["options"] if o["name"] == self.body["chosen"]), None)

    def json(self) -> dict[str, Any]:
        """As a verdict's answer, with `would`: null if refused, else what would stand then."""
        body = self.body
        would = None if body is None else {name: body[name] for name in WOULD}
        return {
            **self.result.json(),
            "would": None if would is None else would | {"option": self.option},
        }


def tried(taken: Taken, decision_id: str) -> Tried:
    """What a desk transaction that is thrown away says of a decision."""
    assert taken.result is not None, "a verdict always has a result"
    return tried_at(taken.state, taken.outcome, taken.result, decision_id)


def tried_at(
    state: DeskState, outcome: DeskOutcome, result: VerdictResult, decision_id: str
) -> Tried:
    """What a desk says of a decision after a verdict that nobody keeps."""
    if result.result == "refused":
        return Tried(result=result, body=None)
    waiting = state.decisions.get(DecisionId(decision_id))
    if waiting is not None:
        return Tried(result=result, body=waiting.body)
    bodies = [made.body for made in outcome.made if made.decision_id == decision_id]
    return Tried(result=result, body=bodies[-1] if bodies else None)
