"""Which cases can there be, and which of them does a row of the decision table match?

One box per row and action over eleven dimensions. Facts that do not apply to an action (a
reallocation has no supplier) have one value of their own, so a condition on them can never
match.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from replan.authority_table import (
    ACTIONS,
    CATEGORIES,
    DATA_QUALITY,
    MILLION,
    ORDER_ACTIONS,
    AuthorityTable,
    Band,
    Conditions,
    Rule,
)
from replan.boxes import ENDLESS, Box, Side, shared
from replan.currencies import money_text

OTHER = "(any other)"
"""Stands for every region or class that the table does not name, where the known ones are not at
hand."""

_NOT_APPLICABLE = "n/a"
_YES_NO = frozenset({"yes", "no"})
DIMENSIONS = (
    "region",
    "class",
    "category",
    "supplier_approved",
    "within_contract",
    "donor_p_stockout",
    "reversible_until",
    "dq",
    "confidence",
    "value",
    "order_share",
)
_DQ, _CONFIDENCE, _VALUE, _ORDER_SHARE = 7, 8, 9, 10
_TRUTHS = ("supplier_approved", "within_contract")
_SHARES = ("donor_p_stockout", "confidence", "order_share")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNames:
    """Names that exist: regions of stores and DCs, item classes, roles of active planners; None:
    cannot be told."""

    regions: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None
    roles: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpace:
    """All cases of one action, and the rows about it with the cases each matches (None: none at
    all)."""

    action: str
    universe: Box
    rows: tuple[tuple[Rule, Box | None], ...]

    def live_rows(self) -> list[tuple[Rule, Box]]:
        """The rows that match at least one case."""
        return [(rule, box) for rule, box in self.rows if box is not None]


def spaces(table: AuthorityTable, known: KnownNames) -> tuple[ActionSpace, ...]:
    """One space per action, in the order of the actions."""
    regions = _every(known.regions, (rule.when.regions for rule in table.rules))
    classes = _every(known.classes, (rule.when.classes for rule in table.rules))
    found = []
    for action in ACTIONS:
        moves = action == "reallocate"
        truths = frozenset({_NOT_APPLICABLE}) if moves else _YES_NO
        universe: Box = (
            regions,
            classes,
            frozenset(CATEGORIES),
            truths,
            truths,
            (0, MILLION) if moves else (-1, -1),
            (0, ENDLESS),
            frozenset(DATA_QUALITY),
            (0, MILLION),
            (0, ENDLESS),
            (0, ENDLESS) if action in ORDER_ACTIONS else (-1, -1),
        )
        about = (rule for rule in table.rules if action in rule.when.actions)
        rows = tuple((rule, shared(universe, _box(rule.when, universe))) for rule in about)
        found.append(ActionSpace(action=action, universe=universe, rows=rows))
    return tuple(found)


def better_side(box: Box) -> Box:
    """All cases that are no worse than some case of the box: no more value, alone or by that of the
    order, no less confidence, no worse data."""
    dq, confidence, value, share = _graded(box)
    worst = max(DATA_QUALITY.index(name) for name in dq)
    return (
        *box[:_DQ],
        frozenset(DATA_QUALITY[: worst + 1]),
        (confidence[0], MILLION),
        (0, value[1]),
        (min(share[0], 0), share[1]),
    )


def worse_case(box: Box, better: Box) -> Box:
    """A single case of the box that is no better than the given single case of its better side."""
    dq, confidence, value, share = _graded(box)
    _, at_confidence, at_value, at_share = _graded(better)
    return (
        *better[:_DQ],
        frozenset({max(dq, key=DATA_QUALITY.index)}),
        (min(confidence[1], at_confidence[0]),) * 2,
        (max(value[0], at_value[0]),) * 2,
        (max(share[0], at_share[0]),) * 2,
    )


def single_case(box: Box) -> Box:
    """One case of a box: its first name by alphabet (its best data quality), its lowest numbers."""
    return tuple(
        frozenset({min(side, key=_name_order)}) if isinstance(side, frozenset) else (side[0],) * 2
        for side in box
    )


def case_json(action: str, box: Box) -> dict[str, Any]:
    """A single case as plain data: value in minor units, reversibility in seconds."""
    case: dict[str, Any] = {"action": action}
    for name, side in zip(DIMENSIONS, single_case(box), strict=True):
        if isinstance(side, frozenset):
            word = min(side)
            if word != _NOT_APPLICABLE:
                case[name] = word == "yes" if name in _TRUTHS else word
        elif side[0] >= 0:
            case[name] = side[0] / MILLION if name in _SHARES else side[0]
    case["value_minor"] = case.pop("value")
    case["reversible_until_seconds"] = case.pop("reversible_until")
    return case


def box_words(box: Box, universe: Box, currency: str) -> str:
    """What sets a box apart from all cases, in words."""
    scale: Mapping[str, Callable[[int], str]] = {
        "value": lambda n: money_text(n, currency),
        "reversible_until": lambda n: f"{n / 3600:g}h",
    }
    parts = []
    for name, side, whole in zip(DIMENSIONS, box, universe, strict=True):
        if side == whole:
            continue
        if isinstance(side, frozenset):
            parts.append(f"{name} {' or '.join(sorted(side, key=_name_order))}")
            continue
        assert isinstance(whole, tuple), "sides of one dimension are of one kind"
        say = scale.get(name, _share_text)
        low = min((f"from {say(side[0])}", f"over {say(side[0] - 1)}"), key=len)
        high = min((f"up to {say(side[1])}", f"below {say(side[1] + 1)}"), key=len)
        if side[1] == whole[1]:
            parts.append(f"{name} {low}")
        else:
            parts.append(f"{name} {high}" if side[0] == whole[0] else f"{name} {low} {high}")
    return ", ".join(parts)


def _every(
    known: tuple[str, ...] | None, named: Iterable[tuple[str, ...] | None]
) -> frozenset[str]:
    mentioned = {name for names in named for name in names or ()}
    return frozenset(mentioned | ({OTHER} if known is None else set(known)) or {OTHER})


def _box(when: Conditions, universe: Box) -> Box:
    conditions: tuple[Side | None, ...] = (
        _names_side(when.regions),
        _names_side(when.classes),
        _names_side(when.categories),
        _truth_side(when.supplier_approved),
        _truth_side(when.within_contract),
        _band_side(when.donor_p_stockout),
        _band_side(when.reversible_for),
        _names_side(when.dq),
        _band_side(when.confidence),
        _band_side(when.value),
        _band_side(when.order_share),
    )
    pairs = zip(conditions, universe, strict=True)
    return tuple(whole if condition is None else condition for condition, whole in pairs)


def _names_side(names: tuple[str, ...] | None) -> Side | None:
    return None if names is None else frozenset(names)


def _truth_side(truth: bool | None) -> Side | None:
    return None if truth is None else frozenset({"yes" if truth else "no"})


def _band_side(band: Band | None) -> Side | None:
    return None if band is None else (band.lo, ENDLESS if band.hi is None else band.hi)


def _graded(
    box: Box,
) -> tuple[frozenset[str], tuple[int, int], tuple[int, int], tuple[int, int]]:
    dq, confidence, value, share = box[_DQ], box[_CONFIDENCE], box[_VALUE], box[_ORDER_SHARE]
    assert isinstance(dq, frozenset)
    assert isinstance(confidence, tuple)
    assert isinstance(value, tuple)
    assert isinstance(share, tuple)
    return dq, confidence, value, share


def _share_text(millionths: int) -> str:
    return f"{millionths / MILLION:g}"


def _name_order(name: str) -> tuple[int, str]:
    return (DATA_QUALITY.index(name) if name in DATA_QUALITY else 0, name)
