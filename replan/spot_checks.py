"""Which of the plans that ran by themselves does a person look at afterwards? A share of them.

It is drawn by a hash of the table's hash and the decision's id alone: the same in a replay, nobody
can aim at it, and over many decisions exactly the share of the row is drawn. What is found is kept
as a label; nothing that ran is undone by it.
"""

from collections.abc import Mapping
from typing import Any

from replan.authority import Ruling
from replan.authority_table import MILLION
from replan.canonical import digest
from replan.desk_state import DeskState, VerdictGiven
from replan.docket import Tally
from replan.effects import DecisionMoved
from replan.people import may_answer

_BITS = 64
FOUND = {"approve": "right", "reject": "wrong"}
"""A look afterwards ends with one of these two verdicts."""


def is_drawn(table_hash: str, decision_id: str, rate: int) -> bool:
    """Whether a decision belongs to the sample; `rate` in millionths."""
    number = int(digest([table_hash, decision_id]).removeprefix("sha256:")[: _BITS // 4], 16)
    return number * MILLION < rate << _BITS


def spot_check(
    ruling: Ruling, stage: str, table_hash: str, decision_id: str
) -> dict[str, Any] | None:
    """The member `spot_check` of a decision that runs by itself; None if it is not drawn.

    In stage `spot_check` every plan is looked at whose row names no share of its own.
    """
    rate = ruling.spot_check
    if stage == "spot_check" and rate == 0:
        rate = MILLION
    if not is_drawn(table_hash, decision_id, rate):
        return None
    return {"recipient": ruling.recipient, "found": None, "by": None, "chip": None}


def is_a_look(given: VerdictGiven) -> bool:
    """Whether a verdict is about a plan that has run and waits for a look."""
    asked = given.spot_check
    return asked is not None and asked["found"] is None and given.verdict in FOUND


def refused_look(given: VerdictGiven, tally: Tally) -> str | None:
    """Why this login may not look at it; None if it may."""
    asked = given.spot_check
    assert asked is not None, "only what was drawn is looked at"
    return may_answer(tally.policy.people, given.login, asked["recipient"], asked["region"], 0)


def keep_look(state: DeskState, given: VerdictGiven, tally: Tally) -> None:
    """Note what a person found; the decision keeps its state."""
    asked: Mapping[str, Any] | None = given.spot_check
    assert asked is not None, "only what was drawn is looked at"
    found = {
        "recipient": asked["recipient"],
        "found": FOUND[given.verdict],
        "by": given.login,
        "chip": given.chip,
    }
    decision = state.decisions.get(given.decision_id)
    state_now = given.last_state if decision is None else decision.state
    if decision is not None:
        decision.body = {**decision.body, "spot_check": found}
    tally.moved.append(
        DecisionMoved(
            decision_id=given.decision_id,
            version=given.last_version if decision is None else decision.version,
            at=tally.at,
            changes={"state": state_now, "spot_check": found},
            reason=f"looked at by {given.login}: {found['found']}",
        )
    )
