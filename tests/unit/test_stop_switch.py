"""Who may move the stop switch, what is kept of it, and does whoever decides beside it notice?"""

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from replan.desk_state import TickDue
from replan.errors import LedgerMoved, UsageError
from replan.infra.desk.policy import PolicySource
from replan.infra.desk.room import store, take
from replan.infra.desk.stop_switch import StopSwitch
from replan.infra.ledger.store import Ledger
from replan.infra.planners.office import Office
from replan.infra.proof.replay_run import replay
from replan.people import People
from replan.solver.columns import AskingPlanner
from replan.solver.planner import MilpPlanner
from tests.authority_worlds import table
from tests.desk_cases import MAY_MOVE, NOW, PEOPLE, case, planner
from tests.ledger_builders import new_ledger
from tests.unit.test_office import answered, only, source, tick

OPERATORS = People(
    planners=(
        *PEOPLE.planners,
        planner("olga", "operator"),
        planner("otto", "operator"),
        planner("owen", "operator", active=False),
    )
)
MOVING = table(MAY_MOVE)
FIRST = "2026-05-04T06:00:00Z"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    new_ledger(tmp_path).close()
    opened = Ledger.open("sqlite:///ledger.db", tmp_path, busy_seconds=30.0)
    yield opened
    opened.close()


@pytest.fixture
def policies(tmp_path: Path) -> PolicySource:
    return source(MOVING, people=OPERATORS, stop_file=tmp_path / "STOP")


@pytest.fixture
def switch(ledger: Ledger, policies: PolicySource) -> StopSwitch:
    return StopSwitch(ledger, policies)


def listed(ledger: Ledger) -> list[tuple[str | None, str]]:
    return [(stop.scope, stop.by) for stop in ledger.stops()]


def test_an_operator_stops_everything_before_the_first_run(
    ledger: Ledger, switch: StopSwitch
) -> None:
    said = switch.stop(None, login="olga", reason="drill")
    assert (said.code, said.at, listed(ledger)) == (None, None, [(None, "olga")])


def test_a_stop_stands_since_the_clock(
    ledger: Ledger, switch: StopSwitch, policies: PolicySource
) -> None:
    tick(ledger, policies)
    switch.stop("region=EAST", login="olga", reason="drill")
    assert Office(ledger, policies).status("live")["stopped"] == [
        {"scope": "region=EAST", "by": "olga", "since": FIRST}
    ]


@pytest.mark.parametrize("login", ["ann", "max", "tim", "owen"])
@pytest.mark.parametrize("verb", ["stop", "resume"])
def test_only_an_active_operator_moves_the_switch(
    ledger: Ledger, switch: StopSwitch, login: str, verb: str
) -> None:
    switch.stop(None, login="otto", reason="drill")
    move = switch.stop if verb == "stop" else switch.resume
    said = move(None, login=login, reason="let me")
    assert (said.code, said.status, listed(ledger)) == ("not_allowed", 403, [(None, "otto")])


def test_nobody_lets_go_on_what_they_stopped_themselves(ledger: Ledger, switch: StopSwitch) -> None:
    switch.stop(None, login="olga", reason="drill")
    assert switch.resume(None, login="olga", reason="over").code == "own_stop"
    assert switch.resume(None, login="otto", reason="over").code is None
    assert listed(ledger) == []


def test_who_stopped_beside_somebody_else_cannot_let_go_either(switch: StopSwitch) -> None:
    switch.stop(None, login="olga", reason="drill")
    switch.stop(None, login="otto", reason="me too")
    assert [switch.resume(None, login=x, reason="over").code for x in ("olga", "otto")] == [
        "own_stop",
        "own_stop",
    ]


def test_stopping_twice_is_one_stop(ledger: Ledger, switch: StopSwitch) -> None:
    for _ in range(2):
        assert switch.stop("item=I1", login="olga", reason="drill").code is None
    assert listed(ledger) == [("item=I1", "olga")]


def test_letting_everything_go_on_leaves_a_narrower_stop(
    ledger: Ledger, switch: StopSwitch
) -> None:
    switch.stop(None, login="olga", reason="drill")
    switch.stop("item=I1", login="olga", reason="recall")
    switch.resume(None, login="otto", reason="over")
    assert listed(ledger) == [("item=I1", "olga")]


def test_what_is_not_stopped_cannot_go_on(switch: StopSwitch) -> None:
    switch.stop(None, login="olga", reason="drill")
    assert switch.resume("item=I1", login="otto", reason="over").code == "not_stopped"


@pytest.mark.parametrize(
    ("scope", "says"),
    [
        ("EAST", "scope 'EAST' is not KEY=VALUE with one of region, site, item, category"),
        ("country=DE", "scope 'country=DE' is not KEY=VALUE"),
        ("region=", "scope 'region=' is not KEY=VALUE"),
        ("region=EST", "region 'EST' is not one of ABROAD, EAST, WEST"),
        ("category=surge", "category 'surge' is not one of data_quality, demand_drop"),
        ("action=fly", "action 'fly' is not one of buffer_call, expedite"),
        ("item=I9", "item 'I9' is not one of I1, I2, I3, I4"),
    ],
)
def test_a_stop_that_would_stop_nothing_is_refused(
    switch: StopSwitch, scope: str, says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        switch.stop(scope, login="olga", reason="drill")


def test_a_login_that_nobody_has_is_bad_use(switch: StopSwitch) -> None:
    with pytest.raises(UsageError, match=r"login .eve. is not in planners\.yaml"):
        switch.stop(None, login="eve", reason="drill")


def test_a_stop_needs_a_reason(switch: StopSwitch) -> None:
    with pytest.raises(UsageError, match="a reason is needed"):
        switch.stop(None, login="olga", reason="  ")


# What is kept.


def test_every_move_of_the_switch_is_in_the_audit_chain_the_refused_ones_too(
    ledger: Ledger, switch: StopSwitch, tmp_path: Path
) -> None:
    switch.stop(None, login="olga", reason="drill")
    switch.resume(None, login="olga", reason="over")
    switch.resume(None, login="otto", reason="over")
    conn = sqlite3.connect(tmp_path / "ledger.db")
    kept = conn.execute(
        "SELECT json_extract(body, '$.verb'), json_extract(body, '$.login'), "
        "json_extract(body, '$.code') FROM v_audit WHERE writer = 'control' ORDER BY seq"
    ).fetchall()
    conn.close()
    assert kept == [
        ("stop", "olga", None),
        ("resume", "olga", "own_stop"),
        ("resume", "otto", None),
    ]
    assert ledger.verify_audit().ok


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE control SET value = '{\"in_force\":[],\"seq\":1}' WHERE key = 'stops'",
        "DELETE FROM control WHERE key = 'stops'",
    ],
)
def test_a_stop_lifted_behind_the_back_of_the_ledger_is_found(
    ledger: Ledger, switch: StopSwitch, tmp_path: Path, edit: str
) -> None:
    switch.stop(None, login="olga", reason="drill")
    conn = sqlite3.connect(tmp_path / "ledger.db")
    assert conn.execute(edit).rowcount == 1
    conn.commit()
    conn.close()
    bad = ledger.verify_audit().first_bad
    assert bad is not None
    assert (bad.writer, bad.seq) == ("control", 2)


def test_decisions_under_a_stop_are_decided_again_byte_for_byte(
    ledger: Ledger, switch: StopSwitch, policies: PolicySource
) -> None:
    """SR6."""
    switch.stop("item=I1", login="olga", reason="recall")
    tick(ledger, policies, case())
    switch.resume("item=I1", login="otto", reason="over")
    office = Office(ledger, policies)
    answered(office, only(office), login="ann")
    chooser = AskingPlanner(MilpPlanner())
    [told] = replay(ledger, ["all"], _Recorded(), chooser)
    assert (told.equal, told.first_difference) == (True, None)


class _Recorded:
    """A planner that gives the answers of the case."""

    def plan(self, problems):  # type: ignore[no-untyped-def]
        return tuple(case().answer for _ in problems)


# Beside a run.


def test_a_tick_decided_beside_a_stop_is_not_stored(
    ledger: Ledger, switch: StopSwitch, policies: PolicySource
) -> None:
    tick(ledger, policies)
    due = TickDue(at=NOW, proposals=(case(),), reassessed=(), cleared=())
    taken = take(ledger, "all", due, policies.at(NOW, "sha256:" + "2" * 64))
    switch.stop(None, login="olga", reason="drill")
    with pytest.raises(LedgerMoved), ledger.transaction() as write:
        store(write, taken)


def test_a_first_tick_decided_beside_a_stop_is_not_stored_either(
    ledger: Ledger, switch: StopSwitch, policies: PolicySource
) -> None:
    due = TickDue(at=NOW, proposals=(), reassessed=(), cleared=())
    taken = take(ledger, "all", due, policies.at(NOW, "none"))
    switch.stop(None, login="olga", reason="drill")
    with pytest.raises(LedgerMoved, match="stopped or let go on"), ledger.transaction() as write:
        store(write, taken)


def test_a_stop_lists_what_is_in_flight_and_what_waits(
    ledger: Ledger, switch: StopSwitch, policies: PolicySource
) -> None:
    tick(ledger, policies, case(), case(item="I2", cause="item:I2"))
    first, second = ledger.pending_outbox()
    with ledger.transaction() as write:
        write.claim_commands([first.idem], "me", NOW)
        write.command_sent(first.idem, "me", NOW)
    said = switch.stop(None, login="olga", reason="drill")
    assert (said.in_flight, said.held) == ((first.action_id,), (second.action_id,))


def test_an_approval_and_a_stop_at_once_leave_nothing_released_after_the_stop(
    ledger: Ledger, policies: PolicySource
) -> None:
    """SR1, G6."""
    asking = replace(policies, authority_at=source().authority_at)
    tick(ledger, asking, case())
    office = Office(ledger, asking)
    decision_id = only(office)
    start = threading.Barrier(2)

    def stop() -> None:
        start.wait()
        office.switch.stop(None, login="olga", reason="drill")

    other = threading.Thread(target=stop)
    other.start()
    start.wait()
    said = answered(office, decision_id)
    other.join()
    kinds = [row.kind for row in ledger.desk_log("all")][1:]
    first = kinds.index("verdict") < kinds.index("stop")
    assert said.status == (200 if first else 423)


# The file.


def test_a_stop_file_stops_everything_and_is_put_on_record_once(
    ledger: Ledger, switch: StopSwitch, policies: PolicySource, tmp_path: Path
) -> None:
    (tmp_path / "STOP").touch()
    assert switch.standing() == [{"scope": None, "by": "STOP", "since": None}]
    for _ in range(2):
        switch.notice_file()
    assert listed(ledger) == [(None, "STOP")]


def test_any_operator_lets_go_once_the_stop_file_is_gone(
    ledger: Ledger, switch: StopSwitch, tmp_path: Path
) -> None:
    (tmp_path / "STOP").symlink_to("nowhere")
    switch.notice_file()
    assert switch.resume(None, login="olga", reason="over").code == "stop_file"
    (tmp_path / "STOP").unlink()
    switch.notice_file()
    assert listed(ledger) == [(None, "STOP")]
    assert switch.resume(None, login="olga", reason="over").code is None
    assert listed(ledger) == []


def test_a_stop_file_refuses_an_approval_before_any_run_has_seen_it(
    ledger: Ledger, policies: PolicySource, tmp_path: Path
) -> None:
    asking = replace(policies, authority_at=source().authority_at)
    tick(ledger, asking, case())
    office = Office(ledger, asking)
    decision_id = only(office)
    (tmp_path / "STOP").touch()
    assert answered(office, decision_id).status == 423
