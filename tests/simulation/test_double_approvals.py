"""A thousand cases, each approved by two people in the same moment: one wins each time."""

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import product

import pytest

from replan.desk_state import TickDue
from replan.infra.desk.room import transact
from replan.infra.ledger.store import Ledger
from replan.infra.planners.office import Office
from replan.verdicts import VerdictResult
from tests.databases import Place
from tests.desk_cases import ITEMS, NOW, case
from tests.offices import source

PATIENT = 60.0
WEEKS, GROUPS = 10, 25
"""Times the four items: a thousand cases, a hundred every second week, since each answer looks
through what was reserved lately.
"""
TWO = ("ann", "eva")
DAY = timedelta(days=1)


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    ledger = place.open(busy_seconds=PATIENT)
    yield ledger
    ledger.close()


def ask(ledger: Ledger, week: int) -> list[str]:
    """A hundred cases wait, four to a planning group; their ids."""
    at = NOW + 14 * week * DAY
    with ledger.transaction() as write:
        write.set_clock(at)
    for n in range(GROUPS):
        name = f"{week}-{n:02}"
        cases = tuple(
            case(item=item, at=at, group=name, episode=f"ep-{name}-{item}", cause=f"item:{name}")
            for item in ITEMS
        )
        due = TickDue(at=at, proposals=cases, reassessed=(), cleared=())
        transact(ledger, name, due, source().at(at, "sha256:" + "2" * 64))
    return [body["decision_id"] for body in Office(ledger, source()).queue()]


def approved_by_two(ledger: Ledger, ids: list[str]) -> list[tuple[VerdictResult, ...]]:
    """What each of two people is told who approve the same case at once, case by case."""
    gate = threading.Barrier(len(TWO))
    said: dict[tuple[str, str], VerdictResult] = {}

    def approve_all(login: str) -> None:
        office = Office(ledger, source())
        for decision_id in ids:
            gate.wait()
            said[decision_id, login] = office.verdict(
                decision_id, "approve", login=login, chip="policy"
            )

    threads = [threading.Thread(target=approve_all, args=(login,)) for login in TWO]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [tuple(said[decision_id, login] for login in TWO) for decision_id in ids]


def test_of_a_thousand_double_approvals_exactly_one_wins_each(ledger: Ledger) -> None:
    ids: list[str] = []
    for week in range(WEEKS):
        asked = ask(ledger, week)
        told = [{(r.result, r.code) for r in pair} for pair in approved_by_two(ledger, asked)]
        assert told == [{("accepted", None), ("refused", "already_decided")}] * len(asked)
        ids += asked
    assert len(ids) == 1_000
    assert Counter(row.decision_id for row in ledger.outbox()) == Counter(ids)
    given = {
        (decision_id, row["login"])
        for decision_id in ids
        for row in ledger.decision(decision_id).verdicts
    }
    assert given == set(product(ids, TWO))
    assert ledger.verify_audit().ok
