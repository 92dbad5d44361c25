"""A command leaves once: it is claimed, and each step after that is its claimer's."""

from datetime import timedelta
from pathlib import Path

import pytest

from replan.effects import ActionMoved, DeskOutcome
from replan.errors import LedgerMoved
from replan.infra.executors.overdue import watch_overdue
from replan.infra.ledger.store import Ledger
from replan.units import ActionId
from tests.ledger_builders import HOUR, TICK, command, decide, decision_body, made, new_ledger

KEY = "idem-a-1"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made_ledger = new_ledger(tmp_path)
    outcome = DeskOutcome(
        made=(made(decision_body()),), commands=(command(), command(action_id="a-2"))
    )
    decide(made_ledger, outcome)
    return made_ledger


def claim(ledger: Ledger, token: str, *keys: str, at_hours: int = 0) -> list[str]:
    with ledger.transaction() as write:
        rows = write.claim_commands(keys or (KEY,), token, TICK + at_hours * HOUR)
        return [row.idem for row in rows]


def standing(ledger: Ledger) -> tuple[str, str]:
    """State of the command, and of its action as the views show it."""
    [row] = [row for row in ledger.outbox() if row.idem == KEY]
    [action] = [a for a in ledger.decision("d-1").actions if a.action_id == "a-1"]
    return row.state, action.state


def test_claimed_commands_come_oldest_first_and_show_in_their_actions(ledger: Ledger) -> None:
    assert claim(ledger, "me", "idem-a-2", KEY) == [KEY, "idem-a-2"]
    assert standing(ledger) == ("claimed", "claimed")


def test_whoever_was_overtaken_can_no_longer_send(ledger: Ledger) -> None:
    claim(ledger, "zombie")
    claim(ledger, "successor")
    with pytest.raises(LedgerMoved, match=KEY), ledger.transaction() as write:
        write.step_command(KEY, "zombie", "attempted")
    assert standing(ledger) == ("claimed", "claimed")


def test_a_command_that_was_sent_is_not_claimed_again(ledger: Ledger) -> None:
    claim(ledger, "me")
    with ledger.transaction() as write:
        write.command_sent(KEY, "me", TICK)
    assert claim(ledger, "successor") == []
    assert standing(ledger) == ("sent", "sent")


def test_the_moment_of_its_first_claim_stays_with_a_command(ledger: Ledger) -> None:
    claim(ledger, "me")
    claim(ledger, "successor", at_hours=3)
    [row] = ledger.outbox_among([KEY])
    assert (row.claimed_at, row.attempts) == (TICK, 2)


def test_what_did_not_arrive_waits_for_its_next_attempt(ledger: Ledger) -> None:
    claim(ledger, "me")
    with ledger.transaction() as write:
        write.command_waits(KEY, "me", TICK + HOUR, "connection refused", left=False)
    due = [{row.idem for row in ledger.sendable_outbox(TICK, TICK + n * HOUR)} for n in (0, 1)]
    assert (standing(ledger), due) == (("pending", "pending"), [{"idem-a-2"}, {KEY, "idem-a-2"}])


def test_what_may_have_arrived_is_never_pending_again(ledger: Ledger) -> None:
    claim(ledger, "me")
    with ledger.transaction() as write:
        write.step_command(KEY, "me", "attempted")
        write.command_waits(KEY, "me", TICK, "no answer in time", left=True)
    assert standing(ledger) == ("attempted", "attempted")


def test_nothing_is_claimed_after_a_desk_has_said_something(ledger: Ledger) -> None:
    stood = ledger.desk_seqs()
    decide(ledger, DeskOutcome(), tick=TICK)
    with pytest.raises(LedgerMoved, match="desk all"), ledger.transaction() as write:
        write.desks_stand(stood)


def test_keys_of_an_action_are_known(ledger: Ledger) -> None:
    assert ledger.command_keys(["a-1", "a-9"]) == {("a-1", KEY)}


# Overdue answers.


def overdue(ledger: Ledger, hours: int) -> list[tuple[str, bool]]:
    watch_overdue(ledger, TICK + hours * HOUR, timedelta(hours=6), "erp")
    return sorted((a.text.split()[1], a.closed_at is None) for a in ledger.alarms())


def sent(ledger: Ledger) -> None:
    claim(ledger, "me", KEY, "idem-a-2")
    with ledger.transaction() as write:
        write.command_sent(KEY, "me", TICK)
        write.command_sent("idem-a-2", "me", TICK)


def test_g3_a_command_without_an_answer_in_time_is_an_alarm_from_then_on(ledger: Ledger) -> None:
    sent(ledger)
    assert overdue(ledger, 5) == []
    assert overdue(ledger, 9) == [("a-1", True), ("a-2", True)]
    assert {a.opened_at for a in ledger.alarms()} == {TICK + 6 * HOUR}


def test_g3_a_command_that_could_not_be_sent_is_an_alarm_too(ledger: Ledger) -> None:
    assert overdue(ledger, 6) == [("a-1", True), ("a-2", True)]


def test_the_alarm_ends_with_the_answer(ledger: Ledger) -> None:
    sent(ledger)
    overdue(ledger, 6)
    acked = ActionMoved(action_id=ActionId("a-2"), state="acked", at=TICK + 6 * HOUR)
    decide(ledger, DeskOutcome(actions=(acked,)))
    assert overdue(ledger, 7) == [("a-1", True), ("a-2", False)]
