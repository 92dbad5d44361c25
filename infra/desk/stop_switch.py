"""How is everything stopped, and how does it go on? The switch behind `replan stop` and `resume`.

What holds is one value in the ledger, read inside every transaction that decides and before
anything is sent; nothing is cached. A stop takes its place in the order of each desk, so that a run
that decided beside it decides again. A file `STOP` in the workspace stops everything too, also when
nobody is known by a login: whoever looks first puts it on record, and it holds until an operator
lets go after the file is gone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from replan.authority_table import ACTIONS, CATEGORIES
from replan.desk_state import RELEASED, DeskState, Policy, StopMoved
from replan.errors import LedgerBusy, LedgerMoved, UsageError
from replan.infra.desk.incident_record import incidents
from replan.infra.desk.policy import PolicySource
from replan.infra.desk.room import ATTEMPTS, store, take
from replan.infra.ledger.store import Ledger
from replan.infra.ledger.writer import LedgerWriter
from replan.network import Network
from replan.people import OPERATOR
from replan.standstill import held
from replan.stops import STOP_FILE, STOP_KEYS, Stop
from replan.units import instant_text

MOST_REASON: Final = 500
STATUS: Final = {"not_allowed": 403, "own_stop": 403, "not_stopped": 409, "stop_file": 409}
"""Why the switch was not moved → HTTP status."""

Change = Callable[[tuple[Stop, ...], datetime | None], "tuple[Stop, ...] | str"]
"""What is to hold in place of what does, at the clock; or the code of a refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What came of it. `in_flight`: actions within the stop that were sent and are not answered;
    `held`: those that wait to be sent.
    """

    verb: str
    scope: str | None
    login: str
    at: datetime | None
    code: str | None
    stops: tuple[Stop, ...]
    in_flight: tuple[str, ...] = ()
    held: tuple[str, ...] = ()

    @property
    def status(self) -> int:
        """As an HTTP status."""
        return 200 if self.code is None else STATUS[self.code]

    def json(self) -> dict[str, Any]:
        """As printed and returned."""
        return {
            "verb": self.verb,
            "scope": self.scope,
            "login": self.login,
            "at": None if self.at is None else instant_text(self.at),
            "result": "accepted" if self.code is None else "refused",
            "status": self.status,
            "code": self.code,
            "stopped": [stopped_json(stop) for stop in self.stops],
            "in_flight": list(self.in_flight),
            "held": list(self.held),
        }


def stopped_json(stop: Stop) -> dict[str, Any]:
    """A stop as `replan status` lists it."""
    since = None if stop.since is None else instant_text(stop.since)
    return {"scope": stop.scope, "by": stop.by, "since": since}


class StopSwitch:
    """The switch of one workspace."""

    def __init__(self, ledger: Ledger, policies: PolicySource) -> None:
        self._ledger = ledger
        self._policies = policies

    def stop(self, scope: str | None, *, login: str, reason: str) -> Moved:
        """Stop everything, or what `KEY=VALUE` names. UsageError for an unknown login or scope."""
        key, value = parsed_scope(scope, self._policies.network)
        said = checked_reason(reason)
        self._known(login)

        def change(stops: tuple[Stop, ...], at: datetime | None) -> tuple[Stop, ...] | str:
            if not self._policies.people.has_role(login, OPERATOR):
                return "not_allowed"
            mine = Stop(key=key, value=value, by=login, since=at, reason=said)
            if any((s.scope, s.by) == (mine.scope, login) for s in stops):
                return stops
            return (*stops, mine)

        return self._move("stop", scope, login, said, change)

    def stop_within(self, write: LedgerWriter, scope: str | None, *, by: str, reason: str) -> Moved:
        """Stop what an incident is about, which the engine itself opens, in its transaction."""
        key, value = parsed_scope(scope, None)

        def change(stops: tuple[Stop, ...], at: datetime | None) -> tuple[Stop, ...]:
            mine = Stop(key=key, value=value, by=by, since=at, reason=reason)
            return stops if any((s.scope, s.by) == (scope, by) for s in stops) else (*stops, mine)

        return self._moved(write, "stop", scope, by, reason, change)

    def resume(self, scope: str | None, *, login: str, reason: str) -> Moved:
        """Let go on what was stopped under this very scope, by somebody else. UsageError as for
        `stop`.
        """
        # A name that has gone from the network since must not keep its stop for ever.
        key, value = parsed_scope(scope, None)
        named = None if key is None else f"{key}={value}"
        said = checked_reason(reason)
        self._known(login)
        known = incidents(self._ledger)
        caused = {
            login
            for one in known
            if one.closed_by is None and one.scope == named and one.is_of(login)
        }

        def change(stops: tuple[Stop, ...], at: datetime | None) -> tuple[Stop, ...] | str:
            there = [stop for stop in stops if stop.scope == named]
            if not self._policies.people.has_role(login, OPERATOR):
                return "not_allowed"
            if named is None and stop_file_there(self._policies.stop_file):
                return "stop_file"
            if not there:
                return "not_stopped"
            if any(stop.by == login for stop in there) or login in caused:
                return "own_stop"
            return tuple(stop for stop in stops if stop.scope != named)

        return self._move("resume", scope, login, said, change)

    def notice_file(self, at: datetime | None = None) -> None:
        """Put a file `STOP` on record as a stop of everything, once; `at`: the clock, where the
        ledger has none yet.
        """
        file = self._policies.stop_file
        if not stop_file_there(file) or any(s.by == STOP_FILE for s in self._ledger.stops()):
            return

        def change(stops: tuple[Stop, ...], clock: datetime | None) -> tuple[Stop, ...]:
            by_file = Stop(
                key=None,
                value=None,
                by=STOP_FILE,
                since=clock or at,
                reason=f"a file {STOP_FILE} stands in the workspace",
            )
            return stops if any(s.by == STOP_FILE for s in stops) else (*stops, by_file)

        self._move("stop", None, STOP_FILE, f"file {STOP_FILE}", change)

    def standing(self) -> list[dict[str, Any]]:
        """What is stopped, for the status; a file that nobody has put on record yet too."""
        rows = [stopped_json(stop) for stop in self._ledger.stops()]
        if stop_file_there(self._policies.stop_file) and all(r["by"] != STOP_FILE for r in rows):
            rows.append({"scope": None, "by": STOP_FILE, "since": None})
        return rows

    def _known(self, login: str) -> None:
        if self._policies.people.get(login) is None:
            raise UsageError(f"login {login!r} is not in planners.yaml")

    def _move(self, verb: str, scope: str | None, login: str, reason: str, change: Change) -> Moved:
        for _ in range(ATTEMPTS):
            try:
                with self._ledger.transaction() as write:
                    return self._moved(write, verb, scope, login, reason, change)
            except LedgerMoved:
                continue
        raise LedgerBusy("the desks kept moving; try again")

    def _moved(
        self,
        write: LedgerWriter,
        verb: str,
        scope: str | None,
        login: str,
        reason: str,
        change: Change,
    ) -> Moved:
        clock, before = write.clock(), write.stops()
        after = change(before, clock)
        code = after if isinstance(after, str) else None
        note = {"verb": verb, "scope": scope, "login": login, "reason": reason, "code": code}
        if isinstance(after, str):
            write.note_stop(note, clock)
            return Moved(verb=verb, scope=scope, login=login, at=clock, code=code, stops=before)
        write.move_stops(after, note, clock)
        unsent = {row.action_id for row in write.pending_outbox() if not row.compensates}
        in_flight: list[str] = []
        waiting: list[str] = []
        if clock is not None:
            policy = self._policies.at(clock, "none")
            given = StopMoved(at=clock, before=before, unsent=tuple(sorted(unsent)))
            for group in sorted(write.desk_seqs()):
                taken = take(write, group, given, policy)
                store(write, taken)
                within = _within(taken.state, taken.policy)
                in_flight += [a for a in within if a not in unsent]
                waiting += [a for a in within if a in unsent]
        return Moved(
            verb=verb,
            scope=scope,
            login=login,
            at=clock,
            code=None,
            stops=after,
            in_flight=tuple(sorted(in_flight)),
            held=tuple(sorted(waiting)),
        )


def _within(state: DeskState, policy: Policy) -> list[str]:
    """Actions of open decisions that a stop is about and that nobody has answered for."""
    return [
        action_id
        for decision in state.decisions.values()
        if decision.state in {"executing", *RELEASED} and held(decision, policy)
        for action_id, stands in decision.actions.items()
        if stands == "pending"
    ]


def parsed_scope(scope: str | None, network: Network | None) -> tuple[str | None, str | None]:
    """Key and value of `KEY=VALUE`, None and None for everything; UsageError for what cannot be
    meant. `network`: what may be named; None: any name may.
    """
    if scope is None:
        return None, None
    key, equals, value = scope.partition("=")
    if not equals or key not in STOP_KEYS or not value:
        raise UsageError(f"scope {scope!r} is not KEY=VALUE with one of {', '.join(STOP_KEYS)}")
    if network is not None:
        sites = {str(site) for site in network.sites}
        known: Mapping[str, set[str]] = {
            "region": {site.region for site in network.sites.values()},
            "site": sites,
            "supplier": sites,
            "item": {str(item) for item in network.items},
            "category": set(CATEGORIES),
            "action": set(ACTIONS),
        }
        if key in known and value not in known[key]:
            names = sorted(known[key])
            shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
            # A stop with a slip of the pen would stop nothing, and nobody would know.
            raise UsageError(f"{key} {value!r} is not one of {shown}")
    return key, value


def checked_reason(reason: str) -> str:
    """The reason in one line; UsageError where there is none."""
    said = " ".join(reason.split())
    if not said:
        raise UsageError("a reason is needed: say in a few words why")
    if len(said) > MOST_REASON:
        raise UsageError(f"the reason has {len(said)} characters, at most {MOST_REASON} are kept")
    return said


def stop_file_there(file: Path | None) -> bool:
    """Whether anything of that name is there, readable or not."""
    return file is not None and (file.is_symlink() or file.exists())
