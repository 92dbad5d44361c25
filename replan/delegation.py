"""Who may answer what on a day? What planners.yaml says, and what was stated of a login since.

A statement narrows by itself: fewer roles, a lower limit. What widens (a role or a limit that the
file does not give, a delegate) counts only where a process owner approved it who is neither the
login nor the delegate: nobody passes power to themselves. Reserved roles come from the file alone,
and a login that the file does not name stays nobody.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

from replan.canonical import canonical_bytes
from replan.events import MasterStated
from replan.people import AUDITOR, OPERATOR, PROCESS_OWNER, VIEWER, Login, People, Planner

RESERVED = frozenset({OPERATOR, PROCESS_OWNER, AUDITOR, VIEWER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What was stated of a login for the days `first` to `last`, both included and None where
    open; members that are None were left out. Limit in minor units.
    """

    login: str
    roles: tuple[str, ...] | None = None
    limit_minor: int | None = None
    delegate_to: str | None = None
    first: date | None = None
    last: date | None = None
    approved_by: str | None = None

    def holds_on(self, day: date) -> bool:
        """Whether it is about that day."""
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)


def grants_of(masters: Iterable[MasterStated]) -> tuple[Grant, ...]:
    """The statements about logins among master data, in their order."""
    return tuple(
        grant_from_json({"login": fact.name} | json.loads(fact.row))
        for fact in masters
        if fact.table == "authz"
    )


def people_on(people: People, grants: Sequence[Grant], day: date) -> People:
    """The people of a day, a day of the policy zone."""
    changed = {planner.login: planner for planner in people.planners}
    for grant in grants:
        planner = changed.get(Login(grant.login))
        if planner is not None and grant.holds_on(day):
            changed[planner.login] = _with(planner, grant, _is_approved(people, grant))
    if all(changed[p.login] is p for p in people.planners):
        return people
    return People(planners=tuple(changed[p.login] for p in people.planners))


def grant_json(grant: Grant) -> dict[str, Any]:
    """A grant as plain JSON data."""
    days = {n: None if (d := getattr(grant, n)) is None else d.isoformat() for n in _DAYS}
    return asdict(grant) | days


def grant_from_json(plain: dict[str, Any]) -> Grant:
    """The grant that `grant_json`, or a message, stated."""
    days = {n: None if plain.get(n) is None else date.fromisoformat(plain[n]) for n in _DAYS}
    roles = plain.get("roles")
    return Grant(**{**plain, **days, "roles": None if roles is None else tuple(roles)})


def grants_text(grants: Sequence[Grant]) -> str | None:
    """Grants as canonical JSON; None without any."""
    return canonical_bytes([grant_json(g) for g in grants]).decode() if grants else None


def grants_from_text(text: str | None) -> tuple[Grant, ...]:
    """The grants that `grants_text` kept."""
    return () if text is None else tuple(map(grant_from_json, json.loads(text)))


_DAYS = ("first", "last")


def _is_approved(people: People, grant: Grant) -> bool:
    by = grant.approved_by
    return (
        by is not None
        and by not in (grant.login, grant.delegate_to)
        and people.has_role(by, PROCESS_OWNER)
    )


def _with(planner: Planner, grant: Grant, approved: bool) -> Planner:
    roles = planner.roles
    if grant.roles is not None:
        roles = tuple(
            role
            for role in grant.roles
            if role in planner.roles or (approved and role not in RESERVED)
        )
    limit = planner.limit_minor
    if grant.limit_minor is not None and (approved or limit is None or grant.limit_minor < limit):
        limit = grant.limit_minor
    delegate = planner.delegate_to
    if approved and grant.delegate_to is not None:
        delegate = Login(grant.delegate_to)
    return replace(planner, roles=roles, limit_minor=limit, delegate_to=delegate)
