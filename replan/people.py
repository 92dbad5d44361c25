"""Who may answer an escalation, stop the engine, sign for it?

A login may answer when it is active, has the recipient's role or stands in for an active login
that has it, covers the region, and has a limit of at least the value. The region and the limit
are always the answering login's own.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NewType

Login = NewType("Login", str)
AnswerCode = Literal["not_allowed", "over_limit"]

OPERATOR = "operator"
PROCESS_OWNER = "process-owner"
AUDITOR = "auditor"
VIEWER = "viewer"
ANY_REGION = "*"
ROLE_PREFIX = "role:"
READS_ALL = (AUDITOR, OPERATOR, PROCESS_OWNER)
"""Whoever has one of these reads the cases of every region."""
READS_ONLY = (AUDITOR, VIEWER)
"""Nobody answers under one of these, whatever a table says."""
DEFAULT_RECIPIENT = ROLE_PREFIX + PROCESS_OWNER
"""Who gets what no row of the table sends to anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planner:
    """A person known by a login; `limit_minor` None: no limit; `regions` may hold `*`."""

    login: Login
    roles: tuple[str, ...]
    regions: tuple[str, ...]
    limit_minor: int | None
    delegate_to: Login | None
    active: bool

    def covers(self, region: str | None) -> bool:
        """Whether this person answers for a region; None (wider than one region) needs `*`."""
        return ANY_REGION in self.regions or (region is not None and region in self.regions)


@dataclass(frozen=True, kw_only=True)
class People:
    """Everybody of planners.yaml, sorted by login."""

    planners: tuple[Planner, ...] = ()

    @cached_property
    def by_login(self) -> Mapping[str, Planner]:
        """Planners by login, the inactive ones too."""
        return {planner.login: planner for planner in self.planners}

    @cached_property
    def active_roles(self) -> tuple[str, ...]:
        """Roles that at least one active login has, sorted."""
        return tuple(sorted({role for p in self.planners if p.active for role in p.roles}))

    def get(self, login: str) -> Planner | None:
        """The planner of that login, active or not."""
        return self.by_login.get(login)

    def has_role(self, login: str, role: str) -> bool:
        """Whether an active login holds the role itself; powers such as stop are not delegated."""
        planner = self.get(login)
        return planner is not None and planner.active and role in planner.roles

    def acts_for(self, login: str, role: str) -> bool:
        """Whether an active login has the role, or is the delegate of an active login that has
        it."""
        planner = self.get(login)
        if planner is None or not planner.active:
            return False
        return role in planner.roles or any(
            other.active and other.delegate_to == login and role in other.roles
            for other in self.planners
        )


def may_answer(
    people: People, login: str, recipient: str | None, region: str | None, value_minor: int
) -> AnswerCode | None:
    """Why this login may not answer an escalation to `recipient` (`role:X`), or None if it may.

    `region` is the receiving site's; `value_minor` the value of what would execute.
    """
    planner = people.get(login)
    role = (recipient or DEFAULT_RECIPIENT).removeprefix(ROLE_PREFIX)
    if planner is None or not people.acts_for(login, role) or not planner.covers(region):
        return "not_allowed"
    if role in READS_ONLY:
        return "not_allowed"
    if planner.limit_minor is not None and value_minor > planner.limit_minor:
        return "over_limit"
    return None


def may_read(people: People, login: str, regions: Collection[str]) -> bool:
    """Whether this login may see a case that touches these regions; one that touches none concerns
    everybody who has a role.
    """
    planner = people.get(login)
    if planner is None or not planner.active or not planner.roles:
        return False
    everywhere = ANY_REGION in planner.regions or any(r in READS_ALL for r in planner.roles)
    return everywhere or not regions or any(r in planner.regions for r in regions)
