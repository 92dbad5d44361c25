"""Which whole plans can we offer for an item, and which is worth most? The `Planner` on PuLP.

For each problem: keep the offers that matter, solve for the best plan with both kinds of action and
with each alone, read back whole lots, check every hard limit in integers, drop what does not pay,
price exactly, and judge on draws that the optimisation never saw. No solver is believed, and no
plan is recommended that does not beat doing nothing on those draws.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import get_args

from replan.feasibility import binding_limits, violations
from replan.offering import key_of_action
from replan.planning import Action, ActionKind, Answer, Option, Outcome, PlanningProblem, in_order
from replan.scenarios import draws, judge, play
from replan.solver import transport
from replan.solver.backend import (
    DEFAULT_LIMITS,
    DEFAULT_SOLVER,
    Limits,
    SolverName,
    solve,
    solver_version,
)
from replan.solver.greedy import Costing, best_single, greedy
from replan.solver.offers import LANES_PER_RECEIVER, Usable, of_kinds, reduced, sizes, usable_offers

OPTIMISE, HOLD_OUT = 1, 2
"""Streams of draws: what plans are made on, and what they are judged on."""
OPTIONS = 3
"""A planner should see at least so many, `none` among them, where that many exist."""

OUTCOMES: tuple[Outcome, ...] = ("proven", "feasible", "fallback")
"""From strongest to weakest."""
ALONE: tuple[frozenset[ActionKind], ...] = tuple(frozenset({k}) for k in get_args(ActionKind))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A plan within every hard limit, how it was found, its cost on the draws it was made on."""

    name: str
    actions: tuple[Action, ...]
    cost: int
    outcome: Outcome
    gap: float


class MilpPlanner:
    """Plans by the transport programme; the same problem always gets the same answer.

    `lanes_per_receiver` bounds the model. A solver without an answer, or with one that breaks a
    limit, is replaced by the greedy rule: outcome `fallback`, said in the notes.
    """

    def __init__(
        self,
        *,
        solver: SolverName = DEFAULT_SOLVER,
        limits: Limits = DEFAULT_LIMITS,
        lanes_per_receiver: int = LANES_PER_RECEIVER,
    ) -> None:
        self._solver = solver
        self._limits = limits
        self._lanes_per_receiver = lanes_per_receiver

    def plan(self, problems: Iterable[PlanningProblem]) -> tuple[Answer, ...]:
        """One answer per problem, in order."""
        return tuple(self.answer(problem) for problem in problems)

    def answer(self, problem: PlanningProblem, *, without_solver: str | None = None) -> Answer:
        """The answer to one problem; with a reason in `without_solver` by the greedy rule alone."""
        problem = in_order(problem)
        draw = draws(problem, problem.scenarios, OPTIMISE)
        offers = usable_offers(problem, draw, lanes_per_receiver=self._lanes_per_receiver)
        notes = list(offers.notes)
        plans: list[Found] = []
        outcome: Outcome = "proven"
        if offers.usable:
            smaller, its_draw = reduced(problem, draw, offers.usable)
            costing = Costing(smaller, its_draw)
            found = self._whole_plans(problem, costing, offers.usable, notes, without_solver)
            outcome = max((plan.outcome for plan in found), key=OUTCOMES.index)
            plans = _with_variants(problem, costing, offers.usable, _distinct(found))
        else:
            notes.append("no lane or order line can save a sale in time")
        options = _judged(problem, plans)
        best = options[0]
        return Answer(
            problem_sha=problem.sha,
            options=options,
            recommended=best.name if best.benefit_mean_minor > 0 else "none",
            solver=solver_version(self._solver),
            outcome=outcome,
            notes=tuple(notes),
        )

    def _whole_plans(
        self,
        problem: PlanningProblem,
        costing: Costing,
        usable: tuple[Usable, ...],
        notes: list[str],
        without_solver: str | None,
    ) -> list[Found]:
        """The best plan with everything, and with either kind alone where that can differ."""
        best = self._best(problem, costing, usable, notes, without_solver)
        plans = [best]
        used = {action.kind for action in best.actions}
        for kinds in ALONE:
            some = of_kinds(usable, kinds)
            # Where the best of all uses one kind only, it is the best of that kind too.
            if some and used != kinds and len(some) < len(usable):
                plans.append(self._best(problem, costing, some, notes, without_solver))
        return plans

    def _best(
        self,
        problem: PlanningProblem,
        costing: Costing,
        usable: tuple[Usable, ...],
        notes: list[str],
        without_solver: str | None,
    ) -> Found:
        reason = without_solver
        if reason is None:
            model = transport.build(costing.problem, costing.draw, usable)
            solved = solve(model.programme, self._solver, self._limits)
            if solved.status == "none":
                reason = "the solver found no plan"
            else:
                try:
                    actions = transport.read(problem, model)
                except transport.Unreadable as fraction:
                    reason = str(fraction)
                else:
                    broken = violations(problem, actions)
                    if not broken:
                        # The programme is linear where a review bends; these steps are exact.
                        actions = greedy(costing, usable, actions)
                        return _found(costing, actions, solved.status, solved.gap)
                    reason = f"the solver's plan breaks a limit: {broken[0]}"
        notes.append(f"fallback to the greedy rule: {reason}")
        return _found(costing, greedy(costing, usable), "fallback", 1.0)


def _found(costing: Costing, actions: tuple[Action, ...], outcome: Outcome, gap: float) -> Found:
    """The plan without the actions that do not pay: each one left lowers the cost on the draws."""
    cost = costing.of(actions)
    while actions:
        without = [
            (costing.of(actions[:place] + actions[place + 1 :]), place)
            for place in range(len(actions))
        ]
        cheapest, place = min(without)
        if cheapest > cost:
            break
        cost, actions = cheapest, actions[:place] + actions[place + 1 :]
    return Found(name=_name(actions), actions=actions, cost=cost, outcome=outcome, gap=gap)


def _priced(
    costing: Costing, name: str, actions: tuple[Action, ...], outcome: Outcome, gap: float
) -> Found:
    return Found(name=name, actions=actions, cost=costing.of(actions), outcome=outcome, gap=gap)


def _with_variants(
    problem: PlanningProblem,
    costing: Costing,
    usable: tuple[Usable, ...],
    plans: list[Found],
) -> list[Found]:
    """Smaller or other plans, until there is enough to compare; they may be worse than nothing."""
    plans = list(plans)
    for name, actions in _variants(problem, costing, usable, tuple(plans)):
        if len(plans) + 1 >= OPTIONS:
            break
        if actions in {plan.actions for plan in plans} or violations(problem, actions):
            continue
        free = _free(name, frozenset(plan.name for plan in plans))
        plans.append(_priced(costing, free, actions, "feasible", 0.0))
    return plans


def _variants(
    problem: PlanningProblem,
    costing: Costing,
    usable: tuple[Usable, ...],
    plans: tuple[Found, ...],
) -> Iterator[tuple[str, tuple[Action, ...]]]:
    """Half of the best plan, its best single action, the best of the offers not in it; last what
    is left where there is a single offer: one of them in another size.
    """
    left = usable
    singles: list[Action] = []
    if plans:
        best = min(plans, key=lambda plan: (plan.cost, plan.name))
        half = _half(problem, usable, best.actions)
        if half:
            yield f"{best.name}_half", half
        yield f"{best.name}_single", min(((a,) for a in best.actions), key=costing.of)
        used = {key_of_action(action) for action in best.actions}
        left = tuple(u for u in usable if u.name not in used)
        singles.extend(best.actions)
    while left:
        other = best_single(costing, left)
        yield f"{other[0].kind}_other", other
        left = tuple(u for u in left if u.name != key_of_action(other[0]))
        singles.extend(other)
    offers = {u.name: u for u in usable}
    for action in singles:
        offer, qty = offers[key_of_action(action)], int(action.qty)
        less = [size for size in sizes(offer) if size < qty]
        if less:
            yield f"{action.kind}_less", (offer.action(problem.item, less[-1]),)
        # Beyond what could save a sale in any draw; a planner may know of one that could.
        yield f"{action.kind}_more", (offer.action(problem.item, qty + offer.lot),)


def _distinct(found: list[Found]) -> list[Found]:
    """Plans that do something, the cheapest of each name."""
    kept: dict[str, Found] = {}
    for plan in found:
        if plan.actions and (plan.name not in kept or plan.cost < kept[plan.name].cost):
            kept[plan.name] = plan
    return list(kept.values())


def _judged(problem: PlanningProblem, plans: list[Found]) -> tuple[Option, ...]:
    """Every plan and doing nothing on the same held-out draws, best mean first, ties by name."""
    held_out = draws(problem, problem.held_out, HOLD_OUT)
    nothing = play(problem, (), held_out)
    options = [judge(problem, "none", (), held_out=held_out, nothing=nothing)]
    options.extend(
        judge(
            problem,
            plan.name,
            plan.actions,
            held_out=held_out,
            nothing=nothing,
            binding=binding_limits(problem, plan.actions),
            gap=plan.gap,
        )
        for plan in plans
    )
    return tuple(sorted(options, key=lambda option: (-option.benefit_mean_minor, option.name)))


def _half(
    problem: PlanningProblem, usable: tuple[Usable, ...], actions: tuple[Action, ...]
) -> tuple[Action, ...]:
    """Every action at half its quantity, in whole lots; one that cannot be halved stays out."""
    offers = {u.name: u for u in usable}
    halves = []
    for action in actions:
        offer = offers[key_of_action(action)]
        qty = offer.down_to_lots(int(action.qty) // 2)
        if qty > 0:
            halves.append(offer.action(problem.item, qty))
    return tuple(halves)


def _name(actions: tuple[Action, ...]) -> str:
    kinds = sorted({action.kind for action in actions})
    return "none" if not kinds else kinds[0] if len(kinds) == 1 else "mixed"


def _free(name: str, names: frozenset[str]) -> str:
    """The name itself, or the first of name_2, name_3, … that is not taken."""
    number, free = 1, name
    while free in names:
        number += 1
        free = f"{name}_{number}"
    return free
