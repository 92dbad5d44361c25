"""How does an open decision live on? Sent, moved on, ended, remembered; and what a transaction
gathers meanwhile.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from replan.brief import next_version
from replan.decision import command_of, moves_of, ordered_of
from replan.desk_state import (
    RELEASED,
    WAITING_ASIDE,
    DeskState,
    OpenDecision,
    Policy,
)
from replan.effects import (
    ActionMoved,
    Command,
    DecisionMade,
    DecisionMoved,
    DeskOutcome,
    Feedback,
    Move,
    Question,
    VerdictTaken,
)
from replan.limits import Cooldown
from replan.units import ActionId, ItemId
from replan.wording import action_text


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a transaction gathers on its way; reservations made in it count at once for the next
    plan.
    """

    policy: Policy
    at: datetime
    moves: list[Move]
    made: list[DecisionMade] = field(default_factory=list)
    moved: list[DecisionMoved] = field(default_factory=list)
    actions: list[ActionMoved] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    reserved: list[Move] = field(default_factory=list)
    released: list[ActionId] = field(default_factory=list)
    verdicts: list[VerdictTaken] = field(default_factory=list)
    feedback: dict[ItemId, Feedback] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)

    def tell(self, item: ItemId, **changes: Any) -> None:
        """Add to what sense is told about an item."""
        word = self.feedback.get(item, Feedback(item=item, at=self.at))
        for name in ("ordered", "ended"):
            if name in changes:
                changes[name] = (*getattr(word, name), *changes[name])
        self.feedback[item] = replace(word, **changes)

    def outcome(self) -> DeskOutcome:
        """Everything gathered, to be stored."""
        return DeskOutcome(
            made=tuple(self.made),
            moved=tuple(self.moved),
            actions=tuple(self.actions),
            commands=tuple(self.commands),
            reserved=tuple(self.reserved),
            released=tuple(self.released),
            verdicts=tuple(self.verdicts),
            feedback=tuple(word for _, word in sorted(self.feedback.items())),
            questions=tuple(self.questions),
        )


def send(decision: OpenDecision, tally: Tally) -> None:
    """Reserve for a plan and hand its commands to the outbox; sense hears what is under way."""
    reserve(decision, tally, "live")
    actions = chosen_actions(decision)
    last = decision.deadline or decision.current_deadline or tally.at
    for action in actions:
        tally.commands.append(command_of(decision.decision_id, action, last))
    tally.tell(
        decision.item,
        ordered=tuple(
            ordered_of(action, plain.qty)
            for action, plain in zip(actions, decision.option.actions, strict=True)
        ),
    )


def rest(item: ItemId, loss_minor: int, tally: Tally, *, until_nearer: bool = False) -> None:
    """Ask sense not to raise an item's trouble again for a while, unless it grows, or comes nearer
    where that matters.
    """
    table = tally.policy.table
    pause = (table.cooldown if table is not None else Cooldown()).after_action
    until = tally.at + pause
    tally.tell(item, quiet_until=until, loss_minor=loss_minor, until_nearer=until_nearer)


def end_pending(
    state: DeskState, decision: OpenDecision, new_state: str, reason: str, tally: Tally
) -> None:
    """A waiting decision is over: rejected, withdrawn, expired."""
    end_decision(state, decision, new_state, reason, tally)
    tally.tell(decision.item)


def reserve(decision: OpenDecision, tally: Tally, account: str) -> None:
    moves = moves_of(
        decision.decision_id,
        list(decision.actions),
        decision.move_keys,
        decision.move_values,
        tally.at,
        account,
    )
    tally.reserved.extend(moves)
    tally.moves.extend(moves)


def new_version(
    decision: OpenDecision,
    tally: Tally,
    changes: Mapping[str, Any],
    blocks: Mapping[str, Any],
    inputs: Mapping[str, Any],
    new_state: str = "escalated",
) -> None:
    """Another version of a decision, escalated unless told otherwise: members of the body and
    blocks of its brief changed.
    """
    body, network = decision.body, tally.policy.network
    if changes.get("recipient", body["recipient"]) != body["recipient"] and "opened" in body:
        # Whoever gets it next has not seen it.
        changes = {**changes, "opened": None}
    site = network.sites.get(body["site"])
    timezone = "UTC" if site is None else site.timezone
    decision.version += 1
    brief = next_version(body["brief"], decision.version, timezone, body["currency"], **blocks)
    decision.body = {**body, **changes, "version": decision.version, "brief": brief}
    decision.body["state"] = decision.state = new_state
    decision.body["at_risk_minor"] = decision.loss_mean_minor
    if new_state not in WAITING_ASIDE:
        decision.timer = decision.body["waits_until"] = None
    tally.made.append(
        DecisionMade(
            decision_id=decision.decision_id,
            version=decision.version,
            body=decision.body,
            inputs=inputs,
        )
    )


def move_decision(
    state: DeskState,
    decision: OpenDecision,
    new_state: str,
    reason: str,
    tally: Tally,
    **changes: Any,
) -> None:
    """A decision changes its state, and with it other members of its body."""
    changes = {"state": new_state, **changes}
    if decision.body["waits_until"] is not None:
        changes = {"waits_until": None, **changes}
    decision.state = new_state
    decision.body = {**decision.body, **changes}
    file = state.episodes.get(decision.item)
    if file is not None and file.decision_id == decision.decision_id:
        file.state = new_state
    tally.moved.append(
        DecisionMoved(
            decision_id=decision.decision_id,
            version=decision.version,
            at=tally.at,
            changes=changes,
            reason=reason,
        )
    )


def end_decision(
    state: DeskState,
    decision: OpenDecision,
    new_state: str,
    reason: str,
    tally: Tally,
    **changes: Any,
) -> None:
    """A decision reaches a state that nothing follows on."""
    move_decision(state, decision, new_state, reason, tally, **changes)
    state.decisions.pop(decision.decision_id, None)
    remember(state, decision.item, decision.body)


def remember(state: DeskState, item: ItemId, body: Mapping[str, Any]) -> None:
    row = {
        name: body[name] for name in ("decision_id", "decided_at", "state", "chosen", "value_minor")
    }
    state.past[item] = [*state.past.get(item, []), row][-3:]


def under_way(state: DeskState, item: ItemId) -> list[str]:
    """In words, what already runs for the item."""
    return [
        action_text(action)
        for _, decision in sorted(state.decisions.items())
        if decision.item == item and decision.state in ("executing", "unknown", *sorted(RELEASED))
        for action in chosen_actions(decision)
    ]


def chosen_actions(decision: OpenDecision) -> list[dict[str, Any]]:
    for option in decision.body["options"]:
        if option["name"] == decision.body["chosen"]:
            return list(option["actions"])
    raise AssertionError(f"decision {decision.decision_id} chose an option it does not have")
