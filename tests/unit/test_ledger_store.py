"""The run as the ledger keeps it: segments, batches, clock, states, fits, answers, dead letters."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from replan.errors import LedgerBroken, LedgerMoved
from replan.infra.ledger.rows import AnswerRow, DeadLetterRow, ProposalRow
from replan.infra.ledger.store import Ledger
from tests.databases import Place
from tests.ledger_builders import HOUR, TICK, batch, segment_file


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    ledger = place.open()
    yield ledger
    ledger.close()


def test_an_open_segment_is_found_again_where_it_was_left(ledger: Ledger) -> None:
    with ledger.transaction() as write:
        write.store_segment([segment_file()])
        write.append_manifest(batch(1, 0, 499))
    segment = ledger.open_segment()
    assert segment is not None
    assert (segment.files, segment.next_offset) == ((segment_file(),), 500)


def test_only_a_finished_segment_counts_as_applied_prefix(ledger: Ledger) -> None:
    with ledger.transaction() as write:
        segment = write.store_segment([segment_file(to_line=100)])
        write.finish_segment(segment.id)
        write.store_segment([segment_file(from_line=101, to_line=150)])
    assert ledger.prefixes() == {"pos.jsonl": segment_file(to_line=100)}


def test_no_second_segment_is_opened_beside_an_open_one(ledger: Ledger) -> None:
    with ledger.transaction() as write:
        write.store_segment([segment_file()])
        with pytest.raises(LedgerMoved):
            write.store_segment([segment_file("b.jsonl")])


def test_a_batch_that_does_not_follow_is_refused(ledger: Ledger) -> None:
    with ledger.transaction() as write:
        write.store_segment([segment_file()])
        write.append_manifest(batch(1, 0, 9))
    with pytest.raises(LedgerMoved, match="from rank 5"), ledger.transaction() as write:
        write.append_manifest(batch(2, 5, 19))


def test_a_batch_applied_twice_is_refused(ledger: Ledger) -> None:
    with ledger.transaction() as write:
        write.store_segment([segment_file()])
        write.append_manifest(batch(1, 0, 9))
    with pytest.raises(LedgerMoved), ledger.transaction() as write:
        write.append_manifest(batch(1, 0, 9))


def test_a_tick_without_events_is_an_empty_batch(ledger: Ledger) -> None:
    with ledger.transaction() as write:
        write.store_segment([segment_file()])
        write.append_manifest(batch(1, 0, 9, tick=TICK))
        write.append_manifest(batch(2, 10, 9, tick=TICK + HOUR))
    assert ledger.last_tick() == TICK + HOUR
    segment = ledger.open_segment()
    assert segment is not None
    assert segment.next_offset == 10


def test_the_manifest_is_read_from_a_tick_on(ledger: Ledger) -> None:
    with ledger.transaction() as write:
        write.store_segment([segment_file()])
        write.append_manifest(batch(1, 0, 9, tick=TICK))
        write.append_manifest(batch(2, 10, 14, statuses=[[12, "LATE", "late"]]))
        write.append_manifest(batch(3, 15, 19, tick=TICK + HOUR, counts={"late": 1}))
    assert [row.batch_seq for row in ledger.manifest_since(None)] == [1, 2, 3]
    assert ledger.manifest_since(TICK) == (
        batch(2, 10, 14, statuses=[[12, "LATE", "late"]]),
        batch(3, 15, 19, tick=TICK + HOUR, counts={"late": 1}),
    )


def test_a_range_is_answered_again_until_it_is_marked(ledger: Ledger) -> None:
    with ledger.transaction() as write:
        write.store_segment([segment_file()])
        write.append_manifest(batch(1, 0, 9))
        write.append_manifest(batch(2, 10, 19))
        write.mark_replied(1)
    assert [row.replied for row in ledger.manifest_since(None)] == [True, False]


def test_the_clock_never_goes_back(ledger: Ledger) -> None:
    with ledger.transaction() as write:
        write.set_clock(TICK)
    with pytest.raises(LedgerBroken, match="clock would go back"), ledger.transaction() as write:
        write.set_clock(TICK - HOUR)


def test_counts_add_up_over_runs(ledger: Ledger) -> None:
    for _ in range(2):
        with ledger.transaction() as write:
            write.add_counts({"accepted": 5, "late": 1})
    assert ledger.counts() == {
        "accepted": 10,
        "rejected": 0,
        "duplicate": 0,
        "late": 2,
        "quarantined": 0,
    }


def test_only_the_newest_two_states_are_kept(ledger: Ledger, place: Place) -> None:
    for hours in range(4):
        with ledger.transaction() as write:
            write.save_snapshot(TICK + hours * HOUR, b"state %d" % hours)
    snapshot = ledger.latest_snapshot()
    assert snapshot is not None
    assert (snapshot.tick, snapshot.body) == (TICK + 3 * HOUR, b"state 3")
    assert place.rows("SELECT count(*) AS kept FROM snapshot") == [{"kept": 2}]


def test_a_state_that_was_changed_is_not_used(ledger: Ledger, place: Place) -> None:
    with ledger.transaction() as write:
        write.save_snapshot(TICK, b"state")
    place.run("UPDATE snapshot SET sha = 'other'")
    with pytest.raises(LedgerBroken, match="snapshot"):
        ledger.latest_snapshot()


def test_a_fit_is_kept_before_it_takes_effect(ledger: Ledger) -> None:
    with ledger.transaction() as write:
        write.record_fit(TICK, None, b"fit")
    assert [row.effective for row in ledger.fits_since(TICK)] == [None]
    with ledger.transaction() as write:
        write.record_fit(TICK, TICK + HOUR, b"fit")
    assert ledger.fits_since(TICK + HOUR) == ()
    [fit] = ledger.fits_since(TICK)
    assert (fit.effective, fit.body) == (TICK + HOUR, b"fit")


def test_the_fit_in_force_is_the_newest_that_took_effect(ledger: Ledger) -> None:
    assert ledger.fit_in_force(TICK) is None
    with ledger.transaction() as write:
        for hours in range(3):
            asked = TICK + hours * HOUR
            write.record_fit(asked, asked + HOUR, f"fit {hours}".encode())
        write.record_fit(TICK + 3 * HOUR, None, b"fit that waits")
    found = ledger.fit_in_force(TICK + 2 * HOUR)
    assert found is not None
    assert found.body == b"fit 1"


def test_another_fit_for_the_same_question_is_refused(ledger: Ledger) -> None:
    with ledger.transaction() as write:
        write.record_fit(TICK, TICK + HOUR, b"fit")
        with pytest.raises(LedgerBroken, match="another one"):
            write.record_fit(TICK, TICK + HOUR, b"other fit")


def test_a_silence_of_an_executor_is_an_answer_too(ledger: Ledger) -> None:
    silence = AnswerRow(tick=TICK, executor="file", events=())
    with ledger.transaction() as write:
        write.store_answers(silence)
    assert ledger.answers_for(TICK) == (silence,)


def test_proposals_come_back_by_item(ledger: Ledger) -> None:
    rows = [
        ProposalRow(group="all", item=item, n=0, body={"episode": f"e-{item}", "qty": 1.5})
        for item in ("MILK", "BREAD")
    ]
    with ledger.transaction() as write:
        write.add_proposals(TICK, rows)
    assert ledger.proposals_for(TICK) == (rows[1], rows[0])


def test_a_text_is_kept_once_under_its_hash(ledger: Ledger) -> None:
    with ledger.transaction() as write:
        sha = write.add_artefact("authority", b"table: t\n")
        assert write.add_artefact("authority", b"table: t\n") == sha
    assert ledger.artefact(sha) == b"table: t\n"


def test_a_dead_letter_keeps_its_bytes_and_is_published(ledger: Ledger) -> None:
    with ledger.transaction() as write:
        write.add_dead_letters(
            [
                DeadLetterRow(
                    event_id=None,
                    place="pos.jsonl:7",
                    status="REJECTED",
                    code="encoding",
                    pointer=None,
                    reason="not UTF-8",
                    raw=b"\xff\xfe",
                    sha256="cc",
                    at=TICK,
                )
            ]
        )
    [(_, file, line)] = ledger.publications(10)
    assert file == "dlq.jsonl"
    assert '"raw_base64":"//4="' in line


def test_instants_with_a_fraction_of_a_second_keep_their_order(ledger: Ledger) -> None:
    late = TICK + timedelta(milliseconds=250)
    with ledger.transaction() as write:
        write.store_segment([segment_file()])
        write.append_manifest(batch(1, 0, 9, tick=late))
        write.append_manifest(batch(2, 10, 9, tick=TICK + timedelta(seconds=1)))
    assert [row.batch_seq for row in ledger.manifest_since(TICK)] == [1, 2]
    assert [row.batch_seq for row in ledger.manifest_since(late)] == [2]
