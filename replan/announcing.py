"""Who is told of what this transaction put before people? One word for each incident, in the order
of what is at stake.
"""

from typing import Any

from replan.desk_state import DeskState
from replan.docket import Tally
from replan.throttle import Notice, attention, recent
from replan.units import DecisionId

WITH_A_PERSON = frozenset({"escalated", "recommended"})


def announce(state: DeskState, tally: Tally) -> None:
    """Give each decision that now waits for a person its place in its incident, and count what is
    announced against the recipient's day. Those of one tick stand by expected benefit, the largest
    first.
    """
    waiting = {d.decision_id for d in state.decisions.values() if d.state in WITH_A_PERSON}
    state.leads = {key: lead for key, lead in state.leads.items() if lead in waiting}
    for made in tally.made:
        if made.body["state"] in WITH_A_PERSON:
            assert isinstance(made.body, dict), "a body is still being made"
            _place(state, made.body, tally)


def _place(state: DeskState, body: dict[str, Any], tally: Tally) -> None:
    incident, recipient = body["incident_id"], body["recipient"]
    key = f"{incident} {recipient}"
    elsewhere = [t for t in tally.policy.told if (t.incident, t.recipient) == (incident, recipient)]
    lead = state.leads.get(key) or next((t.decision_id for t in elsewhere if t.waits), None)
    told = [Notice(incident=t.incident, recipient=t.recipient, at=t.at) for t in tally.policy.told]
    word = attention(
        None if lead == body["decision_id"] else lead,
        [*state.notices, *told],
        incident=incident,
        recipient=recipient,
        at=tally.at,
        alerts_per_day=tally.policy.alerts_per_day,
    )
    body["parent"], body["notified"] = word.parent, word.notified
    if word.parent is None:
        state.leads[key] = DecisionId(body["decision_id"])
    if word.notified:
        notice = Notice(incident=incident, recipient=recipient, at=tally.at)
        state.notices = [*recent(state.notices, tally.at), notice]
