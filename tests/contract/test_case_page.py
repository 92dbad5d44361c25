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


RESULT = {
    "from": "2026-05-04",
    "to": "2026-05-17",
    "cost_minor": {"none": 9_100, "recommended": 3_000, "verdict": 3_400, "happened": 3_400}
    | {"best": 2_700},
    "units_short": {"none": 20.2, "recommended": 0, "verdict": 1, "happened": 1, "best": 0},
    "best": "hindsight: expedite",
    "verdict": "modify",
    "gained_minor": 5_700,
    "missed_minor": 700,
    "override_minor": -400,
    "captured": 0.891,
    "days": 28,
    "days_estimated": 2,
    "assumed": [],
}


def test_a_closed_case_says_what_it_came_to(ana: TestClient, office: FakeOffice) -> None:
    """PL11: realised against do nothing, recommended, verdict and hindsight-best, in money."""
    office.cases["dec-ran"]["result"] = RESULT
    page = ana.get("/review/dec-ran").text
    told = page[page.index('id="outcome"') :]
    for words, money in (
        ("doing nothing", "91.00 EUR"),
        ("the recommendation", "30.00 EUR"),
        ("the verdict", "34.00 EUR"),
        ("what was carried out", "34.00 EUR"),
        ("the best in hindsight", "27.00 EUR"),
    ):
        assert f'<th scope="row">{words}</th><td class="num">{money}</td>' in told
    assert "Gained 57.00 EUR over doing nothing, missed 7.00 EUR of the best" in told
    assert "demand of 2 of 28 site days is estimated" in told.lower()


def test_an_earlier_case_is_told_with_what_it_was_worth(
    ana: TestClient, office: FakeOffice
) -> None:
    office.cases[DECISION]["brief"]["precedents"] = [
        {"decision_id": "dec-ran", "decided_at": "2026-04-04T06:00:00Z", "state": "executed"}
        | {"chosen": "reallocate_half", "value_minor": 4_000, "result": {"gained_minor": 5_700}}
    ]
    page = ana.get(f"/review/{DECISION}").text
    link = '<a href="/review/dec-ran">Sat 4 Apr 08:00</a>'
    assert f"{link}: reallocate half, carried out, value 40.00 EUR, gained 57.00 EUR" in page


def test_a_known_event_goes_with_any_answer(ana: TestClient, office: FakeOffice) -> None:
    page = ana.get(f"/review/{DECISION}").text
    form = page[page.index('action="/review/') :]
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    event = {"known_from": "2026-05-08", "known_until": "2026-05-10", "uplift": "1.8"}
    given = hidden | {"verdict": "reject", "chip": "known_event"} | event
    path = f"/review/{DECISION}/verdict"
    answer = ana.post(path, data=given | {"uplift": "lots"}, headers=FORM)
    assert (answer.status_code, "is not a factor such as 1.8" in answer.text) == (422, True)
    assert 'value="2026-05-08"' in answer.text
    assert ana.post(path, data=given, headers=FORM).status_code == 303
    [taken] = office.taken
    assert taken.wish.known is not None
    assert taken.wish.known.uplift == 1_800


def test_where_the_reader_s_estimate_comes_first_ours_is_shown_after_it(
    ana: TestClient, office: FakeOffice
) -> None:
    office.asked_first = {DECISION}
    page = ana.get(f"/review/{DECISION}").text
    assert "Your estimate" in page
    for hidden in ("units short by", "Approve the plan", 'id="b6"', 'id="b7"', 'id="answer"'):
        assert hidden not in page
    [csrf] = re.findall(r'name="csrf" value="([^"]+)">\s*<label', page)
    path = f"/review/{DECISION}/estimate"
    assert ana.post(path, data={"csrf": csrf, "units": "lots"}, headers=FORM).status_code == 422
    assert ana.post(path, data={"csrf": csrf, "units": "40"}, headers=FORM).status_code == 303
    page = ana.get(f"/review/{DECISION}").text
    assert "You said 40 units short; the engine expects" in page
    assert "Your answer" in page


def test_who_may_not_answer_is_not_asked_for_an_estimate(
    ana: TestClient, office: FakeOffice
) -> None:
    office.asked_first, office.codes = {DECISION}, {DECISION: "not_allowed"}
    assert "Your estimate" not in ana.get(f"/review/{DECISION}").text


def test_a_case_that_was_decided_is_not_overdue_and_waits_for_nothing(
    ana: TestClient, office: FakeOffice
) -> None:
    office.cases[DECISION] |= {"state": "executed", "deadline": "2026-01-05T12:00:00Z"}
    page = ana.get(f"/review/{DECISION}").text
    assert "Answer by" in page
    assert "overdue" not in page
    assert "Waits for the answer" not in page
