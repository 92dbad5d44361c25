"""What is published of a forecast? The days to come of each series, from the day after the one on
which it was made, so that the last forecast made before a day can be told when that day is over.
"""

from datetime import datetime

import numpy as np

from replan.effects import ForecastRow
from replan.forecasting import FloatArray, IntArray
from replan.panel import Panel
from replan.units import day_from_number, day_number

MOST_BEHIND = 7
"""A series whose days stay open for longer than this is forecast that much less far ahead."""


def behind(panel: Panel, rows: IntArray, today: int) -> int:
    """How many more days than the horizon a forecast of `rows` (n,) has: it begins with the first
    open day of each, and the horizon with the day after `today`.
    """
    return int(np.clip(today - (panel.closed[rows] + 1), 0, MOST_BEHIND).max()) + 1


def forecast_rows(
    panel: Panel, rows: IntArray, quantiles: FloatArray, horizon: int, at: datetime
) -> list[ForecastRow]:
    """Quantiles (K, days, n) from the first open day of each row on, as what is published at `at`:
    `horizon` days, none that has begun, to a thousandth of a unit, which is enough for people.
    """
    local = {site: day_number(at.astimezone(zone).date()) for site, zone in panel.zones.items()}
    shown = np.round(quantiles, 3).transpose(2, 0, 1).tolist()
    said = []
    for n, row in enumerate(rows.tolist()):
        item, site = panel.series[row]
        skip = max(local[site] - int(panel.closed[row]), 0)
        said.append(
            ForecastRow(
                item=item,
                site=site,
                made_at=at,
                first_day=day_from_number(int(panel.closed[row]) + 1 + skip),
                quantiles=tuple(tuple(level[skip : skip + horizon]) for level in shown[n]),
            )
        )
    return said
