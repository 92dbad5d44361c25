"""Does the table still let a plan run that waits to be sent? Judged again where it has changed.

A plan is decided under one table and sent under another where the file was replaced, or a run was
killed, in between. What the new table no longer allows is called off before it is sent, and put
before a person as a decision of its own that names the old one.
"""

from dataclasses import replace

from replan.canonical import digest
from replan.decision import end_of_horizon, plan_sha
from replan.desk_state import ClaimDue, DeskState, EpisodeFile, OpenDecision
from replan.docket import Tally, end_decision
from replan.effects import ActionMoved, DecisionMade, Proposal
from replan.filing import filed
from replan.judgement import Judgement
from replan.records import proposal_json
from replan.units import DecisionId

LIMITS = frozenset({"limit", "cap", "aggregate"})
"""Reasons that are told as a limit lowered since; any other stands for itself."""


def judge_again(state: DeskState, given: ClaimDue, tally: Tally) -> None:
    """Every plan that is about to be sent under another table than it was decided under."""
    for decision_id, proposal in given.claims:
        decision = state.decisions.get(decision_id)
        if decision is not None and decision.state == "executing":
            _judge(state, decision, proposal, tally)


def _judge(state: DeskState, decision: OpenDecision, proposal: Proposal, tally: Tally) -> None:
    file = state.episodes.get(decision.item)
    same = file is not None and file.episode == decision.episode
    revision = file.revision + 1 if file is not None and same else 1
    decision_id = DecisionId("dec-" + digest([decision.episode, revision])[7:27])
    # Its own reservation must not stand in its way.
    before = tally.moves
    tally.moves = [m for m in before if m.decision_id != decision.decision_id]
    made = Judgement(proposal, decision.option, decision_id, tally)
    why, ruling = made.ruled(confirmed=decision.body["clarification"] is not None)
    if why is None and made.mode not in ("live", "spot_check"):
        why = made.released_by_a_person(ruling)
    if why is None:
        tally.moves = before
        return
    reason = f"not sent, the table has changed: {why.text}"
    _call_off(state, decision, reason, tally)
    # A value that no row covers any more, though less of it would run, is over a limit too.
    limited = why.code in LIMITS or why.limit_minor is not None
    code = "revoked_by_limit" if limited else why.code
    deadline = made.deadline or end_of_horizon(proposal.problem)
    body = filed(
        state,
        made,
        new_state="escalated",
        why=replace(why, code=code, text=reason).json(),
        ruling=ruling,
        recipient=ruling.recipient,
        next_recipient=ruling.next_recipient,
        deadline=deadline,
        version=1,
        supersedes=decision.decision_id,
    )
    inputs = {"proposal": proposal_json(proposal)}
    tally.made.append(DecisionMade(decision_id=decision_id, version=1, body=body, inputs=inputs))
    plan = plan_sha(decision.option.actions)
    state.episodes[decision.item] = EpisodeFile(
        episode=decision.episode,
        revision=revision,
        decision_id=decision_id,
        state="escalated",
        plan_sha=plan,
    )
    state.decisions[decision_id] = made.open(body, "escalated", deadline, ruling, plan)
    tally.tell(decision.item)


def _call_off(state: DeskState, decision: OpenDecision, reason: str, tally: Tally) -> None:
    for action_id in decision.actions:
        decision.actions[action_id] = "cancelled"
        tally.actions.append(ActionMoved(action_id=action_id, state="cancelled", at=tally.at))
        tally.released.append(action_id)
    tally.tell(decision.item, ended=tuple(decision.actions))
    end_decision(state, decision, "superseded", reason, tally)
