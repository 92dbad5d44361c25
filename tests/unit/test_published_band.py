"""Which of the published bands is meant by a nominal coverage?"""

import pytest

from replan.forecasting import published_band


@pytest.mark.parametrize(
    ("nominal", "levels"),
    [
        (0.5, (0.25, 0.75)),
        (0.75, (0.25, 0.75)),
        (0.8, (0.10, 0.90)),
        (0.9, (0.05, 0.95)),
        (0.99, (0.05, 0.95)),
    ],
)
def test_the_band_is_the_widest_that_is_not_wider(
    nominal: float, levels: tuple[float, float]
) -> None:
    assert published_band(nominal) == levels
