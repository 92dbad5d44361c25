"""Does Grafana's word open the page for exactly whom it should, once, and nothing else?"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient

from replan.infra.identity.grafana_broker import GrafanaBroker
from replan.infra.ledger.columns import sortable_instant
from replan.infra.ledger.doors import hashed
from replan.infra.review.api import make_app
from replan.infra.workspace.review_settings import Review
from replan.people import People
from tests.databases import Place
from tests.escalations import DECISION
from tests.fake_grafana_proxy import PROXY, FakeGrafana, Got, ask, get, grafana
from tests.fake_office import PEOPLE, FakeOffice, an_office, person, shared_folder
from tests.pages_served import served

KEY = "a-key-that-only-grafana-has"
GRAFANA = "https://grafana.example"
RIGHT = {"X-Replan-Broker-Key": KEY, "X-Grafana-User": "ana"}
COOKIE = "replan_session"
LEDGER = Place(url="sqlite:///ledger.db", root=shared_folder())


@pytest.fixture(scope="module")
def office() -> FakeOffice:
    office = an_office()
    gone = person("gone", "planner", active=False)
    office.people = People(planners=(*PEOPLE.planners, gone, person("none"), person("sa-bot", "x")))
    return office


@pytest.fixture(scope="module")
def home(office: FakeOffice) -> Iterator[str]:
    review = Review(
        identity="grafana_broker",
        grafana_url=GRAFANA,
        login_per_second=1000,
        address_per_second=1000,
    )
    broker = GrafanaBroker(KEY, GRAFANA)
    app = make_app(office, token=None, loopback=True, provider=broker, review=review)
    with served(app) as home:
        yield home


@pytest.fixture(scope="module")
def proxy(home: str) -> Iterator[FakeGrafana]:
    with grafana(f"{home}/grafana", KEY) as proxy:
        yield proxy


def came_in(home: str, url: str) -> str:
    """The session of a browser that follows the ticket."""
    answer = get(home, url.removeprefix(home))
    assert answer.status == 303
    return answer.headers["set-cookie"].partition(";")[0]


def form_of(page: str) -> dict[str, str]:
    form = page[page.index('action="/review/') :]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))


def posted(home: str, cookie: str, form: dict[str, str], **headers: str) -> Got:
    kind = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
    own = {"Origin": home, **kind, **headers}
    return ask("POST", home, f"/review/{DECISION}/verdict", own, urlencode(form))


def test_a_link_in_grafana_leads_to_the_case_and_on_to_a_verdict(
    home: str, proxy: FakeGrafana, office: FakeOffice
) -> None:
    """PL3, from the dashboard to the answer."""
    away = proxy.click(DECISION, "ana")
    assert away.status == 302
    assert away.location.startswith(f"{home}/review/{DECISION}?ticket=")
    assert "set-cookie" not in away.headers
    inside = get(home, away.location.removeprefix(home))
    assert (inside.status, inside.location) == (303, f"/review/{DECISION}")
    assert inside.headers["referrer-policy"] == "no-referrer"
    assert inside.headers["cache-control"] == "no-store"
    cookie = inside.headers["set-cookie"]
    assert "httponly" in cookie.lower()
    assert "samesite=lax" in cookie.lower()
    session = cookie.partition(";")[0]
    page = get(home, inside.location, {"Cookie": session})
    assert page.status == 200
    form = form_of(page.text) | {"verdict": "reject", "chip": "policy"}
    assert posted(home, session, form).status == 303
    given = office.taken[-1]
    assert (given.login, given.verdict) == ("ana", "reject")
    assert {name: given.via[name] for name in ("provider", "org", "client")} == {
        "provider": "grafana_broker",
        "org": GRAFANA,
        "client": "127.0.0.1",
    }
    assert given.via["session"] == hashed(session.partition("=")[2])[:16]


def test_what_a_browser_says_of_itself_is_overwritten(home: str, proxy: FakeGrafana) -> None:
    away = proxy.click(
        DECISION, "ben", **{"X-Grafana-User": "ana", "X-Replan-Broker-Key": "guessed"}
    )
    assert away.status == 302
    ticket = away.location.partition("ticket=")[2]
    [row] = [r for r in LEDGER.rows("SELECT * FROM ticket") if r["secret_sha"] == hashed(ticket)]
    assert json.loads(row["body"]) == {"login": "ben"}


def test_a_ticket_is_kept_only_as_its_hash_and_has_256_bits(proxy: FakeGrafana) -> None:
    ticket = proxy.click(DECISION, "ana").location.partition("ticket=")[2]
    assert len(ticket) >= 43
    assert ticket not in str(LEDGER.rows("SELECT * FROM ticket"))


def test_a_ticket_is_good_once(home: str, proxy: FakeGrafana) -> None:
    url = proxy.click(DECISION, "ana").location
    came_in(home, url)
    again = get(home, url.removeprefix(home))
    assert again.status == 403
    assert "set-cookie" not in again.headers
    assert f"{GRAFANA}/d/replan-escalations?var-escalation={DECISION}" in again.text


def test_a_ticket_of_more_than_a_minute_ago_opens_nothing(home: str, proxy: FakeGrafana) -> None:
    url = proxy.click(DECISION, "ana").location
    ticket = hashed(url.partition("ticket=")[2])
    [row] = [r for r in LEDGER.rows("SELECT * FROM ticket") if r["secret_sha"] == ticket]
    left = datetime.fromisoformat(row["until"]) - datetime.now(UTC)
    assert timedelta(0) < left <= timedelta(seconds=60)
    over = sortable_instant(datetime.now(UTC) - timedelta(seconds=1))
    LEDGER.run(
        "UPDATE ticket SET until = :over WHERE secret_sha = :sha", {"over": over, "sha": ticket}
    )
    assert get(home, url.removeprefix(home)).status == 403


def test_a_ticket_opens_only_the_case_it_was_made_for(home: str, proxy: FakeGrafana) -> None:
    ticket = proxy.click(DECISION, "ana").location.partition("?")[2]
    assert get(home, f"/review/dec-later?{ticket}").status == 403
    came_in(home, f"{home}/review/{DECISION}?{ticket}")


def test_a_ticket_is_void_once_its_login_is_out(
    home: str, proxy: FakeGrafana, office: FakeOffice
) -> None:
    url = proxy.click(DECISION, "ben").location
    known = office.people
    office.people = People(planners=tuple(p for p in known.planners if p.login != "ben"))
    try:
        assert get(home, url.removeprefix(home)).status == 403
    finally:
        office.people = known


def test_a_session_ends_with_the_rights_of_its_login(
    home: str, proxy: FakeGrafana, office: FakeOffice
) -> None:
    session = came_in(home, proxy.click(DECISION, "ben").location)
    assert get(home, "/", {"Cookie": session}).status == 200
    known = office.people
    office.people = People(planners=(person("ben", "planner", active=False),))
    try:
        assert get(home, "/", {"Cookie": session}).status == 401
    finally:
        office.people = known


def test_a_ticket_is_not_used_up_by_asking_about_the_page(home: str, proxy: FakeGrafana) -> None:
    url = proxy.click(DECISION, "ana").location
    ask("HEAD", home, url.removeprefix(home))
    came_in(home, url)


@pytest.mark.parametrize(
    ("login", "why"),
    [
        ("anonymous", "did not say who"),
        ("mallory", "may not review"),
        ("gone", "may not review"),
        ("none", "may not review"),
        ("sa-bot", "service account"),
        ("SA-bot", "service account"),
        ("Ana", "may not review"),
    ],
)
def test_who_may_not_review_is_refused_and_put_on_record(
    proxy: FakeGrafana, login: str, why: str
) -> None:
    answer = proxy.click(DECISION, login)
    assert answer.status == 403
    assert why in answer.text
    newest = LEDGER.rows("SELECT body FROM audit WHERE writer = 'doors' ORDER BY seq DESC LIMIT 1")
    kept = json.loads(newest[0]["body"])
    assert kept["login"] == ("" if login == "anonymous" else login)
    assert (kept["subject"], kept["provider"]) == (DECISION, "grafana_broker")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Grafana-User": "ana"},
        {"X-Replan-Broker-Key": "", "X-Grafana-User": "ana"},
        {"X-Replan-Broker-Key": KEY[:-1], "X-Grafana-User": "ana"},
        {"X-Replan-Broker-Key": KEY + "x", "X-Grafana-User": "ana"},
        {"X-Replan-Broker-Key": "clé-étrangère", "X-Grafana-User": "ana"},
    ],
)
def test_without_the_key_nobody_is_believed(home: str, headers: dict[str, str]) -> None:
    sent = {name: value.encode().decode("latin-1") for name, value in headers.items()}
    answer = get(home, f"/grafana/review/{DECISION}", sent)
    assert (answer.status, "ticket" in answer.text) == (403, False)


@pytest.mark.parametrize(
    "path",
    [
        "/grafana",
        "/grafana/",
        "/grafana/review/",
        f"/grafana/review/{DECISION}/",
        f"/grafana/review/{DECISION}/verdict",
        f"/grafana//review/{DECISION}",
        f"/grafana/./review/{DECISION}",
        "/grafana/../api/escalations",
        "/grafana/review/../../api/escalations",
        "/grafana/%2e%2e/api/escalations",
        "/grafana/..%2fapi%2fescalations",
        "/grafana/review/..%2f..%2fapi/escalations",
        f"/grafana/review%2f{DECISION}",
        f"/%67rafana/review/{DECISION}",
        f"/grafana/review/{DECISION}%00",
        "/grafana/review/" + "a" * 65,
        "/grafana/review/a%20b",
        "/grafana/api/v1/query",
        "/grafana/api/stop",
    ],
)
def test_the_key_opens_one_path_and_nothing_else(home: str, path: str) -> None:
    assert get(home, path, RIGHT).status == 404


@pytest.mark.parametrize(
    "path",
    ["/../api/escalations", "/%2e%2e/api/escalations", "/..%2fapi/escalations", "/../metrics"],
)
def test_a_path_through_grafana_leads_nowhere_else(proxy: FakeGrafana, path: str) -> None:
    answer = get(proxy.base, PROXY + path, {"Cookie": "grafana_session=ana"})
    assert answer.status == 404


@pytest.mark.parametrize("path", ["/api/escalations", f"/review/{DECISION}", "/", "/api/stop"])
def test_the_key_is_no_identity_for_pages_and_api(home: str, path: str) -> None:
    assert get(home, path, RIGHT).status == 401


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_the_route_only_answers_get(home: str, method: str) -> None:
    assert ask(method, home, f"/grafana/review/{DECISION}", RIGHT).status == 404


def test_a_case_that_there_is_not_is_not_found(proxy: FakeGrafana) -> None:
    assert proxy.click("dec-none", "ana").status == 404


def test_a_login_said_twice_is_not_believed(home: str, office: FakeOffice) -> None:
    broker = GrafanaBroker(KEY, GRAFANA)
    app = make_app(office, token=None, loopback=True, provider=broker)
    twice = [("X-Replan-Broker-Key", KEY), ("X-Grafana-User", "ana"), ("X-Grafana-User", "ben")]
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as client:
        assert client.get(f"/grafana/review/{DECISION}", headers=twice).status_code == 403


def test_without_a_session_the_page_says_where_to_go(home: str) -> None:
    answer = get(home, f"/review/{DECISION}")
    assert answer.status == 401
    assert f'href="{GRAFANA}/d/replan-escalations?var-escalation={DECISION}"' in answer.text
    assert '<input id="token"' not in answer.text


def test_where_grafana_vouches_no_token_signs_in(home: str) -> None:
    body = urlencode({"token": "rp_ben", "login": "ben"})
    kind = {"Content-Type": "application/x-www-form-urlencoded", "Origin": home}
    answer = ask("POST", home, "/login", kind, body)
    assert (answer.status, "set-cookie" in answer.headers) == (401, False)


def test_a_form_sent_twice_counts_once(home: str, proxy: FakeGrafana, office: FakeOffice) -> None:
    session = came_in(home, proxy.click(DECISION, "ana").location)
    office.cases[DECISION]["state"] = "escalated"
    page = get(home, f"/review/{DECISION}", {"Cookie": session})
    form = form_of(page.text) | {"verdict": "reject", "chip": "policy"}
    before = len(office.taken)
    assert [posted(home, session, form).status for _ in range(2)] == [303, 303]
    assert len(office.taken) == before + 1


def test_a_form_of_another_site_is_refused_though_the_cookie_came_along(
    home: str, proxy: FakeGrafana, office: FakeOffice
) -> None:
    session = came_in(home, proxy.click(DECISION, "ana").location)
    office.cases[DECISION]["state"] = "escalated"
    page = get(home, f"/review/{DECISION}", {"Cookie": session})
    form = form_of(page.text) | {"verdict": "reject", "chip": "policy"}
    before = len(office.taken)
    for foreign in ({"Origin": GRAFANA}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert posted(home, session, form, **foreign).status == 403
    assert len(office.taken) == before
