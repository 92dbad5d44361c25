"""What perishes in the order system, what does its simple rule do? Milk in two stores, May 2026."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from replan.infra.erp.levels import LEARNING_DAYS
from replan.infra.erp.perish import put, settle, take_newest, throw_away
from replan.infra.erp.reference import ReferenceErp
from replan.network import Network
from tests.erp_cases import MILK, contract, lane, local, move, network, rule, sale, stock

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)


def perishing(days: int, world: Network | None = None) -> Network:
    there = world or network(contracts=())
    return replace(there, items={MILK: replace(there.items[MILK], shelf_life_days=float(days))})


def lived(
    folder: Path, world: Network, until: datetime, sales: Any = (), commands: Any = (), **units: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The gain at the end, and all that was said, day by day from 4 May."""
    said: list[dict[str, Any]] = []
    with ReferenceErp(folder, world, stock(**units), local("04")) as erp:
        at = local("04", "12:00")
        while at <= until:
            todays = [s for s in sales if at - DAY < s.occurred_at <= at]
            said += erp.advance(at, todays, commands if at == local("04", "12:00") else ())
            at += DAY
        return erp.gain(), said


# Batches


def test_customers_take_the_oldest_first() -> None:
    batches = [[10, 30], [12, 50]]
    settle(batches, 45)
    assert batches == [[12, 45]]


def test_what_comes_back_joins_the_newest() -> None:
    batches = [[10, 30], [12, 50]]
    settle(batches, 90)
    assert batches == [[10, 30], [12, 60]]


def test_a_transfer_takes_the_newest_and_keeps_as_long_as_its_oldest_part() -> None:
    batches = [[10, 30], [12, 50]]
    assert take_newest(batches, 60) == 10
    assert batches == [[10, 20]]


def test_a_batch_is_thrown_away_on_the_day_it_ends() -> None:
    batches = [[10, 30], [12, 50]]
    put(batches, 11, 5)
    assert (throw_away(batches, 11), batches) == (35, [[12, 50]])


# Perishing


def test_what_was_not_sold_in_its_shelf_life_is_thrown_away_and_told(tmp_path: Path) -> None:
    sales = [sale(local("04", "10:00"), 30)]
    gain, said = lived(tmp_path, perishing(3), local("09", "12:00"), sales, S1=100, S2=0)
    told = [e for e in said if e["type"] == "inv.adjust.v1"]
    assert [(e["subject"], e["data"]["delta"], e["time"]) for e in told] == [
        ("MILK@S1", -70, "2026-05-06T22:00:00Z")
    ]
    # 70 at 60 cents; the days without any command throw away the same.
    assert gain["wasted_minor"] == {"with": 4_200, "without": 4_200}


def test_goods_that_keep_are_never_thrown_away(tmp_path: Path) -> None:
    gain, _ = lived(tmp_path, network(contracts=()), local("20", "12:00"), S1=100, S2=0)
    assert gain["wasted_minor"] == {"with": 0, "without": 0}


def test_a_transfer_does_not_make_goods_fresh_again(tmp_path: Path) -> None:
    moved = [move("1", 40, "04")]
    _, said = lived(tmp_path, perishing(4), local("10", "12:00"), (), moved, S1=100, S2=0)
    told = [e for e in said if e["type"] == "inv.adjust.v1"]
    assert [(e["subject"], e["data"]["delta"], e["time"]) for e in told] == [
        ("MILK@S1", -60, "2026-05-07T22:00:00Z"),
        ("MILK@S2", -40, "2026-05-07T22:00:00Z"),
    ]


def test_perishing_goes_on_after_the_file_was_closed_and_opened(tmp_path: Path) -> None:
    with ReferenceErp(tmp_path, perishing(3), stock(S1=100, S2=0), local("04")) as erp:
        erp.advance(local("05", "12:00"), [], [])
    with ReferenceErp(tmp_path, perishing(3), stock(S1=100, S2=0)) as erp:
        erp.advance(local("08", "12:00"), [], [])
        assert erp.gain()["wasted_minor"]["with"] == 6_000


# The simple rule


def rule_cost(folder: Path, cheap: bool = True, days: int = 12) -> dict[str, Any]:
    """Ten a day at S1, none at S2, long enough to learn; then far more than S1 has."""
    fee = lane("S2-S1", "S2", "S1")
    world = network(
        rules=(rule(order_up_to=2_000), rule(site="S2", order_up_to=500)),
        contracts=(contract(p50=3), contract(site="S2", p50=3)),
        lanes=(fee if cheap else replace(fee, fixed_cost_minor=100_000),),
    )
    starts = local("04")
    horizon = LEARNING_DAYS + days
    sales = [
        sale(starts + timedelta(days=n, hours=15), 10 if n < LEARNING_DAYS - 10 else 600)
        for n in range(horizon)
    ]
    with ReferenceErp(folder, world, stock(S1=2_000, S2=2_000), starts) as erp:
        for n in range(horizon):
            at = starts + timedelta(days=n, hours=16)
            erp.advance(at, [sales[n]], [])
        gain: dict[str, Any] = erp.gain()
    return gain


def test_the_rule_helps_a_site_that_runs_short(tmp_path: Path) -> None:
    gain = rule_cost(tmp_path)
    assert gain["rule"]["lost_units"] < gain["lost_units"]["without"]
    assert gain["rule"]["direct_cost_minor"] > 0


def test_the_rule_does_not_move_what_is_not_worth_the_freight(tmp_path: Path) -> None:
    gain = rule_cost(tmp_path, cheap=False)
    assert gain["rule"]["direct_cost_minor"] == 0
    assert gain["rule"]["net_gain_minor"] == 0


def test_the_rule_waits_until_demand_is_learned(tmp_path: Path) -> None:
    sales = [sale(local("05", "10:00"), 95)]
    gain, _ = lived(tmp_path, network(contracts=()), local("12", "12:00"), sales, S1=100, S2=100)
    assert gain["rule"]["direct_cost_minor"] == 0


def test_what_the_rule_does_is_not_told(tmp_path: Path) -> None:
    gain = rule_cost(tmp_path)
    assert gain["actions"] == {"done": 0, "refused": 0}


@pytest.mark.parametrize("member", ["lost_units", "holding_minor"])
def test_without_a_trouble_the_rule_comes_to_the_same_as_doing_nothing(
    tmp_path: Path, member: str
) -> None:
    gain, _ = lived(tmp_path, network(), local("20", "12:00"), S1=100, S2=100)
    assert gain["rule"][member] == gain[member]["without"]
