"""How does a brief read as one page of text? A line per block, and no block left out."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from replan.currencies import money_text
from replan.plain_words import option_text, state_text
from replan.wording import (
    WHY_WORDS,
    money_range,
    quantity_range,
    sentence,
    share_text,
    time_text,
)

MOST_WORDS = 250


def brief_text(brief: Mapping[str, Any], timezone: str, currency: str) -> str:
    """The page as plain text: a line per block, at most 250 words.

    Too long, it loses evidence beyond four rows first, then options, rows and later clauses of
    single entries. What is said is said whole, and no block is ever left out; only where single
    clauses are longer than a page are they cut.
    """
    for room in _ROOMS:
        lines = _lines(brief, timezone, currency, room)
        text = "\n".join(lines)
        if len(text.split()) <= MOST_WORDS:
            return text
    return "\n".join(_cut(line, _LAST_RESORT) for line in lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """How much of each block the text may show."""

    evidence: int
    options: int
    rows: int
    words: int


_ROOMS = (
    _Room(evidence=12, options=6, rows=6, words=60),
    _Room(evidence=4, options=6, rows=3, words=40),
    _Room(evidence=3, options=4, rows=2, words=24),
    _Room(evidence=2, options=3, rows=1, words=16),
    _Room(evidence=1, options=3, rows=1, words=10),
    _Room(evidence=1, options=2, rows=1, words=1),
)
_CLAUSES = re.compile(r"(?<=[.;?!])\s+")
_LAST_RESORT = 20
"""Words a line where nothing else helps: eleven lines of so many stay below the bound."""


def _lines(brief: Mapping[str, Any], timezone: str, currency: str, room: _Room) -> list[str]:
    """One line per block."""
    deadline = time_text(datetime.fromisoformat(brief["deadline"]), timezone)
    recommended = brief["recommendation"]
    ids = brief["ids"]
    digests = ", ".join(f"{name} {_short(ids[name])}" for name in ("plan", "model", "policy"))
    done = _some(brief["already_done"], room) or "nothing"
    return [
        sentence(brief["headline"]["text"]),
        f"Question: {brief['question']}",
        f"Deadline: {deadline} {timezone}. {brief['on_timeout']}",
        f"Why you: {_why_text(brief['why_escalated'], currency, room)}",
        f"Evidence: {_evidence_text(brief['evidence'], timezone, room)}",
        f"Options: {_options_text(brief['options'], recommended['option'], currency, room)}",
        f"Recommended: {_recommended_text(recommended, room)}",
        f"Already done: {done}. Waiting: {_count(brief['held'], 'action')}.",
        f"Before: {_precedents_text(brief['precedents'], currency, room)}",
        f"Not known: {_some(brief['unknowns'], room) or 'nothing'}.",
        f"Ids: {ids['decision']} version {ids['version']}, {digests}.",
    ]


def _why_text(why: Mapping[str, Any], currency: str, room: _Room) -> str:
    code = str(why.get("code"))
    parts = [f"{WHY_WORDS.get(code, code)}, rule {why.get('rule_id') or 'none'}"]
    parts.append(f"value {money_text(why.get('actual_minor') or 0, currency)}")
    if why.get("limit_minor") is not None:
        parts.append(f"limit {money_text(why['limit_minor'], currency)}")
    return f"{', '.join(parts)}: {sentence(_whole(str(why.get('text') or ''), room.words))}"


def _evidence_text(rows: Sequence[Mapping[str, Any]], timezone: str, room: _Room) -> str:
    if not rows:
        return "none beyond the forecast."
    ranked = sorted(rows, key=lambda r: (r["speaks_against"], r["time"]), reverse=True)
    kept = sorted(ranked[: room.evidence], key=lambda r: (r["time"], r["event_id"]))
    said = [
        f"{time_text(datetime.fromisoformat(r['time']), timezone)} "
        f"{'(against) ' if r['speaks_against'] else ''}{_whole(r['fact'], room.words)}"
        for r in kept
    ]
    left = len(rows) - len(kept)
    return sentence("; ".join([*said, f"{left} more"] if left else said))


def _options_text(
    options: Sequence[Mapping[str, Any]], chosen: str, currency: str, room: _Room
) -> str:
    order = sorted(options, key=lambda o: (o["name"] != chosen, o["name"] != "none"))
    kept = [o["name"] for o in order[: room.options]]
    said = [
        f"{option_text(o['name'])} costs {money_range(o['cost_minor'], currency)}"
        + (
            f", saves {quantity_range(o['units_short_avoided'])} units, stock-out "
            f"{share_text(o['p_stockout_receiver'])} (donor {share_text(o['p_stockout_donor'])})"
            if o["actions"]
            else ""
        )
        for o in options
        if o["name"] in kept
    ]
    left = len(options) - len(kept)
    return sentence("; ".join([*said, f"{left} more"] if left else said))


def _recommended_text(recommended: Mapping[str, Any], room: _Room) -> str:
    wins = share_text(recommended["confidence"])
    drivers = [
        f"{_whole(d['text'], room.words)} ({d['units']:+g})"
        for d in recommended["drivers"][: room.rows]
    ]
    parts = [
        f"{option_text(recommended['option'])}, better than nothing in {wins} of cases",
        "; ".join(drivers),
        _whole(recommended["would_change"], 2 * room.words),
    ]
    return " ".join(sentence(part) for part in parts if part)


def _precedents_text(rows: Sequence[Mapping[str, Any]], currency: str, room: _Room) -> str:
    if not rows:
        return "no earlier case of this item."
    said = [
        f"{row['decided_at'][:10]} {option_text(row['chosen'])}, {state_text(row['state'])}, "
        f"value {money_text(row['value_minor'], currency)}{_result_text(row, currency)}"
        for row in rows[-room.rows :]
    ]
    return sentence("; ".join(said))


def _result_text(row: Mapping[str, Any], currency: str) -> str:
    gained = (row.get("result") or {}).get("gained_minor")
    return "" if gained is None else f", gained {money_text(gained, currency)}"


def _some(entries: Sequence[str], room: _Room) -> str:
    kept = [_whole(entry, room.words).rstrip(".") for entry in entries[: room.rows]]
    left = len(entries) - len(kept)
    return "; ".join([*kept, f"{left} more"] if left else kept)


def _count(entries: Sequence[str], noun: str) -> str:
    return f"{len(entries)} {noun}{'' if len(entries) == 1 else 's'}"


def _whole(text: str, words: int) -> str:
    """The first clauses of a text that stay within so many words; the first one always."""
    clauses = _CLAUSES.split(text.strip())
    kept = clauses[:1]
    for clause in clauses[1:]:
        if sum(len(part.split()) for part in (*kept, clause)) > words:
            break
        kept.append(clause)
    return " ".join(kept).rstrip(";,")


def _cut(text: str, words: int) -> str:
    parts = text.split()
    return " ".join(parts[:words]) + ("…" if len(parts) > words else "")


def _short(identifier: str) -> str:
    """An id or digest short enough to read; the whole stands in the block itself."""
    return " ".join(part if ":" not in part else part[:15] for part in identifier.split())
