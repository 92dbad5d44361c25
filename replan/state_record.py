"""How is what sense believes kept, so that a restart goes on from the very same state?

One canonical JSON header with everything but the columns, a zero byte, then the columns of the
panel, little-endian and row by row. The fit in use is kept by its own record and only named here.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from math import prod
from typing import Any

import numpy as np

from replan.alarms import book_from_json, book_json
from replan.canonical import canonical_bytes
from replan.drivers import DriverBook
from replan.errors import LedgerBroken, NotSo
from replan.events import OrderLineStated
from replan.forecasting import PanelFit
from replan.freshness import feed_from_json, feed_json
from replan.holds import holds_from_json, holds_json
from replan.panel import panel_arrays, panel_from_arrays
from replan.records import dated_json, feedback_from_json, feedback_json, ordered_from_json
from replan.replies import Terms
from replan.signal_record import (
    alerts_from_json,
    alerts_json,
    signals_from_json,
    signals_json,
)
from replan.state import CaseFile, DayScore, SenseState, Sighting
from replan.supply import OrderLine, Promise, SupplyLedger, Transfer, TransferStepTaken
from replan.units import instant_text

_MAGIC = b"replan-state-1\n"

_SIGHTING = tuple(Sighting.__dataclass_fields__)


def state_bytes(state: SenseState, extra: Mapping[str, Any]) -> bytes:
    """The state and whatever plain JSON goes with it; the inbox must be empty."""
    assert not state.inbox, "a snapshot is taken between ticks, when every fact has been applied"
    arrays = panel_arrays(state.panel)
    columns = {name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)}
    header = {
        "extra": dict(extra),
        "arrays": [[name, c.dtype.str, list(c.shape)] for name, c in columns.items()],
        "series": [list(pair) for pair in state.panel.series],
        "clock": _instant(state.clock),
        "fit_asked": _instant(state.fit_asked),
        "fit_sha": state.fit_sha,
        "told_closed": dict(state.told_closed),
        "cases": {item: _case_json(case) for item, case in state.cases.items()},
        "sightings": [
            [
                row,
                kind,
                {name: getattr(seen, name) for name in _SIGHTING}
                | {"time": instant_text(seen.time)},
            ]
            for (row, kind), seen in sorted(state.sightings.items())
        ],
        "supply": _supply_json(state.supply),
        "drivers": state.panel.drivers.to_json(),
        "alarms": book_json(state.alarms),
        "holds": holds_json(state.holds),
        "tills": {site: feed_json(feed) for site, feed in sorted(state.tills.items())},
        "bulk": state.panel.tickets.rows(),
        "alerts": alerts_json(state.alerts),
        "scores": {
            model: [[day, asdict(score)] for day, score in sorted(days.items())]
            for model, days in sorted(state.scores.items())
        },
    }
    body = b"".join(column.tobytes() for column in columns.values())
    return _MAGIC + canonical_bytes(header) + b"\0" + body


def fit_sha_of(data: bytes) -> str:
    """Which fit a kept state was using; empty for none."""
    return str(_header(data)[0]["fit_sha"])


def state_from_bytes(
    empty: SenseState, data: bytes, fit: PanelFit | None
) -> tuple[SenseState, dict[str, Any]]:
    """The state that was kept, and the JSON that went with it. LedgerBroken if the bytes are
    damaged, NotSo if they are of other series.
    """
    header, at = _header(data)
    kept = {tuple(pair) for pair in header["series"]}
    if other := sorted(kept ^ set(empty.panel.series)):
        item, site = other[0]
        change = "gone" if (item, site) in kept else "new"
        raise NotSo(
            f"stocking.csv: item {item} at {site} is {change} since this ledger was begun; what is "
            "stocked where stays the same for the life of a ledger"
        )
    arrays = {}
    for name, dtype, shape in header["arrays"]:
        count = prod(shape)
        size = count * np.dtype(dtype).itemsize
        if at + size > len(data):
            raise LedgerBroken(f"kept state of {len(data)} bytes ends inside {name}")
        arrays[name] = np.frombuffer(data, dtype=dtype, count=count, offset=at).reshape(shape)
        at += size
    if at != len(data):
        raise LedgerBroken(f"kept state has {len(data) - at} bytes after its last column")
    state = SenseState(
        panel=panel_from_arrays(
            empty.panel, arrays, fit, DriverBook.from_json(header["drivers"]), header["bulk"]
        ),
        supply=_supply(header["supply"]),
        clock=_read_instant(header["clock"]),
        cases={item: _case(row) for item, row in header["cases"].items()},
        sightings={
            (row, kind): Sighting(**{**seen, "time": datetime.fromisoformat(seen["time"])})
            for row, kind, seen in header["sightings"]
        },
        told_closed=dict(header["told_closed"]),
        alarms=book_from_json(header["alarms"]),
        holds=holds_from_json(header["holds"]),
        tills={site: feed_from_json(row) for site, row in header["tills"].items()},
        alerts=alerts_from_json(header["alerts"]),
        scores={
            model: {day: DayScore(**row) for day, row in days}
            for model, days in header["scores"].items()
        },
        fit_asked=_read_instant(header["fit_asked"]),
        fit_sha=header["fit_sha"],
    )
    return state, header["extra"]


def _header(data: bytes) -> tuple[dict[str, Any], int]:
    if not data.startswith(_MAGIC):
        raise LedgerBroken(f"kept state starts with {data[:16]!r}, must start with {_MAGIC!r}")
    end = data.find(b"\0")
    try:
        return json.loads(data[len(_MAGIC) : max(end, 0)]), end + 1
    except ValueError as error:
        raise LedgerBroken(f"kept state of {len(data)} bytes has a damaged header") from error


def _case_json(case: CaseFile) -> dict[str, Any]:
    return {
        "episode": case.episode,
        "opened_at": _instant(case.opened_at),
        "stirred": case.stirred,
        "feedback": None if case.feedback is None else feedback_json(case.feedback),
        "nearness": case.nearness,
        "terms": [
            [t.kind, t.ref, t.most, None if t.arrives_on is None else t.arrives_on.isoformat()]
            for t in case.terms
        ],
    }


def _case(plain: Mapping[str, Any]) -> CaseFile:
    feedback = plain["feedback"]
    return CaseFile(
        episode=plain["episode"],
        opened_at=_read_instant(plain["opened_at"]),
        stirred=plain["stirred"],
        feedback=None if feedback is None else feedback_from_json(feedback),
        nearness=plain["nearness"],
        terms=tuple(
            Terms(
                kind=kind,
                ref=ref,
                most=most,
                arrives_on=None if day is None else date.fromisoformat(day),
            )
            for kind, ref, most, day in plain["terms"]
        ),
    )


def _supply_json(supply: SupplyLedger) -> dict[str, Any]:
    return {
        "lines": [
            {
                "stated": _fact_json(line.stated),
                "earlier": [_fact_json(fact) for fact in line.earlier],
                "created_on": line.created_on.isoformat(),
                "promises": [
                    [instant_text(p.at), p.source, p.event_id, p.promised.isoformat()]
                    for p in line.promises
                ],
            }
            for _, line in sorted(supply.lines.items())
        ],
        "received": dict(supply.received),
        "transfers": [
            {
                name: v.isoformat() if isinstance(v := getattr(t, name), date) else v
                for name in t.__dataclass_fields__
            }
            | {"steps": [_step_json(step) for step in t.steps]}
            for _, t in sorted(supply.transfers.items())
        ],
        "expedited": {
            po_line: [instant_text(at), dated_json(ordered)]
            for po_line, (at, ordered) in sorted(supply.expedited.items())
        },
        "signals": signals_json(supply),
        "calls": {
            action_id: [instant_text(at), dated_json(call)]
            for action_id, (at, call) in sorted(supply.calls.items())
        },
    }


def _supply(plain: Mapping[str, Any]) -> SupplyLedger:
    lines = [
        OrderLine(
            stated=_stated(row["stated"]),
            earlier=tuple(_stated(fact) for fact in row["earlier"]),
            created_on=date.fromisoformat(row["created_on"]),
            promises=tuple(
                Promise(datetime.fromisoformat(at), source, event_id, date.fromisoformat(promised))
                for at, source, event_id, promised in row["promises"]
            ),
        )
        for row in plain["lines"]
    ]
    transfers = []
    for row in plain["transfers"]:
        days = {
            name: None if row[name] is None else date.fromisoformat(row[name])
            for name in ("ship_on", "arrive_p50", "arrive_p90")
        }
        steps = tuple(_step(step) for step in row["steps"])
        transfers.append(Transfer(**{**row, **days, "steps": steps}))
    return SupplyLedger(
        lines={line.stated.po_line: line for line in lines},
        received=dict(plain["received"]),
        transfers={t.transfer: t for t in transfers},
        expedited={
            po_line: (datetime.fromisoformat(at), ordered_from_json(ordered))
            for po_line, (at, ordered) in plain["expedited"].items()
        },
        **signals_from_json(plain["signals"]),
        calls={
            action_id: (datetime.fromisoformat(at), ordered_from_json(call))
            for action_id, (at, call) in plain["calls"].items()
        },
    )


def _step_json(step: TransferStepTaken) -> dict[str, Any]:
    days = {"arrive_p50": step.arrive_p50.isoformat(), "arrive_p90": step.arrive_p90.isoformat()}
    return asdict(step) | days | {"at": instant_text(step.at)}


def _step(plain: Mapping[str, Any]) -> TransferStepTaken:
    days = {name: date.fromisoformat(plain[name]) for name in ("arrive_p50", "arrive_p90")}
    return TransferStepTaken(**{**plain, **days, "at": datetime.fromisoformat(plain["at"])})


def _fact_json(fact: OrderLineStated) -> dict[str, Any]:
    plain = {name: getattr(fact, name) for name in fact.__dataclass_fields__}
    for name in ("occurred_at", "arrived_at"):
        plain[name] = instant_text(plain[name])
    for name in ("need_by", "promised"):
        plain[name] = plain[name].isoformat()
    return plain


def _stated(plain: Mapping[str, Any]) -> OrderLineStated:
    return OrderLineStated(
        **{
            **plain,
            **{n: datetime.fromisoformat(plain[n]) for n in ("occurred_at", "arrived_at")},
            **{n: date.fromisoformat(plain[n]) for n in ("need_by", "promised")},
        }
    )


def _instant(at: datetime | None) -> str | None:
    return None if at is None else instant_text(at)


def _read_instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
