"""What does a decision look like to the outside? Its body, its actions, its commands, its
reservations.

One body serves the command line, the API and the `decisions` topic. It names events by id and times
by the clock; nothing of the machine, the batch or the moment of sending is in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, assert_never
from zoneinfo import ZoneInfo

from replan.authority_table import DEFAULT_VALUE_BASIS, AuthorityTable
from replan.canonical import digest, sha256_hex, short_id
from replan.effects import Command, Move, Ordered, Proposal
from replan.network import Network
from replan.offering import key_of_action, offers_of
from replan.planning import Action, Option, PlanningProblem, PostponeOffer, Spread
from replan.planning_record import units_spread
from replan.units import ActionId, DecisionId, SiteId, instant_text, priced, quantity_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why a plan did not run by itself: code, row, limit and actual value in minor units, a
    sentence.
    """

    code: str
    rule_id: str | None
    limit_minor: int | None
    actual_minor: int
    text: str

    def json(self) -> dict[str, Any]:
        """As the member `why_escalated`."""
        return {
            "code": self.code,
            "rule_id": self.rule_id,
            "limit_minor": self.limit_minor,
            "actual_minor": self.actual_minor,
            "text": self.text,
        }


def on_offer(proposal: Proposal, chosen: Option) -> list[Option]:
    """The options in their order; a plan judged again stands in place of its older self."""
    options = [chosen if o.name == chosen.name else o for o in proposal.answer.options]
    return options if chosen in options else [chosen, *options]


def plan_sha(actions: Sequence[Action]) -> str:
    """What a plan is: kind, ends, quantity and lane or order line of each action; its days may
    move.
    """
    return digest([[a.kind, a.item, a.origin, a.destination, a.qty, a.ref] for a in actions])


def action_id_of(decision_id: DecisionId, option: str, index: int) -> ActionId:
    """The id of one action, derived from the decision and its place in the option."""
    return ActionId(short_id("act", [decision_id, option, index]))


def action_json(action: Action, action_id: ActionId, first_day: date) -> dict[str, Any]:
    """One action as it is published and ordered."""
    return {
        "action_id": action_id,
        "kind": action.kind,
        "item": action.item,
        "from": action.origin,
        "to": action.destination,
        "qty": quantity_json(action.qty),
        "ship_on": _day(first_day, action.ship_day),
        "arrive_on": {
            "p50": _day(first_day, action.arrive_p50),
            "p90": _day(first_day, action.arrive_p90),
        },
        "cost_minor": action.cost_minor,
        "order_id": _order_id(action, action_id),
        "lane": action.ref if action.kind == "reallocate" else None,
    }


def _order_id(action: Action, action_id: ActionId) -> str | None:
    """The order line that is moved; for a buffer call the one that is to be made, which bears the
    action's id, so that its goods are known when they are heard of.
    """
    match action.kind:
        case "reallocate":
            return None
        case "expedite" | "postpone":
            return action.ref
        case "buffer_call":
            return f"{action_id}@1"
        case _:
            assert_never(action.kind)


def option_json(option: Option, decision_id: DecisionId, first_day: date) -> dict[str, Any]:
    """One option with its ranges, as in the decision body and the brief."""
    return {
        "name": option.name,
        "actions": [
            action_json(a, action_id_of(decision_id, option.name, n), first_day)
            for n, a in enumerate(option.actions)
        ],
        "cost_minor": _spread(option.cost_minor),
        "benefit_minor": _spread(option.benefit_minor) | {"mean": option.benefit_mean_minor},
        "units_short": units_spread(option.units_short),
        "units_short_avoided": units_spread(option.short_avoided),
        "p_stockout_receiver": option.p_stockout_receiver,
        "p_stockout_donor": option.p_stockout_donor,
        "confidence": option.p_wins,
        "binding": list(option.binding),
        "gap": option.gap,
    }


def action_values(
    table: AuthorityTable | None, option: Option, unit_cost_minor: int
) -> tuple[int, ...]:
    """The value of each action in minor units, by its value basis; a donor's loss counts once."""
    basis = table.value_basis if table is not None else DEFAULT_VALUE_BASIS
    counted: set[str] = set()
    values = []
    for action in option.actions:
        lost = 0
        if action.kind == "reallocate" and action.origin not in counted:
            counted.add(action.origin)
            lost = max(option.donor_shortage_p90_minor.get(SiteId(action.origin), 0), 0)
        terms = {
            "book_value_moved": priced(action.qty, unit_cost_minor),
            "order_value_moved": priced(action.qty, unit_cost_minor),
            "commitment_value": action.cost_minor
            if action.kind == "buffer_call"
            else priced(action.qty, unit_cost_minor) + action.cost_minor,
            "freight": action.cost_minor,
            "incremental_cost_p90": action.cost_minor,
            "donor_shortage_cost_p90": lost,
        }
        values.append(sum(terms[name] for name in basis[action.kind]))
    return tuple(values)


def action_keys(
    action: Action, proposal: Proposal, network: Network, supplier: str | None
) -> dict[str, str]:
    """What an action counts for in caps, sums and rests."""
    item = network.items[action.item]
    keys = {
        "action": action.kind,
        "category": proposal.category,
        "cause": proposal.cause,
        "class": item.abc,
        "group": item.group,
        "item": action.item,
        "region": network.sites[action.destination].region,
        "site": action.destination,
        "qty": str(action.qty),
    }
    if action.kind == "reallocate":
        keys["lane"] = action.ref
        keys["origin"] = action.origin
        keys["ship_on"] = _day(proposal.problem.first_day, action.ship_day)
    elif supplier is not None:
        keys["supplier"] = supplier
    return keys


def moves_of(
    decision_id: DecisionId,
    actions: Sequence[ActionId],
    keys: Sequence[Mapping[str, str]],
    values: Sequence[int],
    at: datetime,
    account: str,
) -> tuple[Move, ...]:
    """The reservations of a plan."""
    return tuple(
        Move(
            action_id=action_id,
            decision_id=decision_id,
            at=at,
            value_minor=value,
            keys=key,
            account=account,
        )
        for action_id, key, value in zip(actions, keys, values, strict=True)
    )


def command_of(decision_id: DecisionId, action: Mapping[str, Any], not_after: datetime) -> Command:
    """The order to an executor. Its key is derived: the decision's id holds episode and
    revision, so deciding the same again gives the same key, and a later plan another one. A plan
    may do two things to one order line or lane, so the action's own id is part of the key.
    """
    target = action["order_id"] or action["lane"]
    place = (action["kind"], action["from"], action["to"], target, action["action_id"])
    parts = ("v1", decision_id, *place)
    idem = sha256_hex("\x1f".join(parts).encode())
    body = {
        **action,
        "idem": idem,
        "decision_id": decision_id,
        "not_after": instant_text(not_after),
    }
    return Command(
        idem=idem,
        action_id=ActionId(action["action_id"]),
        decision_id=decision_id,
        not_after=not_after,
        body=body,
    )


def ordered_of(action: Mapping[str, Any], qty: int) -> Ordered:
    """An action as supply under way, for sense."""
    return Ordered(
        action_id=action["action_id"],
        kind=action["kind"],
        item=action["item"],
        origin=action["from"],
        destination=action["to"],
        qty=qty,  # type: ignore[arg-type]
        ref=action["order_id"] or action["lane"],
        ship_on=date.fromisoformat(action["ship_on"]),
        arrive_p50=date.fromisoformat(action["arrive_on"]["p50"]),
        arrive_p90=date.fromisoformat(action["arrive_on"]["p90"]),
    )


def last_moment(option: Option, problem: PlanningProblem, short_by: int) -> datetime | None:
    """The last moment at which the whole option still helps: the earliest of its actions' last
    cut-offs that still bring the goods before half the scenarios run short, and before normal
    supply can be there; None for doing nothing.
    """
    windows = {site.site: site.window for site in problem.sites}
    offers = offers_of(problem)
    moments = []
    for action in option.actions:
        offer = offers[key_of_action(action)]
        slack = max(min(short_by, windows[action.destination]) - action.arrive_p50, 0)
        # What is pushed out must be so before it comes: later days do not help.
        later = 0 if isinstance(offer, PostponeOffer) else slack
        # By the wall clock: a cut-off at 14:00 is at 14:00 after the clocks have changed, too.
        local = offer.latest_start.astimezone(ZoneInfo(offer.zone)) + timedelta(days=later)
        moments.append(local.astimezone(UTC))
    return min(moments, default=None)


def end_of_horizon(problem: PlanningProblem) -> datetime:
    """The instant the horizon ends, for decisions without a cut-off of their own."""
    last = problem.first_day + timedelta(days=problem.horizon)
    return datetime.combine(last, time(0), tzinfo=problem.asked_at.tzinfo)


def incident_of(cause: str) -> str:
    """One id for all decisions of one common cause, whatever category of trouble it makes."""
    return short_id("inc", [cause])


def _day(first_day: date, index: int) -> str:
    return (first_day + timedelta(days=index)).isoformat()


def _spread(spread: Spread) -> dict[str, int]:
    return {"p10": spread.p10, "p50": spread.p50, "p90": spread.p90}
