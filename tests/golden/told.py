"""What does a case tell? A workspace is run and its decisions, refusals and alarms are told in
plain lines without ids that hang on the code.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from replan.brief import check_brief
from replan.infra.planners.wishes import Wish, quantity_wished
from replan.infra.review.brief_shape import faults_of_shape
from replan.infra.running.opened import opened_office
from replan.infra.running.run import run_workspace
from tests.golden.world import CASE_FIRST, ordinary, write_lines

HERE = Path(__file__).parent
BASE = HERE / "base"
EVENTS, EXPECT, WHY, VERDICTS = "events.jsonl", "expect.jsonl", "why.md", "verdicts.jsonl"
REPLIES, STOPS = "replies.jsonl", "stops.jsonl"

CASES = sorted(folder.parent.name for folder in HERE.glob(f"*/{WHY}"))


def copy_history(root: Path) -> None:
    """Make a workspace that has the sixty days behind it."""
    shutil.copytree(history(), root)


def tell(
    case: Path, root: Path, start: Callable[[Path], None] = copy_history
) -> list[dict[str, Any]]:
    """Make the case's workspace at `root`, run it, give its verdicts, and tell what came of it.
    `start` makes the workspace as it stands after its history.
    """
    start(root)
    overlay = case / "workspace"
    if overlay.is_dir():
        shutil.copytree(overlay, root, dirs_exist_ok=True)
    shutil.copy(case / EVENTS, root / "events" / "case.jsonl")
    told: list[dict[str, Any]] = []
    if (case / STOPS).exists():
        told += [_switched(root, json.loads(x)) for x in (case / STOPS).read_text().splitlines()]
    run_workspace(root, source=None, until_end=True, mode=None)
    if (case / VERDICTS).exists():
        for line in (case / VERDICTS).read_text().splitlines():
            given = json.loads(line)
            told.append(_brief(root, given["show"]) if "show" in given else _answer(root, given))
        run_workspace(root, source=None, until_end=True, mode=None)
    if (case / REPLIES).exists():
        _reply(root, (case / REPLIES).read_text())
        run_workspace(root, source=None, until_end=True, mode=None)
    with opened_office(root) as desk:
        decisions = desk.office.decisions(state=None, item=None, since=None)
        for body in decisions:
            # Whoever gets to read a page gets a whole one.
            brief = desk.office.decision(body["decision_id"])["brief"]
            assert brief is None or _wrong(brief, body["evidence"]) == []
        told += [_decision(body) for body in decisions]
        told += [_alarm(alarm) for alarm in desk.office.status(desk.mode)["alarms"]]
    return told + _refusals(root)


@lru_cache(maxsize=1)
def history() -> Path:
    """The base workspace after its sixty days, in which nothing is decided; lived once a process,
    and copied by each case.
    """
    folder = tempfile.TemporaryDirectory(prefix="golden-history-")
    _kept.append(folder)
    return live_history(Path(folder.name) / "world")


def live_history(root: Path, settings: str = "") -> Path:
    """Live the sixty days at `root`; `settings` are added to those of the base workspace."""
    shutil.copytree(BASE, root)
    with (root / "replan.toml").open("a") as file:
        file.write(settings)
    write_lines(root / "events" / "history.jsonl", ordinary(CASE_FIRST - timedelta(days=1)))
    run_workspace(root, source=None, until_end=True, mode=None)
    return root


_kept: list[tempfile.TemporaryDirectory[str]] = []
"""Folders that go when the process does."""


def _switched(root: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Move the stop switch: {"switch", "scope", "as", "reason"}."""
    with opened_office(root) as desk:
        switch = desk.office.switch
        move = switch.stop if given["switch"] == "stop" else switch.resume
        said = move(given["scope"], login=given["as"], reason=given["reason"]).json()
    return {"switch": {k: said[k] for k in ("verb", "scope", "login", "result", "code")}}


def _answer(root: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Give a verdict on the newest decision of an item: {"item", "verdict", "as", "reason", …}."""
    item, verdict = given.pop("item"), given.pop("verdict")
    login, chip = given.pop("as"), given.pop("reason")
    with opened_office(root) as desk:
        newest = [
            d for d in desk.office.decisions(state=None, item=None, since=None) if d["item"] == item
        ][-1]
        words: dict[str, Any] = {"note": "", "option": None, "version": None, "confirm": False}
        wish = Wish(
            qty=quantity_wished(given.pop("qty", None)),
            source=given.pop("source", None),
            to=given.pop("to", None),
        )
        result = desk.office.verdict(
            newest["decision_id"], verdict, login=login, chip=chip, wish=wish, **(words | given)
        )
    said = result.json()
    return {
        "verdict": {k: said[k] for k in ("verdict", "result", "status", "code", "state", "diff")}
    }


def _brief(root: Path, item: str) -> dict[str, Any]:
    """What a person reads first of the newest decision of an item."""
    with opened_office(root) as desk:
        found = desk.office.decisions(state=None, item=item, since=None)[-1]
        brief = desk.office.decision(found["decision_id"])["brief"]
    names = ("headline", "question", "deadline", "on_timeout", "unknowns", "held")
    why, recommended = brief["why_escalated"], brief["recommendation"]
    wrong = _wrong(brief, found["evidence"])
    return {
        "brief": {name: brief[name] for name in names}
        | {
            "why": None if why is None else why["text"],
            "recommended": recommended["option"],
            "would_change": recommended["would_change"],
            "facts": [e["fact"] for e in brief["evidence"]],
            "wrong": wrong,
        }
    }


def _wrong(brief: Mapping[str, Any], evidence: list[str]) -> list[str]:
    return [*check_brief(brief, evidence), *faults_of_shape(brief)]


def _reply(root: Path, text: str) -> None:
    """Events whose subject is the newest decision of an `item`, which a file cannot know."""
    events = [json.loads(line) for line in text.splitlines()]
    with opened_office(root) as desk:
        decisions = desk.office.decisions(state=None, item=None, since=None)
    for event in events:
        item = event.pop("item", None)
        if item is not None:
            event["subject"] = [d for d in decisions if d["item"] == item][-1]["decision_id"]
    write_lines(root / "events" / "replies.jsonl", events)


def _decision(body: Mapping[str, Any]) -> dict[str, Any]:
    chosen = next((o for o in body["options"] if o["name"] == body["chosen"]), None)
    why = body["why_escalated"]
    names = ("item", "site", "category", "cause", "state", "chosen", "rule_id", "decided_at")
    told: dict[str, Any] = {name: body[name] for name in names}
    told["why"] = None if why is None else why["code"]
    told["options"] = [o["name"] for o in body["options"]]
    told["actions"] = [
        {k: a[k] for k in ("kind", "from", "to", "qty", "ship_on", "order_id")}
        for a in (chosen["actions"] if chosen else ())
    ]
    told["evidence"] = body["evidence"]
    if body["parent"] is not None:
        told["under_another"] = True
    return {"decision": told}


def _alarm(alarm: Mapping[str, Any]) -> dict[str, Any]:
    return {"alarm": {name: alarm[name] for name in ("kind", "scope", "opened_at", "closed_at")}}


def _refusals(root: Path) -> list[dict[str, Any]]:
    """Replies to events that were not simply taken."""
    replies = map(json.loads, (root / "out" / "accepted.jsonl").read_text().splitlines())
    told = []
    for reply in replies:
        data = reply.get("data", reply)
        if data["status"] != "ACCEPTED" or data["code"] is not None:
            told.append({"reply": {k: data.get(k) for k in ("id", "status", "code", "pointer")}})
    return told
