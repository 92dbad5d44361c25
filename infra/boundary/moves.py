"""Who moves the boundary, and on what? Promotion by evidence and two people, demotion by one.

A first person asks for one step up and a second one agrees; the evidence is looked at both times.
Whoever may do so moves something down at once. Everything, refusals too, is a row of the audit
chain `control`.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Final

from replan.authority_table import CATEGORIES, AuthorityTable
from replan.errors import UsageError
from replan.infra.desk.policy import PolicySource
from replan.infra.desk.stepping_down import keep_move
from replan.infra.desk.stop_switch import checked_reason
from replan.infra.ledger.store import Ledger
from replan.infra.ledger.writer import LedgerWriter
from replan.ladder import LADDER_KEYS, StageMove, move_json, stage_of, stated
from replan.mode import MODE_ORDER
from replan.people import OPERATOR, PROCESS_OWNER
from replan.promotion import Case, Evidence, Gate, evidence_of, missing, next_stage

STATUS: Final = {
    "not_allowed": 403,
    "own_table": 403,
    "same_approver": 403,
    "no_table": 409,
    "at_top": 409,
    "halted": 409,
    "not_lower": 409,
    "risk_record": 409,
    "breached": 409,
    "evidence": 409,
}
"""Why the boundary was not moved → HTTP status."""

LOWER: Final = ("spot_check", "recommend", "shadow")
"""Where somebody may put a category, a region or a model down to; a stop goes further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What came of it: `result` is `proposed`, `promoted`, `demoted` or `refused`; `missing` says
    in words why it was refused.
    """

    verb: str
    scope: str
    login: str
    at: datetime | None
    result: str
    code: str | None
    stage: str
    to: str | None
    evidence: Mapping[str, Any] | None = None
    missing: tuple[str, ...] = ()

    @property
    def status(self) -> int:
        """As an HTTP status."""
        return 200 if self.code is None else STATUS[self.code]

    def json(self) -> dict[str, Any]:
        """As printed and returned."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        at = None if self.at is None else self.at.isoformat().replace("+00:00", "Z")
        return plain | {"at": at, "missing": list(self.missing), "status": self.status}


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """The ladder of one workspace; `risk`: why the risk record does not hold at an instant, None if
    it does.
    """

    ledger: Ledger
    policies: PolicySource
    gate: Gate
    risk: Callable[[datetime], str | None]

    def promote(self, scope: str, *, login: str) -> Moved:
        """Ask for one step up, or agree to what another person asked for. UsageError for an unknown
        login or scope.
        """
        key, value = parsed(scope)
        self._known(login)
        with self.ledger.transaction() as write:
            at = self._now(write)
            table = None if at is None else self.policies.authority_at(at)[0]
            stands = stage_of(table, write.ladder(), key, value)
            to = next_stage(stands)
            found = self._evidence(write, key, value, stands, at)
            asked = next(
                (p for p in write.ladder_proposals() if p["scope"] == f"{key}={value}"), None
            )
            if asked is not None and asked["to"] != to:
                asked = None
            code, why = self._refusal(login, table, stands, to, asked, found, write, at)
            told = Moved(
                verb="promote",
                scope=f"{key}={value}",
                login=login,
                at=at,
                result="refused" if code else "promoted" if asked else "proposed",
                code=code,
                stage=stands,
                to=to,
                evidence=asdict(found),
                missing=why,
            )
            self._keep(write, told, asked, table, (key, value))
        return told

    def demote(self, scope: str, *, to: str, login: str, reason: str) -> Moved:
        """Put something down at once. UsageError for an unknown login, scope or stage."""
        key, value = parsed(scope)
        if to not in LOWER:
            raise UsageError(f"stage {to!r} is not one of {', '.join(LOWER)}; to halt, use stop")
        said = checked_reason(reason)
        self._known(login)
        with self.ledger.transaction() as write:
            at = self._now(write)
            table = None if at is None else self.policies.authority_at(at)[0]
            stands = stage_of(table, write.ladder(), key, value)
            code = None
            if not self._has(login, PROCESS_OWNER, OPERATOR):
                code = "not_allowed"
            elif at is None:
                code = "no_table"
            elif MODE_ORDER.index(to) >= MODE_ORDER.index(stands):
                code = "not_lower"
            told = Moved(
                verb="demote",
                scope=f"{key}={value}",
                login=login,
                at=at,
                result="refused" if code else "demoted",
                code=code,
                stage=stands,
                to=to,
            )
            if code is not None:
                write.note_ladder(_note(told), at)
            else:
                assert at is not None, "without a clock it was refused"
                move = StageMove(
                    key=key,
                    value=value,
                    stage=to,
                    stated=stated(table, key, value),
                    verb="demoted",
                    by=login,
                    second=None,
                    at=at,
                    reason=said,
                )
                keep_move(write, move)
        return told

    def _refusal(
        self,
        login: str,
        table: AuthorityTable | None,
        stands: str,
        to: str | None,
        asked: Mapping[str, Any] | None,
        found: Evidence,
        write: LedgerWriter,
        at: datetime | None,
    ) -> tuple[str | None, tuple[str, ...]]:
        """Code and words of why nothing moves up; None and nothing if it may."""
        second = asked is not None
        agrees = second and table is not None and login == table.approver
        if not agrees and not self._has(login, PROCESS_OWNER, *([OPERATOR] if second else [])):
            return "not_allowed", (f"{login} is no {PROCESS_OWNER}",)
        if table is None or at is None:
            return "no_table", ("no authority table is in force",)
        if login.strip().casefold() == table.author.strip().casefold():
            return "own_table", (f"{login} wrote the table; another person must move it",)
        if asked is not None and asked["by"] == login:
            return "same_approver", (f"{login} asked for it; a second person must agree",)
        if stands == "halted":
            return "halted", ("the table halts it",)
        if to is None:
            return "at_top", ("it is live already",)
        wrong = self.risk(at)
        if wrong is not None:
            return "risk_record", (f"the risk record does not hold: {wrong}",)
        over = write.caps_exceeded()
        if over:
            return "breached", tuple(f"cap {name} is exceeded" for name in over)
        why = missing(found, self.gate)
        return ("evidence", why) if why else (None, ())

    def _keep(
        self,
        write: LedgerWriter,
        told: Moved,
        asked: Mapping[str, Any] | None,
        table: AuthorityTable | None,
        place: tuple[str, str],
    ) -> None:
        if told.code is not None:
            write.note_ladder(_note(told), told.at)
            return
        assert told.at is not None, "without a clock it was refused"
        assert told.to is not None, "at the top it was refused"
        if asked is None:
            others = [p for p in write.ladder_proposals() if p["scope"] != told.scope]
            asking = {"scope": told.scope, "to": told.to, "by": told.login}
            write.move_ladder(write.ladder(), [*others, asking], _note(told), told.at)
            return
        evidence = told.evidence or {}
        reason = (
            f"{evidence['agreed']} of {evidence['cases']} alike over {evidence['days']} days, "
            f"at least {100 * evidence['agreement_low']:.1f} %"
        )
        move = StageMove(
            key=place[0],
            value=place[1],
            stage=told.to,
            stated=stated(table, *place),
            verb="promoted",
            by=str(asked["by"]),
            second=told.login,
            at=told.at,
            reason=reason,
        )
        keep_move(write, move, note=_note(told))

    def _evidence(
        self, write: LedgerWriter, key: str, value: str, stands: str, at: datetime | None
    ) -> Evidence:
        """Comparable cases since the last move: looks afterwards where plans run by themselves,
        else what people did beside plans that were played.
        """
        since = next((m.at for m in write.ladder() if (m.key, m.value) == (key, value)), None)
        if stands in ("spot_check", "live") and key == "category":
            cases = [
                Case(day=date.fromisoformat(day), agreed=right)
                for day, right in write.looks(value, since)
            ]
        else:
            regions = {s: site.region for s, site in self.policies.network.sites.items()}
            cases = [
                Case(
                    day=date.fromisoformat(row["date"]),
                    agreed=bool(row["agreed"]),
                    cost_delta_minor=row["cost_delta_minor"],
                )
                for row in write.compared_since(None)
                if row["dq"] == "green"
                and (since is None or row["at"] > since)
                and value == {**row, "region": regions.get(row["site"])}[key]
            ]
        today = date.min if at is None else at.date()
        return evidence_of(cases, today)

    def _now(self, write: LedgerWriter) -> datetime | None:
        # With Kafka the clock is the database's, which only the ledger itself tells.
        stands = write.clock()
        return stands if stands is None else (self.ledger.clock() or stands)

    def _has(self, login: str, *roles: str) -> bool:
        return any(self.policies.people.has_role(login, role) for role in roles)

    def _known(self, login: str) -> None:
        if self.policies.people.get(login) is None:
            raise UsageError(f"login {login!r} is not in planners.yaml")


def standing(ledger: Ledger, policies: PolicySource) -> list[dict[str, Any]]:
    """Where each category stands, and what else was moved, for the status."""
    at = ledger.clock()
    table = None if at is None else policies.authority_at(at)[0]
    moves = ledger.ladder()
    named = {(m.key, m.value): m for m in moves}
    places = [("category", name) for name in CATEGORIES]
    places += sorted(place for place in named if place[0] != "category")
    return [
        {
            "scope": f"{key}={value}",
            "stage": stage_of(table, moves, key, value),
            "stated": stated(table, key, value),
            "moved": None if (key, value) not in named else move_json(named[(key, value)]),
        }
        for key, value in places
    ]


def parsed(scope: str) -> tuple[str, str]:
    """Key and value of `KEY=VALUE`; a lone word is a category. UsageError for what cannot be
    meant.
    """
    key, equals, value = scope.partition("=")
    if not equals:
        key, value = "category", scope
    if key not in LADDER_KEYS or not value:
        raise UsageError(
            f"scope {scope!r} is not a category or KEY=VALUE with one of {', '.join(LADDER_KEYS)}"
        )
    if key == "category" and value not in CATEGORIES:
        raise UsageError(f"category {value!r} is not one of {', '.join(CATEGORIES)}")
    return key, value


def _note(told: Moved) -> dict[str, Any]:
    plain = told.json()
    return {name: plain[name] for name in plain if name not in ("at", "status")}


def moved_text(told: Mapping[str, Any]) -> str:
    """What came of it, in a sentence."""
    what = f"{told['scope']} is {told['stage']}"
    match told["result"]:
        case "proposed":
            return f"{what}; {told['login']} asks for {told['to']}, a second person must agree"
        case "promoted" | "demoted":
            return f"{told['scope']}: {told['stage']} → {told['to']}"
        case _:
            why = "; ".join(told["missing"]) or told["code"]
            return f"{what} and stays there: {why}"
