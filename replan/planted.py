"""What does a planted check look like? A real case's brief with one fault in it, for people who
approve.

A check shows whether approvals still read what they approve. It is made from a case that waited not
long ago, orders nothing, and is no case: no measure counts it, no plan of it can be carried out.
The fault is one that the page itself shows.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

from replan.brief import next_version, put_question
from replan.canonical import digest, short_id
from replan.people import DEFAULT_RECIPIENT
from replan.planning import Option
from replan.units import Units, instant_text

Fault = Literal["too_much", "too_late"]
FAULTS: Mapping[Fault, str] = {
    "too_much": "the plan carries ten times what the case is short of",
    "too_late": "the goods arrive a month after they are needed",
}
TIMES = 10
LATE = timedelta(days=30)
ANSWER_IN = timedelta(hours=72)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A check as it is put before a recipient; `body`: as a decision's."""

    fault: Fault
    source_id: str
    recipient: str
    deadline: datetime
    body: Mapping[str, Any]

    @property
    def decision_id(self) -> str:
        """Its id, which looks like any other."""
        return str(self.body["decision_id"])


def check_from(body: Mapping[str, Any], month: str, at: datetime, timezone: str) -> Planted | None:
    """A check made from a decision with a brief; None where that has nothing to plant a fault in.

    Which fault hangs on month and decision alone, so nobody chooses it.
    """
    shown = next((o for o in body["options"] if o["name"] == body["chosen"]), None)
    if body["brief"] is None or shown is None or not shown["actions"]:
        return None
    source_id = str(body["decision_id"])
    drawn = digest(["planted", month, source_id])
    faults = sorted(FAULTS)
    fault = faults[int(drawn[-1], 16) % len(faults)]
    decision_id = short_id("dec", ["planted", month, source_id])
    option = _with(fault, deepcopy(dict(shown)), decision_id)
    deadline = at + ANSWER_IN
    recipient = body["recipient"] or DEFAULT_RECIPIENT
    why = dict(body["why_escalated"] or body["brief"]["why_escalated"])
    blocks = put_question(
        body["brief"],
        {**option, "order_by": None},
        body["currency"],
        why=why,
        deadline=instant_text(deadline),
        recipient=recipient,
        next_recipient=recipient,
    )
    blocks |= {"already_done": [], "precedents": []}
    # It is a case of its own, and what it was made from was recommended in it.
    blocks["recommendation"]["would_change"] = body["brief"]["recommendation"]["would_change"]
    brief = next_version(body["brief"], 1, timezone, body["currency"], **blocks)
    brief["ids"] = {**brief["ids"], "decision": decision_id}
    made = {name: value for name, value in body.items() if name not in ("result", "opened")}
    return Planted(
        fault=fault,
        source_id=source_id,
        recipient=recipient,
        deadline=deadline,
        body={
            **made,
            "decision_id": decision_id,
            "version": 1,
            "state": "escalated",
            "parent": None,
            "notified": False,
            "decided_at": instant_text(at),
            "why_escalated": why,
            "options": [option if o["name"] == option["name"] else o for o in body["options"]],
            "deadline": instant_text(deadline),
            "recipient": recipient,
            "supersedes": None,
            "clarification": None,
            "waits_until": None,
            "flags": [],
            "brief": brief,
        },
    )


def _with(fault: Fault, option: dict[str, Any], decision_id: str) -> dict[str, Any]:
    for n, action in enumerate(option["actions"]):
        action["action_id"] = short_id("act", [decision_id, option["name"], n])
        if fault == "too_much":
            action["qty"] *= TIMES
            action["cost_minor"] *= TIMES
        else:
            action["arrive_on"] = {
                name: (date.fromisoformat(day) + LATE).isoformat()
                for name, day in action["arrive_on"].items()
            }
    return option


def with_fault(fault: str, option: Option) -> Option:
    """The plan as the check shows it: an option of the case it was made from, with the fault."""
    if fault == "too_much":
        actions = tuple(
            replace(a, qty=Units(a.qty * TIMES), cost_minor=a.cost_minor * TIMES)
            for a in option.actions
        )
    else:
        late = LATE.days
        actions = tuple(
            replace(a, arrive_p50=a.arrive_p50 + late, arrive_p90=a.arrive_p90 + late)
            for a in option.actions
        )
    return replace(option, actions=actions)


def is_caught(verdict: str, option: str | None, chosen: str) -> bool:
    """Whether an answer did not let the fault pass: anything but approving the plan shown."""
    return not (verdict == "approve" and option in (None, chosen))


STATE_AFTER: Mapping[str, str] = {
    "approve": "approved",
    "modify": "modified",
    "reject": "rejected",
    "ask": "clarifying",
    "takeover": "taken_over",
}
"""How an answered check looks to whoever answered it. One that is put off waits on."""
