"""What was decided, and does the record hold? Decisions as lists, whole files and one digest."""

import hashlib
import json
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from replan.announcing import WITH_A_PERSON
from replan.canonical import canonical_bytes
from replan.demotion import Measure
from replan.desk_state import PENDING
from replan.effects import Cited, Corrected
from replan.errors import UsageError
from replan.forecasting import published_band
from replan.hindsight import SoldDay
from replan.infra.ledger import audit as ledger_audit
from replan.infra.ledger import checks as ledger_checks
from replan.infra.ledger import doors as ledger_doors
from replan.infra.ledger import evidence as ledger_evidence
from replan.infra.ledger import schema as t
from replan.infra.ledger import shadow as ledger_shadow
from replan.infra.ledger import track_record as ledger_track
from replan.infra.ledger.checks import CheckRow
from replan.infra.ledger.faults import verdict_body
from replan.infra.ledger.reads import LedgerReads
from replan.infra.ledger.rows import (
    ActionRow,
    AuditReport,
    AuditRow,
    DecisionFile,
    DecisionRow,
    unpacked,
)
from replan.throttle import Told
from replan.units import instant_text


class LedgerRecords(LedgerReads):
    """Questions about decisions, on top of those about the run."""

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

    def sold_days(self, item: str, first: date, last: date) -> tuple[SoldDay, ...]:
        """The closed days of an item at all its sites, by site and day."""
        c = t.forecast_day.c
        query = sa.select(c.site, c.date, c.actual, c.censored, c.p50).where(
            c.item == item, c.date.between(first, last)
        )
        return tuple(
            SoldDay(
                site=row.site,
                day=row.date,
                qty=row.actual,
                censored=row.censored,
                expected=row.p50,
            )
            for row in self._all(query.order_by(c.site, c.date))
        )

    def first_answer(self, login: str, key: str) -> tuple[str, dict[str, Any]] | None:
        """Digest of the request and the answer that a key of this login got first."""
        with self._reading() as conn:
            return ledger_doors.first_answer(conn, login, key)

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

    def checks(self) -> tuple[CheckRow, ...]:
        """All planted checks, by when they were planted."""
        return tuple(map(ledger_checks.row_of, self._all(ledger_checks.query())))

    def check(self, decision_id: str) -> CheckRow | None:
        """The planted check of that id; None if there is none."""
        row = self._first(ledger_checks.query(decision_id))
        return None if row is None else ledger_checks.row_of(row)

    def told_since(self, since: datetime) -> tuple[Told, ...]:
        """What was announced after an instant, by whichever group, in order."""
        n, now = t.notice.c, t.decision_now.c
        query = (
            sa.select(
                now.planning_group, now.incident_id, n.recipient, n.at, n.decision_id, now.state
            )
            .join(t.decision_now, now.decision_id == n.decision_id)
            .where(n.at > since)
            .order_by(n.at, n.notice_id)
        )
        return tuple(
            Told(
                group=row.planning_group,
                incident=row.incident_id,
                recipient=row.recipient,
                at=row.at,
                decision_id=row.decision_id,
                waits=row.state in WITH_A_PERSON,
            )
            for row in self._all(query)
        )

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

    def closed_days(self, item: str, site: str, count: int) -> tuple[dict[str, Any], ...]:
        """The newest closed days of a series, oldest first: the band forecast before each, what was
        sold in base units, whether the shelf was empty.
        """
        c = t.forecast_day.c
        query = (
            sa.select(c.date, c.p05, c.p50, c.p95, c.actual, c.censored)
            .where(c.item == item, c.site == site)
            .order_by(c.date.desc())
            .limit(count)
        )
        return tuple(
            {
                "date": row.date.isoformat(),
                "p05": row.p05,
                "p50": row.p50,
                "p95": row.p95,
                "actual": row.actual / 1_000,
                "censored": row.censored,
            }
            for row in reversed(self._all(query))
        )

    def forecast_health(self, nominal: float) -> dict[str, float | int]:
        """Over all closed days with a forecast that were not censored: how many, the `band` that is
        published for a nominal coverage, the share inside it, and WAPE of the median.
        """
        c = t.forecast_day.c
        low, high = published_band(nominal)
        actual = c.actual / sa.literal(1_000.0)
        within = actual.between(c[f"p{100 * low:02.0f}"], c[f"p{100 * high:02.0f}"])
        inside = sa.case((within, 1.0), else_=0.0)
        row = self._first(
            sa.select(
                sa.func.count().label("days"),
                sa.func.coalesce(sa.func.avg(inside), 0.0).label("coverage"),
                sa.func.coalesce(
                    sa.func.sum(sa.func.abs(actual - c.p50))
                    / sa.func.nullif(sa.func.sum(actual), 0),
                    0.0,
                ).label("wape"),
            ).where(c.p50.is_not(None), sa.not_(c.censored))
        )
        return {
            "days": row.days,
            "band": round(high - low, 4),
            "coverage": round(row.coverage, 4),
            "wape": round(row.wape, 4),
        }

    def category_of(self, decision_id: str) -> str | None:
        """The category of a decision; None for an unknown id."""
        c = t.decision_now.c
        found = self._scalar(sa.select(c.category).where(c.decision_id == decision_id))
        return None if found is None else str(found)

    def track_record(
        self, measure: Measure, category: str, over: int, since: datetime | None
    ) -> tuple[int, int]:
        """Bad ones among the newest cases of a measure, and how many these are."""
        with self._reading() as conn:
            return ledger_track.newest(conn, measure, category, over, since)

    def caps_exceeded(self) -> tuple[str, ...]:
        """Caps of which more is used than they allow, as they stood at the last decision."""
        c = t.cap_now.c
        over = (c.used_minor > c.limit_minor) | (c.used_count > c.limit_count)
        rows = self._all(sa.select(c.scope, c.window).where(over).order_by(c.scope, c.window))
        return tuple(f"{row.scope} per {row.window}" for row in rows)

    def looks(self, category: str, since: datetime | None) -> list[tuple[str, bool]]:
        """Day and finding (right?) of each plan of a category that was looked at afterwards."""
        with self._reading() as conn:
            return ledger_track.looks(conn, category, since)

    def compared_ids(self) -> set[str]:
        """Decisions that were held against what people did."""
        with self._reading() as conn:
            return ledger_shadow.known_cases(conn)

    def compared_since(self, date: str | None) -> list[dict[str, Any]]:
        """Played plans beside what people did, of the days from `date` (`YYYY-MM-DD`) on."""
        with self._reading() as conn:
            return ledger_shadow.cases_since(conn, date)

    def evidence(self, name: str) -> dict[str, Any]:
        """All that proves one decision, or the decision of an action, as plain JSON; UsageError
        for an unknown id.
        """
        with self._reading() as conn:
            return ledger_evidence.collect(conn, name)

    def control_rows(self) -> tuple[str, ...]:
        """The bodies of the chain `control`, as they were written."""
        c = t.audit.c
        query = sa.select(c.body).where(c.writer == ledger_audit.CONTROL).order_by(c.seq)
        return tuple(row.body for row in self._all(query))

    def refused_lately(self, span: timedelta, most: int) -> int:
        """How many were not let in within `span` of the newest row of the doors, at most `most`."""
        c = t.audit.c
        query = sa.select(c.body, c.at).where(c.writer == ledger_audit.DOORS)
        rows = self._all(query.order_by(c.seq.desc()).limit(4 * most))
        kept = [row for row in rows if row.at > rows[0].at - span]
        return min(most, sum("token" not in json.loads(row.body) for row in kept))

    def drills(self) -> tuple[dict[str, Any], ...]:
        """What was rehearsed, the oldest first."""
        rows = (json.loads(body) for body in self.control_rows())
        return tuple(row for row in rows if row["kind"] == "drill")

    def audit_heads(self) -> dict[str, tuple[int, str]]:
        """Number and hash of the newest row of every chain, by writer."""
        c = t.audit.c
        newest = sa.select(c.writer, sa.func.max(c.seq).label("seq")).group_by(c.writer).subquery()
        query = sa.select(c.writer, c.seq, c.hash).join(
            newest, (c.writer == newest.c.writer) & (c.seq == newest.c.seq)
        )
        return {row.writer: (row.seq, row.hash) for row in self._all(query.order_by(c.writer))}

    def audit_hash(self, writer: str, seq: int) -> str | None:
        """The hash of one row of a chain; None if there is no such row."""
        c = t.audit.c
        found = self._scalar(sa.select(c.hash).where(c.writer == writer, c.seq == seq))
        return None if found is None else str(found)

    def verify_audit(self) -> AuditReport:
        """Check every chain and every body; names the first bad row."""
        with self._reading() as conn:
            return ledger_audit.verify_audit(conn)


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
