"""P1, P2, P3: do proof, search and engine say of random tables what trying every case says?

A share of what `make tables` tries.
"""

import random

import pytest

from replan.authority import KnownNames, check_table
from replan.solver.table_search import runs_above, search
from tests.authority_worlds import above, row, table, upto
from tests.examples import examples
from tests.tables_by_force import KNOWN, disagreements, drawn_table, search_disagrees

ANY = KnownNames()


@pytest.mark.parametrize("seed", range(10))
def test_proof_and_engine_agree_with_trying_every_case(seed: int) -> None:
    wrong = []
    for n in range(examples(15)):
        rng = random.Random(f"share/{seed}/{n}")
        wrong += disagreements(drawn_table(rng), rng, 20)[0]
    assert wrong == []


@pytest.mark.parametrize("seed", range(5))
def test_the_search_agrees_with_trying_every_case(seed: int) -> None:
    wrong = []
    for n in range(examples(6)):
        wrong += search_disagrees(drawn_table(random.Random(f"search/{seed}/{n}")))
    assert wrong == []


def test_tables_that_hold_and_tables_that_do_not_are_both_drawn() -> None:
    drawn = [drawn_table(random.Random(f"mix/{n}")) for n in range(60)]
    held = [not any(f.severity == "error" for f in check_table(t, KNOWN)) for t in drawn]
    assert 10 < sum(held) < 50


def test_a_search_that_ends_without_a_case_proves_the_highest_value_that_runs() -> None:
    proven = table(
        row("LOW", "AUTO", value=upto(500_000)), row("HIGH", "ESCALATE", value=above(500_000))
    )
    assert list(runs_above(proven, ANY, 500_000)) == []


def test_a_search_names_a_case_above_a_value_that_would_run() -> None:
    loose = table(row("LOW", "AUTO", value=upto(500_001)))
    [found] = runs_above(loose, ANY, 500_000)
    assert (found.action, found.example["value_minor"]) == ("expedite", 500_001)


def test_a_search_shows_the_pair_of_cases_that_is_upside_down() -> None:
    upside_down = table(
        row("LOW", "ESCALATE", value=upto(300)), row("HIGH", "AUTO", value=above(300))
    )
    [found] = search(upside_down, ANY)
    more, less = found.example["more_autonomy"], found.example["less_autonomy"]
    assert found.rule == "monotone"
    assert more["value_minor"] > 300 >= less["value_minor"]


def test_a_search_shows_the_case_that_two_rows_match() -> None:
    overlapping = table(
        row("ONE", "AUTO", value=upto(300)), row("TWO", "ESCALATE", value=above(299))
    )
    [unique] = [found for found in search(overlapping, ANY) if found.rule == "unique"]
    assert (unique.example["rows"], unique.example["value_minor"]) == (["ONE", "TWO"], 300)
