"""What do we believe about all series of a partition? The same state in columns, folded a tick at a
time.

A series is one item at one site. Rows are in the order of `Network.series`. Facts add up in
integers, so the order in which those of one tick arrive cannot show; a day's end steps the live
model, the bands and the monitors of its series once. Late facts of a recently closed day restore
the columns kept from before that day and step again.

The functions change the panel they are given: it is the one large value in the process, and the
replanner owns it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from replan import bands, deviation, intraday, pooling, uplift
from replan.drivers import CHANNELS, DriverBook, StatedDriver
from replan.forecasting import (
    LEVELS,
    BoolArray,
    DriverDays,
    FitRequest,
    FloatArray,
    Forecaster,
    IntArray,
    PanelFit,
    WatchHistory,
    checked_mean,
)
from replan.level_shift import LOOK_BACK, REST_DAYS, Rescales, shift_of
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
        live=_columns(0, n),
        ring=[_columns(0, n) for _ in range(keep_days)],
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
    _reach(panel, int(days.min()), int(days.max()))
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


def add_stock_moves(panel: Panel, rows: IntArray, at: IntArray, qty: IntArray) -> None:
    """Movements of stock (M,): units at microseconds; those up to a count's `as_of` do not
    matter.
    """
    panel.move_row = np.concatenate((panel.move_row, rows))
    panel.move_at = np.concatenate((panel.move_at, at))
    panel.move_qty = np.concatenate((panel.move_qty, qty))


def count_stock(panel: Panel, row: int, on_hand: int, as_of: int) -> bool:
    """A count of the shelf; the newest `as_of` wins. Returns whether it was the newest.

    One from before a movement that is folded into the stock comes too late: the movements after it
    are no longer known.
    """
    if as_of < panel.folded_to[row]:
        return False
    if as_of < panel.stock_as_of[row]:
        _keep_count(panel, row, on_hand, as_of)
        return False
    if panel.stock_as_of[row] != NEVER:
        _keep_count(panel, row, int(panel.stock[row]), int(panel.stock_as_of[row]))
    panel.stock[row] = on_hand
    panel.stock_as_of[row] = as_of
    return True


def take_back_count(panel: Panel, row: int, as_of: int) -> None:
    """A count that was none: the one before it holds again, with every movement since."""
    as_ofs = [int(panel.stock_as_of[row]), *panel.older_as_of[:, row].tolist()]
    stocks = [int(panel.stock[row]), *panel.older_stock[:, row].tolist()]
    if as_of not in as_ofs:
        return
    gone = as_ofs.index(as_of)
    as_ofs = [*as_ofs[:gone], *as_ofs[gone + 1 :], NEVER]
    stocks = [*stocks[:gone], *stocks[gone + 1 :], 0]
    panel.stock_as_of[row], panel.stock[row] = as_ofs[0], stocks[0]
    panel.older_as_of[:, row], panel.older_stock[:, row] = as_ofs[1:], stocks[1:]


def take_back_move(panel: Panel, row: int, at: int, qty: int) -> None:
    """A movement that was none; what it had been folded into loses it again."""
    same = np.flatnonzero((panel.move_row == row) & (panel.move_at == at) & (panel.move_qty == qty))
    if len(same):
        panel.move_row = np.delete(panel.move_row, same[0])
        panel.move_at = np.delete(panel.move_at, same[0])
        panel.move_qty = np.delete(panel.move_qty, same[0])
        return
    if NEVER < panel.stock_as_of[row] < at:
        panel.stock[row] -= qty
    held = (panel.older_as_of[:, row] > NEVER) & (panel.older_as_of[:, row] < at)
    panel.older_stock[held, row] -= qty


def fold_old_moves(panel: Panel, before: int) -> None:
    """Put movements older than `before` (microseconds) for good into the stock they move. What the
    book says of any moment after them stays the same; one that is heard of still later counts too.
    """
    old = panel.move_at <= before
    if not old.any():
        return
    rows, at, qty = panel.move_row[old], panel.move_at[old], panel.move_qty[old]
    into = (panel.stock_as_of[rows] != NEVER) & (at > panel.stock_as_of[rows])
    np.add.at(panel.stock, rows[into], qty[into])
    np.maximum.at(panel.folded_to, rows[into], at[into])
    for as_of, stock in zip(panel.older_as_of, panel.older_stock, strict=True):
        into = (as_of[rows] != NEVER) & (at > as_of[rows])
        np.add.at(stock, rows[into], qty[into])
    panel.move_row = panel.move_row[~old]
    panel.move_at = panel.move_at[~old]
    panel.move_qty = panel.move_qty[~old]


def book_stock(panel: Panel, until: int | None = None) -> IntArray:
    """Stock by the book (N,), may be negative: the newest count and every movement after it."""
    matters = panel.move_at > panel.stock_as_of[panel.move_row]
    if until is not None:
        matters &= panel.move_at <= until
    total = panel.stock.copy()
    np.add.at(total, panel.move_row[matters], panel.move_qty[matters])
    return total


def book_at(panel: Panel, row: int, until: int) -> int | None:
    """What the book says a series had at a moment (microseconds); None before the first count of
    it, or for a moment before the newest, or before a movement that it holds for good.
    """
    as_of = int(panel.stock_as_of[row])
    if as_of == NEVER or until < max(as_of, int(panel.folded_to[row])):
        return None
    moved = (panel.move_row == row) & (panel.move_at > as_of) & (panel.move_at <= until)
    return int(panel.stock[row]) + int(panel.move_qty[moved].sum())


def stock_known(panel: Panel) -> BoolArray:
    """Whether a series' stock was ever counted (N,)."""
    known: BoolArray = panel.stock_as_of != NEVER
    return known


def due_day(at: datetime, zone: ZoneInfo, closes_at: time) -> int:
    """The newest day that has closed by itself at an instant: `closes_at` local on the next day."""
    wall = at.astimezone(zone).replace(tzinfo=None)
    shifted = wall - timedelta(hours=closes_at.hour, minutes=closes_at.minute)
    return day_number(shifted.date()) - 1


def close_days(
    panel: Panel,
    through: Mapping[SiteId, int],
    ends: Mapping[SiteId, Mapping[int, int]],
    forecasters: Mapping[str, Forecaster],
    blind: frozenset[tuple[SiteId, int]] = frozenset(),
) -> list[tuple[int, IntArray, FloatArray | None]]:
    """Close the days of each site up to and with `through`, and step what was reopened again.

    `ends[site][day]`: the moment (microseconds) the day ended there, to tell an empty shelf.
    `blind`: days at sites whose till was silent, so that nothing is known of them.
    Returns (day, rows, quantiles (K, n) forecast before the day, or None before any fit), day by
    day.
    """
    steps: dict[int, list[IntArray]] = {}
    mended: list[tuple[int, IntArray, FloatArray | None]] = []
    for row in np.flatnonzero(panel.reopened != NEVER).tolist():
        again = restorable_from(panel, row)
        for day in range(
            max(int(panel.reopened[row]), panel.first_day), int(panel.closed[row]) + 1
        ):
            if day >= again:
                steps.setdefault(day, []).append(np.array([row], dtype=np.int64))
            else:
                mended.append((day, np.array([row], dtype=np.int64), None))
    _restore(panel)
    for site, last in sorted(through.items()):
        rows = panel.site_rows[site]
        known = rows[panel.began[rows] != NEVER]
        if not len(known):
            continue
        first = int(panel.began[known].min())
        start = max(first, int(panel.closed[rows].max()) + 1)
        if last < start:
            continue
        _reach(panel, start, last)
        for day in range(start, last + 1):
            empty = stock_known(panel)[rows] & (book_stock(panel, ends[site][day])[rows] <= 0)
            panel.empty[day - panel.first_day, rows] = empty
            panel.blind[day - panel.first_day, rows] = (site, day) in blind
            steps.setdefault(day, []).append(rows)
        panel.closed[rows] = last
    closings = mended
    for day in sorted(steps):
        rows = np.unique(np.concatenate(steps[day]))
        closings.append((day, rows, _step(panel, day, rows, forecasters)))
    panel.reopened[:] = NEVER
    return closings


def censored(panel: Panel, day: int, rows: IntArray) -> BoolArray:
    """Which rows (n,) a closed day says nothing of: the shelf was empty and nothing was sold, or
    the till was silent.
    """
    at = day - panel.first_day
    result: BoolArray = panel.blind[at, rows] | (
        panel.empty[at, rows] & (panel.sold[at, rows] <= 0)
    )
    return result


def restorable_from(panel: Panel, row: int) -> int:
    """The first day from which a reopened series can be stepped again: inside the ring, after the
    fit.
    """
    oldest = int(panel.closed[row]) - len(panel.ring) + 1
    fitted = panel.fit.through + 1 if panel.fit is not None else NEVER
    return max(int(panel.reopened[row]), oldest, fitted)


def apply_fit(panel: Panel, fit: PanelFit, forecasters: Mapping[str, Forecaster]) -> None:
    """Take over a recorded fit and step it through the days closed since its last one."""
    panel.fit = fit
    old = panel.live
    panel.live = Columns(
        state=fit.state.copy(),
        reference=fit.state.copy(),
        offsets=fit.offsets.copy(),
        scale=fit.scale.copy(),
        up=_before(panel, "up", fit.through + 1),
        down=_before(panel, "down", fit.through + 1),
        alarm_up=old.alarm_up,
        alarm_down=old.alarm_down,
        lift_seen=fit.lift_seen.copy(),
        lift_due=fit.lift_due.copy(),
        moved=old.moved,
        moved_by=old.moved_by,
    )
    panel.ring = [_columns(fit.state.shape[0], panel.size) for _ in panel.ring]
    last = int(panel.closed.max()) if panel.size else NEVER
    for day in range(fit.through + 1, last + 1):
        rows = np.flatnonzero(panel.closed >= day)
        _step(panel, day, rows, forecasters)


def _before(panel: Panel, name: str, day: int) -> FloatArray:
    """A monitor's sums (N,) before a day, from the ring where the day has closed; 0 where that is
    too long ago. What speaks for a deviation goes on to speak for it under a new fit.
    """
    now: FloatArray = getattr(panel.live, name).copy()
    slot: FloatArray = getattr(panel.ring[day % len(panel.ring)], name)
    kept = day > panel.closed - len(panel.ring)
    before: FloatArray = np.where(panel.closed < day, now, np.where(kept, slot, 0.0))
    return before


def fit_request(
    panel: Panel, *, asked_at: str, min_days: int, false_alarms_per_1000: float, seed: int
) -> FitRequest | None:
    """The question to the fitter at this moment; None while no day has closed for every site."""
    heard = panel.began != NEVER
    if not heard.any() or (panel.closed[heard] == NEVER).any():
        return None
    through = int(panel.closed[heard].min())
    last = through - panel.first_day + 1
    if last <= 0:
        return None
    days = np.arange(panel.first_day, through + 1)[:, None]
    sold = np.maximum(panel.sold[:last], 0)
    mask = (days >= np.where(heard, panel.began, through + 1)[None, :]) & ~(
        (panel.empty[:last] & (sold <= 0)) | panel.blind[:last]
    )
    young = ~heard | (through - panel.began + 1 < min_days)
    return FitRequest(
        asked_at=asked_at,
        through=through,
        sold=panel.tickets.take_off(sold / ONE_UNIT, panel.first_day),
        mask=mask,
        young=young,
        item_of=np.unique([item for item, _ in panel.series], return_inverse=True)[1],
        category_of=panel.category_of,
        site_of=np.unique([site for _, site in panel.series], return_inverse=True)[1],
        drivers=panel.drivers.days(
            np.arange(panel.size), np.full(panel.size, panel.first_day), last
        ),
        false_alarms_per_1000=false_alarms_per_1000,
        seed=seed,
        watch=WatchHistory(
            by_hour=panel.by_hour / ONE_UNIT,
            squares=panel.squares / ONE_UNIT,
            class_of=panel.category_of,
            site_of=np.unique([site for _, site in panel.series], return_inverse=True)[1],
            pools=tuple(pool.rows for pool in panel.pools),
        ),
    )


def forecast(
    panel: Panel, rows: IntArray, days: int, forecasters: Mapping[str, Forecaster]
) -> FloatArray:
    """Quantiles (K, days, n) from the first open day of each row on; rows without a model get
    zeros.
    """
    return _quantiles(panel, panel.live.state, rows, days, forecasters)


def live_mean(
    panel: Panel, rows: IntArray, days: int, forecasters: Mapping[str, Forecaster]
) -> FloatArray:
    """Mean (days, n) of the live model, drivers included, from the first open day of each row
    on.
    """
    mean = base_mean(panel, rows, days, forecasters)
    lift = lift_ahead(panel, rows, days)
    return mean if lift is None else mean * lift.factor


def base_mean(
    panel: Panel, rows: IntArray, days: int, forecasters: Mapping[str, Forecaster]
) -> FloatArray:
    """Mean (days, n) of the live model as if no driver were at work."""
    return _mean(panel, panel.live.state, rows, days, forecasters)


def lift_ahead(panel: Panel, rows: IntArray, days: int) -> uplift.Lift | None:
    """What drivers do (days, n) from the first open day of each row on; None where there is
    nothing.
    """
    if panel.fit is None:
        return None
    at_work = panel.drivers.days(rows, panel.closed[rows] + 1, days)
    if at_work is None:
        return None
    live = panel.live
    return uplift.lift_of(
        at_work, live.lift_seen[:, rows], live.lift_due[:, rows], panel.fit.lift_mean[:, rows]
    )


def reference_mean(
    panel: Panel, rows: IntArray, days: int, forecasters: Mapping[str, Forecaster]
) -> FloatArray:
    """Mean (days, n) of the frozen reference, which detects while the live model plans; without
    drivers.
    """
    return _mean(panel, panel.live.reference, rows, days, forecasters)


def watched_day(
    panel: Panel, day: int, rows: IntArray, forecasters: Mapping[str, Forecaster]
) -> tuple[FloatArray, FloatArray]:
    """A closed day in the ring as the monitors see it: what was sold (n,), brought back to a day
    without drivers, and what the frozen reference expected of it the evening before.
    """
    before = panel.ring[day % len(panel.ring)]
    expected: FloatArray = _mean(panel, before.reference, rows, 1, forecasters)[0]
    units = panel.tickets.usual(panel.sold[day - panel.first_day, rows], rows, day)
    sold = units / ONE_UNIT
    at_work = panel.drivers.days(rows, np.full(len(rows), day), 1)
    if at_work is None or panel.fit is None:
        return sold, expected
    seen, due = before.lift_seen[:, rows], before.lift_due[:, rows]
    lift = uplift.lift_of(at_work, seen, due, panel.fit.lift_mean[:, rows])
    return uplift.explained(sold, expected, at_work, lift, seen), expected


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


def _step(
    panel: Panel, day: int, rows: IntArray, forecasters: Mapping[str, Forecaster]
) -> FloatArray | None:
    """One closed day for `rows`: keep the columns of before, then model, bands and monitors."""
    fit, live = panel.fit, panel.live
    if fit is None or day <= fit.through:
        return None
    kept = panel.ring[day % len(panel.ring)]
    for name in Columns.__dataclass_fields__:
        getattr(kept, name)[..., rows] = getattr(live, name)[..., rows]
    units = panel.tickets.usual(panel.sold[day - panel.first_day, rows], rows, day)
    y = units / ONE_UNIT
    mask = ~censored(panel, day, rows)
    mean = _mean(panel, live.state, rows, 1, forecasters)
    expected = _mean(panel, live.reference, rows, 1, forecasters)[0]
    quantiles = bands.quantiles(live.offsets[:, rows], live.scale[rows], mean, fit.growth[rows])
    modelled = fit.choice[rows] >= 0
    seen = mask & modelled
    watched = y
    at_work = panel.drivers.days(rows, np.full(len(rows), day), 1)
    if at_work is not None:
        quantiles = _lifted(panel, rows, mean, at_work)
        y, watched = _without_drivers(panel, rows, y, mean[0], expected, at_work, seen)
    live.offsets[:, rows], live.scale[rows] = bands.update(
        live.offsets[:, rows], live.scale[rows], y, mean[0], seen
    )
    told = seen & ~says_less(panel, day, rows, watched, expected)
    up, down = deviation.observe(
        live.up[rows], live.down[rows], watched, expected, fit.sigma[rows], fit.size[rows], told
    )
    rose, fell = deviation.alarms(up, down, fit.threshold_up[rows], fit.threshold_down[rows])
    rose |= seen & _surged(fit, rows, watched, mean[0])
    live.up[rows], live.down[rows] = up, down
    for m, name in enumerate(fit.models):
        mine = rows[fit.choice[rows] == m]
        if not len(mine):
            continue
        where = np.flatnonzero(fit.choice[rows] == m)
        params = {key: value[mine] for key, value in fit.params.items()}
        model = forecasters[name]
        live.state[:, mine] = model.step(live.state[:, mine], params, y[where], mask[where])
        quiet = np.zeros(len(mine), dtype=np.bool_)
        live.reference[:, mine] = model.step(live.reference[:, mine], params, y[where], quiet)
    alarmed = rows[(rose | fell) & modelled]
    live.alarm_up[rows[rose & modelled]] = day
    live.alarm_down[rows[fell & modelled]] = day
    # After an alarm the reference is the live model: the new level is the one to deviate from.
    live.reference[:, alarmed] = live.state[:, alarmed]
    live.up[alarmed] = 0.0
    live.down[alarmed] = 0.0
    _follow_shifts(panel, day, rows[modelled], forecasters)
    result: FloatArray = quantiles[:, 0, :]
    return result


def _follow_shifts(
    panel: Panel, day: int, rows: IntArray, forecasters: Mapping[str, Forecaster]
) -> None:
    """Put series whose alarm is confirmed on their new level; their band forgets the old one."""
    fit, live = panel.fit, panel.live
    assert fit is not None, "an alarm needs a model"
    newest = np.maximum(live.alarm_up[rows], live.alarm_down[rows])
    first = day - LOOK_BACK + 1
    doubted = rows[(newest >= first) & (live.moved[rows] < day - REST_DAYS)]
    doubted = doubted[panel.began[doubted] <= first]
    if first < panel.first_day or not len(doubted):
        return
    start = first - panel.first_day
    sold = np.stack(
        [
            panel.tickets.usual(panel.sold[start + n, doubted], doubted, first + n)
            for n in range(LOOK_BACK)
        ]
    )
    says = ~(panel.empty[start : start + LOOK_BACK, doubted] & (sold <= 0)).any(axis=0)
    at_work = panel.drivers.days(doubted, np.full(len(doubted), first), LOOK_BACK)
    if at_work is not None:
        says &= ~(at_work.channels != 0).any(axis=0)
    # A week ahead are the same weekdays as the days looked at.
    week = _mean(panel, live.reference, doubted, 7, forecasters)
    now = _mean(panel, live.state, doubted, 7, forecasters)
    for n in np.flatnonzero(says).tolist():
        row, ahead = int(doubted[n]), float(now[:, n].sum())
        ratio = shift_of(sold[:, n] / ONE_UNIT, week[7 - LOOK_BACK :, n], float(fit.size[row]))
        model = forecasters[fit.models[int(fit.choice[row])]]
        if ratio == 1.0 or ahead <= 0.0 or not isinstance(model, Rescales):
            continue
        one = np.array([row], dtype=np.int64)
        factor = np.array([round(ratio * float(week[:, n].sum()) / ahead, 9)])
        live.state[:, one] = model.scaled(live.state[:, one], factor)
        live.reference[:, one] = live.state[:, one]
        live.offsets[:, row] = panel.ring[first % len(panel.ring)].offsets[:, row]
        live.up[row] = live.down[row] = 0.0
        live.moved[row] = day
        live.moved_by[row] = ratio


def _lifted(panel: Panel, rows: IntArray, mean: FloatArray, at_work: DriverDays) -> FloatArray:
    """Quantiles (K, days, n) of base `mean` (days, n) with what is at work on top."""
    fit, live = panel.fit, panel.live
    assert fit is not None, "what drivers do is learned beside a model"
    lift = uplift.lift_of(
        at_work, live.lift_seen[:, rows], live.lift_due[:, rows], fit.lift_mean[:, rows]
    )
    mean = mean * lift.factor
    plain = bands.quantiles(live.offsets[:, rows], live.scale[rows], mean, fit.growth[rows])
    return uplift.widened(plain, mean, lift)


def _without_drivers(
    panel: Panel,
    rows: IntArray,
    y: FloatArray,
    base: FloatArray,
    expected: FloatArray,
    at_work: DriverDays,
    seen: BoolArray,
) -> tuple[FloatArray, FloatArray]:
    """Learn from a day under drivers; the day (n,) as the base model and as the monitors see it."""
    fit, live = panel.fit, panel.live
    assert fit is not None, "what drivers do is learned beside a model"
    mean, sums = fit.lift_mean[:, rows], (live.lift_seen[:, rows], live.lift_due[:, rows])
    before = uplift.lift_of(at_work, *sums, mean)
    watched = uplift.explained(y, expected, at_work, before, sums[0])
    sums = uplift.learned(y, base, fit.size[rows], at_work, *sums, mean, seen)
    live.lift_seen[:, rows], live.lift_due[:, rows] = sums
    after = uplift.lift_of(at_work, *sums, mean).factor[0]
    return np.where(at_work.channels[0] != 0, y / after, y), watched


def says_less(
    panel: Panel, day: int, rows: IntArray, sold: FloatArray, expected: FloatArray
) -> BoolArray:
    """Which rows (n,) a closed day tells the monitors nothing of: censored, or sold below what was
    expected with an empty shelf at its end. Who ran out might have sold more, so what was sold is
    only the least that was asked for.
    """
    out = panel.empty[day - panel.first_day, rows] & (sold < expected)
    result: BoolArray = censored(panel, day, rows) | out
    return result


def _surged(fit: PanelFit, rows: IntArray, y: FloatArray, mean: FloatArray) -> BoolArray:
    """The last look at a day's count: what within the day was a surge and still is at its close."""
    if fit.watch is None:
        return np.zeros(len(rows), dtype=np.bool_)
    whole = np.ones(len(rows))
    found = intraday.log_e(y, mean, whole, fit.watch.size[rows], fit.watch.jump[rows])
    over: BoolArray = found >= fit.watch.limit[rows]
    return over


def _restore(panel: Panel) -> None:
    for row in np.flatnonzero(panel.reopened != NEVER).tolist():
        day = restorable_from(panel, row)
        if panel.fit is None or day > panel.closed[row]:
            continue
        kept = panel.ring[day % len(panel.ring)]
        for name in Columns.__dataclass_fields__:
            getattr(panel.live, name)[..., row] = getattr(kept, name)[..., row]


def _mean(
    panel: Panel,
    state: FloatArray,
    rows: IntArray,
    days: int,
    forecasters: Mapping[str, Forecaster],
) -> FloatArray:
    out = np.zeros((days, len(rows)))
    fit = panel.fit
    if fit is None:
        return out
    for m, name in enumerate(fit.models):
        where = np.flatnonzero(fit.choice[rows] == m)
        if len(where):
            mine = rows[where]
            params = {key: value[mine] for key, value in fit.params.items()}
            mean = forecasters[name].mean(state[:, mine], params, days)
            out[:, where] = checked_mean(mean, days, len(where))
    return out


def _quantiles(
    panel: Panel,
    state: FloatArray,
    rows: IntArray,
    days: int,
    forecasters: Mapping[str, Forecaster],
) -> FloatArray:
    if panel.fit is None:
        return np.zeros((len(LEVELS), days, len(rows)))
    mean = _mean(panel, state, rows, days, forecasters)
    at_work = panel.drivers.days(rows, panel.closed[rows] + 1, days)
    if at_work is not None:
        return _lifted(panel, rows, mean, at_work)
    live = panel.live
    return bands.quantiles(live.offsets[:, rows], live.scale[rows], mean, panel.fit.growth[rows])


def _reach(panel: Panel, first: int, last: int) -> None:
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


def _keep_count(panel: Panel, row: int, on_hand: int, as_of: int) -> None:
    """Remember a count that is not the newest, in order of its moment."""
    as_ofs, stocks = panel.older_as_of[:, row], panel.older_stock[:, row]
    at = int((as_ofs > as_of).sum())
    if at < COUNTS_KEPT:
        as_ofs[at + 1 :], stocks[at + 1 :] = as_ofs[at:-1].copy(), stocks[at:-1].copy()
        as_ofs[at], stocks[at] = as_of, on_hand


def _columns(states: int, n: int) -> Columns:
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
