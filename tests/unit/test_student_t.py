"""Are the tail and the quantiles those of the printed tables?"""

import pytest

from replan.student_t import t_quantile, t_tail

# Abramowitz and Stegun, table 26.10.
TABLE = [(0.9, 1, 3.078), (0.95, 2, 2.920), (0.9, 5, 1.476), (0.975, 10, 2.228), (0.995, 30, 2.750)]


@pytest.mark.parametrize(("p", "freedom", "t"), TABLE)
def test_a_quantile_is_that_of_the_table(p: float, freedom: int, t: float) -> None:
    assert t_quantile(p, freedom) == pytest.approx(t, abs=5e-4)


@pytest.mark.parametrize(("p", "freedom", "t"), TABLE)
def test_the_tail_behind_a_quantile_is_what_is_left(p: float, freedom: int, t: float) -> None:
    assert t_tail(t_quantile(p, freedom), freedom) == pytest.approx(1 - p, abs=1e-8)


@pytest.mark.parametrize("freedom", [1, 4, 9])
def test_it_is_symmetric(freedom: int) -> None:
    assert t_tail(-0.7, freedom) == pytest.approx(1 - t_tail(0.7, freedom))
    assert t_quantile(0.2, freedom) == pytest.approx(-t_quantile(0.8, freedom))
