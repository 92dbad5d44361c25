"""Do alerts concern the right places, widen by the stated factors, and end?"""

from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from replan import alerts
from replan.events import AlertRaised
from replan.forecasting import LEVELS
from replan.units import LaneId, SiteId, day_number
from tests.sense_facts import S1, S2, SUP, alert, on, when
from tests.sense_worlds import lane, network

BERLIN = ZoneInfo("Europe/Berlin")
ALPS = ((48.0, 10.0), (48.0, 13.0), (46.0, 13.0), (46.0, 10.0))
"""Around the supplier of the world."""


def reach(**changes: Any) -> alerts.Reach:
    return alerts.reach(network(), alert(28.0, 28.0, 32.0, **changes))


def late_day(p50: int, p90: int, *found: alerts.Reach) -> int:
    first = day_number(on(0))
    today = day_number(on(28))
    late = alerts.widened_arrival(found, (SUP, S1), BERLIN, today, first + p50, first + p90)
    return late - first


def test_an_alert_concerns_the_places_it_names_and_the_lanes_that_touch_them() -> None:
    found = reach(places=(S1,))
    assert found.sites == {S1}
    assert found.lanes == {LaneId("S1-S2"), LaneId("S2-S1")}


def test_a_lane_that_is_named_is_concerned_alone() -> None:
    found = reach(places=("S1-S2",))
    assert (found.sites, found.lanes) == (frozenset(), {LaneId("S1-S2")})


def test_a_polygon_finds_sites_by_their_coordinates() -> None:
    assert reach(places=(), polygon=ALPS).sites == {SiteId(SUP)}


def test_a_polygon_elsewhere_finds_none() -> None:
    away = tuple((north + 5.0, east) for north, east in ALPS)
    assert reach(places=(), polygon=away).sites == frozenset()


def test_corners_may_go_either_way_round() -> None:
    assert reach(places=(), polygon=ALPS[::-1]).sites == {SiteId(SUP)}


@pytest.mark.parametrize(
    ("severity", "urgency", "certainty", "factor"),
    [
        ("Extreme", "Immediate", "Observed", 3.0),
        ("Extreme", "Expected", "Likely", 2.5),
        ("Severe", "Future", "Observed", 1.5),
        ("Moderate", "Immediate", "Observed", 1.5),
        ("Minor", "Immediate", "Unlikely", 1.01),
        ("Extreme", "Past", "Observed", 1.0),
    ],
)
def test_the_factor_is_the_stated_one(
    severity: Any, urgency: Any, certainty: Any, factor: float
) -> None:
    found = reach(severity=severity, urgency=urgency, certainty=certainty)
    assert found.arrivals == pytest.approx(factor)


def test_the_spread_of_an_arrival_widens_from_its_middle_on() -> None:
    assert late_day(30, 32, reach()) == 36


def test_the_strongest_of_several_counts_alone() -> None:
    assert late_day(30, 32, reach(), reach(severity="Severe")) == 36


def test_what_arrives_before_the_onset_is_untouched() -> None:
    storm = alerts.reach(network(), alert(28.0, 31.0, 32.0))
    assert late_day(29, 30, storm) == 30


def test_what_comes_another_way_is_untouched() -> None:
    assert late_day(30, 32, reach(places=(S2,))) == 32


def test_bands_widen_about_the_median_on_the_days_of_the_alert_only() -> None:
    quantiles = np.repeat(100.0 + np.array(LEVELS)[:, None] * 20.0, 6, axis=1)
    today = day_number(on(30))
    wide = alerts.widened_demand([reach(places=(S1,))], S1, BERLIN, today, quantiles)
    spread = (wide[-1] - wide[0]) / (quantiles[-1] - quantiles[0])
    np.testing.assert_allclose(spread, [1.5, 1.5, 1.5, 1.0, 1.0, 1.0])
    np.testing.assert_array_equal(wide[3], quantiles[3])


def test_demand_is_never_widened_below_nothing() -> None:
    quantiles = np.zeros((len(LEVELS), 3))
    quantiles[3:] = 1.0
    today = day_number(on(30))
    wide = alerts.widened_demand([reach(places=(S1,))], S1, BERLIN, today, quantiles)
    assert wide.min() == 0.0


def standing(*facts: AlertRaised, at: float = 29.0) -> list[str]:
    book: alerts.AlertBook = {}
    for fact in facts:
        alerts.take(book, fact)
    return [r.alert.alert for r in alerts.standing(book, network(), when(at))]


def test_an_alert_stands_until_it_expires() -> None:
    assert standing(alert(28, 28, 32)) == ["STORM"]
    assert standing(alert(28, 28, 32), at=32.0) == []


def test_an_alert_called_past_has_ended() -> None:
    assert standing(alert(28, 28, 32), alert(28.5, 28, 32, urgency="Past")) == []


def test_of_one_alert_the_newest_word_holds_whenever_it_is_heard() -> None:
    assert standing(alert(28.5, 28, 32, urgency="Past"), alert(28, 28, 32)) == []


def test_an_alert_taken_back_leaves_what_was_said_before() -> None:
    book: alerts.AlertBook = {}
    first, second = alert(28, 28, 32), alert(28.5, 28, 40)
    for fact in (first, second):
        alerts.take(book, fact)
    alerts.take_back(book, second)
    assert [said[-1].expires for said in book.values()] == [when(32)]
    alerts.take_back(book, first)
    assert book == {}


def test_a_lane_between_other_places_is_not_concerned() -> None:
    net = network(lanes=(lane("S1-S2", S1, S2),))
    found = alerts.reach(net, alert(28, 28, 32, places=(SUP,)))
    assert found.lanes == frozenset()
