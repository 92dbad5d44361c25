"""How long does a supplier really take, and how far can its promises be trusted?

Learned from the order lines' own history, per supplier and item at each receiving site. The
declared lead time (or the one the supplier last stated) is the prior: it counts like `PRIOR_LINES`
lines. Logarithms of lead times are normal with unknown mean and variance; sites of one item are
pooled part of the way (conjugate normal model with partial pooling: Gelman et al., Bayesian Data
Analysis, 3rd ed., sections 3.3 and 5.4). Its predictive distribution is Student's t, whose heavy
tail matters for lines that are overdue already. Nothing is pooled over items.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from replan.events import LeadTimeStated
from replan.network import Lane, Network, SupplyContract
from replan.sayings import with_saying, without_saying
from replan.student_t import t_quantile, t_tail
from replan.units import ItemId, PoLineId, SiteId, SupplierId, day_number

PRIOR_LINES = 5
"""What is declared counts like so many lines, for the middle and for the spread."""

MAX_SAMPLES = 60
"""Lines of a supplier and item that are remembered: those received last."""

MAX_UPDATES = 16
"""Stated lead times that are remembered for one item at one site: the newest ones."""

MAX_KNOWN = 1_000
"""Lead times of one supplier and item that are kept worked out."""

LEAST_DAYS = 0.5
"""Lead times are measured in whole days; less than one is taken for this in logarithms."""

LEAST_SPREAD = 0.1
"""Standard deviation of the logarithm where p50 and p90 are declared equal: a tenth."""


@dataclass(frozen=True, slots=True, order=True)
class Received:
    """An order line that came in: receipt as a day number, days since the order and since the
    promise.
    """

    on: int
    po_line: PoLineId
    site: SiteId
    lead: int
    late: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadTime:
    """Days from order to receipt.

    `spread`: scale of the logarithm, with `freedom` degrees of freedom. `lines`: how many were
    learned from. `stated`: the supplier's word that holds now, None for the contract.
    """

    p50: float
    p90: float
    spread: float
    freedom: int
    lines: int
    stated: LeadTimeStated | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bias:
    """How late a supplier is against its first promise: mean days over so many lines, and what is
    added to a promise that was never renewed.
    """

    mean_days: float
    lines: int
    correction: int


Source = tuple[SupplierId, ItemId]


@dataclass(slots=True, kw_only=True)
class _WorkedOut:
    """What was worked out for one supplier and item.

    `turns`: the days, as numbers, from which some word about them holds. Between two of them lead
    times are the same; by the last turn up to a day (None before the first) are kept the log ratios
    of lead times to what is declared, by site, and the lead times themselves, by site and turn.
    """

    turns: list[int]
    ratios: dict[int | None, dict[SiteId, list[float]]] = field(default_factory=dict)
    leads: dict[tuple[SiteId, int | None], LeadTime] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class LeadTimes:
    """Received lines by supplier and item, and stated lead times by what they are about."""

    samples: dict[Source, tuple[Received, ...]] = field(default_factory=dict)
    updates: dict[tuple[SupplierId, ItemId, str], tuple[LeadTimeStated, ...]] = field(
        default_factory=dict
    )
    # What was worked out already; forgotten when a line or a word comes in.
    _known: dict[Source, _WorkedOut] = field(default_factory=dict, repr=False, compare=False)
    _biases: dict[Source, Bias] = field(default_factory=dict, repr=False, compare=False)
    _of: Network | None = field(default=None, repr=False, compare=False)

    def learn(self, source: Source, po_line: PoLineId, sample: Received | None) -> None:
        """Keep what a line says, or nothing where it says nothing (any more)."""
        others = [row for row in self.samples.get(source, ()) if row.po_line != po_line]
        if sample is not None:
            others = sorted([*others, sample])[-MAX_SAMPLES:]
        rows = tuple(others)
        if rows != self.samples.get(source, ()):
            self.samples[source] = rows
            self._known.pop(source, None)
            self._biases.pop(source, None)

    def state(self, fact: LeadTimeStated) -> None:
        """Take a supplier's word; the one valid last holds."""
        key = (fact.supplier, fact.item, fact.lane)
        fact = replace(fact, arrived_at=fact.occurred_at)
        known = self.updates.get(key, ())
        kept = sorted(with_saying(known, fact, MAX_UPDATES + 1), key=_valid_at)
        self.updates[key] = tuple(kept[-MAX_UPDATES:])
        self._known.pop((fact.supplier, fact.item), None)

    def take_back(self, fact: LeadTimeStated) -> None:
        """A supplier's word was wrong: the one before it holds."""
        key = (fact.supplier, fact.item, fact.lane)
        left = without_saying(self.updates.get(key, ()), fact)
        self.updates[key] = left
        if not left:
            del self.updates[key]
        self._known.pop((fact.supplier, fact.item), None)

    def of(self, network: Network, contract: SupplyContract, today: int) -> LeadTime:
        """The lead time of a contract on a day, learned as far as there is something to learn."""
        known = self._knowing(network, (contract.supplier, contract.item))
        key = (contract.site, _turn(known, today))
        lead = known.leads.get(key)
        if lead is None:
            if len(known.leads) > MAX_KNOWN:
                known.leads.clear()
            lead = known.leads[key] = self._worked_out(network, contract, today)
        return lead

    def bias_of(self, supplier: SupplierId, item: ItemId) -> Bias | None:
        """How late the supplier of an item is on average; None without a line to tell."""
        rows = self.samples.get((supplier, item), ())
        known = self._biases.get((supplier, item))
        if known is not None or not rows:
            return known
        total = sum(row.late for row in rows)
        shrunk = total / (len(rows) + PRIOR_LINES)
        known = self._biases[supplier, item] = Bias(
            mean_days=total / len(rows),
            lines=len(rows),
            # Nothing is expected before the day for which it was promised.
            correction=max(math.floor(shrunk + 0.5), 0),
        )
        return known

    def before(
        self, network: Network, contract: SupplyContract, today: int, since: datetime
    ) -> LeadTime:
        """The lead time as it would be without what the supplier stated from an instant on."""
        return self._worked_out(network, contract, today, since)

    def transit(
        self, network: Network, lane: Lane, item: ItemId, today: int
    ) -> tuple[float, float]:
        """Days p50 and p90 that a lane between our own sites takes for an item: as stated of it,
        else by the network.
        """
        p50, p90 = lane.lead_time_days_p50, lane.lead_time_days_p90
        word = max(
            (
                fact
                for fact in self.updates.get((SupplierId(lane.origin), item, lane.lane), ())
                if valid_on(network, fact, lane.origin) <= today
            ),
            key=_valid_at,
            default=None,
        )
        if word is None:
            return p50, p90
        said = word.p50_s / 86_400
        if word.p90_s is not None:
            return said, word.p90_s / 86_400
        # With one number the spread stays in proportion.
        return said, said * max(p90, LEAST_DAYS) / max(p50, LEAST_DAYS)

    def stated_for(
        self,
        network: Network,
        contract: SupplyContract,
        today: int,
        since: datetime | None = None,
    ) -> LeadTimeStated | None:
        """The supplier's own word that is valid on a day, by receiving site or by lane to it;
        leaving out what was stated `since`.
        """
        ways = network.lanes_between.get((SiteId(contract.supplier), contract.site), ())
        found = [
            fact
            for lane in (contract.site, *(way.lane for way in ways))
            for fact in self.updates.get((contract.supplier, contract.item, lane), ())
            if valid_on(network, fact, contract.site) <= today
            if since is None or fact.occurred_at < since
        ]
        return max(found, key=_valid_at, default=None)

    def _worked_out(
        self,
        network: Network,
        contract: SupplyContract,
        today: int,
        without: datetime | None = None,
    ) -> LeadTime:
        stated = self.stated_for(network, contract, today, without) if self.updates else None
        prior = _prior(contract, stated)
        rows = self.samples.get((contract.supplier, contract.item), ())
        by_site = dict(self._ratios(network, (contract.supplier, contract.item), today))
        here = _ratios_to(network, rows, contract, stated)
        by_site[contract.site] = here
        if not here:
            del by_site[contract.site]
        if not by_site:
            return prior
        shift = _shift(here, [by_site[site] for site in sorted(by_site)])
        squares = sum((ratio - shift) ** 2 for ratio in here)
        freedom = PRIOR_LINES + len(here)
        spread = math.sqrt((PRIOR_LINES * prior.spread**2 + squares) / freedom)
        middle = max(prior.p50, LEAST_DAYS) * math.exp(shift)
        late = middle * math.exp(spread * t_quantile(0.9, freedom))
        p50 = math.floor(round(middle, 6) + 0.5)
        return LeadTime(
            p50=float(p50),
            p90=float(max(math.ceil(round(late, 6)), p50)),
            spread=spread,
            freedom=freedom,
            lines=sum(map(len, by_site.values())),
            stated=stated,
        )

    def _ratios(self, network: Network, source: Source, today: int) -> dict[SiteId, list[float]]:
        """Log ratios of lead times to what is declared, at each site with a contract."""
        known = self._knowing(network, source)
        turn = _turn(known, today)
        found = known.ratios.get(turn)
        if found is None:
            rows = self.samples.get(source, ())
            found = known.ratios[turn] = {}
            for site in sorted({row.site for row in rows}):
                contract = network.supply.get((*source, site))
                if contract is not None:
                    word = self.stated_for(network, contract, today) if self.updates else None
                    ratios = _ratios_to(network, rows, contract, word)
                    if ratios:
                        found[site] = ratios
        return found

    def _knowing(self, network: Network, source: Source) -> _WorkedOut:
        if network is not self._of:
            self._known.clear()
            self._of = network
        known = self._known.get(source)
        if known is None:
            valid = [
                fact.valid_from
                for (supplier, item, _), told in self.updates.items()
                if (supplier, item) == source
                for fact in told
            ]
            zones = {row.zone.key: row.zone for row in network.sites.values()}.values()
            valid += [at.astimezone(zone) for at in valid for zone in zones]
            turns = sorted({day_number(at.date()) for at in valid})
            known = self._known[source] = _WorkedOut(turns=turns)
        return known


def _turn(known: _WorkedOut, today: int) -> int | None:
    place = bisect_right(known.turns, today)
    return known.turns[place - 1] if place else None


def _ratios_to(
    network: Network,
    rows: Sequence[Received],
    contract: SupplyContract,
    stated: LeadTimeStated | None,
) -> list[float]:
    """Logarithms of the lead times at a contract's site over what is declared or stated for it."""
    since = None if stated is None else valid_on(network, stated, contract.site)
    middle = max(_middle(contract, stated), LEAST_DAYS)
    # A line ordered before the supplier's word was valid says nothing about it.
    return [
        math.log(max(row.lead, LEAST_DAYS) / middle)
        for row in rows
        if row.site == contract.site and (since is None or row.on - row.lead >= since)
    ]


def days_still_to_wait(lead: LeadTime, middle: float, waited: int) -> tuple[int, int]:
    """Whole days, half of the time and in nine cases of ten, until something comes that has been
    awaited for `waited` days and usually takes `middle` of them; at least one.

    The quantiles of the predictive distribution given that it exceeds `waited`: the longer
    something is overdue, the longer it is expected to stay away.
    """
    middle = max(middle, LEAST_DAYS)
    spread = max(lead.spread, LEAST_SPREAD)
    tail = round(t_tail(math.log(max(waited, LEAST_DAYS) / middle) / spread, lead.freedom), 9)
    days = []
    for share in (0.5, 0.1):
        z = t_quantile(1.0 - share * max(tail, 1e-9), lead.freedom)
        comes_at = middle * math.exp(min(spread * z, 20.0))
        days.append(max(math.ceil(round(comes_at - waited, 6)), 1))
    return days[0], max(days)


def _middle(contract: SupplyContract, stated: LeadTimeStated | None) -> float:
    return contract.lead_time_days_p50 if stated is None else stated.p50_s / 86_400


def _prior(contract: SupplyContract, stated: LeadTimeStated | None) -> LeadTime:
    p50, p90 = contract.lead_time_days_p50, contract.lead_time_days_p90
    ratio = max(p90, LEAST_DAYS) / max(p50, LEAST_DAYS)
    if stated is not None:
        p50 = stated.p50_s / 86_400
        p90 = p50 * ratio if stated.p90_s is None else stated.p90_s / 86_400
        ratio = max(p90, LEAST_DAYS) / max(p50, LEAST_DAYS)
    return LeadTime(
        p50=p50,
        p90=p90,
        spread=max(math.log(ratio) / t_quantile(0.9, PRIOR_LINES), LEAST_SPREAD),
        freedom=PRIOR_LINES,
        lines=0,
        stated=stated,
    )


def _shift(here: Sequence[float], sites: Sequence[Sequence[float]]) -> float:
    """Mean log ratio to what is declared, at one site of several: posterior mean of a site's mean
    about a common one, that about 0. Each of the two levels varies as the mean of twice the prior's
    lines does, so that for a lone site the declared lead time counts like `PRIOR_LINES`.
    """
    level = 2 * PRIOR_LINES
    weights = [1.0 / (1.0 / len(rows) + 1.0 / level) for rows in sites]
    means = [sum(rows) / len(rows) for rows in sites]
    common = sum(w * m for w, m in zip(weights, means, strict=True)) / (sum(weights) + level)
    return (sum(here) + level * common) / (len(here) + level)


def valid_on(network: Network, fact: LeadTimeStated, site: SiteId) -> int:
    """The local day from which a stated lead time holds at a site, as a day number."""
    row = network.sites.get(site)
    day: date = (fact.valid_from if row is None else fact.valid_from.astimezone(row.zone)).date()
    return day_number(day)


def _valid_at(fact: LeadTimeStated) -> tuple[object, ...]:
    return (fact.valid_from, fact.occurred_at, fact.source, fact.event_id)
