"""Does every forecaster keep the port's rules, and does the check find one that does not?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from replan.forecasting import BoolArray, FloatArray, Forecaster, LiveFit
from replan.models.registry import BUILT_IN
from replan.models.rolling import RollingMean
from replan.testing import check_forecaster

pytestmark = pytest.mark.slow  # fits by statsforecast, whose import takes seconds


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_a_built_in_forecaster_keeps_the_rules(name: str) -> None:
    check_forecaster(BUILT_IN[name]())


@dataclass
class Spoiled:
    """The rolling mean with one method replaced."""

    spoil: Callable[[FloatArray], FloatArray] = lambda mean: mean
    stepped: Callable[[FloatArray], FloatArray] = lambda state: state
    name: str = "spoiled"
    version: str = "1"

    def fit(self, y: FloatArray, mask: BoolArray) -> LiveFit:
        return RollingMean().fit(y, mask)

    def step(
        self, state: FloatArray, params: Mapping[str, FloatArray], y: FloatArray, mask: BoolArray
    ) -> FloatArray:
        return self.stepped(RollingMean().step(state, params, y, mask))

    def mean(self, state: FloatArray, params: Mapping[str, FloatArray], h: int) -> FloatArray:
        return self.spoil(RollingMean().mean(state, params, h))


_calls = iter(range(10_000))

SPOILED: dict[str, tuple[Forecaster, str]] = {
    "NaN": (Spoiled(spoil=lambda m: np.where(m > 30, np.nan, m)), "NaN or infinity"),
    "negative": (Spoiled(spoil=lambda m: m - 5.0), "negative"),
    "wrong horizon": (Spoiled(spoil=lambda m: m[:-1]), "has shape"),
    "not deterministic": (Spoiled(spoil=lambda m: m + next(_calls)), "differ"),
    "rows that know each other": (
        Spoiled(stepped=lambda s: s + s.sum() * 1e-12),
        "alone step to other bits",
    ),
}


@pytest.mark.parametrize("case", sorted(SPOILED))
def test_a_forecaster_that_breaks_a_rule_is_refused_with_the_case(case: str) -> None:
    forecaster, said = SPOILED[case]
    with pytest.raises(AssertionError, match=said):
        check_forecaster(forecaster)


def test_a_masked_day_that_counts_as_demand_is_refused() -> None:
    class Deaf(Spoiled):
        def step(
            self,
            state: FloatArray,
            params: Mapping[str, FloatArray],
            y: FloatArray,
            mask: BoolArray,
        ) -> FloatArray:
            return RollingMean().step(state, params, y, np.ones_like(mask))

    with pytest.raises(AssertionError, match="masked day"):
        check_forecaster(Deaf())


def test_a_live_form_that_differs_from_its_batch_library_is_refused() -> None:
    class Off(RollingMean):
        def batch_mean(self, y: FloatArray, later: FloatArray, h: int) -> FloatArray:
            return RollingMean.batch_mean(self, y, later, h) * 1.001

    with pytest.raises(AssertionError, match="live differs from batch"):
        check_forecaster(Off())
