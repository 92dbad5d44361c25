"""Do texts that no keyboard writes reach the ledger, or break the page? Sent to a real office."""

import json
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from replan.infra.ledger.store import Ledger
from replan.infra.planners.office import Office
from replan.infra.review.api import make_app
from replan.infra.review.serving import DeskReview
from replan.infra.workspace.folder import open_workspace
from tests.databases import Place
from tests.desk_cases import case
from tests.offices import source, tick
from tests.workspaces import write_workspace

HOME = "http://127.0.0.1"
TOKEN = "a-token-for-this-test-alone"
PLANNERS = """\
planners:
- {login: ann, roles: [planner, operator], regions: ["*"], limit_minor: null}
"""
SAID = {"Authorization": f"Bearer {TOKEN}", "X-Replan-Login": "ann", "Idempotency-Key": "k1"}


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    ledger = place.open(busy_seconds=30.0)
    tick(ledger, source(), case())
    yield ledger
    ledger.close()


@pytest.fixture
def client(ledger: Ledger, place: Place) -> Iterator[TestClient]:
    root = write_workspace(place.root / "shop", planners_yaml=PLANNERS)
    office = DeskReview(Office(ledger, source()), ledger, open_workspace(root), "live")
    app = make_app(office, token=TOKEN, loopback=True)
    with TestClient(app, base_url=HOME, raise_server_exceptions=False) as client:
        yield client


ODD = ['"\\u0000"', '"\\ud800"', '"\\u202e"', '"\\ud83d\\ude00"']


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("member", ["note", "option", "to", "source", "mode", "qty", "date"])
def test_an_odd_text_in_a_verdict_is_kept_or_refused(
    client: TestClient, ledger: Ledger, member: str, text: str
) -> None:
    decision_id = ledger.decisions()[0]["decision_id"]
    given = {"verdict": "modify", "version": 1, "chip": "policy", "qty": 10} | {member: "ODD"}
    body = json.dumps(given).replace('"ODD"', text)
    for way in ("verdict", "what-if"):
        path = f"/api/decisions/{decision_id}/{way}"
        assert client.post(path, content=body, headers=SAID).status_code < 500
    assert ledger.verify_audit().ok


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("member", ["scope", "reason"])
def test_an_odd_text_in_a_stop_is_kept_or_refused(
    client: TestClient, ledger: Ledger, member: str, text: str
) -> None:
    body = json.dumps({"reason": "drill"} | {member: "ODD"}).replace('"ODD"', text)
    for way in ("stop", "resume"):
        assert client.post(f"/api/{way}", content=body, headers=SAID).status_code < 500
    assert ledger.verify_audit().ok


@pytest.mark.parametrize(
    "path",
    ["/?item=%00", "/?cause=%ed%a0%80", "/review/{id}?answer=%00", "/api/decisions?item=%00"],
)
def test_an_odd_text_in_an_address_breaks_nothing(
    client: TestClient, ledger: Ledger, path: str
) -> None:
    decision_id = ledger.decisions()[0]["decision_id"]
    assert client.get(path.format(id=decision_id), headers=SAID).status_code < 500


@pytest.mark.parametrize("host", ["[", "[::1", "127.0.0.1:x", ""])
def test_a_host_that_is_no_host_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/api/escalations", headers=SAID | {"Host": host})
    assert answer.status_code in (200, 400)


@pytest.mark.parametrize("login", ["\x7f", "ann\tann", "x" * 10_000, "é"])
def test_an_odd_login_is_nobody(client: TestClient, ledger: Ledger, login: str) -> None:
    decision_id = ledger.decisions()[0]["decision_id"]
    given = {"verdict": "approve", "version": 1, "chip": "policy"}
    named = {**SAID, "X-Replan-Login": login}
    headers = [(name.encode(), value.encode()) for name, value in named.items()]
    path = f"/api/decisions/{decision_id}/verdict"
    assert client.post(path, json=given, headers=headers).status_code == 403
