"""What would recorded cases have come to under another decision table?

Each recorded plan is put before the table as it stood then: same facts, same day, same data
quality. What ran earlier in the trial counts against caps, sums and rests; what a person released
then counts as it did. The run's mode and stops are left out, since the question is the table's.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from replan.authority_table import AuthorityTable
from replan.commitments import reach
from replan.decision import moves_of
from replan.desk_state import Policy
from replan.docket import Tally
from replan.effects import Move, Proposal
from replan.judgement import Judgement
from replan.planning import Option
from replan.units import ActionId, DecisionId

Answer = Literal["runs", "asks", "recommends", "shadows", "escalates"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A plan as it was decided first, under what, and what became of it: the state it is in, and by
    how much less it would have cost than doing nothing on the demand that came (minor units; None:
    that is not known yet).
    """

    decision_id: DecisionId
    at: datetime
    proposal: Proposal
    option: Option
    policy: Policy
    ended: str
    worth_minor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What a table says to a recorded plan."""

    answer: Answer
    code: str | None
    rule_id: str | None
    value_minor: int


def tried(
    cases: Sequence[Recorded], table: AuthorityTable, moves: Iterable[Move]
) -> dict[DecisionId, Tried]:
    """What a table says to each case, in the order in which a desk would take them; its window is
    not looked at. `moves`: all reservations on record.
    """
    endless = replace(
        table,
        effective_from=min([table.effective_from, *(case.at for case in cases)]),
        effective_to=datetime.max.replace(tzinfo=table.effective_to.tzinfo),
    )
    counted: dict[DecisionId, tuple[Move, ...]] = {}
    for move in moves:
        live = replace(move, account="live")
        counted[move.decision_id] = (*counted.get(move.decision_id, ()), live)
    released = {m.action_id for ms in counted.values() for m in ms if m.released}
    done: dict[DecisionId, Tried] = {}
    for case in sorted(
        cases, key=lambda c: (c.at, c.proposal.group, -c.option.benefit_mean_minor, c.proposal.item)
    ):
        policy = replace(case.policy, table=endless, mode="live", stops=())
        since = case.at - reach(endless)
        before = [
            move
            for decision_id, each in counted.items()
            for move in each
            if since <= move.at and (move.at < case.at or decision_id in done)
        ]
        tally = Tally(policy=policy, at=case.at, moves=before)
        made = Judgement(case.proposal, case.option, case.decision_id, tally)
        done[case.decision_id] = said = _said(made)
        if said.answer == "runs":
            actions = [ActionId(action["action_id"]) for action in made.actions]
            own = moves_of(case.decision_id, actions, made.keys, made.values, case.at, "live")
            counted[case.decision_id] = tuple(
                replace(move, released=move.action_id in released) for move in own
            )
        else:
            # What ran then did not in the trial; what a person released later stays.
            later = counted.get(case.decision_id, ())
            counted[case.decision_id] = tuple(move for move in later if move.at > case.at)
    return done


def _said(made: Judgement) -> Tried:
    why, ruling = made.ruled()
    answer: Answer = "runs"
    if why is not None:
        answer = "escalates"
    elif ruling.mode == "CLARIFY":
        answer = "asks"
    elif made.mode in ("recommend", "shadow"):
        answer = "recommends" if made.mode == "recommend" else "shadows"
    return Tried(
        answer=answer,
        code=None if why is None else why.code,
        rule_id=ruling.rule_id,
        value_minor=made.value,
    )


def trial_row(case: Recorded, was: Tried, would: Tried) -> dict[str, Any]:
    """One case under two tables, as printed."""
    return {
        "decision_id": case.decision_id,
        "decided_at": case.at.isoformat().replace("+00:00", "Z"),
        "item": case.proposal.item,
        "site": case.proposal.site,
        "category": case.proposal.category,
        "value_minor": would.value_minor,
        "currency": case.policy.currency,
        "was": {"answer": was.answer, "code": was.code, "rule_id": was.rule_id},
        "would": {"answer": would.answer, "code": would.code, "rule_id": would.rule_id},
        "ended": case.ended,
        "worth_minor": case.worth_minor,
        "changed": was.answer != would.answer,
    }


def trial_summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How many cases would have run and did not, and the other way round: number, value, and how
    they ended, by the row that says so now (or said so).
    """

    def part(side: str, other: str) -> list[dict[str, Any]]:
        mine = [r for r in rows if r[side]["answer"] == "runs" and r[other]["answer"] != "runs"]
        by_rule: dict[str, list[Mapping[str, Any]]] = {}
        for row in mine:
            by_rule.setdefault(row[side]["rule_id"] or "none", []).append(row)
        return [
            {
                "rule_id": rule_id,
                "cases": len(each),
                "value_minor": sum(row["value_minor"] for row in each),
                "known": sum(row["worth_minor"] is not None for row in each),
                "worth_minor": sum(row["worth_minor"] or 0 for row in each),
                "ended": dict(sorted(Counter(row["ended"] for row in each).items())),
            }
            for rule_id, each in sorted(by_rule.items())
        ]

    return {"cases": len(rows), "more": part("would", "was"), "fewer": part("was", "would")}
