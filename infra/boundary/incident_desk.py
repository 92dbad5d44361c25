"""How are incidents opened and closed? What it is about is stopped in the same breath."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from replan.errors import NotSo, UsageError
from replan.infra.desk.incident_record import (
    KINDS,
    Incident,
    incidents,
    instant_or_first,
    opened,
    put,
)
from replan.infra.desk.stop_switch import StopSwitch, checked_reason
from replan.infra.ledger.store import Ledger
from replan.infra.planners.plain_text import REFUSED
from replan.people import OPERATOR, PROCESS_OWNER, People


class IncidentDesk:
    """Incidents of one workspace, as people open and close them."""

    def __init__(self, ledger: Ledger, switch: StopSwitch, people: People) -> None:
        self._ledger = ledger
        self._switch = switch
        self._people = people

    def open(self, kind: str, scope: str | None, *, login: str, reason: str) -> Incident:
        """Stop what it is about, and open it. UsageError for what cannot be meant, NotSo where the
        login may not stop.
        """
        if kind not in KINDS:
            raise UsageError(f"kind {kind!r} is not one of {', '.join(KINDS)}")
        moved = self._switch.stop(scope, login=login, reason=reason)
        if moved.code is not None:
            why = f"{REFUSED[moved.code]} ({moved.code})"
            raise NotSo(f"{login} may not stop {scope or 'everything'}: {why}")
        at = self._ledger.clock()
        made = opened(
            kind=kind,
            scope=scope,
            said=checked_reason(reason),
            by=login,
            at=instant_or_first(at),
            suspended=f"stopped: {len(moved.held)} held, {len(moved.in_flight)} in flight",
        )
        with self._ledger.transaction() as write:
            put(write, made, "opened", at)
        return made

    def close(self, incident_id: str, *, login: str, finding: str) -> Incident:
        """Say what was found, as somebody else. UsageError for an unknown id or login, NotSo where
        this login may not, or a stop of its still holds.
        """
        said = checked_reason(finding)
        if self._people.get(login) is None:
            raise UsageError(f"login {login!r} is not in planners.yaml")
        with self._ledger.transaction() as write:
            known = next((i for i in incidents(write) if i.incident_id == incident_id), None)
            if known is None:
                raise UsageError(f"incident {incident_id!r}: there is none of that id")
            if not any(self._people.has_role(login, role) for role in (PROCESS_OWNER, OPERATOR)):
                raise NotSo(f"{login} is neither {PROCESS_OWNER} nor {OPERATOR}")
            if known.closed_by is not None:
                raise NotSo(f"{incident_id} was closed by {known.closed_by}")
            if login == known.opened_by:
                raise NotSo(f"{login} opened it; somebody else must say what was found")
            if any((s.scope, s.by) == (known.scope, known.opened_by) for s in write.stops()):
                raise NotSo(f"{known.scope or 'everything'} is still stopped; resume comes first")
            at = write.clock()
            done = replace(known, closed_by=login, closed_at=instant_or_first(at), finding=said)
            put(write, done, "closed", at)
        return done

    def timeline(self, incident_id: str) -> dict[str, Any]:
        """An incident with all that was said and moved from its opening to its end."""
        known = next((i for i in incidents(self._ledger) if i.incident_id == incident_id), None)
        if known is None:
            raise UsageError(f"incident {incident_id!r}: there is none of that id")
        rows = [json.loads(body) for body in self._ledger.control_rows()]
        within = [
            row
            for row in rows
            if known.opened_at <= row["at"]
            and (known.closed_at is None or row["at"] <= known.closed_at)
        ]
        return {**known.json(), "timeline": within}


def incident_text(row: Mapping[str, Any]) -> str:
    """One incident in a line."""
    ended = f"closed by {row['closed_by']}: {row['finding']}" if row["closed_by"] else "open"
    scope = row["scope"] or "everything"
    what = f"{row['kind']} of {scope}: {row['text']}"
    return f"{row['incident_id']}  {row['opened_at']}  {what}; {ended}"


def step_text(row: Mapping[str, Any]) -> str:
    """One row of a timeline in a line: who did what to which scope, and what came of it."""
    who = (
        row.get("login")
        or row.get("by")
        or row.get(f"{row.get('verb')}_by")
        or ", ".join(row.get("logins") or ())
    )
    what = [str(row.get("verb") or row["kind"]), str(row.get("drill") or "")]
    if "scope" in row:
        what.append(row["scope"] or "everything")
    if row.get("stage"):
        what.append(f"→ {row['stage']}" if row.get("result") is None else f"({row['stage']})")
    if who:
        what.append(f"by {who}")
    text = " ".join(part for part in what if part)
    missed = [step for step, held in (row.get("steps") or {}).items() if not held]
    if "ok" in row:
        text += ", held" if row["ok"] else f", did not hold: {', '.join(missed)}"
    if row.get("code"):
        text += f", refused ({row['code']})"
    said = row.get("finding") or row.get("reason") or row.get("text")
    return f"{row['at']}  {text}" + (f": {said}" if said else "")
