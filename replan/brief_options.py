"""What does a planner have to know of an option beyond its price? How well it serves, until when it
can be called off, on what terms it rests, and whose authority it needs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from replan.decision import on_offer
from replan.judgement import Judgement
from replan.network import Network
from replan.offering import key_of_action, offers_of, supplier_of
from replan.planning import Option, PlanningProblem
from replan.scenarios import HELD_OUT_STREAM, Floats, draws, play
from replan.units import ItemId, instant_text

DIGITS = 3
"""A share of what is asked for, to a tenth of a percent."""


def page_members(made: Judgement) -> dict[str, dict[str, Any]]:
    """By name of each option on offer, what its row on the page says beside the decision's own.

    `order_by`: the earliest cut-off of its actions, null for doing nothing. `cancel_by`: until when
    all of it can still be called off; nothing has left before then. `fill_rate`: share of the
    demand at the receiving sites that is served until normal supply can arrive, p10 ≤ p50 ≤ p90.
    `terms`: clauses of the contracts that it draws on. `authority`: what the table says to the
    option by itself: `mode` (AUTO, CLARIFY, ESCALATE), `rule_id`, `recipient`, `approvals`,
    `value_minor`; null for doing nothing, which needs none.
    """
    proposal, policy = made.proposal, made.policy
    options = on_offer(proposal, made.option)
    served = _fill_rates(proposal.problem, options)
    found = {}
    for option in options:
        last = _last_start(option, proposal.problem)
        found[option.name] = {
            "order_by": last,
            "cancel_by": last,
            "fill_rate": served[option.name],
            "terms": _terms(option, proposal.problem, policy.network, proposal.item),
            "authority": _authority(made, option),
        }
    return found


def _last_start(option: Option, problem: PlanningProblem) -> str | None:
    """The earliest cut-off of an option's actions; None where there is none to meet."""
    offers = offers_of(problem)
    known = [
        offers[key].latest_start for a in option.actions if (key := key_of_action(a)) in offers
    ]
    return instant_text(min(known)) if known else None


def _fill_rates(problem: PlanningProblem, options: Sequence[Option]) -> dict[str, dict[str, float]]:
    """Of the sites that any option would bring something to, so that options compare."""
    draw = draws(problem, problem.held_out, HELD_OUT_STREAM)
    receiving = {str(a.destination) for o in options for a in o.actions}
    rows = [j for j, s in enumerate(problem.sites) if s.site in receiving or not receiving]
    wanted = np.zeros(draw.demand.shape[0], dtype=np.int64)
    for j in rows:
        wanted += draw.demand[:, j, : problem.sites[j].window].sum(axis=1)
    rates = {}
    for option in options:
        short = play(problem, option.actions, draw).short[:, rows].sum(axis=1)
        rate: Floats = 1.0 - short / np.maximum(wanted, 1)
        p10, p50, p90 = np.percentile(rate, (10, 50, 90), method="inverted_cdf")
        rates[option.name] = {
            "p10": round(float(p10), DIGITS),
            "p50": round(float(p50), DIGITS),
            "p90": round(float(p90), DIGITS),
        }
    return rates


def _terms(option: Option, problem: PlanningProblem, network: Network, item: ItemId) -> list[str]:
    """Clauses of the supply contracts behind the actions, in order, each once."""
    offers = offers_of(problem)
    clauses = []
    for action in option.actions:
        offer = offers.get(key_of_action(action))
        supplier = None if offer is None else supplier_of(offer)
        if supplier is None:
            continue
        contract = network.supply.get((supplier, item, action.destination))
        if contract is not None and contract.contract_clause:
            clauses.append(contract.contract_clause)
    return list(dict.fromkeys(clauses))


def _authority(made: Judgement, option: Option) -> Mapping[str, Any] | None:
    if not option.actions:
        return None
    alone = Judgement(made.proposal, option, made.decision_id, made.tally)
    row = alone.row()
    return {
        "mode": row.mode,
        "rule_id": row.rule_id,
        "recipient": row.recipient,
        "approvals": row.approvals,
        "value_minor": alone.value,
    }
