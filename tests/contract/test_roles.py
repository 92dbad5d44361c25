"""Which role may do what on which route? Each for everybody, with a real office behind it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from replan.infra.identity.trusted_proxy import TrustedProxy
from replan.infra.ledger.store import Ledger
from replan.infra.planners.office import Office
from replan.infra.review.api import make_app
from replan.infra.review.serving import DeskReview
from replan.infra.workspace.folder import open_workspace
from replan.infra.workspace.review_settings import Review
from tests.desk_cases import case
from tests.ledger_builders import new_ledger
from tests.offices import source, tick
from tests.workspaces import write_workspace

HOME = "http://127.0.0.1"
PROXY = ("10.0.0.7", 4711)
PLANNERS = """\
planners:
- {login: east, roles: [planner], regions: [EAST], limit_minor: null}
- {login: west, roles: [planner], regions: [WEST], limit_minor: null}
- {login: other, roles: [buyer], regions: [EAST], limit_minor: null}
- {login: poor, roles: [planner], regions: [EAST], limit_minor: 1}
- {login: away, roles: [planner], regions: [EAST], limit_minor: null, delegate_to: dora}
- {login: dora, roles: [buyer], regions: [EAST], limit_minor: null}
- {login: gone, roles: [planner], regions: ["*"], limit_minor: null, active: false}
- {login: bare, roles: [], regions: ["*"], limit_minor: null}
- {login: viewer, roles: [viewer], regions: [EAST], limit_minor: null}
- {login: far, roles: [viewer], regions: [WEST], limit_minor: null}
- {login: olga, roles: [operator], regions: [WEST], limit_minor: null}
- {login: otto, roles: [operator], regions: [WEST], limit_minor: null}
- {login: owner, roles: [process-owner], regions: [WEST], limit_minor: null}
- {login: amy, roles: [auditor], regions: [WEST], limit_minor: null}
"""


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    folder = tmp_path_factory.mktemp("ledger")
    new_ledger(folder).close()
    ledger = Ledger.open("sqlite:///ledger.db", folder)
    tick(ledger, source(), *(case(item=item) for item in ("I1", "I2", "I3", "I4")))
    yield ledger
    ledger.close()


@pytest.fixture(scope="module")
def client(ledger: Ledger, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Asked through a proxy that signs people in."""
    root: Path = write_workspace(tmp_path_factory.mktemp("shop"), planners_yaml=PLANNERS)
    workspace = open_workspace(root)
    office = DeskReview(Office(ledger, source()), ledger, workspace, "live")
    review = Review.model_validate(
        {
            "identity": "trusted_proxy",
            "trusted_proxies": [PROXY[0]],
            "login_per_second": 1000,
            "address_per_second": 1000,
        }
    )
    proxy = TrustedProxy(review.trusted_proxies, review.user_header)
    app = make_app(
        office, token=None, loopback=True, provider=proxy, review=review, metrics=lambda: b""
    )
    with TestClient(app, base_url=HOME, follow_redirects=False, client=PROXY) as client:
        yield client


def asked(client: TestClient, login: str | None, path: str) -> Response:
    """A page, with the session that begins on the way."""
    client.cookies.clear()
    headers = {} if login is None else {"X-Forwarded-User": login}
    answer = client.get(path, headers=headers)
    if answer.status_code == 303 and answer.headers["location"] == path:
        answer = client.get(path, headers=headers)
    return answer


def posted(client: TestClient, login: str, path: str, page: str, **fields: str) -> Response:
    """A form, as the page it stands on has it."""
    shown = asked(client, login, page)
    form = shown.text[shown.text.index(f'action="/review/{page.split("/")[-1]}') :]
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    headers = {"X-Forwarded-User": login, "Origin": HOME}
    return client.post(path, data=hidden | fields, headers=headers)


def waiting(ledger: Ledger) -> list[str]:
    return [body["decision_id"] for body in ledger.decisions(state="escalated")]


READERS = [
    # login, what the lists answer, what a case in EAST answers
    (None, 401, 401),
    ("mallory", 401, 401),
    ("gone", 401, 401),
    ("bare", 401, 401),
    ("east", 200, 200),
    ("other", 200, 200),
    ("poor", 200, 200),
    ("dora", 200, 200),
    ("viewer", 200, 200),
    ("west", 200, 403),
    ("far", 200, 403),
    ("olga", 200, 200),
    ("owner", 200, 200),
    ("amy", 200, 200),
]
LISTS = (
    "/",
    "/history",
    "/api/escalations",
    "/api/decisions",
    "/api/spot-checks",
    "/api/brief-schema",
)


@pytest.mark.parametrize(("login", "lists", "one"), READERS)
def test_who_may_read_what(
    client: TestClient, ledger: Ledger, login: str | None, lists: int, one: int
) -> None:
    decision_id = waiting(ledger)[0]
    for path in (*LISTS, "/metrics"):
        found = asked(client, login, path).status_code
        assert found == (200 if path == "/metrics" else lists), path
    for path in (f"/review/{decision_id}", f"/api/decisions/{decision_id}"):
        assert asked(client, login, path).status_code == one, path
    shown = asked(client, login, "/api/escalations")
    if lists == 200:
        assert bool(shown.json()) == (one == 200)
    assert asked(client, login, "/api/decisions/none").status_code in (404, 401)


def test_every_route_that_reads_stands_in_this_table(client: TestClient) -> None:
    reads = {"/api/decisions/{decision_id}", "/healthz", "/readyz", "/metrics", *LISTS}
    paths = client.get("/openapi.json").json()["paths"]
    assert {path for path, methods in paths.items() if "get" in methods} <= reads


ANSWERS = [
    ("other", "not_allowed"),
    ("poor", "over_limit"),
    ("viewer", "not_allowed"),
    ("olga", "not_allowed"),
    ("owner", "not_allowed"),
    ("amy", "not_allowed"),
]


@pytest.mark.parametrize(("login", "code"), ANSWERS)
def test_who_may_see_and_not_answer_is_refused_and_put_on_record(
    client: TestClient, ledger: Ledger, login: str, code: str
) -> None:
    decision_id = waiting(ledger)[0]
    page = f"/review/{decision_id}"
    answer = posted(client, login, f"{page}/verdict", page, verdict="approve", chip="policy")
    assert answer.status_code == 403
    kept = ledger.decision(decision_id).verdicts[-1]
    assert (kept["login"], kept["result"], kept["code"]) == (login, "refused", code)
    assert '"provider":"trusted_proxy"' in kept["via"]


@pytest.mark.parametrize("login", ["east", "dora"])
def test_a_planner_of_the_region_and_a_delegate_answer(
    client: TestClient, ledger: Ledger, login: str
) -> None:
    decision_id = waiting(ledger)[0]
    page = f"/review/{decision_id}"
    answer = posted(client, login, f"{page}/verdict", page, verdict="approve", chip="policy")
    assert answer.status_code == 303
    assert ledger.decision(decision_id).body["state"] == "approved"


def test_who_may_not_see_a_case_is_not_shown_it_for_answering(
    client: TestClient, ledger: Ledger
) -> None:
    """The form of another page, sent for a case of another region."""
    decision_id = waiting(ledger)[0]
    asked(client, "west", "/")
    csrf = re.findall(r'name="csrf" value="([^"]+)"', client.get("/", headers=west()).text)[0]
    form = {"csrf": csrf, "key": "k-west", "version": "1", "verdict": "approve", "chip": "policy"}
    for way in ("verdict", "what-if"):
        answer = client.post(
            f"/review/{decision_id}/{way}", data=form, headers=west() | {"Origin": HOME}
        )
        assert answer.status_code == 403
        assert "Options" not in answer.text
    assert ledger.decision(decision_id).verdicts[-1]["code"] == "not_allowed"


def west() -> dict[str, str]:
    return {"X-Forwarded-User": "west"}


def test_a_header_alone_does_not_post_to_the_api(client: TestClient, ledger: Ledger) -> None:
    """A browser sends along what the proxy adds, also with what another site made it send."""
    client.cookies.clear()
    path = f"/api/decisions/{waiting(ledger)[0]}/verdict"
    headers = {"X-Forwarded-User": "east", "Idempotency-Key": "k1"}
    given = {"verdict": "approve", "version": 1, "chip": "policy"}
    assert client.post(path, json=given, headers=headers).status_code == 401
    assert client.post("/api/stop", json={"reason": "x"}, headers=headers).status_code == 401


def test_a_session_ends_when_the_proxy_names_somebody_else(client: TestClient) -> None:
    asked(client, "east", "/")
    kept = client.cookies["replan_session"]
    for headers in ({}, {"X-Forwarded-User": "amy"}):
        client.cookies.clear()
        client.cookies["replan_session"] = kept
        answer = client.get("/api/escalations", headers=headers)
        assert answer.status_code == (200 if headers else 401)
    # Who is named now gets a session of their own.
    again = client.get("/", headers={"X-Forwarded-User": "amy"})
    assert again.status_code == 303


def test_a_header_from_anywhere_else_is_no_word(ledger: Ledger, client: TestClient) -> None:
    """RELIABILITY A15."""
    for number in range(2):
        stranger = TestClient(
            client.app, base_url=HOME, follow_redirects=False, client=(f"10.0.0.{number}", 1)
        )
        assert stranger.get("/", headers={"X-Forwarded-User": "east"}).status_code == 401


STOPPERS = [
    ("east", 403),
    ("viewer", 403),
    ("amy", 403),
    ("owner", 403),
    ("olga", 200),
]
TOKEN = "a-token-for-this-test-alone"


@pytest.mark.parametrize(("login", "status"), STOPPERS)
def test_only_operators_stop_and_another_one_lets_go(
    ledger: Ledger, tmp_path: Path, login: str, status: int
) -> None:
    """SR1."""
    workspace = open_workspace(write_workspace(tmp_path, planners_yaml=PLANNERS))
    office = DeskReview(Office(ledger, source()), ledger, workspace, "live")
    app = make_app(office, token=TOKEN, loopback=True)
    said = {"Authorization": f"Bearer {TOKEN}"}
    with TestClient(app, base_url=HOME) as client:
        mine = said | {"X-Replan-Login": login}
        stop = client.post("/api/stop", json={"reason": "drill"}, headers=mine)
        assert stop.status_code == status
        if status == 200:
            own = client.post("/api/resume", json={"reason": "over"}, headers=mine)
            assert (own.status_code, own.json()["code"]) == (403, "own_stop")
            other = said | {"X-Replan-Login": "otto"}
            over = client.post("/api/resume", json={"reason": "over"}, headers=other)
            assert over.status_code == 200
