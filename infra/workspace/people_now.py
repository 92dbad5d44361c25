"""Who may do what, as planners.yaml says at this moment? Read again when the file has changed.

Somebody who was taken out, or made inactive, is out at the next request of a server that has been
running for weeks. A file with an error in it leaves nobody, until it is right again.
"""

from pathlib import Path
from threading import Lock

from replan.infra.workspace.people_file import PLANNERS_FILE, read_people
from replan.people import People


class PeopleNow:
    """The people of a workspace; `read` is what was read when it was opened."""

    def __init__(self, root: Path, read: People) -> None:
        self._root = root
        self._lock = Lock()
        self._seen = self._stamp()
        self._people = read

    def __call__(self) -> People:
        """Everybody of the file as it stands."""
        with self._lock:
            stamp = self._stamp()
            if stamp != self._seen:
                # The regions only matter to warnings, which nobody would read here.
                self._seen, (self._people, _) = stamp, read_people(self._root, None)
            return self._people

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            there = (self._root / PLANNERS_FILE).stat()
        except OSError:
            return None
        return there.st_mtime_ns, there.st_size, there.st_ino
