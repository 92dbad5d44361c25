"""Does the planner offer whole plans that a person can compare, and never recommend a loss?"""

from collections.abc import Iterator
from dataclasses import replace
from multiprocessing import active_children

import pytest

from replan.canonical import canonical_bytes
from replan.planning import Answer, PlanningProblem
from replan.planning_record import answer_json
from replan.solver import planner as planner_module
from replan.solver.backend import Limits, Solved, SolverName, solver_version
from replan.solver.planner import MilpPlanner
from replan.solver.pool import PooledPlanner
from tests.planning_problems import chain_problem, lane, order_line, problem, site


def both_kinds(*, fixed: int = 500) -> PlanningProblem:
    """S1 loses 40 of 60; S2 can spare 30, a late line of 24 can come in time."""
    inbound, offer = order_line("PO1@1", "S1", qty=24, day=6, new_day=2, fixed=fixed, lot=6)
    return problem(
        (
            site("S1", on_hand=20, daily=[10] * 6, inbound=(inbound,)),
            site("S2", on_hand=90, daily=[5] * 6, spare=30),
        ),
        (lane("L1", "S2", "S1", fixed=fixed),),
        (offer,),
    )


def names(answer: Answer) -> list[str]:
    return [option.name for option in answer.options]


def test_both_kinds_together_each_alone_and_nothing_are_offered() -> None:
    answer = MilpPlanner().answer(both_kinds())
    assert sorted(names(answer)) == ["expedite", "mixed", "none", "reallocate"]
    assert answer.recommended == "mixed"


def test_options_stand_in_order_of_falling_benefit() -> None:
    benefits = [o.benefit_mean_minor for o in MilpPlanner().answer(both_kinds()).options]
    assert benefits == sorted(benefits, reverse=True)


def test_what_does_not_pay_is_shown_but_not_recommended() -> None:
    answer = MilpPlanner().answer(both_kinds(fixed=500_000))
    assert answer.recommended == "none"
    assert len(answer.options) == 3
    assert [o.benefit_mean_minor < 0 for o in answer.options] == [False, True, True]


def test_one_lane_alone_still_gives_three_options() -> None:
    asked = replace(both_kinds(), expedites=())
    assert sorted(names(MilpPlanner().answer(asked))) == ["none", "reallocate", "reallocate_half"]


def test_a_single_lot_is_shown_beside_two_of_them() -> None:
    asked = problem(
        (
            site("S1", on_hand=20, daily=[8] * 5),
            site("S2", on_hand=90, daily=[5] * 5, spare=50),
        ),
        (lane("L1", "S2", "S1", lot=20),),
    )
    answer = MilpPlanner().answer(asked)
    moved = {o.name: [int(a.qty) // 1_000 for a in o.actions] for o in answer.options}
    assert moved == {"reallocate": [20], "reallocate_more": [40], "none": []}
    assert answer.recommended == "reallocate"


def test_an_offer_that_does_not_pay_is_shown_in_two_sizes() -> None:
    asked = problem(
        (
            site("S1", on_hand=20, daily=[8] * 5),
            site("S2", on_hand=90, daily=[5] * 5, spare=50),
        ),
        (lane("L1", "S2", "S1", lot=4, fixed=500_000),),
    )
    answer = MilpPlanner().answer(asked)
    assert (len(answer.options), answer.recommended) == (3, "none")


def test_a_whole_line_in_one_lot_has_no_third_plan_beside_it() -> None:
    inbound, offer = order_line("PO1@1", "S1", qty=24, day=6, new_day=2, lot=24)
    asked = problem((site("S1", on_hand=20, daily=[10] * 6, inbound=(inbound,)),), (), (offer,))
    assert sorted(names(MilpPlanner().answer(asked))) == ["expedite", "none"]


def test_without_any_offer_the_only_option_is_to_do_nothing() -> None:
    answer = MilpPlanner().answer(replace(both_kinds(), expedites=(), lanes=()))
    assert names(answer) == ["none"]
    assert answer.notes == ("no lane or order line can save a sale in time",)


def test_limits_that_hold_a_plan_back_are_named() -> None:
    option = MilpPlanner().answer(both_kinds()).option("reallocate")
    assert option.binding == ("donor S2 may give 30 at most",)


def test_solver_and_version_are_on_the_record() -> None:
    for solver in ("cbc", "highs"):
        assert MilpPlanner(solver=solver).answer(both_kinds()).solver == solver_version(solver)


def test_cbc_and_highs_recommend_the_same_plan() -> None:
    plans = [
        MilpPlanner(solver=s).answer(both_kinds()).options[0].actions for s in ("cbc", "highs")
    ]
    assert plans[0] == plans[1]


def test_without_a_solver_the_greedy_rule_answers_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def dead(model: object, solver: SolverName, limits: Limits) -> Solved:
        return Solved(status="none", gap=1.0, solver=solver, version="dead 1")

    monkeypatch.setattr(planner_module, "solve", dead)
    answer = MilpPlanner().answer(both_kinds())
    assert answer.outcome == "fallback"
    assert "fallback to the greedy rule: the solver found no plan" in answer.notes
    assert answer.options[0].benefit_mean_minor > 0


def test_a_solver_that_breaks_a_limit_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    read = planner_module.transport.read

    def double(asked: PlanningProblem, model: planner_module.transport.TransportModel) -> object:
        return tuple(replace(a, qty=a.qty * 2) for a in read(asked, model))

    monkeypatch.setattr(planner_module.transport, "read", double)
    answer = MilpPlanner().answer(both_kinds())
    assert answer.outcome == "fallback"
    assert "breaks a limit" in answer.notes[0]


def test_the_same_problem_gets_the_same_bytes() -> None:
    asked = chain_problem(5, sites=5, scenarios=4, held_out=20)
    first, second = (canonical_bytes(answer_json(MilpPlanner().answer(asked))) for _ in range(2))
    assert first == second


@pytest.mark.slow
def test_workers_answer_as_one_process_does_and_in_order() -> None:
    asked = tuple(chain_problem(s, sites=4, scenarios=3, held_out=10) for s in range(1, 7))
    with PooledPlanner(2) as pooled:
        assert pooled.plan(iter(asked)) == MilpPlanner().plan(asked)


def test_when_workers_die_before_all_is_asked_the_greedy_rule_answers() -> None:
    asked = tuple(chain_problem(s, sites=4, scenarios=3, held_out=10) for s in range(1, 5))

    def coming() -> Iterator[PlanningProblem]:
        yield from asked[:2]
        for worker in active_children():
            worker.kill()
            worker.join()
        yield from asked[2:]

    with PooledPlanner(1) as pooled:
        answers = pooled.plan(coming())
    greedy = [MilpPlanner().answer(a, without_solver="a solver process died") for a in asked]
    assert list(answers) == greedy


def test_no_workers_means_this_process() -> None:
    asked = (both_kinds(), both_kinds(fixed=700))
    with PooledPlanner(0) as pooled:
        assert pooled.plan(asked) == MilpPlanner().plan(asked)
