"""Must a plan stand still now, and what becomes of what stood still once it may go on?

What a person released waits and is sent afterwards, unless its last moment has passed meanwhile.
What would have run by itself is called off instead: it was decided for another moment, so nothing
fires by itself, and sense looks at the trouble anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from replan.authority import suspended
from replan.desk_state import DeskState, OpenDecision, Policy, StopMoved
from replan.docket import Tally
from replan.ending import cancel_action
from replan.stops import Stop, stop_on
from replan.units import SiteId

CALLED_OFF = "called off: it was not sent before the stop"


def standstill(
    policy: Policy, actions: Sequence[Mapping[str, str]], category: str, model: str
) -> str | None:
    """Why nothing of a plan may be carried out, not even released by a person: a stop, or the
    table's own; None: it may. `actions`: what each action counts for.
    """
    stop = stop_on(policy.stops, actions, model)
    if stop is not None:
        return stop.text
    if policy.table is None:
        return None
    for keys in actions:
        why = suspended(
            policy.table,
            category=category,
            region=keys["region"],
            action=keys["action"],
            model=model,
        )
        if why is not None:
            return why
    return None


def held(decision: OpenDecision, policy: Policy) -> str | None:
    """Why what an open decision orders must not be sent now; None: it may."""
    body = decision.body
    return standstill(policy, decision.move_keys, body["category"], body["model"]["name"])


def stop_on_sent(action: Mapping[str, Any], body: Mapping[str, Any], policy: Policy) -> Stop | None:
    """The stop that a published action of a decision is within; it must not be undone by itself
    then either.
    """
    site = policy.network.sites.get(SiteId(action["to"]))
    keys = {
        "action": action["kind"],
        "item": action["item"],
        "category": body["category"],
        "site": action["to"],
        "origin": action["from"],
        "supplier": action["from"],
        "region": "" if site is None else site.region,
    }
    return stop_on(policy.stops, [keys], body["model"]["name"])


def take_stop(state: DeskState, given: StopMoved, tally: Tally) -> None:
    """Something was stopped, or may go on: then what waited to be sent by itself is called off."""
    before = replace(tally.policy, stops=given.before)
    unsent = set(given.unsent)
    for decision in [d for _, d in sorted(state.decisions.items()) if d.state == "executing"]:
        goes_on = held(decision, before) is not None and held(decision, tally.policy) is None
        if goes_on and not decision.approved_by:
            for action_id in [a for a in decision.actions if a in unsent]:
                cancel_action(state, decision, action_id, CALLED_OFF, tally)
