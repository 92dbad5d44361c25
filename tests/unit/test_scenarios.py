"""Are draws repeatable, and is a plan's outcome exactly what arithmetic says?"""

from dataclasses import replace

import numpy as np
import pytest

from replan.offering import expedite, reallocation
from replan.planning import Inbound, NextOrder, SiteOutlook
from replan.scenarios import Draws, arrival_days, draws, judge, percentile, play
from replan.units import ItemId, Units
from tests.planning_problems import chain_problem, lane, order_line, problem, site


def demand(*by_site: list[int]) -> Draws:
    return Draws(demand=np.array([by_site], dtype=np.int64) * 1_000, delay={})


def test_the_same_problem_has_the_same_draws() -> None:
    asked = chain_problem(3, sites=3)
    assert np.array_equal(draws(asked, 7, 1).demand, draws(asked, 7, 1).demand)


def test_streams_are_different_draws() -> None:
    asked = chain_problem(3, sites=3)
    assert not np.array_equal(draws(asked, 7, 1).demand, draws(asked, 7, 2).demand)


def test_large_seeds_that_differ_in_the_last_bit_have_different_draws() -> None:
    asked = chain_problem(3, sites=3)
    seeds = (2**64 - 1, 2**64 - 2)
    first, second = (draws(replace(asked, seed=seed), 7, 1).demand for seed in seeds)
    assert not np.array_equal(first, second)


def test_draws_follow_the_quantiles() -> None:
    asked = chain_problem(3, sites=1, horizon=5)
    drawn = draws(asked, 4_000, 1).demand[:, 0, 2] / 1_000
    for level, row in zip((0.25, 0.5, 0.75, 0.9), (2, 3, 4, 5), strict=True):
        below = float((drawn <= asked.sites[0].quantiles[row][2] + 1e-3).mean())
        assert below == pytest.approx(level, abs=0.03)


def test_demand_beyond_stock_is_lost_and_not_carried_over() -> None:
    inbound = Inbound(ref="PO1@1", qty=Units(5_000), day_p50=2, day_p90=2)
    asked = problem((site("S1", on_hand=10, daily=[0, 0, 0], inbound=(inbound,)),))
    outlook = play(asked, (), demand([8, 8, 3]))
    assert outlook.lost.tolist() == [[[0, 6_000, 0]]]
    assert outlook.stock.tolist() == [[[2_000, 0, 2_000]]]


def test_cost_is_lost_margin_and_holding_inside_the_window_only() -> None:
    one = site("S1", on_hand=10, daily=[0, 0, 0], window=2, holding_millis=500)
    outlook = play(problem((one,)), (), demand([4, 8, 9]))
    # Day 0 holds 6, day 1 loses 2; day 2 lies behind the window.
    assert outlook.cost_micros.tolist() == [2 * 1_000 * 1_000_000 + 6 * 500 * 1_000]


def test_a_move_leaves_the_donor_at_once_and_is_sold_on_the_day_it_arrives() -> None:
    asked = problem(
        (site("S1", on_hand=0, daily=[0, 0, 0]), site("S2", on_hand=9, daily=[0, 0, 0], spare=9)),
        (lane("L1", "S2", "S1", arrive=1, fixed=70, unit=10),),
    )
    move = reallocation(asked.item, asked.lanes[0], Units(4_000))
    outlook = play(asked, (move,), demand([1, 1, 1], [0, 0, 6]))
    assert outlook.short.tolist() == [[1_000, 1_000]]
    assert outlook.cost_micros.tolist() == [(2 * 1_000 + 110) * 1_000_000]


def shop(name: str, *, on_hand: int, up_to: int, review_day: int) -> SiteOutlook:
    """What its review orders is there on day 3 and has to last for two days more."""
    order = NextOrder(review_day=review_day, up_to=Units(up_to * 1_000), days=2)
    return replace(
        site(name, on_hand=on_hand, daily=[0] * 5, window=3, spare=on_hand), next_order=order
    )


def test_what_was_sold_before_the_review_is_ordered_anew() -> None:
    asked = problem((shop("S1", on_hand=9, up_to=12, review_day=1),))
    # 9 less 3 are left at the review, so 6 are ordered, and 1 was sold while they came.
    assert play(asked, (), demand([1, 2, 1, 0, 0])).stock[0, 0].tolist()[2:] == [
        5_000,
        11_000,
        11_000,
    ]


def test_a_move_costs_its_donor_nothing_where_the_next_order_makes_up_for_it() -> None:
    asked = problem(
        (
            shop("S1", on_hand=0, up_to=0, review_day=2),
            shop("S2", on_hand=9, up_to=9, review_day=1),
        ),
        (lane("L1", "S2", "S1", arrive=0, unit=0),),
    )
    move = reallocation(asked.item, asked.lanes[0], Units(4_000))
    told = demand([4, 0, 0, 0, 0], [0, 0, 0, 0, 9])
    assert play(asked, (move,), told).later.tolist() == [[0, 0]]


def test_a_donor_that_orders_nothing_misses_later_what_it_gave() -> None:
    asked = problem(
        (
            shop("S1", on_hand=0, up_to=0, review_day=2),
            shop("S2", on_hand=9, up_to=0, review_day=1),
        ),
        (lane("L1", "S2", "S1", arrive=0, unit=0),),
    )
    move = reallocation(asked.item, asked.lanes[0], Units(4_000))
    told = demand([4, 0, 0, 0, 0], [0, 0, 0, 0, 9])
    assert play(asked, (move,), told).later.tolist() == [[0, 4_000]]


@pytest.mark.parametrize(("sale_day", "missing"), [(1, 0), (2, 3_000)])
def test_a_sale_saved_after_the_review_is_missing_from_the_next_order(
    sale_day: int, missing: int
) -> None:
    asked = problem(
        (
            shop("S1", on_hand=0, up_to=5, review_day=1),
            shop("S2", on_hand=9, up_to=0, review_day=1),
        ),
        (lane("L1", "S2", "S1", arrive=0, unit=0),),
    )
    move = reallocation(asked.item, asked.lanes[0], Units(3_000))
    day_by_day = [0, 0, 0, 5, 0]
    day_by_day[sale_day] = 3
    told = demand(day_by_day, [0] * 5)
    assert play(asked, (), told).later[0, 0] == 0
    assert play(asked, (move,), told).later[0, 0] == missing


def test_the_first_draws_of_a_site_do_not_hang_on_how_far_another_one_looks() -> None:
    near = problem((site("S1", on_hand=0, daily=[4, 5, 6]),))
    far = problem((*near.sites, shop("S2", on_hand=9, up_to=0, review_day=1)), horizon=3)
    first, second = (
        draws(asked, 9, 1).demand[:, 0, :3]
        for asked in (
            near,
            replace(
                far, sites=(near.sites[0], replace(far.sites[1], quantiles=near.sites[0].quantiles))
            ),
        )
    )
    assert np.array_equal(first, second)


def test_an_expedited_part_comes_early_and_the_rest_when_it_would_have() -> None:
    inbound, offer = order_line("PO1@1", "S1", qty=10, day=2, new_day=1)
    asked = problem((site("S1", on_hand=0, daily=[0, 0, 0], inbound=(inbound,)),), (), (offer,))
    early = expedite(ItemId("I1"), offer, Units(3_000))
    assert play(asked, (early,), demand([0, 0, 0])).stock.tolist() == [[[0, 3_000, 10_000]]]


def test_a_line_in_two_deliveries_is_not_counted_twice_when_expedited() -> None:
    inbound, offer = order_line("PO1@1", "S1", qty=6, day=2, new_day=0)
    asked = problem(
        (site("S1", on_hand=0, daily=[0, 0, 0], inbound=(inbound, inbound)),), (), (offer,)
    )
    early = expedite(ItemId("I1"), offer, Units(8_000))
    assert play(asked, (early,), demand([0, 0, 0])).stock.tolist() == [[[8_000, 8_000, 12_000]]]


def test_arrivals_are_never_before_p50_and_nine_in_ten_by_p90() -> None:
    asked = problem((site("S1", on_hand=0, daily=[0] * 9),), (lane("L1", "S1", "S1"),))
    days = arrival_days(draws(asked, 4_000, 1), "lane:L1", 2, 5)
    assert days.min() == 2
    assert float((days <= 5).mean()) == pytest.approx(0.9, abs=0.02)


def test_doing_nothing_has_no_benefit() -> None:
    asked = chain_problem(3, sites=3)
    held_out = draws(asked, 20, 2)
    nothing = play(asked, (), held_out)
    option = judge(asked, "none", (), held_out=held_out, nothing=nothing)
    assert (option.benefit_mean_minor, option.p_wins) == (0, 0.0)


def test_a_percentile_is_one_of_the_values() -> None:
    values = np.array([5, 1, 9, 7, 3], dtype=np.int64)
    assert [percentile(values, q) for q in (10, 50, 90)] == [1, 5, 9]
