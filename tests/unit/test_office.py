"""Is there one office behind every way in, and one winner among those who answer at once?"""

import json
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from replan.authority import AuthorityTable
from replan.effects import Proposal
from replan.errors import UsageError
from replan.infra.desk.policy import kept_policy
from replan.infra.ledger.store import Ledger
from replan.infra.planners.office import Office
from replan.infra.planners.wishes import Wish
from replan.infra.proof.replay_run import replay
from replan.people import People
from replan.planning import Answer, PlanningProblem, Spread
from replan.solver.joint import JointPlanner
from replan.units import Units
from replan.verdicts import VerdictResult
from tests.authority_worlds import table
from tests.desk_cases import (
    HOUR,
    MAY_MOVE,
    NONE,
    NOW,
    case,
    move,
    option,
    planner,
    rule,
)
from tests.escalations import proposal
from tests.ledger_builders import new_ledger
from tests.offices import ASKING, source, tick

PATIENT = 30.0


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    new_ledger(tmp_path).close()
    opened = Ledger.open("sqlite:///ledger.db", tmp_path, busy_seconds=PATIENT)
    yield opened
    opened.close()


@pytest.fixture
def office(ledger: Ledger) -> Office:
    tick(ledger, source(), case())
    return Office(ledger, source())


def only(office: Office) -> str:
    [body] = office.queue()
    return str(body["decision_id"])


def answered(office: Office, decision_id: str, **changes: Any) -> VerdictResult:
    given: dict[str, Any] = {"login": "ann", "chip": "known_event"} | changes
    return office.verdict(decision_id, given.pop("verdict", "approve"), **given)


def test_lists_leave_out_brief_and_versions(office: Office) -> None:
    [row] = office.decisions(None, None, None)
    whole = office.decision(row["decision_id"])
    assert set(whole) - set(row) == {"brief", "versions"}
    assert all(row[name] == whole[name] for name in row)


def test_lists_can_be_cut_to_a_state_an_item_and_a_time(office: Office) -> None:
    assert len(office.decisions("escalated", "I1", NOW)) == 1
    assert office.decisions("executed", None, None) == []
    assert office.decisions(None, "I2", None) == []
    assert office.decisions(None, None, NOW + timedelta(seconds=1)) == []


def test_the_most_urgent_case_comes_first(ledger: Ledger) -> None:
    def at_risk(item: str, minor: int, hours: int) -> Proposal:
        question = case(option("r", move(item)), item=item, cause=f"item:{item}", short_by=0)
        lanes = tuple(replace(o, latest_start=NOW + hours * HOUR) for o in question.problem.lanes)
        costs = Spread(p10=0, p50=minor, p90=2 * minor)
        options = (question.answer.options[0], replace(NONE, cost_minor=costs))
        return replace(
            question,
            problem=replace(question.problem, lanes=lanes),
            answer=replace(question.answer, options=options),
            loss_mean_minor=minor,
        )

    cases = (at_risk("I1", 9_000, 10), at_risk("I2", 4_000, 1), at_risk("I3", 9_000, 1))
    tick(ledger, source(), *cases)
    queue = Office(ledger, source()).queue()
    assert [body["item"] for body in queue] == ["I3", "I2", "I1"]


def test_an_answer_ends_the_wait(office: Office, ledger: Ledger) -> None:
    decision_id = only(office)
    assert answered(office, decision_id).state == "approved"
    assert office.queue() == []
    assert office.decision(decision_id)["state"] == "approved"
    assert [row.state for row in ledger.outbox(decision_id)] == ["pending"]


def test_answers_are_kept_the_refused_ones_too(office: Office, ledger: Ledger) -> None:
    decision_id = only(office)
    answered(office, decision_id, login="bob")
    answered(office, decision_id)
    answered(office, decision_id, verdict="reject")
    kept = ledger.decision(decision_id).verdicts
    assert [(v["login"], v["result"], v["code"], v["version"]) for v in kept] == [
        ("bob", "refused", "over_limit", 1),
        ("ann", "accepted", None, 1),
        ("ann", "refused", "already_decided", 1),
    ]
    assert ledger.verify_audit().ok


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"decision_id": "dec-none"}, "decision 'dec-none': there is none of that id"),
        ({"login": "nobody"}, "login 'nobody' is not in planners.yaml"),
        ({"chip": "because"}, "reason 'because' is not one of data_wrong, "),
        ({"chip": "other"}, "reason other needs a note"),
        ({"option": "teleport"}, "option 'teleport' is not one of reallocate, none"),
        ({"verdict": "postpone"}, "verdict 'postpone' is not one of approve, modify"),
        ({"verdict": "modify"}, "modify needs a quantity, a date, a source or a mode"),
    ],
)
def test_what_cannot_be_is_named(office: Office, changes: dict[str, Any], says: str) -> None:
    decision_id = changes.pop("decision_id", None) or only(office)
    with pytest.raises(UsageError, match=says.replace("'", "['\"]")):
        answered(office, decision_id, **changes)


def test_the_status_names_the_table_in_force(office: Office) -> None:
    status = office.status("live")
    assert status["authority"] == {
        "version": 1,
        "hash": ASKING.hash,
        "in_force": True,
        "reason": None,
    }
    assert (status["clock"], status["mode"], status["stopped"]) == (
        "2026-05-04T06:00:00Z",
        "live",
        [],
    )


def test_before_the_first_event_there_is_a_status_too(ledger: Ledger) -> None:
    status = Office(ledger, source()).status("shadow")
    assert (status["clock"], status["authority"]["in_force"]) == (None, False)
    assert status["events"] == dict.fromkeys(
        ("accepted", "rejected", "duplicate", "late", "quarantined"), 0
    )


def race(ledger: Ledger, decision_id: str, *answers: dict[str, Any]) -> list[VerdictResult]:
    """Several people answer the same decision at the same moment."""
    start = threading.Barrier(len(answers))
    results: list[VerdictResult] = []

    def answer(given: dict[str, Any]) -> None:
        office = Office(ledger, source(people=crowd(len(answers))))
        start.wait()
        results.append(answered(office, decision_id, **given))

    threads = [threading.Thread(target=answer, args=(given,)) for given in answers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def crowd(count: int) -> People:
    return People(planners=tuple(planner(f"p{n}", "planner") for n in range(count)))


def test_of_many_who_answer_at_once_exactly_one_wins(office: Office, ledger: Ledger) -> None:
    decision_id = only(office)
    answers = [{"login": f"p{n}", "verdict": "approve" if n % 2 else "reject"} for n in range(8)]
    results = race(ledger, decision_id, *answers)
    won = [r for r in results if r.result == "accepted"]
    lost = [r for r in results if r.result == "refused"]
    assert (len(won), len(lost)) == (1, 7)
    assert {(r.code, r.status) for r in lost} == {("already_decided", 409)}
    # Those who came too late are told what it has become.
    assert {r.state for r in lost} == {won[0].state}
    sent = 1 if won[0].verdict == "approve" else 0
    assert len(ledger.outbox()) == len(ledger.reservations()) == sent
    assert len(ledger.decision(decision_id).verdicts) == 8
    assert ledger.verify_audit().ok


def test_two_people_at_once_are_two_people(ledger: Ledger) -> None:
    tick(ledger, source(table(rule("ASK", "ESCALATE", approvals=2))), case())
    decision_id = only(Office(ledger, source()))
    results = race(ledger, decision_id, {"login": "p0"}, {"login": "p1"}, {"login": "p0"})
    accepted = [r for r in results if r.result == "accepted"]
    assert sorted(r.state for r in accepted) == ["approved", "escalated"]
    assert len(ledger.outbox()) == 1


def test_a_race_can_be_told_again(office: Office, ledger: Ledger) -> None:
    race(ledger, only(office), *({"login": f"p{n}"} for n in range(4)))
    told = list(replay(ledger, ["all"], Recorded(case()), JointPlanner()))
    assert [c.first_difference for c in told] == [None] * len(told)
    assert told


class Recorded:
    """Answers a question as it was answered."""

    def __init__(self, *cases: Proposal) -> None:
        self._answers = {p.problem.sha: p.answer for p in cases}

    def plan(self, problems: Iterable[PlanningProblem]) -> tuple[Answer, ...]:
        return tuple(self._answers[p.sha] for p in problems)


def test_an_unknown_decision_cannot_be_replayed(office: Office, ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="there is none of that id"):
        list(replay(ledger, ["all"], Recorded(case()), JointPlanner(), "dec-none"))


def test_a_decision_of_a_group_that_is_gone_is_still_replayed(
    office: Office, ledger: Ledger
) -> None:
    told = list(replay(ledger, [], Recorded(case()), JointPlanner(), only(office)))
    assert [c.equal for c in told] == [True]


@pytest.mark.parametrize("rules", [None, table(MAY_MOVE)])
def test_the_rules_of_a_transaction_come_back_as_they_were(
    ledger: Ledger, rules: AuthorityTable | None
) -> None:
    tick(ledger, source(rules), case())
    [row] = ledger.desk_log("all")
    chooser = JointPlanner()
    kept = kept_policy(ledger, row.input["policy"], chooser)
    asked = source(rules).at(NOW, "sha256:" + "2" * 64)
    assert replace(kept, chooser=chooser) == replace(asked, chooser=chooser)


EVERY_VERDICT = [
    {"verdict": "modify", "wish": Wish(qty=Units(18_000))},
    {"verdict": "approve", "option": "expedite"},
    {"verdict": "ask", "note": "can you spare it?"},
    {"verdict": "defer"},
    {"verdict": "takeover"},
    {"verdict": "reject"},
]


@pytest.mark.parametrize("given", EVERY_VERDICT, ids=lambda g: g["verdict"])
def test_every_verdict_is_on_record_and_can_be_told_again(
    ledger: Ledger, given: dict[str, Any]
) -> None:
    asking = table(rule("ASK", "ESCALATE"), rule("RUSH", "ESCALATE", "expedite"))
    real = proposal()
    tick(ledger, source(asking), real)
    office = Office(ledger, source(asking))
    decision_id = only(office)
    result = answered(office, decision_id, **given)
    assert (result.result, result.state) == ("accepted", office.decision(decision_id)["state"])
    assert [v["verdict"] for v in ledger.decision(decision_id).verdicts] == [given["verdict"]]
    assert ledger.verify_audit().ok
    told = list(replay(ledger, ["all"], Recorded(real), JointPlanner()))
    assert [c.first_difference for c in told] == [None] * len(ledger.decision_versions())


def test_a_question_goes_out_with_the_commands_once(ledger: Ledger, tmp_path: Path) -> None:
    tick(ledger, source(), proposal())
    office = Office(ledger, source())
    answered(office, only(office), verdict="ask", note="can you spare it?")
    [line] = [line for _, file, line in ledger.publications(100) if file == "commands.jsonl"]
    event = json.loads(line)
    assert (event["type"], event["data"]["text"]) == (
        "clarification.requested.v1",
        "can you spare it?",
    )


def test_what_is_put_off_or_asked_about_is_not_in_the_queue(ledger: Ledger) -> None:
    tick(ledger, source(), proposal())
    office = Office(ledger, source())
    decision_id = only(office)
    answered(office, decision_id, verdict="defer")
    assert office.queue() == []
    assert office.decision(decision_id)["state"] == "deferred"
