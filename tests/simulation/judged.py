"""What must hold when a story is over, whatever went wrong in it? One check for each guarantee."""

import json
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa

from replan.desk_state import PENDING
from replan.infra.engine.coming_back import come_back
from replan.infra.ledger import schema as t
from replan.infra.ledger.audit import CONTROL
from replan.infra.ledger.reads import LedgerReads
from replan.infra.out_names import ACCEPTED, COMMANDS, DECISIONS, ESCALATIONS
from replan.infra.proof.replay_run import replay
from tests.simulation.story import ACK_TIMEOUT, HABITS, LENGTHS, Story, Violated, World
from tests.worlds import ZONE

TOLD = (DECISIONS, ESCALATIONS)
A_DAY, ASK = 2, 120
"""Caps of the widest table: actions a day, and euros that may run without a planner."""

GROUPS = ["ambient", "chilled"]


def judge(world: World, story: Story, *, deep: bool) -> None:
    """Raise Violated for the first guarantee that does not hold. `deep`: decide all again too."""
    each_record_once(story)
    replies_complete(story)
    keys_once(story)
    nothing_forgotten(story)
    silence_noticed(story)
    nothing_left(story)
    effects_once(story)
    within_limits(story)
    one_winner(story)
    promises_kept(story)
    none_overdue(story)
    if story.with_people:
        same_told_again(world, story)
    else:
        as_undisturbed(world, story)
    record_holds(story, deep=deep)


def each_record_once(story: Story) -> None:
    """G1: every record lies in one range of one partition, and every event in one batch."""
    reached = dict.fromkeys(story.records, 0)
    judged = 0
    for segment in story.ledger.segments():
        rows = [row for row in story.ledger.manifest_since(None) if row.segment == segment.id]
        if segment.state != "done":
            raise Violated(f"G1: segment {segment.id} is {segment.state}")
        assert segment.cut is not None
        for part in segment.cut.ranges:
            if part.first != reached[part.partition]:
                at = reached[part.partition]
                raise Violated(f"G1: {part.partition} goes on at {part.first}, not at {at}")
            reached[part.partition] = part.end
        rank = 0
        for row in rows:
            if row.first_offset != rank:
                raise Violated(f"G1: batch {row.batch_seq} begins at {row.first_offset}")
            rank = row.last_offset + 1
        judged += rank
    ends = {partition: len(lines) for partition, lines in story.records.items()}
    if reached != ends:
        raise Violated(f"G1: read up to {reached} of {ends}")
    counted = sum(story.ledger.counts().values())
    if not counted == judged == sum(ends.values()):
        raise Violated(f"G1: {sum(ends.values())} records, {judged} judged, {counted} counted")


def replies_complete(story: Story) -> None:
    """G1: every producer has its answer, perhaps twice."""
    answered = Counter(story.topics.lines.get(ACCEPTED, []))
    wanted = story.world.replies[story.days]
    missing = wanted - answered
    if missing:
        raise Violated(f"G1: {sum(missing.values())} events have no answer: {next(iter(missing))}")
    if foreign := answered.keys() - wanted.keys():
        raise Violated(f"G1: an answer that nobody asked for: {next(iter(foreign))}")


def keys_once(story: Story) -> None:
    """G2: a key stands for one command, an action has one key, an episode one plan at a time."""
    bodies: dict[str, set[str]] = {}
    keys: dict[str, set[str]] = {}
    for line in story.topics.lines.get(COMMANDS, []):
        sent = json.loads(line)
        if not sent["type"].startswith("action."):
            continue
        bodies.setdefault(sent["id"], set()).add(line)
        keys.setdefault(f"{sent['type']} {sent['subject']}", set()).add(sent["id"])
    for name, found in [*bodies.items(), *keys.items()]:
        if len(found) > 1:
            raise Violated(f"G2: {name} went out as {sorted(found)}")


def nothing_forgotten(story: Story) -> None:
    """G3: nothing waits to be published or sent, and what was marked as sent stands there."""
    if story.ledger.publications(1):
        raise Violated("G3: lines wait to be published though nothing is in their way")
    standing = {json.loads(line)["id"] for line in story.topics.lines.get(COMMANDS, [])}
    for idem, state, decision in _rows(story, t.outbox, "idem", "state", "decision_id"):
        if state in ("sent", "acked") and idem not in standing:
            raise Violated(f"G3: command {idem} is {state} and was never handed over")
        if state == "pending" and story.ledger.decision(decision).body["state"] == "executing":
            raise Violated(f"G3: command {idem} of {decision} was never sent")
    for action, state, idem in _rows(story, t.action, "action_id", "state", "idem"):
        if state == "sent" and story.orders.habit not in ("late", "silent"):
            raise Violated(f"G3: {action} ({idem}) is still {state}")


def silence_noticed(story: Story) -> None:
    """G3: what was claimed and has no final answer in time is an alarm that stands."""
    clock = story.ledger.clock()
    assert clock is not None
    texts = [
        text
        for kind, text, closed in _rows(story, t.alarm, "kind", "text", "closed_at")
        if kind == "ack_overdue" and closed is None
    ]
    for action, state, since in _rows(story, t.outbox, "action_id", "state", "claimed_at"):
        waits = state in ("claimed", "attempted", "sent", "unknown")
        if waits and since <= clock - ACK_TIMEOUT and not any(action in text for text in texts):
            raise Violated(f"G3: {action} is {state} since {since} and nobody is told")


def nothing_left(story: Story) -> None:
    """G11: in shadow no command leaves and nothing is asked of anybody."""
    if story.mode == "shadow" and (story.topics.lines.get(COMMANDS) or story.orders.effects):
        raise Violated(f"G11: in shadow {story.topics.lines.get(COMMANDS, [])[:1]} left")


def effects_once(story: Story) -> None:
    """G4: the order system carried each action out once at most."""
    twice = {action: n for action, n in story.orders.effects.items() if n > 1}
    if twice:
        raise Violated(f"G4: carried out more than once: {twice}")


def within_limits(story: Story) -> None:
    """G5: what ran by itself stays within the caps of any calendar day and of any 24 hours."""
    approved = {
        row[0]
        for row in _rows(story, t.verdict, "decision_id", "verdict", "result")
        if row[1:] == ("approve", "accepted")
    }
    reserved = {
        action: (at, value, decision)
        for action, at, value, decision, released in _rows(
            story, t.reservation, "action_id", "at", "value_minor", "decision_id", "released"
        )
        if not released
    }
    sent = {json.loads(line)["subject"] for line in story.topics.lines.get(COMMANDS, [])}
    alone = []
    for action, state, decision in _rows(story, t.action, "action_id", "state", "decision_id"):
        if action in sent and state in ("sent", "acked") and action not in reserved:
            raise Violated(f"G5: {action} went out and counts for nothing")
        if action in reserved and decision not in approved:
            at, value, _ = reserved[action]
            alone.append(at)
            if value > 100 * ASK:
                raise Violated(f"G5: {action} of {value} ran unseen")
    for at in alone:
        same_day = [o for o in alone if _day(o) == _day(at)]
        together = [o for o in alone if at <= o < at + timedelta(hours=24)]
        if max(len(same_day), len(together)) > A_DAY:
            raise Violated(f"G5: more than {A_DAY} actions ran unseen within a day of {at}")


def one_winner(story: Story) -> None:
    """G7: one answer ends a version of an escalation."""
    names = ("decision_id", "version", "verdict", "result")
    ended = Counter(
        row[:2]
        for row in _rows(story, t.verdict, *names)
        if row[2] in ("approve", "modify", "reject", "takeover") and row[3] == "accepted"
    )
    if twice := [key for key, n in ended.items() if n > 1]:
        raise Violated(f"G7: more than one answer ended {twice}")


def promises_kept(story: Story) -> None:
    """G6, G7: what a person was told is accepted stands in the record, once for each time."""
    names = ("decision_id", "verdict", "login", "result")
    kept = Counter(row[:3] for row in _rows(story, t.verdict, *names) if row[3] == "accepted")
    for writer, body in _rows(story, t.audit, "writer", "body"):
        said = json.loads(body) if writer == CONTROL else {}
        if "verb" in said and said["code"] is None:
            kept[str(said["scope"]), said["verb"], said["login"]] += 1
    if missing := Counter(story.promised) - kept:
        raise Violated(f"G6, G7: {next(iter(missing))} was accepted and is not on record")


def none_overdue(story: Story) -> None:
    """G8: nothing waits for a person beyond its time."""
    clock = story.ledger.clock()
    assert clock is not None
    for state in sorted(PENDING):
        for body in story.ledger.decisions(state=state):
            if body["deadline"] is not None and datetime.fromisoformat(body["deadline"]) < clock:
                raise Violated(f"G8: {body['decision_id']} is {state}, due {body['deadline']}")


def as_undisturbed(world: World, story: Story) -> None:
    """G1, G10: it was decided and believed as if nothing had happened."""
    found, wanted = left_by(story), world.undisturbed[story.orders.habit, story.days]
    for name in wanted:
        if found[name] != wanted[name]:
            raise Violated(f"G1: {name} is {found[name]}, undisturbed it is {wanted[name]}")


def same_told_again(world: World, story: Story) -> None:
    """G1: what is believed is what the manifest says, told again from the quiet days on."""
    engine = story.engine_on(story.ledger, [])
    with patch.object(LedgerReads, "latest_snapshot", lambda _: world.begins):
        come_back(
            story.ledger,
            engine._segments,
            engine._sensing,
            engine._belief,
            engine._batch,
            engine._sending,
        )
    stands = story.ledger.control("state_digest")
    if engine.state_digest != stands:
        raise Violated(f"G1: the state is {stands}, told again it is {engine.state_digest}")


def record_holds(story: Story, *, deep: bool) -> None:
    """G9, G10: the audit chain holds, and all is decided the same again from the record."""
    if not deep:
        return
    report = story.ledger.verify_audit()
    if not report.ok:
        raise Violated(f"G9: {report}")
    by_heart = story.world.by_heart
    for one in replay(story.ledger, GROUPS, by_heart, by_heart):
        if not one.equal:
            raise Violated(f"G10: {one}")


def left_by(story: Story) -> dict[str, Any]:
    """What must not depend on what went wrong."""
    ledger = story.ledger
    return {
        "counts": ledger.counts(),
        "decisions": ledger.decisions_digest(),
        "state": ledger.control("state_digest"),
        "actions": sorted(_rows(story, t.action, "action_id", "state", "idem")),
        "commands": sorted(set(story.topics.lines.get(COMMANDS, []))),
        "told": {name: sorted(set(story.topics.lines.get(name, []))) for name in TOLD},
        "letters": sorted(_rows(story, t.dlq, "event_id", "status", "code", "sha")),
        "effects": sorted(story.orders.effects),
    }


def know_undisturbed(world: World, folder: Path) -> None:
    """Tell the story without any fault, once for each habit of the order system and length."""
    for days in LENGTHS:
        for habit in HABITS:
            root = world.copied(folder / f"undisturbed-{habit}-{days}")
            story = Story(world, root, seed=0, rates={}, habit=habit, days=days)
            story.run_alone()
            world.undisturbed[habit, days] = left_by(story)
            world.replies[days] = Counter(story.topics.lines[ACCEPTED])
            story.close()
    for days in LENGTHS:
        _same_but_for_mode(*(world.undisturbed[habit, days] for habit in ("prompt", "shadow")))


def _same_but_for_mode(live: dict[str, Any], shadow: dict[str, Any]) -> None:
    """G11: the same events were taken in, and none of what was decided left."""
    if shadow["counts"] != live["counts"]:
        raise Violated(f"G11: in shadow {shadow['counts']} were counted, live {live['counts']}")


def _day(at: datetime) -> date:
    return at.astimezone(ZONE).date()


def _rows(story: Story, table: sa.Table, *names: str) -> list[tuple[Any, ...]]:
    with story.ledger._reading() as conn:
        return [tuple(row) for row in conn.execute(sa.select(*(table.c[n] for n in names)))]
