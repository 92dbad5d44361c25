"""Does the record hold, and what does it show of the pace? Chains, evidence, checks, measures."""

import json
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from replan.announcing import WITH_A_PERSON
from replan.demotion import Measure
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
from replan.infra.ledger.decision_reads import DecisionReads
from replan.infra.ledger.reads import LedgerReads
from replan.infra.ledger.rows import AuditReport
from replan.throttle import Told


class LedgerRecords(LedgerReads, DecisionReads):
    """Questions about decisions and the record, on top of those about the run."""

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

    def track_record(
        self, measure: Measure, about: str, over: int, since: datetime | None
    ) -> tuple[int, int]:
        """Bad ones among the newest cases of a measure, of a category or a model, and how many
        these are.
        """
        with self._reading() as conn:
            return ledger_track.newest(conn, measure, about, over, since)

    def models_serving(self) -> tuple[str, ...]:
        """The models that serve a series, by name."""
        with self._reading() as conn:
            return ledger_track.serving(conn)

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
