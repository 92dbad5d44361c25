"""Runs killed from outside, at moments that nobody chose."""

from pathlib import Path

import pytest

from tests.crash.random_kills import kill_at_random


@pytest.mark.slow
def test_twenty_random_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    report = kill_at_random(20, tmp_path, seed=20)
    assert report == {"kills": 20, "lost": 0, "doubled": 0, "digest_equal": True}
