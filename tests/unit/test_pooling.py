"""For how many series does a pool speak, so that all tests together keep to the stated rate?"""

import numpy as np
import pytest

from replan.pooling import largest, shares


def test_a_pool_speaks_for_its_sites() -> None:
    assert shares([np.arange(24), np.arange(24, 30)]).tolist() == [24.0, 6.0]


def test_a_site_that_stands_in_its_item_and_its_region_counts_half_in_each() -> None:
    everywhere, north, south = np.arange(6), np.arange(4), np.arange(4, 6)
    assert shares([everywhere, north, south]).tolist() == [3.0, 2.0, 1.0]


def test_all_pools_speak_for_no_more_series_than_there_are() -> None:
    rng = np.random.default_rng(5)
    rows = [np.sort(rng.choice(40, int(size), replace=False)) for size in (3, 17, 40, 9)]
    assert shares(rows).sum() == pytest.approx(len(np.unique(np.concatenate(rows))))


def test_without_pools_nobody_speaks() -> None:
    assert shares([]).shape == (0,)


def test_regions_of_an_item_know_how_many_sites_it_has() -> None:
    everywhere, north, south = np.arange(6), np.arange(4), np.arange(4, 6)
    other = np.arange(6, 9)
    assert largest([everywhere, north, south, other]).tolist() == [6.0, 6.0, 6.0, 3.0]
