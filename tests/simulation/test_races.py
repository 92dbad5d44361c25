"""Many who write to one ledger at once: one winner each time, and never more than a cap allows."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from replan.effects import DeskOutcome, Move
from replan.errors import LedgerMoved
from replan.infra.desk.policy import PolicySource
from replan.infra.desk.stop_switch import StopSwitch
from replan.infra.ledger.store import Ledger
from replan.infra.planners.office import Office
from replan.people import People
from tests.databases import Place
from tests.desk_cases import PEOPLE, case, planner
from tests.ledger_builders import TICK, move
from tests.unit.test_office import answered, only, source, tick

PATIENT = 60.0
LIMIT = 1_000
ROUNDS = 250
AT_ONCE = 4
"""Times rounds: a thousand tries."""


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    ledger = place.open(busy_seconds=PATIENT)
    yield ledger
    ledger.close()


def at_once(*deeds: Callable[[], Any]) -> list[Any]:
    """What each of the deeds gives, all begun together, each in a thread."""
    gate = threading.Barrier(len(deeds))
    found: list[Any] = [None] * len(deeds)

    def run(n: int) -> None:
        gate.wait()
        found[n] = deeds[n]()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(deeds))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def advance(ledger: Ledger, seq: int) -> bool:
    """Try to take the next place at the desk."""
    try:
        with ledger.transaction() as write:
            write.advance_desk("all", seq, TICK, {"open": []}, "tick", TICK, {})
    except LedgerMoved:
        return False
    return True


def test_each_place_at_a_desk_is_taken_by_one(ledger: Ledger) -> None:
    for seq in range(ROUNDS):
        took = at_once(*[lambda seq=seq: advance(ledger, seq) for _ in range(AT_ONCE)])
        assert took.count(True) == 1
    assert [row.seq for row in ledger.desk_log("all")] == list(range(1, ROUNDS + 1))
    assert ledger.verify_audit().ok


def used(ledger: Ledger) -> int:
    return sum(move.value_minor for move in ledger.reservations())


def test_what_is_reserved_never_exceeds_the_limit(ledger: Ledger) -> None:
    tries = 1_000

    def reserve(worker: int) -> int:
        """Like the engine: read, decide outside, store if nobody reserved meanwhile."""
        refused = 0
        for n in range(tries // AT_ONCE):
            seen = ledger.reserve_seq()
            if used(ledger) + 20 > LIMIT:
                continue
            mine: Move = replace(move(f"a-{worker}-{n}"), value_minor=20)
            try:
                with ledger.transaction() as write:
                    group = f"group-{worker}"
                    seq = write.desk(group).seq
                    write.advance_desk(group, seq, TICK, {}, "tick", TICK, {})
                    outcome = DeskOutcome(reserved=(mine,))
                    write.apply_outcome(group, seq + 1, outcome, TICK, expected_reserve_seq=seen)
            except LedgerMoved:
                refused += 1
        return refused

    at_once(*[lambda worker=worker: reserve(worker) for worker in range(AT_ONCE)])
    assert used(ledger) == LIMIT


def test_of_those_who_approve_at_once_one_does(place: Place, ledger: Ledger) -> None:
    tick(ledger, source(), *[case(item=f"I{n}") for n in range(1, 3)])
    for body in Office(ledger, source()).queue():
        said = at_once(
            *[
                lambda body=body: answered(Office(ledger, source()), body["decision_id"])
                for _ in range(AT_ONCE)
            ]
        )
        assert sorted(one.result for one in said) == ["accepted", *["refused"] * (AT_ONCE - 1)]


def test_an_answer_beside_a_stop_comes_before_it_or_is_refused(ledger: Ledger) -> None:
    operators = People(planners=(*PEOPLE.planners, planner("olga", "operator")))
    policies: PolicySource = source(people=operators)
    tick(ledger, policies, case())
    office = Office(ledger, policies)
    decision_id = only(office)
    said, _ = at_once(
        lambda: answered(office, decision_id),
        lambda: StopSwitch(ledger, policies).stop(None, login="olga", reason="drill"),
    )
    kinds = [row.kind for row in ledger.desk_log("all")][1:]
    first = kinds.index("verdict") < kinds.index("stop")
    assert said.status == (200 if first else 423)


def test_one_of_those_who_want_a_lease_holds_it(ledger: Ledger) -> None:
    for epoch in range(1, 51):
        took = at_once(
            *[
                lambda n=n: ledger.take_lease("engine", f"worker-{n}", timedelta(minutes=5))
                for n in range(AT_ONCE)
            ]
        )
        assert [one for one in took if one is not None] == [epoch]
        ledger.release_lease("engine", epoch)
