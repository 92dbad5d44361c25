"""Whose is each open case? For one login: what it may answer, and what would have to be somebody
else's.

Read from the desks as they stand, by the rules that judge an answer; so a list that says `mine` and
the desk that takes the verdict agree.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from replan.desk_state import PENDING
from replan.infra.ledger.records import LedgerRecords
from replan.network import Network
from replan.people import AnswerCode, People, may_answer
from replan.together import needs_own


@dataclass(frozen=True, slots=True, kw_only=True)
class Answerable:
    """How one login stands to one open case. `code`: why it may not release the plan alone or with
    a second person, None if it may. `region`: the one that all goods go to, None for several.
    `together`: row of the table and option, where the login may approve it with others of the same
    two in one answer; None where it needs an answer of its own. `mine`: whether it is this login's
    to answer at all, be it above its limit.
    """

    code: AnswerCode | str | None
    region: str | None
    together: tuple[str, str] | None

    @property
    def mine(self) -> bool:
        return self.code != "not_allowed"


def standings(
    ledger: LedgerRecords,
    groups: Iterable[str],
    people: People,
    login: str,
    at: datetime,
    network: Network,
) -> dict[str, Answerable]:
    """By id of each case that waits at `at` in these groups, how the login stands to it."""
    found: dict[str, Answerable] = {}
    for group in sorted(frozenset(groups)):
        for row in (ledger.desk(group).body or {"decisions": []})["decisions"]:
            if row["state"] in PENDING:
                found[row["decision_id"]] = _standing(row, people, login, at, network)
    return found


def _standing(
    row: Mapping[str, Any], people: People, login: str, at: datetime, network: Network
) -> Answerable:
    code: str | None = may_answer(
        people, login, row["recipient"], row["region"], row["current_value_minor"]
    )
    if code is None and login == row["proposed_by"]:
        code = "own_proposal"
    elif code is None and login in row["approved_by"]:
        code = "same_approver"
    alone = code is not None or needs_own(row, at, network) is not None
    together = None if alone else (row["body"]["rule_id"], row["body"]["chosen"])
    return Answerable(code=code, region=row["region"], together=together)
