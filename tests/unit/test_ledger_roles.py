"""Who may do what in a ledger on PostgreSQL, tried by each role itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from replan.errors import NotSo
from replan.infra.dev import database as dev_database
from replan.infra.ledger import database as ledger_database
from replan.infra.ledger.store import Ledger
from replan.infra.ledger.views import VIEWS
from replan.infra.planners.office import Office
from tests.databases import server
from tests.desk_cases import case
from tests.ledger_builders import TICK, batch, segment_file
from tests.unit.test_office import answered, only, source, tick

pytestmark = pytest.mark.slow

ROLES = ("replan_migrate", "replan_engine", "replan_api", "replan_audit_ro", "grafana_ro")
SCRIPT = Path(ledger_database.__file__).parents[1] / "defaults" / "ledger" / "roles.sql"
KEPT = ("audit", "decision", "decision_move", "verdict")
DENIED = "permission denied"


@pytest.fixture(scope="module")
def urls(postgresql: None) -> dict[str, str]:
    """A ledger as an administrator and then the program set it up; its URL for each role."""
    admin = server().database()
    dev_database.psql(server().folder, admin, SCRIPT)
    found = {}
    with server().connected() as conn:
        for role in ROLES:
            conn.exec_driver_sql(f"ALTER ROLE {role} PASSWORD 'of {role}'")
            url = make_url(admin).set(username=role, password=f"of {role}")
            found[role] = url.render_as_string(hide_password=False)
    Ledger.open(found["replan_migrate"], server().folder).close()
    return found


@contextmanager
def opened(url: str) -> Iterator[Ledger]:
    ledger = Ledger.open(url, server().folder, busy_seconds=5.0)
    try:
        yield ledger
    finally:
        ledger.close()


def tries(url: str, statement: str) -> str:
    """What the server says to a statement of a role; empty if it does it."""
    engine = ledger_database.open_engine(url, Path(), 1.0)
    try:
        with engine.connect() as conn, conn.begin():
            conn.exec_driver_sql(statement, execution_options={"no_parameters": True})
    except sa.exc.DBAPIError as error:
        return str(error.orig)
    finally:
        engine.dispose()
    return ""


@pytest.fixture(scope="module")
def decided(urls: dict[str, str]) -> None:
    """What an engine stores in a run: a batch, a state, and a case that is put before a person."""
    with opened(urls["replan_engine"]) as ledger:
        with ledger.transaction() as write:
            segment = write.store_segment([segment_file()])
            write.append_manifest(batch(1, 0, 9))
            write.save_snapshot(TICK, b"state")
            write.finish_segment(segment.id)
        tick(ledger, source(), case())


@pytest.mark.usefixtures("decided")
def test_the_api_takes_an_answer_to_what_the_engine_put_before_a_person(
    urls: dict[str, str],
) -> None:
    with opened(urls["replan_api"]) as api:
        office = Office(api, source())
        assert answered(office, only(office)).result == "accepted"


@pytest.mark.usefixtures("decided")
def test_an_auditor_verifies_and_changes_nothing(urls: dict[str, str]) -> None:
    with opened(urls["replan_audit_ro"]) as ledger:
        assert ledger.verify_audit().ok
    assert "read-only" in tries(urls["replan_audit_ro"], "DELETE FROM control")
    assert DENIED in tries(
        urls["replan_audit_ro"],
        "SET default_transaction_read_only = off; COMMIT; DELETE FROM control",
    )


@pytest.mark.parametrize("table", KEPT)
@pytest.mark.parametrize("role", ["replan_engine", "replan_api"])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET seq = seq", "TRUNCATE {}"])
def test_nobody_who_works_with_the_record_may_change_it(
    urls: dict[str, str], role: str, table: str, change: str
) -> None:
    assert DENIED in tries(urls[role], change.format(table))


@pytest.mark.parametrize("role", ["replan_engine", "replan_api"])
@pytest.mark.parametrize(
    "change",
    ["DROP TABLE audit", "DROP TRIGGER no_delete_of_audit ON audit", "CREATE TABLE mine (a int)"],
)
def test_nobody_who_works_with_the_record_may_change_its_schema(
    urls: dict[str, str], role: str, change: str
) -> None:
    assert any(words in tries(urls[role], change) for words in (DENIED, "must be owner"))


@pytest.mark.parametrize("change", ["DELETE FROM snapshot", "UPDATE segment SET next_offset = 0"])
def test_the_api_leaves_alone_what_a_run_writes(urls: dict[str, str], change: str) -> None:
    assert DENIED in tries(urls["replan_api"], change)


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_a_dashboard_reads_every_view(urls: dict[str, str], view: str) -> None:
    assert tries(urls["grafana_ro"], f"SELECT * FROM {view}") == ""


@pytest.mark.parametrize(
    ("statement", "answer"),
    [
        ("SELECT body FROM decision_now", DENIED),
        ("SELECT * FROM v_audit; DELETE FROM audit", "read-only"),
        ("SET default_transaction_read_only = off; COMMIT; DELETE FROM decision_now", DENIED),
        ("SELECT 1; DROP VIEW v_audit", "read-only"),
        ("COPY audit TO STDOUT", DENIED),
        ("COPY (SELECT 1) TO PROGRAM 'id'", DENIED),
        ("COPY (SELECT 1) TO '/tmp/x'", DENIED),
        ("SELECT pg_sleep(60)", DENIED),
        ("SELECT pg_advisory_lock(1)", DENIED),
        ("SELECT pg_try_advisory_lock_shared(1)", DENIED),
        ("SELECT pg_read_file('/etc/passwd')", DENIED),
        ("CREATE TEMP TABLE mine (a int)", "read-only"),
        ("SET ROLE replan_engine", DENIED),
    ],
)
def test_a_dashboard_can_do_nothing_else(urls: dict[str, str], statement: str, answer: str) -> None:
    assert answer in tries(urls["grafana_ro"], statement)


def test_a_dashboard_is_cut_off_after_five_seconds(urls: dict[str, str]) -> None:
    engine = ledger_database.open_engine(urls["grafana_ro"], Path(), 1.0)
    with engine.connect() as conn:
        assert conn.exec_driver_sql("SHOW statement_timeout").scalar_one() == "5s"
    engine.dispose()


def test_views_that_are_made_again_stay_readable(urls: dict[str, str]) -> None:
    assert tries(urls["replan_migrate"], "DELETE FROM control WHERE key = 'views'") == ""
    Ledger.open(urls["replan_migrate"], server().folder).close()
    assert tries(urls["grafana_ro"], "SELECT * FROM v_decisions") == ""


def test_a_role_that_may_not_migrate_says_so(urls: dict[str, str]) -> None:
    assert (
        tries(urls["replan_migrate"], "UPDATE control SET value = '\"\"' WHERE key = 'views'") == ""
    )
    with pytest.raises(NotSo, match="must be owner"):
        Ledger.open(urls["replan_engine"], server().folder)
    Ledger.open(urls["replan_migrate"], server().folder).close()


def test_the_script_may_be_run_again(urls: dict[str, str]) -> None:
    database = make_url(urls["replan_engine"]).database
    assert database is not None
    admin = make_url(server().url).set(database=database).render_as_string(hide_password=False)
    dev_database.psql(server().folder, admin, SCRIPT)
    assert tries(urls["grafana_ro"], "SELECT * FROM v_audit") == ""
