"""Does the queue show what a reader asks for, and approve together only what may be?"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from replan.infra.review.api import make_app
from tests.escalations import body_of, proposal
from tests.fake_office import TOKEN, FakeOffice

HOME = "http://127.0.0.1:8765"
FORM = {"Origin": HOME}


def waiting(name: str, **changes: Any) -> dict[str, Any]:
    given = {"decision_id": name, "urgency": 5.0, "verdicts": [], "actions": [], "region": "east"}
    return body_of(proposal(), **(given | {"incident_id": f"inc-{name}"} | changes))


@pytest.fixture
def office() -> FakeOffice:
    """Four cases that may be approved together, one of another rule, one of another person."""
    cases = [waiting(f"dec-{n}", urgency=float(n), item=f"OATS-{n}") for n in range(4)]
    cases.append(waiting("dec-other", rule_id="REAL-WEST", region="west"))
    cases.append(waiting("dec-lead", recipient="role:planner-lead"))
    office = FakeOffice(cases={c["decision_id"]: c for c in cases})
    office.codes = {"dec-lead": "not_allowed", "dec-3": "over_limit"}
    return office


@pytest.fixture
def ana(office: FakeOffice) -> Iterator[TestClient]:
    app = make_app(office, token=TOKEN, loopback=True)
    with TestClient(app, base_url=HOME, follow_redirects=False) as client:
        client.post("/login", data={"token": TOKEN, "login": "ana"}, headers=FORM)
        yield client


def listed(page: str) -> list[str]:
    table = page[page.index("<tbody>") : page.index("</tbody>")]
    return re.findall(r'<a href="/review/([\w-]+)">', table)


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({}, {"dec-0", "dec-1", "dec-2", "dec-3", "dec-other", "dec-lead"}),
        ({"mine": "1"}, {"dec-0", "dec-1", "dec-2", "dec-3", "dec-other"}),
        ({"above": "1"}, {"dec-3"}),
        ({"region": "west"}, {"dec-other"}),
        ({"item": "oats-2"}, {"dec-2"}),
        ({"owner": "planner-lead"}, {"dec-lead"}),
        ({"mine": "1", "region": "east", "item": "1"}, {"dec-1"}),
    ],
)
def test_the_queue_is_narrowed(ana: TestClient, asked: dict[str, str], shown: set[str]) -> None:
    assert set(listed(ana.get("/", params=asked).text)) == shown


def test_an_incident_of_thousands_is_one_row_and_every_case_is_found(
    ana: TestClient, office: FakeOffice
) -> None:
    """PL9."""
    body = waiting("dec-m", incident_id="inc-port", cause="alert:port")
    office.cases = {
        f"dec-m{n}": {**body, "decision_id": f"dec-m{n}", "item": f"ITEM-{n}"} for n in range(300)
    }
    page = ana.get("/").text
    assert page.count("299 more of the same cause") == 1
    assert "all 300 of alert port" in page
    assert len(page) < 200_000
    whole = [
        listed(ana.get("/", params={"cause": "alert:port", "page": n}).text) for n in range(1, 7)
    ]
    assert {name for names in whole for name in names} == set(office.cases)
    assert listed(ana.get("/", params={"item": "ITEM-217"}).text) == ["dec-m217"]


def test_many_causes_come_in_pages(ana: TestClient, office: FakeOffice) -> None:
    office.cases = {f"dec-p{n}": waiting(f"dec-p{n}", urgency=float(n)) for n in range(60)}
    first = ana.get("/").text
    assert len(listed(first)) == 50
    [rest] = re.findall(r'href="(/\?page=2)"', first)
    assert listed(ana.get(rest).text) == [f"dec-p{n}" for n in range(9, -1, -1)]


def batch(ana: TestClient, cases: list[str], **changes: Any) -> Any:
    page = ana.get("/").text
    form = page[page.index('action="/batch"') :]
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    given = hidden | {"chip": "policy", "case": cases} | changes
    return ana.post("/batch", data=given, headers=FORM)


def test_like_cases_are_approved_together_each_by_a_verdict_of_its_own(
    ana: TestClient, office: FakeOffice
) -> None:
    answer = batch(ana, ["dec-0 1", "dec-2 1"])
    assert answer.status_code == 200
    assert "2 of 2 approved" in answer.text
    assert [(v.verdict, v.chip, v.login) for v in office.taken] == [
        ("approve", "policy", "ana")
    ] * 2
    assert len({v.key for v in office.taken}) == 2
    assert office.cases["dec-1"]["state"] == "escalated"


def test_only_what_is_alike_is_offered_and_nothing_is_ticked(ana: TestClient) -> None:
    page = ana.get("/").text
    section = page[page.index('id="alike"') :]
    assert re.findall(r'name="case" value="([\w-]+) 1"', section) == ["dec-2", "dec-1", "dec-0"]
    assert "checked" not in section


@pytest.mark.parametrize(
    "cases",
    [["dec-0 1", "dec-other 1"], ["dec-0"], []],
    ids=["another rule", "no version", "nothing"],
)
def test_what_is_not_alike_is_not_approved_together(
    ana: TestClient, office: FakeOffice, cases: list[str]
) -> None:
    assert batch(ana, cases).status_code == 422
    assert office.taken == []


def test_what_somebody_else_must_release_is_named_and_the_others_are_approved(
    ana: TestClient, office: FakeOffice
) -> None:
    answer = batch(ana, ["dec-0 1", "dec-3 1"]).text
    assert "1 of 2 approved" in answer
    assert "The value is above your limit." in answer
    assert [office.cases[f"dec-{n}"]["state"] for n in (0, 3)] == ["approved", "escalated"]


def test_what_needs_an_answer_of_its_own_is_decided_by_itself(
    ana: TestClient, office: FakeOffice
) -> None:
    office.alone.add("dec-0")
    assert "dec-0 1" not in ana.get("/").text
    assert batch(ana, ["dec-0 1"]).status_code == 422


def test_the_same_form_sent_twice_counts_once(ana: TestClient, office: FakeOffice) -> None:
    page = ana.get("/").text
    form = page[page.index('action="/batch"') :]
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    given = hidden | {"chip": "policy", "case": ["dec-0 1", "dec-1 1"]}
    for _ in range(2):
        assert "2 of 2 approved" in ana.post("/batch", data=given, headers=FORM).text
    assert len(office.taken) == 2


def test_a_case_that_somebody_was_faster_with_is_named(ana: TestClient, office: FakeOffice) -> None:
    office.situation = "stale"
    answer = batch(ana, ["dec-0 1", "dec-1 1"])
    assert "0 of 2 approved" in answer.text
    assert answer.text.count("not done") == 2
