"""How is a Grafana elsewhere spoken to? One class around `grafana-api`, by UID and by token.

Nothing is tried again here: every call either does what it says, once, or raises. NotSo where
Grafana refuses, SourceAway where it does not answer; a message never holds the token.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import requests
from grafana_api.grafana_api import GrafanaClientError, GrafanaException, GrafanaServerError
from grafana_api.grafana_face import GrafanaFace

from replan.canonical import digest
from replan.errors import NotSo, SourceAway, UsageError

OLDEST: Final = (9, 3)
SECONDS: Final = 5.0
_OF_THE_SERVER: Final = ("id", "version")
"""Members of a dashboard that a server counts for itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a Grafana says of itself: its version, and how its own database is."""

    version: str
    database: str


class Grafana:
    """A Grafana at `url` (a path in it counts), as the owner of a service account token. Its
    threads may share it.
    """

    def __init__(self, url: str, token: str, *, seconds: float = SECONDS) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"Grafana url {url!r}: must be as https://grafana.example is")
        self.url = url.rstrip("/")
        self._token, self._seconds = token, seconds
        self._parts = parts
        self._mine = threading.local()

    def health(self) -> Health:
        """Whether it answers, and what it is."""
        said = self._ask("GET", "/health")
        return Health(version=str(said["version"]), database=str(said["database"]))

    def version(self) -> tuple[int, int]:
        """Major and minor version; NotSo for one that the dashboards were not made for."""
        text = self.health().version
        try:
            major, minor = (int(part) for part in text.split(".")[:2])
        except ValueError as error:
            raise NotSo(f"Grafana {self.url}: version {text!r} cannot be read") from error
        if (major, minor) < OLDEST:
            raise NotSo(f"Grafana {self.url}: is {text}, must be 9.3 or newer")
        return major, minor

    def ensure_folder(self, uid: str, title: str) -> bool:
        """A folder of this uid bears this title; whether anything had to change."""
        stands = self._find(f"/folders/{_part(uid)}")
        if stands is None:
            self._ask("POST", "/folders", {"uid": uid, "title": title})
        elif stands["title"] != title:
            self._ask("PUT", f"/folders/{_part(uid)}", {"title": title, "overwrite": True})
        else:
            return False
        return True

    def ensure_datasource(self, wanted: Mapping[str, Any]) -> bool:
        """A data source of the uid in `wanted` is as it says; whether anything had to change.

        Secrets cannot be read back: those that are set stay as they are unless something else
        changed.
        """
        place = f"/datasources/uid/{_part(wanted['uid'])}"
        stands = self._find(place)
        if stands is None:
            self._ask("POST", "/datasources", dict(wanted))
            return True
        secrets = set(wanted.get("secureJsonData", ()))
        kept = {name for name, is_set in (stands.get("secureJsonFields") or {}).items() if is_set}
        plain = {name: value for name, value in wanted.items() if name != "secureJsonData"}
        if _holds(stands, plain) and secrets <= kept:
            return False
        self._ask("PUT", place, dict(wanted))
        return True

    def has_datasource(self, uid: str) -> bool:
        """Whether there is a data source of this uid."""
        return self._find(f"/datasources/uid/{_part(uid)}") is not None

    def push_dashboard(self, board: Mapping[str, Any], folder_uid: str) -> bool:
        """The dashboard stands in a folder as given; whether it had to be saved.

        A newer Grafana may hold it in a form of its own: then the note of its newest version says
        what it was made from.
        """
        uid, note = board["uid"], f"replan {digest(board)}"
        stands = self._find(f"/dashboards/uid/{_part(uid)}")
        in_place = stands is not None and stands["meta"].get("folderUid") == folder_uid
        if in_place and (_plain(stands["dashboard"]) == _plain(board) or self._note(uid) == note):
            return False
        saved = {"dashboard": {**board, "id": None}, "folderUid": folder_uid, "overwrite": True}
        self._ask("POST", "/dashboards/db", saved | {"message": note})
        return True

    def remove_dashboard(self, uid: str) -> None:
        """Take a dashboard away; NotSo if there is none."""
        self._ask("DELETE", f"/dashboards/uid/{_part(uid)}")

    def remove_folder(self, uid: str) -> None:
        """Take a folder away, with what is in it."""
        self._ask("DELETE", f"/folders/{_part(uid)}")

    def annotate(
        self,
        key: str,
        text: str,
        at: datetime,
        *,
        until: datetime | None = None,
        tags: Sequence[str] = (),
    ) -> bool:
        """A mark on all charts that bears `key` as a tag; whether it was not there yet."""
        mark = f"replan:{key}"
        if self._ask("GET", "/annotations?" + urlencode({"tags": mark, "limit": 1})):
            return False
        body = {"time": _millis(at), "text": text, "tags": [mark, *tags]}
        if until is not None:
            body["timeEnd"] = _millis(until)
        self._ask("POST", "/annotations", body)
        return True

    def run_sql(
        self, sql: str, since: datetime, until: datetime, *, source: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        """The rows of a query through a data source (`type`, `uid`); macros are Grafana's to fill
        in, variables are not.
        """
        query = {"refId": "A", "datasource": dict(source), "rawSql": sql, "format": "table"}
        asked = {
            "queries": [query],
            "from": str(_millis(since)),
            "to": str(_millis(until)),
        }
        said = self._ask("POST", "/ds/query", asked)["results"]["A"]
        if said.get("error"):
            raise NotSo(f"Grafana {self.url}: the query was refused: {said['error']}")
        rows: list[dict[str, Any]] = []
        for frame in said.get("frames", ()):
            names = [field["name"] for field in frame["schema"]["fields"]]
            rows += [
                dict(zip(names, row, strict=True))
                for row in zip(*frame["data"]["values"], strict=True)
            ]
        return rows

    def team_logins(self) -> dict[str, tuple[str, ...]]:
        """The logins of each team by its name; needs the token of an administrator."""
        found, page = {}, 1
        while True:
            said = self._ask("GET", f"/teams/search?perpage=1000&page={page}")
            for team in said["teams"]:
                members = self._ask("GET", f"/teams/{_part(str(team['id']))}/members")
                found[str(team["name"])] = tuple(sorted(str(one["login"]) for one in members))
            if not said["teams"] or page * said["perPage"] >= said["totalCount"]:
                return dict(sorted(found.items()))
            page += 1

    def _note(self, uid: str) -> str | None:
        """What the newest version of a dashboard was saved with."""
        said = self._find(f"/dashboards/uid/{_part(uid)}/versions?limit=1")
        listed = said.get("versions", []) if isinstance(said, dict) else said or []
        return listed[0].get("message") if listed else None

    def _find(self, path: str) -> Any:
        """What stands there; None where nothing does."""
        with self._translated(path):
            try:
                return self._api().GET(path)
            except GrafanaClientError as error:
                if error.status_code == 404:
                    return None
                raise

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        with self._translated(path):
            return getattr(self._api(), method)(path, json=body)

    def _api(self) -> Any:
        """A session of this thread's own."""
        if not hasattr(self._mine, "api"):
            path = self._parts.path.strip("/")
            self._mine.api = GrafanaFace(
                auth=self._token,
                host=self._parts.hostname,
                port=self._parts.port,
                protocol=self._parts.scheme,
                url_path_prefix=f"{path}/" if path else "",
                timeout=self._seconds,
            ).api
        return self._mine.api

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        place = f"Grafana {self.url}: /api{path.split('?')[0]}"
        try:
            yield
        except GrafanaServerError as error:
            raise SourceAway(f"{place} failed with {error.status_code}") from error
        except GrafanaException as error:
            raise NotSo(f"{place} {_refusal(error)}") from error
        except requests.JSONDecodeError as error:
            # An empty body is how a folder says that it is gone.
            if error.doc:
                raise NotSo(
                    f"{place} answered something that is no JSON; is it Grafana?"
                ) from error
        except requests.RequestException as error:
            raise SourceAway(f"{place} did not answer: {type(error).__name__}") from error


def _refusal(error: GrafanaException) -> str:
    said = error.response.get("message") if isinstance(error.response, dict) else None
    words = {
        401: "refuses the token",
        403: "is not allowed for the owner of the token",
        404: "is not there",
        412: "was changed by someone else meanwhile",
    }
    word = words.get(error.status_code, f"refuses with {error.status_code}")
    if said and "provisioned" in said.lower():
        word += "; it comes from a file of that Grafana: push into another folder, or use the file"
    return f"{word}{f' ({said})' if said else ''}"


def _holds(stands: Any, wanted: Any) -> bool:
    """Whether what stands says all that is wanted; it may say more."""
    if isinstance(wanted, Mapping):
        return isinstance(stands, Mapping) and all(
            _holds(stands.get(name), value) for name, value in wanted.items()
        )
    return bool(stands == wanted)


def _plain(board: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in board.items() if name not in _OF_THE_SERVER}


def _part(text: str) -> str:
    return quote(text, safe="")


def _millis(at: datetime) -> int:
    return int(at.astimezone(UTC).timestamp() * 1_000)
