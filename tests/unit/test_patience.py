"""A ledger that is away is waited for, longer each time, and not for ever."""

import pytest

from replan.errors import LedgerBusy
from replan.infra.process.patience import CALM_SECONDS, PAUSES_SECONDS, Patience

AWAY = LedgerBusy("the server restarts")


class Hours:
    """A clock that only pauses move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def hours() -> Hours:
    return Hours()


@pytest.fixture
def patience(hours: Hours) -> Patience:
    return Patience(clock=lambda: hours.now, pause=hours.pause)


def test_each_pause_is_about_twice_the_one_before(patience: Patience, hours: Hours) -> None:
    for _ in PAUSES_SECONDS:
        patience.wait(AWAY)
    for seconds, about in zip(hours.pauses, PAUSES_SECONDS, strict=True):
        assert 0.5 * about <= seconds <= 1.5 * about


def test_after_five_pauses_the_trouble_is_told(patience: Patience) -> None:
    for _ in PAUSES_SECONDS:
        patience.wait(AWAY)
    with pytest.raises(LedgerBusy, match="the server restarts"):
        patience.wait(AWAY)


def test_a_trouble_after_a_calm_time_begins_anew(patience: Patience, hours: Hours) -> None:
    for _ in PAUSES_SECONDS:
        patience.wait(AWAY)
    hours.now += CALM_SECONDS + 1
    patience.wait(AWAY)
    assert hours.pauses[-1] <= 1.5 * PAUSES_SECONDS[0]
