"""Plans before a desk, without a solver: shops that run short, one that has plenty, and their
policy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

from replan.authority import AuthorityTable
from replan.authority_table import Conditions, Mode, Rule, RuleId
from replan.desk import step
from replan.desk_state import DeskInput, DeskState, Policy, TickDue, VerdictGiven
from replan.effects import Cleared, DeskOutcome, Driver, Evidence, Move, Proposal, Reassessed
from replan.network import Item, Lane, Network, Site, SupplyContract
from replan.people import Login, People, Planner
from replan.planning import Action, Answer, Option, PlanningProblem, Spread
from replan.solver.joint import JointPlanner
from replan.units import DecisionId, ItemId, LaneId, SiteId, SupplierId, Units
from replan.verdicts import VerdictResult
from tests.authority_worlds import table, upto
from tests.planning_problems import lane, order_line, problem, site

NOW = datetime.fromisoformat("2026-05-04T06:00:00+00:00")
TODAY = date(2026, 5, 4)
HOUR = timedelta(hours=1)
ITEMS = ("I1", "I2", "I3", "I4")
UNIT_COST = 500
"""Minor units; moving goods is worth this a unit, since freight is free here."""


def rule(rule_id: str, mode: Mode, action: str = "reallocate", **conditions: Any) -> Rule:
    """A row about moves that goes to the planners."""
    changes = {name: conditions.pop(name) for name in ("approvals",) if name in conditions}
    return Rule(
        rule_id=RuleId(rule_id),
        mode=mode,
        when=Conditions(actions=(action,), **conditions),
        recipient="role:planner",
        **changes,
    )


MAY_MOVE = rule("MOVE", "AUTO")
ASK_FIRST = rule("ASK", "ESCALATE")


def allowing(limit_minor: int, **changes: Any) -> AuthorityTable:
    """A table under which moves run by themselves up to a value."""
    return table(rule("MOVE", "AUTO", value=upto(limit_minor)), **changes)


def network(*, capacity: int | None = None, cutoff: time | None = None) -> Network:
    """Shops S03 and S04 in EAST, S06 in WEST, all supplied from S05; `capacity` in base units."""
    shops = {"S03": "EAST", "S04": "EAST", "S05": "EAST", "S06": "WEST", "SUP1": "ABROAD"}
    lanes = {
        LaneId(f"L05-{to[1:]}"): Lane(
            lane=LaneId(f"L05-{to[1:]}"),
            origin=SiteId("S05"),
            destination=SiteId(to),
            mode="van",
            lead_time_days_p50=1,
            lead_time_days_p90=1,
            fixed_cost_minor=0,
            unit_cost_minor=0,
            min_qty=Units(0),
            lot_multiple=Units(1_000),
            capacity_units_per_day=None if capacity is None else Units(capacity * 1_000),
            cutoff_local=cutoff,
        )
        for to in ("S03", "S04", "S06")
    }
    back = replace(
        lanes[LaneId("L05-03")],
        lane=LaneId("L03-05"),
        origin=SiteId("S03"),
        destination=SiteId("S05"),
    )
    return Network(
        items={
            ItemId(name): Item(
                item=ItemId(name),
                description=name,
                category="drinks",
                abc="A",
                uom="EA",
                unit_cost_minor=UNIT_COST,
                unit_price_minor=900,
                currency="EUR",
                shelf_life_days=None,
            )
            for name in ITEMS
        },
        sites={
            SiteId(name): Site(
                site=SiteId(name),
                kind="supplier" if name == "SUP1" else "store",
                region=region,
                timezone="Europe/Berlin",
                priority=1,
            )
            for name, region in shops.items()
        },
        lanes={**lanes, back.lane: back},
        supply={
            (SupplierId("SUP1"), ItemId(name), SiteId("S03")): SupplyContract(
                supplier=SupplierId("SUP1"),
                item=ItemId(name),
                site=SiteId("S03"),
                approved=True,
                lead_time_days_p50=7,
                lead_time_days_p90=8,
                moq=Units(0),
                lot_multiple=Units(1_000),
                expedite_days_saved=3,
                expedite_fixed_minor=0,
                expedite_unit_minor=100,
                buffer_qty=None,
                buffer_lead_time_days=None,
                buffer_unit_premium_minor=None,
                contract_clause="",
            )
            for name in ITEMS
        },
        stocking={},
    )


def planner(login: str, *roles: str, limit: int | None = None, **changes: Any) -> Planner:
    """An active planner for all regions."""
    given: dict[str, Any] = {"regions": ("*",), "delegate_to": None, "active": True} | changes
    return Planner(login=Login(login), roles=roles, limit_minor=limit, **given)


PEOPLE = People(
    planners=(
        planner("ann", "planner"),
        planner("bob", "planner", limit=2_000),
        planner("eva", "planner", regions=("EAST",)),
        planner("gus", "planner", active=False),
        planner("max", "process-owner"),
        planner("tim", "viewer"),
    )
)


def policy(rules: AuthorityTable | None, **changes: Any) -> Policy:
    """What the desk decides under, live unless told otherwise."""
    given: dict[str, Any] = {
        "table": rules,
        "absent": "no_table",
        "people": PEOPLE,
        "mode": "live",
        "network": network(),
        "change_cost_minor": 500,
        "currency": "EUR",
        "versions": {
            "code": "0.1.0",
            "network": "sha256:" + "1" * 64,
            "authority": "none" if rules is None else rules.hash,
            "models": "sha256:" + "2" * 64,
            "settings": "sha256:" + "3" * 64,
        },
        "chooser": JointPlanner(),
    }
    return Policy(**(given | changes))


def move(
    item: str = "I1",
    qty: int = 10,
    to: str = "S03",
    *,
    origin: str = "S05",
    ship_day: int = 0,
    cost_minor: int = 0,
) -> Action:
    """Goods from one shop to another over their lane, `qty` in base units."""
    return Action(
        kind="reallocate",
        item=ItemId(item),
        origin=origin,
        destination=SiteId(to),
        qty=Units(qty * 1_000),
        ship_day=ship_day,
        arrive_p50=ship_day + 1,
        arrive_p90=ship_day + 1,
        cost_minor=cost_minor,
        ref=f"L{origin[1:]}-{to[1:]}",
    )


def forward(item: str = "I1", qty: int = 10) -> Action:
    """An open order line of S03 brought forward from day 6 to day 3; 100 minor units a unit."""
    return Action(
        kind="expedite",
        item=ItemId(item),
        origin="SUP1",
        destination=SiteId("S03"),
        qty=Units(qty * 1_000),
        ship_day=0,
        arrive_p50=3,
        arrive_p90=3,
        cost_minor=100 * qty,
        ref=f"PO-{item}@1",
    )


def option(name: str, *actions: Action, benefit: int = 5_000, **changes: Any) -> Option:
    """A judged plan; doing nothing has no benefit."""
    mean = benefit if actions else 0
    flat = Spread(p10=mean, p50=mean, p90=mean)
    given: dict[str, Any] = {
        "cost_minor": Spread(p10=9_000, p50=12_000, p90=15_000),
        "benefit_minor": flat,
        "benefit_mean_minor": mean,
        "short_avoided": Spread(p10=0, p50=4_000, p90=9_000) if actions else flat,
        "units_short": Spread(p10=1_000, p50=8_000, p90=20_000),
        "p_stockout_receiver": 0.1 if actions else 0.8,
        "p_stockout_donor": 0.01,
        "p_wins": 0.9 if actions else 0.0,
        "donor_shortage_p90_minor": {},
        "binding": (),
        "gap": 0.0,
    }
    return Option(name=name, actions=actions, **(given | changes))


NONE = option("none")


def asked(item: str = "I1", at: datetime = NOW) -> PlanningProblem:
    """The question behind every case here: two needy shops, a week ahead."""
    inbound, offer = order_line(f"PO-{item}@1", "S03", qty=30, day=6, new_day=3)
    question = problem(
        tuple(
            site(name, on_hand=20, daily=[8.0] * 8, inbound=(inbound,) if name == "S03" else ())
            for name in ("S03", "S04", "S05", "S06")
        ),
        (
            lane("L03-05", "S03", "S05"),
            *(lane(f"L05-{to}", "S05", f"S{to}") for to in ("03", "04", "06")),
        ),
        (offer,),
    )
    return replace(
        question,
        item=ItemId(item),
        asked_at=at,
        first_day=at.date(),
        lanes=tuple(replace(o, latest_start=at + 6 * HOUR) for o in question.lanes),
        expedites=tuple(replace(o, latest_start=at + 6 * HOUR) for o in question.expedites),
    )


def case(
    *options: Option,
    item: str = "I1",
    at: datetime = NOW,
    outcome: str = "proven",
    **changes: Any,
) -> Proposal:
    """A proposal with these options and doing nothing; without any, to move ten units to S03."""
    offered = (*(options or (option("reallocate", move(item)),)), NONE)
    question = asked(item, at)
    given: dict[str, Any] = {
        "group": "all",
        "episode": f"ep-{item}",
        "site": SiteId("S03"),
        "category": "demand_surge",
        "cause": f"site:S03/{item}",
        "event_time": at,
        "dq": "green",
        "lacks": (),
        "model": "ets",
        "model_hash": "sha256:" + "2" * 64,
        "loss_mean_minor": 9_000,
        "short_by": 3,
        "evidence": (Evidence(event_id="till-1", time=at, fact="11 sold where 8 were usual"),),
        "drivers": (Driver(name="this_site", units=18_500, text="what S03 differs by"),),
        "watched": None,
    }
    return Proposal(
        item=ItemId(item),
        problem=question,
        answer=Answer(
            problem_sha=question.sha,
            options=tuple(sorted(offered, key=lambda o: -o.benefit_mean_minor)),
            recommended=offered[0].name,
            solver="HiGHS 1.11",
            outcome=outcome,  # type: ignore[arg-type]
            notes=(),
        ),
        **(given | changes),
    )


class Desk:
    """A desk that is told one thing after the other, and remembers what came of it."""

    def __init__(self, rules: AuthorityTable | None, **changes: Any) -> None:
        self.policy = policy(rules, **changes)
        self.state = DeskState(group="all")
        self.moves: tuple[Move, ...] = ()
        self.said = DeskOutcome()
        self.at = NOW

    def tick(
        self,
        *cases: Proposal,
        at: datetime | None = None,
        reassessed: Sequence[Reassessed] = (),
        cleared: Sequence[Cleared] = (),
    ) -> DeskOutcome:
        """A planning tick."""
        at = at or self.at
        due = TickDue(at=at, proposals=cases, reassessed=reassessed, cleared=cleared)
        self.take(due)
        return self.said

    def take(self, given: DeskInput) -> VerdictResult | None:
        """Any one input; reservations stay, released ones are marked."""
        self.at = given.at
        self.said, result = step(self.state, self.moves, given, self.policy)
        gone = set(self.said.released)
        self.moves = tuple(
            replace(m, released=m.released or m.action_id in gone)
            for m in (*self.moves, *self.said.reserved)
        )
        return result

    def verdict(
        self, verdict: str = "approve", login: str = "ann", **changes: Any
    ) -> VerdictResult:
        """A verdict on the decision made last, or on the one named."""
        given: dict[str, Any] = {
            "at": self.at,
            "decision_id": changes.get("decision_id") or self.decision_id,
            "version": None,
            "chip": "known_event",
            "note": "",
            "option": None,
            "confirm": False,
            "last_state": "escalated",
        }
        result = self.take(VerdictGiven(verdict=verdict, login=login, **(given | changes)))
        assert result is not None
        return result

    @property
    def decision_id(self) -> DecisionId:
        """The newest open decision."""
        return max(self.state.decisions.values(), key=lambda d: d.body["decided_at"]).decision_id


def bodies(said: DeskOutcome) -> list[Mapping[str, Any]]:
    """The decisions made, in order."""
    return [made.body for made in said.made]


def states(said: DeskOutcome) -> list[str]:
    """The states of the decisions made, in order."""
    return [body["state"] for body in bodies(said)]


def codes(said: DeskOutcome) -> list[str | None]:
    """Why each decision made did not run by itself; None: it does."""
    return [
        None if b["why_escalated"] is None else b["why_escalated"]["code"] for b in bodies(said)
    ]
