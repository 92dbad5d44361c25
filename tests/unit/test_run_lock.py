"""One run of a workspace at a time."""

from pathlib import Path

import pytest

from replan.errors import LedgerBusy
from replan.infra.process.run_lock import only_run


def test_a_second_run_is_refused_while_the_first_goes_on(tmp_path: Path) -> None:
    with only_run(tmp_path), pytest.raises(LedgerBusy, match="another run"), only_run(tmp_path):
        raise AssertionError("two runs at once")


def test_the_next_run_may_start_when_the_first_has_ended(tmp_path: Path) -> None:
    with only_run(tmp_path):
        pass
    with only_run(tmp_path):
        pass


def test_runs_of_two_workspaces_do_not_wait_for_each_other(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with only_run(tmp_path / "a"), only_run(tmp_path / "b"):
        pass
