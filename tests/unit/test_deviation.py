"""Are deviations found in days, and false alarms as rare as asked for?"""

import math

import numpy as np
import pytest

from replan import deviation
from tests.demand_worlds import LAWS, Floats

BLOCK, SERIES, LEARN = 28, 300, 180
NOMINAL = 500
"""Days between false alarms of a series at 2 per 1,000 series-days."""


class Fitted:
    """References and thresholds estimated on a history, as a fit does."""

    def __init__(self, law: str, alpha: float, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.law, self.alpha = law, alpha
        y = LAWS[law](self.rng, LEARN, SERIES, np.ones(LEARN))
        level = y[:60].mean(axis=0)
        means, errors = [], []
        for day in y:
            means.append(level)
            errors.append(day - level)
            level = level + alpha * (day - level)
        mean, error = np.array(means), np.array(errors)
        self.level = level
        self.sigma = np.sqrt((error * error).mean(axis=0))
        self.size = deviation.reference_size(mean, error)
        growth = np.full(SERIES, alpha)
        frozen = deviation.frozen_errors(error, growth, BLOCK)
        actual = deviation.frozen_errors(y, np.zeros(SERIES), BLOCK)
        times = frozen.shape[1] // SERIES
        reference = np.maximum(actual - frozen, 0.0)
        sigma, size = np.tile(self.sigma, times), np.tile(self.size, times)
        up = deviation.up_increment(actual, reference, sigma)
        down = deviation.down_increment(actual, reference, size)
        self.threshold_up = deviation.calibrate(up, 1.0, self.rng)
        self.threshold_down = deviation.calibrate(down, 1.0, self.rng)

    def watch(self, y: Floats, *, refreshed: int) -> tuple[float, Floats]:
        """Alarms per series-day, and the day (from 1) of each series' first alarm, inf if none."""
        level, reference = self.level.copy(), self.level.copy()
        up, down = np.zeros(SERIES), np.zeros(SERIES)
        first = np.full(SERIES, np.inf)
        alarms = 0
        everywhere = np.ones(SERIES, dtype=np.bool_)
        for day in range(len(y)):
            if day % refreshed == 0:
                reference = level.copy()
            up, down = deviation.observe(
                up, down, y[day], reference, self.sigma, self.size, everywhere
            )
            rose, fell = deviation.alarms(
                up,
                down,
                np.full(SERIES, self.threshold_up),
                np.full(SERIES, self.threshold_down),
            )
            hit = rose | fell
            alarms += int(hit.sum())
            first = np.where(hit & np.isinf(first), day + 1.0, first)
            up, down = deviation.reset(up, down, hit)
            level = level + self.alpha * (y[day] - level)
            reference = np.where(hit, level, reference)
        return alarms / y.size, first


@pytest.mark.parametrize("law", sorted(LAWS))
@pytest.mark.parametrize("alpha", [0.02, 0.1])
def test_false_alarms_on_fresh_data_are_close_to_what_was_asked_for(law: str, alpha: float) -> None:
    fitted = Fitted(law, alpha, seed=1)
    fresh = LAWS[law](fitted.rng, 1_200, SERIES, np.ones(1_200))
    rate, _ = fitted.watch(fresh, refreshed=BLOCK)
    assert 1.0 / rate >= 0.6 * NOMINAL


@pytest.mark.parametrize(
    ("law", "at_most"), [("poisson", 3), ("negative binomial", 10), ("intermittent", 55)]
)
def test_a_doubled_demand_is_found_soon(law: str, at_most: int) -> None:
    fitted = Fitted(law, 0.02, seed=2)
    doubled = LAWS[law](fitted.rng, 90, SERIES, np.full(90, 2.0))
    _, first = fitted.watch(doubled, refreshed=10_000)
    assert np.median(first) <= at_most


@pytest.mark.parametrize(("law", "at_most"), [("poisson", 5), ("negative binomial", 22)])
def test_a_halved_demand_is_found_soon(law: str, at_most: int) -> None:
    fitted = Fitted(law, 0.02, seed=3)
    halved = LAWS[law](fitted.rng, 90, SERIES, np.full(90, 0.5))
    _, first = fitted.watch(halved, refreshed=10_000)
    assert np.median(first) <= at_most


def test_one_spike_alone_raises_no_alarm() -> None:
    up, down = np.zeros(1), np.zeros(1)
    mean, sigma, size = np.array([10.0]), np.array([3.2]), np.array([1e6])
    for sold in (10.0, 24.0, 10.0, 9.0, 11.0):
        up, down = deviation.observe(
            up, down, np.array([sold]), mean, sigma, size, np.array([True])
        )
        assert not deviation.alarms(up, down, np.array([5.06]), np.array([6.91]))[0][0]


def test_an_empty_shelf_is_not_low_demand() -> None:
    up, down = np.zeros(1), np.zeros(1)
    for _ in range(30):
        up, down = deviation.observe(
            up,
            down,
            np.zeros(1),
            np.array([10.0]),
            np.array([3.2]),
            np.array([1e6]),
            np.array([False]),
        )
    assert down[0] == 0.0


def test_the_downward_increment_is_the_likelihood_ratio() -> None:
    y, mean, size = 4.0, 10.0, 2.0

    def log_density(m: float) -> float:
        return (
            math.lgamma(y + size)
            - math.lgamma(size)
            - math.lgamma(y + 1)
            + size * math.log(size / (size + m))
            + y * math.log(m / (size + m))
        )

    got = deviation.down_increment(np.array([y]), np.array([mean]), np.array([size]))
    assert got[0] == pytest.approx(log_density(5.0) - log_density(10.0), abs=1e-7)


def test_without_over_dispersion_the_increment_is_poissons() -> None:
    got = deviation.down_increment(np.array([4.0]), np.array([10.0]), np.array([1e6]))
    assert got[0] == pytest.approx(4 * math.log(0.5) + 5.0, abs=1e-4)


def test_the_size_of_over_dispersed_demand_is_found() -> None:
    y = LAWS["negative binomial"](np.random.default_rng(1), 5_000, 1, np.ones(5_000))
    mean = np.full(y.shape, 10.0)
    assert deviation.reference_size(mean, y - mean)[0] == pytest.approx(2.0, rel=0.1)


def test_demand_without_over_dispersion_has_the_size_of_poisson() -> None:
    mean = np.full((50, 1), 10.0)
    assert deviation.reference_size(mean, np.ones((50, 1)))[0] == deviation.POISSON_SIZE


def test_frozen_errors_add_what_the_live_model_has_learned() -> None:
    frozen = deviation.frozen_errors(np.array([[1.0], [2.0], [4.0]]), np.array([0.5]), 3)
    assert frozen[:, 0].tolist() == [1.0, 2.5, 5.5]


def test_the_same_generator_gives_the_same_threshold() -> None:
    z = np.random.default_rng(1).normal(-0.5, 1.0, (28, 50))
    one = deviation.calibrate(z, 1.0, np.random.default_rng(9))
    two = deviation.calibrate(z, 1.0, np.random.default_rng(9))
    assert one == two


def test_fewer_false_alarms_need_a_higher_threshold() -> None:
    z = np.random.default_rng(1).normal(-0.5, 1.0, (28, 50))
    strict = deviation.calibrate(z, 0.2, np.random.default_rng(9))
    loose = deviation.calibrate(z, 5.0, np.random.default_rng(9))
    assert strict > loose


def test_a_calibrated_threshold_on_normal_errors_is_the_textbooks() -> None:
    z = np.random.default_rng(1).normal(-0.5, 1.0, (28, 2_000))
    up, _ = deviation.textbook_thresholds(1.0)
    got = deviation.calibrate(z, 1.0, np.random.default_rng(9), paths=2_000)
    assert got == pytest.approx(up, rel=0.06)


def test_a_rate_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        deviation.calibrate(np.zeros((5, 5)), 0.0, np.random.default_rng(1))
