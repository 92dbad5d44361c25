"""Caps, sums and lanes hold whatever is proposed, in whatever order, and whatever is refused."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations, product
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from replan.desk_state import AnswersDue, TickDue
from replan.effects import Move, Proposal
from replan.events import ActionAnswered, QuestionAnswered
from replan.limits import Aggregate, CalendarDay, Cap, Cooldown, Rolling, Window, cap_scope
from replan.units import EventId, Units
from tests.authority_worlds import above, table, upto
from tests.desk_cases import (
    ITEMS,
    NOW,
    Desk,
    bodies,
    case,
    move,
    network,
    option,
    rule,
    states,
)
from tests.escalations import proposal as escalation
from tests.examples import examples

BERLIN = "Europe/Berlin"
UNLIMITED = rule("MOVE", "AUTO")
NO_REST = Cooldown(after_action=timedelta(0), reverse_direction=timedelta(0))

WINDOWS: st.SearchStrategy[Window] = st.sampled_from(
    [
        CalendarDay(zone=BERLIN),
        Rolling(length=timedelta(hours=1)),
        Rolling(length=timedelta(hours=30)),
    ]
)
SCOPES = st.sampled_from([("global",), ("action", "region"), ("item",), ("lane",), ("site",)])
CAPS = st.builds(
    Cap,
    scope=SCOPES,
    window=WINDOWS,
    value_minor=st.sampled_from([None, 0, 4_000, 8_000, 15_000]),
    count=st.sampled_from([None, 1, 2, 4]),
)


@st.composite
def ticks(draw: st.DrawFn) -> tuple[int, list[tuple[str, Any, int]], bool]:
    """Hours after the tick before, its plans of up to two moves each, and whether the executor
    refuses the first action.
    """
    plans = []
    for item in draw(st.lists(st.sampled_from(ITEMS), min_size=1, unique=True)):
        sites = draw(st.lists(st.sampled_from(["S03", "S04", "S06"]), min_size=1, max_size=2))
        moves = tuple(move(item, draw(st.integers(1, 12)), to) for to in sites)
        plans.append((item, moves, draw(st.integers(1, 9_999))))
    return draw(st.sampled_from([0, 1, 7, 17])), plans, draw(st.booleans())


def proposed(at: datetime, plans: list[tuple[str, Any, int]], n: int) -> list[Proposal]:
    return [
        case(
            option("reallocate", *moves, benefit=benefit),
            item=item,
            at=at,
            episode=f"ep-{n}-{item}",
            cause=f"cause:{n}",
        )
        for item, moves, benefit in plans
    ]


def assert_caps_hold(caps: Sequence[Cap], counted: Sequence[Move]) -> None:
    """Every cap, in every window that ends with a reservation, counted anew one by one."""
    for cap in caps:
        scopes = {cap_scope(cap, m.keys) for m in counted} - {None}
        for scope, now in product(sorted(map(str, scopes)), {m.at for m in counted}):
            mine = [m for m in counted if cap_scope(cap, m.keys) == scope and m.at <= now]
            for window in windows_of(cap, now):
                inside = [m for m in mine if window(m.at)]
                used = sum(m.value_minor for m in inside)
                assert cap.value_minor is None or used <= cap.value_minor
                assert cap.count is None or len(inside) <= cap.count


def windows_of(cap: Cap, now: datetime) -> list[Callable[[datetime], bool]]:
    """Whether an instant lies in the window that ends now; a day has two windows."""
    if isinstance(cap.window, Rolling):
        length = cap.window.length
        return [lambda at: now - at < length]
    there = ZoneInfo(cap.window.zone)
    today = now.astimezone(there).date()
    return [
        lambda at: at.astimezone(there).date() == today,
        lambda at: now - at < timedelta(hours=24),
    ]


@settings(max_examples=examples(30))
@given(
    caps=st.lists(CAPS, min_size=1, max_size=3),
    steps=st.lists(ticks(), min_size=2, max_size=6),
)
def test_no_order_of_proposals_and_refusals_exceeds_a_cap(caps: Any, steps: Any) -> None:
    """P6."""
    rules = table(UNLIMITED, caps=tuple(caps), cooldown=NO_REST)
    desk = Desk(rules, network=network(capacity=None))
    at = NOW
    for n, (hours, plans, refused) in enumerate(steps):
        at += timedelta(hours=hours)
        said = desk.tick(*proposed(at, plans, n), at=at)
        # A reservation counts until it is proven that nothing was done.
        assert_caps_hold(caps, [m for m in desk.moves if not m.released])
        if refused and said.commands:
            desk.take(AnswersDue(at=at, answers=(refusal(said.commands[0].action_id, at),)))


def refusal(action_id: Any, at: datetime) -> ActionAnswered:
    return ActionAnswered(
        event_id=EventId(f"no-{action_id}"),
        source="/erp",
        payload_sha="",
        occurred_at=at,
        arrived_at=at,
        action_id=action_id,
        idem="k",
        acked=False,
        reason="no truck",
    )


@settings(max_examples=examples(30))
@given(
    limit=st.integers(1_000, 9_000),
    pieces=st.lists(st.integers(1, 8), min_size=2, max_size=4),
    hours=st.lists(st.integers(0, 5), min_size=4, max_size=4),
    shared=st.sampled_from(["item and cause", "lane"]),
)
def test_splitting_a_plan_never_lets_more_run_than_the_whole_would(
    limit: int, pieces: list[int], hours: list[int], shared: str
) -> None:
    rules = table(
        rule("MOVE", "AUTO", value=upto(limit)),
        rule("MORE", "ESCALATE", value=above(limit)),
        cooldown=NO_REST,
        aggregate=Aggregate(window=timedelta(hours=24)),
    )
    desk = Desk(rules)
    at, ran = NOW, 0
    for n, (qty, later) in enumerate(zip(pieces, hours, strict=False)):
        at += timedelta(hours=later)
        item = "I1" if shared == "item and cause" else ITEMS[n]
        to = ("S03", "S04", "S06", "S03")[n] if shared == "item and cause" else "S03"
        cause = "promo:P7" if shared == "item and cause" else f"cause:{n}"
        plan = option("r", move(item, qty, to))
        said = desk.tick(case(plan, item=item, at=at, episode=f"ep-{n}", cause=cause), at=at)
        if states(said) == ["executing"]:
            ran += qty * 500
    assert ran <= limit


@settings(max_examples=examples(30))
@given(
    capacity=st.integers(0, 30),
    ticks=st.lists(st.lists(st.integers(1, 12), min_size=1, max_size=4), min_size=1, max_size=3),
)
def test_no_lane_is_ever_overloaded(capacity: int, ticks: list[list[int]]) -> None:
    desk = Desk(table(UNLIMITED, cooldown=NO_REST), network=network(capacity=capacity))
    for t, quantities in enumerate(ticks):
        cases = [
            case(
                option("whole", move(ITEMS[n], qty), benefit=100 * qty),
                option("half", move(ITEMS[n], max(qty // 2, 1)), benefit=40 * qty),
                item=ITEMS[n],
                episode=f"ep-{t}-{n}",
            )
            for n, qty in enumerate(quantities)
        ]
        desk.tick(*cases)
    assert sum(int(m.keys["qty"]) for m in desk.moves) <= capacity * 1_000


def test_the_order_in_which_proposals_come_does_not_show() -> None:
    capped = Cap(
        scope=("global",), window=Rolling(length=timedelta(hours=1)), value_minor=9_000, count=None
    )
    cases = [
        case(
            option("r", move(item, 4 + n), benefit=1_000 * (1 + n % 2)),
            item=item,
            cause=f"item:{item}",
        )
        for n, item in enumerate(ITEMS)
    ]
    seen = set()
    for order in permutations(cases):
        said = Desk(table(UNLIMITED, caps=(capped,)), network=network(capacity=15)).tick(*order)
        seen.add(str(bodies(said)))
    assert len(seen) == 1


@settings(max_examples=examples(25), deadline=None)
@given(
    caps=st.lists(CAPS, min_size=1, max_size=2),
    steps=st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from(["yes", "no", "modify", "silence"])),
        min_size=2,
        max_size=5,
    ),
)
def test_caps_hold_when_plans_are_asked_about_first(caps: Any, steps: Any) -> None:
    """What a question let wait counts when it runs, not before; what a person changed is a person's
    and counts too, so it can only leave less for machines.
    """
    rules = table(
        rule("CALL", "CLARIFY"),
        rule("RUSH", "CLARIFY", "expedite"),
        caps=tuple(caps),
        cooldown=NO_REST,
    )
    desk = Desk(rules)
    at, by_hand = NOW, False
    for n, (hours, answer) in enumerate(steps):
        at += timedelta(hours=hours)
        asked = replace(escalation(), episode=f"ep-{n}", cause=f"cause:{n}")
        desk.tick(asked, at=at)
        assert desk.said.commands == desk.said.reserved == ()
        before = [m for m in desk.moves if not m.released]
        waiting = [d for d in desk.state.pending if d.episode == f"ep-{n}"]
        for decision in waiting:
            if answer == "modify" and decision.state == "clarifying":
                by_hand = True
                desk.verdict(
                    "modify", decision_id=decision.decision_id, qty=Units(6_000), basis=asked, at=at
                )
            elif answer in ("yes", "no") and decision.state == "clarifying":
                reply = answered(decision.decision_id, at, accepted=answer == "yes")
                plan = asked.answer.option(asked.answer.recommended)
                again = replace(asked, watched=plan if answer == "yes" else None)
                desk.take(
                    TickDue(at=at, proposals=(again,), reassessed=(), cleared=(), replies=(reply,))
                )
                # A person is bound by a limit, not by caps, and may have used them up.
                if desk.said.reserved and not by_hand:
                    assert_caps_hold(caps, [*before, *desk.said.reserved])
        if answer == "silence" or not waiting:
            assert desk.said.commands == ()


def answered(decision_id: Any, at: datetime, accepted: bool) -> QuestionAnswered:
    return QuestionAnswered(
        event_id=EventId(f"reply-{decision_id}"),
        source="/supplier",
        payload_sha="",
        occurred_at=at,
        arrived_at=at,
        decision_id=decision_id,
        accepted=accepted,
        qty=None,
        arrives_on=None,
        action_id=None,
        note="",
    )


@settings(max_examples=examples(30))
@given(
    mode=st.sampled_from(["shadow", "recommend"]),
    steps=st.lists(ticks(), min_size=1, max_size=4),
)
def test_without_live_mode_nothing_is_sent_unless_a_person_says_so(mode: str, steps: Any) -> None:
    desk = Desk(table(UNLIMITED), mode=mode)
    at = NOW
    for n, (hours, plans, _) in enumerate(steps):
        at += timedelta(hours=hours)
        said = desk.tick(*proposed(at, plans, n), at=at)
        assert said.commands == ()
        assert {m.account for m in said.reserved} <= {"shadow"}
