"""How is the result of a decision kept? As a member of its body, and with the precedents of its
item.
"""

from collections.abc import Sequence

from replan.desk_state import DeskState
from replan.docket import Tally
from replan.effects import CaseResult, DecisionMoved


def take_results(state: DeskState, results: Sequence[CaseResult], tally: Tally) -> None:
    """Put results on record; nothing else about a decision changes by them."""
    for result in results:
        decision = state.decisions.get(result.decision_id)
        version, standing = result.version, result.state
        if decision is not None:
            version, standing = decision.version, decision.state
            decision.body = {**decision.body, "result": dict(result.body)}
        tally.moved.append(
            DecisionMoved(
                decision_id=result.decision_id,
                version=version,
                at=tally.at,
                changes={"state": standing, "result": dict(result.body)},
                reason="its horizon is over",
            )
        )
        short = {name: result.body[name] for name in ("gained_minor", "missed_minor")}
        if result.item in state.past:
            state.past[result.item] = [
                {**row, "result": short} if row["decision_id"] == result.decision_id else row
                for row in state.past[result.item]
            ]
