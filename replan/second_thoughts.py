"""What becomes of decisions whose evidence was taken back?

Each of them says so from then on. An action of theirs that can still be called off is cancelled: at
once where it was not sent, else its executor is asked to undo it. What cannot be called off any
more is put before a person, who is told what was done on false evidence; that escalation orders
nothing itself.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from replan.brief_text import brief_text
from replan.canonical import digest, sha256_hex
from replan.decision import Why, command_of, incident_of, option_json, plan_sha
from replan.desk_state import (
    PENDING,
    RELEASED,
    DeskState,
    OpenDecision,
    SendingWord,
    Undoing,
)
from replan.docket import Tally, end_decision
from replan.effects import ActionMoved, Cited, Command, DecisionMade, DecisionMoved
from replan.ending import cancel_action
from replan.events import ActionAnswered
from replan.network import Network, cut_off
from replan.planning import Option, Spread
from replan.standstill import stop_on_sent
from replan.units import ActionId, DecisionId, ItemId, LaneId, SiteId, instant_text
from replan.wording import actions_text

FLAG = "evidence_corrected"
ANSWER_IN = timedelta(hours=72)
"""How long a person has to say what is to be done about an action that cannot be called off."""

_MAY_BE_DONE = frozenset({"pending", "claimed", "attempted", "sent", "acked", "unknown"})

OFFERS = {
    "none": "leave it as it is",
    "count": "have both shelves counted before anything else is moved",
    "return": "send back by hand what is not needed",
}
"""What a person may choose. None of them orders anything: the engine's own part is over."""


def think_again(state: DeskState, cited: Cited, tally: Tally) -> None:
    """One decision that rests on one corrected event."""
    opened = state.decisions.get(cited.decision_id)
    body = dict(cited.body if opened is None else opened.body)
    _flag(opened, cited, body, tally)
    if opened is not None and opened.state in PENDING:
        return
    if opened is not None and opened.state in RELEASED:
        _call_off(state, opened, tally)
        return
    # Whether an action was sent is the ledger's to know.
    done = {a: s for a, s in cited.actions.items() if s in _MAY_BE_DONE}
    too_late, network = [], tally.policy.network
    for action in _chosen(body):
        action_id = ActionId(action["action_id"])
        if action_id not in done or action_id in state.undoing:
            continue
        if opened is not None and done[action_id] == "pending":
            cancel_action(state, opened, action_id, _reason(cited.event_id), tally)
        elif (
            tally.at <= cancel_by(action, network)
            and stop_on_sent(action, body, tally.policy) is None
        ):
            _ask_to_undo(state, cited, body, action, tally)
        else:
            too_late.append(action)
    if too_late:
        _tell_a_person(state, cited, body, too_late, tally)


def take_undone(state: DeskState, answer: ActionAnswered, tally: Tally) -> bool:
    """An executor's answer to a cancellation; False if it answers none of ours."""
    undoing = state.undoing.get(answer.action_id)
    if undoing is None or undoing.idem != answer.idem:
        return False
    del state.undoing[answer.action_id]
    opened = state.decisions.get(undoing.decision_id)
    body = dict(undoing.body if opened is None else opened.body)
    if not answer.acked:
        [action] = [a for a in _chosen(body) if a["action_id"] == answer.action_id]
        _tell_a_person(state, undoing, body, [action], tally)
        return True
    if opened is not None:
        cancel_action(state, opened, answer.action_id, _reason(undoing.event_id), tally)
        return True
    tally.actions.append(ActionMoved(action_id=answer.action_id, state="cancelled", at=tally.at))
    tally.released.append(answer.action_id)
    tally.tell(undoing.item, ended=(answer.action_id,))
    tally.moved.append(
        DecisionMoved(
            decision_id=undoing.decision_id,
            version=undoing.version,
            at=tally.at,
            changes={"state": "cancelled"},
            reason=_reason(undoing.event_id),
        )
    )
    return True


def take_undoing_word(state: DeskState, word: SendingWord, tally: Tally) -> bool:
    """What became of a request to undo; False if the word is about none. One that did not go out is
    put before a person, of one that may have gone out an answer can still come.
    """
    undoing = state.undoing.get(word.action_id)
    if undoing is None or undoing.idem != word.idem:
        return False
    if word.state != "unknown":
        del state.undoing[word.action_id]
        opened = state.decisions.get(undoing.decision_id)
        body = dict(undoing.body if opened is None else opened.body)
        [action] = [a for a in _chosen(body) if a["action_id"] == word.action_id]
        _tell_a_person(state, undoing, body, [action], tally)
    return True


def is_notice(decision: OpenDecision) -> bool:
    """Whether a decision only tells a person what was done, and has nothing to order."""
    return not decision.option.actions and decision.body["category"] == "data_quality"


def cancel_by(action: Mapping[str, Any], network: Network) -> datetime:
    """Until when an action can be called off: a move until its departure, anything else until the
    end of the day on which it was to begin.
    """
    day = date.fromisoformat(action["ship_on"])
    lane = network.lanes.get(LaneId(action["lane"])) if action["lane"] else None
    if lane is not None:
        return cut_off(day, lane.cutoff_local, network.sites[lane.origin].zone)
    site = network.sites.get(SiteId(action["to"]))
    zone = ZoneInfo("UTC") if site is None else site.zone
    return cut_off(day, None, zone)


def _flag(opened: OpenDecision | None, cited: Cited, body: dict[str, Any], tally: Tally) -> None:
    if FLAG in body["flags"]:
        return
    body["flags"] = [*body["flags"], FLAG]
    if opened is not None:
        opened.body = body
    tally.moved.append(
        DecisionMoved(
            decision_id=cited.decision_id,
            version=cited.version if opened is None else opened.version,
            at=tally.at,
            changes={"flags": body["flags"], "state": body["state"]},
            reason=f"event {cited.event_id} was taken back by {cited.by}",
        )
    )


def _call_off(state: DeskState, decision: OpenDecision, tally: Tally) -> None:
    """What was approved and is not sent yet is not sent."""
    for action_id in decision.actions:
        decision.actions[action_id] = "cancelled"
        tally.actions.append(ActionMoved(action_id=action_id, state="cancelled", at=tally.at))
        tally.released.append(action_id)
    tally.tell(decision.item, ended=tuple(decision.actions))
    end_decision(state, decision, "cancelled", "its evidence was taken back in time", tally)


def _reason(event_id: str) -> str:
    return f"called off: event {event_id} was taken back"


def _ask_to_undo(
    state: DeskState, cited: Cited, body: Mapping[str, Any], action: Mapping[str, Any], tally: Tally
) -> None:
    action_id = ActionId(action["action_id"])
    idem = sha256_hex("\x1f".join(("v1", "compensate", action_id, cited.by)).encode())
    last = cancel_by(action, tally.policy.network)
    tally.commands.append(
        Command(
            idem=idem,
            action_id=action_id,
            decision_id=cited.decision_id,
            not_after=last,
            body={
                **action,
                "idem": idem,
                "decision_id": cited.decision_id,
                "not_after": instant_text(last),
                "compensates": command_of(cited.decision_id, action, last).idem,
                "reason": f"event {cited.event_id} was taken back",
            },
            compensates=True,
        )
    )
    state.undoing[action_id] = Undoing(
        idem=idem,
        decision_id=cited.decision_id,
        version=cited.version,
        item=ItemId(body["item"]),
        event_id=cited.event_id,
        by=cited.by,
        body=dict(body),
    )


def _tell_a_person(
    state: DeskState,
    about: Cited | Undoing,
    body: Mapping[str, Any],
    actions: list[Any],
    tally: Tally,
) -> None:
    """A new decision of category `data_quality` that names the actions and orders nothing."""
    decision_id = DecisionId("dec-" + digest([about.decision_id, about.by])[7:27])
    if decision_id in state.decisions:
        return
    network = tally.policy.network
    item = ItemId(body["item"])
    what = actions_text(actions)
    table = tally.policy.table
    recipient = table.owner if table is not None else "role:process-owner"
    why = Why(
        code="data_quality",
        rule_id=None,
        limit_minor=None,
        actual_minor=int(body["value_minor"]),
        text=f"event {about.event_id} was taken back after {what} had been done on it",
    ).json()
    options = [_nothing(name) for name in OFFERS]
    published = [option_json(o, decision_id, tally.at.date()) for o in options]
    deadline = tally.at + ANSWER_IN
    site = network.sites.get(body["site"])
    zone = "UTC" if site is None else site.timezone
    cause = f"event:{about.event_id}"
    ids = ", ".join(action["action_id"] for action in actions)
    brief: dict[str, Any] = {
        "headline": {
            "text": f"{item}: {what} was done on evidence that was taken back",
            "units_short": {"p10": 0, "p50": 0, "p90": 0},
            "value_minor": {"p10": 0, "p50": 0, "p90": 0},
        },
        "question": f"Is {what} (action {ids}) to be left as it is?",
        "deadline": instant_text(deadline),
        "on_timeout": "Nothing is done; what was done stands.",
        "why_escalated": why,
        "evidence": [
            {
                "event_id": about.by,
                "time": instant_text(tally.at),
                "fact": f"takes back event {about.event_id}, on which {about.decision_id} rests",
                "speaks_against": False,
            }
        ],
        "options": [
            {**option, "order_by": instant_text(deadline), "text": OFFERS[option["name"]]}
            for option in published
        ],
        "recommendation": {
            "option": "none",
            "drivers": [],
            "confidence": 0.0,
            "would_change": "a count that shows that the goods are missed where they came from",
        },
        "already_done": [what],
        "held": [],
        "precedents": [],
        "unknowns": ["whether the goods are needed where they went"],
        "ids": {
            "decision": decision_id,
            "version": 1,
            "episode": body["episode"],
            "plan": plan_sha(()),
            "problem": "none",
            "model": f"{body['model']['name']} {body['model']['hash']}",
            "solver": "none",
            "policy": tally.policy.versions.get("authority", "none"),
            "code": tally.policy.versions.get("code", "unknown"),
        },
    }
    brief["text"] = brief_text(brief, zone, body["currency"])
    made = {
        **body,
        "decision_id": decision_id,
        "version": 1,
        "category": "data_quality",
        "cause": cause,
        "incident_id": incident_of(cause),
        "event_time": instant_text(tally.at),
        "decided_at": instant_text(tally.at),
        "state": "escalated",
        "rule_id": None,
        "authority_hash": tally.policy.versions["authority"],
        "why_escalated": why,
        "options": published,
        "chosen": "none",
        "deadline": instant_text(deadline),
        "recipient": recipient,
        "dq": "amber",
        "evidence": [about.by],
        "flags": [],
        "supersedes": None,
        "about": about.decision_id,
        "at_risk_minor": 0,
        "clarification": None,
        "spot_check": None,
        "reasoning": why["text"],
        "waits_until": None,
        "brief": brief,
        "versions": dict(tally.policy.versions),
    }
    tally.made.append(
        DecisionMade(
            decision_id=decision_id,
            version=1,
            body=made,
            inputs={
                "corrected": {
                    "decision_id": about.decision_id,
                    "event_id": about.event_id,
                    "by": about.by,
                }
            },
        )
    )
    state.decisions[decision_id] = OpenDecision(
        decision_id=decision_id,
        version=1,
        item=item,
        episode=f"corrected {about.by}",
        state="escalated",
        body=made,
        option=options[0],
        current=options[0],
        value_minor=int(body["value_minor"]),
        current_value_minor=int(body["value_minor"]),
        deadline=deadline,
        current_deadline=deadline,
        recipient=recipient,
        next_recipient=recipient,
        region=None if site is None else site.region,
        approvals=1,
        approved_by=[],
        plan_sha=plan_sha(()),
        loss_mean_minor=0,
        actions={},
        move_keys=[],
        move_values=[],
    )


def _nothing(name: str) -> Option:
    zero = Spread(p10=0, p50=0, p90=0)
    return Option(
        name=name,
        actions=(),
        cost_minor=zero,
        benefit_minor=zero,
        benefit_mean_minor=0,
        short_avoided=zero,
        units_short=zero,
        p_stockout_receiver=0.0,
        p_stockout_donor=0.0,
        p_wins=0.0,
        donor_shortage_p90_minor={},
        binding=(),
        gap=0.0,
    )


def _chosen(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        action
        for option in body["options"]
        if option["name"] == body["chosen"]
        for action in option["actions"]
    ]
