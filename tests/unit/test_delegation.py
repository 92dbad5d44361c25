"""Who may answer while somebody is away? Statements about logins, laid over planners.yaml."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from replan.delegation import Grant, grants_from_text, grants_text, people_on
from replan.infra.running.known_by_now import stated_grants
from replan.infra.running.opened import opened_office
from replan.infra.running.run import run_workspace
from replan.people import Login, People, Planner, may_answer
from replan.streams.codec import Decoder
from replan.streams.intake import Intake
from replan.streams.messages import Place
from tests.event_lines import network, sale
from tests.unit.test_intake import new_intake
from tests.worlds import QUICK, event, write_events, write_world

JULY = date(2026, 7, 10)


def planner(login: str, *roles: str, limit: int | None = 1_000) -> Planner:
    return Planner(
        login=Login(login),
        roles=roles,
        regions=("*",),
        limit_minor=limit,
        delegate_to=None,
        active=True,
    )


PEOPLE = People(
    planners=(
        planner("ada", "planner"),
        planner("max", "lead", limit=None),
        planner("pia", "process-owner", limit=0),
    )
)
AWAY: dict[str, Any] = {"first": date(2026, 7, 1), "last": date(2026, 7, 14)}


def on_day(day: date = JULY, **given: Any) -> People:
    return people_on(PEOPLE, [Grant(**given)], day)


@pytest.mark.parametrize(
    ("day", "code"),
    [
        (date(2026, 6, 30), "not_allowed"),
        (date(2026, 7, 1), None),
        (date(2026, 7, 14), None),
        (date(2026, 7, 15), "not_allowed"),
    ],
)
def test_delegate_answers_on_the_days_that_a_process_owner_approved(day: date, code: Any) -> None:
    people = on_day(day, login="max", delegate_to="ada", approved_by="pia", **AWAY)
    assert may_answer(people, "ada", "role:lead", None, 900) == code


@pytest.mark.parametrize("by", [None, "max", "ada", "nobody"])
def test_nobody_passes_power_on_alone(by: str | None) -> None:
    people = on_day(login="max", delegate_to="ada", approved_by=by)
    assert may_answer(people, "ada", "role:lead", None, 900) == "not_allowed"


def test_process_owner_cannot_approve_what_they_get_themselves() -> None:
    people = on_day(login="max", delegate_to="pia", approved_by="pia")
    assert may_answer(people, "pia", "role:lead", None, 0) == "not_allowed"


@pytest.mark.parametrize(
    ("stated", "by", "limit"), [(500, None, 500), (5_000, None, 1_000), (5_000, "pia", 5_000)]
)
def test_lower_limit_holds_at_once_and_a_higher_one_when_approved(
    stated: int, by: str | None, limit: int
) -> None:
    found = on_day(login="ada", limit_minor=stated, approved_by=by).get("ada")
    assert found is not None
    assert found.limit_minor == limit


def test_role_may_be_taken_away_by_anybody_and_given_by_a_process_owner() -> None:
    def roles(by: str | None, *stated: str) -> tuple[str, ...]:
        found = on_day(login="ada", roles=stated, approved_by=by).get("ada")
        assert found is not None
        return found.roles

    assert roles(None) == ()
    assert roles(None, "planner", "lead") == ("planner",)
    assert roles("pia", "planner", "lead") == ("planner", "lead")


@pytest.mark.parametrize("power", ["operator", "process-owner", "auditor", "viewer"])
def test_reserved_role_is_never_given_by_an_event(power: str) -> None:
    people = on_day(login="ada", roles=("planner", power), approved_by="pia")
    assert not people.has_role("ada", power)


def test_login_that_the_file_does_not_name_stays_nobody() -> None:
    assert on_day(login="eve", roles=("lead",), approved_by="pia") is PEOPLE


def test_grants_come_back_as_they_were_kept() -> None:
    grants = (Grant(login="ada", roles=("lead",), approved_by="pia", **AWAY), Grant(login="max"))
    assert grants_from_text(grants_text(grants)) == grants
    assert grants_from_text(grants_text(())) == ()


def authz(login: str, **data: Any) -> dict[str, Any]:
    return sale(id="authz-1", type="master.authz.v1", subject=login, data=data)


@pytest.mark.parametrize(
    ("login", "data", "status", "pointer"),
    [
        ("ada@shop.example", {"limits": 5}, "ACCEPTED", None),
        ("a b", {"limits": 5}, "REJECTED", "/subject"),
        ("ada", {"limits": -5}, "REJECTED", "/data/limits"),
        ("ada", {"power": "all"}, "REJECTED", "/data/power"),
        ("ada", {"from": "2026-07-02", "to": "2026-07-01"}, "REJECTED", "/data/to"),
    ],
)
def test_statement_about_a_login_is_judged_like_any_event(
    login: str, data: dict[str, Any], status: str, pointer: str | None
) -> None:
    fresh = new_intake()
    intake = Intake(lateness=fresh._lateness, max_jump=fresh._max_jump, network=network())
    (result,) = Decoder(None).record(json.dumps(authz(login, **data)).encode(), Place("e", 1))
    reply = intake.take(result).reply
    assert (reply.status, reply.pointer) == (status, pointer)
    assert [g.login for g in intake.grants] == ([login] if status == "ACCEPTED" else [])


@pytest.mark.slow
def test_planner_whose_limit_was_lowered_may_no_longer_approve(tmp_path: Path) -> None:
    root = write_world(tmp_path / "world", limit=10, settings=QUICK)
    stated = event(
        "master.authz.v1", "less", "planner-1", "2026-05-04T19:30:00+02:00", {"limits": 100}
    )
    write_events(root / "events" / "people.jsonl", [stated])
    run_workspace(root, source=None, until_end=True, mode=None)
    with opened_office(root) as desk:
        [waiting] = desk.office.decisions(state="escalated", item=None, since=None)
        said = desk.office.verdict(
            waiting["decision_id"], "approve", login="planner-1", chip="policy"
        )
        assert [g.login for g in stated_grants(desk.ledger)] == ["planner-1"]
    assert (said.status, said.code) == (403, "over_limit")
