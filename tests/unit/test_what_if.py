"""Is what a change would come to what the change then comes to, and does asking leave no trace?"""

from collections.abc import Iterator
from typing import Any

import pytest

from replan.errors import UsageError
from replan.infra.ledger.store import Ledger
from replan.infra.planners.office import Office
from replan.infra.planners.what_if import Tried
from replan.infra.planners.wishes import Wish
from replan.people import People
from replan.units import Units
from tests.authority_worlds import table
from tests.databases import Place
from tests.desk_cases import planner, rule
from tests.escalations import proposal
from tests.offices import source, tick

RULES = table(rule("ASK", "ESCALATE"), rule("RUSH", "ESCALATE", "expedite"))
"""S05 may give 60 in sixes; the plan shown moves 24."""


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    ledger = place.open(busy_seconds=30)
    yield ledger
    ledger.close()


def office_of(ledger: Ledger, **changes: Any) -> Office:
    policies = source(RULES, **changes)
    tick(ledger, policies, proposal())
    return Office(ledger, policies)


def only(office: Office) -> str:
    [body] = office.queue()
    return str(body["decision_id"])


def asked(office: Office, qty: int, login: str = "ann") -> Tried:
    return office.what_if(only(office), "modify", login=login, wish=Wish(qty=Units(qty * 1_000)))


def test_beyond_the_donor_s_limit_is_named_and_within_it_is_priced(ledger: Ledger) -> None:
    """PL5: of 60 that the donor may give, 66 are refused by name and 48 are priced anew."""
    office = office_of(ledger)
    refused = asked(office, 66)
    assert (refused.result.status, refused.result.code) == (422, "infeasible")
    assert dict(refused.result.diff or {})["donor_p_stockout"]["most"] == 60
    assert refused.json()["would"] is None
    priced = asked(office, 48)
    assert (priced.result.status, priced.result.state) == (200, "modified")
    option = priced.option or {}
    assert [a["qty"] for a in option["actions"]] == [48]
    assert option["cost_minor"]["p10"] <= option["cost_minor"]["p50"]
    assert priced.json()["would"]["value_minor"] > office.queue()[0]["value_minor"]


def test_asking_changes_nothing_and_what_was_said_comes_true(ledger: Ledger) -> None:
    office = office_of(ledger)
    decision_id = only(office)
    before = (office.decision(decision_id), ledger.decisions_digest(), ledger.desk("all"))
    told = asked(office, 30)
    assert (office.decision(decision_id), ledger.decisions_digest(), ledger.desk("all")) == before
    assert ledger.decision(decision_id).verdicts == ()
    given = office.verdict(
        decision_id, "modify", login="ann", chip="policy", wish=Wish(qty=Units(30_000))
    )
    assert given == told.result
    assert office.decision(decision_id)["options"][0] == told.option


def test_above_the_limit_of_who_asks_it_says_who_else_must_approve(ledger: Ledger) -> None:
    """PL6."""
    people = People(
        planners=(planner("ann", "planner", limit=15_000), planner("zoe", "planner", limit=None))
    )
    told = asked(office_of(ledger, people=people), 36)
    would = told.json()["would"]
    assert (told.result.state, would["why_escalated"]["code"]) == ("escalated", "four_eyes")
    assert would["recipient"] == "role:planner"


def test_an_older_version_is_not_priced(ledger: Ledger) -> None:
    office = office_of(ledger)
    wish = Wish(qty=Units(30_000))
    told = office.what_if(only(office), "modify", login="ann", version=2, wish=wish)
    assert (told.result.status, told.result.code) == (409, "stale")


@pytest.mark.parametrize(
    ("verdict", "changes"),
    [
        ("modify", {}),
        ("modify", {"login": "nobody", "wish": Wish(qty=Units(6_000))}),
        ("modify", {"option": "teleport", "wish": Wish(qty=Units(6_000))}),
        ("postpone", {}),
    ],
)
def test_what_cannot_be_meant_is_an_error(
    ledger: Ledger, verdict: str, changes: dict[str, Any]
) -> None:
    office = office_of(ledger)
    with pytest.raises(UsageError):
        office.what_if(only(office), verdict, **({"login": "ann"} | changes))
