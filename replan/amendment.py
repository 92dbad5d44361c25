"""How does another plan than the one shown take its place? Another option, or a changed one.

The plan is put on the newest problem known, held against every hard limit in integers, and priced
on held-out draws. Its new value asks the table again: who approves it must be entitled to what will
run, and whoever changed a plan is its proposer, never its second approver.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from replan.brief import put_question
from replan.brief_options import page_members
from replan.decision import option_json, plan_sha
from replan.desk_state import DeskState, OpenDecision, VerdictGiven
from replan.docket import Tally, new_version
from replan.effects import Proposal
from replan.feasibility import Broken, binding_limits, broken_limits
from replan.judgement import Judgement
from replan.people import DEFAULT_RECIPIENT, may_answer
from replan.planning import Option
from replan.revision import Change, change_json, on_offer, revised
from replan.scenarios import HELD_OUT_STREAM, draws, judge, play
from replan.units import ActionId, instant_text, quantity_json

MODIFIED = "modified"
"""Name of an option that a person made out of another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amended:
    """A plan that may take the place of the one shown: judged, and who has to approve it."""

    made: Judgement
    base: str
    change: Change
    recipient: str
    next_recipient: str
    approvals: int

    @property
    def option(self) -> Option:
        return self.made.option

    @property
    def region(self) -> str | None:
        """The one region that all goods go to; None for several."""
        return self.made.regions[0] if len(self.made.regions) == 1 else None


def change_of(given: VerdictGiven) -> Change:
    """What the person asks for."""
    return Change(
        qty=given.qty, ship_on=given.ship_on, source=given.source, transport=given.transport
    )


def amended(decision: OpenDecision, given: VerdictGiven, tally: Tally) -> Amended | Broken:
    """The option or changed plan that a verdict names, as things stand now; `Broken` with the first
    hard limit in its way.
    """
    basis = given.basis
    if basis is None:
        text = "what the plan was made from is not at hand"
        return Broken(limit="offer", text=text)
    change = change_of(given)
    shown = decision.option if given.option in (None, decision.option.name) else None
    option = shown or next((o for o in basis.answer.options if o.name == given.option), None)
    if option is None or not option.actions:
        return Broken(limit="option", text=f"option {given.option} is not on offer any more")
    plan = (
        on_offer(basis.problem, option.actions)
        if change.is_empty
        else revised(basis.problem, option.actions, change, tally.policy.network.lanes)
    )
    if isinstance(plan, Broken):
        return plan
    for broken in broken_limits(basis.problem, plan):
        return broken
    draw = draws(basis.problem, basis.problem.held_out, HELD_OUT_STREAM)
    judged = judge(
        basis.problem,
        option.name if change.is_empty else MODIFIED,
        plan,
        held_out=draw,
        nothing=play(basis.problem, (), draw),
        binding=binding_limits(basis.problem, plan),
        gap=option.gap if change.is_empty else 0.0,
    )
    made = Judgement(basis, judged, decision.decision_id, tally)
    row = made.row()
    stands = row.mode == "AUTO" or row.rule_id == decision.body["rule_id"]
    return Amended(
        made=made,
        base=option.name,
        change=change,
        recipient=decision.recipient if stands else row.recipient,
        next_recipient=decision.next_recipient if stands else row.next_recipient,
        approvals=1 if row.mode == "AUTO" else row.approvals,
    )


def broken_json(broken: Broken) -> dict[str, Any]:
    """A limit in the way as a verdict's `diff`: its name, the rule, the most that is possible."""
    said: dict[str, Any] = {"text": broken.text}
    if broken.most is not None:
        said["most"] = quantity_json(broken.most)
    return {broken.limit: said}


def asked_next(plan: Amended, login: str, tally: Tally) -> str | None:
    """Who is asked to approve a plan that its editor may not release alone: the first recipient
    with somebody else who may answer; None if there is nobody.
    """
    people = tally.policy.people
    for recipient in (plan.recipient, plan.next_recipient, DEFAULT_RECIPIENT):
        for other in people.planners:
            if other.login != login and (
                may_answer(people, other.login, recipient, plan.region, plan.made.value) is None
            ):
                return recipient
    return None


def put_in_place(
    state: DeskState,
    decision: OpenDecision,
    plan: Amended,
    actions: list[dict[str, Any]],
    *,
    new_state: str,
    why: Mapping[str, Any],
    recipient: str,
    given: VerdictGiven,
    tally: Tally,
) -> None:
    """The decision is about another plan from now on: a new version of it. `actions` are published
    ones with the days that can still be met.
    """
    made, option = plan.made, plan.option
    proposal: Proposal = made.proposal
    published = option_json(option, decision.decision_id, proposal.problem.first_day)
    published = {**published, "actions": actions}
    deadline = made.deadline or decision.deadline
    decision.option = decision.current = option
    decision.value_minor = decision.current_value_minor = made.value
    decision.deadline, decision.current_deadline = deadline, deadline
    decision.recipient, decision.next_recipient = recipient, plan.next_recipient
    decision.approvals = plan.approvals
    decision.region = plan.region
    decision.plan_sha = plan_sha(option.actions)
    decision.actions = {ActionId(a["action_id"]): "pending" for a in actions}
    decision.move_keys = made.keys
    for keys, action in zip(decision.move_keys, actions, strict=True):
        if "ship_on" in keys:
            keys["ship_on"] = action["ship_on"]
    decision.move_values = list(made.values)
    file = state.episodes.get(decision.item)
    if file is not None and file.decision_id == decision.decision_id:
        file.plan_sha = decision.plan_sha
    body = decision.body
    last = None if deadline is None else instant_text(deadline)
    others = [o for o in body["options"] if o["name"] != option.name]
    changes = {
        "options": [published, *others],
        "chosen": option.name,
        "value_minor": made.value,
        "confidence": option.p_wins,
        "rule_id": made.row().rule_id,
        "deadline": last,
        "recipient": recipient,
        "why_escalated": dict(why),
    }
    blocks = put_question(
        body["brief"],
        {**published, **page_members(made)[option.name]},
        body["currency"],
        why=why,
        deadline=last or body["brief"]["deadline"],
        recipient=recipient,
        next_recipient=plan.next_recipient,
    )
    inputs = {
        "verdict": given.verdict,
        "login": given.login,
        "option": plan.base,
        "change": change_json(plan.change),
    }
    new_version(decision, tally, changes, blocks, inputs, new_state=new_state)
    tally.tell(decision.item)


def what_changed(before: Mapping[str, Any], decision: OpenDecision) -> dict[str, Any]:
    """What another plan changed, as pairs of then and now; `before` is the body that stood."""
    now = decision.body
    old, new = (
        next(o for o in body["options"] if o["name"] == body["chosen"]) for body in (before, now)
    )

    def qty(option: Mapping[str, Any]) -> float:
        total = float(sum(a["qty"] for a in option["actions"]))
        return int(total) if total.is_integer() else total

    pairs = {
        "qty": (qty(old), qty(new)),
        "value_minor": (before["value_minor"], now["value_minor"]),
        "cost_minor": (old["cost_minor"]["p50"], new["cost_minor"]["p50"]),
        "benefit_minor": (old["benefit_minor"]["mean"], new["benefit_minor"]["mean"]),
        "recipient": (before["recipient"], now["recipient"]),
    }
    return {name: {"then": then, "now": at} for name, (then, at) in pairs.items() if then != at}
