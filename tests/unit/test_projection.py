"""Do the ranges ahead of a case agree with the figures that judged its plan?"""

from replan.projection import margin_at_risk, stock_chart
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
