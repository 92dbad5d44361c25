"""How does a judged plan go on file? Its decision body, with a brief where a person may read it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from replan.authority import Ruling
from replan.brief import write_brief
from replan.brief_options import page_members
from replan.decision import option_json
from replan.desk_state import PENDING, DeskState
from replan.docket import under_way
from replan.judgement import Judgement
from replan.spot_checks import spot_check


def filed(
    state: DeskState,
    made: Judgement,
    *,
    new_state: str,
    why: Mapping[str, Any] | None,
    ruling: Ruling,
    recipient: str,
    next_recipient: str,
    deadline: datetime | None,
    version: int,
    supersedes: str | None,
    clarification: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The body of a decision about this plan; `why` is what a person is told, where one is asked,
    and why nothing has run yet where one only might be.
    """
    proposal, policy = made.proposal, made.policy
    escalates = new_state != "clarifying"
    body = made.body(new_state, why if escalates else None, ruling, deadline, version, supersedes)
    if new_state == "executing" and policy.table is not None:
        drawn = spot_check(ruling, made.mode, policy.table.hash, made.decision_id)
        body["spot_check"] = drawn
    if clarification is not None:
        body["clarification"] = dict(clarification)
        body["waits_until"] = None if escalates else clarification["until"]
    if new_state not in PENDING or why is None or deadline is None:
        return body
    body["recipient"] = recipient
    body["brief"] = write_brief(
        proposal,
        made.option,
        why=why,
        recipient=recipient,
        next_recipient=next_recipient,
        deadline=deadline,
        timezone=policy.network.sites[proposal.site].timezone,
        currency=body["currency"],
        decision_id=made.decision_id,
        version=version,
        versions=policy.versions,
        already_done=under_way(state, proposal.item),
        held=[a["action_id"] for a in made.actions],
        precedents=state.past.get(proposal.item, []),
        page_members=page_members(made),
        option_json=lambda o: option_json(o, made.decision_id, proposal.problem.first_day),
    )
    return body
