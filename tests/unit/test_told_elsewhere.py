"""Is one cause announced once to a recipient, and the day's budget kept, over all planning
groups (PL9)?"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from replan.desk_state import TickDue
from replan.infra.desk.room import transact
from replan.infra.ledger.rows import ProposalRow
from replan.infra.ledger.store import Ledger
from replan.infra.planners.office import Office
from replan.infra.proof.replay_run import replay
from replan.records import proposal_json
from replan.solver.joint import JointPlanner
from tests.authority_worlds import table
from tests.databases import Place
from tests.desk_cases import HOUR, NOW, case, rule
from tests.unit.test_office import source

ASKING = table(rule("ASK", "ESCALATE"))
SUPPLIER = "supplier:SUP1"


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    ledger = place.open()
    yield ledger
    ledger.close()


def tick(
    ledger: Ledger, group: str, item: str, at: datetime = NOW, cause: str = SUPPLIER, **how: Any
) -> dict[str, Any]:
    """A tick of one group with one case; its decision."""
    one = case(item=item, group=group, cause=cause, at=at, episode=f"ep-{item}-{at:%H}")
    with ledger.transaction() as write:
        write.set_clock(at)
        write.add_proposals(at, [ProposalRow(group=group, item=item, n=1, body=proposal_json(one))])
    due = TickDue(at=at, proposals=(one,), reassessed=(), cleared=())
    policy = source(ASKING, **how).at(at, "sha256:" + "2" * 64)
    [made] = transact(ledger, group, due, policy).outcome.made
    return dict(made.body)


def test_a_cause_that_another_group_announced_is_not_announced_again(ledger: Ledger) -> None:
    first = tick(ledger, "dairy", "I1")
    second = tick(ledger, "drinks", "I2")
    assert (first["parent"], first["notified"]) == (None, True)
    assert (second["parent"], second["notified"]) == (first["decision_id"], False)


def test_the_budget_of_a_day_is_one_for_all_groups(ledger: Ledger) -> None:
    told = [
        tick(ledger, group, item, cause=f"item:{item}", alerts_per_day=2)["notified"]
        for group, item in (("dairy", "I1"), ("drinks", "I2"), ("fresh", "I3"))
    ]
    assert told == [True, True, False]


def test_what_was_decided_leads_nobody_any_more(ledger: Ledger) -> None:
    first = tick(ledger, "dairy", "I1")
    Office(ledger, source(ASKING)).verdict(
        first["decision_id"], "reject", login="ann", chip="policy"
    )
    second = tick(ledger, "drinks", "I2", NOW + HOUR)
    assert (second["parent"], second["notified"]) == (None, False)


def test_what_was_heard_from_other_groups_replays(ledger: Ledger) -> None:
    tick(ledger, "dairy", "I1")
    tick(ledger, "drinks", "I2")

    class Recorded:
        def plan(self, problems: Any) -> tuple[Any, ...]:
            return tuple(case(item=p.item, at=p.asked_at).answer for p in problems)

    compared = list(replay(ledger, ["dairy", "drinks"], Recorded(), JointPlanner()))
    assert [c.equal for c in compared] == [True, True]
