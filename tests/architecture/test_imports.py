"""Does the core stay pure: the standard library and numpy alone, no clock, no chance, no I/O?"""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = sorted((ROOT / "replan").glob("*.py"))
# These decide as well, so that a replay finds what was decided; they may use a library each.
DECIDING = CORE + sorted((ROOT / "models").glob("*.py")) + sorted((ROOT / "solver").glob("*.py"))
EDGES = {"replan.models", "replan.solver", "replan.streams", "replan.infra"}

# Part of the standard library, but a clock, chance, I/O, or a second thread.
IMPURE_MODULES = {
    "asyncio",
    "concurrent",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "random",
    "secrets",
    "shutil",
    "socket",
    "sqlite3",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
}
IMPURE_BUILTINS = {"input", "open", "print"}
CLOCKS_AND_CHANCE = {
    "date.today",
    "datetime.now",
    "datetime.today",
    "datetime.utcnow",
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "time.sleep",
    "time.time",
    "time.time_ns",
    "uuid.uuid1",
    "uuid.uuid4",
}
# Global state of numpy; a generator made from a written seed is a value and may be passed around.
SEEDED = {"Generator", "PCG64", "Philox", "SeedSequence", "default_rng"}


def original_names(tree: ast.Module) -> dict[str, str]:
    """Local name → what was imported under it, dotted in full."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                local = alias.asname or alias.name.split(".")[0]
                names[local] = alias.name if alias.asname else local
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def dotted(node: ast.expr, names: dict[str, str]) -> str:
    """`np.random.rand` → `numpy.random.rand`; empty for anything but names and attributes."""
    match node:
        case ast.Name(id=name):
            return names.get(name, name)
        case ast.Attribute(value=value, attr=attr):
            before = dotted(value, names)
            return f"{before}.{attr}" if before else ""
        case _:
            return ""


def imported_modules(tree: ast.Module) -> list[tuple[int, str]]:
    """Line and module; `from replan import models` counts as `replan.models`."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            module = node.module or ""
            found += [
                (node.lineno, f"{module}.{alias.name}" if module == "replan" else module)
                for alias in node.names
            ]
    return found


def unwanted_imports(source: str) -> list[str]:
    """Imports that the core may not have."""
    unwanted = []
    for line, module in imported_modules(ast.parse(source)):
        top = module.split(".")[0]
        edge = any(module == name or module.startswith(f"{name}.") for name in EDGES)
        allowed = top in {"replan", "numpy"} or top in sys.stdlib_module_names
        if edge or not allowed or top in IMPURE_MODULES:
            unwanted.append(f"line {line}: {module}")
    return unwanted


def uses_of_clock_or_chance(source: str) -> list[str]:
    """Uses whose answer differs from run to run, called at once or passed on."""
    tree = ast.parse(source)
    names = original_names(tree)
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute | ast.Name | ast.Call):
            continue
        name = dotted(node.func if isinstance(node, ast.Call) else node, names)
        chance = name.startswith(("random.", "secrets."))
        if name.startswith("numpy.random."):
            chance = name.split(".")[2] not in SEEDED
        unseeded = (
            isinstance(node, ast.Call)
            and name.endswith("random.default_rng")
            and not (node.args or node.keywords)
        )
        if name in CLOCKS_AND_CHANCE or chance or unseeded:
            found.append(f"line {node.lineno}: {name}")
    return sorted(set(found))


def impure_builtins(source: str) -> list[str]:
    """Calls of builtins that read or write."""
    return [
        f"line {node.lineno}: {node.func.id}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in IMPURE_BUILTINS
    ]


def folder_and_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", CORE, ids=folder_and_name)
def test_core_imports_the_standard_library_numpy_and_itself(path: Path) -> None:
    assert unwanted_imports(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", DECIDING, ids=folder_and_name)
def test_what_decides_has_no_clock_and_no_chance(path: Path) -> None:
    assert uses_of_clock_or_chance(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", CORE, ids=folder_and_name)
def test_core_neither_reads_nor_writes(path: Path) -> None:
    assert impure_builtins(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "use"),
    [
        ("import datetime as dt\nx = dt.datetime.now(dt.UTC)", "line 2: datetime.datetime.now"),
        ("from datetime import datetime\nx = datetime.now()", "line 2: datetime.datetime.now"),
        ("from datetime import date\nx = date.today()", "line 2: datetime.date.today"),
        ("from uuid import uuid4 as new_id\nx = new_id()", "line 2: uuid.uuid4"),
        ("import time\ntime.sleep(1)", "line 2: time.sleep"),
        ("import time\nx = time.time()", "line 2: time.time"),
        ("import random\nx = random.random()", "line 2: random.random"),
        ("from random import choice\nx = choice([1])", "line 2: random.choice"),
        ("import numpy as np\nx = np.random.rand()", "line 2: numpy.random.rand"),
        ("import numpy as np\nx = np.random.default_rng()", "line 2: numpy.random.default_rng"),
        ("import uuid\nmake = uuid.uuid4", "line 2: uuid.uuid4"),
    ],
)
def test_a_clock_or_chance_is_found_under_any_name(source: str, use: str) -> None:
    assert use in uses_of_clock_or_chance(source)


@pytest.mark.parametrize(
    "source",
    [
        "import numpy as np\nrng = np.random.default_rng(7)",
        "import numpy as np\ndef draw(rng: np.random.Generator) -> float: return rng.random()",
        "from datetime import UTC, datetime\nx = datetime.fromtimestamp(0, UTC)",
        "import uuid\nx = uuid.uuid5(uuid.NAMESPACE_URL, 'sale')",
    ],
)
def test_a_seeded_generator_and_a_given_instant_are_fine(source: str) -> None:
    assert uses_of_clock_or_chance(source) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pandas as pd",
        "import random",
        "from pathlib import Path",
        "from replan import models",
        "from replan.infra.workspace.settings import load",
        "import replan.solver.planner",
        "import models",
    ],
)
def test_an_import_the_core_may_not_have_is_found(source: str) -> None:
    assert unwanted_imports(source) != []


@pytest.mark.slow
def test_folders_share_one_name() -> None:
    """`import models` would load one file under two names, with two copies of every class."""
    shared = [
        f"{folder_and_name(path)} {found}"
        for folder in ("replan", "models", "solver", "streams", "infra", "tests")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for found in imported_modules(ast.parse(path.read_text(encoding="utf-8")))
        if found[1].split(".")[0] in {"models", "solver", "streams", "infra"}
    ]
    assert shared == []
