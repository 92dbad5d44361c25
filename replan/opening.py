"""Who has a case before them? Whoever may answer it and has opened it last.

Nobody else is kept from answering. A case that nobody opened is open, one that somebody opened is
acknowledged: both are `escalated`, and both go to the next recipient at the deadline.
"""

from replan.desk_state import PENDING, CaseOpened, DeskState
from replan.docket import Tally
from replan.effects import DecisionMoved
from replan.people import may_answer
from replan.units import instant_text


def take_opening(state: DeskState, given: CaseOpened, tally: Tally) -> None:
    """Keep who opened a case that waits; one who may not answer it, or has it already, changes
    nothing.
    """
    decision = state.decisions.get(given.decision_id)
    if decision is None or decision.state not in PENDING:
        return
    held = decision.body.get("opened")
    if held is not None and held["by"] == given.login:
        return
    people = tally.policy.people
    if may_answer(people, given.login, decision.recipient, decision.region, 0) is not None:
        return
    opened = {"by": given.login, "at": instant_text(given.at)}
    decision.body = {**decision.body, "opened": opened}
    tally.moved.append(
        DecisionMoved(
            decision_id=decision.decision_id,
            version=decision.version,
            at=tally.at,
            changes={"state": decision.state, "opened": opened},
            reason=f"opened by {given.login}",
        )
    )
