"""Do an item's sites together leave what was expected of them? The same tests on their sum.

A doubled demand of a unit a day takes weeks to show at one site and days over twenty: the signal
of a sum grows with the number of sites, its noise with the root. So each item is watched over all
its sites, and over those of each region, by the pair of cumulative sums of `replan.deviation` and
by the count of the open day of `replan.intraday`.

Sites err together (weather, season), so a sum's spread is larger than that of independent sites:
the fit measures by how much. A censored site leaves both the sum and what was expected of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from replan import deviation
from replan.forecasting import BoolArray, FloatArray, IntArray
from replan.network import Network
from replan.units import ItemId


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Series that are watched together: an item's, of one region (None: of all). `rows` (m,)
    ascending, at least two.
    """

    item: ItemId
    region: str | None
    rows: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySums:
    """One closed day of G pools: units sold, expected, spread σ of independent sites, whether
    anything was seen.
    """

    sold: FloatArray
    mean: FloatArray
    sigma: FloatArray
    seen: BoolArray


def pools_of(network: Network) -> tuple[Pool, ...]:
    """Each item over all its sites, then over those of each region that is not all of them."""
    rows: dict[ItemId, dict[str, list[int]]] = {}
    for row, (item, site) in enumerate(network.series):
        rows.setdefault(item, {}).setdefault(network.sites[site].region, []).append(row)
    found: list[Pool] = []
    for item, by_region in sorted(rows.items()):
        everywhere = sorted(row for own in by_region.values() for row in own)
        groups: list[tuple[str | None, list[int]]] = [(None, everywhere)]
        if len(by_region) > 1:
            groups += [(region, own) for region, own in sorted(by_region.items())]
        found += [
            Pool(item=item, region=region, rows=np.array(own, dtype=np.int64))
            for region, own in groups
            if len(own) > 1
        ]
    return tuple(found)


def pools_with(pools: tuple[Pool, ...], series: int) -> tuple[tuple[int, ...], ...]:
    """For each of N series the numbers of the pools that hold it."""
    found: list[list[int]] = [[] for _ in range(series)]
    for g, pool in enumerate(pools):
        for row in pool.rows.tolist():
            found[row].append(g)
    return tuple(map(tuple, found))


def members(pools: tuple[Pool, ...] | tuple[IntArray, ...]) -> tuple[IntArray, IntArray]:
    """Which pool (M,) and which row (M,), pool by pool."""
    rows = [pool.rows if isinstance(pool, Pool) else pool for pool in pools]
    if not rows:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    return np.repeat(np.arange(len(rows)), [len(own) for own in rows]), np.concatenate(rows)


def summed(of: IntArray, values: FloatArray, pools: int) -> FloatArray:
    """Sums (G,) of `values` (M,) by pool, in the order of the members."""
    total = np.zeros(pools)
    np.add.at(total, of, values)
    return total


def observe(
    up: FloatArray,
    down: FloatArray,
    day: DaySums,
    factor: FloatArray,
    size: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Both sums (G,) after one closed day; `factor` (G,): spread beside that of independent
    sites.
    """
    sigma = np.where(day.seen, factor * day.sigma, 1.0)
    return deviation.observe(up, down, day.sold, day.mean, sigma, size, day.seen)


def shares(rows: Sequence[IntArray]) -> FloatArray:
    """For how many series (G,) each pool speaks: one that stands in two pools counts half in each,
    so that all pools together speak for no more series than there are.
    """
    if not rows:
        return np.zeros(0)
    of, flat = members(tuple(rows))
    stands_in = np.bincount(flat)
    return summed(of, 1.0 / stands_in[flat], len(rows))


def largest(rows: Sequence[IntArray]) -> FloatArray:
    """How many series (G,) the largest pool has that shares one with each pool."""
    if not rows:
        return np.zeros(0)
    of, flat = members(tuple(rows))
    by_row, by_pool = np.zeros(int(flat.max(initial=0)) + 1), np.zeros(len(rows))
    np.maximum.at(by_row, flat, np.bincount(of, minlength=len(rows))[of])
    np.maximum.at(by_pool, of, by_row[flat])
    return by_pool


def takes_part(sums: FloatArray) -> BoolArray:
    """Which sites (m,) of a pool that rose or fell lean the same way themselves."""
    own: BoolArray = sums > 0.0
    return own
