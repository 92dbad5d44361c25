"""Which hours of weather were worth an alert? Observed hours become `signal.weather.v1`.

The limits are those of the National Weather Service's advisories and warnings (wind, dense fog) and
of the American Meteorological Society's glossary (heavy rain: more than 0.30 inches an hour); for
snow, where the Service's limits are depths, the same hourly figure is taken as severe and a sixth
of it as moderate. An alert is issued five minutes after the first hour that passes a limit, as
observed, and holds for a day from there: nobody knew then when it would end. A worse hour meanwhile
raises a new one.
"""

import csv
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from replan.errors import UsageError
from replan.units import instant_text

HOLDS = timedelta(hours=24)
RECORDING_LAG = timedelta(minutes=5)
FREEZING = 32.0

MODERATE, SEVERE = "Moderate", "Severe"
_RANK = (MODERATE, SEVERE)


class Hour(NamedTuple):
    """One observed hour at an airport: degrees F, miles an hour, inches, miles; None: not told."""

    airport: str
    at: datetime
    temperature: float | None
    wind: float | None
    gust: float | None
    rain: float | None
    sight: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WeatherAlert:
    """What held at an airport from `onset` to `expires`; severity as in OASIS CAP 1.2."""

    airport: str
    event: str
    severity: str
    onset: datetime
    expires: datetime


def read_weather(path: Path, year: int) -> list[Hour]:
    """All hours of the extract, moved to the same day of a year, in order of time."""
    hours = []
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        rows = csv.DictReader(text)
        for row in rows:
            try:
                at = datetime.fromisoformat(row["time_hour"])
                values = [
                    float(row[name]) if row[name] else None
                    for name in ("temp", "wind_speed", "wind_gust", "precip", "visib")
                ]
                # The new year begins in local time: the last hours of the year are of the next in
                # UTC, and stay so.
                moved = at.replace(year=at.year - _SOURCE_YEAR + year)
                hours.append(Hour(row["origin"], moved, *values))
            except (ValueError, KeyError, TypeError) as error:
                raise UsageError(f"{path}: line {rows.line_num}: {error}") from error
    return sorted(hours, key=lambda hour: (hour.at, hour.airport))


def hazard(hour: Hour) -> tuple[str, str] | None:
    """Severity and name of the worst limit that an hour passes, None if it passes none."""
    wind, gust, rain = hour.wind or 0.0, hour.gust or 0.0, hour.rain or 0.0
    frozen = hour.temperature is not None and hour.temperature <= FREEZING
    found = [
        (SEVERE, "high wind", wind >= 40 or gust >= 58),
        (SEVERE, "heavy snow", frozen and rain > 0.30),
        (MODERATE, "wind", wind >= 31 or gust >= 46),
        (MODERATE, "snow", frozen and rain >= 0.05),
        (MODERATE, "heavy rain", not frozen and rain > 0.30),
        (MODERATE, "dense fog", hour.sight is not None and hour.sight <= 0.25),
    ]
    return next(((severity, event) for severity, event, passes in found if passes), None)


def alerts_of(hours: Iterable[Hour]) -> list[WeatherAlert]:
    """The alerts that hours in order of time give rise to."""
    holds: dict[str, WeatherAlert] = {}
    alerts = []
    for hour in hours:
        found = hazard(hour)
        if found is None:
            continue
        severity, event = found
        now = holds.get(hour.airport)
        holding = now is not None and hour.at < now.expires
        if holding and now is not None and _RANK.index(severity) <= _RANK.index(now.severity):
            continue
        alert = WeatherAlert(
            airport=hour.airport,
            event=event,
            severity=severity,
            onset=hour.at,
            expires=hour.at + HOLDS,
        )
        holds[hour.airport] = alert
        alerts.append(alert)
    return alerts


def alert_events(
    alerts: Sequence[WeatherAlert], places: Mapping[str, Sequence[str]]
) -> Iterator[tuple[datetime, str]]:
    """Arrival and text of each alert as a CloudEvent; `places`: whom an airport's weather
    concerns.
    """
    for alert in alerts:
        concerned = sorted(places.get(alert.airport, ()))
        if not concerned:
            continue
        told = alert.onset + RECORDING_LAG
        name = f"{alert.airport}:{alert.onset:%Y-%m-%dT%H}"
        yield (
            told,
            json.dumps(
                {
                    "specversion": "1.0",
                    "id": f"weather:{name}",
                    "source": f"/weather/{alert.airport}",
                    "type": "signal.weather.v1",
                    "time": instant_text(alert.onset),
                    "recordedtime": instant_text(told),
                    "subject": f"weather:{name}",
                    "data": {
                        "area": {"locations": concerned},
                        "onset": instant_text(alert.onset),
                        "expires": instant_text(alert.expires),
                        "urgency": "Immediate",
                        "severity": alert.severity,
                        "certainty": "Observed",
                        "event": alert.event,
                    },
                },
                separators=(",", ":"),
            )
            + "\n",
        )


_SOURCE_YEAR = 2013
