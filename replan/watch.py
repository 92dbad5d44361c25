"""What does watching say: which days run above their forecast, which items leave it together?

Two looks at the panel that need more than a series' own closed days: at the running count of days
that are still open, and at pools of series. Both are functions of what the panel holds, so that a
late or corrected sale changes them as if it had been known from the start.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from replan import bands, intraday, pooling, uplift
from replan.closing import restorable_from, says_less, watched_day
from replan.forecasting import (
    LEVELS,
    BoolArray,
    FloatArray,
    Forecaster,
    IntArray,
    WatchFit,
    combined,
)
from replan.intraday import Surge
from replan.live_model import base_mean, lift_ahead, live_mean
from replan.panel import NEVER, Panel, takes_part
from replan.units import ONE_UNIT, SiteId, day_number

LEAN_DAYS = 3
OTHERS_LEAN = 2.0
"""A sum that left what was expected is the item's only where its sites still lean that way over the
last days, by so many standard deviations, without the one that leans most: else it is that site's
own matter."""

OTHERS_LOG_E = 2.995732
"""Likewise log E = log 20 of the open day without the site that stands furthest above."""

DAY_SECONDS = 86_400
OPEN_DAYS = 3
"""A day open for longer than this is a feed that fell silent: nothing is read from it."""


def step_pools(
    panel: Panel, forecasters: Mapping[str, Forecaster], back: Mapping[int, int]
) -> None:
    """Carry the watch over pools on to the newest day that all their sites have closed.

    `back` (row → day): what was reopened; its pools are stepped again from that day on.
    """
    fit = panel.fit
    if fit is None or fit.watch is None or not panel.pools:
        return
    of, rows = pooling.members(panel.pools)
    _go_back(panel, of, rows, back)
    taking = takes_part(panel)[rows] & (panel.closed[rows] != NEVER)
    last = np.full(len(panel.pools), 2**62, dtype=np.int64)
    np.minimum.at(last, of[taking], panel.closed[rows[taking]])
    count = np.zeros(len(panel.pools), dtype=np.int64)
    np.add.at(count, of[taking], 1)
    last = np.where(count >= 2, last, NEVER)
    due = last > panel.pool_through
    if not due.any():
        return
    for day in range(int(panel.pool_through[due].min()) + 1, int(last[due].max()) + 1):
        now = due & (panel.pool_through < day) & (last >= day)
        if now.any():
            mine = taking & now[of]
            _step_pools(panel, fit.watch, forecasters, day, now, of[mine], rows[mine])


def _step_pools(
    panel: Panel,
    watch: WatchFit,
    forecasters: Mapping[str, Forecaster],
    day: int,
    pools: BoolArray,
    of: IntArray,
    rows: IntArray,
) -> None:
    """One closed day for `pools` (G,) bool: keep what was before, then sums, alarms, resets."""
    fit = panel.fit
    assert fit is not None, "pools are watched under a fit"
    slot = day % len(panel.ring)
    for kept in (panel.pool_up, panel.pool_down, panel.pool_alarm_up, panel.pool_alarm_down):
        kept[slot, pools] = kept[-1, pools]
    sold, mean = watched_day(panel, day, rows, forecasters)
    # The ring holds the reference of before the day only while the day is in it.
    known = (day > fit.through) & (day > panel.closed[rows] - len(panel.ring))
    seen = known & ~says_less(panel, day, rows, sold, mean)
    n = len(panel.pools)
    sums = pooling.DaySums(
        sold=pooling.summed(of, np.where(seen, sold, 0.0), n),
        mean=pooling.summed(of, np.where(seen, mean, 0.0), n),
        sigma=np.sqrt(pooling.summed(of, np.where(seen, fit.sigma[rows] ** 2, 0.0), n)),
        seen=pooling.summed(of, np.where(seen, 1.0, 0.0), n) > 0.0,
    )
    up, down = pooling.observe(
        panel.pool_up[-1], panel.pool_down[-1], sums, watch.pool_sigma, watch.pool_size
    )
    e = intraday.log_e(sums.sold, sums.mean, np.ones(n), watch.pool_day_size, watch.pool_jump)
    rose = pools & ((up > watch.pool_up) | (sums.seen & (e >= watch.pool_limit)))
    fell = pools & (down > watch.pool_down)
    panel.pool_up[-1] = np.where(pools, np.where(rose | fell, 0.0, up), panel.pool_up[-1])
    panel.pool_down[-1] = np.where(pools, np.where(rose | fell, 0.0, down), panel.pool_down[-1])
    if (rose | fell).any():
        lean = _lean_of_the_others(panel, forecasters, day, of, rows)
        panel.pool_alarm_up[-1, rose & (lean >= OTHERS_LEAN)] = day
        panel.pool_alarm_down[-1, fell & (lean <= -OTHERS_LEAN)] = day
    panel.pool_through[pools] = day


def _lean_of_the_others(
    panel: Panel, forecasters: Mapping[str, Forecaster], day: int, of: IntArray, rows: IntArray
) -> FloatArray:
    """How far the sites of each pool (G,) stand above what was expected of the last days, in their
    standard deviations, without the one that stands furthest to the same side.
    """
    fit = panel.fit
    assert fit is not None, "pools are watched under a fit"
    n = len(panel.pools)
    excess, variance = np.zeros(len(rows)), np.zeros(len(rows))
    for past in range(max(day - LEAN_DAYS + 1, fit.through + 1), day + 1):
        sold, mean = watched_day(panel, past, rows, forecasters)
        seen = (past > panel.closed[rows] - len(panel.ring)) & ~says_less(
            panel, past, rows, sold, mean
        )
        excess += np.where(seen, sold - mean, 0.0)
        variance += np.where(seen, fit.sigma[rows] ** 2, 0.0)
    up = pooling.summed(of, excess, n) > 0.0
    signed = np.where(up[of], excess, -excess)
    most = np.full(n, -np.inf)
    np.maximum.at(most, of, signed)
    others = signed < most[of]
    total = pooling.summed(of, np.where(others, excess, 0.0), n)
    spread = np.sqrt(pooling.summed(of, np.where(others, variance, 0.0), n))
    result: FloatArray = total / np.where(spread > 0.0, spread, np.inf)
    return result


def _go_back(panel: Panel, of: IntArray, rows: IntArray, back: Mapping[int, int]) -> None:
    again = np.full(len(panel.pools), 2**62, dtype=np.int64)
    for row, day in sorted(back.items()):
        mine = of[rows == row]
        again[mine] = np.minimum(again[mine], day)
    for pool in np.flatnonzero(again <= panel.pool_through).tolist():
        slot = int(again[pool]) % len(panel.ring)
        for kept in (panel.pool_up, panel.pool_down, panel.pool_alarm_up, panel.pool_alarm_down):
            kept[-1, pool] = kept[slot, pool]
        panel.pool_through[pool] = again[pool] - 1


def reopened_from(panel: Panel) -> dict[int, int]:
    """From which day each reopened series (row) is stepped again; asked before the days close."""
    if panel.fit is None:
        return {}
    rows = np.flatnonzero(panel.reopened != NEVER).tolist()
    return {row: restorable_from(panel, row) for row in rows}


def restart_pools(panel: Panel, forecasters: Mapping[str, Forecaster]) -> None:
    """Take the watch over pools to the end of what a new fit has seen, and on from there."""
    assert panel.fit is not None, "the fit has just been taken over"
    through = panel.fit.through
    kept = (panel.pool_through > through) & (panel.pool_through <= through + len(panel.ring))
    slot = (through + 1) % len(panel.ring)
    for sums in (panel.pool_up, panel.pool_down):
        sums[-1] = np.where(kept, sums[slot], np.where(panel.pool_through > through, 0.0, sums[-1]))
    for alarms in (panel.pool_alarm_up, panel.pool_alarm_down):
        alarms[-1] = np.where(kept, alarms[slot], alarms[-1])
    panel.pool_through[:] = through
    step_pools(panel, forecasters, {})


def surges(
    panel: Panel, rows: Iterable[int], at: datetime, forecasters: Mapping[str, Forecaster]
) -> dict[int, Surge]:
    """Which of these series, or of the sites of their items, sell above what their day explains by
    now. A pool's surge is put on those of its sites that sell above their own expectation.
    """
    fit = panel.fit
    asked = sorted(set(rows))
    if fit is None or fit.watch is None or not asked:
        return {}
    items = {panel.series[row][0] for row in asked}
    pools = [g for g, pool in enumerate(panel.pools) if pool.item in items]
    every = sorted({*asked, *(int(r) for g in pools for r in panel.pools[g].rows)})
    open_days = _open_days(
        panel, fit.watch, np.array(every, dtype=np.int64), at, forecasters, intraday.EARLY_SECONDS
    )
    found: dict[int, Surge] = {}
    for back in sorted(open_days):
        of_row, day, sold, mean, share = open_days[back]
        own = intraday.log_e(sold, mean, share, fit.watch.size[of_row], fit.watch.jump[of_row])
        place = {int(row): n for n, row in enumerate(of_row.tolist())}
        for n, row in enumerate(of_row.tolist()):
            if own[n] >= fit.watch.limit[row]:
                found[row] = _surge(row, day[n], sold[n], mean[n] * share[n], own[n], wide=False)
        parts = {g: [place[int(r)] for r in panel.pools[g].rows if int(r) in place] for g in pools}
        several = [g for g in pools if len(parts[g]) >= 2]
        together = _pools_log_e(
            fit.watch, several, [(sold[m], mean[m], share[m]) for m in (parts[g] for g in several)]
        )
        for g, e in zip(several, together, strict=True):
            at_ = parts[g]
            most = at_[int(np.argmax((sold - mean * share)[at_]))]
            others = [n for n in at_ if n != most]
            if e < fit.watch.pool_limit[g] or (
                _pools_log_e(fit.watch, [g], [(sold[others], mean[others], share[others])])[0]
                < OTHERS_LOG_E
            ):
                continue
            for n in at_:
                row = int(of_row[n])
                if sold[n] > mean[n] * share[n] and row not in found:
                    found[row] = _surge(row, day[n], sold[n], mean[n] * share[n], e, wide=True)
    return dict(sorted(found.items()))


def _pools_log_e(
    watch: WatchFit,
    pools: Sequence[int],
    sites: Sequence[tuple[FloatArray, FloatArray, FloatArray]],
) -> list[float]:
    """log E of the open day of each pool, of its sites (m,) together: sold, mean and share of the
    day.
    """
    totals = [max(float(mean.sum()), 1e-9) for _, mean, _ in sites]
    over = [float((mean * share).sum()) for _, mean, share in sites]
    log_e: list[float] = intraday.log_e(
        np.array([float(sold.sum()) for sold, _, _ in sites]),
        np.array(totals),
        np.array([due / total for due, total in zip(over, totals, strict=True)]),
        watch.pool_day_size[list(pools)],
        watch.pool_jump[list(pools)],
    ).tolist()
    return log_e


def _surge(row: int, day: int, sold: float, expected: float, e: float, *, wide: bool) -> Surge:
    return Surge(
        row=row,
        day=int(day),
        sold=round(float(sold) * ONE_UNIT),
        expected=round(float(expected), 6),
        log_e=float(e),
        wide=wide,
    )


_OpenDay = tuple[IntArray, IntArray, FloatArray, FloatArray, FloatArray]


def _open_days(
    panel: Panel,
    watch: WatchFit,
    rows: IntArray,
    at: datetime,
    forecasters: Mapping[str, Forecaster],
    early: int,
) -> dict[int, _OpenDay]:
    """By days before today: rows, day, units sold, mean of the whole day, share of it that is over
    `early` seconds from now, of series that have a model and a profile and whose day is open. With
    time to spare drivers are given the benefit of the doubt too.
    """
    assert panel.fit is not None, "asked under a fit"
    today, seconds = local_now(panel, rows, at)
    ready = takes_part(panel)[rows] & (watch.profile_of[rows] >= 0)
    open_for = today - panel.closed[rows]
    ready &= (open_for >= 1) & (open_for <= OPEN_DAYS) & (today < panel.first_day + len(panel.sold))
    rows, today, seconds, open_for = rows[ready], today[ready], seconds[ready], open_for[ready]
    if not len(rows):
        return {}
    days = int(open_for.max())
    mean = (
        most_expected(panel, rows, days, forecasters)
        if early
        else live_mean(panel, rows, days, forecasters)
    )
    found: dict[int, _OpenDay] = {}
    for back in range(OPEN_DAYS):
        day = today - back
        mine = np.flatnonzero(open_for > back)
        if not len(mine):
            continue
        kinds = np.array([intraday.weekday_kind(d) for d in day[mine].tolist()], dtype=np.int64)
        elapsed = seconds[mine] + early + back * DAY_SECONDS
        share = intraday.share_by(watch.profile[watch.profile_of[rows[mine]]], kinds, elapsed)
        sold = _usual(panel, rows[mine], day[mine]) / ONE_UNIT
        ahead = (open_for - back - 1)[mine]
        found[back] = (rows[mine], day[mine], sold, mean[ahead, mine], share)
    return found


def _usual(panel: Panel, rows: IntArray, days: IntArray) -> IntArray:
    """Thousandths sold (n,) on these days, as far as they are usual tickets."""
    sold = panel.sold[days - panel.first_day, rows]
    both = zip(rows.tolist(), days.tolist(), strict=True)
    over = np.array([panel.tickets.excess.get(key, 0) for key in both], dtype=np.int64)
    usual: IntArray = np.maximum(sold - over, 0)
    return usual


def most_expected(
    panel: Panel, rows: IntArray, days: int, forecasters: Mapping[str, Forecaster]
) -> FloatArray:
    """Mean (days, n) from the first open day on, with as much put down to drivers as the upper end
    of their own 90 % range can carry.
    """
    base = base_mean(panel, rows, days, forecasters)
    lift = lift_ahead(panel, rows, days)
    return base if lift is None else base * lift.factor * (1.0 + uplift.Z95 * lift.spread)


def local_now(panel: Panel, rows: IntArray, at: datetime) -> tuple[IntArray, IntArray]:
    """The local day number (n,) of each series at a moment, and the seconds since its midnight."""
    by_site: dict[SiteId, tuple[int, int]] = {}
    for site, zone in panel.zones.items():
        wall = at.astimezone(zone)
        by_site[site] = (day_number(wall.date()), (wall.hour * 60 + wall.minute) * 60 + wall.second)
    both = [by_site[panel.series[row][1]] for row in rows.tolist()]
    table = np.array(both, dtype=np.int64).reshape(len(both), 2)
    return table[:, 0], table[:, 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What is left of a series' day: demand (K,) at `LEVELS`, base units, and the share of a usual
    day.
    """

    quantiles: FloatArray
    share: float


def left_of_day(
    panel: Panel,
    rows: IntArray,
    at: datetime,
    today: int,
    forecasters: Mapping[str, Forecaster],
) -> dict[int, Left]:
    """By row what is left of the day `today`, for series whose profile tells it and whose local day
    it is.
    """
    fit = panel.fit
    if fit is None or fit.watch is None or not len(rows):
        return {}
    now = _open_days(panel, fit.watch, rows, at, forecasters, 0).get(0)
    if now is None:
        return {}
    mine, day, sold, mean, share = now
    rest = intraday.rest_of_day(sold, mean, share, fit.watch.size[mine], fit.watch.jump[mine])
    return {
        row: Left(quantiles=rest[:, n], share=1.0 - float(share[n]))
        for n, row in enumerate(mine.tolist())
        if day[n] == today
    }


def after_surges(
    panel: Panel,
    rows: IntArray,
    quantiles: FloatArray,
    surged: Mapping[int, Surge],
    left: Mapping[int, Left],
    forecasters: Mapping[str, Forecaster],
) -> FloatArray:
    """Forecasts (K, D, n) from each row's first open day on. Where that day surges, the days after
    it are what the model will believe when the day ends as it now looks: one step on a copy of its
    state, with the wider band that it will have. A surge lowers nothing.
    """
    changed = quantiles
    for n, row in enumerate(rows.tolist()):
        surge = surged.get(row)
        if surge is None or surge.day != panel.closed[row] + 1:
            continue
        if changed is quantiles:
            changed = quantiles.copy()
        rest = float(left[row].quantiles[LEVELS.index(0.5)]) if row in left else 0.0
        whole = surge.sold / ONE_UNIT + rest
        after = _after_today(panel, row, whole, quantiles.shape[1] - 1, forecasters)
        changed[:, 1:, n] = np.maximum(quantiles[:, 1:, n], after)
    return changed


def _after_today(
    panel: Panel, row: int, sold: float, days: int, forecasters: Mapping[str, Forecaster]
) -> FloatArray:
    """Quantiles (K, days) of the days after the first open one, had that sold so much."""
    fit = panel.fit
    assert fit is not None, "a surge is found under a fit"
    model = forecasters[fit.models[int(fit.choice[row])]]
    own = np.array([row], dtype=np.int64)
    params = {name: values[own] for name, values in fit.params.items()}
    lift = lift_ahead(panel, own, days + 1)
    base = sold if lift is None else sold / float(lift.factor[0, 0])
    y, seen = np.array([base]), np.array([True])
    live = panel.live
    expected = model.mean(live.state[:, own], params, 1)[0]
    offsets, scale = bands.update(live.offsets[:, own], live.scale[own], y, expected, seen)
    mean = model.mean(model.step(live.state[:, own], params, y, seen), params, days)
    if lift is not None:
        mean = mean * lift.factor[1:]
    banded = bands.quantiles(offsets, scale, mean, fit.growth[own])
    if lift is not None:
        rest = uplift.Lift(factor=lift.factor[1:], spread=lift.spread[1:])
        banded = uplift.widened(banded, mean, rest)
    result: FloatArray = combined(banded, mean)[:, :, 0]
    return result


def risen_since(panel: Panel, row: int) -> tuple[int, bool]:
    """The newest closed day on which a series rose above its reference, by itself or with its
    item's other sites; whether it was with others. `NEVER` where it did not.
    """
    return _newest(panel, row, panel.live.alarm_up, panel.live.up, panel.pool_alarm_up)


def fallen_since(panel: Panel, row: int) -> tuple[int, bool]:
    """Likewise the newest closed day on which it fell below."""
    return _newest(panel, row, panel.live.alarm_down, panel.live.down, panel.pool_alarm_down)


def _newest(
    panel: Panel, row: int, own: IntArray, sums: FloatArray, pools: IntArray
) -> tuple[int, bool]:
    alone, together = int(own[row]), NEVER
    for g in panel.pools_with[row]:
        together = max(together, int(pools[-1, g]))
    part = alone != NEVER or bool(pooling.takes_part(sums[row : row + 1])[0])
    return (together, True) if part and NEVER < together >= alone else (alone, False)
