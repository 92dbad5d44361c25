"""Where does the time of a plan go: building the PuLP model or solving it? And by which solver?

The same transport programmes are built anew and given to HiGHS and to CBC, with the limits, the
gap and the one thread of a run. Handing the model over is part of solving.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import pulp

from replan.infra.bench.measure import Measure, typical, typical_on
from replan.infra.bench.problems import chain_problem
from replan.planning import in_order
from replan.scenarios import draws
from replan.solver.backend import DEFAULT_LIMITS, SolverName, solve
from replan.solver.offers import reduced, usable_offers
from replan.solver.planner import OPTIMISE
from replan.solver.transport import TransportModel, build

CALLED: dict[SolverName, str] = {"highs": "HiGHS", "cbc": "CBC"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Solves:
    """Processor seconds and objective (None: no plan) of one programme by one solver."""

    seconds: float
    objective: float | None
    is_proven: bool


def solver(*, problems: int = 20, sites: int = 12, scenarios: int = 10) -> list[Measure]:
    """Median and worst milliseconds of building and of both solvers, and whether they agree."""
    building: list[float] = []
    solving: dict[SolverName, list[Solves]] = {name: [] for name in CALLED}
    for seed in range(problems):
        make = _programme(seed, sites, scenarios)
        if seed == 0:
            for name in CALLED:
                solve(make().programme, name)
        building.append(typical(make, warm_up=False))
        for name, found in solving.items():
            found.append(_solves(make, name))
    taken = {name: [one.seconds for one in found] for name, found in solving.items()}
    highs, cbc = taken["highs"], taken["cbc"]
    return [
        _ms("build the model, median", median(building)),
        _ms("HiGHS, median", median(highs), "build the model, median", median(building)),
        _ms("HiGHS, worst", max(highs), "HiGHS, median", median(highs)),
        _ms("CBC, median", median(cbc), "HiGHS, median", median(highs)),
        _ms("CBC, worst", max(cbc), "HiGHS, worst", max(highs)),
        *(
            Measure(
                row="solver",
                measure=f"{called}, proven within the gap",
                value=sum(one.is_proven for one in solving[name]),
                unit="programmes",
                against="all",
                ratio=sum(one.is_proven for one in solving[name]) / problems,
            )
            for name, called in CALLED.items()
        ),
        *_agreement(solving["highs"], solving["cbc"]),
    ]


def _programme(seed: int, sites: int, scenarios: int) -> Callable[[], TransportModel]:
    """How to build the programme of a problem, as the planner does."""
    problem = in_order(chain_problem(seed, sites=sites, scenarios=scenarios))
    draw = draws(problem, problem.scenarios, OPTIMISE)
    usable = usable_offers(problem, draw).usable
    assert usable, f"problem {seed} has nothing to decide"
    smaller, its_draw = reduced(problem, draw, usable)
    return lambda: build(smaller, its_draw, usable)


def _solves(make: Callable[[], TransportModel], name: SolverName) -> Solves:
    built: list[pulp.LpProblem] = []
    statuses: list[str] = []

    def work(model: TransportModel) -> None:
        built.append(model.programme)
        statuses.append(solve(model.programme, name, DEFAULT_LIMITS).status)

    seconds = typical_on(make, work, warm_up=False)
    objective = None if statuses[-1] == "none" else float(pulp.value(built[-1].objective))
    return Solves(seconds=seconds, objective=objective, is_proven=statuses[-1] == "proven")


def _agreement(one: list[Solves], other: list[Solves]) -> list[Measure]:
    """How far the two are apart where both have a plan; each may be off by the gap."""
    apart = [
        abs(a.objective - b.objective) / max(abs(a.objective), 1.0)
        for a, b in zip(one, other, strict=True)
        if a.objective is not None and b.objective is not None
    ]
    return [
        Measure(
            row="solver",
            measure="objectives differ at most",
            value=worst,
            unit="relative",
            against="the gap allowed",
            ratio=worst / DEFAULT_LIMITS.gap,
        )
        for worst in sorted(apart)[-1:]
    ]


def _ms(
    measure: str, seconds: float, against: str | None = None, compared: float | None = None
) -> Measure:
    return Measure(
        row="solver",
        measure=measure,
        value=seconds * 1e3,
        unit="ms",
        against=against,
        ratio=None if compared is None else seconds / compared,
    )
