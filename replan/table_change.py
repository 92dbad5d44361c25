"""What does another version of the decision table change? Every member that differs, in words.

Whether a change gives more room (wider) or less is said where the member alone tells; what changed
rows come to together is for `table_reach` to work out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from replan.authority_table import MILLION, AuthorityTable, Band, Conditions, Rule
from replan.currencies import money_text
from replan.limits import CalendarDay, Cap, Rolling, Window
from replan.mode import MODE_ORDER
from replan.units import instant_text

Direction = Literal["wider", "narrower"]
"""Whether more may run by itself, or less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference: which part of the table, in words, and what it does to authority where the
    member alone says so.
    """

    part: str
    text: str
    direction: Direction | None = None

    def json(self) -> dict[str, Any]:
        """As plain JSON data."""
        return {"part": self.part, "text": self.text, "direction": self.direction}


def changes(old: AuthorityTable, new: AuthorityTable) -> tuple[Change, ...]:
    """Every difference between two tables, in the order of a table's members."""
    return (
        *_head(old, new),
        *_rules(old, new),
        *_caps(old, new),
        *_sums(old, new),
        *_stages(old, new),
        *_kill(old, new),
    )


def _head(old: AuthorityTable, new: AuthorityTable) -> Iterator[Change]:
    for name in ("table", "version", "owner", "author", "approver", "currency"):
        yield from _said(name, str(getattr(old, name)), str(getattr(new, name)))
    for name in ("effective_from", "effective_to"):
        was, now = (instant_text(getattr(table, name)) for table in (old, new))
        yield from _said(name.replace("_", " "), was, now)


def _said(
    part: str, was: str, now: str, direction: Direction | None = None, about: str = ""
) -> Iterator[Change]:
    if was != now:
        text = f"{about or part} {was} → {now}"
        yield Change(part=part, text=text, direction=direction)


def _rules(old: AuthorityTable, new: AuthorityTable) -> Iterator[Change]:
    was = {rule.rule_id: rule for rule in old.rules}
    now = {rule.rule_id: rule for rule in new.rules}
    for rule_id in sorted({*was, *now}):
        if rule_id not in was:
            text = f"row {rule_id} is new: {row_words(now[rule_id], new.currency)}"
            yield Change(part=rule_id, text=text)
        elif rule_id not in now:
            text = f"row {rule_id} is gone: {row_words(was[rule_id], old.currency)}"
            yield Change(part=rule_id, text=text)
        else:
            yield from _row(was[rule_id], now[rule_id], old.currency, new.currency)


def _row(was: Rule, now: Rule, currency_was: str, currency: str) -> Iterator[Change]:
    rule_id = was.rule_id
    one, other = was.when.value, now.when.value
    if one != other and one is not None and other is not None and one.lo == other.lo:
        before, after = (_limit(b, c) for b, c in ((one, currency_was), (other, currency)))
        yield Change(part=rule_id, text=f"{rule_id} limit {before} → {after}")
    elif one != other:
        before, after = _value(one, currency_was), _value(other, currency)
        yield Change(part=rule_id, text=f"{rule_id} value {before} → {after}")
    for name, word in _CONDITIONS.items():
        before, after = (_condition(r.when, name) for r in (was, now))
        yield from _said(rule_id, before, after, about=f"{rule_id} {word}")
    for name, word in _OUTCOMES.items():
        before, after = (_outcome(r, name) for r in (was, now))
        yield from _said(
            rule_id, before, after, _by_size(was, now, name), about=f"{rule_id} {word}"
        )


_CONDITIONS: Mapping[str, str] = {
    "actions": "action",
    "regions": "region",
    "classes": "class",
    "categories": "category",
    "confidence": "confidence",
    "dq": "dq",
    "reversible_for": "reversible_until",
    "supplier_approved": "supplier_approved",
    "within_contract": "within_contract",
    "donor_p_stockout": "donor_p_stockout",
    "order_share": "order_share",
}
"""Member of a row's conditions → its key in the file."""

_OUTCOMES: Mapping[str, str] = {
    "mode": "mode",
    "recipient": "recipient",
    "next_recipient": "next",
    "approvals": "approvals",
    "document": "document",
    "spot_check": "spot_check",
    "ask": "ask",
    "timeout": "timeout",
}


def _by_size(was: Rule, now: Rule, name: str) -> Direction | None:
    """Fewer approvals and fewer looks afterwards give more room."""
    if name not in ("approvals", "spot_check"):
        return None
    return "wider" if getattr(now, name) < getattr(was, name) else "narrower"


def row_words(rule: Rule, currency: str) -> str:
    """A row in words: its mode, and what it asks."""
    """A row as a sentence without its id: mode, actions, and each condition that it makes."""
    said = [f"{rule.mode} {' or '.join(rule.when.actions)}"]
    said += [f"value {_value(rule.when.value, currency)}"] if rule.when.value is not None else []
    for name, word in _CONDITIONS.items():
        if name != "actions" and (text := _condition(rule.when, name)) != "any":
            said.append(f"{word} {text}")
    return ", ".join(said)


def _condition(when: Conditions, name: str) -> str:
    value = getattr(when, name)
    if value is None:
        return "any"
    if isinstance(value, Band):
        if name == "reversible_for":
            return f"at least {_length(timedelta(seconds=value.lo))}"
        high = "" if value.hi is None else f" to {value.hi / MILLION:g}"
        return f"{value.lo / MILLION:g}{high}" if high else f"from {value.lo / MILLION:g}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return " or ".join(value)


def _outcome(rule: Rule, name: str) -> str:
    value = getattr(rule, name)
    if value is None:
        return "default"
    if isinstance(value, timedelta):
        return _length(value)
    if name == "spot_check":
        return f"{100 * value / MILLION:g} %"
    return ", ".join(value) or "none" if isinstance(value, tuple) else str(value)


def _limit(band: Band, currency: str) -> str:
    return "without limit" if band.hi is None else money_text(band.hi, currency)


def _value(band: Band | None, currency: str) -> str:
    if band is None:
        return "any"
    if band.hi is None:
        return f"from {money_text(band.lo, currency)}"
    return f"{money_text(band.lo, currency)} to {money_text(band.hi, currency)}"


def _caps(old: AuthorityTable, new: AuthorityTable) -> Iterator[Change]:
    was, now = _by_place(old.caps), _by_place(new.caps)
    for place in sorted({*was, *now}):
        for n in range(max(len(was.get(place, ())), len(now.get(place, ())))):
            one, other = (
                caps[n] if n < len(caps) else None
                for caps in (was.get(place, ()), now.get(place, ()))
            )
            yield from _cap(place, one, other, old.currency, new.currency)


def _cap(
    place: str, was: Cap | None, now: Cap | None, currency_was: str, currency: str
) -> Iterator[Change]:
    if was is None or now is None:
        verb, direction = ("is new", "narrower") if was is None else ("is gone", "wider")
        cap, money = (now, currency) if was is None else (was, currency_was)
        assert cap is not None, "one of the two is there"
        limits = [] if cap.value_minor is None else [money_text(cap.value_minor, money)]
        limits += [] if cap.count is None else [f"{cap.count} actions"]
        text = f"cap {place} {verb}: {', '.join(limits)}"
        yield Change(part="caps", text=text, direction=direction)  # type: ignore[arg-type]
        return
    for name, say in (("value_minor", "value"), ("count", "count")):
        one, other = getattr(was, name), getattr(now, name)
        if one == other:
            continue
        words = [
            "unlimited" if n is None else money_text(n, c) if name == "value_minor" else str(n)
            for n, c in ((one, currency_was), (other, currency))
        ]
        wider = other is None or (one is not None and other > one)
        yield Change(
            part="caps",
            text=f"cap {place} {say} {words[0]} → {words[1]}",
            direction="wider" if wider else "narrower",
        )


def _by_place(caps: Sequence[Cap]) -> dict[str, list[Cap]]:
    found: dict[str, list[Cap]] = {}
    for cap in caps:
        place = f"{'+'.join(sorted(cap.scope))} per {_window(cap.window)}"
        found.setdefault(place, []).append(cap)
    return found


def _window(window: Window) -> str:
    match window:
        case CalendarDay(zone=zone):
            return f"calendar day in {zone}"
        case Rolling(length=length):
            return f"rolling {_length(length)}"


def _sums(old: AuthorityTable, new: AuthorityTable) -> Iterator[Change]:
    one, other = old.aggregate, new.aggregate
    less = set(other.keys) < set(one.keys)
    more = set(other.keys) > set(one.keys)
    yield from _said(
        "aggregate",
        ", ".join(sorted(one.keys)) or "nothing",
        ", ".join(sorted(other.keys)) or "nothing",
        "wider" if less else "narrower" if more else None,
        about="aggregate key",
    )
    rest, after = old.cooldown, new.cooldown
    lengths = (
        ("aggregate", "aggregate window", one.window, other.window),
        ("cooldown", "cooldown after an action", rest.after_action, after.after_action),
        (
            "cooldown",
            "cooldown before the reverse",
            rest.reverse_direction,
            after.reverse_direction,
        ),
        ("freeze", "freeze before a cut-off", old.freeze.before_cutoff, new.freeze.before_cutoff),
    )
    for part, about, was, now in lengths:
        shorter: Direction = "wider" if now < was else "narrower"
        yield from _said(part, _length(was), _length(now), shorter, about=about)
    keys = (", ".join(sorted(rest.scope)), ", ".join(sorted(after.scope)))
    yield from _said("cooldown", *keys, about="cooldown scope")
    easier: Direction = "wider" if after.break_factor < rest.break_factor else "narrower"
    factors = (f"{rest.break_factor} × change cost", f"{after.break_factor} × change cost")
    yield from _said("cooldown", *factors, easier, about="cooldown is broken by a benefit over")
    for action in sorted({*old.value_basis, *new.value_basis}):
        terms = [" + ".join(t.value_basis.get(action, ())) or "none" for t in (old, new)]
        yield from _said("value_basis", terms[0], terms[1], about=f"value of {action}:")


def _stages(old: AuthorityTable, new: AuthorityTable) -> Iterator[Change]:
    for category in sorted({*(old.stages or {}), *(new.stages or {})}):
        was, now = old.stage(category), new.stage(category)
        up: Direction = "wider" if MODE_ORDER.index(now) > MODE_ORDER.index(was) else "narrower"
        yield from _said("stages", was, now, up, about=f"stage of {category}:")
    if (old.stages is None) != (new.stages is None):
        words = ["live" if t.stages is None else "shadow" for t in (old, new)]
        given: Direction = "wider" if new.stages is None else "narrower"
        yield from _said("stages", words[0], words[1], given, about="stage of all not named:")


def _kill(old: AuthorityTable, new: AuthorityTable) -> Iterator[Change]:
    one, other = old.kill, new.kill
    if one.everything != other.everything:
        said: Direction = "narrower" if other.everything else "wider"
        text = (
            "everything is suspended" if other.everything else "everything is no longer suspended"
        )
        yield Change(part="kill", text=text, direction=said)
    for name in ("regions", "actions", "models"):
        was, now = set(getattr(one, name)), set(getattr(other, name))
        for gone in sorted(was - now):
            text = f"{name[:-1]} {gone} is no longer suspended"
            yield Change(part="kill", text=text, direction="wider")
        for come in sorted(now - was):
            text = f"{name[:-1]} {come} is suspended"
            yield Change(part="kill", text=text, direction="narrower")


def _length(length: timedelta) -> str:
    seconds = length // timedelta(seconds=1)
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0 and seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
