"""Are forecasters found by name, without loading any batch library?"""

import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from replan.errors import UsageError
from replan.models import registry


def test_the_four_built_in_forecasters_are_known() -> None:
    assert list(registry.live_forecasters()) == ["ets_ana", "mean28", "seasonal_naive", "tsb"]


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="model arima is not known, must be one of ets_ana"):
        registry.forecaster("arima")


def test_a_plug_in_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in = EntryPoint("mine", "replan.models.rolling:RollingMean", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: EntryPoints([plug_in]))
    assert list(registry.factories()) == ["ets_ana", "mean28", "mine", "seasonal_naive", "tsb"]


def test_a_plug_in_may_not_take_a_built_in_name(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in = EntryPoint("tsb", "elsewhere:Tsb", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: EntryPoints([plug_in]))
    with pytest.raises(UsageError, match="model tsb: elsewhere:Tsb takes the name of replan"):
        registry.factories()


def test_a_plug_in_must_answer_to_the_name_it_is_registered_under(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plug_in = EntryPoint("mine", "replan.models.rolling:RollingMean", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: EntryPoints([plug_in]))
    with pytest.raises(UsageError, match="model mine calls itself mean28"):
        registry.forecaster("mine")


def test_live_forecasters_load_no_batch_library() -> None:
    code = (
        "import sys; from replan.models.registry import live_forecasters; live_forecasters();"
        "sys.exit(int('statsforecast' in sys.modules or 'pandas' in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
