"""Which cases may be approved with one answer? Those that are alike, small, and can still be called
off.

The same row of the table, the same option, every action of it still inside the time in which it can
be called off, and below the second tier: one approval is enough, and none was given yet.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from replan.network import Network
from replan.second_thoughts import cancel_by

WAITS_FOR_A_PERSON = frozenset({"escalated", "recommended"})


def needs_own(case: Mapping[str, Any], at: datetime, network: Network) -> str | None:
    """Why a case needs an answer of its own, naming the case and the rule; None where one answer
    may serve it and others like it. `case`: an open decision as `desk_json` writes it.
    """
    name, body = case["decision_id"], case["body"]
    if case["state"] not in WAITS_FOR_A_PERSON:
        return f"{name} is {case['state']} and does not wait for an approval"
    if body["rule_id"] is None:
        return f"{name} came to a person by no row of the table"
    if body["chosen"] == "none":
        return f"{name} proposes nothing to approve"
    if case["approvals"] > 1 or case["approved_by"] or case["proposed_by"]:
        return f"{name} needs two people"
    [chosen] = [option for option in body["options"] if option["name"] == body["chosen"]]
    for action in chosen["actions"]:
        if at > cancel_by(action, network):
            return f"{name}: {action['action_id']} could not be called off any more"
    return None


def apart(cases: Sequence[Mapping[str, Any]], at: datetime, network: Network) -> str | None:
    """Why these cases need an answer each; None where one answer is enough."""
    for case in cases:
        reason = needs_own(case, at, network)
        if reason is not None:
            return reason
        for what in ("rule_id", "chosen"):
            first, this = cases[0]["body"][what], case["body"][what]
            if this != first:
                return (
                    f"{case['decision_id']} and {cases[0]['decision_id']} differ in {what}: "
                    f"{this} and {first}"
                )
    return None
