"""How does a claimed command reach whoever carries it out? The port of ways, and the one by outlet.

A way tells of each command what is certain: it left, it did not and may be tried again, it was
refused with nothing done, or nobody can say.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from replan.canonical import canonical_bytes, sha256_hex
from replan.infra.executors.signing import Seal
from replan.infra.ledger.rows import OutboxRow
from replan.infra.out_names import COMMANDS
from replan.infra.outlets import Outgoing, Outlet
from replan.units import instant_text

COMMAND_SOURCE = "/replan/engine"
REQUEST = "action.request.v1"
COMPENSATE = "action.compensate.v1"

Fate = Literal["go", "expired", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """A command on its way: `line` is its CloudEvent, the same bytes each time it is sent;
    `headers` say what can be known without reading it.
    """

    row: OutboxRow
    line: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What became of it. `events`: what its executor answered at once, CloudEvents.

    `sent`: it stands where its executor reads it, or was taken. `later`: it certainly did not
    arrive. `again`: it may have arrived, and may be sent again under its key. `failed`: refused for
    good, nothing done. `unknown`: it may have been carried out, and must not be sent again.
    """

    row: OutboxRow
    state: Literal["sent", "later", "again", "failed", "unknown"]
    note: str | None = None
    events: tuple[Mapping[str, Any], ...] = ()


class Way(Protocol):
    """Carries commands out of the process."""

    def fate(self, row: OutboxRow, *, is_late: bool) -> Fate:
        """Whether an open command may go (again), expires with nothing done, or can only be called
        unknown. `is_late`: its last moment is over.
        """
        ...

    def carry(
        self, commands: Sequence[Leaving], at: datetime, attempt: Callable[[OutboxRow], None]
    ) -> Iterator[list[Carried]]:
        """Send claimed commands, in order; what became of them as soon as it is known. `at`: the
        clock that decides. A way that cannot repeat calls `attempt` before the first byte of one
        leaves: it is stored, and raises LedgerMoved if the command must not go.
        """
        ...


@runtime_checkable
class Asks(Protocol):
    """A way that can ask what became of a command of which nothing final was heard."""

    def found_out(self, row: OutboxRow, at: datetime) -> Mapping[str, Any] | None:
        """What its executor would have answered, as an event; None: it cannot say."""
        ...


OpensWay = Callable[[Outlet], Way]


class OutletWay:
    """Commands stand in the target `commands`; whoever carries them out reads it."""

    def __init__(self, out: Outlet) -> None:
        self._out = out

    def fate(self, row: OutboxRow, *, is_late: bool) -> Fate:
        """One that was claimed when its process died may stand where its executor reads it: it goes
        out again under its key, and the executor says what came of it, or that it came too late.
        """
        return "expired" if is_late and row.state == "pending" else "go"

    def carry(
        self, commands: Sequence[Leaving], at: datetime, attempt: Callable[[OutboxRow], None]
    ) -> Iterator[list[Carried]]:
        """All of them in one go."""
        lines = [Outgoing(line=one.line, headers=one.headers) for one in commands]
        delivered = self._out.deliver(COMMANDS, lines)
        carried = []
        for one, refused in zip(commands, delivered, strict=True):
            state: Literal["sent", "again", "failed"] = "sent"
            if refused is not None:
                state = "failed" if refused.for_good else "again"
            note = None if refused is None else refused.reason
            carried.append(Carried(row=one.row, state=state, note=note))
        yield carried


def leaving(row: OutboxRow, *, authority_hash: str, seal: Seal | None) -> Leaving:
    """A claimed command as it leaves."""
    line = command_line(row)
    value = line.encode()
    headers = {
        "authority_hash": authority_hash,
        "idem": row.idem,
        "not_after": instant_text(row.not_after),
        "schema": COMPENSATE if row.compensates else REQUEST,
        "sha256": sha256_hex(value),
        "trace": trace_of(row),
    }
    if seal is not None:
        headers["signature"] = seal.sign(value)
    return Leaving(row=row, line=line, headers=headers)


def command_line(row: OutboxRow) -> str:
    """A claimed command as a CloudEvent, canonical JSON; its `time` is that of its first claim."""
    assert row.claimed_at is not None, f"command {row.idem} was not claimed"
    line = {
        "specversion": "1.0",
        "id": row.idem,
        "source": COMMAND_SOURCE,
        "type": COMPENSATE if row.compensates else REQUEST,
        "time": instant_text(row.claimed_at),
        "subject": row.action_id,
        "correlationid": row.action_id,
        "data": dict(row.body),
    }
    if row.compensates:
        line["causationid"] = row.body["compensates"]
    return canonical_bytes(line).decode()


def trace_of(row: OutboxRow) -> str:
    """A W3C trace context: one trace a decision, one span a command, derived from their ids."""
    span = sha256_hex(row.idem.encode())[:16]
    return f"00-{sha256_hex(row.decision_id.encode())[:32]}-{span}-01"
