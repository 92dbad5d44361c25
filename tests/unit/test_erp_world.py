"""The arithmetic of replenishment, worked by hand."""

from collections import Counter

from replan.infra.erp.world import late_days, lead_days, loadable, order_quantity
from tests.erp_cases import contract, lane


def test_an_order_fills_up_to_the_level_in_whole_lots() -> None:
    # 100 - 37 = 63 are missing; the next dozen is 72.
    assert order_quantity(100_000, contract(lot=12), 37_000) == 72_000


def test_an_order_is_at_least_the_minimum_in_whole_lots() -> None:
    # 3 are missing, the minimum is 20, and 20 is no whole number of dozens.
    assert order_quantity(100_000, contract(lot=12, moq=20), 97_000) == 24_000


def test_nothing_is_ordered_at_or_above_the_level() -> None:
    assert order_quantity(100_000, contract(moq=20), 100_000) == 0
    assert order_quantity(100_000, contract(moq=20), 130_000) == 0


def test_part_of_a_day_of_lead_time_counts_as_a_whole_one() -> None:
    assert [lead_days(contract(p50=p50)) for p50 in (0.0, 1.0, 2.5)] == [1, 1, 3]


def test_a_load_is_whole_lots_of_at_least_the_minimum() -> None:
    by_six = lane("L", "S1", "S2", min_qty=12, lot=6)

    assert [loadable(by_six, qty * 1_000) for qty in (20, 12, 11, -3)] == [18_000, 12_000, 0, 0]


def test_delays_follow_the_quantiles_of_the_contract() -> None:
    drawn = Counter(late_days(f"order {n}", 5.0, 8.0) for n in range(4_000))

    assert min(drawn) == 0
    assert drawn[0] >= 0.5 * 4_000
    assert sum(n for days, n in drawn.items() if days <= 3) >= 0.9 * 4_000
    assert sum(n for days, n in drawn.items() if days <= 2) < 0.9 * 4_000


def test_without_spread_nothing_is_late() -> None:
    assert {late_days(f"order {n}", 5.0, 5.0) for n in range(100)} == {0}


def test_a_delay_is_drawn_from_its_name_alone() -> None:
    late_days.cache_clear()
    once = [late_days(f"order {n}", 2.0, 9.0) for n in range(20)]
    late_days.cache_clear()

    assert once == [late_days(f"order {n}", 2.0, 9.0) for n in range(20)]
    assert len(set(once)) > 1
