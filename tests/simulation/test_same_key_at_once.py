"""One request sent several times at once, by a browser that lost patience: one answer, once."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from replan.infra.ledger.store import Ledger
from replan.infra.planners.office import Office
from replan.infra.planners.request_key import AnsweredBefore, KeyReused, RequestKey
from replan.verdicts import VerdictResult
from tests.databases import Place
from tests.desk_cases import case
from tests.offices import source, tick

PATIENT = 60.0
AT_ONCE = 6


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    ledger = place.open(busy_seconds=PATIENT)
    tick(ledger, source(), case())
    yield ledger
    ledger.close()


def decided(ledger: Ledger) -> str:
    [body] = ledger.decisions()
    return str(body["decision_id"])


def answer(ledger: Ledger, verdict: str, key: RequestKey) -> tuple[VerdictResult, bool]:
    try:
        office = Office(ledger, source())
        given = office.verdict(decided(ledger), verdict, login="ann", chip="policy", key=key)
        return given, False
    except AnsweredBefore as before:
        return before.first, True


def test_a_request_sent_several_times_at_once_is_taken_once(ledger: Ledger) -> None:
    key = RequestKey.of("ann", "k-1", {"verdict": "approve"})
    gate = threading.Barrier(AT_ONCE)
    found: list[Any] = []

    def send() -> None:
        gate.wait()
        found.append(answer(ledger, "approve", key))

    threads = [threading.Thread(target=send) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(again for _, again in found) == [False] + [True] * (AT_ONCE - 1)
    assert {(said.result, said.state) for said, _ in found} == {("accepted", "approved")}
    assert len(ledger.decision(decided(ledger)).verdicts) == 1
    assert len(ledger.outbox()) == 1
    assert ledger.verify_audit().ok


def test_a_refusal_is_repeated_too_and_stands_on_record_once(ledger: Ledger) -> None:
    answer(ledger, "approve", RequestKey.of("ann", "k-1", {"verdict": "approve"}))
    late = RequestKey.of("ann", "k-2", {"verdict": "reject"})
    first, again = answer(ledger, "reject", late), answer(ledger, "reject", late)
    assert (first[0].code, first[1], again[0].code, again[1]) == (
        "already_decided",
        False,
        "already_decided",
        True,
    )
    assert len(ledger.decision(decided(ledger)).verdicts) == 2


def test_one_key_does_not_serve_for_two_requests(ledger: Ledger) -> None:
    answer(ledger, "approve", RequestKey.of("ann", "k-1", {"verdict": "approve"}))
    with pytest.raises(KeyReused):
        answer(ledger, "reject", RequestKey.of("ann", "k-1", {"verdict": "reject"}))
