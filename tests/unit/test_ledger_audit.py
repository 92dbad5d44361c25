"""Whatever is edited in the ledger behind its back is found, and the row is named."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from replan.effects import DecisionMoved, DeskOutcome
from replan.infra.ledger.rows import ProposalRow
from replan.infra.ledger.store import Ledger
from replan.units import DecisionId
from tests.databases import Place
from tests.ledger_builders import (
    HOUR,
    TICK,
    command,
    decide,
    decision_body,
    escalated,
    made,
    verdict,
)

APPEND_ONLY = ("audit", "decision", "decision_move", "verdict")


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    """Desk rows: 1 given, 2 decision d-1, 3 decision d-2, 4 command, 5 verdict, 6 given, 7 move of
    d-1.
    """
    ledger = place.open()
    with ledger.transaction() as write:
        write.record_fit(TICK - HOUR, TICK, b"fit")
        write.add_proposals(TICK, [ProposalRow(group="all", item="MILK", n=0, body={"qty": 80})])
    both = (made(decision_body()), made(escalated("d-2")))
    decide(ledger, DeskOutcome(made=both, commands=(command(),), verdicts=(verdict("d-2"),)))
    executed = DecisionMoved(
        decision_id=DecisionId("d-1"),
        version=1,
        at=TICK + HOUR,
        changes={"state": "executed"},
        reason="acknowledged",
    )
    decide(ledger, DeskOutcome(moved=(executed,)), at=TICK + HOUR)
    yield ledger
    ledger.close()


def edit(place: Place, statement: str) -> None:
    """What somebody with the database and a few tools could do."""
    with place.connected() as conn:
        if place.kind == "postgresql":
            conn.exec_driver_sql("SET LOCAL session_replication_role = replica")
        else:
            for table in APPEND_ONLY:
                conn.exec_driver_sql(f"DROP TRIGGER no_update_of_{table}")
                conn.exec_driver_sql(f"DROP TRIGGER no_delete_of_{table}")
        values = {"zero": b"\x00"} if ":zero" in statement else {}
        assert conn.execute(sa.text(statement), values).rowcount > 0


def test_an_untouched_ledger_holds(ledger: Ledger) -> None:
    report = ledger.verify_audit()
    assert report.ok
    assert report.rows == 9


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET seq = seq"])
def test_the_record_refuses_changes(ledger: Ledger, place: Place, table: str, change: str) -> None:
    with pytest.raises(sa.exc.IntegrityError, match="append-only"):
        place.run(change.format(table))


@pytest.mark.parametrize(
    ("statement", "writer", "seq"),
    [
        ("UPDATE audit SET body = replace(body, 'executed', 'shadowed')", "desk:all", 7),
        ("UPDATE audit SET at = '2026-05-05T00:00:00.000000Z' WHERE seq = 2", "desk:all", 2),
        ("UPDATE audit SET subject = 'd-2' WHERE subject = 'd-1' AND seq = 4", "desk:all", 4),
        ("DELETE FROM audit WHERE writer = 'sense:0' AND seq = 1", "sense:0", 2),
        ("DELETE FROM audit WHERE writer = 'desk:all' AND seq = 7", "desk:all", 7),
        ("DELETE FROM decision WHERE decision_id = 'd-2'", "desk:all", 3),
        ("UPDATE decision SET inputs = :zero WHERE decision_id = 'd-1'", "desk:all", 2),
        ("UPDATE decision SET body = inputs", "desk:all", 2),
        ("UPDATE verdict SET login = 'planner-north-2'", "desk:all", 5),
        ("DELETE FROM verdict", "desk:all", 5),
        ("UPDATE decision_move SET body = replace(body, 'ack', 'nack')", "desk:all", 7),
        ("UPDATE desk_log SET input = :zero WHERE seq = 1", "desk:all", 1),
        ("UPDATE desk_log SET kind = 'verdict' WHERE seq = 2", "desk:all", 6),
        ("DELETE FROM desk_log WHERE seq = 2", "desk:all", 6),
        ("UPDATE outbox SET body = replace(body, '80.5', '90.5')", "desk:all", 4),
        ("UPDATE outbox SET not_after = '2027-01-01T00:00:00.000000Z'", "desk:all", 4),
        ("UPDATE action SET qty = 90500", "desk:all", 4),
        ("UPDATE proposal SET body = :zero", "sense:0", 2),
        ("UPDATE fit SET sha = 'other'", "sense:0", 1),
        ("UPDATE decision_now SET body = replace(body, '120000', '90000')", "desk:all", 8),
        ("UPDATE decision_now SET value_minor = 1", "desk:all", 8),
        (
            (
                "INSERT INTO decision SELECT 'd-9', version, planning_group, seq, at, body, sha, "
                "inputs, inputs_sha FROM decision WHERE decision_id = 'd-1'"
            ),
            "desk:all",
            8,
        ),
        (
            (
                "INSERT INTO outbox (idem, action_id, decision_id, body, sha, not_after, state, "
                "created_at, compensates) SELECT 'again', action_id, decision_id, body, sha, "
                "not_after, 'pending', created_at, false FROM outbox"
            ),
            "desk:all",
            8,
        ),
    ],
)
def test_an_edit_is_found_and_named(
    ledger: Ledger, place: Place, statement: str, writer: str, seq: int
) -> None:
    edit(place, statement)
    bad = ledger.verify_audit().first_bad
    assert bad is not None
    assert (bad.writer, bad.seq) == (writer, seq)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_text_that_is_no_longer_utf8_is_found_and_named(ledger: Ledger, place: Place) -> None:
    edit(place, "UPDATE audit SET body = CAST(x'ff' AS TEXT) WHERE writer LIKE 'desk%'")
    bad = ledger.verify_audit().first_bad
    assert bad is not None
    assert (bad.writer, bad.seq) == ("desk:all", 1)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_the_record_is_not_emptied(ledger: Ledger, place: Place, table: str) -> None:
    with pytest.raises(sa.exc.IntegrityError, match="append-only"):
        place.run(f"TRUNCATE {table}")


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_flipped_byte_anywhere_in_a_stored_decision_is_found(
    ledger: Ledger, place: Place, tmp_path: Path
) -> None:
    [row] = place.rows("SELECT body FROM decision WHERE decision_id = 'd-1'")
    body = row["body"]
    ledger.close()
    path = tmp_path / "ledger.db"
    data = path.read_bytes()
    start = data.index(body)
    for at in range(0, len(body), 37):
        flipped = bytearray(data)
        flipped[start + at] ^= 0x10
        path.write_bytes(flipped)
        bad = ledger.verify_audit().first_bad
        ledger.close()
        assert bad is not None
        assert (bad.writer, bad.seq) == ("desk:all", 2)


def test_the_audit_rows_of_one_decision_are_found(ledger: Ledger) -> None:
    kinds = [row.body["kind"] for row in ledger.decision("d-1").audit]
    assert kinds == ["decision", "command", "moved"]
