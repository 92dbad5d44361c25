"""What went wrong that somebody must answer for? Incidents: opened, suspended, told, closed.

An incident is opened by a person, who stops what it is about in the same breath, or by the engine
when a category steps down by itself. It is announced, and stays open until somebody else than who
opened it says what was found. Its timeline is everything that the audit chain `control` says
meanwhile: stops, moves on the ladder, drills, notes.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from replan.canonical import short_id
from replan.infra.ledger.audit import INCIDENTS
from replan.infra.ledger.rows import text
from replan.infra.ledger.store import Ledger
from replan.infra.ledger.writer import LedgerWriter
from replan.infra.out_names import NOTIFICATIONS
from replan.ladder import StageMove
from replan.units import instant_text

KINDS: Final = (
    "wrong_action",
    "unauthorised_access",
    "systematic_error",
    "cap_breach",
    "chain_break",
    "coverage_collapse",
    "planted_fault_missed",
    "other",
)
"""What counts as one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident; `scope` None: everything. `suspended`: how its scope stands still meanwhile.
    `closed_by` None: it is open.
    """

    incident_id: str
    kind: str
    scope: str | None
    text: str
    opened_by: str
    opened_at: str
    suspended: str
    closed_by: str | None = None
    closed_at: str | None = None
    finding: str | None = None


def incidents(ledger: Ledger | LedgerWriter) -> tuple[Incident, ...]:
    """All incidents, the oldest first."""
    kept = ledger.control(INCIDENTS)
    return () if kept is None else tuple(Incident(**row) for row in kept)


def put(write: LedgerWriter, incident: Incident, note: str, at: datetime | None) -> None:
    """Keep an incident as it stands now, on record, and announce it."""
    others = [one for one in incidents(write) if one.incident_id != incident.incident_id]
    rows = [asdict(one) for one in (*others, incident)]
    rows.sort(key=lambda row: (row["opened_at"], row["incident_id"]))
    write.keep_incidents(rows, {"verb": note, **asdict(incident)}, at)
    event = {
        "specversion": "1.0",
        "id": short_id("event", [note, asdict(incident)]),
        "source": "/replan/engine",
        "type": f"incident.{note}.v1",
        "time": incident.closed_at or incident.opened_at,
        "subject": incident.incident_id,
        "data": asdict(incident),
    }
    write.publish(NOTIFICATIONS, [text(event)])


def stepped_down(write: LedgerWriter, move: StageMove) -> None:
    """A category stepped down by itself: that is an incident, and the lower stage suspends it."""
    coverage = "90 % band" in move.reason
    put(
        write,
        opened(
            kind="coverage_collapse" if coverage else "systematic_error",
            scope=move.scope,
            said=move.reason,
            by=move.by,
            at=instant_or_first(move.at),
            suspended=f"stage {move.stage}: nothing of it runs by itself",
        ),
        "opened",
        move.at,
    )


def opened(
    *, kind: str, scope: str | None, said: str, by: str, at: str, suspended: str
) -> Incident:
    """A new one."""
    return Incident(
        incident_id=short_id("incident", [kind, scope, by, at]),
        kind=kind,
        scope=scope,
        text=said,
        opened_by=by,
        opened_at=at,
        suspended=suspended,
    )


def instant_or_first(at: datetime | None) -> str:
    """An instant as text; before the first event the first there is."""
    return "1970-01-01T00:00:00Z" if at is None else instant_text(at)
