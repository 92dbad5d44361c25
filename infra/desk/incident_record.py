"""What went wrong that somebody must answer for? Incidents: opened, suspended, told, closed.

An incident is opened by a person or by the engine, and what it is about is stopped in the same
breath; where a category steps down by itself its lower stage suspends it. It is announced, and
stays open until somebody else than who opened it says what was found. Its timeline is everything
that the audit chain `control` says meanwhile: stops, moves on the ladder, drills, notes.
"""

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final

from replan.canonical import sha256_hex, short_id
from replan.infra.desk.owner_told import tell_owner
from replan.infra.ledger.audit import INCIDENTS
from replan.infra.ledger.run import EPOCH
from replan.infra.ledger.store import Ledger
from replan.infra.ledger.writer import LedgerWriter
from replan.ladder import StageMove
from replan.units import instant_text

UNAUTHORISED: Final = "unauthorised_access"
CAP_BREACH: Final = "cap_breach"
CHAIN_BREAK: Final = "chain_break"
PLANTED_MISSED: Final = "planted_fault_missed"

KINDS: Final = (
    "wrong_action",
    UNAUTHORISED,
    "systematic_error",
    CAP_BREACH,
    CHAIN_BREAK,
    "coverage_collapse",
    PLANTED_MISSED,
    "other",
)
"""What counts as one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident; `scope` None: everything. `suspended`: how its scope stands still meanwhile.
    `closed_by` None: it is open. `caused_by`: the trace of a login that may not let its scope go on
    (see `trace`), which is kept and never shown.
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
    caused_by: str | None = None

    def json(self) -> dict[str, Any]:
        """As told, printed and put on record: without what points at a person."""
        return {name: value for name, value in asdict(self).items() if name != "caused_by"}

    def is_of(self, login: str) -> bool:
        """Whether this login caused it."""
        return self.caused_by is not None and self.caused_by == trace(self.incident_id, login)


def trace(incident_id: str, login: str) -> str:
    """What tells a login again without naming it: a digest salted with the incident."""
    return sha256_hex(f"{incident_id} {login}".encode())


def incidents(ledger: Ledger | LedgerWriter) -> tuple[Incident, ...]:
    """All incidents, the oldest first."""
    kept = ledger.control(INCIDENTS)
    return () if kept is None else tuple(Incident(**row) for row in kept)


def put(write: LedgerWriter, incident: Incident, note: str, at: datetime | None) -> None:
    """Keep an incident as it stands now, on record, and announce it."""
    others = [one for one in incidents(write) if one.incident_id != incident.incident_id]
    rows = [
        {
            f.name: getattr(one, f.name)
            for f in fields(one)
            if f.name != "caused_by" or one.caused_by
        }
        for one in (*others, incident)
    ]
    rows.sort(key=lambda row: (row["opened_at"], row["incident_id"]))
    write.keep_incidents(rows, {"verb": note, **incident.json()}, at)
    event = {
        "specversion": "1.0",
        "id": short_id("event", [note, incident.json()]),
        "source": "/replan/engine",
        "type": f"incident.{note}.v1",
        "time": incident.closed_at or incident.opened_at,
        "subject": incident.incident_id,
        "data": incident.json(),
    }
    tell_owner(write, event, at or EPOCH)


def stepped_down(write: LedgerWriter, move: StageMove) -> None:
    """What stepped down by itself is an incident, and its lower stage suspends it."""
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
    *,
    kind: str,
    scope: str | None,
    said: str,
    by: str,
    at: str,
    suspended: str,
    caused_by: str | None = None,
) -> Incident:
    """A new one; `caused_by`: a login."""
    incident_id = short_id("incident", [kind, scope, by, at])
    return Incident(
        incident_id=incident_id,
        caused_by=None if caused_by is None else trace(incident_id, caused_by),
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
