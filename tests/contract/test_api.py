"""Does the web door open for whom it should, answer as agreed, and stay shut for the rest?"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from replan.errors import LedgerBusy, UsageError
from replan.infra.ledger.columns import sortable_instant
from replan.infra.ledger.doors import hashed
from replan.infra.review.api import make_app
from tests.databases import Place
from tests.escalations import DECISION
from tests.fake_office import TOKEN, FakeOffice, an_office, shared_folder

HOME = "http://127.0.0.1:8765"
SHARED = {"Authorization": f"Bearer {TOKEN}"}
ANA = SHARED | {"X-Replan-Login": "ana"}
PERSONAL_BEN = {"Authorization": "Bearer rp_ben"}
VERDICT = f"/api/decisions/{DECISION}/verdict"
APPROVE = {"verdict": "approve", "version": 1, "chip": "policy"}


@pytest.fixture
def office() -> FakeOffice:
    return an_office()


@pytest.fixture
def client(office: FakeOffice) -> Iterator[TestClient]:
    app = make_app(office, token=TOKEN, loopback=True)
    with TestClient(app, base_url=HOME, follow_redirects=False) as client:
        yield client


@pytest.fixture(scope="module")
def reader() -> Iterator[TestClient]:
    """For tests that only ask and are refused: one application for all of them."""
    app = make_app(an_office(), token=TOKEN, loopback=True, metrics=lambda: b"replan_ledger_up 1.0")
    with TestClient(app, base_url=HOME, follow_redirects=False) as reader:
        yield reader


@pytest.fixture
def ana(client: TestClient) -> TestClient:
    """A browser signed in as ana."""
    answer = client.post("/login", data={"token": TOKEN, "login": "ana"}, headers={"Origin": HOME})
    assert answer.status_code == 303
    return client


def form_of(page: str) -> dict[str, str]:
    """The hidden fields of the verdict form."""
    form = page[page.index('action="/review/') :]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))


def key(value: str) -> dict[str, str]:
    return ANA | {"Idempotency-Key": value}


# Method, path, status without a token, status with the shared one.
ROUTES = [
    ("GET", "/healthz", 200, 200),
    ("GET", "/readyz", 200, 200),
    ("GET", "/metrics", 200, 200),
    ("GET", "/openapi.json", 200, 200),
    ("GET", "/login", 200, 200),
    ("GET", "/static/replan.css", 200, 200),
    ("GET", "/static/replan.svg", 200, 200),
    ("GET", "/static/htmx.js", 200, 200),
    ("GET", "/", 401, 200),
    ("GET", "/history", 401, 200),
    ("GET", f"/review/{DECISION}", 401, 200),
    ("GET", "/review/dec-none", 401, 404),
    ("GET", "/api/escalations", 401, 200),
    ("GET", "/api/spot-checks", 401, 200),
    ("GET", "/api/decisions", 401, 200),
    ("GET", "/api/brief-schema", 401, 200),
    ("GET", f"/api/decisions/{DECISION}", 401, 200),
    ("GET", "/api/decisions/dec-none", 401, 404),
    ("GET", VERDICT, 401, 405),
    ("GET", f"/api/decisions/{DECISION}/what-if", 401, 405),
    ("GET", f"/review/{DECISION}/what-if", 401, 405),
    ("GET", f"/review/{DECISION}/verdict", 401, 405),
    ("GET", "/logout", 401, 405),
    ("GET", "/docs", 401, 404),
    ("GET", "/api/stop", 401, 405),
    ("GET", "/api/resume", 401, 405),
    ("GET", "/no/such/page", 401, 404),
    ("PUT", f"/api/decisions/{DECISION}", 401, 405),
    ("DELETE", f"/api/decisions/{DECISION}", 401, 405),
]


@pytest.mark.parametrize(("method", "path", "without", "with_token"), ROUTES)
def test_every_route_is_shut_unless_it_is_meant_to_be_open(
    reader: TestClient, method: str, path: str, without: int, with_token: int
) -> None:
    assert reader.request(method, path).status_code == without
    assert reader.request(method, path, headers=SHARED).status_code == with_token


def test_every_route_of_the_application_stands_in_the_table_or_is_a_post(
    reader: TestClient,
) -> None:
    reads = {p for method, p, *_ in ROUTES if method == "GET"}
    for path, methods in reader.get("/openapi.json").json()["paths"].items():
        if "get" in methods:
            assert path.replace("{decision_id}", DECISION) in reads


def test_metrics_are_told_to_monitors_as_they_are(reader: TestClient) -> None:
    answer = reader.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert answer.content == b"replan_ledger_up 1.0"


def test_monitors_of_other_machines_show_a_token() -> None:
    app = make_app(an_office(), token=TOKEN, loopback=False, metrics=lambda: b"")
    with TestClient(app, base_url="https://replan.example", follow_redirects=False) as client:
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers=SHARED).status_code == 200


def test_an_office_without_its_ledger_is_not_ready() -> None:
    """DB1."""

    class Away(FakeOffice):
        def status(self) -> dict[str, Any]:
            raise LedgerBusy("the database is away")

    with TestClient(make_app(Away(), token=TOKEN, loopback=True), base_url=HOME) as client:
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["ready"]) == (503, False)
        assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Bearer",
        "Bearer wrong",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbmEifQ.",
        f"Bearer {TOKEN}x",
    ],
)
def test_a_wrong_token_is_refused_without_detail(reader: TestClient, said: str) -> None:
    answer = reader.get("/api/escalations", headers={"Authorization": said})
    assert (answer.status_code, answer.json()) == (401, {"code": "unauthorized"})


def test_a_personal_token_is_one_login_s(reader: TestClient) -> None:
    as_another = PERSONAL_BEN | {"X-Replan-Login": "ana"}
    assert reader.get("/api/escalations", headers=PERSONAL_BEN).status_code == 200
    assert reader.get("/api/escalations", headers=as_another).status_code == 401


def test_a_stop_goes_to_the_switch_with_its_scope_and_login(
    client: TestClient, office: FakeOffice
) -> None:
    """SR1."""
    given = {"scope": "region=EAST", "reason": "the till feed lies"}
    assert client.post("/api/stop", headers=ANA, json=given).status_code == 200
    assert client.post("/api/resume", headers=ANA, json={"reason": "over"}).status_code == 200
    assert office.moved == [
        ("stop", "region=EAST", "ana", "the till feed lies"),
        ("resume", None, "ana", "over"),
    ]


def test_a_stop_that_the_switch_refuses_says_so(client: TestClient) -> None:
    answer = client.post("/api/stop", headers=PERSONAL_BEN, json={"reason": "drill"})
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


@pytest.mark.parametrize(
    ("headers", "given", "status"),
    [
        ({}, {"reason": "drill"}, 401),
        (SHARED, {"reason": "drill"}, 403),
        (ANA, {}, 422),
        (ANA, {"scope": "EAST", "reason": "drill"}, 422),
        (ANA, {"scope": None, "reason": "drill", "until": "noon"}, 422),
    ],
)
def test_a_stop_that_cannot_be_meant_moves_nothing(
    client: TestClient,
    office: FakeOffice,
    headers: dict[str, str],
    given: dict[str, str | None],
    status: int,
) -> None:
    assert client.post("/api/stop", headers=headers, json=given).status_code == status
    assert office.moved == []


def test_every_page_says_what_is_stopped(client: TestClient, office: FakeOffice) -> None:
    office.stopped = [{"scope": "region=EAST", "by": "olga", "since": None}]
    page = client.get("/", headers=ANA).text
    assert "region=EAST by olga" in page


def test_escalations_come_most_urgent_first(reader: TestClient) -> None:
    """PL1."""
    ids = [b["decision_id"] for b in reader.get("/api/escalations", headers=SHARED).json()]
    assert ids == [DECISION, "dec-later"]


def test_decisions_are_found_by_state(reader: TestClient) -> None:
    found = reader.get("/api/decisions", params={"state": "executed"}, headers=SHARED).json()
    assert [b["decision_id"] for b in found] == ["dec-ran"]


@pytest.mark.parametrize("since", ["yesterday", "2026-05-04T08:00:00", "1' OR 1=1"])
def test_a_time_without_its_zone_is_refused(reader: TestClient, since: str) -> None:
    answer = reader.get("/api/decisions", params={"since": since}, headers=SHARED)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_a_decision_comes_whole(reader: TestClient) -> None:
    body = reader.get(f"/api/decisions/{DECISION}", headers=SHARED).json()
    assert body["brief"]["question"].endswith("?")
    assert body["verdicts"] == []


def test_a_verdict_is_passed_on_with_who_gave_it(client: TestClient, office: FakeOffice) -> None:
    answer = client.post(VERDICT, json=APPROVE, headers=key("k1"))
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "decision_id": DECISION,
            "verdict": "approve",
            "result": "accepted",
            "status": 200,
            "code": None,
            "state": "approved",
            "diff": None,
        },
    )
    assert (office.taken[0].login, office.taken[0].chip) == ("ana", "policy")


def test_the_same_key_gets_the_first_answer_again(client: TestClient, office: FakeOffice) -> None:
    first = client.post(VERDICT, json=APPROVE, headers=key("k1"))
    second = client.post(VERDICT, json=APPROVE, headers=key("k1"))
    assert (second.status_code, second.json()) == (first.status_code, first.json())
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(office.taken) == 1


def test_a_key_with_another_body_is_refused(client: TestClient, office: FakeOffice) -> None:
    client.post(VERDICT, json=APPROVE, headers=key("k1"))
    answer = client.post(VERDICT, json=APPROVE | {"verdict": "reject"}, headers=key("k1"))
    assert (answer.status_code, answer.json()["code"]) == (409, "key_reused")
    assert len(office.taken) == 1


def test_a_key_belongs_to_one_login(client: TestClient, office: FakeOffice) -> None:
    client.post(VERDICT, json=APPROVE, headers=key("k1"))
    answer = client.post(VERDICT, json=APPROVE, headers=PERSONAL_BEN | {"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.json()["code"]) == (409, "already_decided")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("not_allowed", 403),
        ("over_limit", 403),
        ("same_approver", 403),
        ("own_proposal", 403),
        ("stale", 409),
        ("superseded", 409),
        ("withdrawn", 409),
        ("already_decided", 409),
        ("expired", 410),
        ("infeasible", 422),
        ("stopped", 423),
    ],
)
def test_a_refusal_has_its_status_and_code_in_the_api_and_on_the_page(
    ana: TestClient, office: FakeOffice, code: str, status: int
) -> None:
    form = form_of(ana.get(f"/review/{DECISION}").text)
    office.situation = code
    answer = ana.post(VERDICT, json=APPROVE, headers=key("k1"))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    page = ana.post(
        f"/review/{DECISION}/verdict",
        data=form | {"verdict": "approve", "chip": "policy"},
        headers={"Origin": HOME},
    )
    assert page.status_code == status
    assert "Not done." in page.text


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"verdict": "postpone"}, "verdict"),
        ({"verdict": "modify"}, "wish"),
        ({"chip": "because"}, "chip"),
        ({"chip": "other"}, "note"),
        ({"version": 0}, "invalid"),
        ({"version": "1"}, "invalid"),
        ({"verdict": "modify", "qty": -5}, "wish"),
        ({"qty": 5}, "wish"),
        ({"verdict": "modify", "qty": "a lot"}, "wish"),
        ({"verdict": "modify", "date": "tomorrow"}, "wish"),
        ({"option": "teleport"}, "option"),
        ({"note": "x" * 2_001}, "invalid"),
    ],
)
def test_a_malformed_verdict_is_named_and_never_passed_on(
    client: TestClient, office: FakeOffice, change: dict[str, object], code: str
) -> None:
    answer = client.post(VERDICT, json=APPROVE | change, headers=key("k1"))
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert office.taken == []


def test_a_verdict_needs_a_version_and_a_key(reader: TestClient) -> None:
    unversioned = {"verdict": "approve", "chip": "policy"}
    assert reader.post(VERDICT, json=unversioned, headers=key("k1")).status_code == 422
    assert reader.post(VERDICT, json=APPROVE, headers=ANA).status_code == 422


def test_an_error_does_not_repeat_what_was_sent(reader: TestClient) -> None:
    answer = reader.post(VERDICT, json=APPROVE | {"token": "secret-word"}, headers=key("k1"))
    assert "secret-word" not in answer.text


def test_the_shared_token_must_name_a_login_to_answer(reader: TestClient) -> None:
    nobody = SHARED | {"Idempotency-Key": "k1"}
    stranger = nobody | {"X-Replan-Login": "mallory"}
    assert reader.post(VERDICT, json=APPROVE, headers=nobody).status_code == 403
    assert reader.post(VERDICT, json=APPROVE, headers=stranger).status_code == 403


def test_a_session_alone_does_not_post_to_the_api(ana: TestClient, office: FakeOffice) -> None:
    answer = ana.post(VERDICT, json=APPROVE, headers={"Idempotency-Key": "k1", "Origin": HOME})
    assert answer.status_code == 401
    assert office.taken == []


def test_a_verdict_on_an_unknown_decision_is_not_found(reader: TestClient) -> None:
    answer = reader.post("/api/decisions/dec-none/verdict", json=APPROVE, headers=key("k1"))
    assert answer.status_code == 404


def test_off_this_machine_only_a_personal_token_answers(office: FakeOffice) -> None:
    app = make_app(office, token=TOKEN, loopback=False)
    with TestClient(app, base_url="https://replan.example") as client:
        shared = client.post(VERDICT, json=APPROVE, headers=key("k1"))
        own = client.post(VERDICT, json=APPROVE, headers=PERSONAL_BEN | {"Idempotency-Key": "k1"})
        assert client.get("/api/escalations", headers=SHARED).status_code == 200
    assert (shared.status_code, own.status_code) == (403, 200)


@pytest.mark.parametrize("token", [None, "short"])
def test_the_application_is_not_made_for_others_without_a_good_token(token: str | None) -> None:
    with pytest.raises(UsageError):
        make_app(an_office(), token=token, loopback=False)


def test_a_busy_ledger_asks_to_try_again(client: TestClient, office: FakeOffice) -> None:
    class Busy(FakeOffice):
        def verdict(self, decision_id: str, request: object) -> object:  # type: ignore[override]
            raise LedgerBusy("locked")

    office.__class__ = Busy
    answer = client.post(VERDICT, json=APPROVE, headers=key("k1"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    office.__class__ = FakeOffice
    assert client.post(VERDICT, json=APPROVE, headers=key("k1")).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/api/decisions/%2e%2e%2fescalations",
        "/api/decisions/%2e%2e",
        "/review/..%2f..%2fetc%2fpasswd",
        "/review/dec%00",
        "/review/dec%0a",
        "/review/a%20b",
        "/review/%ff",
        "/review/dec%5c..",
        "/api/decisions/" + "a" * 10_000,
        "/api/decisions/" + "a" * 65,
        "/api/decisions/%252e",
        "/review/<script>",
    ],
)
def test_a_path_that_no_id_can_have_is_refused(reader: TestClient, path: str) -> None:
    """RELIABILITY A12."""
    assert reader.get(path, headers=ANA).status_code == 400


def test_a_body_over_one_mebibyte_is_refused(reader: TestClient) -> None:
    """RELIABILITY A14, with its length stated and without."""
    big = b'{"note": "' + b"x" * 1_100_000 + b'"}'
    assert reader.post(VERDICT, content=big, headers=key("k1")).status_code == 413
    pieces = (big[n : n + 65_536] for n in range(0, len(big), 65_536))
    assert reader.post(VERDICT, content=pieces, headers=key("k1")).status_code == 413


def test_another_name_for_this_machine_is_not_served(reader: TestClient) -> None:
    assert reader.get("/healthz", headers={"Host": "evil.example"}).status_code == 400


def test_every_answer_carries_the_security_headers(reader: TestClient) -> None:
    for path in ("/", "/healthz", "/static/replan.css", "/review/%00", f"/review/{DECISION}"):
        headers = reader.get(path, headers=SHARED).headers
        assert (
            "default-src 'self'; script-src 'self'; object-src 'none'"
            in headers["Content-Security-Policy"]
        )
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"


def test_pages_are_not_kept_by_caches(reader: TestClient) -> None:
    assert reader.get("/", headers=SHARED).headers["Cache-Control"] == "no-store"


def test_signing_in_gives_a_cookie_that_scripts_and_other_sites_do_not_get(
    client: TestClient,
) -> None:
    answer = client.post("/login", data={"token": TOKEN, "login": "ana"}, headers={"Origin": HOME})
    cookie = answer.headers["Set-Cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


def test_off_this_machine_the_cookie_needs_tls(office: FakeOffice) -> None:
    app = make_app(office, token=TOKEN, loopback=False)
    home = "https://replan.example"
    with TestClient(app, base_url=home, follow_redirects=False) as client:
        answer = client.post("/login", data={"token": "rp_ben"}, headers={"Origin": home})
    assert answer.headers["Set-Cookie"].startswith("__Host-")
    assert "secure" in answer.headers["Set-Cookie"].lower()


@pytest.mark.parametrize(
    "given",
    [{"token": "wrong", "login": "ana"}, {"token": TOKEN, "login": "mallory"}, {"token": TOKEN}],
)
def test_signing_in_wrongly_does_not_say_what_was_wrong(
    reader: TestClient, given: dict[str, str]
) -> None:
    answer = reader.post("/login", data=given, headers={"Origin": HOME})
    assert answer.status_code == 401
    assert "Token and login do not match." in answer.text
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/api/x", "/\\evil"])
def test_signing_in_never_leads_to_another_site(client: TestClient, target: str) -> None:
    given = {"token": TOKEN, "login": "ana", "next": target}
    answer = client.post("/login", data=given, headers={"Origin": HOME})
    assert answer.headers["Location"] == "/"


def test_signing_in_leads_back_to_the_case(client: TestClient) -> None:
    page = client.get(f"/review/{DECISION}")
    assert f'name="next" value="/review/{DECISION}"' in page.text
    given = {"token": TOKEN, "login": "ana", "next": f"/review/{DECISION}"}
    answer = client.post("/login", data=given, headers={"Origin": HOME})
    assert answer.headers["Location"] == f"/review/{DECISION}"


def test_half_an_hour_unused_ends_a_session(ana: TestClient, office: FakeOffice) -> None:
    """By the database's time: what the ledger says of the session is set back."""
    place = Place(url="sqlite:///ledger.db", root=shared_folder())
    cookie = ana.cookies["replan_session"]

    def rested(minutes: int) -> int:
        until = sortable_instant(datetime.now(UTC) + timedelta(minutes=30 - minutes))
        place.run(
            "UPDATE session SET until = :until WHERE secret_sha = :sha",
            {"until": until, "sha": hashed(cookie)},
        )
        return ana.get("/").status_code

    assert rested(29) == 200
    [row] = [r for r in place.rows("SELECT * FROM session") if r["secret_sha"] == hashed(cookie)]
    assert datetime.fromisoformat(row["until"]) > datetime.now(UTC) + timedelta(minutes=28)
    assert rested(31) == 401


def test_signing_out_ends_the_session(ana: TestClient) -> None:
    csrf = re.findall(r'name="csrf" value="([^"]+)"', ana.get("/").text)[0]
    cookie = ana.cookies["replan_session"]
    assert ana.post("/logout", data={"csrf": csrf}, headers={"Origin": HOME}).status_code == 303
    kept = {"Cookie": f"replan_session={cookie}"}
    assert ana.get("/", headers=kept).status_code == 401


def test_approving_on_the_page_leads_to_the_result(ana: TestClient, office: FakeOffice) -> None:
    form = form_of(ana.get(f"/review/{DECISION}").text)
    answer = ana.post(
        f"/review/{DECISION}/verdict",
        data=form | {"verdict": "approve", "chip": "known_event", "note": "street fair"},
        headers={"Origin": HOME},
    )
    assert answer.status_code == 303
    page = ana.get(answer.headers["Location"]).text
    assert "Your answer (approve) is recorded. The case is now: approved." in page
    assert "street fair" in page
    assert (office.taken[0].login, office.taken[0].version) == ("ana", 1)


def test_a_form_sent_twice_counts_once(ana: TestClient, office: FakeOffice) -> None:
    form = form_of(ana.get(f"/review/{DECISION}").text) | {"verdict": "reject", "chip": "policy"}
    for _ in range(2):
        answer = ana.post(f"/review/{DECISION}/verdict", data=form, headers={"Origin": HOME})
        assert answer.status_code == 303
    assert len(office.taken) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": HOME, "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_form_of_another_site_is_refused(
    ana: TestClient, office: FakeOffice, headers: dict[str, str]
) -> None:
    """RELIABILITY A4."""
    form = form_of(ana.get(f"/review/{DECISION}").text) | {"verdict": "approve", "chip": "policy"}
    answer = ana.post(f"/review/{DECISION}/verdict", data=form, headers=headers)
    assert answer.status_code == 403
    assert office.taken == []


def test_a_form_with_another_session_s_token_is_refused(
    ana: TestClient, office: FakeOffice
) -> None:
    form = form_of(ana.get(f"/review/{DECISION}").text) | {"csrf": "x" * 43}
    answer = ana.post(
        f"/review/{DECISION}/verdict",
        data=form | {"verdict": "approve", "chip": "policy"},
        headers={"Origin": HOME},
    )
    assert answer.status_code == 403
    assert office.taken == []


def test_a_form_without_a_reason_comes_back_as_it_was(ana: TestClient, office: FakeOffice) -> None:
    form = form_of(ana.get(f"/review/{DECISION}").text)
    answer = ana.post(
        f"/review/{DECISION}/verdict",
        data=form | {"verdict": "approve", "note": "half a thought"},
        headers={"Origin": HOME},
    )
    assert answer.status_code == 422
    assert "half a thought" in answer.text
    assert office.taken == []


def test_a_case_that_changed_shows_how_and_asks_again(ana: TestClient, office: FakeOffice) -> None:
    """PL4."""
    form = form_of(ana.get(f"/review/{DECISION}").text) | {"verdict": "approve", "chip": "policy"}
    office.situation = "stale"
    office.diff = {"benefit_minor": {"now": -250, "then": 6_486}}
    refused = ana.post(f"/review/{DECISION}/verdict", data=form, headers={"Origin": HOME})
    assert refused.status_code == 409
    row = r'<td>benefit</td><td class="num">64.86 EUR</td><td class="num">-2.50 EUR</td>'
    assert row in refused.text
    again = form_of(refused.text) | {"verdict": "approve", "chip": "policy"}
    assert again["confirm"] == "yes"
    accepted = ana.post(f"/review/{DECISION}/verdict", data=again, headers={"Origin": HOME})
    assert accepted.status_code == 303


def test_an_older_version_is_refused_and_the_newer_one_is_shown(
    ana: TestClient, office: FakeOffice
) -> None:
    form = form_of(ana.get(f"/review/{DECISION}").text) | {"verdict": "approve", "chip": "policy"}
    office.cases[DECISION]["version"] = 2
    refused = ana.post(f"/review/{DECISION}/verdict", data=form, headers={"Origin": HOME})
    again = form_of(refused.text)
    assert (refused.status_code, again["version"]) == (409, "2")
    assert "confirm" not in again


def test_what_others_wrote_is_text_on_the_page(client: TestClient, office: FakeOffice) -> None:
    """RELIABILITY A16."""
    attack = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    body = office.cases[DECISION]
    body["brief"]["headline"]["text"] = attack
    body["brief"]["evidence"][0]["fact"] = attack
    body["options"][0]["name"] = body["brief"]["options"][0]["name"] = body["chosen"] = attack
    body["verdicts"] = [
        {"login": attack, "verdict": "reject", "chip": "other", "note": attack, "at": None}
        | {"result": "refused", "code": None}
    ]
    for path in ("/", f"/review/{DECISION}", f"/review/{DECISION}?answer={attack}"):
        page = client.get(path, params={"site": attack}, headers=SHARED)
        assert page.status_code == 200
        assert "<script" not in page.text
        assert "<img" not in page.text


def test_evidence_stands_above_the_recommendation_and_no_answer_is_chosen(
    ana: TestClient,
) -> None:
    page = ana.get(f"/review/{DECISION}").text
    places = [
        page.index(f">{title}</h2>")
        for title in (
            "Question",
            "Deadline",
            "Why this needs a person",
            "Evidence",
            "Options",
            "Recommendation",
            "Already done, and waiting",
            "Earlier cases of this item",
            "Not known",
            "Ids",
            "Your answer",
        )
    ]
    assert places == sorted(places)
    assert "checked" not in page
    assert "autofocus" not in page


def test_all_answers_cost_the_same(ana: TestClient) -> None:
    page = ana.get(f"/review/{DECISION}").text
    buttons = re.findall(r'<button class="([^"]+)" name="verdict" value="([\w ]+)">', page)
    assert [answer for _, answer in buttons] == [
        "approve reallocate",
        "approve expedite",
        "modify",
        "reject",
        "ask",
        "defer",
        "takeover",
    ]
    assert {style for style, _ in buttons} == {"verdict"}


def test_a_case_shows_three_charts_and_nothing_from_elsewhere(ana: TestClient) -> None:
    page = ana.get(f"/review/{DECISION}").text
    assert page.count("<svg") == 3
    assert not re.findall(r"(?:src|href)=\"https?://", page)
    assert " style=" not in page


def test_a_case_without_sales_to_draw_shows_the_rest(ana: TestClient, office: FakeOffice) -> None:
    del office.cases[DECISION]["chart"]
    page = ana.get(f"/review/{DECISION}")
    assert (page.status_code, page.text.count("<svg")) == (200, 1)


def test_who_took_a_case_up_is_seen_by_the_others(ana: TestClient) -> None:
    page = ana.get(f"/review/{DECISION}").text
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)
    assert csrf is not None
    form = {"headers": {"Origin": HOME}, "data": {"csrf": csrf[1]}}
    taken = ana.post(f"/review/{DECISION}/open", **form)
    assert taken.status_code == 303
    assert "ana has it before them since" in ana.get(f"/review/{DECISION}").text


def test_a_closed_case_shows_what_became_of_it_and_no_form(ana: TestClient) -> None:
    page = ana.get("/review/dec-ran").text
    assert "<td>done</td>" in page
    assert "Every action has been acknowledged as done." in page
    assert "Your answer" not in page


def test_the_queue_can_be_narrowed(ana: TestClient) -> None:
    page = ana.get("/", params={"cause": "supplier:SUP1"}).text
    assert "/review/dec-later" in page
    assert f"/review/{DECISION}" not in page


def test_the_history_lists_what_was_decided_and_what_it_came_to(
    ana: TestClient, office: FakeOffice
) -> None:
    office.cases["dec-ran"]["result"] = {"gained_minor": 1_234}
    page = ana.get("/history").text
    assert "/review/dec-ran" in page
    assert "12.34 EUR" in page
    assert f"/review/{DECISION}" not in page


def test_the_history_tells_what_needed_a_person_from_what_did_not(ana: TestClient) -> None:
    assert "/review/dec-ran" in ana.get("/history", params={"by": "itself"}).text
    assert "/review/dec-ran" not in ana.get("/history", params={"by": "person"}).text


def test_an_empty_queue_says_so(ana: TestClient, office: FakeOffice) -> None:
    office.cases.clear()
    assert "Nothing waits" in ana.get("/").text
