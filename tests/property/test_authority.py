"""Does the proof of a table agree with trying every case of its grid, and judging with the
proof?"""

from dataclasses import replace
from itertools import combinations, product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from replan.authority import AuthorityTable, Case, KnownNames, check_table, judge
from replan.authority_table import DATA_QUALITY, MILLION, Band, Conditions, Mode, Rule, RuleId
from replan.findings import Finding
from replan.table_reach import reach
from tests.authority_worlds import NOW, table

KNOWN = KnownNames(regions=("EAST", "WEST"), classes=("A",), roles=("planner", "process-owner"))
VALUES = (0, 1, 100, 101, 200, 201, 300, 10_000)
CONFIDENCES = (0, 499_999, 500_000, 500_001, 900_000, MILLION)
RANK = {"AUTO": 2, "CLARIFY": 1, "ESCALATE": 0}

value_bands = st.sampled_from(
    [
        None,
        Band(lo=0, hi=100),
        Band(lo=0, hi=200),
        Band(lo=101, hi=200),
        Band(lo=201, hi=None),
        Band(lo=101, hi=None),
        Band(lo=1, hi=300),
    ]
)
confidence_bands = st.sampled_from(
    [
        None,
        Band(lo=500_000, hi=MILLION),
        Band(lo=500_001, hi=MILLION),
        Band(lo=0, hi=499_999),
        Band(lo=0, hi=500_000),
        Band(lo=500_000, hi=900_000),
    ]
)
conditions = st.builds(
    Conditions,
    actions=st.just(("expedite",)),
    regions=st.sampled_from([None, None, ("EAST",), ("WEST",)]),
    value=value_bands,
    confidence=confidence_bands,
    dq=st.sampled_from([None, None, ("green",), ("amber", "green"), ("red",), ("amber",)]),
    supplier_approved=st.sampled_from([None, None, True, False]),
)
modes: st.SearchStrategy[Mode] = st.sampled_from(["AUTO", "AUTO", "CLARIFY", "ESCALATE"])


@st.composite
def tables(draw: st.DrawFn) -> AuthorityTable:
    """One to five rows about expedites, drawn from few bounds so that they often meet."""
    drawn = draw(st.lists(st.tuples(conditions, modes), min_size=1, max_size=5))
    rules = (
        Rule(rule_id=RuleId(f"R{n}"), when=when, mode=mode, line=n + 1)
        for n, (when, mode) in enumerate(drawn)
    )
    return table(*rules)


@st.composite
def orderly_tables(draw: st.DrawFn) -> AuthorityTable:
    """AUTO below, then CLARIFY or ESCALATE, per region: what a table usually looks like, bounds
    at random."""
    rules = []
    for region in ("EAST", "WEST"):
        low = draw(st.integers(min_value=0, max_value=300))
        top = draw(st.integers(min_value=low + 1, max_value=400))
        sure = draw(st.sampled_from([0, 500_000]))
        first = Conditions(
            actions=("expedite",),
            regions=(region,),
            value=Band(lo=0, hi=low),
            confidence=Band(lo=sure, hi=MILLION),
        )
        then = Conditions(actions=("expedite",), regions=(region,), value=Band(lo=low + 1, hi=top))
        mode: Mode = draw(st.sampled_from(["ESCALATE", "CLARIFY"]))
        stricter = draw(st.booleans())
        rules.append(Rule(rule_id=RuleId(f"{region}-1"), when=first, mode="AUTO"))
        if stricter or mode == "ESCALATE":
            rules.append(Rule(rule_id=RuleId(f"{region}-2"), when=then, mode=mode))
    return table(*rules)


def grid() -> list[Case]:
    """Every cell that the bounds above can tell apart."""
    return [
        Case(
            action="expedite",
            region=region,
            abc="A",
            category="demand_surge",
            value_minor=value,
            confidence=confidence / MILLION,
            dq=dq,
            supplier_approved=approved,
        )
        for region, value, confidence, dq, approved in product(
            ("EAST", "WEST"), VALUES, CONFIDENCES, DATA_QUALITY, (True, False)
        )
    ]


GRID = grid()


def matches(when: Conditions, case: Case) -> bool:
    """The meaning of a row, written a second time and as plainly as can be."""
    return all(
        [
            when.regions is None or case.region in when.regions,
            when.value is None or _inside(when.value, case.value_minor),
            when.confidence is None or _inside(when.confidence, _millionths(case)),
            when.dq is None or case.dq in when.dq,
            when.supplier_approved is None or when.supplier_approved == case.supplier_approved,
        ]
    )


def _inside(band: Band, number: int) -> bool:
    return band.lo <= number <= (10**18 if band.hi is None else band.hi)


def _millionths(case: Case) -> int:
    assert case.confidence is not None
    return round(case.confidence * MILLION)


def rank(checked: AuthorityTable, case: Case) -> int:
    return max((RANK[r.mode] for r in checked.rules if matches(r.when, case)), default=0)


def is_no_worse(one: Case, other: Case) -> bool:
    return (
        (one.region, one.supplier_approved) == (other.region, other.supplier_approved)
        and one.value_minor <= other.value_minor
        and _millionths(one) >= _millionths(other)
        and DATA_QUALITY.index(one.dq) <= DATA_QUALITY.index(other.dq)
    )


def broken(checked: AuthorityTable, rule: str) -> list[Finding]:
    found = check_table(checked, KNOWN)
    return [f for f in found if f.rule == rule and f.severity == "error"]


def as_case(plain: Any) -> Case:
    """A counterexample as a case to judge."""
    names = ("region", "value_minor", "confidence", "dq", "supplier_approved")
    return replace(GRID[0], **{name: plain[name] for name in names})


@given(tables())
def test_rows_overlap_exactly_where_the_grid_has_a_case_in_both(checked: AuthorityTable) -> None:
    doubly = {
        (one.rule_id, other.rule_id)
        for one, other in combinations(checked.rules, 2)
        if any(matches(one.when, case) and matches(other.when, case) for case in GRID)
    }
    found = [f.counterexample for f in broken(checked, "unique")]
    assert {tuple(example["rows"]) for example in found if example} == doubly


@given(tables())
def test_a_table_is_monotone_exactly_if_no_pair_of_the_grid_says_otherwise(
    checked: AuthorityTable,
) -> None:
    ranks = [rank(checked, case) for case in GRID]
    covered = [any(matches(r.when, case) for r in checked.rules) for case in GRID]
    # A question may stand over a gap; what runs by itself may not.
    upside_down = any(
        ranks[i] < ranks[j]
        and (ranks[j] == RANK["AUTO"] or covered[i])
        and is_no_worse(GRID[i], GRID[j])
        for j in range(len(GRID))
        if ranks[j]
        for i in range(len(GRID))
    )
    assert bool(broken(checked, "monotone")) == upside_down


@given(tables())
def test_each_counterexample_shows_what_it_says(checked: AuthorityTable) -> None:
    for finding in broken(checked, "monotone"):
        assert finding.counterexample is not None
        more = as_case(finding.counterexample["more_autonomy"])
        less = as_case(finding.counterexample["less_autonomy"])
        assert is_no_worse(less, more)
        assert rank(checked, less) < rank(checked, more)


@given(st.one_of(tables(), orderly_tables()), st.sampled_from(GRID))
def test_a_case_runs_exactly_if_one_row_matches_and_says_so(
    checked: AuthorityTable, case: Case
) -> None:
    rows = [rule for rule in checked.rules if matches(rule.when, case)]
    runs = len(rows) == 1 and rows[0].mode == "AUTO"
    assert (judge(checked, case, NOW).mode == "AUTO") == runs


@given(orderly_tables(), st.sampled_from(GRID), st.sampled_from(GRID))
def test_under_a_proven_table_a_better_case_never_gets_less(
    checked: AuthorityTable, one: Case, other: Case
) -> None:
    proven = not any(f.severity == "error" for f in check_table(checked, KNOWN))
    better = replace(
        other,
        value_minor=min(one.value_minor, other.value_minor),
        confidence=max(_millionths(one), _millionths(other)) / MILLION,
    )
    runs = judge(checked, other, NOW).mode == "AUTO"
    assert proven
    assert not runs or judge(checked, better, NOW).mode == "AUTO"


@given(st.one_of(tables(), orderly_tables()), st.sampled_from(GRID))
def test_a_limit_is_the_largest_smaller_value_that_runs(
    checked: AuthorityTable, case: Case
) -> None:
    ruling = judge(checked, case, NOW)
    smaller = [value for value in range(min(case.value_minor, 500)) if _runs(checked, case, value)]
    if ruling.limit_minor is not None:
        assert _runs(checked, case, ruling.limit_minor)
        assert ruling.limit_minor >= max(smaller, default=0)
    if ruling.code == "rule" and ruling.rule_id is not None and not _asks(checked, ruling.rule_id):
        assert not smaller


def _runs(checked: AuthorityTable, case: Case, value_minor: int) -> bool:
    return judge(checked, replace(case, value_minor=value_minor), NOW).mode == "AUTO"


def _asks(checked: AuthorityTable, rule_id: str) -> bool:
    return any(r.rule_id == rule_id and r.mode == "CLARIFY" for r in checked.rules)


@given(tables(), tables())
def test_the_cases_that_gain_authority_are_those_that_run_under_one_table_only(
    old: AuthorityTable, new: AuthorityTable
) -> None:
    """PO2: the reach of a change against every case of the grid."""
    said = {one.direction for one in reach(old, new, KNOWN)}
    gained = {
        "wider" if now else "narrower"
        for c in GRID
        if (now := _may_run(new, c)) != _may_run(old, c)
    }
    assert gained <= said
    if not said:
        assert gained == set()


def _may_run(checked: AuthorityTable, case: Case) -> bool:
    return any(r.mode == "AUTO" and matches(r.when, case) for r in checked.rules)
