"""What does a run hold in memory between two ticks, and how is it kept?

What sense believes, what the intake remembers, the facts that wait for their tick and the fit that
takes effect at the next one. All of it follows from the log and the records, so that a process may
die at any moment and another one goes on.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from replan.canonical import canonical_bytes
from replan.delegation import Grant
from replan.effects import Feedback
from replan.events import ActionAnswered, SaleRecorded, Tick, Unsensed
from replan.fit_record import panel_fit_digest, panel_fit_from_bytes
from replan.infra.ledger.rows import FitRow, SegmentRow
from replan.network import Network
from replan.panel import typical_daily
from replan.replanner import step
from replan.sensing import FitMade, Sensed, SenseInput, Sensing
from replan.state import empty_state, state_digest
from replan.state_record import fit_sha_of, state_bytes, state_from_bytes
from replan.streams.codec import Decoder
from replan.streams.intake import Intake
from replan.streams.messages import Decoded, Outcome, Place, Refused
from replan.streams.troubles import Shown, trouble
from replan.units import ItemId, SiteId, TransferId

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class FitWaiting:
    """A recorded fit that takes effect at the next tick."""

    asked_at: datetime
    body: bytes
    made: FitMade


def fit_waiting(asked_at: datetime, body: bytes) -> FitWaiting:
    """A fit as it was recorded."""
    fit = panel_fit_from_bytes(body)
    made = FitMade(fit=fit, sha=panel_fit_digest(fit))
    return FitWaiting(asked_at=asked_at, body=body, made=made)


class Belief:
    """The memory of one run; empty at first."""

    def __init__(self, sensing: Sensing, *, lateness: timedelta, max_jump: timedelta) -> None:
        self._sensing = sensing
        self._lateness = lateness
        self._max_jump = max_jump
        self.state = empty_state(sensing.network, sensing.rules)
        self.intake = self._new_intake(None)
        self.last_tick: datetime | None = None
        self.ticks = 0
        self.fit_waiting: FitWaiting | None = None
        self._queue: list[SenseInput] = []
        self._sales: list[SaleRecorded] = []
        self._tick_sales: list[SaleRecorded] = []
        self._acks: list[ActionAnswered] = []
        self._answered: list[ActionAnswered] = []
        self._mourned = 0
        """The newest segment whose losses were taken."""

    @property
    def digest(self) -> str:
        """Digest of what sense believes now."""
        return state_digest(self.state)

    @property
    def clock(self) -> datetime | None:
        """The arrival of the newest event applied; None before the first."""
        return self.intake.clock

    @property
    def network(self) -> Network:
        """The master data as known by now: what the files say, and what was stated since."""
        network = self.intake.network
        assert network is not None, "the intake was given one"
        return network

    @property
    def grants(self) -> tuple[Grant, ...]:
        """What was stated of logins, on top of planners.yaml."""
        return self.intake.grants

    def next_tick(self, reached: datetime, every: timedelta) -> datetime:
        """The first planning tick after the last one; before any, the first at or after the first
        event.
        """
        if self.last_tick is None:
            first = self.clock or reached
            return _EPOCH + -(-(first - _EPOCH) // every) * every
        return _EPOCH + ((self.last_tick - _EPOCH) // every + 1) * every

    def take(self, result: Decoded | Refused) -> Outcome:
        """Judge an event of the log; its facts wait for their tick."""
        outcome = self.intake.take(result)
        for one in (outcome, *outcome.released):
            for fact in one.facts:
                if isinstance(fact, ActionAnswered):
                    self._acks.append(fact)
                    self._answered.append(fact)
                if isinstance(fact, SaleRecorded):
                    self._sales.append(fact)
                if not isinstance(fact, Unsensed):
                    self._queue.append(fact)
            self._queue += one.troubles
        return outcome

    def mourn(self, segment: SegmentRow) -> None:
        """Doubt, once, all whose records were declared lost before a segment."""
        cut = segment.cut
        if cut is None or not cut.losses or segment.id <= self._mourned or self.clock is None:
            return
        self._mourned = segment.id
        for loss in cut.losses:
            for source in loss.sources:
                name = f"{loss.partition}:{loss.first}"
                shown = Shown(event_id=name, source=source, at=self.clock)
                words = f"{loss}, where {source} had spoken"
                self._queue.append(trouble(shown, "data_loss", feed=source, holds=True, text=words))

    def hear(self, feedback: Feedback) -> None:
        """Take what a desk said, and know the transfers that it ordered."""
        self._queue.append(feedback)
        for ordered in feedback.ordered:
            if ordered.kind == "reallocate":
                released = self.intake.know_transfer(
                    TransferId(ordered.action_id),
                    item=ordered.item,
                    origin=SiteId(ordered.origin),
                    destination=ordered.destination,
                    qty=ordered.qty,
                    at=feedback.at,
                )
                self._queue.extend(f for f in released if not isinstance(f, Unsensed))

    def hear_answers(
        self, events: Sequence[Mapping[str, Any]], executor: str
    ) -> tuple[list[ActionAnswered], list[Refused]]:
        """Judge an executor's events as any others; facts wait for the next tick. Returns the acks,
        and what was refused.
        """
        decoder = Decoder(None)
        acks: list[ActionAnswered] = []
        refused: list[Refused] = []
        for n, event in enumerate(events, start=1):
            for result in decoder.record(canonical_bytes(dict(event)), Place(executor, n)):
                outcome = self.intake.take(result)
                acks += [f for f in outcome.facts if isinstance(f, ActionAnswered)]
                self._answered += [f for f in outcome.facts if isinstance(f, ActionAnswered)]
                self._queue.extend(f for f in outcome.facts if not isinstance(f, Unsensed))
                self._queue += outcome.troubles
                if outcome.refused is not None:
                    refused.append(outcome.refused)
        return acks, refused

    def sense(
        self, at: datetime, feedback: Iterable[Feedback], sensing: Sensing
    ) -> tuple[Sensed, FitWaiting | None]:
        """Sense's part of a tick, live or told again: feedback and a fit first, then the facts."""
        for word in feedback:
            self.hear(word)
        fit, self.fit_waiting = self.fit_waiting, None
        if fit is not None:
            self._queue.append(fit.made)
        sensing = replace(sensing, network=self.network)
        said = step(self.state, [*self._queue, Tick(at=at)], sensing)
        self._queue, self._acks, self._answered = [], [], []
        self._tick_sales, self._sales = self._sales, []
        self.last_tick = at
        self.ticks += 1
        return said, fit

    def distrust(
        self, known: Callable[[Sequence[str]], set[tuple[str, str]]], at: datetime
    ) -> None:
        """Raise an alarm for answers, since the last tick, under a key that was never sent.

        `known`: action and key of every command about some actions. Nothing else follows from them.
        """
        keys = known([fact.action_id for fact in self._answered]) if self._answered else set()
        for fact in self._answered:
            if (fact.action_id, fact.idem) not in keys:
                shown = Shown(event_id=fact.event_id, source=fact.source, at=at)
                words = f"answers action {fact.action_id} under a key that was never sent"
                self._queue.append(trouble(shown, "id_conflict", feed=fact.source, text=words))

    def acks(self) -> tuple[ActionAnswered, ...]:
        """What executors said in the log itself since the last tick, for the desks."""
        return tuple(self._acks)

    def tick_sales(self) -> tuple[SaleRecorded, ...]:
        """What was sold up to the last tick since the one before; asked for once."""
        sales, self._tick_sales = tuple(self._tick_sales), []
        return sales

    def as_bytes(self) -> bytes:
        """The memory as it stands between a tick and the answers to it."""
        extra = {
            "intake": self.intake.state_json(),
            "ticks": self.ticks,
            "mourned": self._mourned,
        }
        return state_bytes(self.state, extra)

    def recall(self, tick: datetime, body: bytes, in_force: FitRow | None) -> None:
        """Go on from what `as_bytes` gave after a tick, with the fit that was in force by then."""
        sha = fit_sha_of(body)
        kept = None if in_force is None else panel_fit_from_bytes(in_force.body)
        fit = kept if kept is not None and panel_fit_digest(kept) == sha else None
        empty = empty_state(self._sensing.network, self._sensing.rules)
        self.state, extra = state_from_bytes(empty, body, fit)
        self.intake = self._new_intake(extra["intake"])
        self.ticks = extra["ticks"]
        self._mourned = extra.get("mourned", 0)
        self.last_tick = tick

    def _new_intake(self, state: Mapping[str, Any] | None) -> Intake:
        return Intake(
            lateness=self._lateness,
            max_jump=self._max_jump,
            typical_daily=self._typical_daily,
            network=self._sensing.network,
            state=state,
        )

    def _typical_daily(self, item: ItemId, site: SiteId) -> float | None:
        """Mean daily sale of the last closed weeks, base units; None for a series not heard of."""
        row = self.state.panel.row_of.get((item, site))
        return None if row is None else typical_daily(self.state.panel, row)
