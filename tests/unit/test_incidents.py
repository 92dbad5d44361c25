"""R57: is what went wrong suspended, told, on record, and closed by somebody else?"""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from replan import judgement
from replan.errors import NotSo, UsageError
from replan.infra.boundary.incident_desk import IncidentDesk, step_text
from replan.infra.desk.incident_record import incidents
from replan.infra.desk.incident_watch import notice
from replan.infra.desk.incidents_due import open_due
from replan.infra.desk.stop_switch import StopSwitch
from replan.infra.identity.book import LedgerBook
from replan.infra.identity.tokens import Tokens
from replan.infra.ledger.store import Ledger
from replan.limits import Cap, Rolling
from tests.authority_worlds import table
from tests.desk_cases import MAY_MOVE, rule
from tests.ledger_builders import new_ledger
from tests.unit.test_boundary import overridden, tick, under
from tests.unit.test_office import source
from tests.unit.test_stop_switch import OPERATORS


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = new_ledger(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def switch(ledger: Ledger) -> StopSwitch:
    rules = table(MAY_MOVE, rule("RUSH", "ESCALATE", "expedite"))
    return StopSwitch(ledger, source(rules, people=OPERATORS))


@pytest.fixture
def desk(ledger: Ledger, switch: StopSwitch) -> IncidentDesk:
    return IncidentDesk(ledger, switch, OPERATORS)


def told(ledger: Ledger) -> list[str]:
    rows = [json.loads(line) for _, _, line in ledger.publications(1_000)]
    return [row["type"] for row in rows if str(row.get("type", "")).startswith("incident.")]


def test_an_incident_stops_what_it_is_about_and_is_told(ledger: Ledger, desk: IncidentDesk) -> None:
    made = desk.open("wrong_action", "item=I1", login="olga", reason="moved to a closed shop")
    assert [stop.scope for stop in ledger.stops()] == ["item=I1"]
    assert [one.incident_id for one in incidents(ledger)] == [made.incident_id]
    assert told(ledger) == ["incident.opened.v1"]
    assert ledger.verify_audit().ok


def test_it_is_closed_by_somebody_else_once_its_scope_goes_on(
    ledger: Ledger, desk: IncidentDesk, switch: StopSwitch
) -> None:
    made = desk.open("wrong_action", "item=I1", login="olga", reason="moved to a closed shop")
    with pytest.raises(NotSo, match="somebody else"):
        desk.close(made.incident_id, login="olga", finding="a slip")
    with pytest.raises(NotSo, match="still stopped"):
        desk.close(made.incident_id, login="otto", finding="the calendar was wrong")
    switch.resume("item=I1", login="otto", reason="calendar mended")
    desk.close(made.incident_id, login="otto", finding="the calendar was wrong")
    [row] = incidents(ledger)
    assert (row.closed_by, row.finding) == ("otto", "the calendar was wrong")
    assert told(ledger) == ["incident.opened.v1", "incident.closed.v1"]


def test_its_timeline_holds_every_move_of_the_switch_meanwhile(
    desk: IncidentDesk, switch: StopSwitch
) -> None:
    made = desk.open("other", None, login="olga", reason="smoke in the server room")
    switch.resume(None, login="otto", reason="false alarm")
    steps = [(row["kind"], row["verb"]) for row in desk.timeline(made.incident_id)["timeline"]]
    assert steps == [("stop", "stop"), ("incident", "opened"), ("stop", "resume")]


def test_a_step_of_the_timeline_is_said_in_words(desk: IncidentDesk, switch: StopSwitch) -> None:
    made = desk.open("other", "item=I1", login="olga", reason="smoke in the server room")
    switch.resume("item=I1", login="olga", reason="false alarm")
    steps = map(step_text, desk.timeline(made.incident_id)["timeline"])
    assert [text.split("  ", 1)[1] for text in steps] == [
        "stop item=I1 by olga: smoke in the server room",
        "opened item=I1 by olga: smoke in the server room",
        "resume item=I1 by olga, refused (own_stop): false alarm",
    ]


def test_only_who_may_stop_opens_one(desk: IncidentDesk, ledger: Ledger) -> None:
    with pytest.raises(NotSo, match="needs the role operator"):
        desk.open("other", None, login="ann", reason="a feeling")
    with pytest.raises(UsageError, match="is not one of wrong_action"):
        desk.open("disaster", None, login="olga", reason="a feeling")
    assert incidents(ledger) == ()


def test_a_category_that_steps_down_by_itself_opens_one(ledger: Ledger) -> None:
    policies = under(demote={"override_rate": ">0.20 over 5"})
    for n in range(2):
        overridden(ledger, policies, n)
    tick(ledger, policies, 2)
    [row] = incidents(ledger)
    assert (row.kind, row.scope, row.opened_by) == (
        "systematic_error",
        "category=demand_surge",
        "engine",
    )
    assert ledger.verify_audit().ok


def test_an_incident_changed_behind_the_back_of_the_ledger_is_found(
    ledger: Ledger, desk: IncidentDesk
) -> None:
    desk.open("other", None, login="olga", reason="smoke in the server room")
    with ledger.transaction() as write:
        write.set_control("incidents", [])
    bad = ledger.verify_audit().first_bad
    assert bad is not None
    assert bad.reason == "what is kept of incidents is not what the last row states"


# Those that the engine opens.


def noticed(ledger: Ledger, switch: StopSwitch, kind: str, scope: str | None, **more: str) -> None:
    with ledger.transaction() as write:
        notice(write, kind, scope, "seen by itself", **more)
    open_due(ledger, switch)


def test_what_the_engine_notices_is_opened_and_stopped_once(
    ledger: Ledger, switch: StopSwitch
) -> None:
    for _ in range(2):
        noticed(ledger, switch, "cap_breach", "region=EAST")
    [row] = incidents(ledger)
    assert (row.kind, row.scope, row.opened_by) == ("cap_breach", "region=EAST", "engine")
    assert [(stop.scope, stop.by) for stop in ledger.stops()] == [("region=EAST", "engine")]
    assert told(ledger) == ["incident.opened.v1"]
    assert ledger.verify_audit().ok


def test_who_caused_it_does_not_let_its_scope_go_on_and_is_named_nowhere(
    ledger: Ledger, switch: StopSwitch
) -> None:
    noticed(ledger, switch, "planted_fault_missed", "category=disruption", caused_by="olga")
    by_whom = [
        switch.resume("category=disruption", login=login, reason="talked about it").code
        for login in ("olga", "otto")
    ]
    assert by_whom == ["own_stop", None]
    [row] = incidents(ledger)
    rows = [body for body in ledger.control_rows() if '"incident"' in body]
    assert "olga" not in json.dumps(row.json()) + "".join(rows)


def test_a_stranger_at_the_door_stops_nothing(ledger: Ledger, switch: StopSwitch) -> None:
    noticed(ledger, switch, "unauthorised_access", "token=0123456789ab")
    assert (len(incidents(ledger)), ledger.stops()) == (1, ())


def test_five_wrong_secrets_for_a_token_are_an_incident(ledger: Ledger, switch: StopSwitch) -> None:
    tokens = Tokens(ledger, clock=lambda: 0.0)
    token, row = tokens.make("ann", timedelta(days=1))
    for _ in range(7):
        assert tokens.login_of(token[:-43] + "x" * 43) is None
    open_due(ledger, switch)
    assert [(one.kind, one.scope) for one in incidents(ledger)] == [
        ("unauthorised_access", f"token={row.token_id}")
    ]


def test_twenty_people_turned_away_within_an_hour_are_an_incident(
    ledger: Ledger, switch: StopSwitch
) -> None:
    book = LedgerBook(ledger, timedelta(minutes=30))
    for n in range(25):
        if n == 19:
            open_due(ledger, switch)
            assert incidents(ledger) == ()
        book.refused("oidc", {"code": "role", "client": "192.0.2.7"})
    open_due(ledger, switch)
    assert [one.kind for one in incidents(ledger)] == ["unauthorised_access"]


def test_a_cap_that_what_ran_by_itself_exceeds_is_an_incident(
    ledger: Ledger, switch: StopSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one look at caps that decides is taken away; the look at what was stored remains."""
    monkeypatch.setattr(judgement, "cap_breach", lambda *_: None)
    once = Cap(
        scope=("region",), window=Rolling(length=timedelta(days=1)), value_minor=None, count=1
    )
    policies = under(caps=(once,))
    for n in range(2):
        tick(ledger, policies, n)
    open_due(ledger, switch)
    [row] = incidents(ledger)
    assert (row.kind, row.scope) == ("cap_breach", "region=EAST")
    assert "2 of 1 actions" in row.text


def test_caps_that_hold_are_no_incident(ledger: Ledger, switch: StopSwitch) -> None:
    once = Cap(
        scope=("region",), window=Rolling(length=timedelta(days=1)), value_minor=None, count=1
    )
    for n in range(2):
        tick(ledger, under(caps=(once,)), n)
    open_due(ledger, switch)
    assert incidents(ledger) == ()
