"""What does a Grafana answer? A server that speaks as 9.3.2 does where the adapter asks it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "glsa_of_the_tests"

Answer = tuple[int, Any]


class FakeGrafana:
    """Its folders, data sources, dashboards and marks, and what it was asked to change."""

    def __init__(self) -> None:
        self.version = "9.3.2"
        self.folders: dict[str, dict[str, Any]] = {}
        self.sources: dict[str, dict[str, Any]] = {}
        self.boards: dict[str, dict[str, Any]] = {}
        self.notes: dict[str, str] = {}
        self.marks: list[dict[str, Any]] = []
        self.teams = {"planners": ["bo", "ana"], "leads": ["max"]}
        self.provisioned: set[str] = set()
        self.changes: list[tuple[str, str]] = []
        self.rows: list[list[Any]] = [[1, 2], ["a", None]]
        self.migrates = False
        self.failing: Answer | None = None
        """Answered in place of everything."""

    def answer(self, method: str, path: str, body: Any) -> Answer:
        parts = urlsplit(path)
        way = [unquote(part) for part in parts.path.removeprefix("/api/").split("/")]
        if method != "GET" and way != ["ds", "query"]:
            self.changes.append((method, parts.path))
        match method, way:
            case "GET", ["health"]:
                return 200, {"commit": "21c1d14e91", "database": "ok", "version": self.version}
            case "GET", ["folders", uid]:
                return _found(self.folders, uid, "folder not found")
            case "POST", ["folders"]:
                self.folders[body["uid"]] = {"id": 1, "version": 1, **body}
                return 200, self.folders[body["uid"]]
            case "PUT", ["folders", uid]:
                self.folders[uid]["title"] = body["title"]
                return 200, self.folders[uid]
            case "DELETE", ["folders", uid]:
                del self.folders[uid]
                # As 9.3.2 does it: no body at all.
                return 200, None
            case "GET", ["datasources", "uid", uid]:
                return _found(self.sources, uid, "Data source not found")
            case "POST", ["datasources"]:
                return self._source(body)
            case "PUT", ["datasources", "uid", _]:
                return self._source(body)
            case "GET", ["dashboards", "uid", uid]:
                return _found(self.boards, uid, "Dashboard not found")
            case "GET", ["dashboards", "uid", uid, "versions"]:
                return 200, [{"id": 7, "version": 2, "message": self.notes[uid]}]
            case "POST", ["dashboards", "db"]:
                return self._board(body)
            case "DELETE", ["dashboards", "uid", uid]:
                del self.boards[uid]
                return 200, {"title": uid, "message": f"Dashboard {uid} deleted"}
            case "GET", ["annotations"]:
                [tag] = parse_qs(parts.query)["tags"]
                return 200, [mark for mark in self.marks if tag in mark["tags"]]
            case "POST", ["annotations"]:
                self.marks.append(body)
                return 200, {"message": "Annotation added", "id": len(self.marks)}
            case "POST", ["ds", "query"]:
                return self._rows(body)
            case "GET", ["teams", "search"]:
                teams = [{"id": n, "name": name} for n, name in enumerate(self.teams)]
                return 200, {"totalCount": len(teams), "teams": teams, "page": 1, "perPage": 1000}
            case "GET", ["teams", number, "members"]:
                logins = [*self.teams.values()][int(number)]
                return 200, [{"teamId": int(number), "login": login} for login in logins]
        return 404, {"message": "Not found"}

    def _source(self, body: dict[str, Any]) -> Answer:
        plain = {name: value for name, value in body.items() if name != "secureJsonData"}
        fields = dict.fromkeys(body.get("secureJsonData", {}), True)
        self.sources[body["uid"]] = {"id": 3, "orgId": 1, **plain, "secureJsonFields": fields}
        return 200, {"message": "Datasource added", "id": 3, "name": body["name"]}

    def _board(self, body: dict[str, Any]) -> Answer:
        board = body["dashboard"]
        if board["uid"] in self.provisioned:
            return 400, {"message": "Cannot save provisioned dashboard"}
        saved = {**board, "id": 11, "version": 2}
        if self.migrates:
            saved["schemaVersion"] = 42
        self.boards[board["uid"]] = {"meta": {"folderUid": body["folderUid"]}, "dashboard": saved}
        self.notes[board["uid"]] = body["message"]
        return 200, {"id": 11, "uid": board["uid"], "status": "success", "version": 2}

    def _rows(self, body: dict[str, Any]) -> Answer:
        [query] = body["queries"]
        if "nothing_such" in query["rawSql"]:
            return 400, {
                "results": {"A": {"error": "db query error: relation does not exist", "frames": []}}
            }
        fields = [{"name": "n"}, {"name": "word"}]
        frame = {"schema": {"refId": "A", "fields": fields}, "data": {"values": self.rows}}
        return 200, {"results": {"A": {"frames": [frame]}}}


def _found(kept: dict[str, dict[str, Any]], uid: str, absent: str) -> Answer:
    return (200, kept[uid]) if uid in kept else (404, {"message": absent})


@contextmanager
def served(fake: FakeGrafana, prefix: str = "") -> Iterator[str]:
    """The address of a fake, under a path of its own."""

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"null")
            if fake.failing is not None:
                status, said = fake.failing
            elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, said = 401, {"message": "Invalid API key"}
            elif not self.path.startswith(f"{prefix}/api/"):
                status, said = 404, "<html>page not found</html>"
            else:
                status, said = fake.answer(self.command, self.path.removeprefix(prefix), body)
            content = (
                b""
                if said is None
                else (said.encode() if isinstance(said, str) else json.dumps(said).encode())
            )
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = _any

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
