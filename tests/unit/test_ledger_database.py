"""The ledger's database: how it is made, when it is refused, and who waits for whom."""

import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from replan.effects import DeskOutcome
from replan.errors import LedgerBroken, LedgerBusy, NotSo, UsageError
from replan.infra.ledger import database as ledger_database
from replan.infra.ledger import schema as ledger_schema
from replan.infra.ledger.store import Ledger
from tests.ledger_builders import HOUR, TICK, decide, decision_body, made, open_ledger


def raw(folder: Path) -> sqlite3.Connection:
    return sqlite3.connect(folder / "ledger.db", isolation_level=None)


def test_a_relative_file_lies_in_the_workspace(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    assert (tmp_path / "ledger.db").exists()


def test_a_open_ledger_has_the_schema_that_the_code_states(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'ledger.db'}")
    with engine.connect() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": False})
        assert compare_metadata(context, ledger_schema.metadata) == []
    engine.dispose()


def test_the_stated_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(ledger_database.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == ledger_schema.HEAD


def test_a_write_survives_a_power_cut_because_every_commit_is_synced(tmp_path: Path) -> None:
    engine = ledger_database.open_engine("sqlite:///ledger.db", tmp_path, 0.05)
    with ledger_database.reading(engine) as conn:
        pragmas = ("journal_mode", "synchronous", "foreign_keys")
        values = [conn.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
    engine.dispose()
    assert values == ["wal", 2, 1]


def test_a_newer_schema_is_refused_by_name(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    with raw(tmp_path) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
    conn.close()
    with pytest.raises(NotSo, match="schema revision is 9999"):
        open_ledger(tmp_path)


def test_a_reader_never_migrates(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    with raw(tmp_path) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '0000'")
    conn.close()
    with pytest.raises(NotSo, match="this program needs"):
        Ledger.open("sqlite:///ledger.db", tmp_path, migrate=False)


def test_the_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    with raw(tmp_path) as conn:
        conn.execute("CREATE TABLE recipes (name TEXT)")
    conn.close()
    with pytest.raises(NotSo, match="recipes"):
        open_ledger(tmp_path)


def test_views_are_made_again_when_their_text_changed(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    with raw(tmp_path) as conn:
        conn.execute("DROP VIEW v_audit")
        conn.execute("UPDATE control SET value = '\"old\"' WHERE key = 'views'")
    conn.close()
    open_ledger(tmp_path).close()
    with raw(tmp_path) as conn:
        assert conn.execute("SELECT count(*) FROM v_audit").fetchone() == (0,)
    conn.close()


def test_a_locked_ledger_is_busy_and_nothing_is_stored(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    other = raw(tmp_path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerBusy, match="locked"), ledger.transaction() as write:
        write.set_control("mode", "live")
    other.execute("ROLLBACK")
    other.close()
    assert ledger.control("mode") is None


def test_readers_do_not_wait_for_a_writer(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    with ledger.transaction() as write:
        write.set_clock(TICK)
        assert ledger.clock() is None
    assert ledger.clock() == TICK


def test_a_transaction_that_raises_stores_nothing(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    with suppress(LedgerBroken), ledger.transaction() as write:
        write.set_clock(TICK)
        write.set_clock(TICK - HOUR)
    assert ledger.clock() is None


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("milk, bread, eggs\n" * 100)
    with pytest.raises(LedgerBroken, match="not a database"):
        open_ledger(tmp_path)


def test_a_damaged_page_is_refused_at_start(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    decide(ledger, _many())
    ledger.close()
    path = tmp_path / "ledger.db"
    data = bytearray(path.read_bytes())
    data[8192:16384] = bytes(8192)
    path.write_bytes(data)
    with pytest.raises(LedgerBroken):
        Ledger.open("sqlite:///ledger.db", tmp_path, check=True)


@pytest.mark.parametrize("url", ["ledger.db", "sqlite://", "sqlite:///:memory:", "mysql://x/y"])
def test_a_url_that_names_no_file_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError, match="ledger url"):
        Ledger.open(url, tmp_path)


def test_the_same_decision_twice_is_a_broken_promise(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    decide(ledger, _many())
    with pytest.raises(LedgerBroken, match="decision"):
        decide(ledger, _many())


def _many() -> DeskOutcome:
    return DeskOutcome(made=tuple(made(decision_body(f"d-{n}")) for n in range(50)))
