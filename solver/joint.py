"""Which option does each item get, where items share what lanes can carry on a day?

Sets
    k ∈ items, o ∈ options[k]     whole plans of an item, `none` always among them
    c ∈ carried                   (lane, ship day) whose capacity could be exceeded
Data
    worth[k,o]                    mean benefit less the cost of changing a plan already chosen
    takes[k,o,c], capacity[c]     thousandths of a unit
Variables
    chosen[k,o] ∈ {0,1}
Objective
    max  Σ_k Σ_o worth[k,o] · chosen[k,o]
Constraints
    one_option      Σ_o chosen[k,o] = 1                         for every item
    lane_carries    Σ_k Σ_o takes[k,o,c] · chosen[k,o] ≤ capacity[c]

An item none of whose worthwhile options needs contended capacity gets its best without a solve: no
choice can be worth more than every item's best, so where those fit together they are optimal.
Options worth less than doing nothing are never chosen.
"""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import pulp

from replan.errors import BrokenPromise
from replan.planning import Carried, ItemChoices, Option, Outcome, PlanningProblem
from replan.solver.backend import (
    DEFAULT_SOLVER,
    Limits,
    SolverName,
    relaxed_prices,
    solve,
    solver_version,
)
from replan.units import ItemId, Units

NO_SOLVER = "none needed"
TIE_BREAK = 0.5
"""All tie-breaks together stay below this, in minor units; benefits are whole ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JointChoice:
    """One option name per item, how it was found, and why it is the best in words."""

    chosen: dict[ItemId, str]
    outcome: Outcome
    gap: float
    solver: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """An option of an item as the programme sees it."""

    name: str
    worth: int
    takes: dict[Carried, int]


class JointPlanner:
    """Chooses one option per item by a binary programme; the same input gives the same choice.

    `change_cost_minor`: what changing an already chosen plan must be worth at least. The plans are
    those given; `columns.AskingPlanner` asks for more.
    """

    def __init__(self, *, change_cost_minor: int = 0, solver: SolverName = DEFAULT_SOLVER) -> None:
        if change_cost_minor < 0:
            raise ValueError(f"change_cost_minor is {change_cost_minor}, must be at least 0")
        self._change_cost_minor = change_cost_minor
        self._solver: SolverName = solver

    def choose(
        self,
        proposals: tuple[ItemChoices, ...],
        capacity: Mapping[Carried, Units | None],
    ) -> dict[ItemId, str]:
        """Item → option name; raises BrokenPromise if a lane in use has no stated capacity."""
        return self.decide(proposals, capacity).chosen

    def further(
        self,
        problems: Mapping[ItemId, PlanningProblem],
        proposals: tuple[ItemChoices, ...],
        capacity: Mapping[Carried, Units | None],
    ) -> dict[ItemId, tuple[Option, ...]]:
        """No more than what is given."""
        return {}

    def prices(
        self, proposals: tuple[ItemChoices, ...], capacity: Mapping[Carried, Units | None]
    ) -> dict[Carried, int]:
        """What a base unit of each contended lane and day is worth, in whole minor units above 0:
        the shadow prices of the choice relaxed to shares of plans. Empty where all fit.
        """
        choices = {p.item: self._ranked(p) for p in sorted(proposals, key=lambda p: p.item)}
        free = _limited(choices, capacity)
        if _fits([options[0] for options in choices.values()], free):
            return {}
        programme, _, rows = _programme(choices, free, relaxed=True)
        worth = relaxed_prices(programme)
        prices = {carried: math.floor(worth.get(row, 0.0) + 0.5) for carried, row in rows.items()}
        return {carried: price for carried, price in prices.items() if price > 0}

    def decide(
        self,
        proposals: tuple[ItemChoices, ...],
        capacity: Mapping[Carried, Units | None],
    ) -> JointChoice:
        """`choose`, with how it came about."""
        choices = {
            proposal.item: self._ranked(proposal)
            for proposal in sorted(proposals, key=lambda proposal: proposal.item)
        }
        if len(choices) < len(proposals):
            raise BrokenPromise("joint choice: an item has two sets of options")
        best = {item: options[0] for item, options in choices.items()}
        free = _limited(choices, capacity)
        if _fits(list(best.values()), free):
            return _choice(best, "proven", 0.0, NO_SOLVER, "every item has its best option")
        contended = {
            carried
            for carried, room in free.items()
            if sum(max(o.takes.get(carried, 0) for o in opts) for opts in choices.values()) > room
        }
        rivals = {
            item: options
            for item, options in choices.items()
            if any(carried in option.takes for option in options for carried in contended)
        }
        solved = self._solve(rivals, {carried: free[carried] for carried in sorted(contended)})
        names = ", ".join(f"{lane} on {day}" for lane, day in sorted(contended))
        if solved is None or not _fits(list({**best, **solved[0]}.values()), free):
            chosen = _greedy(choices, free)
            why = f"largest benefit first, no solver answer; contended: {names}"
            return _choice(chosen, "fallback", 1.0, solver_version(self._solver), why)
        picked, outcome, gap = solved
        why = f"largest total benefit within what lanes carry; contended: {names}"
        return _choice({**best, **picked}, outcome, gap, solver_version(self._solver), why)

    def _ranked(self, proposal: ItemChoices) -> list[_Choice]:
        """Worthwhile options of an item, best first; ties: doing nothing, then by name."""
        found = {"none": _Choice(name="none", worth=self._worth(proposal, "none", 0), takes={})}
        for name, benefit, uses in proposal.options:
            takes: dict[Carried, int] = defaultdict(int)
            for carried, qty in uses:
                takes[carried] += int(qty)
            worth = self._worth(proposal, name, benefit)
            found[name] = _Choice(name=name, worth=worth, takes=dict(takes))
        nothing = found["none"]
        return sorted(
            (option for option in found.values() if option.worth >= nothing.worth),
            key=lambda option: (-option.worth, option.name != "none", option.name),
        )

    def _worth(self, proposal: ItemChoices, name: str, benefit: int) -> int:
        changes = proposal.current is not None and name != proposal.current
        return benefit - (self._change_cost_minor if changes else 0)

    def _solve(
        self, rivals: dict[ItemId, list[_Choice]], free: dict[Carried, int]
    ) -> tuple[dict[ItemId, _Choice], Outcome, float] | None:
        programme, chosen, _ = _programme(rivals, free)
        # Benefits are whole minor units, so a small model can be solved to the end.
        solved = solve(programme, self._solver, Limits(gap=1e-9))
        if solved.status == "none":
            return None
        picked = {
            item: options[max(range(len(options)), key=lambda o: chosen[item][o].value())]
            for item, options in rivals.items()
        }
        return picked, solved.status, solved.gap


def _programme(
    rivals: Mapping[ItemId, list[_Choice]], free: Mapping[Carried, int], *, relaxed: bool = False
) -> tuple[pulp.LpProblem, dict[ItemId, list[pulp.LpVariable]], dict[Carried, str]]:
    """The programme, its variables by item, and the names of its rows by lane and day."""
    programme = pulp.LpProblem("joint", pulp.LpMaximize)
    kind = pulp.LpContinuous if relaxed else pulp.LpInteger
    ranks = sum(rank for options in rivals.values() for rank in range(len(options)))
    tie_break = TIE_BREAK / max(1, ranks)
    worth: dict[pulp.LpVariable, float] = {}
    taken: dict[Carried, dict[pulp.LpVariable, float]] = {carried: {} for carried in free}
    chosen: dict[ItemId, list[pulp.LpVariable]] = {}
    for k, (item, options) in enumerate(rivals.items()):
        chosen[item] = []
        for o, option in enumerate(options):
            variable = programme.add_variable(f"chosen_{k:04d}_{o:02d}", 0, 1, cat=kind)
            chosen[item].append(variable)
            worth[variable] = option.worth - tie_break * o
            for carried, qty in option.takes.items():
                if carried in taken:
                    taken[carried][variable] = qty / 1_000
        programme += pulp.lpSum(chosen[item]) == 1, f"one_option_{k:04d}"
    for c, (carried, room) in enumerate(free.items()):
        programme += (
            pulp.LpAffineExpression(taken[carried]) <= room / 1_000,
            f"lane_carries_{c:04d}",
        )
    programme.setObjective(pulp.LpAffineExpression(worth))
    rows = {carried: f"lane_carries_{c:04d}" for c, carried in enumerate(free)}
    return programme, chosen, rows


def _limited(
    choices: dict[ItemId, list[_Choice]], capacity: Mapping[Carried, Units | None]
) -> dict[Carried, int]:
    """Room on every limited lane and day that some option uses."""
    free: dict[Carried, int] = {}
    used = sorted({c for options in choices.values() for o in options for c in o.takes})
    for carried in used:
        if carried not in capacity:
            raise BrokenPromise(
                f"joint choice: no capacity stated for lane {carried[0]} on {carried[1]}"
            )
        room = capacity[carried]
        if room is not None:
            free[carried] = int(room)
    return free


def _fits(options: list[_Choice], free: dict[Carried, int]) -> bool:
    return all(sum(o.takes.get(c, 0) for o in options) <= room for c, room in free.items())


def _greedy(
    choices: dict[ItemId, list[_Choice]], free: dict[Carried, int]
) -> dict[ItemId, _Choice]:
    """Items by falling worth of their best, each the best option that still fits."""
    left = dict(free)
    chosen: dict[ItemId, _Choice] = {}
    for item in sorted(choices, key=lambda item: (-choices[item][0].worth, item)):
        for option in choices[item]:
            if all(qty <= left.get(c, qty) for c, qty in option.takes.items()):
                chosen[item] = option
                for carried, qty in option.takes.items():
                    if carried in left:
                        left[carried] -= qty
                break
    return chosen


def _choice(
    chosen: dict[ItemId, _Choice], outcome: Outcome, gap: float, solver: str, why: str
) -> JointChoice:
    names = {item: chosen[item].name for item in sorted(chosen)}
    return JointChoice(chosen=names, outcome=outcome, gap=gap, solver=solver, why=why)
