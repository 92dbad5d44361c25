"""An executor that writes its answers into the event files is heard like one that is asked."""

import json
import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from replan.effects import Command
from replan.events import SaleRecorded
from replan.infra import wiring
from replan.infra.running.opened import opened_office
from replan.infra.running.run import run_workspace
from tests.golden.told import BASE, HERE
from tests.golden.world import CASE_FIRST, ordinary, write_lines

pytestmark = pytest.mark.slow


class Silent:
    """An executor that says nothing when it is asked."""

    def advance(
        self, at: datetime, sales: Sequence[SaleRecorded], commands: Sequence[Command]
    ) -> tuple[dict[str, Any], ...]:
        return ()


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace whose commands were sent and not answered."""
    monkeypatch.setattr(wiring, "FileExecutor", Silent)
    root = tmp_path / "world"
    shutil.copytree(BASE, root)
    write_lines(root / "events" / "history.jsonl", ordinary(CASE_FIRST - timedelta(days=1)))
    shutil.copy(HERE / "surge" / "events.jsonl", root / "events" / "case.jsonl")
    run_workspace(root, source=None, until_end=True, mode=None)
    return root


def states(root: Path) -> dict[str, str]:
    with opened_office(root) as desk:
        bodies = desk.office.decisions(None, None, None)
        ids = [body["decision_id"] for body in bodies]
        files = [desk.ledger.decision(decision_id) for decision_id in ids]
        return {a.action_id: str(f.body["state"]) for f in files for a in f.actions}


def answer(root: Path, kind: str, action_id: str, idem: str | None = None) -> None:
    with opened_office(root) as desk:
        clock = desk.ledger.clock()
        keys = {row.action_id: row.idem for row in desk.ledger.outbox()}
    assert clock is not None
    at = (clock + timedelta(minutes=10)).isoformat()
    line = {
        "specversion": "1.0",
        "id": f"{kind}-{action_id}",
        "source": "/transport/south",
        "type": kind,
        "time": at,
        "subject": action_id,
        "correlationid": action_id,
        "data": {"idem": idem or keys.get(action_id, "k-1"), "at": at, "reason": None},
    }
    (root / "events" / "answers.jsonl").write_text(json.dumps(line) + "\n")
    run_workspace(root, source=None, until_end=True, mode=None)


@pytest.mark.parametrize(
    ("kind", "state"), [("action.ack.v1", "executed"), ("action.fail.v1", "failed")]
)
def test_d11_answer_in_the_event_files_ends_its_action(asked: Path, kind: str, state: str) -> None:
    before = states(asked)
    first = next(action for action, state in before.items() if state == "executing")
    answer(asked, kind, first)
    assert states(asked) == before | {first: state}


def test_answer_to_nothing_of_ours_changes_nothing(asked: Path) -> None:
    before = states(asked)
    answer(asked, "action.ack.v1", "act-of-somebody-else")
    assert states(asked) == before


def test_e31_answer_under_another_key_is_an_alarm_and_changes_nothing(asked: Path) -> None:
    before = states(asked)
    first = next(action for action, state in before.items() if state == "executing")
    answer(asked, "action.ack.v1", first, idem="a-key-that-was-never-sent")
    assert states(asked) == before
    with opened_office(asked) as desk:
        found = [(a.kind, a.scope.source) for a in desk.ledger.alarms()]
    assert ("id_conflict", "/transport/south") in found
