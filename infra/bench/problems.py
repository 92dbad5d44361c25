"""What do the solvers solve when they are measured? Planning problems of a made-up chain, seeded.

An item in a number of shops: a surge in some, plenty in others, orders under way of which some can
be brought forward, and a lane from every shop that has to every shop that needs.
"""

from datetime import UTC, date, datetime, timedelta

import numpy as np

from replan.planning import ExpediteOffer, Inbound, LaneOffer, PlanningProblem, SiteOutlook
from replan.units import ONE_UNIT, ItemId, LaneId, PoLineId, SiteId, SupplierId, Units

ASKED_AT = datetime(2026, 5, 4, 6, tzinfo=UTC)
STANDARD_NORMAL = np.array([-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645])
"""The normal distribution at the levels at which forecasts are stated."""

P90 = 5


def chain_problem(seed: int, *, sites: int = 12, scenarios: int = 10) -> PlanningProblem:
    """The problem of one item over two weeks; the first shop runs short, the second has plenty."""
    rng = np.random.default_rng(seed)
    horizon = 14
    shops: list[SiteOutlook] = []
    offers: list[ExpediteOffer] = []
    for j in range(sites):
        shop, offer = _shop(rng, j, horizon)
        shops.append(shop)
        offers.extend([] if offer is None else [offer])
    lanes = [
        _lane(rng, giver, taker)
        for giver in shops
        for taker in shops
        if giver is not taker and giver.spare > 0 and taker.spare == 0
    ]
    return PlanningProblem(
        item=ItemId("I1"),
        asked_at=ASKED_AT,
        first_day=date(2026, 5, 4),
        horizon=horizon,
        sites=tuple(shops),
        lanes=tuple(lanes),
        expedites=tuple(offers),
        scenarios=scenarios,
        held_out=100,
        unit_cost_minor=500,
        shared=0.1,
        seed=seed,
    )


def _shop(
    rng: np.random.Generator, j: int, horizon: int
) -> tuple[SiteOutlook, ExpediteOffer | None]:
    mean = float(rng.uniform(1.0, 8.0))
    surge = float(rng.choice([1.0, 1.0, 1.0, 1.8]))
    path = mean * surge * (1 + 0.25 * np.sin(2 * np.pi * (np.arange(horizon) + j) / 7))
    spread = np.sqrt(path * (1 + 0.3 * path))
    levels = path[None, :] + STANDARD_NORMAL[:, None] * spread[None, :]
    quantiles = np.round(np.maximum(levels, 0.0), 6)
    window = int(rng.integers(5, horizon + 1))
    cover_days = float(rng.choice([1.0, 3.0, 8.0, 20.0, 30.0]))
    cover_days = {0: 1.0, 1: 80.0}.get(j, cover_days)
    on_hand = int(mean * cover_days)
    spare = max(0, int(on_hand - float(quantiles[P90, :window].sum())))
    inbound: tuple[Inbound, ...] = ()
    offer = None
    if rng.random() < 0.6:
        day, qty = int(rng.integers(3, horizon)), int(mean * 7) + 1
        coming = Inbound(
            ref=f"PO{j:02d}@1",
            qty=Units(qty * ONE_UNIT),
            day_p50=day,
            day_p90=min(day + 2, horizon),
        )
        inbound = (coming,)
        offer = _expedite(rng, j, coming) if spare == 0 else None
    shop = SiteOutlook(
        site=SiteId(f"S{j:02d}"),
        region="EAST" if j % 2 else "WEST",
        on_hand=Units(on_hand * ONE_UNIT),
        inbound=inbound,
        quantiles=tuple(tuple(map(float, row)) for row in quantiles),
        window=window,
        spare=Units(spare * ONE_UNIT),
        persistent=0.3,
        shortage_minor=int(rng.integers(100, 900)),
        holding_millis=int(rng.integers(200, 2_000)),
    )
    return shop, offer


def _expedite(rng: np.random.Generator, j: int, coming: Inbound) -> ExpediteOffer:
    sooner = max(1, coming.day_p50 - 3)
    return ExpediteOffer(
        po_line=PoLineId(coming.ref),
        supplier=SupplierId("SUP1"),
        site=SiteId(f"S{j:02d}"),
        qty=coming.qty,
        lot_multiple=Units(int(rng.choice([1, 6])) * ONE_UNIT),
        day_p50=coming.day_p50,
        day_p90=coming.day_p90,
        new_day_p50=sooner,
        new_day_p90=sooner,
        fixed_cost_minor=int(rng.integers(500, 3_000)),
        unit_cost_minor=int(rng.integers(10, 80)),
        approved=True,
        latest_start=ASKED_AT + timedelta(hours=6),
    )


def _lane(rng: np.random.Generator, giver: SiteOutlook, taker: SiteOutlook) -> LaneOffer:
    days = int(rng.integers(1, 4))
    return LaneOffer(
        lane=LaneId(f"{giver.site}-{taker.site}"),
        origin=giver.site,
        destination=taker.site,
        ship_day=0,
        arrive_p50=days,
        arrive_p90=days + int(rng.integers(0, 3)),
        fixed_cost_minor=int(rng.integers(300, 2_500)),
        unit_cost_minor=int(rng.integers(5, 60)),
        min_qty=Units(int(rng.choice([0, 2])) * ONE_UNIT),
        lot_multiple=Units(int(rng.choice([1, 1, 4])) * ONE_UNIT),
        capacity=Units(int(rng.integers(5, 40)) * ONE_UNIT),
        latest_start=ASKED_AT + timedelta(hours=int(rng.integers(2, 30))),
    )
