"""Does the transport programme find the plans one finds with pencil and paper?"""

import numpy as np
import pytest

from replan.planning import Action, PlanningProblem
from replan.scenarios import Draws, draws, play
from replan.solver import transport
from replan.solver.backend import Limits, SolverName, solve
from replan.solver.greedy import Costing, greedy
from replan.solver.offers import of_kinds, reduced, usable_offers
from tests.planning_problems import chain_problem, lane, order_line, problem, site

# S1 sells 10 a day for 3 days and has 10: it loses 20. S2 sells 5 a day and has plenty.
NEEDS_20 = site("S1", on_hand=10, daily=[10, 10, 10])
HAS_PLENTY = site("S2", on_hand=60, daily=[5, 5, 5], spare=45)


def known_demand(asked: PlanningProblem) -> Draws:
    """One draw in which everybody sells exactly the forecast and nothing is late."""
    demand = [[[round(d * 1_000) for d in s.quantiles[0]] for s in asked.sites]]
    return Draws(demand=np.array(demand, dtype=np.int64), delay={})


def best_plan(asked: PlanningProblem, solver: SolverName = "highs") -> tuple[Action, ...]:
    draw = known_demand(asked)
    usable = usable_offers(asked, draw).usable
    smaller, its_draw = reduced(asked, draw, usable)
    model = transport.build(smaller, its_draw, usable)
    assert solve(model.programme, solver).status == "proven"
    return transport.read(asked, model)


def sent(actions: tuple[Action, ...]) -> dict[str, float]:
    return {action.ref: action.qty / 1_000 for action in actions}


def test_the_whole_shortage_is_sent_where_moving_is_cheaper_than_losing() -> None:
    asked = problem((NEEDS_20, HAS_PLENTY), (lane("L1", "S2", "S1", fixed=500),))
    (action,) = best_plan(asked)
    assert (action.qty, action.cost_minor) == (20_000, 500 + 20 * 100)


def test_nothing_is_sent_where_the_truck_costs_more_than_the_sales() -> None:
    asked = problem((NEEDS_20, HAS_PLENTY), (lane("L1", "S2", "S1", fixed=18_001),))
    assert best_plan(asked) == ()


def test_a_lane_carries_no_more_than_its_capacity() -> None:
    asked = problem((NEEDS_20, HAS_PLENTY), (lane("L1", "S2", "S1", capacity=12),))
    assert sent(best_plan(asked)) == {"L1": 12}


def test_whole_lots_round_up_where_a_lost_sale_costs_more_than_the_rest_of_a_lot() -> None:
    asked = problem((NEEDS_20, HAS_PLENTY), (lane("L1", "S2", "S1", lot=6),))
    assert sent(best_plan(asked)) == {"L1": 24}


def test_whole_lots_round_down_to_what_the_donor_can_spare() -> None:
    donor = site("S2", on_hand=60, daily=[5, 5, 5], spare=15)
    asked = problem((NEEDS_20, donor), (lane("L1", "S2", "S1", lot=6),))
    assert sent(best_plan(asked)) == {"L1": 12}


def test_a_minimum_is_met_or_the_lane_is_not_used() -> None:
    asked = problem((NEEDS_20, HAS_PLENTY), (lane("L1", "S2", "S1", least=30),))
    assert sent(best_plan(asked)) == {"L1": 30}


def test_what_arrives_late_cannot_serve_the_days_before() -> None:
    asked = problem((NEEDS_20, HAS_PLENTY), (lane("L1", "S2", "S1", arrive=2),))
    assert sent(best_plan(asked)) == {"L1": 10}


def test_what_arrives_after_the_window_is_not_on_offer() -> None:
    asked = problem((NEEDS_20, HAS_PLENTY), (lane("L1", "S2", "S1", arrive=3),))
    assert best_plan(asked) == ()


def test_a_donor_is_not_emptied_for_a_shortage_that_costs_less_than_its_own() -> None:
    donor = site("S2", on_hand=20, daily=[5, 5, 5], spare=20, shortage_minor=2_000)
    asked = problem((NEEDS_20, donor), (lane("L1", "S2", "S1"),))
    assert sent(best_plan(asked)) == {"L1": 5}


def test_two_lanes_share_what_one_donor_can_spare() -> None:
    other = site("S3", on_hand=0, daily=[5, 5, 5], shortage_minor=3_000)
    donor = site("S2", on_hand=60, daily=[5, 5, 5], spare=15)
    asked = problem(
        (NEEDS_20, donor, other), (lane("L1", "S2", "S1"), lane("L2", "S2", "S3", arrive=0))
    )
    assert sent(best_plan(asked)) == {"L2": 15}


def test_the_cheaper_lane_is_filled_first() -> None:
    donor = site("S3", on_hand=60, daily=[5, 5, 5], spare=45)
    asked = problem(
        (NEEDS_20, HAS_PLENTY, donor),
        (lane("L1", "S2", "S1", unit=200), lane("L2", "S3", "S1", unit=100, capacity=15)),
    )
    assert sent(best_plan(asked)) == {"L1": 5, "L2": 15}


def test_an_order_line_is_brought_forward_in_lots() -> None:
    inbound, offer = order_line("PO1@1", "S1", qty=40, day=3, new_day=1, lot=6)
    needy = site("S1", on_hand=10, daily=[10, 10, 10], inbound=(inbound,))
    assert sent(best_plan(problem((needy,), (), (offer,)))) == {"PO1@1": 24}


def test_the_last_lot_of_an_order_line_may_be_the_rest() -> None:
    inbound, offer = order_line("PO1@1", "S1", qty=20, day=3, new_day=1, lot=6)
    needy = site("S1", on_hand=10, daily=[10, 10, 10], inbound=(inbound,))
    (action,) = best_plan(problem((needy,), (), (offer,)))
    assert (action.qty, action.cost_minor) == (20_000, 2_000)


def test_a_line_smaller_than_a_lot_comes_whole() -> None:
    inbound, offer = order_line("PO1@1", "S1", qty=4, day=3, new_day=1, lot=6)
    needy = site("S1", on_hand=10, daily=[10, 10, 10], inbound=(inbound,))
    assert sent(best_plan(problem((needy,), (), (offer,)))) == {"PO1@1": 4}


def test_units_brought_forward_are_missing_on_the_day_they_would_have_come() -> None:
    # The line would come on day 2, in time for 10 of the 20; bringing all forward saves 10 more.
    inbound, offer = order_line("PO1@1", "S1", qty=20, day=2, new_day=1)
    needy = site("S1", on_hand=10, daily=[10, 10, 10], inbound=(inbound,))
    assert sent(best_plan(problem((needy,), (), (offer,)))) == {"PO1@1": 10}


def test_a_supplier_that_is_not_approved_expedites_nothing() -> None:
    inbound, offer = order_line("PO1@1", "S1", qty=20, day=3, new_day=1, approved=False)
    needy = site("S1", on_hand=10, daily=[10, 10, 10], inbound=(inbound,))
    assert best_plan(problem((needy,), (), (offer,))) == ()


@pytest.mark.parametrize("seed", range(1, 5))
def test_without_holding_cost_the_objective_is_the_exact_cost_on_the_draws(seed: int) -> None:
    asked = chain_problem(seed, sites=6, scenarios=5, holding=False, next_orders=False)
    draw = draws(asked, asked.scenarios, 1)
    usable = usable_offers(asked, draw).usable
    smaller, its_draw = reduced(asked, draw, usable)
    model = transport.build(smaller, its_draw, usable)
    solve(model.programme, "highs", Limits(gap=1e-6))
    exact = play(smaller, transport.read(asked, model), its_draw).cost_micros.mean() / 1e6
    # Rounding of each action's price, and the tie-breaks.
    assert model.programme.objective.value() == pytest.approx(exact, abs=len(usable) + 1)


@pytest.mark.parametrize("seed", range(1, 5))
def test_cbc_and_highs_agree_within_the_gap(seed: int) -> None:
    asked = chain_problem(seed, sites=6, scenarios=5)
    draw = draws(asked, asked.scenarios, 1)
    usable = usable_offers(asked, draw).usable
    smaller, its_draw = reduced(asked, draw, usable)
    found = []
    for solver in ("cbc", "highs"):
        model = transport.build(smaller, its_draw, usable)
        assert solve(model.programme, solver, Limits(gap=1e-4)).status == "proven"
        found.append(model.programme.objective.value())
    assert found[0] == pytest.approx(found[1], rel=2e-4)


@pytest.mark.parametrize("seed", range(1, 5))
def test_no_kind_alone_beats_all_together_and_the_solver_beats_the_careful_hand(seed: int) -> None:
    asked = chain_problem(seed, sites=6, scenarios=5, holding=False)
    draw = draws(asked, asked.scenarios, 1)
    usable = usable_offers(asked, draw).usable
    smaller, its_draw = reduced(asked, draw, usable)
    costing = Costing(smaller, its_draw)

    def cost(kinds: frozenset[str]) -> int:
        model = transport.build(smaller, its_draw, of_kinds(usable, kinds))
        solve(model.programme, "highs", Limits(gap=1e-6))
        actions = transport.read(asked, model)
        return costing.of(greedy(costing, of_kinds(usable, kinds), actions))

    together = cost(transport.EVERY)
    slack = together // 100_000 + 10_000_000
    for kind in sorted(transport.EVERY):
        assert together <= cost(frozenset({kind})) + slack
    assert together <= costing.of(greedy(costing, usable)) + slack
