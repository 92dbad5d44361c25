"""Why does demand differ, and what of a shortage would not be there without that?

A deviation is the median demand ahead less what the frozen reference expects. It is taken apart
into what announced promotions, prices and competitors put on top, what the item's other sites have
in common, what an empty neighbour sends over, and the rest, which is the site's own. Each part
rests on facts that were told; what nothing explains stays unknown.

A counterfactual takes one part away and plays the same held-out draws again with nothing done: what
is then no longer short would not have been short without it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from replan.ahead import Ahead
from replan.arrivals import is_late
from replan.drivers import StatedDriver
from replan.effects import Counterfactual, Driver
from replan.forecasting import LEVELS, FloatArray, Forecaster
from replan.live_model import lift_ahead, reference_mean
from replan.network import Network
from replan.outlook import DOUBT_DAYS, left_to_sell
from replan.panel import NEVER, Panel, is_forecast
from replan.planning import Inbound, PlanningProblem, SiteOutlook
from replan.scenarios import draws, play
from replan.state import SenseState
from replan.stock_book import book_stock, stock_known
from replan.substitutes import emptied_items
from replan.supply import OrderLine
from replan.units import ONE_UNIT, ItemId, SiteId, day_from_number, day_number, units_nearest
from replan.uplift import ratios

RECENT_DAYS = 7
"""An alarm or an empty shelf next door explains a deviation only while it is this young."""

BUSY_DAYS = 1.1
"""Days ahead that sell this much more than the average day of their week are told as calendar."""

NAMES: Mapping[str, str] = {"promo": "promotion", "price": "price", "competitor": "competitor"}


OWN_PARTS = frozenset({"item_wide", "neighbour", "substitute", "this_site"})
"""Parts of a deviation that are told from sales and shelves, not from an announcement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A deviation in parts that add up to it, for one site; thousandths of base units."""

    drivers: tuple[Driver, ...]
    tags: tuple[str, ...]
    without: Mapping[str, FloatArray]
    """By driver: the factor (H,) on each day's demand ahead that is left without it."""

    @property
    def confidence(self) -> float:
        """Share of the deviation that named causes explain, 0 to 1, to 1e-3. What the item's other
        sites do is one only where some of them were found to have left their forecast too.
        """
        unnamed = {"this_site"} if "item_wide" in self.tags else {"this_site", "item_wide"}
        whole = sum(abs(d.units) for d in self.drivers)
        own = sum(abs(d.units) for d in self.drivers if d.name in unnamed)
        return round(1.0 - own / whole, 3) if whole else 0.0


def at_work(panel: Panel, ahead: Ahead, today: int) -> dict[str, FloatArray]:
    """What drivers multiply the demand ahead of a series by: cause → factor (H,), 1 on other days.

    Their product is the factor that the forecast carries.
    """
    horizon = ahead.quantiles.shape[1]
    found = panel.drivers.of(ahead.row, today, today + horizon - 1)
    if not found or panel.fit is None:
        return {}
    (total,) = _factors(panel, [ahead.row], today, horizon)
    rows = np.array([ahead.row])
    live = panel.live
    ratio = ratios(live.lift_seen[:, rows], live.lift_due[:, rows], panel.fit.lift_mean[:, rows])[
        :, 0
    ]
    weights = {d.cause: _weight(d, float(ratio[d.channel]), found, today, horizon) for d in found}
    whole = np.maximum(sum(weights.values()), 1e-12)
    log_total = np.log(total)
    return {
        cause: np.round(np.exp(log_total * weight / whole), 9).astype(np.float64)
        for cause, weight in sorted(weights.items())
    }


def leading_driver(panel: Panel, ahead: Ahead, today: int) -> tuple[str, int] | None:
    """The cause that adds most units over the window, and how many; None where nothing adds any."""
    window = ahead.window
    median = ahead.quantiles[LEVELS.index(0.5)][:window]
    best: tuple[int, str] | None = None
    for cause, factor in at_work(panel, ahead, today).items():
        added = units_nearest(float((median * (1.0 - 1.0 / factor[:window])).sum()))
        if added > 0 and (best is None or added > best[0]):
            best = (added, cause)
    return None if best is None else (best[1], best[0])


def empty_neighbours(panel: Panel, item: ItemId, site: SiteId, today: int) -> tuple[SiteId, ...]:
    """Other sites whose shelf of the item is or was empty in the last days, as far as counted."""
    known, book = stock_known(panel), book_stock(panel)
    since = max(today - RECENT_DAYS - panel.first_day, 0)
    found = []
    for row, (of, other) in enumerate(panel.series):
        if of != item or other == site or not known[row]:
            continue
        upto = max(int(panel.closed[row]) - panel.first_day + 1, 0)
        if book[row] <= 0 or panel.empty[since:upto, row].any():
            found.append(other)
    return tuple(sorted(found))


def sent_over(
    state: SenseState,
    network: Network,
    item: ItemId,
    site: SiteId,
    aheads: Sequence[Ahead],
    today: int,
    forecasters: Mapping[str, Forecaster],
) -> SiteId | None:
    """The empty neighbour whose customers stand for half of a site's deviation or more; None where
    they are too few to explain it.
    """
    emptied = empty_neighbours(state.panel, item, site, today)
    if not emptied:
        return None
    parts = split(state, network, item, site, aheads, today, forecasters).drivers
    units = {d.name: d.units for d in parts}
    sent = units.get("neighbour", 0)
    whole = sum(abs(part) for part in units.values())
    return emptied[0] if sent > 0 and 2 * sent >= whole else None


def late_units(state: SenseState, item: ItemId, site: SiteId, today: int) -> dict[str, int]:
    """Open units by supplier that were promised to be here by now, or earlier than they are."""
    found: dict[str, int] = {}
    for line in late_lines(state, item, site, today):
        supplier = str(line.stated.supplier)
        found[supplier] = found.get(supplier, 0) + int(state.supply.open_qty(line))
    return found


def late_lines(state: SenseState, item: ItemId, site: SiteId, today: int) -> list[OrderLine]:
    """Open lines to a site that are overdue, or promised later than at first."""
    return [
        line
        for line in state.supply.open_lines(item)
        if line.stated.ship_to == site and is_late(state.supply, line, today)
    ]


def split(
    state: SenseState,
    network: Network,
    item: ItemId,
    site: SiteId,
    aheads: Sequence[Ahead],
    today: int,
    forecasters: Mapping[str, Forecaster],
) -> Split:
    """The deviation of a site's demand ahead over its window, in parts."""
    panel = state.panel
    ahead = next(a for a in aheads if a.site == site)
    window, horizon = ahead.window, ahead.quantiles.shape[1]
    live, frozen = {}, {}
    factors = _factors(panel, [a.row for a in aheads], today, horizon)
    for a, factor in zip(aheads, factors, strict=True):
        median = a.quantiles[LEVELS.index(0.5)][:window]
        live[a.site] = float((median / factor[:window]).sum())
        frozen[a.site] = float(_reference(panel, a, today, window, forecasters).sum())
    median = ahead.quantiles[LEVELS.index(0.5)]
    total = units_nearest(float(median[:window].sum())) - units_nearest(frozen[site])
    until = day_from_number(today + window - 1)
    drivers: list[Driver] = []
    tags: list[str] = []
    without: dict[str, FloatArray] = {}
    for cause, factor, added in _parts_of_drivers(panel, ahead, today):
        kind, _, name = cause.partition(":")
        drivers.append(
            Driver(
                name=cause,
                units=added,
                text=f"{NAMES[kind]} {name} changes demand at {site} ×{factor.max():.2f}"
                if added >= 0
                else f"{NAMES[kind]} {name} changes demand at {site} ×{factor.min():.2f}",
            )
        )
        tags.append(NAMES[kind])
        without[cause] = 1.0 / factor
    others = [s for s in live if s != site]
    base = sum(frozen[s] for s in others)
    change = (sum(live[s] for s in others) - base) / base if base > 0 else 0.0
    shared = units_nearest(change * frozen[site])
    own = total - shared - sum(d.units for d in drivers)
    emptied = empty_neighbours(panel, item, site, today) if own > 0 else ()
    sent = min(own, sum(units_nearest(frozen.get(s, 0.0)) for s in emptied)) if emptied else 0
    drivers.append(
        Driver(
            name="item_wide",
            units=shared,
            text=f"demand for {item} at its other sites differs by {change:+.0%}",
        )
    )
    if sent > 0:
        who = ", ".join(emptied)
        drivers.append(Driver(name="neighbour", units=sent, text=f"{who} had none left of {item}"))
        tags.append("neighbour_stock_out")
    missing = emptied_items(panel, network, item, site, today, RECENT_DAYS) if own > sent else ()
    switched = min(own - sent, _usual_units(panel, missing, site, today, window, forecasters))
    if switched > 0:
        who = ", ".join(missing)
        text = f"{site} had none left of {who}, and {item} is bought in its place"
        drivers.append(Driver(name="substitute", units=switched, text=text))
        tags.append("substitute_stock_out")
    drivers.append(
        Driver(
            name="this_site",
            units=own - sent - switched,
            text=f"what {site} differs by beyond that, until {until}",
        )
    )
    usual = max(float(median[:window].sum()), 1e-9)
    for driver in drivers:
        if driver.name in OWN_PARTS and driver.units > 0:
            left = max(1.0 - driver.units / ONE_UNIT / usual, 0.0)
            without[driver.name] = np.full(horizon, left)
    if _alarmed(aheads, today) >= 2:
        tags.append("item_wide")
    if late_lines(state, item, site, today):
        tags.append("late_supply")
    if _bulk_lately(state, ahead.row, today):
        tags.append("bulk")
    if not tags and _is_busy(panel, ahead.row, today, window, forecasters):
        tags.append("calendar")
    return Split(
        drivers=tuple(drivers),
        tags=tuple(sorted(set(tags))) or ("unknown",),
        without=without,
    )


def counterfactuals(
    state: SenseState, problem: PlanningProblem, site: SiteId, parts: Split, today: int, stream: int
) -> tuple[Counterfactual, ...]:
    """What of the site's shortage would not be there without each part, the largest first.

    On the very draws on which plans are judged, with nothing done; mean over the draws.
    """
    alone = next(s for s in problem.sites if s.site == site)
    asked = replace(problem, sites=(alone,), lanes=(), expedites=())
    short = _short(asked, alone, stream)
    found = []
    for name, factor in sorted(parts.without.items()):
        scaled = np.round(np.asarray(alone.quantiles) * factor[None, :], 6)
        quieter = replace(alone, quantiles=tuple(map(tuple, scaled.tolist())))
        found.append(_told(name, short, _short(asked, quieter, stream)))
    lines = late_lines(state, problem.item, site, today)
    for supplier in sorted({str(line.stated.supplier) for line in lines}):
        mine = {
            str(line.stated.po_line): max(day_number(line.first_promised) - today, 0)
            for line in lines
            if line.stated.supplier == supplier
        }
        punctual = replace(alone, inbound=tuple(_as_promised(row, mine) for row in alone.inbound))
        found.append(_told(f"supplier:{supplier}", short, _short(asked, punctual, stream)))
    telling = [c for c in found if c.avoided >= ONE_UNIT]
    return tuple(sorted(telling, key=lambda c: (-c.avoided, c.name)))


def _short(problem: PlanningProblem, site: SiteOutlook, stream: int) -> int:
    alone = replace(problem, sites=(site,))
    short = play(alone, (), draws(alone, alone.held_out, stream)).short
    return int(short.sum()) // alone.held_out


def _told(name: str, short: int, left: int) -> Counterfactual:
    avoided = max(short - left, 0)
    kind, _, of = name.partition(":")
    what = {
        "item_wide": "what all sites have in common",
        "neighbour": "the empty neighbour",
        "substitute": "the empty shelf of what it replaces",
        "this_site": "what this site alone differs by",
        "supplier": f"the delay of {of}",
    }.get(kind, f"{NAMES.get(kind, kind)} {of}")
    text = f"without {what}, {_units(avoided)} of {_units(short)} units would not have been short"
    return Counterfactual(name=name, short=short, avoided=avoided, text=text)


def _units(thousandths: int) -> str:
    units = thousandths / ONE_UNIT
    return f"{units:.0f}" if units >= 10 else f"{round(units, 1):g}"


def _as_promised(row: Inbound, promised: Mapping[str, int]) -> Inbound:
    # A delivery is named after its order line, and what carries it.
    day = promised.get(row.ref.partition("/")[0].removesuffix("+"))
    return row if day is None else replace(row, day_p50=day, day_p90=day)


def _parts_of_drivers(panel: Panel, ahead: Ahead, today: int) -> list[tuple[str, FloatArray, int]]:
    """(cause, factor (H,), units over the window) of what is at work; the units add up to all that
    drivers put on top, the last one taking what rounding leaves.
    """
    window = ahead.window
    factors = at_work(panel, ahead, today)
    if not factors:
        return []
    median = ahead.quantiles[LEVELS.index(0.5)][:window]
    total = np.prod([f[:window] for f in factors.values()], axis=0)
    lifted = median * (1.0 - 1.0 / total)
    logs = {cause: np.log(f[:window]) for cause, f in factors.items()}
    whole = sum(logs.values())
    shares = {
        cause: np.where(np.abs(whole) > 1e-12, log / np.where(np.abs(whole) > 1e-12, whole, 1), 0)
        for cause, log in logs.items()
    }
    return [
        (cause, factors[cause], units_nearest(float((lifted * shares[cause]).sum())))
        for cause in factors
    ]


def _factors(panel: Panel, rows: Sequence[int], today: int, horizon: int) -> FloatArray:
    """The factor (n, H) on each series' demand from today on; 1 where nothing is at work, and on
    closed days.
    """
    first_open = panel.closed[rows] + 1
    behind = np.maximum(today - first_open, 0)
    lift = lift_ahead(panel, np.array(rows, dtype=np.int64), horizon + int(behind.max()))
    factors = np.ones((len(rows), horizon))
    if lift is not None:
        for n, skip in enumerate(np.clip(first_open - today, 0, horizon).tolist()):
            since = int(behind[n])
            factors[n, skip:] = lift.factor[since : since + horizon - skip, n]
    return factors


def _weight(
    driver: StatedDriver, ratio: float, found: Sequence[StatedDriver], today: int, horizon: int
) -> FloatArray:
    """How much of a day's lift is this driver's (H,), in logarithms, before they are shared out."""
    days = today + np.arange(horizon)
    on = (driver.first <= days) & (days <= driver.last)
    if not driver.is_announced:
        for other in found:
            if other.is_announced and other.kind == "promo":
                on &= ~((other.first <= days) & (days <= other.last))
    weight = abs(float(np.log(driver.prior * ratio))) + 1e-9
    return np.where(on, weight, 0.0)


def _reference(
    panel: Panel, ahead: Ahead, today: int, days: int, forecasters: Mapping[str, Forecaster]
) -> FloatArray:
    """What the frozen reference still expects of a series (days,) from today on; for a fortnight
    after it was put on a new level, what it expected before.
    """
    row = ahead.row
    first_open = int(panel.closed[row]) + 1
    behind = max(today - first_open, 0)
    mean = reference_mean(panel, np.array([row], dtype=np.int64), days + behind, forecasters)
    share = ahead.left_of_today
    to_come = None if share is None else mean[behind] * share
    live = panel.live
    if live.moved[row] >= today - DOUBT_DAYS:
        mean = mean / live.moved_by[row]
    result: FloatArray = left_to_sell(panel, row, mean.T, first_open, today, days, to_come)[0]
    return result


def _usual_units(
    panel: Panel,
    items: Sequence[ItemId],
    site: SiteId,
    today: int,
    days: int,
    forecasters: Mapping[str, Forecaster],
) -> int:
    """What these items usually sell at a site over some days, thousandths; nothing of one that has
    no model.
    """
    total = 0.0
    for item in items:
        row = panel.row_of[(item, site)]
        if is_forecast(panel)[row] and panel.closed[row] != NEVER:
            behind = max(today - int(panel.closed[row]) - 1, 0)
            mean = reference_mean(panel, np.array([row]), days + behind, forecasters)
            total += float(mean[behind:, 0].sum())
    return units_nearest(total)


def _alarmed(aheads: Sequence[Ahead], today: int) -> int:
    newest = [a.risen for a in aheads]
    return sum(day != NEVER and day >= today - RECENT_DAYS for day in newest)


def _bulk_lately(state: SenseState, row: int, today: int) -> bool:
    seen = state.sightings.get((row, "bulk"))
    return seen is not None and day_number(seen.time.date()) >= today - RECENT_DAYS


def _is_busy(
    panel: Panel, row: int, today: int, window: int, forecasters: Mapping[str, Forecaster]
) -> bool:
    """Whether the weekdays until supply arrives sell clearly more than an average day."""
    rows = np.array([row], dtype=np.int64)
    behind = max(today - int(panel.closed[row]) - 1, 0)
    mean = reference_mean(panel, rows, max(window, 7) + behind, forecasters)[behind:, 0]
    average = float(mean[:7].mean())
    return average > 0.0 and float(mean[:window].mean()) >= BUSY_DAYS * average
