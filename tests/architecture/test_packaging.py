"""Does what we ship hold every file we wrote, and did the type checker see every module?"""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE_OF_FOLDER = {
    "replan": "replan",
    "models": "replan/models",
    "solver": "replan/solver",
    "streams": "replan/streams",
    "infra": "replan/infra",
}
# Read in the repository, not from an installed package.
NOT_SHIPPED = ("infra/docs/", "infra/compose.yaml", "infra/Containerfile")


def shipped_files() -> dict[str, Path]:
    """Path inside the wheel → file, for all that stands in the five folders.

    The symlinks in `replan/` are not followed: they show the other folders a second time.
    """
    found = {}
    for folder, package in sorted(PACKAGE_OF_FOLDER.items()):
        for directory, subfolders, names in os.walk(ROOT / folder):
            subfolders[:] = sorted(name for name in subfolders if name != "__pycache__")
            for name in sorted(names):
                path = Path(directory, name)
                here = path.relative_to(ROOT).as_posix()
                if path.is_symlink() or here.startswith(NOT_SHIPPED):
                    continue
                found[f"{package}/{path.relative_to(ROOT / folder).as_posix()}"] = path
    return found


def modules_of_mypy(report: Path) -> set[str]:
    """Names in a line-count report; its rows are four counts and a module."""
    rows = (line.split() for line in report.read_text(encoding="utf-8").splitlines())
    return {row[-1] for row in rows if len(row) == 5}


def packages_listed() -> set[str]:
    """Folders inside the wheel that the build is told of."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {name.replace(".", "/") for name in settings["tool"]["setuptools"]["packages"]}


def test_no_package_is_missing_from_the_list() -> None:
    with_init = {
        Path(inside).parent.as_posix()
        for inside in shipped_files()
        if inside.endswith("/__init__.py")
    }
    assert with_init == packages_listed()


def test_modules_stand_in_packages_but_for_scripts_loaded_or_run_by_path() -> None:
    by_path = ("replan/infra/defaults/", "replan/infra/migrations/")
    holding_modules = {
        Path(inside).parent.as_posix()
        for inside in shipped_files()
        if inside.endswith(".py") and not inside.startswith(by_path)
    }
    assert holding_modules == packages_listed()


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_five_folders(tmp_path: Path) -> None:
    # Built from a copy: `build/` left by an earlier run would put deleted modules into the wheel.
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, source / name)
    for folder in PACKAGE_OF_FOLDER:
        shutil.copytree(
            ROOT / folder,
            source / folder,
            symlinks=True,
            ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"),
        )
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, source],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = tmp_path.glob("replan-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert inside == set(shipped_files())


@pytest.mark.slow
def test_mypy_sees_every_module(tmp_path: Path) -> None:
    written = {
        inside.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for inside in shipped_files()
        if inside.endswith(".py")
    }
    subprocess.run(
        # The cache of its own keeps modules that did not change in the report.
        [
            sys.executable,
            "-m",
            "mypy",
            "--cache-dir",
            tmp_path / "cache",
            "--linecount-report",
            tmp_path,
        ],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    seen = modules_of_mypy(tmp_path / "linecount.txt")
    assert written - seen == set()


def test_mypy_ignores_no_module_of_ours() -> None:
    mypy = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    named = [
        name
        for override in mypy.get("overrides", [])
        for name in (
            [override["module"]] if isinstance(override["module"], str) else override["module"]
        )
    ]
    assert "exclude" not in mypy
    assert [name for name in named if name.split(".")[0] in {"replan", "*"}] == []
