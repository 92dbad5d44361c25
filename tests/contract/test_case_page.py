"""Does a case page tell what a change would come to, and never more than it knows?"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from replan.infra.review.api import make_app
from tests.escalations import DECISION
from tests.fake_office import TOKEN, FakeOffice, an_office

HOME = "http://127.0.0.1:8765"
FORM = {"Origin": HOME}
WHAT_IF = f"/review/{DECISION}/what-if"
BEYOND = {"donor_p_stockout": {"text": "S05 may give 60 at most", "most": 60}}


@pytest.fixture
def office() -> FakeOffice:
    return an_office()


@pytest.fixture
def ana(office: FakeOffice) -> Iterator[TestClient]:
    app = make_app(office, token=TOKEN, loopback=True)
    with TestClient(app, base_url=HOME, follow_redirects=False) as client:
        client.post("/login", data={"token": TOKEN, "login": "ana"}, headers=FORM)
        yield client


def asked(ana: TestClient, script: bool = True, **fields: str) -> Any:
    page = ana.get(f"/review/{DECISION}").text
    form = page[page.index('action="/review/') :]
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    headers = FORM | ({"HX-Request": "true"} if script else {})
    return ana.post(WHAT_IF, data=hidden | fields, headers=headers)


def test_a_script_gets_the_price_alone(ana: TestClient, office: FakeOffice) -> None:
    answer = asked(ana, qty="18")
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert "Possible: move 24 from S05 to S03." in answer.text
    assert office.taken == []


def test_without_a_script_the_page_comes_back_with_what_was_filled_in(ana: TestClient) -> None:
    answer = asked(ana, script=False, qty="18", chip="policy", note="half a thought")
    assert "<html" in answer.text
    assert "Possible: move 24 from S05 to S03." in answer.text
    assert 'value="18"' in answer.text
    assert "half a thought" in answer.text


@pytest.mark.parametrize("script", [True, False])
def test_the_limit_in_the_way_is_named(ana: TestClient, office: FakeOffice, script: bool) -> None:
    """PL5."""
    office.situation, office.diff = "infeasible", BEYOND
    answer = asked(ana, script, qty="66")
    assert answer.status_code == 200
    assert "S05 may give 60 at most" in answer.text
    assert "<code>donor_p_stockout</code>" in answer.text


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "Nothing is changed yet."),
        ({"qty": "many"}, "is not a number such as 480 or 1.5"),
        ({"qty": "-3"}, "must be above 0"),
        ({"date": "soon"}, "is not a day such as 2026-05-06"),
    ],
)
def test_what_cannot_be_meant_is_said(ana: TestClient, fields: dict[str, str], says: str) -> None:
    assert says in asked(ana, **fields).text


def test_a_form_of_another_session_learns_nothing(ana: TestClient) -> None:
    assert asked(ana, qty="18", csrf="x" * 43).status_code == 403


def test_programs_ask_what_a_verdict_would_come_to(ana: TestClient, office: FakeOffice) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Replan-Login": "ana"}
    path = f"/api/decisions/{DECISION}/what-if"
    told = ana.post(path, headers=headers, json={"qty": 18}).json()
    assert (told["verdict"], told["result"], told["status"]) == ("modify", "accepted", 200)
    assert told["would"]["option"]["name"] == "reallocate"
    office.situation, office.diff = "infeasible", BEYOND
    told = ana.post(path, headers=headers, json={"qty": 66}).json()
    assert (told["status"], told["would"], told["diff"]) == (422, None, BEYOND)
    assert ana.post(path, headers=headers, json={"qty": "many"}).status_code == 422
    assert ana.post(path, headers=headers, json={"colour": "red"}).status_code == 422
