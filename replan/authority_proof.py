"""Is a decision table safe to publish: unique, monotone, ended, about things that exist?

Every row is a box over finite sets and integer intervals, so two rows overlap exactly when their
boxes meet, and a table is monotone exactly when the better side of each AUTO box is covered by
AUTO rows, and no ESCALATE row stands on the better side of a CLARIFY box. Both are decided by
exact subtraction of boxes; what is left over is the counterexample. Better is less value, more
confidence, better data quality; everything else is compared as it is.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations, islice
from typing import Any

from replan.authority_space import (
    ActionSpace,
    KnownNames,
    better_side,
    box_words,
    case_json,
    single_case,
    spaces,
    worse_case,
)
from replan.authority_table import AuthorityTable, Mode, Rule
from replan.boxes import Box, TooManyPieces, first_left, merged, remainder, shared
from replan.findings import Finding, Severity
from replan.people import DEFAULT_RECIPIENT, PROCESS_OWNER, ROLE_PREFIX

MAX_RULES = 500
MAX_ERRORS_TOLD = 50
"""Overlaps, and violations of monotony, listed per action: whoever mends these checks again."""

MAX_GAPS_TOLD = 8
"""Gaps listed per action; the last warning counts the rest."""

_RANK: Mapping[Mode, int] = {"AUTO": 2, "CLARIFY": 1, "ESCALATE": 0}


def check_table(table: AuthorityTable, known: KnownNames) -> tuple[Finding, ...]:
    """Everything that is wrong (errors) or open (warnings) in one version of the table.

    The findings name lines but no file yet. A table with an error must not be used at all.
    """
    if len(table.rules) > MAX_RULES:
        text = f"the table has {len(table.rules)} rows, at most {MAX_RULES} can be reviewed"
        return (_finding("error", table.line, str(len(table.rules)), "number", text),)
    findings = [*_head(table), *_names(table, known)]
    overlapping: set[tuple[str, str]] = set()
    for space in spaces(table, known):
        findings += islice(_overlaps(space, overlapping), MAX_ERRORS_TOLD)
        findings += _gaps(table, space)
        try:
            findings += list(islice(_not_monotone(space), MAX_ERRORS_TOLD))
        except TooManyPieces:
            text = f"the rows about {space.action} are too entangled to prove: use fewer conditions"
            findings.append(_finding("error", table.line, space.action, "monotone", text))
    return tuple(findings)


def _head(table: AuthorityTable) -> Iterator[Finding]:
    if table.effective_to <= table.effective_from:
        until = table.effective_to.isoformat()
        text = f"effective.to {until} is not after effective.from"
        yield _finding("error", table.line, until, "no_end", text)
    if table.author.strip().casefold() == table.approver.strip().casefold():
        text = f"approver {table.approver} is the author; another person must approve"
        yield _finding("error", table.line, table.approver, "author_is_approver", text)
    seen: dict[str, Rule] = {}
    for rule in table.rules:
        first = seen.setdefault(rule.rule_id, rule)
        if first is not rule:
            text = f"row id {rule.rule_id} is used on line {first.line} already"
            yield _finding("error", rule.line, rule.rule_id, "unique", text)


def _names(table: AuthorityTable, known: KnownNames) -> Iterator[Finding]:
    for rule in table.rules:
        for what, used, there, holder in (
            ("region", rule.when.regions, known.regions, "store or DC"),
            ("class", rule.when.classes, known.classes, "item"),
        ):
            for name in used or ():
                if there is not None and name not in there:
                    text = f"row {rule.rule_id}: no {holder} has {what} {name}"
                    yield _finding("error", rule.line, name, "unknown_name", text)
        for recipient in (rule.recipient, rule.next_recipient):
            role = (recipient or "").removeprefix(ROLE_PREFIX)
            if recipient is not None and known.roles is not None and role not in known.roles:
                text = f"row {rule.rule_id}: no active planner has role {role}"
                yield _finding("error", rule.line, recipient, "unknown_name", text)
    for name in table.kill.regions:
        if known.regions is not None and name not in known.regions:
            text = f"kill.regions: no store or DC has region {name}"
            yield _finding("error", table.line, name, "unknown_name", text)
    if known.roles is not None and PROCESS_OWNER not in known.roles:
        text = f"no active planner has role {PROCESS_OWNER}, who gets what no row sends to anybody"
        yield _finding("warning", table.line, DEFAULT_RECIPIENT, "unknown_name", text)


def _overlaps(space: ActionSpace, told: set[tuple[str, str]]) -> Iterator[Finding]:
    """Pairs of rows that match one case; `told` remembers pairs across actions."""
    for (one, one_box), (other, other_box) in combinations(space.live_rows(), 2):
        common = shared(one_box, other_box)
        pair = (one.rule_id, other.rule_id)
        if common is None or pair in told:
            continue
        told.add(pair)
        text = (
            f"rows {one.rule_id} (line {one.line}) and {other.rule_id} (line {other.line}) "
            "both match one case; exactly one row may"
        )
        example = case_json(space.action, common) | {"rows": [one.rule_id, other.rule_id]}
        yield _finding("error", other.line, other.rule_id, "unique", text, example)


def _not_monotone(space: ActionSpace) -> Iterator[Finding]:
    rows = space.live_rows()
    for rule, box in rows:
        rank = _RANK[rule.mode]
        enough = [b for r, b in rows if _RANK[r.mode] >= rank]
        pieces = (first_left(part, enough) for part in _must_hold(rule, box, rows))
        left = next((piece for piece in pieces if piece is not None), None)
        if left is None:
            continue
        better = single_case(left)
        stricter = next((r for r, b in rows if shared(b, better) is not None), None)
        instead = f"row {stricter.rule_id} is stricter" if stricter else "no row covers it"
        text = (
            f"row {rule.rule_id} gives {rule.mode} to a case, while for one with no more value, "
            f"no less confidence and no worse data {instead}"
        )
        example = {
            "more_autonomy": case_json(space.action, worse_case(box, better))
            | {"mode": rule.mode, "row": rule.rule_id},
            "less_autonomy": case_json(space.action, better)
            | {
                "mode": stricter.mode if stricter else "ESCALATE",
                "row": stricter.rule_id if stricter else None,
            },
        }
        yield _finding("error", rule.line, rule.rule_id, "monotone", text, example)


def _must_hold(rule: Rule, box: Box, rows: list[tuple[Rule, Box]]) -> list[Box]:
    """Where at least as much autonomy as the row's must be given: for AUTO on its whole better
    side; a question (CLARIFY) may stand over a gap, which is legal, but not over a row that is
    stricter."""
    better = better_side(box)
    if rule.mode == "AUTO":
        return [better]
    stricter = (shared(better, b) for r, b in rows if _RANK[r.mode] < _RANK[rule.mode])
    return [part for part in stricter if part is not None]


def _gaps(table: AuthorityTable, space: ActionSpace) -> Iterator[Finding]:
    action = space.action
    for rule, box in space.rows:
        if box is None:
            text = f"row {rule.rule_id} can never match {action}: a condition does not apply to it"
            yield _finding("warning", rule.line, rule.rule_id, "gap", text)
    try:
        left = remainder(space.universe, [box for _, box in space.live_rows()])
    except TooManyPieces:
        text = f"the gaps of {action} are too many to list; all of them escalate"
        yield _finding("warning", table.line, action, "gap", text)
        return
    if left == [space.universe]:
        text = f"no row is about {action}: all of it escalates"
        example = case_json(action, space.universe)
        yield _finding("warning", table.line, action, "gap", text, example)
        return
    gaps = merged(left) if len(left) <= 200 else left
    for gap in gaps[:MAX_GAPS_TOLD]:
        words = box_words(gap, space.universe, table.currency)
        text = f"no row covers {action} with {words}: it escalates"
        yield _finding("warning", table.line, action, "gap", text, case_json(action, gap))
    if len(gaps) > MAX_GAPS_TOLD:
        text = f"{len(gaps) - MAX_GAPS_TOLD} more gaps of {action} escalate"
        yield _finding("warning", table.line, action, "gap", text)


def _finding(
    severity: Severity,
    line: int,
    value: str | None,
    rule: str,
    message: str,
    counterexample: Mapping[str, Any] | None = None,
) -> Finding:
    return Finding(
        severity=severity,
        file="",
        line=line or None,
        value=value,
        rule=rule,
        message=message,
        counterexample=counterexample,
    )
