"""PO5, R52: is a review of the boundary raised each quarter, and an alarm when overdue?"""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from replan.errors import NotSo
from replan.infra.boundary.quarterly import GRACE, QUARTER, remind, reviewed
from replan.infra.ledger.store import Ledger
from tests.desk_cases import HOUR, NOW, PEOPLE
from tests.ledger_builders import new_ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = new_ledger(tmp_path)
    yield opened
    opened.close()


def ticked(ledger: Ledger, after: timedelta) -> None:
    with ledger.transaction() as write:
        write.set_clock(NOW + after)
        remind(write, NOW + after)


def due(ledger: Ledger) -> int:
    rows = [json.loads(line) for _, _, line in ledger.publications(100)]
    return [row["type"] for row in rows].count("review.due.v1")


def open_alarms(ledger: Ledger) -> list[str]:
    return [a.kind for a in ledger.alarms() if a.closed_at is None]


def test_a_review_is_raised_once_after_a_quarter(ledger: Ledger) -> None:
    counts = []
    for after in (timedelta(0), QUARTER - HOUR, QUARTER, QUARTER + HOUR):
        ticked(ledger, after)
        counts.append(due(ledger))
    assert counts == [0, 0, 1, 1]
    assert open_alarms(ledger) == []


def test_an_overdue_review_is_an_alarm_until_a_process_owner_did_it(ledger: Ledger) -> None:
    for after in (timedelta(0), QUARTER, QUARTER + GRACE):
        ticked(ledger, after)
    assert open_alarms(ledger) == ["review"]
    with pytest.raises(NotSo, match="ann is no process-owner"):
        reviewed(ledger, PEOPLE, login="ann", finding="all is well")
    reviewed(ledger, PEOPLE, login="max", finding="velocity is even, two limits too low")
    assert open_alarms(ledger) == []
    assert ledger.verify_audit().ok


def test_after_a_review_the_quarter_begins_anew(ledger: Ledger) -> None:
    for after in (timedelta(0), QUARTER):
        ticked(ledger, after)
    reviewed(ledger, PEOPLE, login="max", finding="all is well")
    for after in (2 * QUARTER - HOUR, 2 * QUARTER):
        ticked(ledger, after)
    assert due(ledger) == 2
