"""Which desks have a timer that rang, or a deadline that passed, between two ticks?

On the clock of the database time goes on without events, and whoever waits for an answer should not
wait for the next planning tick too: once a minute the desks are looked at. On the log clock timers
are part of the ticks.
"""

from datetime import datetime

from replan.desk_state import PENDING
from replan.infra.engine.waiting import open_decisions
from replan.infra.ledger.store import Ledger


class MinuteTimers:
    """Looks at the desks of a ledger, at most once in a minute of the clock it is asked by."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._looked: datetime | None = None

    def due(self, at: datetime) -> tuple[str, ...]:
        """Groups in which something was due by the full minute, sorted; none within the minute in
        which was looked before.
        """
        minute = at.replace(second=0, microsecond=0)
        if self._looked is not None and minute <= self._looked:
            return ()
        self._looked = minute
        return tuple(group for group in sorted(self._ledger.desk_seqs()) if self._is(group, minute))

    def _is(self, group: str, minute: datetime) -> bool:
        return any(
            when is not None and when <= minute
            for decision in open_decisions(self._ledger, group)
            for when in (
                decision.timer,
                decision.deadline if decision.state in PENDING else None,
            )
        )
