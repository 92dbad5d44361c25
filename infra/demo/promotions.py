"""When was an item in the circular? The source's feature pages as `driver.promo.v1`.

A promotion is a week in which a stated share of an item's usual sales at a site stood on a feature
page of the circular (see the extract's script). The calendar is known a week ahead. How much it
lifts demand is the calendar's own rough guess, the same for all items: the lift per share that the
learning months show, `1 + slope x share`.
"""

import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

from replan.errors import UsageError
from replan.infra.demo.events import SaleLine
from replan.units import instant_text

WEEK = 7
KNOWN_BEFORE = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """An item in the circular of a site for the week from `first`; share in thousandths."""

    item: str
    site: str
    first: date
    share: int

    @property
    def last(self) -> date:
        """Its last day."""
        return self.first + timedelta(days=WEEK - 1)

    @property
    def name(self) -> str:
        """One promotion of an item and week, at whatever sites."""
        return f"circular-{self.first:%Y%m%d}-{self.item}"


def read_promotions(path: Path) -> list[Promotion]:
    """All rows of the extract, by (first day, item, site); UsageError on an unreadable row."""
    found = []
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        rows = csv.DictReader(text)
        for row in rows:
            try:
                found.append(
                    Promotion(
                        item=row["item"],
                        site=row["site"],
                        first=date.fromisoformat(row["from"]),
                        share=int(row["share"]),
                    )
                )
            except (ValueError, KeyError, TypeError) as error:
                raise UsageError(f"{path}: line {rows.line_num}: {error}") from error
    return sorted(found, key=lambda promo: (promo.first, promo.item, promo.site))


def promoted_days(promotions: Sequence[Promotion]) -> dict[tuple[str, str, date], str]:
    """The promotion's name by (item, site, day)."""
    return {
        (promo.item, promo.site, promo.first + timedelta(days=n)): promo.name
        for promo in promotions
        for n in range(WEEK)
    }


def lift_per_share(promotions: Sequence[Promotion], learnt: Sequence[SaleLine]) -> float:
    """By how much a whole item in the circular lifts its week, of lines of the learning months.

    Least squares through the origin over all weeks of (item, site) with a promotion: the week's
    pieces over the median week's, less 1, against the share. 0 where there is nothing to learn.
    """
    weeks: Counter[tuple[str, str, date]] = Counter()
    for line in learnt:
        monday = line.day - timedelta(days=line.day.weekday())
        weeks[line.item, line.site, monday] += line.qty
    usual: dict[tuple[str, str], list[int]] = {}
    for (item, site, _), qty in weeks.items():
        usual.setdefault((item, site), []).append(qty)
    above, square = 0.0, 0.0
    for promo in promotions:
        sold = weeks.get((promo.item, promo.site, promo.first))
        if sold is None:
            continue
        share = promo.share / 1_000
        above += share * (sold / max(median(usual[promo.item, promo.site]), 1) - 1)
        square += share * share
    return max(above / square, 0.0) if square else 0.0


def promotion_events(
    promotions: Sequence[Promotion], lift: float, zone: str
) -> Iterator[tuple[datetime, str]]:
    """Arrival and text of each promotion as a CloudEvent."""
    for promo in promotions:
        told = datetime.combine(promo.first, time(12), tzinfo=ZoneInfo(zone)) - KNOWN_BEFORE
        at = instant_text(told.astimezone(UTC))
        event: Mapping[str, object] = {
            "specversion": "1.0",
            "id": f"{promo.name}:{promo.site}",
            "source": "/calendar/circular",
            "type": "driver.promo.v1",
            "time": at,
            "recordedtime": at,
            "subject": f"{promo.item}@{promo.site}",
            "data": {
                "from": promo.first.isoformat(),
                "to": promo.last.isoformat(),
                "type": "feature",
                "uplift_prior": round(1 + lift * promo.share / 1_000, 2),
            },
        }
        yield told, json.dumps(event, separators=(",", ":")) + "\n"
