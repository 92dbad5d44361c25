"""Are few readers asked for their own estimate first, is it kept once, and is it theirs alone?"""

from collections.abc import Iterator
from typing import Any

import pytest

from replan.authority_table import MILLION
from replan.errors import UsageError
from replan.infra.ledger.store import Ledger
from replan.infra.planners import first_estimate
from replan.infra.planners.first_estimate import is_asked_first
from replan.infra.planners.office import Office
from tests.authority_worlds import table
from tests.databases import Place
from tests.desk_cases import rule
from tests.escalations import body_of, proposal
from tests.offices import source, tick


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    ledger = place.open(busy_seconds=30)
    yield ledger
    ledger.close()


def second_tier(approvals: int = 2) -> dict[str, Any]:
    body = body_of(proposal())
    for row in body["brief"]["options"]:
        if row["authority"] is not None:
            row["authority"]["approvals"] = approvals
    return body


def test_one_case_in_twenty_of_the_second_tier_is_drawn() -> None:
    body = second_tier()
    bodies = [{**body, "decision_id": f"dec-{n}"} for n in range(4_000)]
    assert 160 <= sum(map(is_asked_first, bodies)) <= 240


def test_a_case_that_one_person_may_approve_is_never_drawn() -> None:
    body = second_tier(approvals=1)
    bodies = [{**body, "decision_id": f"dec-{n}"} for n in range(500)]
    assert not any(map(is_asked_first, bodies))


@pytest.fixture
def office(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Office:
    """An office with one case that two people must approve, where every such case is drawn."""
    monkeypatch.setattr(first_estimate, "RATE", MILLION)
    policies = source(table(rule("TOP", "ESCALATE", approvals=2)))
    tick(ledger, policies, proposal())
    return Office(ledger, policies)


def test_the_first_estimate_of_each_reader_is_on_record_and_stays(
    office: Office, ledger: Ledger
) -> None:
    [body] = office.queue()
    decision_id = body["decision_id"]
    assert office.estimate(decision_id, "ann").is_owed
    office.keep_estimate(decision_id, "ann", "40")
    office.keep_estimate(decision_id, "ann", "25")
    assert office.estimate(decision_id, "ann").units == 40
    assert office.estimate(decision_id, "zoe").is_owed
    [row] = [r.body for r in ledger.decision(decision_id).audit if r.body["kind"] == "estimate"]
    assert (row["login"], row["version"], row["units"]) == ("ann", 1, 40)
    assert office.decision(decision_id) == {k: body[k] for k in body if k != "urgency"}
    assert ledger.verify_audit().ok


@pytest.mark.parametrize("units", ["", "many", "-1", "NaN", "1e12"])
def test_what_is_no_quantity_is_not_kept(office: Office, units: str) -> None:
    [body] = office.queue()
    with pytest.raises(UsageError):
        office.keep_estimate(body["decision_id"], "ann", units)
    assert office.estimate(body["decision_id"], "ann").is_owed
