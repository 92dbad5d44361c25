"""Which items, that this one is bought in place of, ran out at the same store?

Only items that the master data name this one as a substitute of are looked at, at the same site and
in the same last days as for a neighbour's empty shelf.
"""

import numpy as np

from replan.network import Network
from replan.panel import Panel
from replan.stock_book import book_stock, stock_known
from replan.units import ItemId, SiteId


def emptied_items(
    panel: Panel, network: Network, item: ItemId, site: SiteId, today: int, recent_days: int
) -> tuple[ItemId, ...]:
    """Items that this one stands in for whose shelf at the site is empty by the book, or was at the
    close of one of the last days, as far as counted; sorted.
    """
    found = []
    for other in network.replaced_by.get(item, ()):
        row = panel.row_of.get((other, site))
        if row is None or not stock_known(panel)[row]:
            continue
        since = max(today - recent_days - panel.first_day, 0)
        upto = max(int(panel.closed[row]) - panel.first_day + 1, 0)
        was_empty = bool(np.any(panel.empty[since:upto, row]))
        if book_stock(panel)[row] <= 0 or was_empty:
            found.append(other)
    return tuple(found)
