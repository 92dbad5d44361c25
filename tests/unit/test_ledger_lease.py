"""One process at a time does what only one may, and one that was replaced stores nothing more."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from replan.errors import LeaseLost
from replan.infra.ledger.store import Ledger
from tests.databases import Place

LONG = timedelta(minutes=5)
OVER = timedelta(0)


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    ledger = place.open()
    yield ledger
    ledger.close()


def test_the_first_takes_the_lease_and_the_second_waits(ledger: Ledger) -> None:
    assert ledger.take_lease("engine", "first", LONG) == 1
    assert ledger.take_lease("engine", "second", LONG) is None
    held = ledger.lease("engine")
    assert held is not None
    assert (held.owner, held.epoch) == ("first", 1)


def test_roles_are_taken_apart_from_each_other(ledger: Ledger) -> None:
    assert ledger.take_lease("engine", "first", LONG) == 1
    assert ledger.take_lease("publisher", "second", LONG) == 1


def test_a_lease_that_ran_out_is_taken_under_a_new_epoch(ledger: Ledger) -> None:
    ledger.take_lease("engine", "first", OVER)
    assert ledger.take_lease("engine", "second", LONG) == 2


def test_a_holder_that_was_replaced_stores_nothing(ledger: Ledger) -> None:
    ledger.take_lease("engine", "first", OVER)
    ledger.take_lease("engine", "second", LONG)

    def come_late() -> None:
        with ledger.transaction() as write:
            write.set_control("mode", "live")
            write.hold_lease("engine", 1, LONG)

    with pytest.raises(LeaseLost, match="second under epoch 2"):
        come_late()
    assert ledger.control("mode") is None


def test_a_holder_that_came_late_goes_on_if_nobody_replaced_it(ledger: Ledger) -> None:
    ledger.take_lease("engine", "first", OVER)
    with ledger.transaction() as write:
        write.hold_lease("engine", 1, LONG)
    assert ledger.take_lease("engine", "second", LONG) is None


def test_a_lease_given_back_is_free_at_once(ledger: Ledger) -> None:
    ledger.take_lease("engine", "first", LONG)
    ledger.release_lease("engine", 1)
    assert ledger.take_lease("engine", "second", LONG) == 2


def test_giving_back_what_another_holds_by_now_leaves_it_alone(ledger: Ledger) -> None:
    ledger.take_lease("engine", "first", OVER)
    ledger.take_lease("engine", "second", LONG)
    ledger.release_lease("engine", 1)
    assert ledger.take_lease("engine", "third", LONG) is None


def test_a_lease_that_nobody_took_cannot_be_held(ledger: Ledger) -> None:
    with pytest.raises(LeaseLost, match="nobody"), ledger.transaction() as write:
        write.hold_lease("engine", 1, LONG)
