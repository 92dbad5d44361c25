"""Is every change of a ledger found, and is an honest one never accused? `make tamper`.

A ledger that lived a little gets a checkpoint outside, and lives on. Copies of it are tampered with
as whoever owns the file can: bytes, rows, order, whole tails, and chains written anew with hashes
that fit. What lies up to the checkpoint must be found. Ledgers that nobody touched must hold.
"""

import argparse
import json
import random
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from replan.desk_state import TickDue
from replan.errors import NotSo
from replan.infra.desk.room import transact
from replan.infra.desk.stop_switch import StopSwitch
from replan.infra.ledger.rows import ProposalRow
from replan.infra.ledger.schema import APPEND_ONLY
from replan.infra.ledger.store import Ledger
from replan.infra.planners.office import Office
from replan.infra.proof.anchors import add_anchor, verify_anchored
from replan.ledger import GENESIS, link
from replan.records import proposal_json
from tests.authority_worlds import table
from tests.desk_cases import HOUR, MAY_MOVE, NOW, case, forward, move, option, rule
from tests.ledger_builders import new_ledger
from tests.unit.test_office import source
from tests.unit.test_stop_switch import OPERATORS

MODELS: Final = "sha256:" + "2" * 64
ANCHORS: Final = "anchors.jsonl"
RULES: Final = table(MAY_MOVE, rule("RUSH", "ESCALATE", "expedite"))
Tamper = Callable[[sqlite3.Connection, random.Random, dict[str, int]], str | None]
"""Changes something up to the anchored heads (by writer); what, or None where nothing was there."""


def lived(folder: Path, rng: random.Random, ticks: int, *, anchored_after: int) -> dict[str, int]:
    """A ledger of so many ticks with answers and stops between; the heads at its checkpoint."""
    ledger = new_ledger(folder)
    policies = source(RULES, people=OPERATORS)
    office, switch = Office(ledger, policies), StopSwitch(ledger, policies)
    heads: dict[str, int] = {}
    for n in range(ticks):
        at = NOW + n * 6 * HOUR
        item = f"I{rng.randint(1, 4)}"
        plan = rng.choice((move(item, rng.randint(1, 9)), forward(item, rng.randint(1, 9))))
        one = case(option("plan", plan), item=item, at=at, episode=f"ep-{n}", cause=f"item:{n}")
        with ledger.transaction() as write:
            write.set_clock(at)
            write.add_proposals(
                at, [ProposalRow(group="all", item=item, n=1, body=proposal_json(one))]
            )
        due = TickDue(at=at, proposals=(one,), reassessed=(), cleared=())
        transact(ledger, "all", due, policies.at(at, MODELS))
        for body in office.queue()[:1]:
            if rng.random() < 0.7:
                answer = rng.choice(("approve", "reject", "ask", "defer"))
                office.verdict(body["decision_id"], answer, login="ann", chip="policy")
        if rng.random() < 0.2:
            switch.stop(f"item={item}", login="olga", reason="recall")
            switch.resume(f"item={item}", login="otto", reason="over")
        if n + 1 == anchored_after:
            add_anchor(ledger, folder / ANCHORS)
            heads = {writer: seq for writer, (seq, _) in ledger.audit_heads().items()}
    ledger.close()
    return heads


def holds(folder: Path) -> bool:
    """Whether the ledger in a folder holds against itself and its checkpoint."""
    ledger = Ledger.open("sqlite:///ledger.db", folder, busy_seconds=0.05, check=False)
    try:
        return verify_anchored(ledger, folder / ANCHORS).report.ok
    except NotSo:
        return False
    finally:
        ledger.close()


# What can be done to a ledger. Rows are named by writer and number, up to the checkpoint.


def _one(rng: random.Random, heads: dict[str, int], first: int = 1) -> tuple[str, int] | None:
    long = [writer for writer, head in sorted(heads.items()) if head >= first]
    if not long:
        return None
    writer = rng.choice(long)
    return writer, rng.randint(first, heads[writer])


def byte_of_a_row(
    conn: sqlite3.Connection, rng: random.Random, heads: dict[str, int]
) -> str | None:
    """One character of one column of an audit row."""
    place = _one(rng, heads)
    assert place is not None, "something was anchored"
    column = rng.choice(("prev", "hash", "body", "at", "subject"))
    [was] = conn.execute(
        f"SELECT {column} FROM audit WHERE writer = ? AND seq = ?", place
    ).fetchone()
    at = rng.randrange(len(was))
    now = was[:at] + rng.choice([c for c in "0123456789abcdefxyz" if c != was[at]]) + was[at + 1 :]
    conn.execute(f"UPDATE audit SET {column} = ? WHERE writer = ? AND seq = ?", (now, *place))
    return f"{column} of {place}"


def row_gone(conn: sqlite3.Connection, rng: random.Random, heads: dict[str, int]) -> str | None:
    """An audit row taken out."""
    place = _one(rng, heads)
    assert place is not None, "something was anchored"
    conn.execute("DELETE FROM audit WHERE writer = ? AND seq = ?", place)
    return f"{place} gone"


def rows_swapped(conn: sqlite3.Connection, rng: random.Random, heads: dict[str, int]) -> str | None:
    """Two neighbours in each other's place, with their hashes."""
    place = _one(rng, heads, 2)
    if place is None:
        return None
    writer, seq = place
    for was, now in ((seq, -1), (seq - 1, seq), (-1, seq - 1)):
        conn.execute("UPDATE audit SET seq = ? WHERE writer = ? AND seq = ?", (now, writer, was))
    return f"{place} swapped with the one before"


def row_slipped_in(
    conn: sqlite3.Connection, rng: random.Random, heads: dict[str, int]
) -> str | None:
    """A copy of a row, where the later ones make room."""
    place = _one(rng, heads)
    assert place is not None, "something was anchored"
    writer, _seq = place
    later = conn.execute(
        "SELECT seq FROM audit WHERE writer = ? AND seq > ? ORDER BY seq DESC", place
    ).fetchall()
    for (n,) in later:
        conn.execute("UPDATE audit SET seq = ? WHERE writer = ? AND seq = ?", (n + 1, writer, n))
    conn.execute(
        "INSERT INTO audit SELECT writer, seq + 1, prev, hash, body, at, subject FROM audit "
        "WHERE writer = ? AND seq = ?",
        place,
    )
    return f"a copy of {place} after it"


def tail_cut_off(conn: sqlite3.Connection, rng: random.Random, heads: dict[str, int]) -> str | None:
    """Everything from a row on, with all that these rows speak of."""
    place = _one(rng, heads)
    assert place is not None, "something was anchored"
    _writer, _seq = place
    spoken = conn.execute(
        "SELECT subject, body FROM audit WHERE writer = ? AND seq >= ?", place
    ).fetchall()
    for subject, text in spoken:
        body = json.loads(text)
        match body["kind"]:
            case "decision":
                conn.execute(
                    "DELETE FROM decision WHERE decision_id = ? AND version = ?",
                    (subject, body["version"]),
                )
                conn.execute("DELETE FROM decision_now WHERE decision_id = ?", (subject,))
            case "given":
                conn.execute("DELETE FROM desk_log WHERE seq = ?", (body["seq"],))
            case "verdict" | "moved" as kind:
                name = {"verdict": "verdict", "moved": "decision_move"}[kind]
                conn.execute(
                    f"DELETE FROM {name} WHERE seq = ? AND n = ?", (body["seq"], body["n"])
                )
            case "command":
                conn.execute("DELETE FROM outbox WHERE idem = ?", (body["idem"],))
            case "proposal":
                conn.execute("DELETE FROM proposal WHERE item = ?", (subject,))
    conn.execute("DELETE FROM audit WHERE writer = ? AND seq >= ?", place)
    return f"{place} and all after it gone"


def chain_written_anew(
    conn: sqlite3.Connection, rng: random.Random, heads: dict[str, int]
) -> str | None:
    """A row says something else, and every hash from there on fits."""
    place = _one(rng, heads)
    assert place is not None, "something was anchored"
    writer, seq = place
    rows = conn.execute(
        "SELECT seq, body FROM audit WHERE writer = ? ORDER BY seq", (writer,)
    ).fetchall()
    prev = GENESIS
    for n, text in rows:
        said = json.loads(text)
        if n == seq:
            said["reason" if "reason" in said else "note"] = f"as agreed {rng.randrange(10**6)}"
        data = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        hashed = link(writer, n, prev, data.encode())
        conn.execute(
            "UPDATE audit SET prev = ?, hash = ?, body = ? WHERE writer = ? AND seq = ?",
            (prev, hashed, data, writer, n),
        )
        prev = hashed
    return f"{place} rewritten with all hashes after it"


def record_changed(
    conn: sqlite3.Connection, rng: random.Random, heads: dict[str, int]
) -> str | None:
    """A stored thing that is not what its audit row states."""
    name, column, value = rng.choice(
        (
            ("decision_now", "state", "executed!"),
            ("decision_now", "value_minor", 1),
            ("decision_now", "rule_id", "OTHER"),
            ("verdict", "login", "somebody"),
            ("verdict", "verdict", "approved"),
            ("verdict", "note", "with thanks"),
            ("decision", "body", b"x"),
            ("decision", "inputs", b"x"),
            ("desk_log", "kind", "other"),
            ("outbox", "body", "{}"),
            ("outbox", "not_after", "2030-01-01T00:00:00.000000Z"),
            ("action", "cost_minor", 99),
            ("action", "to_site", "S99"),
            ("decision_move", "body", "{}"),
            ("proposal", "body", b"x"),
        )
    )
    rowids = [row[0] for row in conn.execute(f"SELECT rowid FROM {name} ORDER BY rowid")]
    if not rowids:
        return None
    conn.execute(f"UPDATE {name} SET {column} = ? WHERE rowid = ?", (value, rng.choice(rowids)))
    return f"{name}.{column}"


def record_gone(conn: sqlite3.Connection, rng: random.Random, heads: dict[str, int]) -> str | None:
    """A stored thing taken out."""
    name = rng.choice(("decision", "decision_move", "verdict", "desk_log", "outbox", "proposal"))
    rowids = [row[0] for row in conn.execute(f"SELECT rowid FROM {name} ORDER BY rowid")]
    if not rowids:
        return None
    conn.execute(f"DELETE FROM {name} WHERE rowid = ?", (rng.choice(rowids),))
    return f"a row of {name} gone"


TAMPERS: Final[Sequence[Tamper]] = (
    byte_of_a_row,
    row_gone,
    rows_swapped,
    row_slipped_in,
    tail_cut_off,
    chain_written_anew,
    record_changed,
    record_gone,
)


def tampered(folder: Path, rng: random.Random, heads: dict[str, int]) -> str:
    """One change of the ledger in a folder, in words."""
    conn = sqlite3.connect(folder / "ledger.db")
    try:
        for name in APPEND_ONLY:
            for (trigger,) in conn.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (name,)
            ).fetchall():
                conn.execute(f"DROP TRIGGER {trigger}")
        what = None
        while what is None:
            how = rng.choice(TAMPERS)
            what = how(conn, rng, heads)
        conn.commit()
    finally:
        conn.close()
    return f"{how.__name__}: {what}"


def mutations(folder: Path, seed: int, count: int) -> list[str]:
    """So many changes of copies of one ledger; those that were not found, in words."""
    origin = folder / "origin"
    origin.mkdir()
    heads = lived(origin, random.Random(f"{seed}/lived"), 10, anchored_after=8)
    missed = []
    for n in range(count):
        copy = folder / "copy"
        shutil.copytree(origin, copy)
        what = tampered(copy, random.Random(f"{seed}/{n}"), heads)
        if holds(copy):
            missed.append(f"{n}: {what}")
        shutil.rmtree(copy)
    return missed


def clean_ledgers(folder: Path, seed: int, count: int) -> list[str]:
    """So many ledgers that nobody touched; those that were accused all the same."""
    accused = []
    for n in range(count):
        mine = folder / f"clean-{n}"
        mine.mkdir()
        rng = random.Random(f"{seed}/clean/{n}")
        ticks = rng.randint(1, 4)
        lived(mine, rng, ticks, anchored_after=rng.randint(1, ticks))
        if not holds(mine):
            accused.append(str(n))
        shutil.rmtree(mine)
    return accused


def main() -> int:
    """One line of JSON; exit 1 where a change was missed or an honest ledger accused."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("mutations", type=int, nargs="?", default=1_000)
    asked.add_argument("--clean", type=int, default=1_000)
    asked.add_argument("--seed", type=int, default=1)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        missed = mutations(Path(folder), given.seed, given.mutations)
        accused = clean_ledgers(Path(folder), given.seed, given.clean)
    told = {
        "mutations": given.mutations,
        "missed": missed,
        "clean": given.clean,
        "accused": accused,
    }
    sys.stdout.write(json.dumps(told) + "\n")
    return int(bool(missed or accused))


if __name__ == "__main__":
    sys.exit(main())
