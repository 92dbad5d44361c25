"""Does a recorded fit come back to the very same bits?"""

import zlib

import numpy as np
import pytest

from replan.errors import LedgerBroken
from replan.fit_record import panel_fit_bytes, panel_fit_digest, panel_fit_from_bytes
from replan.forecasting import PanelFit


def fit() -> PanelFit:
    rng = np.random.default_rng(1)
    n = 3
    return PanelFit(
        through=17_287,
        models=("ets_ana", "tsb"),
        versions=("1", "1"),
        choice=np.array([0, 1, -1]),
        state=rng.normal(size=(8, n)),
        params={"gamma": rng.random(n), "alpha": rng.random(n)},
        growth=rng.random(n),
        offsets=rng.normal(size=(7, n)),
        scale=rng.random(n),
        sigma=rng.random(n),
        size=rng.random(n),
        threshold_up=rng.random(n),
        threshold_down=rng.random(n),
        degraded=rng.integers(0, 2, n),
        young=rng.integers(0, 2, n),
        lift_seen=rng.random((7, n)),
        lift_due=rng.random((7, n)),
        lift_mean=rng.random((7, n)),
        persistent=0.02,
        shared=0.1,
        notes=("beaten by mean28: series 2", "é"),
    )


def test_a_fit_comes_back_bit_by_bit() -> None:
    one = fit()
    two = panel_fit_from_bytes(panel_fit_bytes(one))
    assert panel_fit_digest(two) == panel_fit_digest(one)
    for name in ("choice", "state", "growth", "offsets", "scale", "sigma", "size"):
        np.testing.assert_array_equal(getattr(two, name), getattr(one, name))
    assert (two.through, two.models, two.notes) == (one.through, one.models, one.notes)
    assert sorted(two.params) == ["alpha", "gamma"]


def test_the_same_fit_gives_the_same_bytes() -> None:
    assert panel_fit_bytes(fit()) == panel_fit_bytes(fit())


def test_columns_of_a_read_fit_can_be_written_to() -> None:
    panel_fit_from_bytes(panel_fit_bytes(fit())).state[0, 0] = 1.0


def test_the_layout_of_an_array_does_not_change_the_digest() -> None:
    one, two = fit(), fit()
    object.__setattr__(two, "state", np.asfortranarray(two.state))
    assert panel_fit_digest(one) == panel_fit_digest(two)


def test_damaged_bytes_are_refused() -> None:
    data = bytearray(panel_fit_bytes(fit()))
    data[len(data) // 2] ^= 1
    with pytest.raises(LedgerBroken):
        panel_fit_from_bytes(bytes(data))


@pytest.mark.parametrize("raw", [b"", b"something else\0", b"replan-fit-1\n{}"])
def test_bytes_of_another_form_are_refused(raw: bytes) -> None:
    with pytest.raises(LedgerBroken):
        panel_fit_from_bytes(zlib.compress(raw))


def test_a_fit_cut_short_is_refused() -> None:
    raw = zlib.decompress(panel_fit_bytes(fit()))
    with pytest.raises(LedgerBroken, match="ends inside"):
        panel_fit_from_bytes(zlib.compress(raw[:-8]))
