"""Is there a case that a table must not let run? Searched for; none to be found is a proof.

The same questions that `replan.authority_proof` decides by subtracting boxes, put as integer
programmes over the cells that the bounds of all rows cut: within a cell every case is treated
alike, so a cell stands for all of its cases.

Sets
    d ∈ dimensions, c ∈ cells[d]    a name, or a stretch of integers between two bounds
    r ∈ rows, side[r,d] ⊆ cells[d]  what row r asks of d
Variables
    x[d,c], y[d,c] ∈ {0,1}          the case that has more autonomy, and one that is no worse
    m[r] ∈ {0,1}                    row r matches x
Constraints
    one_cell    Σ_c x[d,c] = 1, and of y
    matches     Σ_{c ∈ side[r,d]} x[d,c] ≥ m[r]                     for every r, d
    unique      Σ_r m[r] = 2
    monotone    Σ_{r runs} m[r] = 1; y no worse than x in every graded dimension, equal in the
                others; Σ_d Σ_{c ∈ side[r,d]} y[d,c] ≤ |dimensions| − 1   for every r that runs
    above       Σ_{r runs} m[r] = 1; the cell of x starts above a value
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulp

from replan.authority_space import DIMENSIONS, ActionSpace, KnownNames, case_json, spaces
from replan.authority_table import DATA_QUALITY, AuthorityTable, Mode, Rule
from replan.boxes import Box, Side
from replan.errors import BrokenPromise
from replan.solver.backend import Limits, solve

VALUE = DIMENSIONS.index("value")
NOT_WORSE: Mapping[str, int] = {"dq": -1, "confidence": 1, "value": -1, "order_share": -1}
"""Graded dimensions: whether no worse means no lower (1) or no higher (-1) a cell."""

SURE = Limits(gap=0.0, nodes=1_000_000, guard_seconds=120.0)

Cells = list[list[Any]]
"""Per dimension its names, or the first integers of its stretches, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A counterexample about one action: the property it breaks, and the case or cases."""

    action: str
    rule: str
    example: Mapping[str, Any]


def search(table: AuthorityTable, known: KnownNames) -> Iterator[Found]:
    """A counterexample per action and broken property, if there are any. BrokenPromise where a
    solver neither finds one nor proves that there is none.
    """
    for space in spaces(table, known):
        rows = space.live_rows()
        cells = _cells(space, rows)
        for rule, example in (
            ("unique", _twice(space, rows, cells)),
            ("monotone", _upside_down(space, rows, cells, "AUTO")),
            ("monotone", _upside_down(space, rows, cells, "CLARIFY")),
        ):
            if example is not None:
                yield Found(action=space.action, rule=rule, example=example)


def runs_above(table: AuthorityTable, known: KnownNames, value_minor: int) -> Iterator[Found]:
    """Per action a case of a larger value that would run by itself, if there is one."""
    for space in spaces(table, known):
        rows = space.live_rows()
        cells = _cells(space, rows, value_minor + 1)
        model = _Model(cells)
        x = model.case("x")
        model.match(x, rows, [r for r, (rule, _) in enumerate(rows) if rule.mode == "AUTO"], 1)
        below = [n for n, first in enumerate(cells[VALUE]) if first <= value_minor]
        model.add(pulp.lpSum(x[VALUE][n] for n in below) == 0)
        if model.solved(f"{space.action} above {value_minor}"):
            example = case_json(space.action, model.point(x))
            yield Found(action=space.action, rule="above", example=example)


Rows = Sequence[tuple[Rule, Box]]
Point = list[list[pulp.LpVariable]]


def _twice(space: ActionSpace, rows: Rows, cells: Cells) -> Mapping[str, Any] | None:
    if len(rows) < 2:
        return None
    model = _Model(cells)
    x = model.case("x")
    matched = model.match(x, rows, list(range(len(rows))), 2)
    if not model.solved(f"two rows about {space.action}"):
        return None
    both = [rows[r][0].rule_id for r, m in matched.items() if round(m.value() or 0)]
    return case_json(space.action, model.point(x)) | {"rows": both}


def _upside_down(
    space: ActionSpace, rows: Rows, cells: Cells, mode: Mode
) -> Mapping[str, Any] | None:
    """A case in a row of this mode, and one no worse that gets less: for AUTO any that does not run
    by itself; for CLARIFY one that a row sends to a person.
    """
    here = [r for r, (rule, _) in enumerate(rows) if rule.mode == mode]
    stricter = [r for r, (rule, _) in enumerate(rows) if rule.mode == "ESCALATE"]
    if not here or (mode == "CLARIFY" and not stricter):
        return None
    model = _Model(cells)
    x, y = model.case("x"), model.case("y")
    model.match(x, rows, here, 1)
    for d, name in enumerate(DIMENSIONS):
        sign = NOT_WORSE.get(name)
        if sign is None:
            for one, other in zip(x[d], y[d], strict=True):
                model.add(one == other)
        else:
            more = pulp.lpSum(n * (b - a) for n, (a, b) in enumerate(zip(x[d], y[d], strict=True)))
            model.add(more * sign >= 0)
    enough = [r for r, (rule, _) in enumerate(rows) if rule.mode in ("AUTO", mode)]
    for r in enough:
        inside = [y[d][n] for d, side in enumerate(rows[r][1]) for n in model.within(d, side)]
        model.add(pulp.lpSum(inside) <= len(DIMENSIONS) - 1)
    if mode == "CLARIFY":
        model.match(y, rows, stricter, 1)
    if not model.solved(f"{mode} of {space.action} upside down"):
        return None
    return {
        "more_autonomy": case_json(space.action, model.point(x)),
        "less_autonomy": case_json(space.action, model.point(y)),
    }


class _Model:
    """One search: cases as cells of every dimension."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._model = pulp.LpProblem("table", pulp.LpMinimize)
        self._named = 0

    def case(self, name: str) -> Point:
        """A case: one cell of each dimension."""
        point = [
            [self._binary(f"{name}_{d}_{n}") for n in range(len(cells))]
            for d, cells in enumerate(self._cells)
        ]
        for choices in point:
            self.add(pulp.lpSum(choices) == 1)
        return point

    def match(
        self, point: Point, rows: Rows, among: Sequence[int], count: int
    ) -> dict[int, pulp.LpVariable]:
        """That many of these rows match the case; which."""
        matched = {r: self._binary(f"m{self._named}_{r}") for r in among}
        self._named += 1
        self.add(pulp.lpSum(matched.values()) == count)
        for r, m in matched.items():
            for d, side in enumerate(rows[r][1]):
                self.add(pulp.lpSum(point[d][n] for n in self.within(d, side)) >= m)
        return matched

    def within(self, d: int, side: Side) -> list[int]:
        """The cells of a dimension that a side holds."""
        if isinstance(side, frozenset):
            return [n for n, name in enumerate(self._cells[d]) if name in side]
        return [n for n, first in enumerate(self._cells[d]) if side[0] <= first <= side[1]]

    def add(self, constraint: Any) -> None:
        self._model += constraint

    def solved(self, what: str) -> bool:
        """Whether there is such a case. BrokenPromise where the solver cannot tell."""
        solve(self._model, limits=SURE)
        if self._model.sol_status in (pulp.LpSolutionOptimal, pulp.LpSolutionIntegerFeasible):
            return True
        if self._model.sol_status == pulp.LpSolutionInfeasible:
            return False
        raise BrokenPromise(f"the search for {what} ended without an answer")

    def point(self, point: Point) -> Box:
        """The case that was found."""
        found: list[Side] = []
        for d, choices in enumerate(point):
            at = next(n for n, chosen in enumerate(choices) if round(chosen.value() or 0))
            cell = self._cells[d][at]
            found.append(frozenset({cell}) if isinstance(cell, str) else (cell, cell))
        return tuple(found)

    def _binary(self, name: str) -> pulp.LpVariable:
        return self._model.add_variable(name, 0, 1, cat=pulp.LpInteger)


def _cells(space: ActionSpace, rows: Rows, value: int | None = None) -> Cells:
    """The cells that all bounds cut, and one that begins at a value where one is given."""
    cells: Cells = []
    for d, whole in enumerate(space.universe):
        if isinstance(whole, frozenset):
            by_quality = DIMENSIONS[d] == "dq"
            cells.append(sorted(whole, key=DATA_QUALITY.index) if by_quality else sorted(whole))
            continue
        starts = {whole[0]}
        for _, box in rows:
            side = box[d]
            assert isinstance(side, tuple), "sides of one dimension are of one kind"
            starts |= {side[0], side[1] + 1}
        if d == VALUE and value is not None:
            starts.add(value)
        cells.append(sorted(n for n in starts if whole[0] <= n <= whole[1]))
    return cells
