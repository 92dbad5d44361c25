"""What was decided? Decisions as lists, whole files and one digest, and what people said."""

import hashlib
import json
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from replan.canonical import canonical_bytes
from replan.desk_state import PENDING
from replan.effects import Cited, Corrected
from replan.errors import UsageError
from replan.infra.ledger import schema as t
from replan.infra.ledger.faults import verdict_body
from replan.infra.ledger.reading import Reading
from replan.infra.ledger.rows import ActionRow, AuditRow, DecisionFile, DecisionRow, unpacked
from replan.units import instant_text


class DecisionReads(Reading):
    """Questions about decisions."""

    def decisions(
        self,
        *,
        state: str | None = None,
        item: str | None = None,
        since: datetime | None = None,
        decision_id: str | None = None,
    ) -> tuple[dict[str, Any], ...]:
        """Decision bodies as they stand, ordered by (decided_at, decision_id)."""
        c = t.decision_now.c
        query = sa.select(c.body).order_by(c.decided_at, c.decision_id)
        if state is not None:
            query = query.where(c.state == state)
        if item is not None:
            query = query.where(c.item == item)
        if since is not None:
            query = query.where(c.decided_at >= since)
        if decision_id is not None:
            query = query.where(c.decision_id == decision_id)
        return tuple(json.loads(row.body) for row in self._all(query))

    def ended(self, most: int) -> tuple[dict[str, Any], ...]:
        """Bodies of the newest decisions that wait for nothing any more, the newest first; without
        those that left a case alone on purpose.
        """
        c = t.decision_now.c
        query = (
            sa.select(c.body)
            .where(c.state.not_in(sorted(PENDING | {"no_action"})))
            .order_by(c.decided_at.desc(), c.decision_id)
            .limit(most)
        )
        return tuple(json.loads(row.body) for row in self._all(query))

    def decided_within(
        self, after: datetime | None, through: datetime
    ) -> tuple[dict[str, Any], ...]:
        """Decision bodies as they stand that were decided after one instant and by another."""
        c = t.decision_now.c
        query = sa.select(c.body).where(c.decided_at <= through)
        if after is not None:
            query = query.where(c.decided_at > after)
        rows = self._all(query.order_by(c.decided_at, c.decision_id))
        return tuple(json.loads(row.body) for row in rows)

    def planned_as(self, decision_id: str) -> tuple[DecisionRow, Any] | None:
        """The newest version of a decision that was planned, not only answered, and the proposal it
        was made from; None where no plan was asked for.
        """
        c = t.decision.c
        query = sa.select(t.decision).where(c.decision_id == decision_id)
        for row in self._all(query.order_by(c.version.desc())):
            name = f"inputs of decision {decision_id} version {row.version}"
            inputs = json.loads(unpacked(row.inputs, row.inputs_sha, name))
            if "proposal" in inputs:
                return _version(row), inputs["proposal"]
        return None

    def action_states_of(self, decision_id: str) -> dict[str, str]:
        """State of each action that was ever ordered for a decision, by id."""
        c = t.action.c
        query = sa.select(c.action_id, c.state).where(c.decision_id == decision_id)
        return {row.action_id: row.state for row in self._all(query.order_by(c.action_id))}

    def verdict_that_decided(self, decision_id: str) -> str | None:
        """The accepted verdict after which nothing more was asked; None where nobody gave one."""
        c = t.verdict.c
        deciding = c.verdict.in_(("approve", "modify", "reject", "takeover"))
        mine = (c.decision_id == decision_id) & (c.result == "accepted") & deciding
        query = sa.select(c.verdict).where(mine).order_by(c.seq.desc(), c.n.desc()).limit(1)
        found = self._scalar(query)
        return None if found is None else str(found)

    def citing(self, corrected: Corrected) -> tuple[Cited, ...]:
        """The decisions that name a corrected event as evidence, by id."""
        names = {corrected.event_id, f"{corrected.source}#{corrected.event_id}"}
        found = []
        for body in self.decisions(item=corrected.item):
            if names.isdisjoint(body["evidence"]):
                continue
            c = t.action.c
            states = self._all(
                sa.select(c.action_id, c.state).where(c.decision_id == body["decision_id"])
            )
            found.append(
                Cited(
                    event_id=corrected.event_id,
                    by=corrected.by,
                    decision_id=body["decision_id"],
                    version=body["version"],
                    body=body,
                    actions={row.action_id: row.state for row in states},
                )
            )
        return tuple(sorted(found, key=lambda cited: cited.decision_id))

    def decision(self, decision_id: str) -> DecisionFile:
        """All that is kept about one decision; UsageError for an unknown id."""
        with self._reading() as conn:
            now = conn.execute(
                sa.select(t.decision_now.c.body).where(t.decision_now.c.decision_id == decision_id)
            ).scalar()
            if now is None:
                raise UsageError(f"decision {decision_id!r}: there is none of that id")
            return DecisionFile(
                body=json.loads(now),
                versions=_versions(conn, decision_id),
                moves=_moves(conn, decision_id),
                verdicts=_verdicts(conn, decision_id),
                actions=_actions(conn, decision_id),
                audit=_audit(conn, decision_id),
            )

    def verdicts_accepted(self) -> tuple[tuple[str, str], ...]:
        """Decision id and verdict of all that were accepted, in the order of each desk."""
        c = t.verdict.c
        query = sa.select(c.decision_id, c.verdict).where(c.result == "accepted")
        rows = self._all(query.order_by(c.planning_group, c.seq, c.n))
        return tuple((row.decision_id, row.verdict) for row in rows)

    def labels(self, since: datetime | None = None) -> tuple[dict[str, Any], ...]:
        """What people said of cases, with the facts of each and without who said it, by time; rows
        of `v_labels`.
        """
        query = "SELECT * FROM v_labels" + ("" if since is None else " WHERE at >= :since")
        query += " ORDER BY at, decision_id, version, verdict"
        at = {} if since is None else {"since": instant_text(since)}
        with self._reading() as conn:
            rows = conn.execute(sa.text(query), at).mappings().all()
        return tuple({**row, "tags": json.loads(row["tags"])} for row in rows)

    def decision_versions(self) -> tuple[tuple[str, int], ...]:
        """Id and version of every decision ever made, in the order in which they were made."""
        c = t.decision.c
        order = (c.planning_group, c.seq, c.decision_id, c.version)
        return tuple(
            (row.decision_id, row.version)
            for row in self._all(sa.select(c.decision_id, c.version).order_by(*order))
        )

    def decision_made(self, decision_id: str, version: int) -> tuple[DecisionRow, Any]:
        """One version as it was made, and what it was made from; UsageError if there is none."""
        c = t.decision.c
        row = self._first(
            sa.select(t.decision).where(c.decision_id == decision_id, c.version == version)
        )
        if row is None:
            raise UsageError(f"decision {decision_id!r}: there is no version {version}")
        name = f"inputs of decision {decision_id} version {version}"
        return _version(row), json.loads(unpacked(row.inputs, row.inputs_sha, name))

    def decisions_digest(self) -> str:
        """`sha256:<hex>` over the bodies as they stand, ordered by id, one a line."""
        c = t.decision_now.c
        hasher = hashlib.sha256()
        for row in self._all(sa.select(c.body).order_by(c.decision_id)):
            hasher.update(row.body.encode() + b"\n")
        return "sha256:" + hasher.hexdigest()

    def category_of(self, decision_id: str) -> str | None:
        """The category of a decision; None for an unknown id."""
        c = t.decision_now.c
        found = self._scalar(sa.select(c.category).where(c.decision_id == decision_id))
        return None if found is None else str(found)


def _versions(conn: sa.Connection, decision_id: str) -> tuple[DecisionRow, ...]:
    c = t.decision.c
    columns = (c.decision_id, c.version, c.planning_group, c.seq, c.body, c.sha, c.inputs_sha)
    query = sa.select(*columns).where(c.decision_id == decision_id).order_by(c.version)
    return tuple(_version(row) for row in conn.execute(query))


def _version(row: Any) -> DecisionRow:
    name = f"decision {row.decision_id} version {row.version}"
    return DecisionRow(
        decision_id=row.decision_id,
        version=row.version,
        group=row.planning_group,
        seq=row.seq,
        body=json.loads(unpacked(row.body, row.sha, name)),
        sha=row.sha,
        inputs_sha=row.inputs_sha,
    )


def _moves(conn: sa.Connection, decision_id: str) -> tuple[dict[str, Any], ...]:
    c = t.decision_move.c
    query = sa.select(c.body).where(c.decision_id == decision_id).order_by(c.seq, c.n)
    return tuple(json.loads(row.body) for row in conn.execute(query))


def _verdicts(conn: sa.Connection, decision_id: str) -> tuple[dict[str, Any], ...]:
    c = t.verdict.c
    query = sa.select(t.verdict).where(c.decision_id == decision_id).order_by(c.seq, c.n)
    rows = (verdict_body(row._asdict()) for row in conn.execute(query))
    return tuple(json.loads(canonical_bytes(row)) for row in rows)


def _actions(conn: sa.Connection, decision_id: str) -> tuple[ActionRow, ...]:
    c = t.action.c
    query = sa.select(t.action).where(c.decision_id == decision_id).order_by(c.action_id)
    return tuple(ActionRow(**row._asdict()) for row in conn.execute(query))


def _audit(conn: sa.Connection, decision_id: str) -> tuple[AuditRow, ...]:
    c = t.audit.c
    query = sa.select(t.audit).where(c.subject == decision_id).order_by(c.writer, c.seq)
    return tuple(
        AuditRow(
            writer=row.writer,
            seq=row.seq,
            prev=row.prev,
            hash=row.hash,
            body=json.loads(row.body),
            at=row.at,
        )
        for row in conn.execute(query)
    )
