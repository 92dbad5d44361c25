"""What waits in the outbox when a run comes to send it, and the world has moved since?"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from replan.infra.desk.policy import PolicySource
from replan.infra.desk.stop_switch import StopSwitch
from replan.infra.engine.sending import Sending
from replan.infra.executors.execution import FileExecutor
from replan.infra.ledger.store import Ledger
from replan.infra.out_files import OutFiles
from replan.infra.planners.office import Office
from tests.authority_worlds import table
from tests.desk_cases import NOW, allowing, case
from tests.ledger_builders import new_ledger
from tests.unit.test_office import answered, only, source, tick
from tests.unit.test_stop_switch import OPERATORS

WORTH = 5_000
"""Minor units of the plan of every case here."""
RUNNING = allowing(WORTH)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = new_ledger(tmp_path)
    yield opened
    opened.close()


def waiting(ledger: Ledger, root: Path) -> PolicySource:
    """A plan ran by itself, and its run died before its command was sent."""
    policies = source(RUNNING, people=OPERATORS, stop_file=root / "STOP")
    tick(ledger, policies, case())
    return policies


def sendable(ledger: Ledger, root: Path, policies: PolicySource) -> list[str]:
    sending = Sending(ledger, OutFiles(root, ledger), FileExecutor(), "file", policies, ["all"])
    return [row.idem for row in sending.sendable(NOW, "none")]


def test_what_waits_is_sent_by_the_next_run(ledger: Ledger, tmp_path: Path) -> None:
    policies = waiting(ledger, tmp_path)
    [row] = ledger.pending_outbox()
    assert sendable(ledger, tmp_path, policies) == [row.idem]


@pytest.mark.parametrize("scope", [None, "region=EAST", "site=S05", "item=I1"])
def test_what_is_stopped_is_not_sent(ledger: Ledger, tmp_path: Path, scope: str | None) -> None:
    """G6, SR1."""
    policies = waiting(ledger, tmp_path)
    StopSwitch(ledger, policies).stop(scope, login="olga", reason="drill")
    assert sendable(ledger, tmp_path, policies) == []
    assert [row.state for row in ledger.outbox()] == ["pending"]


def test_what_another_scope_stops_is_sent(ledger: Ledger, tmp_path: Path) -> None:
    policies = waiting(ledger, tmp_path)
    StopSwitch(ledger, policies).stop("region=WEST", login="olga", reason="drill")
    assert len(sendable(ledger, tmp_path, policies)) == 1


def test_a_stop_file_holds_what_waits(ledger: Ledger, tmp_path: Path) -> None:
    policies = waiting(ledger, tmp_path)
    (tmp_path / "STOP").touch()
    assert sendable(ledger, tmp_path, policies) == []


def test_what_ran_by_itself_does_not_fire_when_the_stop_ends(
    ledger: Ledger, tmp_path: Path
) -> None:
    policies = waiting(ledger, tmp_path)
    switch = StopSwitch(ledger, policies)
    switch.stop(None, login="olga", reason="drill")
    switch.resume(None, login="otto", reason="over")
    assert sendable(ledger, tmp_path, policies) == []
    assert [row.state for row in ledger.outbox()] == ["cancelled"]
    assert [move.released for move in ledger.reservations()] == [True]
    assert ledger.verify_audit().ok


def test_what_its_category_may_no_longer_do_is_not_sent(ledger: Ledger, tmp_path: Path) -> None:
    waiting(ledger, tmp_path)
    halted = replace(RUNNING, stages={"demand_surge": "halted"})
    assert sendable(ledger, tmp_path, source(halted, people=OPERATORS)) == []


def test_a_limit_lowered_since_revokes_what_waits(ledger: Ledger, tmp_path: Path) -> None:
    """G5, P8."""
    waiting(ledger, tmp_path)
    lowered = source(allowing(WORTH - 1), people=OPERATORS)
    assert sendable(ledger, tmp_path, lowered) == []
    [body] = Office(ledger, lowered).queue()
    assert body["why_escalated"]["code"] == "revoked_by_limit"
    assert [row.state for row in ledger.outbox()] == ["cancelled"]
    assert ledger.verify_audit().ok


def test_a_table_that_was_only_written_anew_lets_it_go_out(ledger: Ledger, tmp_path: Path) -> None:
    waiting(ledger, tmp_path)
    higher = source(allowing(10 * WORTH, version=2), people=OPERATORS)
    assert len(sendable(ledger, tmp_path, higher)) == 1


def test_what_a_person_released_is_theirs_under_any_table(ledger: Ledger, tmp_path: Path) -> None:
    asking = source(people=OPERATORS)
    tick(ledger, asking, case())
    office = Office(ledger, asking)
    answered(office, only(office))
    assert len(sendable(ledger, tmp_path, source(table(), people=OPERATORS))) == 1
