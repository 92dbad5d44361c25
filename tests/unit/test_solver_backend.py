"""Are the solvers' own words translated, and is no value read that must not be?"""

import tempfile
from pathlib import Path

import pulp
import pytest

from replan.solver import backend
from replan.solver.backend import Limits, SolverName, solve

SOLVERS: tuple[SolverName, ...] = ("cbc", "highs")


def knapsack(room: float) -> tuple[pulp.LpProblem, list[pulp.LpVariable]]:
    model = pulp.LpProblem("knapsack", pulp.LpMaximize)
    chosen = [model.add_variable(f"take_{i}", 0, 1, cat=pulp.LpInteger) for i in range(30)]
    weight = [31 + (i * 7919) % 67 for i in range(30)]
    model += pulp.lpSum(w * x for w, x in zip(weight, chosen, strict=True)) <= room, "room"
    model.setObjective(
        pulp.lpSum(
            (w + (i * 31) % 7) * x for i, (w, x) in enumerate(zip(weight, chosen, strict=True))
        )
    )
    return model, chosen


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_solved_model_is_proven_and_its_gap_within_the_limit(solver: SolverName) -> None:
    model, _ = knapsack(500)
    solved = solve(model, solver, Limits(gap=1e-3))
    assert solved.status == "proven"
    assert solved.gap <= 1e-3


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_infeasible_model_leaves_no_values_behind(solver: SolverName) -> None:
    model, chosen = knapsack(500)
    model += pulp.lpSum(chosen) >= 31, "more_than_there_are"
    assert solve(model, solver).status == "none"
    assert [variable.value() for variable in chosen] == [None] * 30


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_stop_by_nodes_is_never_called_proven(solver: SolverName) -> None:
    model, _ = knapsack(500.5)
    solved = solve(model, solver, Limits(gap=0.0, nodes=1))
    assert solved.status in ("feasible", "none") or solved.gap == 0.0


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_record_names_solver_and_version(solver: SolverName) -> None:
    said = backend.solver_version(solver)
    assert said.startswith(f"{solver} ")
    assert "unknown" not in said
    assert ", pulp " in said


def test_a_missing_solver_gives_no_plan_instead_of_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend.solver_version("cbc")
    monkeypatch.setattr(backend, "_cbc_path", lambda: "/nowhere/cbc")
    model, _ = knapsack(500)
    assert solve(model, "cbc").status == "none"


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_solve_leaves_no_file_behind(
    solver: SolverName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    model, _ = knapsack(500)
    solve(model, solver)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_same_model_gives_the_same_plan_again(solver: SolverName) -> None:
    plans = []
    for _ in range(3):
        model, chosen = knapsack(500)
        solve(model, solver)
        plans.append([variable.value() for variable in chosen])
    assert plans[0] == plans[1] == plans[2]
