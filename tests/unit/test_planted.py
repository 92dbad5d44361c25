"""Do planted checks look like cases, catch who approves unread, and order nothing, ever?"""

import json
from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from replan.brief import check_brief
from replan.errors import LedgerBroken
from replan.infra.desk.incident_record import incidents
from replan.infra.ledger.store import Ledger
from replan.infra.planners.office import Office
from replan.infra.planners.planting import checks_told, plant_if_due
from replan.infra.planners.wishes import Wish
from replan.people import People
from replan.planted import FAULTS, check_from
from replan.units import Units
from tests.databases import Place
from tests.desk_cases import HOUR, NOW, PEOPLE, case, planner
from tests.unit.test_office import source, tick

DAY = timedelta(days=1)


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    """One real case waits for role:planner, and one check."""
    ledger = place.open()
    tick(ledger, source(), case())
    [_] = plant_if_due(ledger, NOW, UTC, "Europe/Berlin")
    yield ledger
    ledger.close()


def office(ledger: Ledger, **changes: Any) -> Office:
    return Office(ledger, source(**changes))


def check_id(ledger: Ledger) -> str:
    [check] = ledger.checks()
    return check.decision_id


def answer(ledger: Ledger, verdict: str, login: str = "ann", **changes: Any) -> Any:
    return office(ledger).verdict(
        check_id(ledger), verdict, login=login, chip="data_wrong", **changes
    )


def body_of(ledger: Ledger) -> dict[str, Any]:
    return office(ledger).decision(check_id(ledger))


def test_a_check_stands_in_the_queue_like_a_case(ledger: Ledger) -> None:
    bodies = {body["decision_id"]: body for body in office(ledger).queue()}
    planted = bodies.pop(check_id(ledger))
    [real] = bodies.values()
    assert set(planted) == set(real)
    assert "planted" not in str(planted)
    wrong = [check_brief(body["brief"], body["evidence"]) for body in (planted, real)]
    assert wrong[0] == wrong[1]
    assert office(ledger).standings("ann")[check_id(ledger)].mine


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_the_fault_stands_on_the_page(ledger: Ledger, fault: str) -> None:
    [real] = ledger.decisions()
    months = (f"20{n}-01" for n in range(26, 60))
    found = (check_from(real, month, NOW, "Europe/Berlin") for month in months)
    check = next(c for c in found if c is not None and c.fault == fault)
    [was], [is_now] = (
        next(o for o in body["options"] if o["name"] == body["chosen"])["actions"]
        for body in (real, check.body)
    )
    if fault == "too_much":
        assert is_now["qty"] == 10 * was["qty"]
        assert str(is_now["qty"]) in check.body["brief"]["question"]
    else:
        assert is_now["arrive_on"]["p50"] > was["arrive_on"]["p90"]


def test_once_a_month_one_for_each_recipient(ledger: Ledger) -> None:
    assert plant_if_due(ledger, NOW + 20 * DAY, UTC, "Europe/Berlin") == []
    assert len(plant_if_due(ledger, NOW + 28 * DAY, UTC, "Europe/Berlin")) == 1
    assert len(ledger.checks()) == 2


def test_approving_it_is_told_as_taken_and_counts_as_passed(ledger: Ledger) -> None:
    said = answer(ledger, "approve", version=1)
    assert (said.result, said.state) == ("accepted", "approved")
    assert body_of(ledger)["planted"]["caught"] is False
    assert checks_told(ledger.checks(), NOW) == {
        "role:planner": {"caught": 0, "passed": 1, "unanswered": 0, "open": 0}
    }


def test_nothing_of_an_approved_check_is_ordered(ledger: Ledger) -> None:
    answer(ledger, "approve")
    assert ledger.outbox() == ()
    assert [row.kind for row in ledger.desk_log("all")] == ["tick", "stop"]


def test_approving_it_is_an_incident_that_stops_its_category(ledger: Ledger) -> None:
    """R57. Whoever approved it is named nowhere, and does not let it go on."""
    answer(ledger, "approve")
    [stop] = ledger.stops()
    [incident] = incidents(ledger)
    assert (stop.scope, stop.by, incident.kind) == (
        "category=demand_surge",
        "engine",
        "planted_fault_missed",
    )
    assert incident.is_of("ann")
    assert "ann" not in incident.json().values()


def test_the_ledger_itself_takes_no_action_of_a_check(ledger: Ledger, place: Place) -> None:
    """An action names a decision, and a check is none."""
    columns = "action_id, decision_id, kind, item, from_site, to_site, qty, cost_minor, state, idem"
    values = f"'a', '{check_id(ledger)}', 'reallocate', 'I1', 'S05', 'S03', 1, 1, 'pending', 'k'"
    with pytest.raises(LedgerBroken, match=r"(?i)foreign key"), ledger.transaction() as write:
        write._conn.execute(sa.text(f"INSERT INTO action ({columns}) VALUES ({values})"))


@pytest.mark.parametrize("verdict", ["reject", "ask", "takeover"])
def test_any_other_answer_has_caught_it(ledger: Ledger, verdict: str) -> None:
    answer(ledger, verdict)
    assert checks_told(ledger.checks(), NOW)["role:planner"]["caught"] == 1


def test_approving_another_option_has_caught_it(ledger: Ledger) -> None:
    answer(ledger, "approve", option="none")
    assert body_of(ledger)["planted"]["caught"] is True


def test_what_is_put_off_waits_on(ledger: Ledger) -> None:
    assert answer(ledger, "defer").state == "escalated"
    assert checks_told(ledger.checks(), NOW)["role:planner"]["open"] == 1


def test_it_is_answered_once(ledger: Ledger) -> None:
    answer(ledger, "reject")
    assert answer(ledger, "approve").code == "already_decided"


def test_after_its_deadline_it_is_over(ledger: Ledger) -> None:
    with ledger.transaction() as write:
        write.set_clock(NOW + 73 * HOUR)
    assert answer(ledger, "approve").code == "expired"
    assert len(office(ledger).queue()) == 1
    assert checks_told(ledger.checks(), NOW + 73 * HOUR)["role:planner"]["unanswered"] == 1


def test_the_rules_of_every_case_say_who_may_answer(ledger: Ledger) -> None:
    assert answer(ledger, "approve", login="tim").code == "not_allowed"
    assert answer(ledger, "approve", login="bob").code == "over_limit"
    west = People(planners=(*PEOPLE.planners, planner("wim", "planner", regions=("WEST",))))
    said = office(ledger, people=west).verdict(
        check_id(ledger), "reject", login="wim", chip="policy"
    )
    assert said.code == "not_allowed"


def test_no_list_measure_or_view_counts_it(ledger: Ledger, place: Place) -> None:
    answer(ledger, "approve")
    assert [b["decision_id"] for b in ledger.decisions()] != [check_id(ledger)]
    assert check_id(ledger) not in ledger.escalated_ids()
    assert ledger.verdicts_accepted() == ()
    for view in ("v_decisions", "v_escalations", "v_verdicts", "v_labels"):
        named = {row["decision_id"] for row in place.rows(f"SELECT decision_id FROM {view}")}
        assert check_id(ledger) not in named


def test_planting_and_answering_are_on_the_chain(ledger: Ledger, place: Place) -> None:
    answer(ledger, "reject")
    rows = place.rows("SELECT body FROM v_audit WHERE writer = 'control' ORDER BY seq")
    kinds = [json.loads(row["body"])["kind"] for row in rows]
    assert kinds == ["check", "check"]
    assert ledger.verify_audit().first_bad is None


def both(ledger: Ledger) -> list[tuple[str, int]]:
    """The real case and the check, as somebody names them who approves both."""
    return [(body["decision_id"], 1) for body in office(ledger).queue()]


def test_the_queue_offers_it_together_with_cases_by_the_same_rule(ledger: Ledger) -> None:
    standings = office(ledger).standings("ann")
    assert {standing.together for standing in standings.values()} == {("ASK", "reallocate")}
    assert {s.together for s in office(ledger).standings("bob").values()} == {None}


def test_approved_together_with_a_case_it_is_taken_and_counts_as_passed(ledger: Ledger) -> None:
    done = office(ledger).approve_together(both(ledger), login="ann", chip="policy")
    assert done.taken
    assert {(r.result, r.state) for r in done.results} == {("accepted", "approved")}
    assert checks_told(ledger.checks(), NOW)["role:planner"]["passed"] == 1
    assert {row.decision_id for row in ledger.outbox()} == {r.decision_id for r in done.results} - {
        check_id(ledger)
    }


def test_approved_each_for_itself_it_is_told_like_the_case_beside_it(ledger: Ledger) -> None:
    said = office(ledger).approve_each(both(ledger), login="ann", chip="policy")
    assert {(r.result, r.status, r.code, r.state) for r in said} == {
        ("accepted", 200, None, "approved")
    }


def test_where_it_is_refused_the_case_beside_it_is_not_taken_either(ledger: Ledger) -> None:
    named = [(name, 2 if name == check_id(ledger) else 1) for name, _ in both(ledger)]
    done = office(ledger).approve_together(named, login="ann", chip="policy")
    assert not done.taken
    assert [(r.decision_id, r.code) for r in done.results] == [(check_id(ledger), "stale")]
    assert ledger.outbox() == ()


@pytest.mark.parametrize("qty", [4, 4_000])
def test_a_change_of_it_is_worked_out_as_that_of_a_case_would_be(ledger: Ledger, qty: int) -> None:
    def said(name: str) -> tuple[Any, ...]:
        wish = Wish(qty=Units(qty * 1_000))
        found = office(ledger).what_if(name, "modify", login="ann", wish=wish)
        price = None if found.option is None else found.option["cost_minor"]
        return found.result.result, found.result.code, price

    case, check = [said(name) for name, _ in both(ledger)]
    assert case == check


def test_who_took_it_up_is_seen_by_the_others(ledger: Ledger) -> None:
    held = office(ledger).open_case(check_id(ledger), login="ann")
    assert held is not None
    assert held["by"] == "ann"
    assert body_of(ledger)["opened"] == held
    assert office(ledger).open_case(check_id(ledger), login="gus") == held


def test_in_shadow_no_check_is_planted(place: Place) -> None:
    ledger = place.open()
    tick(ledger, source(mode="shadow"), case())
    assert plant_if_due(ledger, NOW, UTC, "Europe/Berlin") == []
    ledger.close()
