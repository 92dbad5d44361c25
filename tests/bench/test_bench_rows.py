"""Do the rows of `replan bench` measure what they say? Each once, on tiny sizes, never its time."""

import json
import math
import sys
from collections.abc import Callable
from datetime import date
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

from replan.errors import NotSo, UsageError
from replan.infra.bench import fold as bench_fold
from replan.infra.bench import live as bench_live
from replan.infra.bench import rows as bench
from replan.infra.bench import run as bench_run
from replan.infra.bench import solver as bench_solver
from replan.infra.bench.measure import Measure, typical_on
from replan.infra.bench.problems import chain_problem
from replan.panel import NEVER
from replan.units import ONE_UNIT

TINY: dict[str, Callable[[], list[Measure]]] = {
    "core": partial(bench_fold.core, series=6, days=2),
    "growth": partial(bench_fold.growth, sizes=(3, 6), days=2),
    "live": partial(bench_live.live, series=6, sample=2, days=60),
    "solver": partial(bench_solver.solver, problems=2, sites=4, scenarios=2),
    "state": partial(bench_run.state, first_day=date(2017, 4, 17), last_day=date(2017, 5, 1)),
    "demo": partial(bench_run.demo, first_day=date(2017, 4, 29), last_day=date(2017, 5, 1)),
}


@cache
def measured(row: str) -> tuple[Measure, ...]:
    """What a row measures on its tiny size; each row runs once."""
    return tuple(TINY[row]())


def by_name(row: str) -> dict[tuple[str, str], Measure]:
    """The measures of a row by name and unit."""
    return {(m.measure, m.unit): m for m in measured(row)}


def test_every_row_that_runs_by_itself_is_tried_here() -> None:
    assert list(TINY) == list(bench.ROWS)


@pytest.mark.parametrize("row", TINY)
def test_a_row_tells_figures_under_its_own_name(row: str) -> None:
    assert measured(row)
    assert {m.row for m in measured(row)} == {row}


@pytest.mark.parametrize("row", TINY)
def test_figures_are_finite_and_not_negative(row: str) -> None:
    figures = [x for m in measured(row) for x in (m.value, m.ratio) if x is not None]
    assert all(math.isfinite(x) and x >= 0 for x in figures)


@pytest.mark.parametrize("row", TINY)
def test_a_ratio_names_what_it_is_against(row: str) -> None:
    assert all((m.ratio is None) == (m.against is None) for m in measured(row))


@pytest.mark.parametrize("row", TINY)
def test_a_row_compares(row: str) -> None:
    assert any(m.ratio is not None for m in measured(row))


@pytest.mark.parametrize("row", TINY)
def test_a_ratio_is_the_value_over_that_of_the_measure_it_is_against(row: str) -> None:
    named = by_name(row)
    for m in measured(row):
        other = named.get((m.against or "", m.unit))
        if other is not None:
            assert m.ratio == pytest.approx(m.value / other.value)


# What is measured


def test_shares_of_the_core_make_the_whole() -> None:
    shares = [m.ratio or 0.0 for m in measured("core") if m.unit == "µs/event"]
    assert sum(shares) == pytest.approx(1.0)


def test_the_measured_fold_holds_every_sale() -> None:
    work = bench_fold.work_of(6, 3)
    state = work.fresh()
    work.fold(state)
    sold = sum(json.loads(line)["data"]["qty"] for line in work.lines)
    assert int(state.panel.sold.sum()) == sold * ONE_UNIT


def test_the_measured_fold_closes_days_and_steps_the_models() -> None:
    work = bench_fold.work_of(6, 3)
    state = work.fresh()
    before = state.panel.live.state.copy()
    work.fold(state)
    assert (state.panel.closed != NEVER).all()
    assert not np.array_equal(state.panel.live.state, before)


def test_the_measured_live_forecast_is_the_one_of_forward() -> None:
    (gap,) = (m for m in measured("live") if m.measure == "live differs from forward")
    assert gap.ratio is not None
    assert gap.ratio <= 1.0


def test_both_solvers_come_to_one_objective() -> None:
    (gap,) = (m for m in measured("solver") if m.measure == "objectives differ at most")
    # Each solver may stop a gap away from the best, on either side of the other.
    assert gap.ratio is not None
    assert gap.ratio <= 2.0


def test_the_same_seed_makes_the_same_problem() -> None:
    assert chain_problem(3).sha == chain_problem(3).sha


def test_other_seeds_make_other_problems() -> None:
    assert len({chain_problem(seed).sha for seed in range(5)}) == 5


def test_the_parts_of_a_snapshot_add_up() -> None:
    found = {m.measure: m.value for m in measured("state")}
    parts = found["columns of the panel"] + found["event ids and all else"]
    assert parts == pytest.approx(found["snapshot"])


def test_a_restart_folds_a_part_of_the_ticks_again() -> None:
    (again,) = (m for m in measured("state") if m.measure == "ticks folded again")
    assert again.ratio is not None
    assert again.ratio < 1.0


# How it is measured


def test_what_work_is_done_on_is_made_anew_each_time() -> None:
    made: list[list[int]] = []

    def make() -> list[int]:
        made.append([])
        return made[-1]

    typical_on(make, lambda fresh: fresh.append(1), repeats=3)
    assert made == [[1], [1], [1], [1]]


def test_a_child_process_tells_what_it_used() -> None:
    child = bench_run.ended([sys.executable, "-c", "print('held', len(bytearray(2**25)))"])
    assert child.said == "held 33554432\n"
    assert child.peak_bytes > 2**25


def test_the_peak_of_a_child_is_not_that_of_a_large_process_that_asks() -> None:
    held = b"x" * 2**28
    child = bench_run.ended([sys.executable, "-c", "print('small')"])
    assert child.peak_bytes < len(held) / 2


def test_a_child_process_that_fails_is_told_with_its_words() -> None:
    with pytest.raises(NotSo, match=r"ended with 3: (?s:.)*out of milk"):
        bench_run.ended(
            [sys.executable, "-c", "import sys; print('out of milk', file=sys.stderr); sys.exit(3)"]
        )


# What is printed


def test_json_is_one_object_a_measure(capsys: pytest.CaptureFixture[str]) -> None:
    bench.print_rows({"live": lambda: list(measured("live"))}, as_json=True)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told == [m.json() for m in measured("live")]


def test_a_measure_as_json_has_its_six_members() -> None:
    one = Measure(row="core", measure="step", value=12.34567, unit="µs/event")
    assert one.json() == {
        "row": "core",
        "measure": "step",
        "value": 12.35,
        "unit": "µs/event",
        "against": None,
        "ratio": None,
    }


def test_the_table_says_that_the_values_are_of_this_machine(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bench.print_rows({"live": lambda: list(measured("live"))}, as_json=False)
    told = " ".join(capsys.readouterr().out.split())
    assert "The values are of this machine" in told
    assert "forward over 60 days" in told


def test_an_unknown_row_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"row 'speed' is not one of core, growth, .*live-100k"):
        bench.run_bench("speed", as_json=True)


def test_the_page_on_operating_names_every_row() -> None:
    page = Path(bench.__file__).parents[1] / "docs" / "operating.md"
    text = page.read_text(encoding="utf-8")
    missing = [row for row in (*bench.ROWS, *bench.BY_NAME_ONLY) if f"| `{row}` |" not in text]
    assert missing == []
