"""Does coming back take longer the longer the log is, and does memory grow with it?

One run over a log of made-up sales, as many partitions of Kafka would bring them: in segments that
the ledger keeps. It is cut off three times, as by `kill -9` (nothing is said goodbye to), each time
in the middle of a day, and comes back: last snapshot, what was committed since, first new batch
stored. The broker is left out: what it hands over again is the same each time. Nothing is decided.
"""

import json
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Final

from replan.infra.bench.measure import Measure, processor_seconds
from replan.infra.engine.loop import Engine, Progress
from replan.infra.kafka.segments import LogClockMarks, LogSegments
from replan.infra.ledger.store import Ledger
from replan.infra.out_files import OutFiles
from replan.infra.rules import open_ledger
from replan.infra.wiring import Ends, opened_engine
from replan.infra.workspace.folder import init_workspace, open_workspace
from replan.infra.workspace.settings import SETTINGS_FILE
from replan.streams.codec import Decoder
from replan.streams.log_slices import Partition, Read
from replan.streams.messages import Place

SIZES: Final = (10_000, 100_000, 1_000_000)
ITEMS: Final = 20
SITES: Final = ("S1", "S2", "S3")
A_DAY: Final = 3_600
"""Events of a day: each series sells once in 24 minutes."""

BEGINS: Final = datetime(2024, 1, 1, tzinfo=UTC)
TILL: Final = Partition("pos", 0)

_SETTINGS: Final = """\
timezone = "UTC"
currency = "EUR"
mode = "shadow"
[time]
lateness = "2h"
[ticks]
planning = "24h"
decide_from = 2100-01-01
[models]
min_days = 14
history_days = 60
refit = "3650d"
[engine]
workers = 0
snapshot_ticks = 1
"""


REPEATS: Final = 3
"""So often it comes back at each length; the median counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """A part of the run, until it was cut off: processor seconds until its first batch was stored,
    how many events it judged again for that, and bytes of the snapshot that it began with.
    """

    back_seconds: float
    judged_again: int
    snapshot_bytes: int


def restart(*, sizes: Sequence[int] = SIZES) -> list[Measure]:
    """Seconds to come back and memory, by how many events the log holds."""
    figures: dict[str, list[tuple[float, str]]] = {}
    with tempfile.TemporaryDirectory(prefix="replan-bench-") as folder:
        root = write_workspace(Path(folder) / "workspace")
        for size in sizes:
            _live(root, _noon(size))
            peak = _peak_bytes()
            # Cut off again as soon as a batch is stored.
            lives = [_live(root, 0) for _ in range(REPEATS)]
            found = {
                "coming back": (median(life.back_seconds for life in lives), "s"),
                "events judged again": (median(life.judged_again for life in lives), "events"),
                "kept state": (lives[0].snapshot_bytes / 2**10, "KiB"),
                "peak memory": (peak / 2**20, "MiB"),
            }
            for name, figure in found.items():
                figures.setdefault(name, []).append(figure)
    return [
        _measure(name, size, value, unit, (sizes[0], those[0][0]))
        for name, those in figures.items()
        for size, (value, unit) in zip(sizes, those, strict=True)
    ]


def _measure(name: str, size: int, value: float, unit: str, smallest: tuple[int, float]) -> Measure:
    title = f"{name}, {size} events"
    if size == smallest[0]:
        return Measure(row="restart", measure=title, value=value, unit=unit)
    against = f"{name}, {smallest[0]} events"
    ratio = value / smallest[1]
    return Measure(
        row="restart", measure=title, value=value, unit=unit, against=against, ratio=ratio
    )


def _peak_bytes() -> int:
    """The most memory that this process ever held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _noon(events: int) -> int:
    """The nearest number of events at which half a day is read: there is as much to be judged
    again each time.
    """
    return max(1, round(events / A_DAY)) * A_DAY + A_DAY // 2


class _Cut(BaseException):
    """The process is gone at this point."""


def _live(root: Path, until: int) -> Life:
    """Go on from where the last life was cut off until so many events are judged."""
    back: list[float] = []
    with closing(open_ledger(open_workspace(root))) as ledger:
        snapshot = ledger.latest_snapshot()
        rows = ledger.manifest_since(None if snapshot is None else snapshot.tick)
        begun = processor_seconds()

        def watch(_: Progress) -> None:
            if not back:
                back.append(processor_seconds() - begun)
            if sum(ledger.counts().values()) >= until:
                raise _Cut

        with suppress(_Cut), _engine_on(root, ledger, watch) as engine:
            engine.run_until_end()
    return Life(
        back_seconds=back[0],
        judged_again=sum(row.last_offset - row.first_offset + 1 for row in rows),
        snapshot_bytes=0 if snapshot is None else len(snapshot.body),
    )


@contextmanager
def _engine_on(root: Path, ledger: Ledger, watch: Callable[[Progress], None]) -> Iterator[Engine]:
    workspace = open_workspace(root)
    time = workspace.settings.time
    segments = LogSegments(
        ledger,
        _MadeUpLog(),
        LogClockMarks(time.lateness),
        until_end=False,
        max_jump=time.max_jump,
    )
    ends = Ends(segments=segments, outlet=lambda: OutFiles(root, ledger), alone=nullcontext())
    with opened_engine(workspace, ledger, "shadow", watch, ends=ends) as engine:
        yield engine


class _MadeUpLog:
    """Sales without an end in one partition; each is made when it is read, always the same."""

    def __init__(self) -> None:
        self._decoder = Decoder(None)

    def begins(self) -> Mapping[Partition, int]:
        """Nothing is ever lost."""
        return {TILL: 0}

    def ends(self) -> Mapping[Partition, int]:
        """Further than anybody reads."""
        return {TILL: sys.maxsize}

    def read(self, partition: Partition, first: int, end: int) -> Iterable[Read]:
        """The sales of these offsets."""
        return [
            Read(n, tuple(self._decoder.record(self._line(n), Place(str(partition), n))))
            for n in range(first, end)
        ]

    def take(self, partition: Partition, first: int, end: int) -> Sequence[Read]:
        """All that is asked for."""
        return tuple(self.read(partition, first, end))

    def wait(self) -> None:
        """There is always more."""

    def _line(self, n: int) -> bytes:
        return made_up_sale(n, BEGINS + timedelta(days=1) * n / A_DAY)[1]


def made_up_sale(n: int, at: datetime) -> tuple[str, bytes]:
    """The subject and the text of the n-th sale; all series take their turns."""
    series = n % (ITEMS * len(SITES))
    subject = f"{_item(series // len(SITES))}@{SITES[series % len(SITES)]}"
    sale = {
        "specversion": "1.0",
        "id": f"sale-{n}",
        "source": "/tills",
        "type": "pos.sale.v1",
        "time": at.isoformat(),
        "recordedtime": at.isoformat(),
        "subject": subject,
        # Any multiplier that shares no factor with the modulus spreads quantities evenly.
        "data": {"qty": 1 + n * 2_654_435_761 % 97 % 5},
    }
    return subject, json.dumps(sale).encode()


def write_workspace(root: Path) -> Path:
    """The grocery template with a made-up chain of stores."""
    init_workspace(root)
    shutil.rmtree(root / "events")
    (root / "events").mkdir()
    (root / SETTINGS_FILE).write_text(_SETTINGS, encoding="utf-8")
    rows = {
        "items": [f"{item},,drinks,A,EA,80,129,EUR," for item in _items()],
        "sites": [f"{site},store,EAST,UTC,1" for site in SITES],
        "lanes": ["L1,S1,S2,road,1,1,400,4,1,1,200,14:00"],
        "supply": [],
        "stocking": [f"{item},{site},0.95,3,600,0.1," for item in _items() for site in SITES],
    }
    for name, lines in rows.items():
        text = "\n".join([_HEADS[name], *lines]) + "\n"
        (root / "network" / f"{name}.csv").write_text(text, encoding="utf-8")
    return root


_HEADS: Final = {
    "items": "item,description,category,abc,uom,unit_cost_minor,unit_price_minor,currency,"
    "shelf_life_days",
    "sites": "site,kind,region,timezone,priority",
    "lanes": "lane,origin,destination,mode,lead_time_days_p50,lead_time_days_p90,fixed_cost_minor,"
    "unit_cost_minor,min_qty,lot_multiple,capacity_units_per_day,cutoff_local",
    "supply": "supplier,item,site,approved,lead_time_days_p50,lead_time_days_p90,moq,lot_multiple,"
    "expedite_days_saved,expedite_fixed_minor,expedite_unit_minor,buffer_qty,"
    "buffer_lead_time_days,buffer_unit_premium_minor,contract_clause",
    "stocking": "item,site,service_level,review_period_days,order_up_to,"
    "holding_minor_per_unit_day,shortage_minor_per_unit",
}


def _items() -> list[str]:
    return [_item(n) for n in range(ITEMS)]


def _item(n: int) -> str:
    return f"I{n:02d}"
