"""SR6, SR10: do ledgers of earlier versions open, hold, and decide again as they did?

A ledger that was kept replays byte for byte, but for the sentences in which a version tells people
of a decision, and for what stands in its `differences.jsonl`: there a release says, decision by
decision, what it decides in another way than the one that wrote it.
"""

import json
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from replan.infra.proof.evidence import write_evidence
from replan.infra.running.opened import opened_office
from replan.infra.running.proved import replay_workspace, verify_workspace
from tests.golden_ledgers.make import HERE, PACKED, unpacked

KEPT = sorted(str(p.parent.relative_to(HERE)) for p in HERE.glob(f"*/*/{PACKED}"))
ACCEPT = os.environ.get("GOLDEN_ACCEPT") == "1"

pytestmark = pytest.mark.slow


@lru_cache(maxsize=1)
def opened(name: str) -> Path:
    """A copy of a kept workspace, brought to the schema of today; one at a time."""
    folder = TemporaryDirectory(prefix="golden-ledger-")
    _open.append(folder)
    return unpacked(HERE / name, Path(folder.name) / "shop")


_open: list[TemporaryDirectory[str]] = []
"""Folders that go when the process does."""


@pytest.mark.parametrize("name", KEPT)
def test_a_kept_ledger_holds(name: str) -> None:
    report = verify_workspace(opened(name))
    assert (report.ok, report.first_bad) == (True, None)


@pytest.mark.parametrize("name", KEPT)
def test_a_kept_ledger_replays_byte_for_byte_but_for_what_is_listed(name: str) -> None:
    listed = HERE / name / "differences.jsonl"
    told = [
        json.dumps({"decision_id": c.decision_id, "version": c.version, "at": c.first_difference})
        for c in replay_workspace(opened(name), None)
        if not c.equal and not c.words_only
    ]
    if ACCEPT and (told or listed.exists()):
        listed.write_text("".join(line + "\n" for line in told))
    assert told == (listed.read_text().splitlines() if listed.exists() else [])


@pytest.mark.parametrize("name", KEPT)
def test_every_decision_of_a_kept_ledger_proves_itself_to_a_bare_python(
    name: str, tmp_path: Path
) -> None:
    """PO7: run by itself, asked, escalated, approved, changed, expired; by an interpreter that sees
    neither the project nor any package."""
    with opened_office(opened(name)) as desk:
        ids = [body["decision_id"] for body in desk.ledger.decisions()]
        for n, decision_id in enumerate(ids):
            write_evidence(desk.ledger, decision_id, tmp_path / f"{n}.zip")
    said = [
        subprocess.run(
            [sys._base_executable, "-I", "-S", str(pack)],  # type: ignore[attr-defined]
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        for pack in sorted(tmp_path.glob("*.zip"))
    ]
    assert len(said) == len(ids) > 0
    assert [(one.returncode, one.stderr) for one in said] == [(0, "")] * len(said)
    assert all("\nholds: " in one.stdout for one in said)


def test_the_kept_ledgers_hold_decisions_of_every_kind() -> None:
    states = set()
    for name in KEPT:
        with opened_office(opened(name)) as desk:
            states |= {body["state"] for body in desk.ledger.decisions()}
    assert states >= {"executed", "clarifying", "escalated", "expired"}


def test_there_is_a_ledger_to_open() -> None:
    assert KEPT != []
