"""The authority's story: proposals, answers and verdicts in, decisions out.

`step` takes one input of a planning group at a time: a tick with its proposals, what executors
answered, or a planner's verdict. At a tick, top to bottom: the joint choice picks one option per
item, each plan is judged against the authority table and what is already committed, and then runs,
waits for a person, or is left alone; then what is over is withdrawn and what was not answered in
time ends. No timeout ever executes anything.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from replan.announcing import announce
from replan.brief import on_timeout
from replan.canonical import digest
from replan.choice import choose
from replan.decision import action_values, end_of_horizon, last_moment, plan_sha
from replan.desk_state import (
    FINAL_ACTION,
    PENDING,
    RELEASED,
    AnswersDue,
    CaseOpened,
    ClaimDue,
    DeskInput,
    DeskState,
    EpisodeFile,
    OpenDecision,
    Policy,
    StopMoved,
    TickDue,
    TimersDue,
    VerdictGiven,
    mode_now,
)
from replan.docket import (
    Tally,
    end_decision,
    end_pending,
    move_decision,
    new_version,
    remember,
    reserve,
    rest,
    send,
)
from replan.effects import (
    ActionMoved,
    Cleared,
    DecisionMade,
    DeskOutcome,
    Move,
    Proposal,
    Reassessed,
)
from replan.ending import close_if_over, take_word
from replan.events import ActionAnswered
from replan.filing import filed
from replan.judgement import Judgement
from replan.opening import take_opening
from replan.planning import Option
from replan.questions import answer_until, no_answer, question, send_question
from replan.records import proposal_json
from replan.results import take_results
from replan.revoking import judge_again
from replan.second_thoughts import is_notice, take_undoing_word, take_undone, think_again
from replan.settling import attach, settle
from replan.standing_aside import come_back, not_reported, take_reports
from replan.standstill import held, take_stop
from replan.units import DecisionId, ItemId, instant_text
from replan.verdict_result import keep_known
from replan.verdicts import VerdictResult, take_verdict


def step(
    state: DeskState, moves: Sequence[Move], given: DeskInput, policy: Policy
) -> tuple[DeskOutcome, VerdictResult | None]:
    """One transaction of a group. The state is changed in place; `moves` are all groups'
    reservations.
    """
    tally = Tally(policy=policy, at=given.at, moves=list(moves))
    result: VerdictResult | None = None
    match given:
        case TickDue():
            _tick(state, given, tally)
        case AnswersDue():
            _release_approved(state, tally)
            for answer in given.answers:
                _take_answer(state, answer, tally)
            for word in given.words:
                if not take_undoing_word(state, word, tally):
                    take_word(state, word, tally)
        case VerdictGiven():
            about = state.decisions.get(given.decision_id)
            result = take_verdict(state, given, tally)
            if about is not None and result.result == "accepted":
                keep_known(about, given, tally)
        case StopMoved():
            take_stop(state, given, tally)
        case ClaimDue():
            judge_again(state, given, tally)
        case CaseOpened():
            take_opening(state, given, tally)
        case TimersDue():
            _ring(state, tally)
        case _:
            assert_never(given)
    waiting = {d.item: d for d in state.pending if not is_notice(d)}
    locked = {d.item for d in state.decisions.values() if d.state == "taken_over"}
    for item in tally.feedback:
        if item in waiting:
            decision = waiting[item]
            tally.tell(
                item,
                watch=decision.option,
                loss_minor=decision.loss_mean_minor,
                decision_id=decision.decision_id,
            )
        if item in locked:
            tally.tell(item, locked=True)
    announce(state, tally)
    return tally.outcome(), result


def _tick(state: DeskState, tick: TickDue, tally: Tally) -> None:
    for cited in tick.cited:
        think_again(state, cited, tally)
    _release_approved(state, tally)
    for reassessed in tick.reassessed:
        _reassess(state, reassessed, tally)
    take_reports(state, tick.reports, tally)
    heard = _take_replies(state, tick, tally)
    fresh = [
        p for p in tick.proposals if p.item not in heard and not _keeps_waiting(state, p, tally)
    ]
    plans = choose(fresh, tally)
    for proposal, option in sorted(plans, key=lambda x: (-x[1].benefit_mean_minor, x[0].item)):
        _decide(state, proposal, option, tally)
    for cleared in tick.cleared:
        _withdraw(state, cleared, tally)
    _attach_replies(state, tick, heard, tally)
    _ring(state, tally)
    take_results(state, tick.results, tally)


def _ring(state: DeskState, tally: Tally) -> None:
    """What somebody was to answer by now is over."""
    for decision in [d for _, d in sorted(state.decisions.items())]:
        if decision.timer is not None and decision.timer <= tally.at:
            _timer_rings(state, decision, tally)
    for decision in state.pending:
        if decision.deadline is not None and decision.deadline <= tally.at:
            _miss_deadline(state, decision, tally)


def _take_replies(state: DeskState, tick: TickDue, tally: Tally) -> set[ItemId]:
    """Answers about waiting decisions whose case was worked out anew; the items of those."""
    settled = set()
    for decision_id in sorted({reply.decision_id for reply in tick.replies}):
        decision = state.decisions.get(decision_id)
        if decision is None or decision.state not in PENDING or not decision.asked:
            continue
        for proposal in tick.proposals:
            if (proposal.item, proposal.episode) == (decision.item, decision.episode):
                replies = [r for r in tick.replies if r.decision_id == decision_id]
                settle(state, decision, proposal, replies, tally)
                settled.add(proposal.item)
    return settled


def _attach_replies(state: DeskState, tick: TickDue, heard: set[ItemId], tally: Tally) -> None:
    """Answers about decisions that still wait, though their case was not worked out anew."""
    for decision in state.pending:
        replies = [r for r in tick.replies if r.decision_id == decision.decision_id]
        if replies and decision.asked and decision.item not in heard:
            attach(decision, replies, tally)


def _timer_rings(state: DeskState, decision: OpenDecision, tally: Tally) -> None:
    """Waiting for something else than a verdict is over."""
    match decision.state:
        case "clarifying":
            no_answer(state, decision, tally)
        case "deferred":
            come_back(decision, tally)
        case "taken_over":
            not_reported(state, decision, tally)
        case _:
            decision.timer = None


def _release_approved(state: DeskState, tally: Tally) -> None:
    """What a planner approved is sent with these releases, unless its last moment has passed; what
    is stopped waits.
    """
    for decision in [d for _, d in sorted(state.decisions.items()) if d.state in RELEASED]:
        if mode_now(decision, tally.policy) in ("shadow", "halted"):
            continue
        if decision.deadline is not None and decision.deadline < tally.at:
            for action_id in decision.actions:
                decision.actions[action_id] = "expired"
                tally.actions.append(ActionMoved(action_id=action_id, state="expired", at=tally.at))
                tally.released.append(action_id)
            tally.tell(decision.item, ended=tuple(decision.actions))
            end_decision(state, decision, "failed", "approved too late to be sent", tally)
        elif held(decision, tally.policy) is None:
            move_decision(state, decision, "executing", "sent after approval", tally)


def _reassess(state: DeskState, now: Reassessed, tally: Tally) -> None:
    """What a waiting plan is worth by now; a verdict is held against it."""
    decision = _pending_of(state, now.item, now.episode)
    if decision is not None:
        decision.current = now.option
        decision.looked_at = tally.at
        decision.current_deadline = now.deadline
        values = action_values(tally.policy.table, now.option, now.problem.unit_cost_minor)
        decision.current_value_minor = sum(values)


def _keeps_waiting(state: DeskState, proposal: Proposal, tally: Tally) -> bool:
    """A plan that waits stays before its planner, unless it no longer helps or a much better one is
    there.
    """
    decision = _pending_of(state, proposal.item, proposal.episode)
    if decision is None:
        return False
    now = proposal.watched
    decision.current = now
    if now is None or now.benefit_mean_minor <= 0:
        return False
    decision.looked_at = None
    problem = proposal.problem
    decision.current_deadline = last_moment(now, problem, proposal.short_by)
    values = action_values(tally.policy.table, now, problem.unit_cost_minor)
    decision.current_value_minor = sum(values)
    best = proposal.answer.option(proposal.answer.recommended).benefit_mean_minor
    # What a person made of a plan is not swept away by what they had before them.
    edited = decision.proposed_by is not None
    if not edited and 4 * best > 5 * now.benefit_mean_minor + 4 * tally.policy.change_cost_minor:
        return False
    decision.loss_mean_minor = proposal.loss_mean_minor
    tally.tell(proposal.item)
    return True


def _pending_of(state: DeskState, item: ItemId, episode: str) -> OpenDecision | None:
    file = state.episodes.get(item)
    if file is None or file.episode != episode:
        return None
    decision = state.decisions.get(file.decision_id)
    return decision if decision is not None and decision.state in PENDING else None


def _decide(state: DeskState, proposal: Proposal, option: Option, tally: Tally) -> None:
    file = state.episodes.get(proposal.item)
    same = file is not None and file.episode == proposal.episode
    plan = plan_sha(option.actions)
    if file is not None and same and file.state == "no_action" and not option.actions:
        # Still best left alone: that is no news, and the rest begins anew.
        rest(proposal.item, proposal.loss_mean_minor, tally)
        return
    revision = file.revision + 1 if file is not None and same else 1
    decision_id = DecisionId("dec-" + digest([proposal.episode, revision])[7:27])
    old = _pending_of(state, proposal.item, proposal.episode)
    if old is not None and old.plan_sha == plan:
        # The plan that waits is still the one to choose: it stays before its planner.
        old.current = option
        tally.tell(proposal.item)
        return
    made = Judgement(proposal, option, decision_id, tally)
    why, ruling = made.ruled()
    goes_on = "clarifying" if ruling.mode == "CLARIFY" else "executing"
    if not option.actions:
        new_state = "no_action"
    elif why is not None:
        new_state = "escalated"
    else:
        new_state = {"shadow": "shadowed", "recommend": "recommended"}.get(made.mode, goes_on)
    if new_state == "recommended":
        why = made.released_by_a_person(ruling)
    waits = new_state in PENDING
    deadline = (made.deadline or end_of_horizon(proposal.problem)) if waits else None
    asked = None
    if new_state == "clarifying":
        until = answer_until(tally.at, ruling.timeout, deadline)
        asked = question(
            decision_id, 1, made.actions, at=tally.at, until=until, asked_by=None, ask=ruling.ask
        )
        why = made.asked_first(ruling, asked)
    body = filed(
        state,
        made,
        new_state=new_state,
        why=None if why is None else why.json(),
        ruling=ruling,
        recipient=ruling.recipient,
        next_recipient=ruling.next_recipient,
        deadline=deadline,
        version=1,
        supersedes=old.decision_id if old is not None else None,
        clarification=asked,
    )
    if old is not None:
        end_decision(state, old, "superseded", f"replaced by {decision_id}", tally)
    tally.made.append(
        DecisionMade(
            decision_id=decision_id,
            version=1,
            body=body,
            inputs={"proposal": proposal_json(proposal)},
        )
    )
    state.episodes[proposal.item] = EpisodeFile(
        episode=proposal.episode,
        revision=revision,
        decision_id=decision_id,
        state=new_state,
        plan_sha=plan,
    )
    if not option.actions:
        rest(proposal.item, proposal.loss_mean_minor, tally)
        remember(state, proposal.item, body)
        return
    decision = made.open(body, new_state, deadline, ruling, plan)
    if waits:
        state.decisions[decision_id] = decision
        tally.tell(proposal.item)
        if asked is not None:
            decision.timer, decision.asked = datetime.fromisoformat(asked["until"]), 1
            send_question(decision, tally)
    elif new_state == "shadowed":
        reserve(decision, tally, "shadow")
        rest(proposal.item, proposal.loss_mean_minor, tally)
        remember(state, proposal.item, body)
    else:
        state.decisions[decision_id] = decision
        send(decision, tally)


def _take_answer(state: DeskState, answer: ActionAnswered, tally: Tally) -> None:
    """An executor's answer; one that repeats or belongs to nothing of ours changes nothing."""
    if take_undone(state, answer, tally):
        return
    for _, decision in sorted(state.decisions.items()):
        known = decision.actions.get(answer.action_id)
        if known is None or known in FINAL_ACTION:
            continue
        now = "acked" if answer.acked else "rejected"
        decision.actions[answer.action_id] = now
        tally.actions.append(ActionMoved(action_id=answer.action_id, state=now, at=tally.at))
        if not answer.acked:
            tally.released.append(answer.action_id)
            tally.tell(decision.item, ended=(answer.action_id,))
        done = all(s == "acked" for s in decision.actions.values())
        reason = "all actions acknowledged" if done else f"refused: {answer.reason}"
        close_if_over(state, decision, reason, tally)
        return


def _withdraw(state: DeskState, cleared: Cleared, tally: Tally) -> None:
    file = state.episodes.get(cleared.item)
    if file is None or file.episode != cleared.episode:
        return
    decision = state.decisions.get(file.decision_id)
    if decision is not None and decision.state in PENDING:
        end_pending(state, decision, "withdrawn", cleared.reason, tally)
    del state.episodes[cleared.item]


def _miss_deadline(state: DeskState, decision: OpenDecision, tally: Tally) -> None:
    """Nobody answered: while the plan can still be done, the next recipient gets it, else it is
    over.
    """
    later = decision.current_deadline
    helps = decision.current is not None and decision.current.benefit_mean_minor > 0
    if (
        helps
        and later is not None
        and later > tally.at
        and decision.next_recipient != decision.recipient
    ):
        decision.recipient = decision.next_recipient
        decision.deadline = later
        new_version(
            decision,
            tally,
            {"recipient": decision.recipient, "deadline": instant_text(later)},
            {
                "deadline": instant_text(later),
                "on_timeout": on_timeout(decision.recipient, decision.next_recipient),
            },
            {"missed_deadline": True},
        )
        return
    end_pending(state, decision, "expired", "nobody answered in time; nothing was done", tally)
