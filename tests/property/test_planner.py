"""Whatever the problem: limits hold, units are conserved, order is nothing, no loss is advised."""

from dataclasses import replace
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from replan.canonical import canonical_bytes
from replan.feasibility import violations
from replan.planning import PlanningProblem, in_order
from replan.planning_record import answer_json
from replan.scenarios import draws, play
from replan.solver.greedy import Costing, greedy
from replan.solver.offers import usable_offers
from replan.solver.planner import MilpPlanner
from tests.examples import examples
from tests.planning_problems import chain_problem

problems = st.builds(
    chain_problem,
    st.integers(1, 10_000),
    sites=st.integers(2, 5),
    horizon=st.integers(5, 9),
    scenarios=st.integers(1, 4),
    held_out=st.just(20),
)


@settings(max_examples=examples(25))
@given(problems)
def test_every_option_keeps_every_hard_limit(asked: PlanningProblem) -> None:
    for option in MilpPlanner().answer(asked).options:
        assert violations(in_order(asked), option.actions) == ()


@settings(max_examples=examples(25))
@given(problems)
def test_the_recommendation_is_never_worse_than_doing_nothing(asked: PlanningProblem) -> None:
    answer = MilpPlanner().answer(asked)
    recommended = answer.option(answer.recommended)
    assert recommended.benefit_mean_minor > 0 or not recommended.actions
    assert answer.option("none").benefit_mean_minor == 0


@settings(max_examples=examples(25))
@given(problems)
def test_without_a_solver_the_same_promises_hold(asked: PlanningProblem) -> None:
    answer = MilpPlanner().answer(asked, without_solver="as a test")
    assert answer.option(answer.recommended).benefit_mean_minor >= 0
    for option in answer.options:
        assert violations(in_order(asked), option.actions) == ()


@settings(max_examples=examples(15))
@given(problems, st.randoms(use_true_random=False))
def test_shuffled_input_gets_the_same_answer(asked: PlanningProblem, random: Random) -> None:
    shuffled = replace(
        asked,
        sites=tuple(random.sample(asked.sites, len(asked.sites))),
        lanes=tuple(random.sample(asked.lanes, len(asked.lanes))),
        expedites=tuple(random.sample(asked.expedites, len(asked.expedites))),
        buffers=tuple(random.sample(asked.buffers, len(asked.buffers))),
        postpones=tuple(random.sample(asked.postpones, len(asked.postpones))),
    )
    first, second = (
        canonical_bytes(answer_json(MilpPlanner().answer(problem))) for problem in (asked, shuffled)
    )
    assert first == second


@settings(max_examples=examples(25))
@given(problems)
def test_a_plan_neither_makes_nor_loses_units(asked: PlanningProblem) -> None:
    # Long after everything has arrived, what was sold and what is left add up to what there was.
    far = replace(
        asked,
        horizon=40,
        sites=tuple(
            replace(
                s,
                quantiles=tuple((*row, *(0.0,) * (40 - len(row))) for row in s.quantiles),
                next_order=None,
            )
            for s in asked.sites
        ),
    )
    draw = draws(far, 3, 1)
    usable = usable_offers(far, draw).usable
    plan = greedy(Costing(far, draw), usable)
    whole = replace(far, sites=tuple(replace(s, window=40) for s in far.sites))
    outlook = play(whole, plan, draw)
    sold = draw.demand.sum(axis=(1, 2)) - outlook.lost.sum(axis=(1, 2))
    there = sum(int(s.on_hand) + sum(int(i.qty) for i in s.inbound) for s in far.sites)
    # A buffer call brings units in; everything else only moves what is there.
    there += sum(int(a.qty) for a in plan if a.kind == "buffer_call")
    assert np.array_equal(sold + outlook.stock[:, :, -1].sum(axis=1), np.full(3, there))


@settings(max_examples=examples(25))
@given(problems)
def test_the_quick_costing_gives_the_integers_of_the_exact_one(asked: PlanningProblem) -> None:
    draw = draws(asked, asked.scenarios, 1)
    costing = Costing(asked, draw)
    plan = greedy(costing, usable_offers(asked, draw).usable)
    for actions in ((), plan, plan[:1]):
        assert costing.of(actions) == int(play(asked, actions, draw).cost_micros.sum())
