"""What lies on the shelf by the book? The newest count of each series, and every movement after it.

Movements add up in integers and a count wins over all that came before it, so the order in which
they are heard of cannot show.
"""

import numpy as np

from replan.forecasting import (
    BoolArray,
    IntArray,
)
from replan.panel import COUNTS_KEPT, NEVER, Panel


def add_stock_moves(panel: Panel, rows: IntArray, at: IntArray, qty: IntArray) -> None:
    """Movements of stock (M,): units at microseconds; those up to a count's `as_of` do not
    matter.
    """
    panel.move_row = np.concatenate((panel.move_row, rows))
    panel.move_at = np.concatenate((panel.move_at, at))
    panel.move_qty = np.concatenate((panel.move_qty, qty))


def count_stock(panel: Panel, row: int, on_hand: int, as_of: int) -> bool:
    """A count of the shelf; the newest `as_of` wins. Returns whether it was the newest.

    One from before a movement that is folded into the stock comes too late: the movements after it
    are no longer known.
    """
    if as_of < panel.folded_to[row]:
        return False
    if as_of < panel.stock_as_of[row]:
        _keep_count(panel, row, on_hand, as_of)
        return False
    if panel.stock_as_of[row] != NEVER:
        _keep_count(panel, row, int(panel.stock[row]), int(panel.stock_as_of[row]))
    panel.stock[row] = on_hand
    panel.stock_as_of[row] = as_of
    return True


def take_back_count(panel: Panel, row: int, as_of: int) -> None:
    """A count that was none: the one before it holds again, with every movement since."""
    as_ofs = [int(panel.stock_as_of[row]), *panel.older_as_of[:, row].tolist()]
    stocks = [int(panel.stock[row]), *panel.older_stock[:, row].tolist()]
    if as_of not in as_ofs:
        return
    gone = as_ofs.index(as_of)
    as_ofs = [*as_ofs[:gone], *as_ofs[gone + 1 :], NEVER]
    stocks = [*stocks[:gone], *stocks[gone + 1 :], 0]
    panel.stock_as_of[row], panel.stock[row] = as_ofs[0], stocks[0]
    panel.older_as_of[:, row], panel.older_stock[:, row] = as_ofs[1:], stocks[1:]


def take_back_move(panel: Panel, row: int, at: int, qty: int) -> None:
    """A movement that was none; what it had been folded into loses it again."""
    same = np.flatnonzero((panel.move_row == row) & (panel.move_at == at) & (panel.move_qty == qty))
    if len(same):
        panel.move_row = np.delete(panel.move_row, same[0])
        panel.move_at = np.delete(panel.move_at, same[0])
        panel.move_qty = np.delete(panel.move_qty, same[0])
        return
    if NEVER < panel.stock_as_of[row] < at:
        panel.stock[row] -= qty
    held = (panel.older_as_of[:, row] > NEVER) & (panel.older_as_of[:, row] < at)
    panel.older_stock[held, row] -= qty


def fold_old_moves(panel: Panel, before: int) -> None:
    """Put movements older than `before` (microseconds) for good into the stock they move. What the
    book says of any moment after them stays the same; one that is heard of still later counts too.
    """
    old = panel.move_at <= before
    if not old.any():
        return
    rows, at, qty = panel.move_row[old], panel.move_at[old], panel.move_qty[old]
    into = (panel.stock_as_of[rows] != NEVER) & (at > panel.stock_as_of[rows])
    np.add.at(panel.stock, rows[into], qty[into])
    np.maximum.at(panel.folded_to, rows[into], at[into])
    for as_of, stock in zip(panel.older_as_of, panel.older_stock, strict=True):
        into = (as_of[rows] != NEVER) & (at > as_of[rows])
        np.add.at(stock, rows[into], qty[into])
    panel.move_row = panel.move_row[~old]
    panel.move_at = panel.move_at[~old]
    panel.move_qty = panel.move_qty[~old]


def book_stock(panel: Panel, until: int | None = None) -> IntArray:
    """Stock by the book (N,), may be negative: the newest count and every movement after it."""
    matters = panel.move_at > panel.stock_as_of[panel.move_row]
    if until is not None:
        matters &= panel.move_at <= until
    total = panel.stock.copy()
    np.add.at(total, panel.move_row[matters], panel.move_qty[matters])
    return total


def book_at(panel: Panel, row: int, until: int) -> int | None:
    """What the book says a series had at a moment (microseconds); None before the first count of
    it, or for a moment before the newest, or before a movement that it holds for good.
    """
    as_of = int(panel.stock_as_of[row])
    if as_of == NEVER or until < max(as_of, int(panel.folded_to[row])):
        return None
    moved = (panel.move_row == row) & (panel.move_at > as_of) & (panel.move_at <= until)
    return int(panel.stock[row]) + int(panel.move_qty[moved].sum())


def stock_known(panel: Panel) -> BoolArray:
    """Whether a series' stock was ever counted (N,)."""
    known: BoolArray = panel.stock_as_of != NEVER
    return known


def _keep_count(panel: Panel, row: int, on_hand: int, as_of: int) -> None:
    """Remember a count that is not the newest, in order of its moment."""
    as_ofs, stocks = panel.older_as_of[:, row], panel.older_stock[:, row]
    at = int((as_ofs > as_of).sum())
    if at < COUNTS_KEPT:
        as_ofs[at + 1 :], stocks[at + 1 :] = as_ofs[at:-1].copy(), stocks[at:-1].copy()
        as_ofs[at], stocks[at] = as_of, on_hand
