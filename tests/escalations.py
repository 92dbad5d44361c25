"""A shop that runs short while its neighbour has plenty: the case and its decision, for tests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from replan.brief import write_brief
from replan.decision import action_values, incident_of, option_json
from replan.effects import Driver, Evidence, Proposal
from replan.planning import Action, Answer, Option, PlanningProblem
from replan.projection import stock_chart
from replan.records import proposal_json
from replan.scenarios import HELD_OUT_STREAM, draws, judge, play
from replan.units import DecisionId, ItemId, SiteId, Units, instant_text
from tests.planning_problems import ASKED_AT, lane, order_line, problem, site

DEADLINE = ASKED_AT + timedelta(hours=6)
DECISION = DecisionId("dec-7f3a9c0d51e2b8460a1f")
WHY = {
    "code": "limit",
    "rule_id": "REAL-EAST-AUTO",
    "limit_minor": 6_000,
    "actual_minor": 12_400,
    "text": "a value of 124.00 EUR is above the 60.00 EUR that may run by itself",
}
VERSIONS = {
    "code": "0.1.0",
    "network": "sha256:" + "1" * 64,
    "authority": "sha256:" + "a" * 64,
    "models": "sha256:" + "2" * 64,
}


def surge() -> PlanningProblem:
    """S03 sells about 8 a day and has 20; S05 has 60 to spare; an order comes on day 6."""
    inbound, offer = order_line("PO17@1", "S03", qty=30, day=6, new_day=3, fixed=1_500, unit=60)
    band = tuple(tuple(float(q) for _ in range(8)) for q in (4.0, 5.0, 6.5, 8.0, 9.5, 11.0, 12.0))
    needy = site("S03", on_hand=20, daily=[8.0] * 8, inbound=(inbound,), shortage_minor=450)
    plenty = site("S05", on_hand=90, daily=[3.0] * 8, spare=60, shortage_minor=450)
    return problem(
        (replace(needy, quantiles=band), plenty),
        (lane("L05-03", "S05", "S03", arrive=1, fixed=1_800, unit=40, lot=6),),
        (offer,),
        held_out=200,
    )


def proposal(
    *, evidence: int = 3, lacks: tuple[str, ...] = (), words_a_fact: int = 8, winner: int = 24
) -> Proposal:
    """The case of `surge` with three options; `winner` units are moved by the recommended one."""
    asked = surge()
    options = (
        *sorted(
            (
                _judged(asked, "reallocate", (_move(winner),)),
                _judged(asked, "expedite", (_forward(12),)),
            ),
            key=lambda o: -o.benefit_mean_minor,
        ),
        _judged(asked, "none", ()),
    )
    facts = tuple(
        Evidence(
            event_id=f"till-{n:02d}",
            time=ASKED_AT - timedelta(hours=evidence - n),
            fact=" ".join(
                ["I1 at S03: 11 sold where 8 were usual", *["again"] * (words_a_fact - 8)]
            ),
            speaks_against=n == 0,
        )
        for n in range(evidence)
    )
    return Proposal(
        item=ItemId("I1"),
        group="all",
        episode="ep-1",
        site=SiteId("S03"),
        category="demand_surge",
        cause="site:S03",
        event_time=ASKED_AT,
        dq="amber" if lacks else "green",
        lacks=lacks,
        model="ets",
        model_hash="sha256:" + "2" * 64,
        loss_mean_minor=9_100,
        short_by=3,
        evidence=facts,
        drivers=(
            Driver(name="item_wide", units=4_000, text="demand at its other sites differs by +9%"),
            Driver(name="this_site", units=18_500, text="what S03 differs by beyond that"),
        ),
        problem=asked,
        answer=Answer(
            problem_sha=asked.sha,
            options=options,
            recommended=options[0].name,
            solver="CBC 2.10",
            outcome="proven",
            notes=(),
        ),
        watched=None,
        tags=("neighbour_stock_out",),
        cause_confidence=0.6,
    )


def brief_of(case: Proposal, chosen: Option | str = "reallocate", **changes: Any) -> dict[str, Any]:
    """The brief of a case as the desk would ask for it."""
    given: dict[str, Any] = {
        "why": WHY,
        "recipient": "role:planner-east",
        "next_recipient": "role:planner-lead",
        "deadline": DEADLINE,
        "timezone": "Europe/Berlin",
        "currency": "EUR",
        "decision_id": DECISION,
        "version": 1,
        "versions": VERSIONS,
        "already_done": [],
        "precedents": [],
        "page_members": {o.name: page_row(case, o) for o in case.answer.options},
        "option_json": lambda o: option_json(o, DECISION, case.problem.first_day),
    }
    option = case.answer.option(chosen) if isinstance(chosen, str) else chosen
    given["held"] = [a["action_id"] for a in given["option_json"](option)["actions"]]
    return write_brief(case, option, **(given | changes))


def page_row(case: Proposal, option: Option) -> dict[str, Any]:
    """What the page says of an option beside the decision's own, as `brief_options` would."""
    last = None if not option.actions else instant_text(DEADLINE)
    return {
        "order_by": last,
        "cancel_by": last,
        "fill_rate": {"p10": 0.81, "p50": 0.94, "p90": 1.0},
        "terms": ["C-4.2"] if option.name == "expedite" else [],
        "authority": {
            "mode": "ESCALATE",
            "rule_id": "REAL-EAST-MID",
            "recipient": "role:planner-east",
            "approvals": 1,
            "value_minor": 12_400,
        }
        if option.actions
        else None,
    }


def body_of(case: Proposal, **changes: Any) -> dict[str, Any]:
    """The escalated decision of a case as published."""
    chosen = case.answer.option("reallocate")
    body: dict[str, Any] = {
        "decision_id": DECISION,
        "version": 1,
        "item": case.item,
        "site": case.site,
        "category": case.category,
        "cause": case.cause,
        "group": case.group,
        "incident_id": incident_of(case.cause),
        "parent": None,
        "notified": True,
        "episode": case.episode,
        "event_time": instant_text(case.event_time),
        "decided_at": instant_text(ASKED_AT),
        "mode": "live",
        "state": "escalated",
        "rule_id": "REAL-EAST-MID",
        "authority_hash": VERSIONS["authority"],
        "why_escalated": WHY,
        "value_minor": sum(action_values(None, chosen, case.problem.unit_cost_minor)),
        "currency": "EUR",
        "confidence": chosen.p_wins,
        "dq": case.dq,
        "options": [option_json(o, DECISION, case.problem.first_day) for o in case.answer.options],
        "chosen": "reallocate",
        "deadline": instant_text(DEADLINE),
        "recipient": "role:planner-east",
        "model": {"name": case.model, "hash": case.model_hash},
        "solver": {"name": case.answer.solver, "outcome": case.answer.outcome},
        "evidence": [e.event_id for e in case.evidence],
        "flags": [],
        "supersedes": None,
        "brief": brief_of(case),
        "versions": VERSIONS,
    }
    return body | changes


def inputs_of(case: Proposal) -> dict[str, Any]:
    """What the decision was decided from, as recorded."""
    return {"proposal": proposal_json(case)}


def chart_of(case: Proposal) -> dict[str, Any]:
    """Chart data as a review office adds them to a case."""
    chosen = case.answer.option("reallocate")
    sold = (7, 9, 6, 8, 10, 11, 13, 12, 11, None, None, None, None)
    start = datetime(2026, 4, 25, tzinfo=UTC)
    return {
        "band": {
            "site": case.site,
            "days": [
                {
                    "date": (start + timedelta(days=n)).date().isoformat(),
                    "p05": 4 + n * 0.1,
                    "p50": 8 + n * 0.1,
                    "p95": 12 + n * 0.1,
                    "actual": actual,
                    "censored": n == 5,
                }
                for n, actual in enumerate(sold)
            ],
        },
        "stock": stock_chart(case.problem, chosen.actions, case.site),
    }


def _judged(asked: PlanningProblem, name: str, actions: tuple[Action, ...]) -> Option:
    held_out = draws(asked, asked.held_out, HELD_OUT_STREAM)
    nothing = play(asked, (), held_out)
    binding = ("lots of 6 on lane L05-03",) if name == "reallocate" else ()
    return judge(asked, name, actions, held_out=held_out, nothing=nothing, binding=binding)


def _move(units: int) -> Action:
    return Action(
        kind="reallocate",
        item=ItemId("I1"),
        origin="S05",
        destination=SiteId("S03"),
        qty=Units(units * 1_000),
        ship_day=0,
        arrive_p50=1,
        arrive_p90=3,
        cost_minor=1_800 + 40 * units,
        ref="L05-03",
    )


def _forward(units: int) -> Action:
    return Action(
        kind="expedite",
        item=ItemId("I1"),
        origin="SUP1",
        destination=SiteId("S03"),
        qty=Units(units * 1_000),
        ship_day=0,
        arrive_p50=3,
        arrive_p90=3,
        cost_minor=1_500 + 60 * units,
        ref="PO17@1",
    )
