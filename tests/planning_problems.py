"""Planning problems that look like a shop chain's week: for tests and measurements, all seeded."""

from datetime import UTC, date, datetime, timedelta

import numpy as np

from replan.forecasting import LEVELS
from replan.planning import (
    BufferOffer,
    ExpediteOffer,
    Inbound,
    LaneOffer,
    NextOrder,
    PlanningProblem,
    PostponeOffer,
    SiteOutlook,
)
from replan.units import ItemId, LaneId, PoLineId, SiteId, SupplierId, Units

ASKED_AT = datetime(2026, 5, 4, 6, tzinfo=UTC)


def certain(daily: list[float]) -> tuple[tuple[float, ...], ...]:
    """Quantiles of demand that is nearly known: all levels the same, but for the low tail."""
    return tuple(tuple(daily) for _ in LEVELS)


def site(
    name: str,
    *,
    on_hand: int,
    daily: list[float],
    spare: int = 0,
    inbound: tuple[Inbound, ...] = (),
    shortage_minor: int = 1_000,
    holding_millis: int = 0,
    window: int | None = None,
) -> SiteOutlook:
    """A site with known demand; `on_hand` and `spare` in base units."""
    return SiteOutlook(
        site=SiteId(name),
        region="EAST",
        on_hand=Units(on_hand * 1_000),
        inbound=inbound,
        quantiles=certain(daily),
        window=len(daily) if window is None else window,
        spare=Units(spare * 1_000),
        persistent=0.3,
        shortage_minor=shortage_minor,
        holding_millis=holding_millis,
    )


def lane(
    name: str,
    origin: str,
    destination: str,
    *,
    arrive: int = 1,
    fixed: int = 0,
    unit: int = 100,
    lot: int = 1,
    least: int = 0,
    capacity: int | None = None,
    ship_day: int = 0,
) -> LaneOffer:
    """A lane offer without delay; lot, least and capacity in base units."""
    return LaneOffer(
        lane=LaneId(name),
        origin=SiteId(origin),
        destination=SiteId(destination),
        ship_day=ship_day,
        arrive_p50=arrive,
        arrive_p90=arrive,
        fixed_cost_minor=fixed,
        unit_cost_minor=unit,
        min_qty=Units(least * 1_000),
        lot_multiple=Units(lot * 1_000),
        capacity=None if capacity is None else Units(capacity * 1_000),
        latest_start=ASKED_AT + timedelta(hours=6),
    )


def order_line(
    po_line: str,
    destination: str,
    *,
    qty: int,
    day: int,
    new_day: int,
    fixed: int = 0,
    unit: int = 100,
    lot: int = 1,
    approved: bool = True,
) -> tuple[Inbound, ExpediteOffer]:
    """An open order line without delay and the offer to bring it forward, in base units."""
    inbound = Inbound(ref=po_line, qty=Units(qty * 1_000), day_p50=day, day_p90=day)
    offer = ExpediteOffer(
        po_line=PoLineId(po_line),
        supplier=SupplierId("SUP1"),
        site=SiteId(destination),
        qty=Units(qty * 1_000),
        lot_multiple=Units(lot * 1_000),
        day_p50=day,
        day_p90=day,
        new_day_p50=new_day,
        new_day_p90=new_day,
        fixed_cost_minor=fixed,
        unit_cost_minor=unit,
        approved=approved,
        latest_start=ASKED_AT + timedelta(hours=6),
    )
    return inbound, offer


def buffer(
    destination: str,
    *,
    qty: int,
    arrive: int = 1,
    premium: int = 50,
    least: int = 0,
    lot: int = 1,
    approved: bool = True,
) -> BufferOffer:
    """What SUP1 still holds for a site, in base units; they cost 500 and the premium a unit."""
    return BufferOffer(
        supplier=SupplierId("SUP1"),
        site=SiteId(destination),
        qty=Units(qty * 1_000),
        min_qty=Units(least * 1_000),
        lot_multiple=Units(lot * 1_000),
        arrive_p50=arrive,
        arrive_p90=arrive,
        unit_cost_minor=500,
        premium_minor=premium,
        clause="4.2",
        approved=approved,
        latest_start=ASKED_AT + timedelta(hours=6),
    )


def later(inbound: Inbound, destination: str, *, new_day: int, lot: int = 1) -> PostponeOffer:
    """The offer to let an open order line come on a later day."""
    return PostponeOffer(
        po_line=PoLineId(inbound.ref),
        supplier=SupplierId("SUP1"),
        site=SiteId(destination),
        qty=inbound.qty,
        lot_multiple=Units(lot * 1_000),
        day_p50=inbound.day_p50,
        day_p90=inbound.day_p90,
        new_day_p50=new_day,
        new_day_p90=new_day + inbound.day_p90 - inbound.day_p50,
        approved=True,
        latest_start=ASKED_AT + timedelta(hours=30),
    )


def problem(
    sites: tuple[SiteOutlook, ...],
    lanes: tuple[LaneOffer, ...] = (),
    expedites: tuple[ExpediteOffer, ...] = (),
    *,
    buffers: tuple[BufferOffer, ...] = (),
    postpones: tuple[PostponeOffer, ...] = (),
    horizon: int | None = None,
    scenarios: int = 3,
    held_out: int = 5,
    seed: int = 7,
) -> PlanningProblem:
    """A problem over these sites and offers."""
    return PlanningProblem(
        item=ItemId("I1"),
        asked_at=ASKED_AT,
        first_day=date(2026, 5, 4),
        horizon=len(sites[0].quantiles[0]) if horizon is None else horizon,
        sites=sites,
        lanes=lanes,
        expedites=expedites,
        buffers=buffers,
        postpones=postpones,
        scenarios=scenarios,
        held_out=held_out,
        unit_cost_minor=500,
        shared=0.1,
        seed=seed,
    )


def chain_problem(
    seed: int,
    *,
    sites: int = 12,
    horizon: int = 14,
    scenarios: int = 10,
    held_out: int = 100,
    holding: bool = True,
    next_orders: bool = True,
) -> PlanningProblem:
    """An item in a chain of shops: a surge in some, plenty in others, orders late, lanes open.

    With `next_orders` most shops order again up to a level that suits them more or less, the goods
    of some perish, suppliers hold buffers for some, and lines of those with plenty can come later.
    """
    rng = np.random.default_rng(seed)
    shops = []
    offers: list[ExpediteOffer] = []
    z = np.array([-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645])
    for j in range(sites):
        mean = float(rng.uniform(1.0, 8.0))
        surge = float(rng.choice([1.0, 1.0, 1.0, 1.8]))
        week = 1 + 0.25 * np.sin(2 * np.pi * (np.arange(horizon) + j) / 7)
        path = mean * surge * week
        spread = np.sqrt(path * (1 + 0.3 * path))
        quantiles = np.round(np.maximum(path[None, :] + z[:, None] * spread[None, :], 0.0), 6)
        window = int(rng.integers(5, horizon + 1))
        cover_days = float(rng.choice([1.0, 3.0, 8.0, 20.0, 30.0]))
        # The first shop always runs short and the second always has plenty.
        cover_days = {0: 1.0, 1: 80.0}.get(j, cover_days)
        on_hand = int(mean * cover_days)
        protected = float(quantiles[5, :window].mean() * window)
        spare = max(0, int(on_hand - protected))
        inbound: tuple[Inbound, ...] = ()
        if rng.random() < 0.6:
            day = int(rng.integers(3, horizon))
            qty, po = int(mean * 7) + 1, f"PO{j:02d}@1"
            inbound = (
                Inbound(ref=po, qty=Units(qty * 1_000), day_p50=day, day_p90=min(day + 2, horizon)),
            )
            if spare == 0:
                _, offer = order_line(
                    po,
                    f"S{j:02d}",
                    qty=qty,
                    day=day,
                    new_day=max(1, day - 3),
                    fixed=int(rng.integers(500, 3_000)),
                    unit=int(rng.integers(10, 80)),
                    lot=int(rng.choice([1, 6])),
                )
                offers.append(offer)
        shops.append(
            SiteOutlook(
                site=SiteId(f"S{j:02d}"),
                region="EAST" if j % 2 else "WEST",
                on_hand=Units(on_hand * 1_000),
                inbound=inbound,
                quantiles=tuple(tuple(map(float, row)) for row in quantiles),
                window=window,
                spare=Units(spare * 1_000),
                persistent=0.3,
                shortage_minor=int(rng.integers(100, 900)),
                holding_millis=int(rng.integers(200, 2_000)) if holding else 0,
                next_order=_next_order(seed, j, mean, window) if next_orders else None,
            )
        )
    buffers, postpones = _supplier_offers(seed, shops) if next_orders else ((), ())
    lanes = []
    for i in range(sites):
        for j in range(sites):
            if i == j or shops[i].spare == 0 or shops[j].spare > 0:
                continue
            days = int(rng.integers(1, 4))
            lanes.append(
                LaneOffer(
                    lane=LaneId(f"L{i:02d}-{j:02d}"),
                    origin=shops[i].site,
                    destination=shops[j].site,
                    ship_day=0,
                    arrive_p50=days,
                    arrive_p90=days + int(rng.integers(0, 3)),
                    fixed_cost_minor=int(rng.integers(300, 2_500)),
                    unit_cost_minor=int(rng.integers(5, 60)),
                    min_qty=Units(int(rng.choice([0, 2])) * 1_000),
                    lot_multiple=Units(int(rng.choice([1, 1, 4])) * 1_000),
                    capacity=Units(int(rng.integers(5, 40)) * 1_000),
                    latest_start=ASKED_AT + timedelta(hours=int(rng.integers(2, 30))),
                )
            )
    return problem(
        tuple(shops),
        tuple(lanes),
        tuple(offers),
        buffers=buffers,
        postpones=postpones,
        horizon=horizon,
        scenarios=scenarios,
        held_out=held_out,
        seed=seed,
    )


def _next_order(seed: int, j: int, mean: float, window: int) -> NextOrder | None:
    rng = np.random.default_rng([seed, j])
    review_day, days = int(rng.integers(0, window)), int(rng.integers(1, 8))
    cover = float(rng.choice([0.0, 0.5, 1.0, 1.5]))
    keeps = None if rng.random() < 0.5 else Units(int(mean * rng.integers(1, 15)) * 1_000)
    if rng.random() < 0.2:
        return None
    up_to = int(mean * (window - review_day + days) * cover)
    return NextOrder(review_day=review_day, up_to=Units(up_to * 1_000), days=days, keeps=keeps)


def _supplier_offers(
    seed: int, shops: list[SiteOutlook]
) -> tuple[tuple[BufferOffer, ...], tuple[PostponeOffer, ...]]:
    buffers, postpones = [], []
    for j, shop in enumerate(shops):
        rng = np.random.default_rng([seed, j, 1])
        lot, least = int(rng.choice([1, 6])), int(rng.choice([0, 12]))
        if shop.spare == 0 and rng.random() < 0.5:
            qty, arrive = int(rng.integers(5, 60)), int(rng.integers(1, 4))
            premium = int(rng.integers(5, 300))
            buffers.append(
                buffer(shop.site, qty=qty, arrive=arrive, premium=premium, least=least, lot=lot)
            )
        for row in shop.inbound if shop.spare > 0 else ():
            days = [row.day_p50 + shift for shift in (3, 7)]
            postpones += [later(row, shop.site, new_day=day, lot=lot) for day in days]
    return tuple(buffers), tuple(postpones)
