"""Do the proofs of random tables agree with trying every case? `make tables TABLES=10000`.

Tables are drawn over all actions and every condition, from few bounds so that rows often meet. An
oracle that knows only what a condition means tries each cell of the grid that the bounds cut:
which rows match, which pairs of cases are upside down. The proof must say the same; and the engine
must let run exactly what the oracle lets run, in every cell. A grid has 2,000 cells at most, which
four actions make 8,000 different cases: so ten thousand cases a table are all that there are.
"""

import argparse
import json
import random
import sys
import time
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any, Final

import numpy as np

from replan.authority import AuthorityTable, Case, KnownNames, check_table, judge
from replan.authority_table import (
    ACTIONS,
    CATEGORIES,
    DATA_QUALITY,
    MILLION,
    Band,
    Conditions,
    Mode,
    Rule,
    RuleId,
)
from replan.solver.table_search import search
from tests.authority_worlds import NOW, table

KNOWN: Final = KnownNames(
    regions=("EAST", "WEST"), classes=("A", "B"), roles=("planner", "process-owner")
)
VALUES: Final = (0, 100, 101, 200, 201, 10_000)
SHARES: Final = (0, 499_999, 500_000, 500_001, MILLION)
RANK: Final = {"AUTO": 2, "CLARIFY": 1, "ESCALATE": 0}
CELL = tuple[str, str, str, bool, bool, int, int, int, int, str]
"""Region, class, category, approved, contract, donor, seconds, value, confidence, data quality."""


MOST_CELLS: Final = 2_000
"""A table that its bounds cut into more is drawn again, or trying all would take for ever."""


def drawn_table(rng: random.Random) -> AuthorityTable:
    """One to six rows about one or two actions; some of them orderly, so that tables that hold are
    common too.
    """
    while True:
        drawn = _drawn(rng)
        if len(grid(drawn)) <= MOST_CELLS:
            return drawn


def _drawn(rng: random.Random) -> AuthorityTable:
    actions = rng.sample(ACTIONS, rng.choice((1, 1, 2)))
    if rng.random() < 0.4:
        rules = [r for action in actions for r in _orderly(rng, action)]
    else:
        rules = [_row(rng, n, actions) for n in range(rng.randint(1, 6))]
    return table(*(replace(rule, line=n + 1) for n, rule in enumerate(rules)))


def _orderly(rng: random.Random, action: str) -> list[Rule]:
    limit = rng.choice((100, 200))
    sure = rng.choice((0, 500_000, 500_001))
    clean = rng.choice((("green",), ("amber", "green"), None))
    first = Conditions(
        actions=(action,),
        value=Band(lo=0, hi=limit),
        confidence=Band(lo=sure, hi=MILLION),
        dq=clean,
    )
    then = Conditions(actions=(action,), value=Band(lo=limit + 1, hi=None))
    # Now and then a bound is off by one, or two modes are the wrong way round.
    if rng.random() < 0.3:
        then = replace(then, value=Band(lo=limit + rng.choice((0, 2)), hi=None))
    modes: list[Mode] = ["AUTO", rng.choice(("ESCALATE", "CLARIFY"))]
    if rng.random() < 0.2:
        modes.reverse()
    return [
        Rule(rule_id=RuleId(f"{action}-1"), when=first, mode=modes[0]),
        Rule(rule_id=RuleId(f"{action}-2"), when=then, mode=modes[1]),
    ]


def _row(rng: random.Random, n: int, actions: list[str]) -> Rule:
    def maybe(choices: Any, chance: float = 0.35) -> Any:
        return rng.choice(choices) if rng.random() < chance else None

    bands = [Band(lo=0, hi=100), Band(lo=0, hi=200), Band(lo=101, hi=200), Band(lo=101, hi=None)]
    shares = [Band(lo=500_000, hi=MILLION), Band(lo=500_001, hi=MILLION), Band(lo=0, hi=499_999)]
    when = Conditions(
        actions=tuple(sorted(rng.sample(actions, rng.randint(1, len(actions))))),
        regions=maybe([("EAST",), ("WEST",)]),
        classes=maybe([("A",), ("B",)], 0.2),
        categories=maybe([("demand_surge",), ("disruption",)], 0.2),
        value=maybe(bands, 0.7),
        confidence=maybe(shares),
        dq=maybe([("green",), ("amber", "green"), ("red",)]),
        reversible_for=maybe([Band(lo=7_200, hi=None)], 0.2),
        supplier_approved=maybe([True, False], 0.2),
        within_contract=maybe([True, False], 0.1),
        donor_p_stockout=maybe([Band(lo=0, hi=499_999), Band(lo=500_000, hi=MILLION)], 0.2),
    )
    return Rule(
        rule_id=RuleId(f"R{n}"), when=when, mode=rng.choice(("AUTO", "AUTO", "CLARIFY", "ESCALATE"))
    )


def grid(checked: AuthorityTable) -> list[CELL]:
    """Every cell that the conditions of this table can tell apart."""
    used = [rule.when for rule in checked.rules]

    def sides(name: str, full: tuple[Any, ...], plain: tuple[Any, ...]) -> tuple[Any, ...]:
        return full if any(getattr(when, name) is not None for when in used) else plain

    return list(
        product(
            sides("regions", ("EAST", "WEST"), ("EAST",)),
            sides("classes", ("A", "B"), ("A",)),
            sides("categories", ("demand_surge", "disruption", "demand_drop"), ("disruption",)),
            sides("supplier_approved", (True, False), (True,)),
            sides("within_contract", (True, False), (True,)),
            sides("donor_p_stockout", (0, 499_999, 500_000, MILLION), (0,)),
            sides("reversible_for", (0, 7_199, 7_200), (0,)),
            sides("value", VALUES, (0,)),
            sides("confidence", SHARES, (MILLION,)),
            sides("dq", DATA_QUALITY, ("green",)),
        )
    )


def matches(when: Conditions, action: str, cell: CELL) -> bool:
    """The meaning of a row, written a second time and as plainly as can be."""
    region, abc, category, approved, contract, donor, undo, value, confidence, dq = cell
    moves = action == "reallocate"
    if action not in when.actions:
        return False
    if moves and (when.supplier_approved is not None or when.within_contract is not None):
        return False
    if not moves and when.donor_p_stockout is not None:
        return False
    return all(
        (
            when.regions is None or region in when.regions,
            when.classes is None or abc in when.classes,
            when.categories is None or category in when.categories,
            when.value is None or _inside(when.value, value),
            when.confidence is None or _inside(when.confidence, confidence),
            when.dq is None or dq in when.dq,
            when.supplier_approved is None or when.supplier_approved == approved,
            when.within_contract is None or when.within_contract == contract,
            when.donor_p_stockout is None or _inside(when.donor_p_stockout, donor),
            when.reversible_for is None or _inside(when.reversible_for, undo),
        )
    )


def _inside(band: Band, number: int) -> bool:
    return band.lo <= number and (band.hi is None or number <= band.hi)


def judged_by_force(
    checked: AuthorityTable,
) -> tuple[set[tuple[str, str]], bool, dict[str, list[bool]]]:
    """Pairs of rows that match one case, whether some case gets less than a worse one, and by
    action which cells of the grid run by themselves.
    """
    cells = grid(checked)
    runs: dict[str, list[bool]] = {}
    pairs: set[tuple[str, str]] = set()
    upside_down = False
    # Cases are comparable where all but value, confidence and data quality are equal; these three
    # come last in a cell, so each such group is one stretch of the grid.
    grades = sorted({c[-3:] for c in cells}, key=[c[-3:] for c in cells].index)
    value = np.array([g[0] for g in grades])
    confidence = np.array([g[1] for g in grades])
    quality = np.array([DATA_QUALITY.index(g[2]) for g in grades])
    # better[i, j]: case i is no worse than case j.
    better = value[:, None] <= value[None, :]
    better &= confidence[:, None] >= confidence[None, :]
    better &= quality[:, None] <= quality[None, :]
    for action in ACTIONS:
        hits = np.array([[matches(r.when, action, c) for r in checked.rules] for c in cells])
        for i, one in enumerate(checked.rules):
            for j in range(i + 1, len(checked.rules)):
                if (hits[:, i] & hits[:, j]).any():
                    pairs.add((one.rule_id, checked.rules[j].rule_id))
        automatic = np.array([r.mode == "AUTO" for r in checked.rules])
        runs[action] = ((hits.sum(axis=1) == 1) & (hits & automatic).any(axis=1)).tolist()
        ranks = np.where(hits, [[RANK[r.mode] for r in checked.rules]], -1).max(axis=1)
        # What runs by itself stands over nothing less; a question may stand over a gap.
        of = ranks.reshape(-1, len(grades))
        less = (of[:, None, :] == 2) & (of[:, :, None] < 2)
        less |= (of[:, None, :] == 1) & (of[:, :, None] == 0)
        upside_down |= bool((better & less).any())
    return pairs, upside_down, runs


def disagreements(checked: AuthorityTable, rng: random.Random, cases: int) -> tuple[list[str], int]:
    """Where proof, engine and oracle do not say the same of a table, and on how many different
    cases the engine was tried: on all there are, where these are no more than `cases`, else on so
    many drawn ones.
    """
    pairs, upside_down, automatic = judged_by_force(checked)
    found = [f for f in check_table(checked, KNOWN) if f.severity == "error"]
    told = {
        tuple(f.counterexample["rows"]) for f in found if f.rule == "unique" and f.counterexample
    }
    wrong = []
    if told != pairs:
        wrong.append(f"rows that overlap: proof {sorted(told)}, by force {sorted(pairs)}")
    # Where rows overlap no case has one row, so the two may count autonomy there in their own way.
    if not pairs and any(f.rule == "monotone" for f in found) != upside_down:
        wrong.append(f"upside down: proof {not upside_down}, by force {upside_down}")
    cells = grid(checked)
    every = [(action, n) for action in ACTIONS for n in range(len(cells))]
    tried = every if len(every) <= cases else rng.sample(every, cases)
    for action, n in tried:
        runs = automatic[action][n]
        if (judge(checked, _case(action, cells[n]), NOW).mode == "AUTO") != runs:
            wrong.append(f"{action} {cells[n]}: the engine says {not runs}, by force {runs}")
    return wrong, len(tried)


def search_disagrees(checked: AuthorityTable) -> list[str]:
    """Where the search finds what trying every case does not, or the other way round."""
    pairs, upside_down, _ = judged_by_force(checked)
    rules = {found.rule for found in search(checked, KNOWN)}
    wrong = []
    if ("unique" in rules) != bool(pairs):
        wrong.append(f"two rows: search {'unique' in rules}, by force {bool(pairs)}")
    if not pairs and ("monotone" in rules) != upside_down:
        wrong.append(f"upside down: search {'monotone' in rules}, by force {upside_down}")
    return wrong


def _case(action: str, cell: CELL) -> Case:
    region, abc, category, approved, contract, donor, undo, value, confidence, dq = cell
    assert category in CATEGORIES
    return Case(
        action=action,
        region=region,
        abc=abc,
        category=category,
        value_minor=value,
        confidence=confidence / MILLION,
        dq=dq,
        reversible_for=timedelta(seconds=undo),
        supplier_approved=approved,
        within_contract=contract,
        donor_p_stockout=donor / MILLION,
    )


def main() -> None:
    """Try so many tables; one line of JSON at the end, exit 1 where something disagrees."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("tables", type=int, nargs="?", default=10_000)
    asked.add_argument("--cases", type=int, default=10_000, help="put to the engine, a table")
    asked.add_argument("--searched", type=int, default=20, help="every so many a table is searched")
    asked.add_argument("--seed", type=int, default=1)
    given = asked.parse_args()
    began, held, wrong, tried = time.monotonic(), 0, 0, 0
    for n in range(given.tables):
        rng = random.Random(f"{given.seed}/{n}")
        checked = drawn_table(rng)
        held += not any(f.severity == "error" for f in check_table(checked, KNOWN))
        told, cases = disagreements(checked, rng, given.cases)
        tried += cases
        if n % given.searched == 0:
            told += search_disagrees(checked)
        for text in told:
            wrong += 1
            sys.stdout.write(json.dumps({"table": n, "wrong": text}) + "\n")
    summary = {
        "tables": given.tables,
        "held": held,
        "cases": tried,
        "disagreements": wrong,
        "seconds": round(time.monotonic() - began),
    }
    sys.stdout.write(json.dumps(summary) + "\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
