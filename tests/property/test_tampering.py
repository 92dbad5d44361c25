"""SR7, G9: is every change up to a checkpoint found, and is nobody accused falsely?

A share of what `make tamper` tries.
"""

from pathlib import Path

from tests.examples import examples
from tests.tampering import clean_ledgers, mutations


def test_every_change_up_to_the_checkpoint_is_found(tmp_path: Path) -> None:
    assert mutations(tmp_path, 7, examples(60)) == []


def test_ledgers_that_nobody_touched_hold(tmp_path: Path) -> None:
    assert clean_ledgers(tmp_path, 7, 5) == []
