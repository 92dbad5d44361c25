"""Which option does each item get at a tick? The joint choice over what lanes still carry."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from replan.commitments import counting, lane_use
from replan.docket import Tally
from replan.effects import Proposal
from replan.mode import account_of
from replan.planning import ItemChoices, Option, lane_uses
from replan.units import LaneId, Units

Capacity = dict[tuple[LaneId, str], Units | None]


def choose(proposals: Sequence[Proposal], tally: Tally) -> list[tuple[Proposal, Option]]:
    """One option per item: the planner's recommendation where lanes have room, else the joint
    choice, for which items may have been asked for further plans. What is only played in shadow
    takes no room from what is real.
    """
    chosen = []
    for account in ("live", "shadow"):
        mine = [
            p
            for p in proposals
            if account_of(tally.policy.mode_of(p.category, (), p.model)) == account
        ]
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
    """The options worth changing plans for, and in `capacity` what the lanes on offer still
    carry.
    """
    used = lane_use(counting(tally.moves, account))
    for offer in proposal.problem.lanes:
        ship_on = proposal.problem.first_day + timedelta(days=offer.ship_day)
        room = tally.policy.network.lanes[offer.lane].capacity_units_per_day
        taken = used.get((offer.lane, ship_on), 0)
        left = None if room is None else Units(max(room - taken, 0))
        capacity[(offer.lane, ship_on.isoformat())] = left
    return ItemChoices(
        item=proposal.item,
        options=tuple(
            (option.name, option.benefit_mean_minor, lane_uses(option, proposal.problem))
            for option in proposal.answer.options
            if option.benefit_mean_minor > tally.policy.change_cost_minor or not option.actions
        ),
    )


def _with(proposal: Proposal, further: tuple[Option, ...]) -> Proposal:
    """The proposal with more options, best mean first, ties by name."""
    options = sorted(
        (*proposal.answer.options, *further), key=lambda o: (-o.benefit_mean_minor, o.name)
    )
    return replace(proposal, answer=replace(proposal.answer, options=tuple(options)))
