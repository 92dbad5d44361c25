"""What does the ledger know of the desks? What they were given, where they stand, reserved sums."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from replan.effects import Move
from replan.errors import LedgerBroken
from replan.infra.ledger import schema as t
from replan.infra.ledger.reading import Reading
from replan.infra.ledger.rows import DeskLogRow, DeskRow, FeedbackRow, ProposalRow, unpacked
from replan.records import feedback_from_json

RESERVE_SEQ: Final = "reserve_seq"


class DeskReads(Reading):
    """Questions about the desks."""

    def escalated_ids(self) -> frozenset[str]:
        """Decisions that were ever put before a planner."""
        c = t.decision_now.c
        rows = self._all(sa.select(c.decision_id).where(c.was_escalated))
        return frozenset(row.decision_id for row in rows)

    def action_states(self) -> tuple[tuple[str, str], ...]:
        """Kind and state of each released action."""
        c = t.action.c
        return tuple(
            (row.kind, row.state)
            for row in self._all(sa.select(c.kind, c.state).order_by(c.action_id))
        )

    def proposals_for(self, tick: datetime, group: str | None = None) -> tuple[ProposalRow, ...]:
        """The proposals of a tick by group, item and number."""
        c = t.proposal.c
        query = sa.select(t.proposal).where(c.tick == tick)
        if group is not None:
            query = query.where(c.planning_group == group)
        return tuple(
            ProposalRow(
                group=row.planning_group,
                item=row.item,
                n=row.n,
                body=json.loads(unpacked(row.body, row.sha, f"proposal {row.item} at {tick}")),
            )
            for row in self._all(query.order_by(c.planning_group, c.item, c.n))
        )

    def newest_proposal(self, item: str) -> ProposalRow | None:
        """The last proposal ever made about an item; None if there was none."""
        c = t.proposal.c
        newest = sa.select(t.proposal).where(c.item == item).order_by(c.tick.desc(), c.n.desc())
        row = self._first(newest.limit(1))
        if row is None:
            return None
        name = f"proposal {item} at {row.tick}"
        body = json.loads(unpacked(row.body, row.sha, name))
        return ProposalRow(group=row.planning_group, item=item, n=row.n, body=body)

    def reassessed_at(self, group: str, tick: str | None) -> list[dict[str, Any]]:
        """What sense judged again at a tick (RFC 3339; None: never), as the desk was given it."""
        if tick is None:
            return []
        c = t.desk_log.c
        at = datetime.fromisoformat(tick)
        row = self._first(
            sa.select(t.desk_log).where(c.planning_group == group, c.kind == "tick", c.at == at)
        )
        if row is None:
            return []
        given = json.loads(unpacked(row.input, row.sha, f"desk log {group} {row.seq}"))
        return list(given["given"]["reassessed"])

    def feedback_for(self, tick: datetime) -> tuple[FeedbackRow, ...]:
        """What the desk told sense since `tick` and before the next one, in order."""
        c = t.feedback.c
        order = (c.planning_group, c.seq, c.n)
        query = sa.select(t.feedback).where(c.tick == tick).order_by(*order)
        return tuple(_feedback(row) for row in self._all(query))

    def desk(self, group: str) -> DeskRow:
        """The desk of a group as its newest transaction left it."""
        row = self._first(sa.select(t.desk).where(t.desk.c.planning_group == group))
        if row is None:
            return DeskRow(group=group, seq=0, tick=None, body=None)
        body = json.loads(unpacked(row.body, row.sha, f"desk {group}"))
        return DeskRow(group=group, seq=row.seq, tick=row.tick, body=body)

    def desk_seqs(self) -> dict[str, int]:
        """How many transactions the desk of each group has had; those without any are left out."""
        rows = self._all(sa.select(t.desk.c.planning_group, t.desk.c.seq))
        return {row.planning_group: row.seq for row in rows}

    def desk_log(self, group: str, since_seq: int = 0) -> tuple[DeskLogRow, ...]:
        """What the desk transactions after `since_seq` were given, in order."""
        c = t.desk_log.c
        query = sa.select(t.desk_log).where(c.planning_group == group, c.seq > since_seq)
        return tuple(
            DeskLogRow(
                group=group,
                seq=row.seq,
                kind=row.kind,
                tick=row.tick,
                at=row.at,
                input=json.loads(unpacked(row.input, row.sha, f"desk log {group} {row.seq}")),
            )
            for row in self._all(query.order_by(c.seq))
        )

    def desk_policy(self, group: str, seq: int) -> dict[str, Any]:
        """What the policy of a desk transaction was made of, by name; LedgerBroken if there was no
        such transaction.
        """
        c = t.desk_log.c
        row = self._first(sa.select(c.input, c.sha).where(c.planning_group == group, c.seq == seq))
        if row is None:
            raise LedgerBroken(f"desk {group} has no transaction {seq}")
        return dict(json.loads(unpacked(row.input, row.sha, f"desk log {group} {seq}"))["policy"])

    def reserve_seq(self) -> int:
        """Counts up whenever a reservation is made or released."""
        value = self._scalar(sa.select(t.counter.c.value).where(t.counter.c.name == RESERVE_SEQ))
        return int(value or 0)

    def reservations(self, since: datetime | None = None) -> tuple[Move, ...]:
        """Reservations made at or after an instant, released ones marked, by time and id."""
        c = t.reservation.c
        query = sa.select(t.reservation).order_by(c.at, c.action_id)
        if since is not None:
            query = query.where(c.at >= since)
        return tuple(
            Move(
                action_id=row.action_id,
                decision_id=row.decision_id,
                at=row.at,
                value_minor=row.value_minor,
                keys=json.loads(row.counts_for),
                account=row.account,
                released=row.released,
            )
            for row in self._all(query)
        )

    def authority_hashes(self, decisions: Iterable[str]) -> dict[str, str]:
        """Under which table each of these decisions was made."""
        c = t.decision_now.c
        query = sa.select(c.decision_id, c.body).where(c.decision_id.in_(sorted(decisions)))
        bodies = {row.decision_id: json.loads(row.body) for row in self._all(query)}
        return {name: str(body.get("authority_hash", "")) for name, body in bodies.items()}


def _feedback(row: Any) -> FeedbackRow:
    return FeedbackRow(
        group=row.planning_group,
        seq=row.seq,
        tick=row.tick,
        feedback=feedback_from_json(json.loads(row.body)),
    )
