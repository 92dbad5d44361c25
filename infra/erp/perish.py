"""What perishes on the shelves of the reference order system? Batches with the day they end on.

Customers take the oldest, a transfer takes the newest. Only goods with a shelf life have batches;
they are brought up to date from the shelf when somebody asks, so that a sale costs nothing here.
"""

from collections.abc import Mapping

from replan.network import Network
from replan.units import ItemId, SiteId

Key = tuple[ItemId, SiteId]
Batch = list[int]
"""The day (since 1970) from which it can no longer be sold, and thousandths; oldest first."""


def shelf_lives(network: Network) -> Mapping[ItemId, int]:
    """Whole days that each perishable item keeps, at least one."""
    return {
        item: max(int(row.shelf_life_days), 1)
        for item, row in sorted(network.items.items())
        if row.shelf_life_days is not None
    }


def put(batches: list[Batch], until: int, qty: int) -> None:
    """Units that keep until a day join the others."""
    batches.append([until, qty])
    batches.sort()


def settle(batches: list[Batch], on_hand: int) -> None:
    """What was sold since is taken from the oldest; what came back joins the newest."""
    sold = sum(qty for _, qty in batches) - on_hand
    while sold > 0 and batches:
        left = batches[0][1] - sold
        if left > 0:
            batches[0][1] = left
            return
        sold = -left
        del batches[0]
    if sold < 0 and batches:
        batches[-1][1] -= sold


def take_newest(batches: list[Batch], qty: int) -> int | None:
    """Units leave for another site; the day until which all of them keep, None if unknown."""
    until = None
    while qty > 0 and batches:
        until = batches[-1][0]
        left = batches[-1][1] - qty
        if left > 0:
            batches[-1][1] = left
            break
        qty = -left
        del batches[-1]
    return until


def throw_away(batches: list[Batch], day: int) -> int:
    """What can no longer be sold from a day on leaves the shelf; thousandths."""
    wasted = 0
    while batches and batches[0][0] <= day:
        wasted += batches[0][1]
        del batches[0]
    return wasted
