"""Do problems and answers survive being written down, and is equal told from different?"""

import json
from dataclasses import replace

from replan.canonical import canonical_bytes
from replan.planning import in_order, problem_json
from replan.planning_record import answer_from_json, answer_json, problem_from_json
from replan.solver.planner import MilpPlanner
from tests.planning_problems import chain_problem


def test_a_problem_read_back_is_the_problem_written() -> None:
    asked = chain_problem(2, sites=5)
    assert problem_from_json(json.loads(json.dumps(problem_json(asked)))) == asked


def test_an_answer_read_back_is_the_answer_written() -> None:
    answer = MilpPlanner().answer(chain_problem(2, sites=5, scenarios=3, held_out=10))
    assert answer_from_json(json.loads(canonical_bytes(answer_json(answer)))) == answer


def test_a_shuffled_problem_is_in_order_the_same_problem() -> None:
    asked = chain_problem(2, sites=5)
    shuffled = replace(asked, sites=asked.sites[::-1], lanes=asked.lanes[::-1])
    assert shuffled.sha != asked.sha
    assert in_order(shuffled).sha == in_order(asked).sha


def test_a_problem_already_in_order_is_left_alone() -> None:
    asked = in_order(chain_problem(2, sites=5))
    assert in_order(asked) is asked
