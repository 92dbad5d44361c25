"""What happens when records are gone from a topic before they were read? A person says so, and a
second one agrees.

The engine does not go on by itself as if nothing had been there. It keeps what is missing, opens an
alarm and refuses to run. Two logins with the role `operator` declare the loss with `replan
accept-gap`; from then on reading goes on with the oldest record that is there. Both words stand in
the audit chain.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from replan.alarms import Alarm, AlarmScope
from replan.canonical import short_id
from replan.errors import DataLost, NotSo, UsageError
from replan.infra.ledger.store import Ledger
from replan.infra.ledger.writer import LedgerWriter
from replan.people import OPERATOR, People
from replan.streams.log_slices import Partition
from replan.units import instant_text

GAPS: Final = "gaps"
"""Under this key the ledger keeps what was lost, by partition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Offsets `first` (inclusive) to `begin` (exclusive) of a partition are gone; with `begin` at
    or below `first` the topic was made anew. `asked_by` and `accepted_by`: who declared it.
    """

    first: int
    begin: int
    at: str
    made: str = ""
    """The id of the topic that was made anew, where the cluster tells."""
    asked_by: str | None = None
    accepted_by: str | None = None
    reason: str = ""

    @property
    def is_accepted(self) -> bool:
        """Whether two people have said so."""
        return self.accepted_by is not None

    def covers(self, first: int, begin: int, made: str) -> bool:
        """Whether it is this very loss that was accepted, and not more."""
        return self.is_accepted and (self.first, self.begin, self.made) == (first, begin, made)


def gaps(ledger: Ledger) -> dict[str, Gap]:
    """Every loss that was found, by partition."""
    return {name: Gap(**plain) for name, plain in (ledger.control(GAPS) or {}).items()}


def found(ledger: Ledger, loss: DataLost, at: datetime) -> None:
    """Keep a loss, once, with its alarm."""
    known = gaps(ledger)
    name = str(loss.partition)
    stands = known.get(name)
    this = (loss.first, loss.begin, loss.made)
    if stands is not None and (stands.first, stands.begin, stands.made) == this:
        return
    gap = Gap(first=loss.first, begin=loss.begin, at=instant_text(at), made=loss.made)
    with ledger.transaction() as write:
        _keep(write, known | {name: gap})
        write.put_alarms([_alarm(name, gap, None)])


def accept(
    ledger: Ledger, people: People, partition: str, *, login: str, reason: str, at: datetime
) -> Literal["asked", "accepted"]:
    """Declare a loss, or agree to what another declared.

    Raises UsageError for an unknown login or a partition of which nothing is missing, NotSo without
    the role or for a second word of the same login.
    """
    planner = people.get(login)
    if planner is None:
        raise UsageError(f"login {login!r} is not in planners.yaml")
    if not planner.active or OPERATOR not in planner.roles:
        raise NotSo(f"not_allowed: {login} is not active with the role {OPERATOR}")
    if not reason.strip():
        raise UsageError("a reason is needed: what happened to these records?")
    known = gaps(ledger)
    gap = known.get(partition)
    if gap is None or gap.is_accepted:
        missing = ", ".join(name for name, one in known.items() if not one.is_accepted)
        raise UsageError(f"nothing of {partition} is missing; missing are: {missing or 'none'}")
    if gap.asked_by is None:
        said = replace(gap, asked_by=login, reason=reason)
    elif gap.asked_by == login:
        raise NotSo(f"same_approver: {login} has declared it; another operator must agree")
    else:
        said = replace(gap, accepted_by=login)
    with ledger.transaction() as write:
        _keep(write, known | {partition: said})
        write.note(
            "operator",
            "gap",
            partition,
            at,
            first=gap.first,
            begin=gap.begin,
            login=login,
            reason=reason,
            accepted=said.is_accepted,
        )
        if said.is_accepted:
            write.put_alarms([_alarm(partition, said, at)])
    return "accepted" if said.is_accepted else "asked"


def begin_after(
    known: dict[str, Gap], partition: Partition, first: int, begin: int, made: str
) -> bool:
    """Whether reading may go on at `begin` though `first` was to be next; `made`: the id of a topic
    that was made anew.
    """
    gap = known.get(str(partition))
    return gap is not None and gap.covers(first, begin, made)


def _keep(write: LedgerWriter, known: dict[str, Gap]) -> None:
    plain: dict[str, Any] = {name: asdict(gap) for name, gap in sorted(known.items())}
    write.set_control(GAPS, plain)


def _alarm(partition: str, gap: Gap, closed_at: datetime | None) -> Alarm:
    what = (
        f"offsets {gap.first} to {gap.begin - 1} were lost"
        if gap.begin > gap.first
        else "made anew"
    )
    return Alarm(
        alarm_id=short_id("alarm", f"data_loss {partition} {gap.first} {gap.begin} {gap.at}"),
        kind="data_loss",
        scope=AlarmScope(source=partition),
        opened_at=datetime.fromisoformat(gap.at),
        closed_at=closed_at,
        text=f"{partition}: {what}",
    )
