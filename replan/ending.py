"""How does a plan under way end? By what became of its actions, none of which is forgotten.

An action whose executor cannot be asked may have been done or not: it is `unknown`, what it
reserved stays reserved, and a later proof still settles it.
"""

from collections.abc import Collection

from replan.desk_state import FINAL_ACTION, DeskState, OpenDecision, SendingWord
from replan.docket import Tally, end_decision, move_decision
from replan.effects import ActionMoved
from replan.units import ActionId

_NOT_DONE = frozenset({"rejected", "failed", "expired"})


def ended_as(actions: Collection[str]) -> str | None:
    """The state of a decision whose actions stand so; None while one of them is under way."""
    if not FINAL_ACTION.union(("unknown",)).issuperset(actions):
        return None
    if "unknown" in actions:
        return "unknown"
    if _NOT_DONE.intersection(actions):
        return "failed"
    return "cancelled" if "cancelled" in actions else "executed"


def close_if_over(state: DeskState, decision: OpenDecision, reason: str, tally: Tally) -> None:
    """The decision ends with the last of its actions; one that is unknown stays open to proof."""
    ended = ended_as(decision.actions.values())
    if ended == "unknown":
        if decision.state != "unknown":
            move_decision(state, decision, "unknown", reason, tally)
    elif ended is not None:
        end_decision(state, decision, ended, reason, tally)


def cancel_action(
    state: DeskState, decision: OpenDecision, action_id: ActionId, reason: str, tally: Tally
) -> None:
    """An action of a decision that is under way was not done; the decision ends with its last."""
    decision.actions[action_id] = "cancelled"
    tally.actions.append(ActionMoved(action_id=action_id, state="cancelled", at=tally.at))
    tally.released.append(action_id)
    tally.tell(decision.item, ended=(action_id,))
    close_if_over(state, decision, reason, tally)


def take_word(state: DeskState, word: SendingWord, tally: Tally) -> None:
    """What became of a command on its way. Only what was certainly not done gives back what it
    reserved.
    """
    for _, decision in sorted(state.decisions.items()):
        known = decision.actions.get(word.action_id)
        if known is None or known in FINAL_ACTION or known == word.state:
            continue
        decision.actions[word.action_id] = word.state
        tally.actions.append(ActionMoved(action_id=word.action_id, state=word.state, at=tally.at))
        if word.state != "unknown":
            tally.released.append(word.action_id)
            tally.tell(decision.item, ended=(word.action_id,))
        close_if_over(state, decision, word.reason, tally)
        return
