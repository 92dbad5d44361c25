"""Would the tests notice? Bugs of authority planted on purpose, and the test that catches each.

Every bug takes one guard away. `make guards` runs, for each, the tests that are there for it, with
the bug in place, and prints one line of JSON: caught, by which test.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import UTC
from typing import Any, Final
from unittest.mock import patch

import pytest

from replan import authority, commitments, judgement, limits, people
from replan.authority_table import MILLION, AuthorityTable, Band
from replan.desk_state import Policy
from replan.docket import send
from replan.infra.workspace import authority_shapes, text_values
from replan.judgement import Judgement
from replan.people import People
from replan.stops import Stop

Plant = Callable[[], AbstractContextManager[Any]]


def _nothing(*_given: Any, **_named: Any) -> None:
    """Done nothing at all."""


def _always(value: Any) -> Callable[..., Any]:
    return lambda *_given, **_named: value


def sum_instead_of_reservation() -> AbstractContextManager[Any]:
    """What was reserved in this very transaction does not count for the next plan."""

    def reserve(decision: Any, tally: Any, account: str) -> None:
        before = list(tally.moves)
        real(decision, tally, account)
        tally.moves[:] = before

    from replan import docket

    real = docket.reserve
    return patch.object(docket, "reserve", reserve)


def cached_stop() -> AbstractContextManager[Any]:
    """What is stopped is not read anew."""
    return patch("replan.infra.desk.room.as_stopped", lambda ledger, policy: policy)


def missing_recheck() -> AbstractContextManager[Any]:
    """What waits to be sent is not judged again under another table."""
    return patch("replan.desk.judge_again", _nothing)


def _band_off(lo: int, hi: int) -> AbstractContextManager[Any]:
    real = text_values.value_band

    def read(text: object, digits: int) -> Band:
        band = real(text, digits)
        opened = str(text).startswith("(")
        closed = str(text).endswith("]")
        top = band.hi if band.hi is None or not closed else band.hi + hi
        return Band(lo=band.lo + (lo if opened else 0), hi=top)

    return patch.object(authority_shapes, "value_band", read)


def open_interval_read_as_closed() -> AbstractContextManager[Any]:
    """(300, … begins at 300."""
    return _band_off(-1, 0)


def closed_interval_read_as_open() -> AbstractContextManager[Any]:
    """…, 300] ends below 300."""
    return _band_off(0, -1)


def first_row_wins() -> AbstractContextManager[Any]:
    """Where two rows match, the first one decides."""
    real = authority._matching
    return patch.object(authority, "_matching", lambda table, facts: real(table, facts)[:1])


def not_a_number_is_certainty() -> AbstractContextManager[Any]:
    """A confidence that is no number counts as 1."""
    real = authority._millionths

    def read(share: float | None) -> int | None:
        found = real(share)
        return MILLION if found is None else found

    return patch.object(authority, "_millionths", read)


def expired_table_goes_on() -> AbstractContextManager[Any]:
    """A table without end."""
    return patch.object(AuthorityTable, "holds_at", _always(True))


def midnight_doubles() -> AbstractContextManager[Any]:
    """A cap per calendar day is free again at midnight."""
    return patch.object(commitments, "_windows", lambda cap: (cap,))


def day_of_another_zone() -> AbstractContextManager[Any]:
    """The calendar day is that of UTC."""
    return patch.object(limits, "ZoneInfo", _always(UTC))


def window_closed_at_the_wrong_end() -> AbstractContextManager[Any]:
    """What is exactly as old as the window still counts, what happens now does not."""

    def counts(cap: Any, at: Any, now: Any) -> bool:
        return bool(limits.window_start(cap, now) <= at < now)

    stack = ExitStack()
    stack.enter_context(patch.object(commitments, "in_window", counts))
    return stack


def splitting_helps() -> AbstractContextManager[Any]:
    """What ran before does not add up."""
    return patch.object(
        judgement, "strictest_sum", lambda table, moves, plan, now: sum(m.value_minor for m in plan)
    )


def only_item_and_cause_add_up() -> AbstractContextManager[Any]:
    """A supplier and a lane are forgotten in the sum."""

    def scopes(aggregate: Any, facts: Any) -> tuple[str, ...]:
        return limits.aggregate_scopes(replace(aggregate, keys=("item", "cause")), facts)

    return patch.object(commitments, "aggregate_scopes", scopes)


def first_action_stands_for_the_plan() -> AbstractContextManager[Any]:
    """The value of a plan is that of its first action."""
    return patch.object(Judgement, "value", property(lambda self: next(iter(self.values), 0)))


def laxest_row_counts() -> AbstractContextManager[Any]:
    """Of the rows of a plan's actions the one that allows most is taken."""

    def lax(rulings: Any, key: Any) -> Any:
        return min(rulings, key=key)

    return patch.object(judgement, "max", lax, create=True)


def limit_of_the_approver_forgotten() -> AbstractContextManager[Any]:
    """A planner may release more than their own limit."""

    def may(known: Any, login: Any, recipient: Any, region: Any, value: int) -> Any:
        return people.may_answer(known, login, recipient, region, 0)

    return patch("replan.verdicts.may_answer", may)


def timeout_executes() -> AbstractContextManager[Any]:
    """Nobody answered, so it is sent."""

    def missed(state: Any, decision: Any, tally: Any) -> None:
        send(decision, tally)

    return patch("replan.desk._miss_deadline", missed)


def no_rest() -> AbstractContextManager[Any]:
    """The same goods may be moved again at once."""
    return patch.object(judgement, "resting", _nothing)


def caps_not_asked() -> AbstractContextManager[Any]:
    """No cap is ever exceeded."""
    return patch.object(judgement, "cap_breach", _nothing)


def stage_ignored() -> AbstractContextManager[Any]:
    """Every category is as live as the run."""
    return patch.object(Policy, "mode_of", lambda self, *_: self.mode)


def shadow_sends() -> AbstractContextManager[Any]:
    """What a person approves in shadow is sent."""
    return patch("replan.verdicts._is_played", _always(False))


def played_uses_up_what_is_real() -> AbstractContextManager[Any]:
    """Reservations of shadow count against live ones."""

    def counting(moves: Any, account: str) -> tuple[Any, ...]:
        return tuple(m for m in moves if not m.released)

    return patch.object(judgement, "counting", counting)


def sample_by_choice() -> AbstractContextManager[Any]:
    """Whatever has a share is looked at."""
    return patch("replan.spot_checks.is_drawn", lambda table, decision, rate: rate > 0)


def anybody_is_an_operator() -> AbstractContextManager[Any]:
    """Roles that carry powers are not asked for."""
    return patch.object(People, "has_role", _always(True))


def who_is_gone_may_answer() -> AbstractContextManager[Any]:
    """An inactive login still has its roles."""

    def acts(self: People, login: str, role: str) -> bool:
        planner = self.get(login)
        return planner is not None and role in planner.roles

    return patch.object(People, "acts_for", acts)


def stop_of_a_site_misses_what_leaves_it() -> AbstractContextManager[Any]:
    """A stopped site may still give goods away."""
    return patch("replan.stops._MEMBERS", {})


def stop_of_a_model_misses() -> AbstractContextManager[Any]:
    """A stopped model goes on planning."""
    real = Stop.holds

    def holds(self: Stop, keys: Any, model: str) -> bool:
        return self.key != "model" and real(self, keys, model)

    return patch.object(Stop, "holds", holds)


def overlap_not_seen() -> AbstractContextManager[Any]:
    """Two rows may match one case."""
    return patch("replan.authority_proof._overlaps", _always(iter(())))


def upside_down_not_seen() -> AbstractContextManager[Any]:
    """More value may get more autonomy."""
    return patch("replan.authority_proof._not_monotone", _always(iter(())))


def author_approves() -> AbstractContextManager[Any]:
    """Who wrote a table may approve it."""
    return patch("replan.authority_proof._head", _always(iter(())))


def breach_without_consequence() -> AbstractContextManager[Any]:
    """Nothing steps down by itself."""
    return patch("replan.infra.desk.room.step_down", _nothing)


def promotion_without_evidence() -> AbstractContextManager[Any]:
    """The gate is always open."""
    return patch("replan.infra.boundary.moves.missing", _always(()))


def unsigned_table_holds() -> AbstractContextManager[Any]:
    """Any line of signatures is taken for one."""
    return patch("replan.infra.workspace.signatures.is_signed", _always(True))


def who_caused_it_lets_it_go_on() -> AbstractContextManager[Any]:
    """Whoever caused an incident may end the stop that it brought."""
    return patch("replan.infra.desk.incident_record.Incident.is_of", _always(False))


def incident_without_a_stop() -> AbstractContextManager[Any]:
    """An incident that opens by itself stops nothing."""
    from replan.infra.desk import incidents_due
    from replan.infra.desk.incident_record import KINDS

    return patch.object(incidents_due, "NOT_STOPPED", frozenset(KINDS))


_UNIT: Final = "tests/unit/"
BUGS: Final[dict[Plant, tuple[str, ...]]] = {
    sum_instead_of_reservation: ("tests/property/test_desk_caps.py",),
    cached_stop: (_UNIT + "test_stop_switch.py",),
    missing_recheck: (_UNIT + "test_revoking.py",),
    open_interval_read_as_closed: (_UNIT + "test_authority_file.py",),
    closed_interval_read_as_open: (_UNIT + "test_authority_file.py",),
    first_row_wins: (_UNIT + "test_authority.py",),
    not_a_number_is_certainty: (_UNIT + "test_authority.py",),
    expired_table_goes_on: (_UNIT + "test_authority.py",),
    midnight_doubles: (_UNIT + "test_commitments.py",),
    day_of_another_zone: (_UNIT + "test_limits.py", _UNIT + "test_commitments.py"),
    window_closed_at_the_wrong_end: (_UNIT + "test_commitments.py",),
    splitting_helps: (_UNIT + "test_desk.py", "tests/property/test_desk_caps.py"),
    only_item_and_cause_add_up: (_UNIT + "test_commitments.py",),
    first_action_stands_for_the_plan: (_UNIT + "test_desk.py", _UNIT + "test_judgement.py"),
    laxest_row_counts: (_UNIT + "test_judgement.py", _UNIT + "test_desk.py"),
    limit_of_the_approver_forgotten: (_UNIT + "test_verdicts.py", _UNIT + "test_amendment.py"),
    timeout_executes: (_UNIT + "test_desk.py", _UNIT + "test_verdicts.py"),
    no_rest: (_UNIT + "test_desk.py", _UNIT + "test_judgement.py"),
    caps_not_asked: ("tests/property/test_desk_caps.py",),
    stage_ignored: (_UNIT + "test_boundary.py", _UNIT + "test_desk.py"),
    shadow_sends: (_UNIT + "test_verdicts.py", _UNIT + "test_desk.py"),
    played_uses_up_what_is_real: (_UNIT + "test_desk.py", "tests/property/test_desk_caps.py"),
    sample_by_choice: (_UNIT + "test_spot_checks.py",),
    anybody_is_an_operator: (_UNIT + "test_stop_switch.py",),
    who_is_gone_may_answer: (_UNIT + "test_people.py",),
    stop_of_a_site_misses_what_leaves_it: (_UNIT + "test_stops.py",),
    stop_of_a_model_misses: (_UNIT + "test_stops.py",),
    overlap_not_seen: (_UNIT + "test_authority_proof.py",),
    upside_down_not_seen: (_UNIT + "test_authority_proof.py",),
    author_approves: (_UNIT + "test_authority_proof.py",),
    breach_without_consequence: (_UNIT + "test_boundary.py",),
    promotion_without_evidence: (_UNIT + "test_boundary.py",),
    unsigned_table_holds: (_UNIT + "test_signatures.py",),
    who_caused_it_lets_it_go_on: (_UNIT + "test_incidents.py",),
    incident_without_a_stop: (_UNIT + "test_incidents.py",),
}
"""Each bug, and the tests that are there to catch it."""


def planted(name: str) -> int:
    """Run the tests of one bug with it in place, in this process; pytest's exit code."""
    bug = next(bug for bug in BUGS if bug.__name__ == name)
    with bug():
        return int(
            pytest.main(["-q", "-x", "-p", "no:xdist", "-p", "no:cacheprovider", *BUGS[bug]])
        )


def caught(name: str) -> dict[str, Any]:
    """Whether a test fails with the bug in place, told by a process of its own; and which."""
    command = [sys.executable, "-m", "tests.planted_authority", "--planted", name]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"^FAILED (\S+)", ran.stdout, re.MULTILINE)
    return {
        "bug": name,
        # Another code than that of a failed test means that the tests could not even run.
        "caught": ran.returncode == int(pytest.ExitCode.TESTS_FAILED) and found is not None,
        "by": None if found is None else found[1],
    }


def main() -> int:
    """One line of JSON a bug; exit 1 where one was not caught."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("bugs", nargs="*", help="names; else all")
    asked.add_argument("--planted", help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.planted is not None:
        return planted(given.planted)
    missed = 0
    for name in given.bugs or [bug.__name__ for bug in BUGS]:
        told = caught(name)
        missed += not told["caught"]
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
