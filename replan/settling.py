"""What follows when an answer to a question comes in? The plan runs, is planned anew, or a person
gets it.

Sense has worked the case out again with the answer as a fact. A plan that was confirmed, as asked
or on the terms answered, proceeds through the whole of authority like any other: caps and sums are
reserved now, not when it was asked about. Whatever else the answer makes of it is for a person,
under the same id and with the answer among the evidence.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from replan.authority import Ruling
from replan.brief import on_timeout
from replan.commitments import counting
from replan.decision import Why, end_of_horizon, plan_sha
from replan.desk_state import DeskState, OpenDecision
from replan.docket import Tally, new_version, remember, reserve, rest, send
from replan.effects import DecisionMade, Proposal
from replan.events import QuestionAnswered
from replan.filing import filed
from replan.judgement import Judgement
from replan.mode import account_of
from replan.planning import Option
from replan.questions import answered
from replan.records import proposal_json
from replan.release import crowded_lane
from replan.replies import is_understood, reply_text
from replan.units import instant_text


def settle(
    state: DeskState,
    decision: OpenDecision,
    proposal: Proposal,
    replies: Sequence[QuestionAnswered],
    tally: Tally,
) -> None:
    """Take the answers to a waiting decision's question, with the case as it is now."""
    asked = decision.body["clarification"]
    by_itself = decision.state == "clarifying" and asked["asked_by"] is None
    option, confirmed = _plan_now(decision, proposal, replies[-1])
    if not option.actions and not by_itself:
        attach(decision, replies, tally)
        return
    made = Judgement(proposal, option, decision.decision_id, tally)
    why, ruling = made.ruled(confirmed=confirmed)
    if option.actions and why is None:
        why = _in_the_way(made, ruling, replies[-1])
    new_state, told = _outcome(decision, made, why, ruling, by_itself)
    waits = new_state in ("escalated", "recommended")
    deadline = (made.deadline or end_of_horizon(proposal.problem)) if waits else None
    same_row = ruling.rule_id == decision.body["rule_id"]
    recipient = decision.recipient if same_row else ruling.recipient
    next_recipient = decision.next_recipient if same_row else ruling.next_recipient
    version = decision.version + 1
    body = filed(
        state,
        made,
        new_state=new_state,
        why=told,
        ruling=ruling,
        recipient=recipient,
        next_recipient=next_recipient,
        deadline=deadline,
        version=version,
        supersedes=decision.body["supersedes"],
        clarification=answered(asked, replies),
    )
    inputs = {"proposal": proposal_json(proposal), "answers": [r.event_id for r in replies]}
    tally.made.append(
        DecisionMade(decision_id=decision.decision_id, version=version, body=body, inputs=inputs)
    )
    plan = plan_sha(option.actions)
    file = state.episodes.get(decision.item)
    if file is not None and file.decision_id == decision.decision_id:
        file.state, file.plan_sha = new_state, plan
    now = made.open(body, new_state, deadline, ruling, plan)
    now.version, now.asked = version, decision.asked
    now.recipient, now.next_recipient = recipient, next_recipient
    if waits:
        state.decisions[decision.decision_id] = now
        tally.tell(proposal.item)
        return
    del state.decisions[decision.decision_id]
    if new_state == "executing":
        state.decisions[decision.decision_id] = now
        send(now, tally)
        return
    if new_state == "shadowed":
        reserve(now, tally, "shadow")
    rest(proposal.item, proposal.loss_mean_minor, tally)
    remember(state, proposal.item, body)


def attach(decision: OpenDecision, replies: Sequence[QuestionAnswered], tally: Tally) -> None:
    """Put answers with a case that nothing else changes about; a person has it from now on."""
    body, brief = decision.body, decision.body["brief"]
    rows = [
        {
            "event_id": reply.event_id,
            "time": instant_text(reply.occurred_at),
            "fact": reply_text(reply),
            "speaks_against": not reply.accepted,
        }
        for reply in replies
    ]
    known = body["evidence"]
    why = body["why_escalated"] or brief["why_escalated"]
    changes = {
        "clarification": answered(body["clarification"], replies),
        "evidence": [*known, *(r["event_id"] for r in rows if r["event_id"] not in known)],
        "why_escalated": why,
    }
    seen = {row["event_id"] for row in brief["evidence"]}
    evidence = [*brief["evidence"], *(r for r in rows if r["event_id"] not in seen)]
    blocks = {
        "evidence": sorted(evidence, key=lambda r: (r["time"], r["event_id"])),
        "why_escalated": why,
        "on_timeout": on_timeout(decision.recipient, decision.next_recipient),
    }
    new_version(decision, tally, changes, blocks, {"answers": [r["event_id"] for r in rows]})
    tally.tell(decision.item)


def _plan_now(
    decision: OpenDecision, proposal: Proposal, reply: QuestionAnswered
) -> tuple[Option, bool]:
    """The plan that the answer leaves, and whether the answer confirms it."""
    best = proposal.answer.option(proposal.answer.recommended)
    if not reply.accepted or not is_understood(reply, len(decision.option.actions)):
        return best, False
    watched = proposal.watched
    if watched is not None and watched.benefit_mean_minor > 0:
        # What was confirmed as it was asked goes ahead, though something may be a little better.
        return watched, True
    asked = {action.ref for action in decision.option.actions}
    return best, {action.ref for action in best.actions} <= asked


def _in_the_way(made: Judgement, ruling: Ruling, reply: QuestionAnswered) -> Why | None:
    """What still stands against a plan that the table lets run: nobody was asked about this one, or
    a lane that filled up meanwhile.
    """

    def why(code: str, text: str) -> Why:
        return Why(
            code=code, rule_id=ruling.rule_id, limit_minor=None, actual_minor=made.value, text=text
        )

    if ruling.mode == "CLARIFY":
        text = f"{reply_text(reply)}; what is best now would have to be asked about"
        return why("rule", text)
    quantities = [int(a.qty) for a in made.option.actions]
    reserved = counting(made.tally.moves, account_of(made.mode))
    crowded = crowded_lane(made.actions, quantities, made.policy.network, reserved)
    if crowded is not None:
        return why("infeasible", f"lane {crowded['lane']} has filled up meanwhile")
    return None


def _outcome(
    decision: OpenDecision,
    made: Judgement,
    why: Why | None,
    ruling: Ruling,
    by_itself: bool,
) -> tuple[str, Mapping[str, Any] | None]:
    """The state that follows, and what a person is told where one has to decide."""
    if not made.option.actions:
        return "no_action", None
    if not by_itself:
        # Whoever asked, or got the case when nobody answered, decides it.
        before = decision.body["why_escalated"] or decision.body["brief"]["why_escalated"]
        told = why.json() if why is not None else {**before, "actual_minor": made.value}
        keeps = decision.state == "recommended" and why is None
        return ("recommended" if keeps else "escalated"), told
    if why is not None:
        return "escalated", why.json()
    if made.mode == "recommend":
        return "recommended", made.released_by_a_person(ruling).json()
    return ("shadowed" if made.mode == "shadow" else "executing"), None
