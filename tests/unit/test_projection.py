"""Do the ranges ahead of a case agree with the figures that judged its plan?"""

import numpy as np

from replan.projection import margin_at_risk, projected, safety_stock, stock_chart
from replan.units import SiteId
from tests.escalations import proposal
from tests.planning_problems import problem, site


def test_margin_at_risk_is_units_short_times_margin() -> None:
    asked = problem((site("S1", on_hand=5, daily=[4.0, 4.0], shortage_minor=250),))
    assert margin_at_risk(asked).p50 == 3 * 250


def test_stock_with_the_plan_is_never_below_stock_without_it_at_the_receiver() -> None:
    case = proposal()
    chart = stock_chart(case.problem, case.answer.option("reallocate").actions, SiteId("S03"))
    assert chart["days"][0] == "2026-05-04"
    assert all(b["p50"] >= a["p50"] for a, b in zip(chart["without"], chart["with"], strict=True))


def test_every_day_is_a_range() -> None:
    case = proposal()
    chart = stock_chart(case.problem, (), SiteId("S03"))
    assert all(d["p10"] <= d["p50"] <= d["p90"] for d in chart["without"])
    assert chart["without"] == chart["with"]


def test_safety_stock_is_what_the_service_level_asks_beside_the_median() -> None:
    """Ten draws of two days, 1+1 to 10+10: 95 of 100 ask for all twenty, the median is ten."""
    demand = np.array([[n * 1_000, n * 1_000] for n in range(1, 11)], dtype=np.int64)
    assert safety_stock(demand, 0.95) == 20 - 10


def test_what_lies_ahead_is_told_of_the_sites_that_a_plan_touches() -> None:
    case = proposal()
    actions = case.answer.option("reallocate").actions
    found = projected(case.problem, actions, {SiteId("S03"): 0.95})
    assert [one.site for one in found] == sorted({actions[0].origin, actions[0].destination})
    chart = stock_chart(case.problem, actions, SiteId("S03"))
    [receiver] = [one for one in found if one.site == "S03"]
    assert [day[1] for day in receiver.days] == [row["p50"] for row in chart["without"]]
    assert [day[4] for day in receiver.days] == [row["p50"] for row in chart["with"]]
    assert receiver.safety_stock is not None
    assert all(one.safety_stock is None for one in found if one.site != "S03")
