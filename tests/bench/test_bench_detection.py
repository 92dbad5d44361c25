"""Does the detection row find what a small made-up data set holds, and say what it lacks?"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from replan.errors import UsageError
from replan.infra.bench.detection import detection
from replan.infra.bench.measure import Measure

DAYS, STORES = 50, 6
SURGE, OUT = 40, 42
"""Days from the first: product 1 sells five times as much; product 2's shelves are empty."""


def retail(folder: Path) -> Path:
    """Two products in six stores of a city, in the layout that is read."""
    rng = np.random.default_rng(4)
    rows = []
    for store in range(STORES):
        for product in (1, 2):
            for n, day in enumerate(pd.date_range("2026-03-01", periods=DAYS).strftime("%Y-%m-%d")):
                out = product == 2 and OUT <= n < OUT + 3
                factor = 5.0 if product == 1 and n == SURGE else 1.0
                hours = np.zeros(24, dtype=np.int16)
                hours[8:20] = 100 * rng.poisson(0.5 * factor, 12)
                if out:
                    hours[:] = 0
                mask = (1 << 24) - 1 if out else 0
                rows.append((store, product, day, hours.tolist(), mask))
    names = ["store_id", "product_id", "date", "hourly_sale_x100", "stockout_hours_mask"]
    (folder / "freshretail50k").mkdir()
    pd.DataFrame(rows, columns=names).to_parquet(folder / "freshretail50k" / "sales.parquet")
    cities = pd.DataFrame({"store_id": range(STORES), "city_id": 9})
    cities.to_parquet(folder / "freshretail50k" / "series.parquet")
    (folder / "episodes.csv").write_text(
        "id,dataset,kind,sku,location,date,cause\n"
        'E1,freshretail50k,surge,1,"city 9, 6 stores",2026-04-10,promotion\n'
        'E2,freshretail50k,collapse,2,"city 9, 6 stores",2026-04-12,supply: out of stock\n'
    )
    return folder


def test_a_surge_is_found_and_a_stock_out_is_not_lost_demand(tmp_path: Path) -> None:
    found: dict[str, Measure] = {
        m.measure.removeprefix("freshretail50k: "): m for m in detection(retail(tmp_path))
    }
    assert found["surges found"].ratio == 1.0
    assert found["median delay of a surge"].value <= 1.0
    assert found["stock-outs told as lost demand"].value == 0
    assert found["inside the 90 % band"].value > 80


def test_without_a_folder_the_row_says_what_it_needs() -> None:
    with pytest.raises(UsageError, match="--data DIR"):
        detection(None)


def test_a_folder_without_a_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"episodes.csv is not there"):
        detection(tmp_path)


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "episodes.csv").write_text("id,dataset,kind,sku,location,date,cause\n")
    with pytest.raises(UsageError, match="neither"):
        detection(tmp_path)
