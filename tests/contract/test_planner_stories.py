"""Do the stories of a planner hold on a real ledger, in either database?"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from replan.brief import BLOCKS, check_brief
from replan.brief_text import MOST_WORDS
from replan.effects import Proposal
from replan.infra.ledger.store import Ledger
from replan.infra.planners.office import Office
from replan.infra.review.brief_shape import faults_of_shape
from replan.planning import Spread
from tests.authority_worlds import table
from tests.databases import Place
from tests.desk_cases import HOUR, NONE, NOW, case, move, option, rule
from tests.escalations import proposal
from tests.offices import source, tick

RULES = table(rule("ASK", "ESCALATE"), rule("RUSH", "ESCALATE", "expedite"))


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    ledger = place.open(busy_seconds=30)
    yield ledger
    ledger.close()


def at_risk(item: str, minor: int, hours: int) -> Proposal:
    """A case that stands to lose so much, with so long to the last moment of its plan."""
    question = case(option("r", move(item)), item=item, cause=f"item:{item}", short_by=0)
    lanes = tuple(replace(o, latest_start=NOW + hours * HOUR) for o in question.problem.lanes)
    costs = Spread(p10=0, p50=minor, p90=2 * minor)
    return replace(
        question,
        problem=replace(question.problem, lanes=lanes),
        answer=replace(
            question.answer,
            options=(question.answer.options[0], replace(NONE, cost_minor=costs)),
        ),
        loss_mean_minor=minor,
    )


def queue_of(ledger: Ledger, *cases: Proposal) -> list[dict[str, Any]]:
    policies = source(RULES)
    tick(ledger, policies, *cases)
    return Office(ledger, policies).queue()


def test_the_queue_is_ordered_by_what_is_lost_by_the_time_left(ledger: Ledger) -> None:
    """PL1: A 9 k with 10 h left, B 4 k with 1 h, C 9 k with 1 h are read as C, B, A."""
    cases = (at_risk("I1", 9_000, 10), at_risk("I2", 4_000, 1), at_risk("I3", 9_000, 1))
    assert [body["item"] for body in queue_of(ledger, *cases)] == ["I3", "I2", "I1"]


def test_the_brief_of_an_escalation_is_complete(ledger: Ledger) -> None:
    """PL2."""
    [body] = queue_of(ledger, proposal(evidence=5, lacks=("S03: stock was never counted",)))
    brief = body["brief"]
    assert [*brief] == sorted([*BLOCKS, "text"])
    assert faults_of_shape(brief) == []
    assert check_brief(brief, body["evidence"]) == []
    assert len(brief["text"].split()) <= MOST_WORDS
    assert len(brief["options"]) >= 3
    assert [o["name"] for o in brief["options"] if not o["actions"]] == ["none"]


def test_each_option_says_how_well_it_serves_and_whose_authority_it_needs(ledger: Ledger) -> None:
    """PL2: what a planner compares options by, beside their price."""
    [body] = queue_of(ledger, proposal())
    options = {o["name"]: o for o in body["brief"]["options"]}
    rates = {name: o["fill_rate"]["p50"] for name, o in options.items()}
    assert max(rates.values()) > rates["none"]
    assert options["none"]["authority"] is None
    assert options["expedite"]["authority"]["rule_id"] == "RUSH"
    assert options["reallocate"]["authority"] == {
        "mode": "ESCALATE",
        "rule_id": "ASK",
        "recipient": body["recipient"],
        "approvals": 1,
        "value_minor": body["value_minor"],
    }
    assert options["reallocate"]["cancel_by"] is not None


def test_the_drivers_of_a_brief_add_up_and_its_limits_are_named(ledger: Ledger) -> None:
    """PL10, within a unit."""
    asked = proposal()
    [body] = queue_of(ledger, asked)
    told = sum(d["units"] for d in body["brief"]["recommendation"]["drivers"])
    assert abs(told - sum(d.units for d in asked.drivers) / 1_000) <= 1
    [chosen] = [o for o in body["brief"]["options"] if o["name"] == body["chosen"]]
    assert chosen["binding"] == ["lots of 6 on lane L05-03"]
