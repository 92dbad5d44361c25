"""What comes of our commands? A small but honest order system, so that actions have consequences.

It runs the ordinary replenishment (`erp_life`), up to levels that follow demand by a declared rule
(`erp_levels`), obeys commands once (`erp_obey`) and keeps itself in one file. Beside the world that
obeys runs an idle one that gets no commands, and one in which a simple rule acts (`erp_rule`): the
same sales, the same draws. What they cost tells what acting has gained. There is one currency.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from replan.canonical import digest
from replan.effects import Command
from replan.errors import BrokenPromise
from replan.events import SaleRecorded
from replan.infra.erp.legs import read_legs
from replan.infra.erp.life import IDLE, REAL, ErpLife
from replan.infra.erp.obey import obey
from replan.infra.erp.store import ErpStore
from replan.infra.erp.tally import gained, with_and_without
from replan.infra.erp.world import Key
from replan.network import Network
from replan.units import Units, instant_text

ERP_FILE = "erp.db"


class ReferenceErp:
    """An `Executor` with a life of its own; a context manager."""

    def __init__(
        self,
        folder: Path,
        network: Network,
        opening_stock: Mapping[Key, Units],
        start: datetime | None = None,
    ) -> None:
        """Open `erp.db` in a folder, or make it there; how deliveries fare stands in its tables
        `erp/*.csv`, if it has them (see `erp_legs`).

        `opening_stock` and `start` matter only for a new file. Without `start` the system begins at
        each site's midnight before the first sale it hears of; with it, nothing happens before.
        """
        self._network = network
        self._opening_stock = opening_stock
        self._start = start
        self._legs = read_legs(folder)
        self._store = ErpStore(folder / ERP_FILE)
        self._life = ErpLife(network, self._legs)
        self._questions: tuple[Mapping[str, Any], ...] = ()
        """What is asked now, heard of since the last advance."""
        self._seen: dict[str, None] = {}
        """Sales of the newest clock, so that none of them counts twice if it is asked for again."""
        self._revision = 0
        self._load()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()

    def advance(
        self, at: datetime, sales: Sequence[SaleRecorded], commands: Sequence[Command]
    ) -> tuple[dict[str, Any], ...]:
        """Live up to `at`, then obey; returns all answers of this clock, also those given before.

        Types: po.created.v1, po.changed.v1, receipt.v1, inv.snapshot.v1, transfer.status.v1,
        action.ack.v1 and action.fail.v1, what suppliers and carriers tell (`erp_carriers`), and
        clarification.answered.v1. A clock asked for lately is answered again. Raises
        BrokenPromise for any other before the last one, and InboxConflict for a key that came with
        another command; then nothing is stored.
        """
        try:
            with self._store.transaction():
                return self._advance(at, sales, commands)
        except BaseException:
            # Half an advance may be in memory.
            self._load()
            raise

    def hear(self, at: datetime, questions: Sequence[Mapping[str, Any]]) -> None:
        """Every question that is out at the clock `at`; taken in with the next `advance`."""
        self._questions = tuple(questions)

    def gain(self) -> dict[str, Any]:
        """What acting has gained against doing nothing on the same days.

        Members `days, first_day, last_day, lost_units, lost_margin_minor, holding_minor,
        wasted_minor, direct_cost_minor, net_gain_minor, rule, by_day` (see `erp_tally.gained`),
        `on_hand_units` and `inbound_units` now, and `actions` {done, refused}.
        """
        worlds = self._life.worlds
        on_hand = [sum(world.on_hand.values()) for world in worlds]
        inbound = [sum(world.inbound.values()) for world in worlds]
        voice = self._life.voice
        return gained(self._life.days) | {
            "on_hand_units": with_and_without(on_hand[REAL], on_hand[IDLE]),
            "inbound_units": with_and_without(inbound[REAL], inbound[IDLE]),
            "actions": {"done": voice.done, "refused": voice.refused},
        }

    def stock(self) -> dict[Key, Units]:
        """What lies on each shelf now, by (item, site)."""
        return {key: Units(qty) for key, qty in sorted(self._life.real.on_hand.items())}

    def _advance(
        self, at: datetime, sales: Sequence[SaleRecorded], commands: Sequence[Command]
    ) -> tuple[dict[str, Any], ...]:
        if self._store.revision() != self._revision:
            self._load()
        life = self._life
        if life.at is None:
            if self._start is not None and at < self._start:
                return ()
            first = min((at, *(sale.occurred_at for sale in sales)))
            life.open(first, self._opening_stock, self._start)
        assert life.at is not None
        earlier = self._store.answers(at)
        if at < life.at:
            if earlier is None:
                raise BrokenPromise(
                    f"order system: stands at {instant_text(life.at)}, was asked for "
                    f"{instant_text(at)}; its clock never goes back (who begins a workspace again "
                    f"removes its {ERP_FILE} too)"
                )
            return earlier
        if earlier is None:
            self._seen = {}
        fresh = [sale for sale in sales if _origin(sale) not in self._seen]
        self._seen.update(dict.fromkeys(map(_origin, fresh)))
        life.live(at, fresh)
        answers = [*(earlier or ()), *life.voice.spoken]
        told = {event["id"] for event in answers}
        life.voice.spoken.clear()
        for command in commands:
            for event in self._once(command, at):
                if event["id"] not in told:
                    told.add(event["id"])
                    life.say(event)
        life.replies.hear(self._questions, life.calendar, at)
        life.settle_down(at)
        for idem, event in life.settled:
            self._store.inbox.settle(idem, [event])
        answers += life.voice.spoken
        self._revision += 1
        state = {"life": life.as_json(), "seen": list(self._seen)}
        self._store.save(self._revision, state, life.touched, at, tuple(answers))
        life.voice.spoken.clear()
        life.settled.clear()
        life.touched.clear()
        return tuple(answers)

    def _once(self, command: Command, at: datetime) -> list[dict[str, Any]]:
        """The answers to a command: carried out the first time, the same ones ever after."""
        answers: list[dict[str, Any]] = self._store.inbox.once(
            command.idem, digest(dict(command.body)), lambda: obey(self._life, command, at)
        )
        return answers

    def _load(self) -> None:
        self._life = ErpLife(self._network, self._legs)
        self._seen = {}
        self._revision = self._store.revision()
        state = self._store.state()
        if state is not None:
            self._life.take_json(state["life"], self._store.days())
            self._seen = dict.fromkeys(state["seen"])


def _origin(sale: SaleRecorded) -> str:
    return f"{sale.source}#{sale.event_id}"
