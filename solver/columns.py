"""What would an item rather have, once the lanes it shares have a price? Column generation.

The joint choice picks among whole plans that were made as if each item were alone. Where items want
more of a lane than it carries, none of these plans may fit beside the others. So the choice is
relaxed to shares of plans, its shadow prices are put on the lanes, and each item that uses one is
asked again: what it would do at that price, and what it would do with no more than the others
leave, are more plans to choose from (Dantzig & Wolfe 1960; Gilmore & Gomory 1961). A plan is judged
at the true cost, never at the price. A few rounds bring most of it, and the number of rounds is
fixed, so the same input gives the same plans.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta

from replan.feasibility import binding_limits, violations
from replan.offering import key_of_action, offers_of, taken_up
from replan.planning import (
    Answer,
    Carried,
    ItemChoices,
    Option,
    Planner,
    PlanningProblem,
    lane_uses,
)
from replan.scenarios import HELD_OUT_STREAM, draws, judge, play
from replan.solver.backend import DEFAULT_SOLVER, SolverName
from replan.solver.joint import JointPlanner
from replan.units import ItemId, LaneId, Units

ROUNDS = 3
"""How often prices are made and items asked again."""


class AskingPlanner(JointPlanner):
    """Chooses like `JointPlanner`, after `planner` was asked for plans at the prices of lanes."""

    def __init__(
        self,
        planner: Planner,
        *,
        change_cost_minor: int = 0,
        solver: SolverName = DEFAULT_SOLVER,
    ) -> None:
        super().__init__(change_cost_minor=change_cost_minor, solver=solver)
        self._planner = planner

    def further(
        self,
        problems: Mapping[ItemId, PlanningProblem],
        proposals: tuple[ItemChoices, ...],
        capacity: Mapping[Carried, Units | None],
    ) -> dict[ItemId, tuple[Option, ...]]:
        """New plans by item, for items that share a lane of which they want more than it
        carries.
        """
        found: dict[ItemId, tuple[Option, ...]] = {}
        now = {c.item: c for c in sorted(proposals, key=lambda c: c.item)}
        for _ in range(ROUNDS):
            prices = self.prices(tuple(now.values()), capacity)
            asked = [c for c in now.values() if _lanes(c) & prices.keys()]
            left = self._left(tuple(now.values()), capacity, prices.keys())
            questions = [(c, _dearer(problems[c.item], prices)) for c in asked]
            questions += [(c, _within(problems[c.item], left[c.item])) for c in asked]
            columns = 0
            answers = self._planner.plan(tuple(question for _, question in questions))
            for (choice, _), answer in zip(questions, answers, strict=True):
                problem, known = problems[choice.item], found.get(choice.item, ())
                option = _at_true_cost(problem, answer, len(known))
                if option is None:
                    continue
                takes = lane_uses(option, problem)
                if takes in [uses for _, _, uses in now[choice.item].options]:
                    continue
                columns += 1
                found[choice.item] = (*known, option)
                column = (option.name, option.benefit_mean_minor, takes)
                options = (*now[choice.item].options, column)
                now[choice.item] = replace(choice, options=options)
            if not columns:
                break
        return found

    def _left(
        self,
        proposals: tuple[ItemChoices, ...],
        capacity: Mapping[Carried, Units | None],
        contended: Collection[Carried],
    ) -> dict[ItemId, dict[Carried, int]]:
        """What the others' best plans together leave of contended lanes to each item."""
        names = self.choose(proposals, capacity)
        taken = {
            p.item: dict(next((uses for o, _, uses in p.options if o == names[p.item]), ()))
            for p in proposals
        }
        free = {c: int(room) for c in contended if (room := capacity[c]) is not None}
        return {
            item: {
                c: max(room - sum(int(t.get(c, 0)) for i, t in taken.items() if i != item), 0)
                for c, room in free.items()
            }
            for item in taken
        }


def _lanes(choice: ItemChoices) -> set[Carried]:
    return {carried for _, _, takes in choice.options for carried, _ in takes}


def _dearer(problem: PlanningProblem, prices: Mapping[Carried, int]) -> PlanningProblem:
    """The problem with the price of a lane on top of what it costs."""

    def price(lane: LaneId, ship_day: int) -> int:
        return prices.get((lane, (problem.first_day + timedelta(days=ship_day)).isoformat()), 0)

    return replace(
        problem,
        lanes=tuple(
            replace(
                offer, unit_cost_minor=offer.unit_cost_minor + price(offer.lane, offer.ship_day)
            )
            for offer in problem.lanes
        ),
    )


def _within(problem: PlanningProblem, left: Mapping[Carried, int]) -> PlanningProblem:
    """The problem with no more of a lane than the others leave."""
    lanes = []
    for offer in problem.lanes:
        day = (problem.first_day + timedelta(days=offer.ship_day)).isoformat()
        room = left.get((offer.lane, day))
        if room is not None and (offer.capacity is None or room < offer.capacity):
            offer = replace(offer, capacity=Units(room))
        lanes.append(offer)
    return replace(problem, lanes=tuple(lanes))


def _at_true_cost(problem: PlanningProblem, answer: Answer, number: int) -> Option | None:
    """The best plan of an answer as an option of the true problem; None if it does nothing, or was
    not found by the solver.
    """
    best, offers = answer.options[0], offers_of(problem)
    actions = tuple(taken_up(problem.item, offers[key_of_action(a)], a.qty) for a in best.actions)
    if not actions or answer.outcome == "fallback" or violations(problem, actions):
        return None
    held_out = draws(problem, problem.held_out, HELD_OUT_STREAM)
    return judge(
        problem,
        f"shared_{number + 1}",
        actions,
        held_out=held_out,
        nothing=play(problem, (), held_out),
        binding=(*binding_limits(problem, actions), "other items need the same lane"),
        gap=best.gap,
    )
