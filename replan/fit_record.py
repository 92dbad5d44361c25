"""How is a fit kept so that a replay reads the very same bits? Bytes of a `PanelFit`.

One canonical JSON header, a zero byte, then the arrays, little-endian and row by row, in the
header's order; zlib around it all. `panel_fit_digest` hashes what is inside, because two builds of
zlib may pack the same bytes differently.
"""

import json
import zlib
from collections.abc import Iterator
from dataclasses import fields
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replan.canonical import canonical_bytes, sha256_hex
from replan.errors import LedgerBroken
from replan.forecasting import PanelFit, WatchFit

_MAGIC = b"replan-fit-1\n"
_ARRAYS = (
    "choice",
    "degraded",
    "growth",
    "lift_due",
    "lift_mean",
    "lift_seen",
    "offsets",
    "scale",
    "sigma",
    "size",
    "state",
    "threshold_down",
    "threshold_up",
    "young",
)


def panel_fit_bytes(fit: PanelFit) -> bytes:
    """The fit as compressed bytes."""
    return zlib.compress(_raw(fit), 6)


def panel_fit_digest(fit: PanelFit) -> str:
    """`sha256:<hex>` of the fit's uncompressed bytes."""
    return "sha256:" + sha256_hex(_raw(fit))


def panel_fit_from_bytes(data: bytes) -> PanelFit:
    """The fit whose bytes these are; LedgerBroken when they are damaged or of an unknown form."""
    try:
        raw = zlib.decompress(data)
    except zlib.error as error:
        raise LedgerBroken(
            f"fit record of {len(data)} bytes cannot be unpacked: {error}"
        ) from error
    if not raw.startswith(_MAGIC):
        raise LedgerBroken(f"fit record starts with {raw[:13]!r}, must start with {_MAGIC!r}")
    end = raw.find(b"\0")
    try:
        header = json.loads(raw[len(_MAGIC) : max(end, 0)])
        arrays = dict(_read(header["arrays"], raw, end + 1))
        return _from_header(header, arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise LedgerBroken(f"fit record has a damaged header: {error!r}") from error


def _from_header(header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> PanelFit:
    watch = {
        name.removeprefix("watch."): value
        for name, value in arrays.items()
        if name.startswith("watch.")
    }
    return PanelFit(
        through=header["through"],
        models=tuple(header["models"]),
        versions=tuple(header["versions"]),
        params={
            name.removeprefix("params."): value
            for name, value in arrays.items()
            if name.startswith("params.")
        },
        persistent=header["persistent"],
        shared=header["shared"],
        notes=tuple(header["notes"]),
        watch=WatchFit(**watch) if watch else None,
        **{name: arrays[name] for name in _ARRAYS},
    )


def _raw(fit: PanelFit) -> bytes:
    arrays: list[tuple[str, NDArray[Any]]] = [(name, getattr(fit, name)) for name in _ARRAYS]
    arrays += [(f"params.{name}", fit.params[name]) for name in sorted(fit.params)]
    if fit.watch is not None:
        arrays += [(f"watch.{f.name}", getattr(fit.watch, f.name)) for f in fields(WatchFit)]
    columns = [(name, np.ascontiguousarray(a, dtype=_dtype(name))) for name, a in arrays]
    header = {
        "through": fit.through,
        "models": list(fit.models),
        "versions": list(fit.versions),
        "persistent": fit.persistent,
        "shared": fit.shared,
        "notes": list(fit.notes),
        "arrays": [[name, list(column.shape)] for name, column in columns],
    }
    body = b"".join(column.tobytes() for _, column in columns)
    return _MAGIC + canonical_bytes(header) + b"\0" + body


def _read(listed: list[Any], raw: bytes, at: int) -> Iterator[tuple[str, NDArray[Any]]]:
    for name, shape in listed:
        dtype = np.dtype(_dtype(name))
        size = prod(shape) * dtype.itemsize
        if at + size > len(raw):
            raise LedgerBroken(f"fit record ends inside {name}")
        # A copy: a view into the bytes would be read-only.
        column = np.frombuffer(raw, dtype=dtype, count=prod(shape), offset=at).reshape(shape).copy()
        at += size
        yield name, column.astype(dtype.newbyteorder("="), copy=False)
    if at != len(raw):
        raise LedgerBroken(f"fit record has {len(raw) - at} bytes after its last array")


def _dtype(name: str) -> str:
    numbers = ("choice", "degraded", "watch.profile_of", "young")
    return "<i8" if name in numbers else "<f8"
