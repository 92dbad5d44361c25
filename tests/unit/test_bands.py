"""Do the bands cover what they claim, also after a level shift?"""

import numpy as np
import pytest

from replan import bands
from replan.forecasting import LEVELS
from tests.demand_worlds import LAWS, Floats, shifted


def covered(y: Floats, *, alpha: float, learn: int) -> tuple[Floats, Floats]:
    """Run smoothing with `alpha` and bands over y (T, N): inside (T-learn, N), above p95 (same)."""
    level = y[:28].mean(axis=0)
    errors, means = [], []
    for day in range(28, learn):
        means.append(level)
        errors.append(y[day] - level)
        level = level + alpha * (y[day] - level)
    standard = np.array(errors) / bands.spread(np.array(means))
    scale = bands.start_scale(standard)
    offsets = bands.start(standard, scale)
    mask = np.ones(y.shape[1], dtype=np.bool_)
    inside, above = [], []
    for day in range(learn, len(y)):
        q = bands.quantiles(offsets, scale, level[None, :], np.full(y.shape[1], alpha))[:, 0]
        inside.append((q[0] <= y[day]) & (y[day] <= q[-1]))
        above.append(y[day] > q[-1])
        offsets, scale = bands.update(offsets, scale, y[day], level, mask)
        level = level + alpha * (y[day] - level)
    return np.array(inside, dtype=np.float64), np.array(above, dtype=np.float64)


@pytest.mark.slow
@pytest.mark.parametrize("law", ["poisson", "negative binomial"])
@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.1])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nominal_90_covers_88_to_92_over_5000_steps_with_a_doubled_level(
    law: str, alpha: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    y = LAWS[law](rng, 5_180, 4, shifted(5_180, 2_680, 2.0))
    inside, _ = covered(y, alpha=alpha, learn=180)
    share = inside.mean(axis=0)
    assert ((share >= 0.88) & (share <= 0.92)).all(), share


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_many_series_cover_88_to_92_over_a_year_with_a_doubled_level(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = LAWS["poisson"](rng, 545, 40, shifted(545, 360, 2.0))
    inside, _ = covered(y, alpha=0.05, learn=180)
    assert 0.88 <= inside.mean() <= 0.92


@pytest.mark.parametrize(("law", "at_least"), [("poisson", 0.88), ("negative binomial", 0.86)])
@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.1])
def test_a_doubled_level_is_covered_again_within_14_steps(
    law: str, at_least: float, alpha: float
) -> None:
    rng = np.random.default_rng(7)
    y = LAWS[law](rng, 300, 400, shifted(300, 240, 2.0))
    inside, _ = covered(y, alpha=alpha, learn=180)
    after = inside[60 + 14 : 60 + 28].mean()
    assert after >= at_least


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_intermittent_demand_is_covered_at_least_and_its_p95_is_honest(seed: int) -> None:
    # One-sided: with zero on four days of five the lower bound is 0, so the band covers up to 95 %.
    rng = np.random.default_rng(seed)
    y = LAWS["intermittent"](rng, 5_180, 4, shifted(5_180, 2_680, 2.0))
    inside, above = covered(y, alpha=0.05, learn=180)
    assert 0.88 <= inside.mean() <= 0.96
    assert 0.04 <= above.mean() <= 0.06


@pytest.mark.slow
def test_each_level_is_reached_by_its_share_of_days() -> None:
    rng = np.random.default_rng(11)
    y = rng.poisson(10.0, (5_000, 2)).astype(np.float64)
    offsets, scale = bands.start(np.full((0, 2), np.nan), np.ones(2)), np.ones(2)
    below = np.zeros((len(LEVELS), 2))
    mean = np.full(2, 10.0)
    for day in y:
        below += day <= bands.quantiles(offsets, scale, mean[None, :], np.zeros(2))[:, 0]
        offsets, scale = bands.update(offsets, scale, day, mean, np.ones(2, dtype=np.bool_))
    np.testing.assert_allclose(below / len(y), np.array(LEVELS)[:, None] * [1, 1], atol=0.02)


def test_any_subset_of_rows_gives_the_same_bits() -> None:
    rng = np.random.default_rng(5)
    n = 37
    offsets, scale = rng.normal(size=(len(LEVELS), n)), rng.uniform(0.5, 2.0, n)
    y, mean = rng.poisson(4.0, n).astype(np.float64), rng.uniform(0.0, 9.0, n)
    mask = rng.random(n) < 0.8
    whole = bands.update(offsets, scale, y, mean, mask)
    for rows in ([5], [36, 0, 17], list(range(n))[::-1]):
        part = bands.update(offsets[:, rows], scale[rows], y[rows], mean[rows], mask[rows])
        np.testing.assert_array_equal(part[0], whole[0][:, rows])
        np.testing.assert_array_equal(part[1], whole[1][rows])


def test_a_censored_day_leaves_the_band_as_it_is() -> None:
    offsets, scale = np.linspace(-2, 2, len(LEVELS))[:, None], np.ones(1)
    after = bands.update(offsets, scale, np.zeros(1), np.array([9.0]), np.array([False]))
    np.testing.assert_array_equal(after[0], offsets)
    np.testing.assert_array_equal(after[1], scale)


def test_quantiles_are_in_order_and_never_negative() -> None:
    offsets = np.array([0.3, -1.0, -0.5, 0.2, 0.1, 2.0, 1.9])[:, None]
    q = bands.quantiles(offsets, np.ones(1), np.array([[0.2], [0.0], [8.0]]), np.array([0.1]))
    assert (np.diff(q, axis=0) >= 0).all()
    assert (q >= 0).all()


def test_the_band_grows_with_the_days_ahead() -> None:
    offsets = np.linspace(-2, 2, len(LEVELS))[:, None]
    q = bands.quantiles(offsets, np.ones(1), np.full((14, 1), 50.0), np.array([0.3]))
    width = q[-1, :, 0] - q[0, :, 0]
    np.testing.assert_allclose(width / width[0], np.sqrt(1 + np.arange(14) * 0.09), rtol=1e-6)


def test_a_series_that_never_sold_still_has_a_band() -> None:
    scale = bands.start_scale(np.zeros((50, 1)))
    assert scale[0] > 0
