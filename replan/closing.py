"""What happens when a day closes?

Models, bands and monitors of its series step once; late facts of a recently closed day restore the
columns kept from before that day and step again.
"""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from replan import bands, deviation, intraday, uplift
from replan.forecasting import (
    BoolArray,
    DriverDays,
    FloatArray,
    Forecaster,
    IntArray,
    PanelFit,
)
from replan.level_shift import LOOK_BACK, REST_DAYS, Rescales, shift_of
from replan.live_model import lifted, model_mean
from replan.panel import NEVER, Columns, Panel, empty_columns, reach
from replan.stock_book import book_stock, stock_known
from replan.units import ONE_UNIT, SiteId, day_number


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
        reach(panel, start, last)
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
    panel.ring = [empty_columns(fit.state.shape[0], panel.size) for _ in panel.ring]
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


def watched_day(
    panel: Panel, day: int, rows: IntArray, forecasters: Mapping[str, Forecaster]
) -> tuple[FloatArray, FloatArray]:
    """A closed day in the ring as the monitors see it: what was sold (n,), brought back to a day
    without drivers, and what the frozen reference expected of it the evening before.
    """
    before = panel.ring[day % len(panel.ring)]
    expected: FloatArray = model_mean(panel, before.reference, rows, 1, forecasters)[0]
    units = panel.tickets.usual(panel.sold[day - panel.first_day, rows], rows, day)
    sold = units / ONE_UNIT
    at_work = panel.drivers.days(rows, np.full(len(rows), day), 1)
    if at_work is None or panel.fit is None:
        return sold, expected
    seen, due = before.lift_seen[:, rows], before.lift_due[:, rows]
    lift = uplift.lift_of(at_work, seen, due, panel.fit.lift_mean[:, rows])
    return uplift.explained(sold, expected, at_work, lift, seen), expected


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
    mean = model_mean(panel, live.state, rows, 1, forecasters)
    expected = model_mean(panel, live.reference, rows, 1, forecasters)[0]
    quantiles = bands.quantiles(live.offsets[:, rows], live.scale[rows], mean, fit.growth[rows])
    modelled = fit.choice[rows] >= 0
    seen = mask & modelled
    watched = y
    at_work = panel.drivers.days(rows, np.full(len(rows), day), 1)
    if at_work is not None:
        quantiles = lifted(panel, rows, mean, at_work)
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
    week = model_mean(panel, live.reference, doubted, 7, forecasters)
    now = model_mean(panel, live.state, doubted, 7, forecasters)
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
