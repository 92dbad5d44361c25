"""What do the demo's flights, weather and circulars become? Real rows of the extracts."""

import gzip
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

import pytest

from replan.infra.demo.events import SaleLine
from replan.infra.demo.logistics import DEMO_YEAR, Flight, FlownLeg, legs_of, read_flights
from replan.infra.demo.network import SUPPLIERS, ZONE
from replan.infra.demo.promotions import (
    Promotion,
    lift_per_share,
    promoted_days,
    promotion_events,
    read_promotions,
)
from replan.infra.demo.weather import Hour, alert_events, alerts_of, hazard, read_weather
from replan.infra.demo.world import DEMO_DEFAULTS, FLIGHTS, PROMOTIONS, WEATHER


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def hour(
    when: str,
    *,
    airport: str = "JFK",
    temperature: float = 50.0,
    wind: float = 5.0,
    gust: float | None = None,
    rain: float = 0.0,
    sight: float = 10.0,
) -> Hour:
    return Hour(airport, at(when), temperature, wind, gust, rain, sight)


def leg_on(legs: Sequence[FlownLeg], supplier: str, region: str, day: date) -> FlownLeg:
    (leg,) = [x for x in legs if (x.supplier, x.region, x.day) == (supplier, region, day)]
    return leg


@pytest.fixture(scope="module")
def legs() -> list[FlownLeg]:
    alerts = alerts_of(read_weather(WEATHER, DEMO_YEAR))
    return list(legs_of(read_flights(FLIGHTS), alerts, ZONE))


# Flights


def test_every_supplier_has_a_leg_to_every_region_on_every_day(legs: list[FlownLeg]) -> None:
    days = {date(2017, 1, 1) + timedelta(days=n) for n in range(365)}
    for supplier in SUPPLIERS:
        for region in ("east", "central", "west"):
            of = {x.day for x in legs if (x.supplier, x.region) == (supplier.supplier, region)}
            assert of == days, (supplier.supplier, region)


def test_half_an_hour_in_the_air_is_a_day_of_a_shipment(legs: list[FlownLeg]) -> None:
    # EWR to ATL, 2 January 2013: 85 minutes late at departure, 99 at arrival.
    assert leg_on(legs, "SUP4", "central", date(2017, 1, 2)) == FlownLeg(
        supplier="SUP4",
        region="central",
        day=date(2017, 1, 2),
        leaves=time(16, 39),
        left_late=85 * 48,
        late=99 * 48,
        reason="AJ",
    )


def test_a_flight_that_was_cancelled_carries_nothing(legs: list[FlownLeg]) -> None:
    # EWR to ATL, 8 February 2013, the day of the blizzard.
    leg = leg_on(legs, "SUP4", "central", date(2017, 2, 8))
    assert (leg.left_late, leg.late) == (None, None)


def test_a_flight_that_landed_elsewhere_carries_nothing(legs: list[FlownLeg]) -> None:
    # EWR to ATL, 18 March 2013: left 75 minutes late and never arrived there.
    leg = leg_on(legs, "SUP4", "central", date(2017, 3, 18))
    assert (leg.left_late, leg.late) == (None, None)


def test_a_delay_under_an_alert_is_the_weathers() -> None:
    flight = Flight("JFK", "BOS", date(2013, 2, 8), time(16), 60, 75)
    alerts = alerts_of([hour("2017-02-08T12:00", gust=47)])
    (leg,) = legs_of([flight], alerts, ZONE)
    assert leg.reason == "AO"


def test_a_delay_in_clear_weather_is_the_carriers() -> None:
    flight = Flight("JFK", "BOS", date(2013, 2, 8), time(16), 60, 75)
    (leg,) = legs_of([flight], [], ZONE)
    assert leg.reason == "AJ"


def test_a_flight_is_on_time_up_to_fourteen_minutes() -> None:
    alerts = alerts_of([hour("2017-02-08T12:00", gust=47)])
    flights = [Flight("JFK", "BOS", date(2013, 2, 8), time(16), 5, 14)]
    (leg,) = legs_of(flights, alerts, ZONE)
    assert leg.reason == "NS"


# Weather


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (hour("2017-01-31T06:00", wind=31.0), ("Moderate", "wind")),
        (hour("2017-01-31T06:00", gust=46.0), ("Moderate", "wind")),
        (hour("2017-01-31T06:00", wind=40.0), ("Severe", "high wind")),
        (hour("2017-01-31T06:00", gust=58.0), ("Severe", "high wind")),
        (hour("2017-01-31T06:00", rain=0.31), ("Moderate", "heavy rain")),
        (hour("2017-01-31T06:00", rain=0.05, temperature=32.0), ("Moderate", "snow")),
        (hour("2017-01-31T06:00", rain=0.31, temperature=30.0), ("Severe", "heavy snow")),
        (hour("2017-01-31T06:00", sight=0.25), ("Moderate", "dense fog")),
        (hour("2017-01-31T06:00", wind=30.9, gust=45.9, rain=0.30, sight=0.5), None),
    ],
)
def test_an_hour_is_worth_an_alert_from_the_stated_limits_on(
    observed: Hour, expected: tuple[str, str] | None
) -> None:
    assert hazard(observed) == expected


def test_bad_weather_that_goes_on_raises_one_alert_a_day() -> None:
    hours = [hour(f"2017-01-{day}T{h:02d}:00", wind=33) for day in (30, 31) for h in range(24)]
    assert [alert.onset for alert in alerts_of(hours)] == [
        at("2017-01-30T00:00"),
        at("2017-01-31T00:00"),
    ]


def test_weather_that_gets_worse_raises_another_alert() -> None:
    hours = [hour("2017-01-30T06:00", wind=33), hour("2017-01-30T09:00", gust=60)]
    assert [alert.severity for alert in alerts_of(hours)] == ["Moderate", "Severe"]


def test_an_alert_names_the_suppliers_of_its_airport() -> None:
    alerts = alerts_of([hour("2017-01-30T06:00", airport="EWR", wind=33)])
    ((told, text),) = alert_events(alerts, {"EWR": ["SUP4", "SUP1"], "JFK": ["SUP2"]})
    event = json.loads(text)
    assert told == at("2017-01-30T06:05")
    assert event["type"] == "signal.weather.v1"
    assert event["data"] == {
        "area": {"locations": ["SUP1", "SUP4"]},
        "onset": "2017-01-30T06:00:00Z",
        "expires": "2017-01-31T06:00:00Z",
        "urgency": "Immediate",
        "severity": "Moderate",
        "certainty": "Observed",
        "event": "wind",
    }


def test_the_blizzard_of_february_was_worth_an_alert_at_each_airport() -> None:
    alerts = alerts_of(read_weather(WEATHER, DEMO_YEAR))
    hit = {a.airport for a in alerts if at("2017-02-08T00:00") <= a.onset < at("2017-02-10T00:00")}
    assert hit == {"EWR", "JFK", "LGA"}


# Promotions


def test_a_promotion_is_told_a_week_before_it_begins() -> None:
    promo = Promotion(item="berries", site="S01", first=date(2017, 5, 8), share=650)
    ((told, text),) = promotion_events([promo], 1.5, ZONE)
    event = json.loads(text)
    assert told == at("2017-05-01T16:00")
    assert event["type"] == "driver.promo.v1"
    assert event["subject"] == "berries@S01"
    assert event["data"] == {
        "from": "2017-05-08",
        "to": "2017-05-14",
        "type": "feature",
        "uplift_prior": 1.98,
    }


def test_a_promotion_of_two_sites_has_one_name() -> None:
    promos = [
        Promotion(item="berries", site=site, first=date(2017, 5, 8), share=650)
        for site in ("S01", "S02")
    ]
    assert set(promoted_days(promos).values()) == {"circular-20170508-berries"}


def test_a_promotion_covers_its_seven_days_and_no_more() -> None:
    promo = Promotion(item="berries", site="S01", first=date(2017, 5, 8), share=650)
    days = sorted(day for _, _, day in promoted_days([promo]))
    assert (days[0], days[-1], len(days)) == (date(2017, 5, 8), date(2017, 5, 14), 7)


def test_the_lift_is_that_of_the_weeks_in_the_circular() -> None:
    mondays = [date(2017, 1, 2) + timedelta(days=7 * n) for n in range(5)]
    lines = [
        SaleLine("S01", "berries", monday, 12, qty, 100)
        for monday, qty in zip(mondays, (10, 10, 18, 10, 10), strict=True)
    ]
    promo = Promotion(item="berries", site="S01", first=mondays[2], share=500)
    # 18 for a usual 10 at half the item in the circular: the whole item would lift by 160 %.
    assert lift_per_share([promo], lines) == pytest.approx(1.6)


def test_without_a_promoted_week_nothing_is_lifted() -> None:
    assert lift_per_share([], [SaleLine("S01", "berries", date(2017, 1, 2), 12, 9, 100)]) == 0.0


def test_promotions_of_the_extract_begin_on_mondays() -> None:
    assert {promo.first.weekday() for promo in read_promotions(PROMOTIONS)} == {0}


def test_the_readme_states_the_digests_of_the_extracts() -> None:
    readme = (DEMO_DEFAULTS / "README.md").read_text(encoding="utf-8")
    for path in (FLIGHTS, WEATHER, PROMOTIONS):
        plain = gzip.decompress(path.read_bytes())
        assert hashlib.sha256(plain).hexdigest() in readme, path.name
