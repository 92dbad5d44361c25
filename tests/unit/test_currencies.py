"""How many minor units has a currency?"""

import pytest

from replan.currencies import minor_digits, money_text


@pytest.mark.parametrize(
    ("currency", "digits"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("XYZ", None), ("eur", None)]
)
def test_minor_digits_are_those_of_iso_4217(currency: str, digits: int | None) -> None:
    assert minor_digits(currency) == digits


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(125_005, "EUR", "1,250.05 EUR"), (1250, "JPY", "1,250 JPY"), (-5, "EUR", "-0.05 EUR")],
)
def test_money_is_shown_in_whole_units(amount: int, currency: str, text: str) -> None:
    assert money_text(amount, currency) == text
