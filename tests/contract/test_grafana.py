"""Does what we put into a Grafana stand there once, and is every refusal said in our words?"""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from replan.errors import NotSo, SourceAway, UsageError
from replan.infra.grafana.adapter import Grafana, Health
from replan.infra.grafana.boards import FOLDER, kept
from replan.infra.grafana.model import LEDGER
from replan.infra.grafana.pushing import broker_source, ledger_source, push
from tests.fake_grafana import TOKEN, FakeGrafana, served

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SOURCES = (
    ledger_source("db.example:5432", "replan", "of the reader", "require"),
    broker_source("https://replan.example/grafana", "of the broker"),
)


@pytest.fixture
def fake() -> FakeGrafana:
    return FakeGrafana()


@pytest.fixture
def grafana(fake: FakeGrafana) -> Iterator[Grafana]:
    with served(fake) as url:
        yield Grafana(url, TOKEN, seconds=30.0)


def test_it_says_what_it_is(grafana: Grafana) -> None:
    assert grafana.health() == Health(version="9.3.2", database="ok")
    assert grafana.version() == (9, 3)


def test_one_under_a_path_is_found(fake: FakeGrafana) -> None:
    with served(fake, prefix="/team/grafana") as url:
        assert Grafana(f"{url}/", TOKEN).version() == (9, 3)


def test_what_is_pushed_stands_there(fake: FakeGrafana, grafana: Grafana) -> None:
    pushed = list(push(grafana, kept(FOLDER), SOURCES))
    assert all(one.changed for one in pushed)
    assert fake.folders["replan"]["title"] == "replan"
    assert sorted(fake.sources) == ["replan-pg", "replanbroker"]
    assert {uid: one["meta"]["folderUid"] for uid, one in fake.boards.items()} == {
        board["uid"]: "replan" for board in kept(FOLDER).values()
    }


@pytest.mark.parametrize("migrates", [False, True], ids=["as given", "in a form of its own"])
def test_pushing_again_changes_nothing(fake: FakeGrafana, grafana: Grafana, migrates: bool) -> None:
    """SR8, also where a newer Grafana keeps dashboards in another form."""
    fake.migrates = migrates
    list(push(grafana, kept(FOLDER), SOURCES))
    fake.changes.clear()
    assert not any(one.changed for one in push(grafana, kept(FOLDER), SOURCES))
    assert fake.changes == []


def test_a_dashboard_that_was_removed_comes_back(fake: FakeGrafana, grafana: Grafana) -> None:
    list(push(grafana, kept(FOLDER), SOURCES))
    grafana.remove_dashboard("replan-system")
    changed = [one.uid for one in push(grafana, kept(FOLDER), SOURCES) if one.changed]
    assert changed == ["replan-system"]


def test_a_dashboard_that_was_edited_is_put_right(fake: FakeGrafana, grafana: Grafana) -> None:
    list(push(grafana, kept(FOLDER), SOURCES))
    fake.boards["replan-system"]["dashboard"]["title"] = "Mine"
    fake.notes["replan-system"] = "renamed"
    list(push(grafana, kept(FOLDER), SOURCES))
    assert fake.boards["replan-system"]["dashboard"]["title"] == "System"


def test_a_data_source_at_another_address_is_put_right(fake: FakeGrafana, grafana: Grafana) -> None:
    grafana.ensure_datasource(SOURCES[0])
    moved = {**SOURCES[0], "url": "new.example:5432"}
    assert grafana.ensure_datasource(moved)
    assert fake.sources["replan-pg"]["url"] == "new.example:5432"
    assert not grafana.ensure_datasource(moved)


def test_a_folder_gets_its_title_back(fake: FakeGrafana, grafana: Grafana) -> None:
    grafana.ensure_folder("replan", "old")
    assert grafana.ensure_folder("replan", "replan")
    assert fake.folders["replan"]["title"] == "replan"


def test_a_folder_that_is_gone_without_a_word_is_gone(fake: FakeGrafana, grafana: Grafana) -> None:
    grafana.ensure_folder("ours", "ours")
    grafana.remove_folder("ours")
    assert fake.folders == {}


def test_without_the_ledgers_data_source_nothing_is_pushed(
    fake: FakeGrafana, grafana: Grafana
) -> None:
    with pytest.raises(NotSo, match="has no data source 'replan-pg'"):
        list(push(grafana, kept(FOLDER)))
    assert fake.changes == []


def test_a_mark_is_made_once(fake: FakeGrafana, grafana: Grafana) -> None:
    for new in (True, False):
        made = grafana.annotate("act-1", "move 56", NOON, until=NOON + timedelta(hours=1))
        assert made is new
    [mark] = fake.marks
    assert mark["time"] == 1_777_896_000_000
    assert mark["timeEnd"] - mark["time"] == 3_600_000
    assert mark["tags"] == ["replan:act-1"]


def test_a_query_brings_rows(grafana: Grafana) -> None:
    found = grafana.run_sql("SELECT n, word FROM v_queue", NOON, NOON, source=LEDGER)
    assert found == [{"n": 1, "word": "a"}, {"n": 2, "word": None}]


def test_teams_bring_their_logins(grafana: Grafana) -> None:
    assert grafana.team_logins() == {"leads": ("max",), "planners": ("ana", "bo")}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((401, {"message": "Invalid API key"}), r"/api/health refuses the token"),
        ((403, {"message": "Permission denied"}), "is not allowed for the owner of the token"),
        ((404, {"message": "Not found"}), "is not there"),
        ((400, {"message": "bad request data"}), r"refuses with 400 \(bad request data\)"),
        ((412, {"message": "name-exists"}), "changed by someone else"),
        ((200, "<html>a page</html>"), "is no JSON; is it Grafana?"),
        ((404, "<html>a page</html>"), "is not there"),
    ],
)
def test_a_refusal_is_said_in_our_words(
    fake: FakeGrafana, grafana: Grafana, answer: tuple[int, object], said: str
) -> None:
    fake.failing = answer
    with pytest.raises(NotSo, match=said) as refused:
        grafana.health()
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize("answer", [(500, {"message": "oops"}), (503, "busy")])
def test_one_that_fails_may_be_asked_again(
    fake: FakeGrafana, grafana: Grafana, answer: tuple[int, object]
) -> None:
    fake.failing = answer
    with pytest.raises(SourceAway, match=f"failed with {answer[0]}"):
        grafana.health()


def test_one_that_nobody_serves_is_away() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(SourceAway, match="did not answer"):
            Grafana(url, TOKEN).health()


def test_a_dashboard_that_comes_from_a_file_is_not_saved_over(
    fake: FakeGrafana, grafana: Grafana
) -> None:
    fake.provisioned = {"replan-system"}
    with pytest.raises(NotSo, match="comes from a file of that Grafana"):
        grafana.push_dashboard(kept(FOLDER)["system"], "replan")


def test_a_query_that_the_database_refuses_says_so(grafana: Grafana) -> None:
    with pytest.raises(NotSo):
        grafana.run_sql("SELECT 1 FROM nothing_such", NOON, NOON, source=LEDGER)


@pytest.mark.parametrize("version", ["8.5.27", "9.2.0", "nightly"])
def test_an_older_or_unreadable_version_is_refused(
    fake: FakeGrafana, grafana: Grafana, version: str
) -> None:
    fake.version = version
    with pytest.raises(NotSo, match=version):
        grafana.version()


@pytest.mark.parametrize("url", ["grafana.example", "ftp://grafana.example", "https://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="must be as"):
        Grafana(url, TOKEN)


def test_a_uid_is_a_name_and_no_path(fake: FakeGrafana, grafana: Grafana) -> None:
    fake.folders["../health"] = {"uid": "../health", "title": "odd"}
    assert not grafana.ensure_folder("../health", "odd")
