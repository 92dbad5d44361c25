"""How do a decision and the state of everything read in a terminal?"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from replan.currencies import money_text
from replan.infra.ledger.rows import DecisionFile
from replan.plain_words import ACTION_WORDS, CHIP_WORDS, cause_text, why_text
from replan.wording import CATEGORY_WORDS, actions_text, money_range, quantity_range, share_text


def status_text(status: Mapping[str, Any]) -> str:
    """The status as `replan status` prints it, a line for each thing to know."""
    table, events = status["authority"], status["events"]
    authority = (
        f"version {table['version']}, {table['hash']}"
        if table["in_force"]
        else f"NONE IN FORCE ({table['reason']}): everything escalates"
    )
    rows = {
        "clock": status["clock"] or "no event yet",
        "mode": status["mode"],
        "stopped": stopped_text(status) or "no",
        "authority": authority,
        "events": ", ".join(f"{count} {name}" for name, count in events.items()),
        "alarms": _alarms_text(status["alarms"]),
        "state": status["state_digest"] or "none yet",
        "decisions": status["decisions_digest"],
    }
    return "\n".join(f"{name:<10} {value}" for name, value in rows.items())


def _alarms_text(alarms: Sequence[Mapping[str, Any]]) -> str:
    """Those that stand, one a line, alike ones counted; and how many were closed."""
    standing = Counter(alarm["text"] for alarm in alarms if alarm["closed_at"] is None)
    lines = [text if n == 1 else f"{text} ({n} times)" for text, n in standing.items()]
    closed = len(alarms) - standing.total()
    before = f"{closed} closed before" if closed else ""
    if not lines:
        return f"none; {before}" if before else "none"
    return f"\n{'':<10} ".join([*lines, *([before] if before else [])])


REFUSED: Mapping[str, str] = {
    "not_allowed": "needs the role operator",
    "own_stop": "was stopped by this very login; another operator has to let go on",
    "not_stopped": "is not stopped",
    "stop_file": "has a file STOP in the workspace; remove it first",
}


def moved_text(moved: Mapping[str, Any]) -> str:
    """What came of a stop, or of letting go on."""
    what = moved["scope"] or "everything"
    if moved["code"] is not None:
        return f"{moved['verb']} refused: {what} {REFUSED[moved['code']]} ({moved['code']})"
    lines = [f"{what}: " + ("stopped" if moved["verb"] == "stop" else "may go on")]
    others = [
        s for s in moved["stopped"] if (s["scope"], s["by"]) != (moved["scope"], moved["login"])
    ]
    lines += [f"still stopped: {s['scope'] or 'everything'} by {s['by']}" for s in others]
    for name, words in (("in_flight", "sent before, not answered"), ("held", "waiting to be sent")):
        if moved[name]:
            lines.append(f"{words}: {', '.join(moved[name])}")
    return "\n".join(lines)


def stopped_text(status: Mapping[str, Any]) -> str:
    """What is stopped, and by whom; empty: nothing."""
    return "; ".join(f"{s['scope'] or 'everything'} by {s['by']}" for s in status["stopped"])


def decision_text(file: DecisionFile) -> str:
    """A decision with everything that became of it; an escalated one with its brief."""
    return "\n".join(_decision_lines(file))


def _decision_lines(file: DecisionFile) -> Iterator[str]:
    body = file.body
    currency = body["currency"]
    yield f"{body['decision_id']} version {body['version']}: {body['state']}"
    where = body["site"] or "several sites"
    trouble = CATEGORY_WORDS.get(body["category"], body["category"])
    yield f"{body['item']} at {where}, {trouble}, {cause_text(body['cause'])}"
    value = money_text(body["value_minor"], currency)
    rule = body["rule_id"] or "none"
    yield f"decided {body['decided_at']} in {body['mode']} mode, value {value}, rule {rule}"
    if body["why_escalated"] is not None:
        why = body["why_escalated"]
        yield f"not by itself ({why_text(why)}): {why['text']}"
    if body["deadline"] is not None:
        role = body["recipient"].removeprefix("role:")
        yield f"waits for {role} until {body['deadline']}"
    yield "options:"
    for option in body["options"]:
        chosen = "*" if option["name"] == body["chosen"] else " "
        plan = actions_text(option["actions"]) if option["actions"] else "do nothing"
        yield f" {chosen} {option['name']}: {plan}"
        yield (
            f"     costs {money_range(option['cost_minor'], currency)}, avoids "
            f"{quantity_range(option['units_short_avoided'])} units short, stock-out "
            f"{share_text(option['p_stockout_receiver'])}"
            f" (donor {share_text(option['p_stockout_donor'])})"
        )
    for action in file.actions:
        yield f"action {action.action_id}: {ACTION_WORDS.get(action.state, action.state)}"
    for move in file.moves:
        yield f"{move['at']} {move['changes']['state']}: {move['reason']}"
    for verdict in file.verdicts:
        code = "" if verdict["code"] is None else f" ({verdict['code']})"
        chip = CHIP_WORDS.get(verdict["chip"], verdict["chip"])
        said = f"{verdict['verdict']} by {verdict['login']}, {chip}"
        yield f"{verdict['at']} {said}: {verdict['result']}{code}"
    if body["brief"] is not None:
        yield ""
        yield body["brief"]["text"]
