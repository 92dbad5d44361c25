"""Which forecasters are there? Name → factory: ours and the entry-point group `replan.models`."""

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Protocol

from replan.errors import UsageError
from replan.forecasting import Forecaster
from replan.models.classical import SeasonalEts
from replan.models.intermittent import Tsb
from replan.models.rolling import RollingMean
from replan.models.seasonal_naive import SeasonalNaive

GROUP = "replan.models"


class SizedForecaster(Forecaster, Protocol):
    """A forecaster that tells how many rows its state has before it has fitted anything."""

    @property
    def state_size(self) -> int: ...


BUILT_IN: Mapping[str, Callable[[], SizedForecaster]] = {
    "ets_ana": SeasonalEts,
    "mean28": RollingMean,
    "seasonal_naive": SeasonalNaive,
    "tsb": Tsb,
}


def factories() -> dict[str, Callable[[], Forecaster]]:
    """Every known forecaster by name, sorted. UsageError when a plug-in takes a taken name."""
    found: dict[str, Callable[[], Forecaster]] = dict(BUILT_IN)
    origin = dict.fromkeys(BUILT_IN, "replan")
    for entry in sorted(entry_points(group=GROUP), key=lambda e: (e.name, e.value)):
        if entry.name in found:
            raise UsageError(
                f"model {entry.name}: {entry.value} takes the name of {origin[entry.name]}"
            )
        found[entry.name] = entry.load()
        origin[entry.name] = entry.value
    return dict(sorted(found.items()))


def forecaster(name: str) -> Forecaster:
    """The forecaster of that name; UsageError naming the known ones."""
    known = factories()
    if name not in known:
        raise UsageError(f"model {name} is not known, must be one of {', '.join(known)}")
    made = known[name]()
    if made.name != name:
        raise UsageError(f"model {name} calls itself {made.name}; both must be the same")
    return made


def live_forecasters() -> Mapping[str, Forecaster]:
    """All forecasters for live use, by name. Imports no batch library: those load inside `fit`."""
    return {name: forecaster(name) for name in factories()}
