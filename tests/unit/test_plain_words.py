"""Are codes said in words wherever a person reads?"""

import pytest

from replan.explain import SINCE
from replan.plain_words import (
    CHIP_WORDS,
    STATE_WORDS,
    VERDICT_WORDS,
    cause_text,
    option_text,
    scope_text,
    window_text,
)
from replan.verdicts import CHIPS, VERDICTS


def test_every_state_chip_and_verdict_has_its_words() -> None:
    assert set(STATE_WORDS) == set(SINCE)
    assert set(CHIP_WORDS) == set(CHIPS)
    assert set(VERDICT_WORDS) == set(VERDICTS)


@pytest.mark.parametrize(
    ("code", "words"),
    [("none", "do nothing"), ("reallocate_half", "reallocate half"), ("mixed", "mixed")],
)
def test_a_plan_is_named_in_words(code: str, words: str) -> None:
    assert option_text(code) == words


@pytest.mark.parametrize(
    ("code", "words"),
    [("supplier:SUP1", "supplier SUP1"), ("promo:P7", "promotion P7"), ("", "")],
)
def test_a_cause_is_named_in_words(code: str, words: str) -> None:
    assert cause_text(code) == words


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("global", "everything"),
        ("action=expedite,region=EAST", "action expedite in region EAST"),
    ],
)
def test_what_a_cap_is_on_is_said_in_words(code: str, words: str) -> None:
    assert scope_text(code) == words


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("2026-05-03@Europe/Berlin", "on Sun 3 May (Europe/Berlin)"),
        ("rolling_604800s", "within 7 days"),
        ("rolling_3600s", "within 1 hour"),
        ("rolling_5400s", "within 90 minutes"),
    ],
)
def test_the_window_of_a_cap_is_said_in_words(code: str, words: str) -> None:
    assert window_text(code) == words
