"""Which cases may be approved with one answer? Those that are alike, small, and can still be called
off.

The same row of the table, the same option, every action of it still inside the time in which it can
be called off, and below the second tier: one approval is enough, and none was given yet.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from replan.desk_state import OpenDecision
from replan.docket import chosen_actions
from replan.network import Network
from replan.second_thoughts import cancel_by

WAITS_FOR_A_PERSON = frozenset({"escalated", "recommended"})


def apart(
    cases: Sequence[tuple[Mapping[str, Any], OpenDecision | None]], at: datetime, network: Network
) -> str | None:
    """Why these cases need an answer each, naming the case and the rule; None where one answer is
    enough. `cases`: each decision as it stands, and as its desk has it open.
    """
    first: Mapping[str, Any] | None = None
    for body, decision in cases:
        name = body["decision_id"]
        if body["state"] not in WAITS_FOR_A_PERSON:
            return f"{name} is {body['state']} and does not wait for an approval"
        if decision is None:
            return f"{name} needs an answer of its own"
        if body["rule_id"] is None:
            return f"{name} came to a person by no row of the table"
        if body["chosen"] == "none":
            return f"{name} proposes nothing to approve"
        if decision.approvals > 1 or decision.approved_by or decision.proposed_by:
            return f"{name} needs two people"
        for action in chosen_actions(decision):
            if at > cancel_by(action, network):
                return f"{name}: {action['action_id']} could not be called off any more"
        first = first or body
        for what in ("rule_id", "chosen"):
            if body[what] != first[what]:
                return (
                    f"{name} and {first['decision_id']} differ in {what}: "
                    f"{body[what]} and {first[what]}"
                )
    return None
