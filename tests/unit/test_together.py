"""May several cases be approved with one answer, and does it take all of them or none?"""

from collections.abc import Iterator
from datetime import time
from typing import Any

import pytest

from replan.errors import UsageError
from replan.infra.ledger.store import Ledger
from replan.infra.planners.office import Office
from replan.infra.planners.one_answer import Together
from replan.infra.planners.request_key import RequestKey
from replan.infra.proof.replay_run import replay
from replan.solver.joint import JointPlanner
from tests.authority_worlds import table
from tests.databases import Place
from tests.desk_cases import HOUR, NOW, case, forward, move, network, option, rule
from tests.unit.test_office import source, tick
from tests.unit.test_scoring import _Recorded as AsRecorded

ROWS = table(rule("ASK", "ESCALATE"), rule("RUSH", "ESCALATE", "expedite"))


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    ledger = place.open()
    yield ledger
    ledger.close()


def office(ledger: Ledger, rules: Any = ROWS, **changes: Any) -> Office:
    """Three cases wait: two moves that are alike, and an order to be brought forward."""
    policies = source(rules, **changes)
    tick(
        ledger,
        policies,
        case(option("plan", move("I1", 4)), item="I1"),
        case(option("plan", move("I2", 4)), item="I2"),
        case(option("rush", forward("I3")), item="I3"),
    )
    return Office(ledger, policies)


def waiting(desk: Office, *items: str) -> list[tuple[str, int]]:
    bodies = {body["item"]: body for body in desk.queue()}
    return [(bodies[item]["decision_id"], bodies[item]["version"]) for item in items]


def approve(desk: Office, *items: str, login: str = "ann") -> Together:
    return desk.approve_together(waiting(desk, *items), login=login, chip="policy")


def test_cases_that_are_alike_are_approved_with_one_answer(ledger: Ledger) -> None:
    done = approve(office(ledger), "I1", "I2")
    assert (done.taken, [r.state for r in done.results]) == (True, ["approved", "approved"])
    assert len(ledger.outbox()) == 2


def test_each_of_them_keeps_its_own_verdict_on_the_chain(ledger: Ledger) -> None:
    desk = office(ledger)
    ids = [d for d, _ in waiting(desk, "I1", "I2")]
    approve(desk, "I1", "I2")
    assert [d for d, v in ledger.verdicts_accepted() if v == "approve"] == ids
    assert ledger.verify_audit().first_bad is None


def test_where_one_is_refused_none_is_taken(ledger: Ledger) -> None:
    """The second has changed since it was shown."""
    desk = office(ledger)
    [first, (second, version)] = waiting(desk, "I1", "I2")
    done = desk.approve_together([first, (second, version + 1)], login="ann", chip="policy")
    assert (done.taken, [(r.decision_id, r.code) for r in done.results]) == (
        False,
        [(second, "stale")],
    )
    assert ledger.outbox() == ()
    assert {body["state"] for body in desk.queue()} == {"escalated"}


def test_what_stood_against_a_whole_is_on_record(ledger: Ledger) -> None:
    desk = office(ledger)
    [first, (second, version)] = waiting(desk, "I1", "I2")
    desk.approve_together([first, (second, version + 1)], login="ann", chip="policy")
    assert [v["code"] for v in ledger.decision(second).verdicts] == ["stale"]
    assert ledger.decision(first[0]).verdicts == ()


def test_each_for_itself_takes_those_that_can_be_taken(ledger: Ledger) -> None:
    desk = office(ledger)
    [first, (second, version)] = waiting(desk, "I1", "I2")
    done = desk.approve_each([first, (second, version + 1)], login="ann", chip="policy")
    assert [(r.result, r.code) for r in done] == [("accepted", None), ("refused", "stale")]


def test_each_for_itself_under_its_key_counts_once(ledger: Ledger) -> None:
    desk = office(ledger)
    cases = waiting(desk, "I1", "I2")
    keys = {d: RequestKey.of("ann", f"form.{d}", {"decision_id": d}) for d, _ in cases}
    first, again = (
        desk.approve_each(cases, login="ann", chip="policy", keys=keys) for _ in range(2)
    )
    assert again == first
    assert len(ledger.outbox()) == 2


def test_each_for_itself_needs_cases_that_are_alike(ledger: Ledger) -> None:
    desk = office(ledger)
    with pytest.raises(UsageError, match="differ in rule_id: RUSH and ASK"):
        desk.approve_each(waiting(desk, "I1", "I3"), login="ann", chip="policy")
    assert ledger.outbox() == ()


def test_what_may_be_approved_together_is_told_by_the_same_rule(ledger: Ledger) -> None:
    desk = office(ledger)
    told = desk.standings("ann")
    found = [told[decision_id].together for decision_id, _ in waiting(desk, "I1", "I2", "I3")]
    assert found == [("ASK", "plan"), ("ASK", "plan"), ("RUSH", "rush")]


def test_what_needs_two_people_is_not_told_as_like_others(ledger: Ledger) -> None:
    desk = office(ledger, table(rule("TOP", "ESCALATE", approvals=2)))
    assert {standing.together for standing in desk.standings("ann").values()} == {None}


def test_whoever_may_answer_none_of_them_takes_none(ledger: Ledger) -> None:
    done = approve(office(ledger), "I1", "I2", login="tim")
    assert (done.taken, {r.code for r in done.results}) == (False, {"not_allowed"})


def test_cases_of_different_rows_need_an_answer_each(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="differ in rule_id: RUSH and ASK"):
        approve(office(ledger), "I1", "I3")


def test_a_case_of_the_second_tier_needs_an_answer_of_its_own(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="needs two people"):
        approve(office(ledger, table(rule("TOP", "ESCALATE", approvals=2))), "I1", "I2")


def test_what_no_row_sent_to_a_person_needs_an_answer_each(ledger: Ledger) -> None:
    desk = office(ledger, table())
    with pytest.raises(UsageError, match="by no row of the table"):
        approve(desk, "I1", "I2", login="max")


def test_what_could_not_be_called_off_any_more_needs_an_answer_each(ledger: Ledger) -> None:
    """The van leaves at 08:00 Berlin time, and it is later than that."""
    desk = office(ledger, network=network(cutoff=time(8)))
    with ledger.transaction() as write:
        write.set_clock(NOW + HOUR / 2)
    with pytest.raises(UsageError, match="could not be called off any more"):
        approve(desk, "I1", "I2")


def test_a_case_is_named_once(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="name each case once"):
        approve(office(ledger), "I1", "I1")


# Who has a case before them


def test_who_opened_a_case_has_it(ledger: Ledger) -> None:
    desk = office(ledger)
    [(decision_id, _)] = waiting(desk, "I1")
    assert desk.open_case(decision_id, login="ann") == {"by": "ann", "at": "2026-05-04T06:00:00Z"}
    assert desk.decision(decision_id)["state"] == "escalated"


def test_whoever_may_answer_it_may_take_it_from_another(ledger: Ledger) -> None:
    desk = office(ledger)
    [(decision_id, _)] = waiting(desk, "I1")
    desk.open_case(decision_id, login="ann")
    assert desk.open_case(decision_id, login="eva") == {"by": "eva", "at": "2026-05-04T06:00:00Z"}


def test_opening_again_is_no_news(ledger: Ledger) -> None:
    desk = office(ledger)
    [(decision_id, _)] = waiting(desk, "I1")
    for _ in range(3):
        desk.open_case(decision_id, login="ann")
    assert len(ledger.decision(decision_id).moves) == 1


def test_whoever_may_not_answer_it_does_not_have_it(ledger: Ledger) -> None:
    desk = office(ledger)
    [(decision_id, _)] = waiting(desk, "I1")
    assert desk.open_case(decision_id, login="tim") is None


def test_having_a_case_keeps_nobody_from_answering(ledger: Ledger) -> None:
    desk = office(ledger)
    [(decision_id, version)] = waiting(desk, "I1")
    desk.open_case(decision_id, login="eva")
    said = desk.verdict(decision_id, "approve", login="ann", chip="policy", version=version)
    assert said.result == "accepted"


def test_opening_replays(ledger: Ledger) -> None:
    policies = source(ROWS)
    tick(ledger, policies, case(option("plan", move(qty=10))))
    desk = Office(ledger, policies)
    [(decision_id, _)] = waiting(desk, "I1")
    desk.open_case(decision_id, login="ann")
    desk.verdict(decision_id, "reject", login="ann", chip="policy")
    assert ledger.verify_audit().first_bad is None
    assert all(c.equal for c in replay(ledger, ["all"], AsRecorded(), JointPlanner()))


# Labels


def test_what_people_said_is_a_label_with_the_facts_of_the_case(
    ledger: Ledger, place: Place
) -> None:
    """PL7, DS7: reasons are labels."""
    desk = office(ledger)
    [(decision_id, _)] = waiting(desk, "I1")
    desk.verdict(decision_id, "reject", login="ann", chip="known_event", note="fair")
    [label] = ledger.labels()
    named = ("decision_id", "kind", "verdict", "chip", "note", "category", "dq", "recommended")
    assert [label[name] for name in named] == [
        decision_id,
        "verdict",
        "reject",
        "known_event",
        "fair",
        "demand_surge",
        "green",
        "plan",
    ]
    assert label["tags"] == []


def test_a_label_does_not_say_who_said_it(ledger: Ledger) -> None:
    desk = office(ledger)
    [(decision_id, _)] = waiting(desk, "I1")
    desk.verdict(decision_id, "reject", login="ann", chip="policy")
    assert "ann" not in str(ledger.labels())


def test_refused_verdicts_are_no_labels(ledger: Ledger) -> None:
    desk = office(ledger)
    [(decision_id, _)] = waiting(desk, "I1")
    desk.verdict(decision_id, "approve", login="tim", chip="policy")
    assert ledger.labels() == ()


def test_labels_can_be_asked_for_from_an_instant_on(ledger: Ledger) -> None:
    desk = office(ledger)
    [(decision_id, _)] = waiting(desk, "I1")
    desk.verdict(decision_id, "reject", login="ann", chip="policy")
    assert ledger.labels(NOW + HOUR) == ()
    assert len(ledger.labels(NOW)) == 1
