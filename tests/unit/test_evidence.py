"""Does a pack prove one decision to somebody who has nothing but Python, and do checkpoints kept
elsewhere show what a chain alone cannot?
"""

import json
import random
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from replan.errors import NotSo, UsageError
from replan.infra.desk.stop_switch import StopSwitch
from replan.infra.drills.brake_and_proof import drill_evidence, drill_stop
from replan.infra.ledger.store import Ledger
from replan.infra.planners.office import Office
from replan.infra.proof.anchors import KEY, SIGNING_KEY, add_anchor, verify_anchored
from replan.infra.proof.evidence import write_evidence
from replan.infra.proof.evidence_check import faults
from replan.infra.workspace.keys import make_signing_key
from replan.ledger import GENESIS, link
from tests.authority_worlds import table
from tests.desk_cases import MAY_MOVE, case, forward, option, rule
from tests.ledger_builders import new_ledger
from tests.unit.test_office import source, tick
from tests.unit.test_stop_switch import OPERATORS

APPEND_ONLY = ("audit", "decision", "decision_move", "verdict")
BOTH = table(MAY_MOVE, rule("RUSH", "ESCALATE", "expedite"))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A move that ran by itself, and an order that a planner approved."""
    opened = new_ledger(tmp_path)
    policies = source(BOTH)
    rush = case(option("rush", forward("I2")), item="I2", cause="item:I2")
    tick(opened, policies, case(), rush)
    office = Office(opened, policies)
    [body] = office.queue()
    office.verdict(body["decision_id"], "approve", login="ann", chip="supplier_info")
    yield opened
    opened.close()


def ran(ledger: Ledger) -> str:
    return next(str(b["decision_id"]) for b in ledger.decisions() if b["state"] == "executing")


def approved(ledger: Ledger) -> str:
    return next(str(b["decision_id"]) for b in ledger.decisions() if b["state"] == "approved")


def checked(pack: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The pack checked by a Python that sees neither the project nor any package."""
    command = [sys.executable, "-I", "-S", str(pack), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=pack.parent)


def test_a_pack_checks_itself_with_python_alone(ledger: Ledger, tmp_path: Path) -> None:
    """PO7."""
    write_evidence(ledger, ran(ledger), tmp_path / "pack.zip")
    said = checked(tmp_path / "pack.zip")
    assert (said.returncode, said.stderr) == (0, "")
    assert "row MOVE" in said.stdout
    assert "\nholds: " in said.stdout


def test_a_pack_names_who_released_what_a_person_released(ledger: Ledger, tmp_path: Path) -> None:
    write_evidence(ledger, approved(ledger), tmp_path / "pack.zip")
    assert "released: approve by ann (supplier_info)" in checked(tmp_path / "pack.zip").stdout


def test_an_action_leads_to_the_pack_of_its_decision(ledger: Ledger, tmp_path: Path) -> None:
    [row] = ledger.outbox(ran(ledger))
    said = write_evidence(ledger, row.action_id, tmp_path / "pack.zip")
    assert said["decision_id"] == ran(ledger)


def test_two_packs_of_one_ledger_are_the_same_bytes(ledger: Ledger, tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        write_evidence(ledger, ran(ledger), tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_an_unknown_id_and_a_file_that_is_there_are_bad_use(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no decision and no action"):
        write_evidence(ledger, "dec-none", tmp_path / "pack.zip")
    (tmp_path / "there.zip").touch()
    with pytest.raises(UsageError, match="is there already"):
        write_evidence(ledger, ran(ledger), tmp_path / "there.zip")


def changed(value: Any, rng: random.Random) -> Any:
    """One leaf of plain data made another one."""
    if isinstance(value, dict) and value:
        name = rng.choice(sorted(value))
        return {**value, name: changed(value[name], rng)}
    if isinstance(value, list) and value:
        at = rng.randrange(len(value))
        return [*value[:at], changed(value[at], rng), *value[at + 1 :]]
    if isinstance(value, str) and value:
        at = rng.randrange(len(value))
        return value[:at] + ("0" if value[at] != "0" else "1") + value[at + 1 :]
    return value + 1 if isinstance(value, int) else "changed"


PROOF = ("prev", "rows", "links", "artefacts")


@pytest.mark.parametrize("part", [*PROOF, "records"])
def test_whatever_is_changed_in_a_pack_is_found(ledger: Ledger, part: str) -> None:
    pack = ledger.evidence(approved(ledger))
    # How far an action has come is told beside the proof; the moves are in it.
    hashed = {n: t for n, t in pack["records"].items() if not n.startswith("action/")}
    pack = {**pack, "records": hashed}
    rng = random.Random(f"evidence {part}")
    for _ in range(60):
        assert faults({**pack, part: changed(pack[part], rng)}, []) != []
    assert faults(pack, []) == []


def test_a_record_that_is_left_out_or_slipped_in_is_found(ledger: Ledger) -> None:
    pack = ledger.evidence(approved(ledger))
    records = pack["records"]
    for name in [n for n in records if not n.startswith("action/")]:
        assert faults({**pack, "records": {k: v for k, v in records.items() if k != name}}, [])
    more = {**records, "verdict/9/9": records["decision/1"]}
    assert faults({**pack, "records": more}, [])


def test_commands_without_a_row_or_a_person_behind_them_are_found(ledger: Ledger) -> None:
    pack = ledger.evidence(approved(ledger))
    silent = {n: t for n, t in pack["records"].items() if not n.startswith("verdict/")}
    rows = [row for row in pack["rows"] if json.loads(row["body"])["kind"] != "verdict"]
    said = faults({**pack, "records": silent, "rows": rows}, [])
    assert said == ["commands were given that nobody approved and no row let run"]


# Checkpoints.


def edit(folder: Path, *statements: str) -> None:
    """What somebody with the file and a few tools could do."""
    conn = sqlite3.connect(folder / "ledger.db")
    for name in APPEND_ONLY:
        conn.execute(f"DROP TRIGGER IF EXISTS no_update_of_{name}")
        conn.execute(f"DROP TRIGGER IF EXISTS no_delete_of_{name}")
    for statement in statements:
        conn.execute(statement)
    conn.commit()
    conn.close()


def rewritten(folder: Path) -> None:
    """A reason in the desk's chain is edited, and the whole chain hashed anew behind it."""
    conn = sqlite3.connect(folder / "ledger.db")
    conn.execute("DROP TRIGGER no_update_of_audit")
    prev = GENESIS
    rows = conn.execute(
        "SELECT seq, body FROM audit WHERE writer = 'desk:all' ORDER BY seq"
    ).fetchall()
    for seq, text in rows:
        body = json.dumps({**json.loads(text), "x": 1}, sort_keys=True, separators=(",", ":"))
        hashed = link("desk:all", seq, prev, body.encode())
        conn.execute(
            "UPDATE audit SET body = ?, prev = ?, hash = ? WHERE writer = 'desk:all' AND seq = ?",
            (body, prev, hashed, seq),
        )
        prev = hashed
    conn.commit()
    conn.close()


def test_a_ledger_that_nobody_touched_holds_against_its_checkpoints(
    ledger: Ledger, tmp_path: Path
) -> None:
    for _ in range(3):
        add_anchor(ledger, tmp_path / "anchors.jsonl")
    told = verify_anchored(ledger, tmp_path / "anchors.jsonl")
    assert (told.report.ok, told.anchors, told.uncovered) == (True, 3, 0)


def test_a_chain_hashed_anew_is_found_by_its_checkpoint_alone(
    ledger: Ledger, tmp_path: Path
) -> None:
    """SR7: the chain itself holds."""
    add_anchor(ledger, tmp_path / "anchors.jsonl")
    rewritten(tmp_path)
    assert ledger.verify_audit().ok
    bad = verify_anchored(ledger, tmp_path / "anchors.jsonl").report.first_bad
    assert bad is not None
    assert (bad.writer, "is another one" in bad.reason) == ("desk:all", True)


def test_a_chain_that_is_gone_is_found_by_its_checkpoint(ledger: Ledger, tmp_path: Path) -> None:
    """SR7."""
    add_anchor(ledger, tmp_path / "anchors.jsonl")
    edit(
        tmp_path,
        *(f"DELETE FROM {name}" for name in APPEND_ONLY),
        "DELETE FROM outbox",
        "DELETE FROM action",
        "DELETE FROM decision_now",
        "DELETE FROM desk_log",
        "DELETE FROM proposal",
    )
    assert ledger.verify_audit().ok
    bad = verify_anchored(ledger, tmp_path / "anchors.jsonl").report.first_bad
    assert bad is not None
    assert (bad.writer, bad.seq) == ("desk:all", 1)


def test_what_came_after_the_last_checkpoint_is_said_not_to_be_covered(
    ledger: Ledger, tmp_path: Path
) -> None:
    add_anchor(ledger, tmp_path / "anchors.jsonl")
    with ledger.transaction() as write:
        write.note_stop({"verb": "stop", "code": "not_allowed"}, None)
    assert verify_anchored(ledger, tmp_path / "anchors.jsonl").uncovered == 1


def test_no_checkpoint_is_made_of_a_ledger_that_does_not_hold(
    ledger: Ledger, tmp_path: Path
) -> None:
    edit(tmp_path, "UPDATE audit SET hash = 'f' || substr(hash, 2) WHERE seq = 2")
    with pytest.raises(NotSo, match="no checkpoint is made"):
        add_anchor(ledger, tmp_path / "anchors.jsonl")


def test_a_checkpoint_that_was_changed_or_taken_out_is_found(
    ledger: Ledger, tmp_path: Path
) -> None:
    file = tmp_path / "anchors.jsonl"
    for _ in range(3):
        add_anchor(ledger, file)
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], lines[2]]) + "\n")
    with pytest.raises(NotSo, match=r"anchors\.jsonl:2: the checkpoint does not follow"):
        verify_anchored(ledger, file)


def test_a_checkpoint_of_another_key_is_refused(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "anchors.jsonl"
    monkeypatch.setenv(KEY, "a key of this test alone")
    add_anchor(ledger, file)
    assert verify_anchored(ledger, file).report.ok
    monkeypatch.setenv(KEY, "some other key of a thief")
    with pytest.raises(NotSo, match="was not sealed with the key"):
        verify_anchored(ledger, file)


def test_a_pack_is_held_against_checkpoints_too(ledger: Ledger, tmp_path: Path) -> None:
    add_anchor(ledger, tmp_path / "anchors.jsonl")
    write_evidence(ledger, ran(ledger), tmp_path / "pack.zip")
    assert checked(tmp_path / "pack.zip", "anchors.jsonl").returncode == 0
    anchor = json.loads((tmp_path / "anchors.jsonl").read_text())
    anchor["heads"]["desk:all"][1] = "0" * 64
    (tmp_path / "others.jsonl").write_text(json.dumps(anchor) + "\n")
    said = checked(tmp_path / "pack.zip", "others.jsonl")
    assert (said.returncode, "is not what was anchored" in said.stdout) == (1, True)


def test_a_pack_holds_the_checker_and_nothing_but_text(ledger: Ledger, tmp_path: Path) -> None:
    write_evidence(ledger, ran(ledger), tmp_path / "pack.zip")
    with zipfile.ZipFile(tmp_path / "pack.zip") as archive:
        assert archive.namelist() == ["__main__.py", "evidence.json"]


# Drills.


def test_a_stop_drill_does_the_real_thing_and_is_on_record(ledger: Ledger, tmp_path: Path) -> None:
    """SR1."""
    policies = source(BOTH, people=OPERATORS)
    told = drill_stop(ledger, StopSwitch(ledger, policies), "olga", "otto")
    assert (told["ok"], ledger.stops()) == (True, ())
    conn = sqlite3.connect(tmp_path / "ledger.db")
    [(kept,)] = conn.execute(
        "SELECT json_extract(body, '$.ok') FROM v_audit "
        "WHERE json_extract(body, '$.kind') = 'drill'"
    ).fetchall()
    conn.close()
    assert kept == 1
    assert ledger.verify_audit().ok


@pytest.mark.parametrize("logins", [("ann", "otto"), ("olga", "ann"), ("olga", "olga")])
def test_a_stop_drill_with_the_wrong_people_does_not_pass(
    ledger: Ledger, logins: tuple[str, str]
) -> None:
    switch = StopSwitch(ledger, source(BOTH, people=OPERATORS))
    assert not drill_stop(ledger, switch, *logins)["ok"]


def test_an_evidence_drill_proves_the_newest_decision(ledger: Ledger) -> None:
    told = drill_evidence(ledger)
    assert told["ok"]
    assert told["decision_id"] == ledger.decisions()[-1]["decision_id"]
    assert ledger.verify_audit().ok


# Checkpoints that an outsider can check.


def test_a_checkpoint_that_is_signed_is_checked_with_the_public_key_alone(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G9."""
    mine, others = (make_signing_key(tmp_path / name) for name in ("mine.pem", "others.pem"))
    monkeypatch.setenv(f"{SIGNING_KEY}_FILE", str(tmp_path / "mine.pem"))
    file = tmp_path / "anchors.jsonl"
    for _ in range(2):
        add_anchor(ledger, file)
    monkeypatch.delenv(f"{SIGNING_KEY}_FILE")
    assert verify_anchored(ledger, file, mine.public).report.ok
    with pytest.raises(NotSo, match=r"anchors\.jsonl:1: the checkpoint was not signed"):
        verify_anchored(ledger, file, others.public)
    write_evidence(ledger, ran(ledger), tmp_path / "pack.zip")
    said = [checked(tmp_path / "pack.zip", str(file), key.public) for key in (mine, others)]
    assert [one.returncode for one in said] == [0, 1]
    assert "WRONG: checkpoint 1 was not signed by" in said[1].stdout


def test_an_unsigned_checkpoint_is_none_for_who_asks_for_a_signature(
    ledger: Ledger, tmp_path: Path
) -> None:
    key = make_signing_key(tmp_path / "key.pem")
    add_anchor(ledger, tmp_path / "anchors.jsonl")
    with pytest.raises(NotSo, match="was not signed by the key"):
        verify_anchored(ledger, tmp_path / "anchors.jsonl", key.public)
