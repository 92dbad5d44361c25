"""Whatever fails beside it, the engine loses nothing, doubles nothing and obeys its limits."""

from pathlib import Path

import pytest

from tests.simulation import simulate
from tests.simulation.simulate import Told


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stories")
    simulate.prepare(folder)
    return folder


def assert_hold(stories: list[Told]) -> None:
    assert [(one.seed, one.violated) for one in stories if one.violated is not None] == []


@pytest.mark.slow
def test_stories_full_of_faults_leave_what_undisturbed_ones_do(folder: Path) -> None:
    stories = simulate.tell_some([*simulate.kept(), *range(1, 101)], folder)
    assert sum(one.faults["crash"] for one in stories) > 10, "things must go wrong"
    assert_hold(stories)


@pytest.mark.slow
def test_a_story_is_told_the_same_again(folder: Path) -> None:
    once, again = (simulate.tell(7, folder) for _ in range(2))
    assert once == again
