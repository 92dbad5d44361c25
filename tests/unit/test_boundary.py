"""Does the boundary move up by evidence and two people only, and down by itself? PO4, PO6, P14."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from replan.desk_state import AnswersDue, TickDue
from replan.effects import DayRow, ForecastRow
from replan.errors import UsageError
from replan.events import ActionAnswered
from replan.infra.boundary.moves import Boundary, Moved, standing
from replan.infra.desk.incident_record import incidents
from replan.infra.desk.room import store, take, transact
from replan.infra.desk.stepping_down import step_down
from replan.infra.ledger.rows import ProposalRow
from replan.infra.ledger.store import Ledger
from replan.infra.planners.office import Office
from replan.infra.proof.replay_run import replay
from replan.people import People
from replan.planning import Answer, PlanningProblem
from replan.promotion import Case, Gate, evidence_of, missing
from replan.records import proposal_json
from replan.shadowing import Compared
from replan.solver.joint import JointPlanner
from replan.units import Units
from tests.authority_worlds import table
from tests.desk_cases import (
    HOUR,
    MAY_MOVE,
    NOW,
    PEOPLE,
    case,
    forward,
    move,
    option,
    planner,
    rule,
)
from tests.ledger_builders import new_ledger
from tests.unit.test_office import source

MODELS = "sha256:" + "2" * 64
DAY = timedelta(days=1)
SURGE = "demand_surge"
GATE = Gate(cases=20, days=14, agreement=0.8)
RULES = (MAY_MOVE, rule("RUSH", "ESCALATE", "expedite"))
OWNERS = People(
    planners=tuple(
        sorted(
            (
                *PEOPLE.planners,
                planner("olga", "operator"),
                planner("zoe", "process-owner"),
            ),
            key=lambda p: p.login,
        )
    )
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = new_ledger(tmp_path)
    yield opened
    opened.close()


def under(stages: dict[str, str] | None = None, **changes: Any) -> Any:
    """Policies in live mode; `stages` None: every category is live."""
    return source(table(*RULES, stages=stages, **changes), people=OWNERS)


def boundary(ledger: Ledger, policies: Any, risk: str | None = None) -> Boundary:
    return Boundary(ledger=ledger, policies=policies, gate=GATE, risk=lambda now: risk)


def tick(ledger: Ledger, policies: Any, n: int, plan: Any = None) -> dict[str, Any]:
    """The n-th hourly tick, with a plan about an item of its own; the decision."""
    at = NOW + n * HOUR
    item = f"I{1 + n % 4}"
    plan = plan or option("plan", move(item, 1))
    one = case(plan, item=item, at=at, episode=f"ep-{n}", cause=f"item:{item}/{n}")
    with ledger.transaction() as write:
        write.set_clock(at)
        row = ProposalRow(group="all", item=item, n=1, body=proposal_json(one))
        write.add_proposals(at, [row])
    due = TickDue(at=at, proposals=(one,), reassessed=(), cleared=())
    return dict(transact(ledger, "all", due, policies.at(at, MODELS)).outcome.made[0].body)


def played(ledger: Ledger, cases: int, agreed: int, *, dq: str = "green", days: int = 14) -> None:
    """So many plans beside what people did, and the clock `days` after the first."""
    with ledger.transaction() as write:
        write.set_clock(NOW + days * DAY)
        for n in range(cases):
            day = NOW + (n % days) * DAY
            body = {
                "decided_at": day.isoformat(),
                "category": SURGE,
                "item": "I1",
                "site": "S03",
                "model": {"name": "ets"},
                "dq": dq,
                "currency": "EUR",
            }
            alike = n < agreed
            write.add_compared(
                body,
                Compared(
                    decision_id=f"dec-{dq}-{n}",  # type: ignore[arg-type]
                    at=day,
                    agreed=alike,
                    difference=None if alike else "other_quantity",
                    cost_delta_minor=None,
                    found_by="report",
                ),
            )


def stage(ledger: Ledger, policies: Any, scope: str = f"category={SURGE}") -> str:
    return next(str(r["stage"]) for r in standing(ledger, policies) if r["scope"] == scope)


# Up.


def test_po4_a_category_goes_up_one_step_on_evidence_and_two_people(ledger: Ledger) -> None:
    policies = under({SURGE: "shadow"})
    played(ledger, 30, 30)
    steps = [boundary(ledger, policies).promote(SURGE, login=who) for who in ("max", "zoe")]
    assert [told.result for told in steps] == ["proposed", "promoted"]
    assert stage(ledger, policies) == "recommend"


def test_p14_without_a_second_person_nothing_is_widened(ledger: Ledger) -> None:
    policies = under({SURGE: "shadow"})
    played(ledger, 30, 30)
    steps = [boundary(ledger, policies).promote(SURGE, login="max") for _ in range(2)]
    assert [told.code for told in steps] == [None, "same_approver"]
    assert stage(ledger, policies) == "shadow"


@pytest.mark.parametrize(
    ("cases", "agreed", "days", "says"),
    [
        (19, 19, 14, "19 comparable cases, 20 are needed"),
        (30, 30, 13, "they span 13 days, 14 are needed"),
        (30, 26, 14, "agreement may be as low as 70.3 %"),
    ],
)
def test_p14_without_evidence_nothing_is_widened(
    ledger: Ledger, cases: int, agreed: int, days: int, says: str
) -> None:
    policies = under({SURGE: "shadow"})
    played(ledger, cases, agreed, days=days)
    told = boundary(ledger, policies).promote(SURGE, login="max")
    assert (told.result, told.code) == ("refused", "evidence")
    assert any(says in why for why in told.missing)


def test_cases_on_doubtful_data_prove_nothing(ledger: Ledger) -> None:
    policies = under({SURGE: "shadow"})
    played(ledger, 30, 30, dq="amber")
    assert boundary(ledger, policies).promote(SURGE, login="max").code == "evidence"


def test_po6_without_a_risk_record_that_holds_no_category_is_promoted(ledger: Ledger) -> None:
    policies = under({SURGE: "shadow"})
    played(ledger, 30, 30)
    told = boundary(ledger, policies, "it expired on 2026-05-01").promote(SURGE, login="max")
    assert told.code == "risk_record"
    assert "it expired on 2026-05-01" in told.missing[0]


@pytest.mark.parametrize(("login", "code"), [("ann", "not_allowed"), ("olga", "not_allowed")])
def test_only_a_process_owner_asks_for_more(ledger: Ledger, login: str, code: str) -> None:
    policies = under({SURGE: "shadow"})
    played(ledger, 30, 30)
    assert boundary(ledger, policies).promote(SURGE, login=login).code == code


def test_p9_who_wrote_the_table_does_not_widen_it(ledger: Ledger) -> None:
    policies = under({SURGE: "shadow"}, author="max")
    played(ledger, 30, 30)
    assert boundary(ledger, policies).promote(SURGE, login="max").code == "own_table"


def test_what_is_live_goes_no_further(ledger: Ledger) -> None:
    policies = under()
    played(ledger, 30, 30)
    assert boundary(ledger, policies).promote(SURGE, login="max").code == "at_top"


def test_a_promotion_ends_where_another_table_says_something_else(ledger: Ledger) -> None:
    played(ledger, 30, 30)
    for login in ("max", "zoe"):
        boundary(ledger, under({SURGE: "shadow"})).promote(SURGE, login=login)
    assert stage(ledger, under({SURGE: "shadow"}, version=2)) == "recommend"
    assert stage(ledger, under({SURGE: "spot_check"})) == "spot_check"


def test_plans_that_are_cheaper_for_sure_are_evidence_without_agreement() -> None:
    day = NOW.date() - 20 * DAY
    dearer = [Case(day=day, agreed=False, cost_delta_minor=4_000 + n) for n in range(30)]
    even = [Case(day=day, agreed=False, cost_delta_minor=(-1) ** n * 4_000) for n in range(30)]
    assert missing(evidence_of(dearer, NOW.date()), GATE) == ()
    assert len(missing(evidence_of(even, NOW.date()), GATE)) == 1


@pytest.mark.parametrize("scope", ["surge", "site=S03", "region=", "category=holidays"])
def test_a_scope_that_is_none_is_bad_use(ledger: Ledger, scope: str) -> None:
    with pytest.raises(UsageError):
        boundary(ledger, under()).promote(scope, login="max")


# Down, by people.


def test_a_demotion_acts_at_once(ledger: Ledger) -> None:
    policies = under()
    assert tick(ledger, policies, 0)["state"] == "executing"
    told = boundary(ledger, policies).demote(SURGE, to="shadow", login="olga", reason="odd")
    assert told.result == "demoted"
    assert tick(ledger, policies, 1)["state"] == "shadowed"


@pytest.mark.parametrize("scope", ["region=EAST", "model=ets"])
def test_a_region_and_a_model_step_down_on_their_own(ledger: Ledger, scope: str) -> None:
    policies = under()
    tick(ledger, policies, 0)
    boundary(ledger, policies).demote(scope, to="recommend", login="max", reason="odd")
    west = option("plan", move("I2", 1, "S06"))
    assert tick(ledger, policies, 1, west)["state"] == (
        "executing" if scope == "region=EAST" else "recommended"
    )
    assert tick(ledger, policies, 2)["state"] == "recommended"


@pytest.mark.parametrize(
    ("login", "to", "code"), [("ann", "shadow", "not_allowed"), ("max", "recommend", "not_lower")]
)
def test_a_demotion_needs_the_power_and_goes_down(
    ledger: Ledger, login: str, to: str, code: str
) -> None:
    policies = under({SURGE: "recommend"})
    tick(ledger, policies, 0)
    told: Moved = boundary(ledger, policies).demote(SURGE, to=to, login=login, reason="odd")
    assert told.code == code


# Down, by itself.


def overridden(ledger: Ledger, policies: Any, n: int, verdict: str = "reject") -> None:
    body = tick(ledger, policies, n, option("plan", forward(f"I{1 + n % 4}", 1)))
    office = Office(ledger, policies)
    office.verdict(body["decision_id"], verdict, login="ann", chip="policy")


def test_po4_it_steps_down_before_the_next_decision_after_a_breach(ledger: Ledger) -> None:
    policies = under(demote={"override_rate": ">0.20 over 10"})
    for n in range(2):
        overridden(ledger, policies, n)
    assert tick(ledger, policies, 2)["state"] == "executing"
    overridden(ledger, policies, 3)
    assert stage(ledger, policies) == "recommend"
    assert tick(ledger, policies, 4)["state"] == "recommended"


def test_a_step_down_is_an_event_and_an_alarm_that_stands_until_it_is_lifted(
    ledger: Ledger,
) -> None:
    policies = under(demote={"override_rate": ">0.20 over 5"})
    for n in range(2):
        overridden(ledger, policies, n)
    [alarm] = [a for a in ledger.alarms() if a.kind == "demoted"]
    told = [line for file, line in published(ledger) if '"mode.changed.v1"' in line]
    assert alarm.closed_at is None
    assert "2 of 2 plans were changed or refused by people" in alarm.text
    assert len(told) == 1
    with ledger.transaction() as write:
        write.set_clock(NOW + 10 * HOUR)
    played(ledger, 60, 60, days=30)
    for login in ("max", "zoe"):
        boundary(ledger, policies).promote(SURGE, login=login)
    [lifted] = [a for a in ledger.alarms() if a.kind == "demoted"]
    assert lifted.closed_at is not None


def published(ledger: Ledger) -> list[tuple[str, str]]:
    return [(file, line) for _, file, line in ledger.publications(1_000)]


def test_plans_that_failed_put_a_category_down(ledger: Ledger) -> None:
    policies = under(demote={"error_rate": ">0.02 over 10"})
    body = tick(ledger, policies, 0)
    [row] = ledger.outbox()
    answer = ActionAnswered(
        event_id="e-1",
        occurred_at=NOW,
        arrived_at=NOW,
        action_id=row.action_id,
        acked=False,
        idem=row.idem,
        reason="no lorry",
        source="/erp",
        payload_sha="0" * 64,
    )
    transact(ledger, "all", AnswersDue(at=NOW, answers=(answer,)), policies.at(NOW, MODELS))
    assert body["state"] == "executing"
    assert stage(ledger, policies) == "recommend"


def test_approvals_put_nothing_down(ledger: Ledger) -> None:
    policies = under(demote={"override_rate": ">0.20 over 10"})
    for n in range(3):
        overridden(ledger, policies, n, "approve")
    assert stage(ledger, policies) == "live"


def test_p11_a_decision_keeps_the_version_that_it_was_made_under(ledger: Ledger) -> None:
    old, new = under(version=1), under(version=2)
    tick(ledger, old, 0)
    tick(ledger, new, 1)
    hashes = [body["authority_hash"] for body in ledger.decisions()]
    assert hashes == [p.authority_at(NOW)[0].hash for p in (old, new)]


class AnsweredAsRecorded:
    """A planner that gives the answers of the two ticks."""

    def plan(self, problems: Iterable[PlanningProblem]) -> tuple[Answer, ...]:
        return tuple(
            case(option("plan", move(p.item, 1)), item=p.item, at=p.asked_at).answer
            for p in problems
        )


def test_what_was_decided_on_a_lower_step_is_decided_again_alike(ledger: Ledger) -> None:
    policies = under()
    tick(ledger, policies, 0)
    boundary(ledger, policies).demote(SURGE, to="shadow", login="olga", reason="odd")
    tick(ledger, policies, 1)
    told = list(replay(ledger, ["all"], AnsweredAsRecorded(), JointPlanner()))
    assert [one.equal for one in told] == [True, True]
    assert ledger.verify_audit().ok


def test_a_stage_moved_behind_the_back_of_the_ledger_is_found(ledger: Ledger) -> None:
    policies = under({SURGE: "shadow"})
    tick(ledger, policies, 0)
    boundary(ledger, policies).demote("region=EAST", to="recommend", login="olga", reason="odd")
    with ledger.transaction() as write:
        write.set_control("ladder", {"moves": [], "proposed": []})
    bad = ledger.verify_audit().first_bad
    assert bad is not None
    assert bad.reason == "what was moved on the ladder is not what the last row states"


# The band of each model.


def closed(ledger: Ledger, policies: Any, n: int, outside: dict[str, int]) -> None:
    """A tick at which ten days of each model's series have closed, so many outside their band."""
    rows = [
        DayRow(
            item=item,  # type: ignore[arg-type]
            site="S03",  # type: ignore[arg-type]
            day=NOW.date() - (10 - day) * DAY,
            actual=Units(99_000 if day < outside[model] else 10_000),
            censored=False,
        )
        for item, model in (("I1", "ets"), ("I2", "theta"))
        for day in range(10)
    ]
    with ledger.transaction() as write:
        write.put_series(
            [
                {
                    "item": item,
                    "site": "S03",
                    "region": "EAST",
                    "category": "DAIRY",
                    "class": "A",
                    "model": model,
                    "degraded": False,
                }
                for item, model in (("I1", "ets"), ("I2", "theta"))
            ]
        )
        write.upsert_forecasts(
            [
                ForecastRow(
                    item=item,  # type: ignore[arg-type]
                    site="S03",  # type: ignore[arg-type]
                    made_at=NOW - 11 * DAY,
                    first_day=NOW.date() - 10 * DAY,
                    quantiles=tuple(
                        (level,) * 10 for level in (5.0, 6.0, 8.0, 10.0, 12.0, 14.0, 15.0)
                    ),
                )
                for item in ("I1", "I2")
            ]
        )
        write.add_days(rows)
    due = TickDue(at=NOW + n * HOUR, proposals=(), reassessed=(), cleared=())
    with ledger.transaction() as write:
        write.set_clock(due.at)
        taken = take(write, "all", due, policies.at(due.at, MODELS))
        store(write, taken)
        step_down(write, [taken], days_closed=True)


def test_po4_a_model_whose_band_does_not_hold_steps_down_alone(ledger: Ledger) -> None:
    policies = under(demote={"coverage_90": "<0.85 over 10"})
    closed(ledger, policies, 0, {"ets": 2, "theta": 1})
    assert [(m.scope, m.stage, m.by) for m in ledger.ladder()] == [
        ("model=ets", "recommend", "engine")
    ]
    [incident] = incidents(ledger)
    assert (incident.kind, incident.scope) == ("coverage_collapse", "model=ets")


def test_po4_the_next_decision_on_that_model_is_under_it_already(ledger: Ledger) -> None:
    policies = under(demote={"coverage_90": "<0.85 over 10"})
    assert tick(ledger, policies, 0)["state"] == "executing"
    closed(ledger, policies, 1, {"ets": 2, "theta": 1})
    assert tick(ledger, policies, 2)["state"] == "recommended"
