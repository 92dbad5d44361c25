"""What may a planner answer, and what follows? Every verdict is bound to a version and to who may
say so.

An accepted approval releases exactly the plan that was shown, or the one it names; a changed
situation refuses the first approval with what changed. Refused verdicts are recorded too.
"""

from typing import Any, assert_never, cast

from replan.amendment import (
    Amended,
    amended,
    asked_next,
    broken_json,
    change_of,
    put_in_place,
    what_changed,
)
from replan.commitments import counting
from replan.desk_state import PENDING, DeskState, OpenDecision, VerdictGiven, mode_now
from replan.docket import (
    Tally,
    chosen_actions,
    end_decision,
    end_pending,
    move_decision,
    new_version,
    reserve,
    rest,
    send,
)
from replan.feasibility import Broken
from replan.people import may_answer
from replan.questions import ask
from replan.release import crowded_lane, dated_anew
from replan.second_thoughts import is_notice
from replan.spot_checks import is_a_look, keep_look, refused_look
from replan.standing_aside import defer, take_over
from replan.standstill import standstill
from replan.verdict_result import (
    CHIPS,
    STATUS_OF,
    VERDICTS,
    Verdict,
    VerdictResult,
    accept,
    refuse,
)

__all__ = ["CHIPS", "STATUS_OF", "VERDICTS", "VerdictResult", "take_verdict"]

ENDED = {"superseded": "superseded", "withdrawn": "withdrawn", "expired": "expired"}
"""How a decision ended → the code of a verdict that came after it."""


def take_verdict(state: DeskState, given: VerdictGiven, tally: Tally) -> VerdictResult:
    """Record a verdict and do what it says, or refuse it with a code."""
    decision = state.decisions.get(given.decision_id)
    if is_a_look(given):
        code = refused_look(given, tally)
        if code is not None:
            return refuse(given, decision, code, None, given.last_state, tally)
        keep_look(state, given, tally)
        return accept(given, decision, tally)
    if decision is None or decision.state not in PENDING:
        last = decision.state if decision is not None else given.last_state
        return refuse(given, decision, ENDED.get(last, "already_decided"), None, last, tally)
    if decision.deadline is not None and given.at >= decision.deadline:
        # Its last moment has passed, though no tick has told the next recipient yet.
        return refuse(given, decision, "expired", None, decision.state, tally)
    if given.version is not None and given.version != decision.version:
        versions = {"version": {"answered": given.version, "now": decision.version}}
        return refuse(given, decision, "stale", versions, decision.state, tally)
    same = given.option in (None, decision.option.name)
    if given.verdict == "approve" and same and given.login == decision.proposed_by:
        return refuse(given, decision, "own_proposal", None, decision.state, tally)
    shown = given.verdict == "approve" and same
    value = decision.current_value_minor if shown else 0
    code = may_answer(tally.policy.people, given.login, decision.recipient, decision.region, value)
    if code is not None:
        return refuse(given, decision, code, None, decision.state, tally)
    verdict = cast(Verdict, given.verdict)
    if is_notice(decision):
        # There is nothing to order: the answer is kept, whatever it is.
        state_now = "rejected" if verdict == "reject" else "approved"
        end_decision(state, decision, state_now, f"{verdict} by {given.login}", tally)
        return accept(given, decision, tally)
    match verdict:
        case "approve" if given.option == "none":
            # The option to do nothing is what a rejection chooses.
            return _reject(state, decision, given, tally)
        case "approve" if same:
            return _approve(state, decision, given, tally)
        case "approve" | "modify":
            return _take_other_plan(state, decision, given, tally)
        case "reject":
            return _reject(state, decision, given, tally)
        case "ask":
            ask(decision, given, tally)
            return accept(given, decision, tally)
        case "defer":
            defer(decision, given, tally)
            return accept(given, decision, tally)
        case "takeover":
            take_over(state, decision, given, tally)
            return accept(given, decision, tally)
        case _:
            assert_never(verdict)


def _approve(
    state: DeskState, decision: OpenDecision, given: VerdictGiven, tally: Tally
) -> VerdictResult:
    if given.login in decision.approved_by:
        return refuse(given, decision, "same_approver", None, decision.state, tally)
    if _stopped(decision, decision.move_keys, tally):
        return refuse(given, decision, "stopped", None, decision.state, tally)
    actions = dated_anew(chosen_actions(decision), tally.policy.network, tally.at)
    if decision.current is None or actions is None:
        gone = {"feasible": {"then": True, "now": False}}
        return refuse(given, decision, "infeasible", gone, decision.state, tally)
    crowded = _crowded(decision, decision.move_keys, actions, tally)
    if crowded is not None:
        return refuse(given, decision, "infeasible", crowded, decision.state, tally)
    diff = _changed(decision)
    if diff is not None and not given.confirm:
        return refuse(given, decision, "stale", diff, decision.state, tally)
    decision.approved_by.append(given.login)
    if len(decision.approved_by) < decision.approvals:
        why = dict(decision.body["why_escalated"] or {}) | {
            "code": "four_eyes",
            "text": f"approved by {given.login}; a second person must approve too",
        }
        inputs = {"verdict": "approve", "login": given.login}
        new_version(decision, tally, {"why_escalated": why}, {"why_escalated": why}, inputs)
        return accept(given, decision, tally)
    _release(state, decision, actions, "approved", f"approved by {given.login}", tally)
    return accept(given, decision, tally)


def _take_other_plan(
    state: DeskState, decision: OpenDecision, given: VerdictGiven, tally: Tally
) -> VerdictResult:
    """Another option, or a changed plan: in place of the one shown, if nothing stands against it,
    and released at once where whoever gave the verdict may release it alone.
    """
    edits = given.verdict == "modify"
    if edits and change_of(given).is_empty:
        text = "a modification names a quantity, a day, a source or a means of transport"
        return refuse(
            given, decision, "infeasible", {"change": {"text": text}}, decision.state, tally
        )
    plan = amended(decision, given, tally)
    if isinstance(plan, Broken):
        diff: dict[str, Any] | None = broken_json(plan)
        return refuse(given, decision, "infeasible", diff, decision.state, tally)
    if _stopped(decision, plan.made.keys, tally):
        return refuse(given, decision, "stopped", None, decision.state, tally)
    actions = dated_anew(plan.made.actions, tally.policy.network, tally.at)
    if actions is None:
        gone = {"feasible": {"then": True, "now": False}}
        return refuse(given, decision, "infeasible", gone, decision.state, tally)
    crowded = _crowded(decision, plan.made.keys, actions, tally)
    if crowded is not None:
        return refuse(given, decision, "infeasible", crowded, decision.state, tally)
    diff = _fallen(decision, plan, given)
    if diff is not None and not given.confirm:
        return refuse(given, decision, "stale", diff, decision.state, tally)
    people, value = tally.policy.people, plan.made.value
    alone = may_answer(people, given.login, plan.recipient, plan.region, value)
    if alone is not None and not edits:
        return refuse(given, decision, alone, None, decision.state, tally)
    recipient: str | None = plan.recipient
    if alone is not None:
        recipient = asked_next(plan, given.login, tally)
        if recipient is None:
            return refuse(given, decision, alone, None, decision.state, tally)
    assert recipient is not None, "whoever may answer was found above"
    before, verb = decision.body, "changed" if edits else "chosen"
    done = alone is None and plan.approvals <= 1
    why = dict(before["why_escalated"] or {}) | {"actual_minor": value}
    if not done:
        why |= {
            "code": "four_eyes",
            "text": f"{verb} by {given.login}; another person must approve it",
        }
    decision.approved_by = [given.login] if alone is None else []
    decision.proposed_by = given.login if edits else None
    released = "modified" if edits else "approved"
    put_in_place(
        state,
        decision,
        plan,
        actions,
        new_state=released if done else "escalated",
        why=why,
        recipient=recipient,
        given=given,
        tally=tally,
    )
    if done:
        _release(state, decision, actions, released, f"{verb} by {given.login}", tally)
    return accept(given, decision, tally, what_changed(before, decision))


def _release(
    state: DeskState,
    decision: OpenDecision,
    actions: list[dict[str, Any]],
    new_state: str,
    reason: str,
    tally: Tally,
) -> None:
    """Hand the released plan on; in shadow it is only put on record, like one that would have
    run.
    """
    if _is_played(decision, tally):
        reserve(decision, tally, "shadow")
        end_decision(state, decision, new_state, reason, tally)
        rest(decision.item, decision.loss_mean_minor, tally)
        return
    changes = {}
    if actions != chosen_actions(decision):
        changes["options"] = [
            {**o, "actions": actions} if o["name"] == decision.body["chosen"] else o
            for o in decision.body["options"]
        ]
        for keys, action in zip(decision.move_keys, actions, strict=True):
            if "ship_on" in keys:
                keys["ship_on"] = action["ship_on"]
    move_decision(state, decision, new_state, reason, tally, **changes)
    send(decision, tally)


def _is_played(decision: OpenDecision, tally: Tally) -> bool:
    return mode_now(decision, tally.policy) == "shadow"


def _stopped(decision: OpenDecision, move_keys: list[dict[str, str]], tally: Tally) -> bool:
    """Whether a plan must stand still: a person must not release it either."""
    body = decision.body
    return standstill(tally.policy, move_keys, body["category"], body["model"]["name"]) is not None


def _crowded(
    decision: OpenDecision,
    move_keys: list[dict[str, str]],
    actions: list[dict[str, Any]],
    tally: Tally,
) -> dict[str, Any] | None:
    """The lane that cannot carry the plan any more beside what was reserved since."""
    account = "shadow" if _is_played(decision, tally) else "live"
    quantities = [int(keys["qty"]) for keys in move_keys]
    network, reserved = tally.policy.network, counting(tally.moves, account)
    crowded = crowded_lane(actions, quantities, network, reserved)
    return None if crowded is None else {"lane_capacity": crowded}


def _reject(
    state: DeskState, decision: OpenDecision, given: VerdictGiven, tally: Tally
) -> VerdictResult:
    end_pending(state, decision, "rejected", f"rejected by {given.login}: {given.chip}", tally)
    rest(decision.item, decision.loss_mean_minor, tally, until_nearer=True)
    return accept(given, decision, tally)


def _changed(decision: OpenDecision) -> dict[str, Any] | None:
    """What is different now so that the plan must be looked at again; None if nothing that
    matters.
    """
    now = decision.current
    diff: dict[str, Any] = {}
    if now is not None and now.benefit_mean_minor <= 0:
        diff["benefit_minor"] = {
            "then": decision.option.benefit_mean_minor,
            "now": now.benefit_mean_minor,
        }
    if decision.current_value_minor > decision.value_minor:
        diff["value_minor"] = {"then": decision.value_minor, "now": decision.current_value_minor}
    return diff or None


def _fallen(decision: OpenDecision, plan: Amended, given: VerdictGiven) -> dict[str, Any] | None:
    """Whether another plan helps no more than nothing although it did when it was shown; what a
    person makes of a plan is their own affair unless the case itself has changed.
    """
    now = plan.option.benefit_mean_minor
    shown = {o["name"]: o["benefit_minor"]["mean"] for o in decision.body["options"]}
    if given.verdict == "modify":
        current = decision.current
        has_changed = current is None or current.benefit_mean_minor <= 0
        return {"benefit_minor": {"then": shown[plan.base], "now": now}} if has_changed else None
    then = shown.get(plan.base, now)
    return {"benefit_minor": {"then": then, "now": now}} if now <= 0 < then else None
