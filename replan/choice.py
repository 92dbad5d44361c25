"""Which option does each item get at a tick? The joint choice over what lanes still carry."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from replan.commitments import counting, lane_use
from replan.docket import Tally
from replan.effects import Proposal
from replan.mode import account_of
from replan.planning import ItemChoices, Option, PlanningProblem
from replan.units import LaneId, Units

Capacity = dict[tuple[LaneId, str], Units | None]


def choose(proposals: Sequence[Proposal], tally: Tally) -> list[tuple[Proposal, Option]]:
    """One option per item: the planner's recommendation where lanes have room, else the joint
    choice, for which items may have been asked for further plans. What is only played in shadow
    takes no room from what is real.
    """
    chosen = []
    for account in ("live", "shadow"):
        mine = [p for p in proposals if account_of(tally.policy.mode_of(p.category)) == account]
        capacity: Capacity = {}
        choices = tuple(_choices(p, account, capacity, tally) for p in mine)
        problems = {p.item: p.problem for p in mine}
        further = tally.policy.chooser.further(problems, choices, capacity)
        if further:
            mine = [_with(p, further.get(p.item, ())) for p in mine]
            choices = tuple(_choices(p, account, capacity, tally) for p in mine)
        names = tally.policy.chooser.choose(choices, capacity)
        chosen += [(p, p.answer.option(names[p.item])) for p in mine]
    return chosen


def _choices(proposal: Proposal, account: str, capacity: Capacity, tally: Tally) -> ItemChoices:
    """The options worth changing plans for, and in `capacity` what their lanes still carry."""
    used = lane_use(counting(tally.moves, account))
    options = []
    for option in proposal.answer.options:
        uses = _lane_uses(option, proposal.problem)
        for lane, day in uses:
            room = tally.policy.network.lanes[lane].capacity_units_per_day
            taken = used.get((lane, date.fromisoformat(day)), 0)
            capacity[(lane, day)] = None if room is None else Units(max(room - taken, 0))
        if option.benefit_mean_minor > tally.policy.change_cost_minor or not option.actions:
            takes = tuple((key, Units(qty)) for key, qty in sorted(uses.items()))
            options.append((option.name, option.benefit_mean_minor, takes))
    return ItemChoices(item=proposal.item, options=tuple(options))


def _with(proposal: Proposal, further: tuple[Option, ...]) -> Proposal:
    """The proposal with more options, best mean first, ties by name."""
    options = sorted(
        (*proposal.answer.options, *further), key=lambda o: (-o.benefit_mean_minor, o.name)
    )
    return replace(proposal, answer=replace(proposal.answer, options=tuple(options)))


def _lane_uses(option: Option, problem: PlanningProblem) -> dict[tuple[LaneId, str], int]:
    """Thousandths by lane and shipping day (ISO date)."""
    uses: dict[tuple[LaneId, str], int] = {}
    for action in option.actions:
        if action.kind == "reallocate":
            ship_on = problem.first_day + timedelta(days=action.ship_day)
            key = (LaneId(action.ref), ship_on.isoformat())
            uses[key] = uses.get(key, 0) + action.qty
    return uses
