"""What did the tills report? The demo's extract as CloudEvents in arrival order, one file a month.

A row of the extract sums the till lines of one item, site and hour. It is known when its hour is
over: its `time` is the hour's last minute at the site, and it arrives two minutes later. So nothing
in the stream is visible before it happened. A store day is closed at 00:15 of the next day.
"""

import csv
import gzip
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from replan.errors import UsageError

RECORDING_LAG = timedelta(minutes=2)
CLOSED_AT = time(0, 15)
CLOSE_RECORDING_LAG = timedelta(minutes=15)


class SaleLine(NamedTuple):
    """A row of the extract: whole pieces, money in minor units, the site's own day and hour."""

    site: str
    item: str
    day: date
    hour: int
    qty: int
    value_minor: int


def read_extract(path: Path) -> list[SaleLine]:
    """All rows of an extract, by (day, hour, site, item); UsageError on an unreadable row."""
    lines: list[SaleLine] = []
    days: dict[str, date] = {}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        rows = csv.reader(text)
        header = next(rows, [])
        if header != ["site", "item", "date", "hour", "qty", "value_minor"]:
            raise UsageError(f"{path}: header is {header}, must name the columns of an extract")
        for site, item, day, hour, qty, value in rows:
            try:
                on = days.get(day) or days.setdefault(day, date.fromisoformat(day))
                line = SaleLine(site, item, on, int(hour), int(qty), int(value))
                if line.qty < 1 or line.value_minor < 0:
                    raise ValueError(f"qty {qty}, value_minor {value}: must be >= 1 and >= 0")
                lines.append(line)
            except ValueError as error:
                raise UsageError(f"{path}: line {rows.line_num}: {error}") from error
    lines.sort(key=lambda line: (line.day, line.hour, line.site, line.item))
    return lines


def write_events(
    folder: Path,
    lines: Sequence[SaleLine],
    promoted: Mapping[tuple[str, str, date], str],
    *,
    sites: Sequence[str],
    zone: str,
    first_day: date,
    last_day: date,
    last_hour: int | None = None,
) -> None:
    """Write `pos-YYYY-MM.jsonl.gz` by business month: a sale a line, a close a site and day.

    Both days are included; `promoted` names the promotion of an (item, site, day). With `last_hour`
    the last day is still open: of its sales only those before that local hour are known. Raises
    UsageError if the folder holds a file of a month outside them.
    """
    months: defaultdict[str, list[date]] = defaultdict(list)
    for offset in range((last_day - first_day).days + 1):
        day = first_day + timedelta(days=offset)
        months[f"pos-{day:%Y-%m}.jsonl.gz"].append(day)
    if not months:
        raise UsageError(f"last_day is {last_day}, must not be before first_day {first_day}")
    folder.mkdir(parents=True, exist_ok=True)
    foreign = sorted({path.name for path in folder.glob("pos-*.jsonl.gz")} - set(months))
    if foreign:
        raise UsageError(f"{folder}: holds {foreign[0]}, which is outside {first_day}..{last_day}")

    by_day: defaultdict[date, list[SaleLine]] = defaultdict(list)
    for line in lines:
        if last_hour is None or (line.day, line.hour) < (last_day, last_hour):
            by_day[line.day].append(line)
    at_home = ZoneInfo(zone)
    for name, days in sorted(months.items()):
        _write_packed(
            folder / name,
            (
                text
                for day in days
                for text in _day_events(
                    by_day.get(day, []),
                    promoted,
                    sites if last_hour is None or day < last_day else (),
                    day,
                    at_home,
                )
            ),
        )


def write_signals(
    path: Path,
    events: Iterable[tuple[datetime, str]],
    *,
    zone: str,
    first_day: date,
    last_day: date,
    last_hour: int | None = None,
) -> None:
    """Write what arrived in those days (both included, the last one up to `last_hour` where it is
    still open) of events with their arrival, by arrival; no file where nothing did.
    """
    begin = datetime.combine(first_day, time(0), tzinfo=ZoneInfo(zone))
    end = datetime.combine(last_day + timedelta(days=1), time(0), tzinfo=ZoneInfo(zone))
    if last_hour is not None:
        end = datetime.combine(last_day, time(last_hour), tzinfo=ZoneInfo(zone))
    heard = sorted((told.astimezone(UTC), text) for told, text in events if begin <= told < end)
    path.parent.mkdir(parents=True, exist_ok=True)
    if heard:
        _write_packed(path, (text for _, text in heard))


def _day_events(
    lines: Sequence[SaleLine],
    promoted: Mapping[tuple[str, str, date], str],
    closing: Sequence[str],
    day: date,
    zone: ZoneInfo,
) -> Iterator[str]:
    """What the tills report of a day; `closing`: the sites whose day is over."""
    stamps = {hour: _stamps(day, hour, zone) for hour in sorted({line.hour for line in lines})}
    for line in lines:
        at, recorded = stamps[line.hour]
        yield _sale_event(line, promoted.get((line.item, line.site, day)), at, recorded)
    closed = datetime.combine(day + timedelta(days=1), CLOSED_AT, tzinfo=zone)
    recorded = _utc_text(closed + CLOSE_RECORDING_LAG)
    for site in closing:
        yield _text(
            {
                "specversion": "1.0",
                "id": f"{site}:close:{day}",
                "source": f"/till/{site}",
                "type": "pos.day_close.v1",
                "time": closed.isoformat(),
                "recordedtime": recorded,
                "subject": site,
                "data": {"business_date": day.isoformat()},
            }
        )


def _sale_event(line: SaleLine, promo: str | None, at: str, recorded: str) -> str:
    data: dict[str, object] = {"qty": line.qty}
    # Money a piece, to the nearest cent, halves up. A line that was given away has no price.
    price = (2 * line.value_minor + line.qty) // (2 * line.qty)
    if price > 0:
        data["price"] = price
    if promo is not None:
        data["promo_id"] = promo
    return _text(
        {
            "specversion": "1.0",
            "id": f"{line.site}:{line.item}:{line.day}T{line.hour:02d}",
            "source": f"/till/{line.site}",
            "type": "pos.sale.v1",
            "time": at,
            "recordedtime": recorded,
            "subject": f"{line.item}@{line.site}",
            "data": data,
        }
    )


def _stamps(day: date, hour: int, zone: ZoneInfo) -> tuple[str, str]:
    """Occurrence (local, with its offset) and arrival (UTC) of an hour's sales.

    The hour that the clock repeats in autumn holds the sales of both passes, to the second's end.
    """
    at = datetime.combine(day, time(hour, 59), tzinfo=zone).replace(fold=1)
    return at.isoformat(), _utc_text(at.astimezone(UTC) + RECORDING_LAG)


def _utc_text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# One encoder for all: `json.dumps` would make a new one for each of a quarter million events.
_encode = json.JSONEncoder(separators=(",", ":")).encode


def _text(event: dict[str, object]) -> str:
    return _encode(event) + "\n"


def _write_packed(path: Path, texts: Iterable[str]) -> None:
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", 4, raw, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="\n") as out,
    ):
        out.writelines(texts)
