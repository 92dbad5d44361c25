"""Passwords come from the environment or from files that it names, and never show."""

from pathlib import Path

import pytest

from replan.errors import NotSo
from replan.infra.workspace.secret_values import secret


def test_a_secret_stands_in_the_environment() -> None:
    assert secret("DOOR", {"DOOR": "open sesame"}) == "open sesame"


def test_a_secret_stands_in_a_file_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "door").write_text("open sesame\n")
    assert secret("DOOR", {"DOOR_FILE": str(tmp_path / "door")}) == "open sesame"


def test_where_nothing_is_set_there_is_no_secret() -> None:
    assert secret("DOOR", {}) is None


@pytest.mark.parametrize("value", ["", "  ", "changeme"])
def test_c12_a_placeholder_is_refused(value: str) -> None:
    with pytest.raises(NotSo, match="DOOR: is empty or a placeholder"):
        secret("DOOR", {"DOOR": value})


def test_two_places_for_one_secret_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotSo, match="DOOR_FILE too"):
        secret("DOOR", {"DOOR": "a", "DOOR_FILE": str(tmp_path)})


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotSo, match=r"DOOR_FILE: .*key cannot be read"):
        secret("DOOR", {"DOOR_FILE": str(tmp_path / "key")})
