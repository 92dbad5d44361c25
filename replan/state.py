"""What does sense believe? The panel of all series, the supply ledger, and one case file per
item.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta

import numpy as np

from replan.alarms import AlarmBook
from replan.alerts import AlertBook
from replan.canonical import sha256_hex
from replan.effects import Feedback
from replan.events import SenseFact
from replan.freshness import TillFeed
from replan.holds import HoldBook
from replan.network import Network
from replan.panel import Panel, empty_panel, panel_arrays
from replan.replies import Terms
from replan.supply import SupplyLedger
from replan.units import ItemId, SiteId


@dataclass(frozen=True, slots=True, kw_only=True)
class SenseRules:
    """The settings that shape what sense does; the same for a whole run, and named in the record.

    Durations as timedelta, `min_value_minor` in minor units, `decide_from` an instant (None: at
    once).
    """

    lateness: timedelta
    day_closes_at: time
    horizon_days: int
    min_value_minor: int
    min_days: int
    refit: timedelta
    decide_from: datetime | None
    false_alarms_per_1000: float
    scenarios: int
    held_out: int
    history_days: int
    novel_days: int = 0
    """Closed days below which nothing that rests on a series is carried out unseen."""

    @property
    def ring_days(self) -> int:
        """How many closed days can still be stepped again: max(7, lateness in days + 2)."""
        whole = -(-self.lateness // timedelta(days=1))
        return max(7, int(whole) + 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """The newest fact of a kind about a series: what evidence cites."""

    event_id: str
    source: str
    time: datetime
    text: str


@dataclass(slots=True, kw_only=True)
class CaseFile:
    """What is going on with one item: its open episode and what the desk last said about it.

    `stirred`: something other than the passing of time asks for a look. `feedback`: the newest word
    from the desk. `terms`: what was answered from outside about this episode's offers. `replied`:
    an answer came with this very tick. `nearness`: how soon stock ran short when the case was last
    raised, see `casework.nearness`.
    """

    episode: str | None = None
    opened_at: datetime | None = None
    stirred: bool = False
    feedback: Feedback | None = None
    terms: tuple[Terms, ...] = ()
    replied: bool = False
    nearness: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DayScore:
    """How a model's forecasts of one day came out: days of series, how many were inside their band,
    and in base units what was forecast and what was sold.
    """

    steps: int = 0
    inside: int = 0
    forecast: float = 0.0
    sold: float = 0.0

    def plus(self, *, steps: int, inside: int, forecast: float, sold: float) -> "DayScore":
        """With further series of the same day."""
        return DayScore(
            steps=self.steps + steps,
            inside=self.inside + inside,
            forecast=round(self.forecast + forecast, 3),
            sold=round(self.sold + sold, 3),
        )


@dataclass(slots=True, kw_only=True)
class SenseState:
    """Everything sense folds; a function of the facts, feedback, fits and ticks applied so far."""

    panel: Panel
    supply: SupplyLedger
    clock: datetime | None = None
    inbox: list[SenseFact] = field(default_factory=list)
    cases: dict[ItemId, CaseFile] = field(default_factory=dict)
    sightings: dict[tuple[int, str], Sighting] = field(default_factory=dict)
    """Newest fact by (row, kind); kinds: sale, bulk, count, adjust, mismatch, suspect,
    promo:<id>."""
    told_closed: dict[SiteId, int] = field(default_factory=dict)
    """The newest business day that each store itself declared closed."""
    tills: dict[SiteId, TillFeed] = field(default_factory=dict)
    alarms: AlarmBook = field(default_factory=AlarmBook)
    holds: HoldBook = field(default_factory=HoldBook)
    alerts: AlertBook = field(default_factory=dict)
    """Weather and disruptions by kind and id."""
    scores: dict[str, dict[int, DayScore]] = field(default_factory=dict)
    """By model and day, for alarms; a day counts as it was when it first closed."""
    fit_asked: datetime | None = None
    fit_sha: str = ""

    def case(self, item: ItemId) -> CaseFile:
        """The item's case file, made on first use."""
        return self.cases.setdefault(item, CaseFile())

    def forget_promotions(self, before: datetime) -> None:
        """Drop promotions under which nothing was sold any more; each has an id of its own. What
        was taken back that long ago is no news either.
        """
        for key, seen in list(self.sightings.items()):
            passes = key[1].startswith("promo:") or key[1] == "corrected"
            if passes and seen.time < before:
                del self.sightings[key]


def empty_state(network: Network, rules: SenseRules) -> SenseState:
    """Sense before the first fact."""
    return SenseState(panel=empty_panel(network, keep_days=rules.ring_days), supply=SupplyLedger())


def state_digest(state: SenseState) -> str:
    """Digest of what is believed: equal for equal facts, whatever their order, batches or
    duplicates.

    Unused room at the end of the day axis, the order of stock movements and when an order line was
    heard of do not count.
    """
    arrays = dict(panel_arrays(state.panel))
    for name in ("older_stock", "older_as_of"):
        # Kept only for when a count is taken back: no belief rests on them.
        del arrays[name]
    used = max(int(state.panel.closed.max(initial=0)) - state.panel.first_day + 1, 0)
    ahead = np.flatnonzero(arrays["sold"].any(axis=1))
    used = max(used, int(ahead[-1]) + 1 if len(ahead) else 0)
    for name in ("sold", "empty", "blind"):
        arrays[name] = arrays[name][:used]
    order = sorted(
        zip(
            arrays.pop("move_row").tolist(),
            arrays.pop("move_at").tolist(),
            arrays.pop("move_qty").tolist(),
            strict=True,
        )
    )
    parts = [
        f"{name}:{arrays[name].shape}".encode() + arrays[name].tobytes() for name in sorted(arrays)
    ]
    supply = state.supply
    lines = {
        key: replace(line, stated=replace(line.stated, arrived_at=line.stated.occurred_at))
        for key, line in supply.lines.items()
    }
    books: tuple[Mapping[object, object], ...] = (
        lines,  # type: ignore[assignment]
        supply.received,
        supply.transfers,
        supply.expedited,
        supply.received_on,
        supply.commits,
        supply.shipments.notices,
        supply.shipments.reports,
        supply.lead_times.samples,
        supply.lead_times.updates,
        state.alerts,
        supply.calls,
        state.cases,
        state.told_closed,
    )
    parts += [repr([(key, book[key]) for key in sorted(book, key=repr)]).encode() for book in books]
    parts.append(repr(order).encode())
    parts.append(repr(state.panel.drivers.to_json()).encode())
    parts.append(repr(state.panel.tickets.rows()).encode())
    return "sha256:" + sha256_hex(b"\n".join(parts))
