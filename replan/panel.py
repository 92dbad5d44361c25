"""What do we believe about all series of a partition? The same state in columns, folded a tick at a
time.

A series is one item at one site. Rows are in the order of `Network.series`. Facts add up in
integers, so the order in which those of one tick arrive cannot show. `stock_book` has the stock,
`closing` the end of a day, `live_model` the days ahead.

The functions change the panel they are given: it is the one large value in the process, and the
replanner owns it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from replan import intraday, pooling
from replan.drivers import CHANNELS, DriverBook, StatedDriver
from replan.forecasting import (
    LEVELS,
    BoolArray,
    FloatArray,
    IntArray,
    PanelFit,
)
from replan.network import Network
from replan.tickets import OCTAVES, TicketBook
from replan.units import ONE_UNIT, ItemId, SiteId, day_number

NEVER = -(2**62)
"""A moment or a day before all others."""

COUNTS_KEPT = 3
"""Earlier counts of a shelf that are remembered, should the newest be taken back."""

LARGEST_SALE = 3_000_000_000
"""Thousandths beyond which a sale says no more about how large sales are."""

_MICRO = timedelta(microseconds=1)
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(slots=True, kw_only=True)
class Columns:
    """What steps with a day, for N series: model and reference state, bands, monitors, last
    alarms.
    """

    state: FloatArray
    reference: FloatArray
    offsets: FloatArray
    scale: FloatArray
    up: FloatArray
    down: FloatArray
    alarm_up: IntArray
    alarm_down: IntArray
    lift_seen: FloatArray
    lift_due: FloatArray
    moved: IntArray
    """The day on which a series was last put on a new level."""
    moved_by: FloatArray
    """By what factor that was."""


@dataclass(slots=True, kw_only=True)
class Panel:
    """All series in columns; see `empty_panel` for shapes."""

    series: tuple[tuple[ItemId, SiteId], ...]
    row_of: Mapping[tuple[ItemId, SiteId], int]
    site_rows: Mapping[SiteId, IntArray]
    zones: Mapping[SiteId, ZoneInfo]
    category_of: IntArray
    pools: tuple[pooling.Pool, ...]
    pools_with: tuple[tuple[int, ...], ...]
    first_day: int
    sold: IntArray
    empty: BoolArray
    by_hour: IntArray
    squares: IntArray
    blind: BoolArray
    began: IntArray
    closed: IntArray
    stock: IntArray
    stock_as_of: IntArray
    folded_to: IntArray
    older_stock: IntArray
    older_as_of: IntArray
    move_row: IntArray
    move_at: IntArray
    move_qty: IntArray
    fit: PanelFit | None
    live: Columns
    ring: list[Columns]
    reopened: IntArray
    drivers: DriverBook
    tickets: TicketBook
    pool_up: FloatArray
    pool_down: FloatArray
    pool_alarm_up: IntArray
    pool_alarm_down: IntArray
    pool_through: IntArray
    _days: dict[tuple[SiteId, int], int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of series."""
        return len(self.series)


def empty_panel(network: Network, *, keep_days: int) -> Panel:
    """A panel that knows nothing: `sold` and `empty` (T, N) by day and series from `first_day` on,
    `began`, `closed` (N,) day numbers, stock (N,) thousandths as of microseconds, `folded_to` (N,)
    the newest movement that it holds for good; `older_stock` and `older_as_of` (C, N) the counts
    before the newest, newest first; ring of `keep_days`. `by_hour` (SLOTS, N) thousandths sold by
    kind of weekday and local hour, `squares` (N,) squared units of each sale, in thousandths.
    `pool_…` (keep_days + 1, G): the watch over each pool before each day of the ring, and last of
    all as it is now.
    """
    series = network.series
    n = len(series)
    pools = pooling.pools_of(network)
    before = (keep_days + 1, len(pools))
    sites = sorted({site for _, site in series})
    categories = [network.items[item].category for item, _ in series]
    return Panel(
        series=series,
        row_of={key: row for row, key in enumerate(series)},
        site_rows={
            site: np.array([r for r, (_, s) in enumerate(series) if s == site], dtype=np.int64)
            for site in sites
        },
        zones={site: network.sites[site].zone for site in sites},
        category_of=np.unique(categories, return_inverse=True)[1].astype(np.int64),
        pools=pools,
        pools_with=pooling.pools_with(pools, n),
        first_day=0,
        sold=np.zeros((0, n), dtype=np.int64),
        empty=np.zeros((0, n), dtype=np.bool_),
        by_hour=np.zeros((intraday.SLOTS, n), dtype=np.int64),
        squares=np.zeros(n, dtype=np.int64),
        blind=np.zeros((0, n), dtype=np.bool_),
        began=np.full(n, NEVER, dtype=np.int64),
        closed=np.full(n, NEVER, dtype=np.int64),
        stock=np.zeros(n, dtype=np.int64),
        stock_as_of=np.full(n, NEVER, dtype=np.int64),
        folded_to=np.full(n, NEVER, dtype=np.int64),
        older_stock=np.zeros((COUNTS_KEPT, n), dtype=np.int64),
        older_as_of=np.full((COUNTS_KEPT, n), NEVER, dtype=np.int64),
        move_row=np.zeros(0, dtype=np.int64),
        move_at=np.zeros(0, dtype=np.int64),
        move_qty=np.zeros(0, dtype=np.int64),
        fit=None,
        live=empty_columns(0, n),
        ring=[empty_columns(0, n) for _ in range(keep_days)],
        reopened=np.full(n, NEVER, dtype=np.int64),
        drivers=DriverBook(),
        tickets=TicketBook(sizes=np.zeros((n, OCTAVES), dtype=np.int64)),
        pool_up=np.zeros(before),
        pool_down=np.zeros(before),
        pool_alarm_up=np.full(before, NEVER, dtype=np.int64),
        pool_alarm_down=np.full(before, NEVER, dtype=np.int64),
        pool_through=np.full(len(pools), NEVER, dtype=np.int64),
    )


def micros(at: datetime) -> int:
    """Microseconds since 1970-01-01 UTC."""
    return (at - _EPOCH) // _MICRO


def local_day_number(panel: Panel, site: SiteId, at: datetime) -> int:
    """The site's calendar day of an instant. Zone offsets change on quarter hours only, hence the
    cache.
    """
    quarter = micros(at) // 900_000_000
    day = panel._days.get((site, quarter))
    if day is None:
        day = day_number(at.astimezone(panel.zones[site]).date())
        if len(panel._days) > 200_000:
            panel._days.clear()
        panel._days[(site, quarter)] = day
    return day


def local_hour(panel: Panel, site: SiteId, at: datetime) -> int:
    """The hour of the site's wall clock, 0 to 23."""
    key = (site, -(micros(at) // 900_000_000) - 1)
    hour = panel._days.get(key)
    if hour is None:
        hour = panel._days[key] = at.astimezone(panel.zones[site]).hour
    return hour


def add_sales(panel: Panel, rows: IntArray, days: IntArray, qty: IntArray) -> IntArray:
    """Add units sold (M,) to the day totals; a day already closed is reopened from there on.
    Returns which of the sales are bulk.
    """
    if not len(rows):
        return np.zeros(0, dtype=np.int64)
    bulk = panel.tickets.take(rows, days, qty)
    reach(panel, int(days.min()), int(days.max()))
    np.add.at(panel.sold, (days - panel.first_day, rows), qty)
    begin(panel, rows, days)
    late = days <= panel.closed[rows]
    for row, day in zip(rows[late].tolist(), days[late].tolist(), strict=True):
        if panel.reopened[row] == NEVER or day < panel.reopened[row]:
            panel.reopened[row] = day
    return bulk


def take_back_sale(panel: Panel, row: int, day: int, qty: int) -> None:
    """A sale that was none leaves its day, which is stepped again if it has closed."""
    panel.sold[day - panel.first_day, row] -= qty
    panel.tickets.take_back(row, day, qty)
    if day <= panel.closed[row] and (panel.reopened[row] == NEVER or day < panel.reopened[row]):
        panel.reopened[row] = day


def add_driver(panel: Panel, row: int, driver: StatedDriver) -> None:
    """A driver was stated for a series, or taken back; closed days that it explains are stepped
    again.
    """
    oldest = int(panel.closed[row]) - len(panel.ring) + 1
    fitted = panel.fit.through + 1 if panel.fit is not None else 2**62
    start = max(driver.first, oldest, fitted)
    if start <= min(driver.last, int(panel.closed[row])) and (
        panel.reopened[row] == NEVER or start < panel.reopened[row]
    ):
        panel.reopened[row] = start


def add_hours(panel: Panel, rows: IntArray, days: IntArray, hours: IntArray, qty: IntArray) -> None:
    """Note at which local hour (M,) of its day each sale came, and how large it was. Sums only, so
    that what is taken back leaves no trace.
    """
    kinds = np.array([intraday.weekday_kind(day) for day in days.tolist()], dtype=np.int64)
    np.add.at(panel.by_hour, (kinds * intraday.HOURS + hours, rows), qty)
    # A square of billions of units would not fit; nothing is that large.
    size = np.clip(np.abs(qty), 0, LARGEST_SALE)
    np.add.at(panel.squares, rows, np.sign(qty) * (size * size // ONE_UNIT))


def take_back_hour(panel: Panel, row: int, day: int, hour: int, qty: int) -> None:
    """A sale was none: its hour and its size are not known from it either, unless it was bulk."""
    of = np.array([row], dtype=np.int64)
    if abs(qty) <= int(panel.tickets.limits(of)[0]):
        add_hours(panel, of, np.array([day]), np.array([hour]), np.array([-qty]))


def begin(panel: Panel, rows: IntArray, days: IntArray) -> None:
    """Note the first day on which a series was heard of."""
    first = np.full(panel.size, 2**62, dtype=np.int64)
    np.minimum.at(first, rows, days)
    known = panel.began != NEVER
    panel.began = np.where(
        first == 2**62, panel.began, np.where(known, np.minimum(panel.began, first), first)
    )


def typical_daily(panel: Panel, row: int) -> float | None:
    """Mean daily sale of a series over its last four closed weeks, base units; None before it has
    any.
    """
    if panel.closed[row] == NEVER or panel.began[row] == NEVER:
        return None
    last = int(panel.closed[row]) - panel.first_day + 1
    first = max(last - 28, int(panel.began[row]) - panel.first_day, 0)
    if last <= first:
        return None
    return float(panel.sold[first:last, row].sum()) / ONE_UNIT / (last - first)


def takes_part(panel: Panel) -> BoolArray:
    """Which series have a model and are old enough to be decided on (N,)."""
    if panel.fit is None:
        return np.zeros(panel.size, dtype=np.bool_)
    ready: BoolArray = is_forecast(panel) & (panel.fit.young == 0)
    return ready


def is_forecast(panel: Panel) -> BoolArray:
    """Which series have a model, those among them that still borrow it (N,)."""
    if panel.fit is None:
        return np.zeros(panel.size, dtype=np.bool_)
    return panel.fit.choice >= 0


def days_known(panel: Panel, row: int) -> int:
    """Closed days of a series since it was first heard of."""
    if panel.closed[row] == NEVER or panel.began[row] == NEVER:
        return 0
    return max(int(panel.closed[row]) - int(panel.began[row]) + 1, 0)


def trim_history(panel: Panel, keep_days: int) -> None:
    """Forget days older than `keep_days` before the newest closed one."""
    newest = int(panel.closed.max()) if panel.size else NEVER
    if newest == NEVER:
        return
    cut = newest - keep_days - panel.first_day
    if cut > 0:
        panel.sold = panel.sold[cut:].copy()
        panel.empty = panel.empty[cut:].copy()
        panel.blind = panel.blind[cut:].copy()
        panel.first_day += cut
        panel.drivers.forget(panel.first_day)
        panel.tickets.forget(panel.first_day)


def reach(panel: Panel, first: int, last: int) -> None:
    """Make the day axis hold `first` … `last`."""
    n = panel.size
    if not len(panel.sold):
        panel.first_day = first
    elif first < panel.first_day:
        more = panel.first_day - first
        panel.sold = np.vstack((np.zeros((more, n), dtype=np.int64), panel.sold))
        panel.empty = np.vstack((np.zeros((more, n), dtype=np.bool_), panel.empty))
        panel.blind = np.vstack((np.zeros((more, n), dtype=np.bool_), panel.blind))
        panel.first_day = first
    need = last - panel.first_day + 1 - len(panel.sold)
    if need > 0:
        # Grow by whole months: the axis is extended once a month instead of once a day.
        grow = max(need, 31)
        panel.sold = np.vstack((panel.sold, np.zeros((grow, n), dtype=np.int64)))
        panel.empty = np.vstack((panel.empty, np.zeros((grow, n), dtype=np.bool_)))
        panel.blind = np.vstack((panel.blind, np.zeros((grow, n), dtype=np.bool_)))


def empty_columns(states: int, n: int) -> Columns:
    return Columns(
        state=np.zeros((states, n)),
        reference=np.zeros((states, n)),
        offsets=np.zeros((len(LEVELS), n)),
        scale=np.zeros(n),
        up=np.zeros(n),
        down=np.zeros(n),
        alarm_up=np.full(n, NEVER, dtype=np.int64),
        alarm_down=np.full(n, NEVER, dtype=np.int64),
        lift_seen=np.zeros((len(CHANNELS), n)),
        lift_due=np.zeros((len(CHANNELS), n)),
        moved=np.full(n, NEVER, dtype=np.int64),
        moved_by=np.ones(n),
    )


def panel_arrays(panel: Panel) -> dict[str, NDArray[Any]]:
    """Everything that changes, by name, for a snapshot or a digest."""
    arrays = {
        name: getattr(panel, name)
        for name in (
            "sold",
            "empty",
            "blind",
            "began",
            "closed",
            "stock",
            "stock_as_of",
            "folded_to",
            "older_stock",
            "older_as_of",
            "move_row",
            "move_at",
            "move_qty",
            "reopened",
            "by_hour",
            "squares",
            "pool_up",
            "pool_down",
            "pool_alarm_up",
            "pool_alarm_down",
            "pool_through",
        )
    }
    arrays["ticket_sizes"] = panel.tickets.sizes
    arrays["first_day"] = np.array([panel.first_day], dtype=np.int64)
    for label, columns in _labelled(panel):
        for name in Columns.__dataclass_fields__:
            arrays[f"{label}.{name}"] = getattr(columns, name)
    return arrays


def panel_from_arrays(
    empty: Panel,
    arrays: Mapping[str, NDArray[Any]],
    fit: PanelFit | None,
    drivers: DriverBook,
    bulk: Iterable[Iterable[int]],
) -> Panel:
    """The panel that `panel_arrays` took apart; `empty` supplies series and zones."""
    tickets = TicketBook.of_rows(arrays["ticket_sizes"].copy(), bulk)
    panel = replace(empty, fit=fit, drivers=drivers, tickets=tickets, _days={})
    panel.first_day = int(arrays["first_day"][0])
    for name, value in arrays.items():
        label, _, column = name.partition(".")
        if column:
            target = panel.live if label == "live" else panel.ring[int(label)]
            setattr(target, column, value.copy())
        elif name not in ("first_day", "ticket_sizes"):
            setattr(panel, name, value.copy())
    return panel


def _labelled(panel: Panel) -> Iterable[tuple[str, Columns]]:
    yield "live", panel.live
    yield from ((str(i), columns) for i, columns in enumerate(panel.ring))
