"""A ledger in PostgreSQL: how it is made, when it is refused, and what a broken line leaves."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import make_url

from replan.errors import CommitUnknown, LedgerBusy, NotSo, UsageError
from replan.infra.ledger import database as ledger_database
from replan.infra.ledger import postgres as ledger_postgres
from replan.infra.ledger import schema as ledger_schema
from replan.infra.ledger.store import Ledger
from tests.databases import Place, server
from tests.ledger_builders import TICK
from tests.severed_line import Line

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("place", ["postgresql"], indirect=True)]


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    ledger = place.open()
    yield ledger
    ledger.close()


@pytest.fixture
def line(place: Place) -> Iterator[Line]:
    port = make_url(place.url).port
    assert port is not None
    with Line(port) as line:
        yield line


@pytest.fixture
def over_the_line(place: Place, line: Line) -> Iterator[Ledger]:
    url = make_url(place.url).set(port=line.port).render_as_string(hide_password=False)
    ledger = Ledger.open(url, place.root, busy_seconds=5.0)
    yield ledger
    ledger.close()


def set_mode(ledger: Ledger, mode: str = "live") -> None:
    with ledger.transaction() as write:
        write.set_control("mode", mode)


def test_the_schema_is_the_one_that_the_code_states(place: Place) -> None:
    with place.connected() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": False})
        assert compare_metadata(context, ledger_schema.metadata) == []


def test_two_who_open_an_empty_database_at_once_both_find_a_ledger(place: Place) -> None:
    url = server().database()
    found: list[str | None] = []

    def first_look() -> None:
        opened = Ledger.open(url, place.root, busy_seconds=30.0)
        found.append(opened.control("mode"))
        opened.close()

    looks = [threading.Thread(target=first_look) for _ in range(2)]
    for look in looks:
        look.start()
    for look in looks:
        look.join()
    assert found == [None, None]


def test_db5_another_revision_is_refused_by_name(place: Place) -> None:
    url = server().database()
    Ledger.open(url, place.root).close()
    other = Place(url=url, root=place.root)
    other.run("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(NotSo, match="schema revision is 9999"):
        other.open()


def test_the_database_of_something_else_is_left_alone(place: Place) -> None:
    other = Place(url=server().database(), root=place.root)
    other.run("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(NotSo, match="recipes"):
        other.open()


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
def test_db6_a_server_that_may_forget_a_commit_is_refused_in_live_mode(
    ledger: Ledger, setting: str
) -> None:
    ledger.refuse_unsafe()
    with server().changed(setting, "off"), pytest.raises(NotSo, match=f"{setting} is off, must be"):
        ledger.refuse_unsafe()


def test_what_a_reader_sees_does_not_change_while_others_write(place: Place) -> None:
    ledger, other = place.open(), place.open()
    engine = ledger_database.open_engine(place.url, place.root, 1.0)
    with ledger_database.reading(engine) as conn:
        count = sa.select(sa.func.count()).select_from(ledger_schema.control)
        before = conn.execute(count).scalar_one()
        set_mode(other)
        assert conn.execute(count).scalar_one() == before
    assert ledger.control("mode") == "live"
    for one in (ledger, other):
        one.close()
    engine.dispose()


def test_a_reader_cannot_write(place: Place) -> None:
    engine = ledger_database.open_engine(place.url, place.root, 1.0)
    with pytest.raises(LedgerBusy, match="read-only"), ledger_database.reading(engine) as conn:
        conn.execute(sa.delete(ledger_schema.control))
    engine.dispose()


def test_a_writer_waits_for_its_turn_and_says_when_it_comes_not(ledger: Ledger) -> None:
    with ledger.transaction() as write:
        write.set_clock(TICK)
        with pytest.raises(LedgerBusy, match="lock timeout"):
            set_mode(ledger)
    assert ledger.clock() == TICK


def test_connections_that_the_server_ended_are_made_again(ledger: Ledger, place: Place) -> None:
    set_mode(ledger)
    place.run(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert ledger.control("mode") == "live"


def test_a_connection_that_breaks_before_the_commit_stores_nothing(ledger: Ledger) -> None:
    def break_in_between() -> None:
        with ledger.transaction() as write:
            write.set_control("mode", "live")
            with write._reading() as conn:
                number = conn.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
            with server().connected() as other:
                other.execute(sa.text(f"SELECT pg_terminate_backend({number}, 5000)"))
            write.set_control("mode", "shadow")

    with pytest.raises(LedgerBusy, match="terminating connection"):
        break_in_between()
    assert ledger.control("mode") is None


def test_db4_a_commit_whose_answer_is_lost_counts_as_stored(
    over_the_line: Ledger, line: Line
) -> None:
    line.breaks = "answer"
    set_mode(over_the_line)
    assert line.breaks == "no"
    assert over_the_line.control("mode") == "live"


def test_db4_a_commit_that_never_arrived_is_safe_to_try_again(
    over_the_line: Ledger, line: Line
) -> None:
    line.breaks = "question"
    with pytest.raises(LedgerBusy) as told:
        set_mode(over_the_line)
    assert not isinstance(told.value, CommitUnknown)
    assert over_the_line.control("mode") is None


def test_db4_a_commit_whose_fate_cannot_be_learnt_is_said_to_be_unknown(
    over_the_line: Ledger, line: Line, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_postgres, "FATE_ATTEMPTS", 2)
    line.breaks = "answer and all after"
    with pytest.raises(CommitUnknown, match="look before trying again"):
        set_mode(over_the_line)
    assert ledger.control("mode") == "live"


def test_a_server_that_is_not_there_is_a_busy_ledger_and_the_password_never_shows(
    place: Place,
) -> None:
    nobody = "postgresql://me:canary@127.0.0.1:1/replan"
    with pytest.raises(LedgerBusy, match=r"me:[*]+@127\.0\.0\.1:1/replan") as told:
        Ledger.open(nobody, place.root)
    assert "canary" not in str(told.value)


def test_a_password_given_apart_goes_before_the_one_in_the_url(place: Place) -> None:
    url = make_url(place.url)
    wrong = url.set(password="canary").render_as_string(hide_password=False)
    with pytest.raises(LedgerBusy, match="password authentication failed") as told:
        Ledger.open(wrong, place.root)
    assert "canary" not in str(told.value)
    Ledger.open(wrong, place.root, password=url.password).close()


def test_a_text_that_no_database_can_hold_is_the_callers_mistake(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="NUL"):
        ledger.decision("d-1\x00")


def test_a_url_of_another_driver_is_refused(place: Place, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="must begin with postgresql://"):
        Ledger.open("postgresql+psycopg2://me@localhost/replan", tmp_path)
