"""Is a configuration file a plain file of the workspace, and safe from strangers?"""

import os
import stat
from pathlib import Path

from replan.findings import Finding

MAX_CONFIG_BYTES = 256 * 1024
MAX_TABLE_BYTES = 64 * 1024 * 1024


def read_config(
    root: Path, relative: str, *, max_bytes: int = MAX_CONFIG_BYTES, private: bool = False
) -> bytes | Finding:
    """The bytes of a file inside the workspace, or why they are refused.

    Refused: a missing file (rule `missing`), a symbolic link at or below the workspace folder
    (`symlink`), a path that leaves it (`outside`), a file over the size bound (`size`) and,
    where `private`, one that every user of the machine may write (`world_writable`). Who can
    write the table can give authority.
    """
    path = root / relative
    if Path(relative).is_absolute() or ".." in Path(relative).parts:
        return _refused(relative, relative, "outside", "must lie inside the workspace")
    below = root
    for part in Path(relative).parts:
        below = below / part
        if below.is_symlink():
            return _refused(relative, str(part), "symlink", f"{part} is a symbolic link")
    try:
        # O_NOFOLLOW and fstat on the open file leave no moment for a swap between check and read.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return _refused(relative, None, "missing", "there is no such file")
    except OSError as wrong:
        return _refused(relative, None, "unreadable", f"cannot be read: {wrong.strerror}")
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            return _refused(relative, None, "unreadable", "is not a plain file")
        if private and status.st_mode & stat.S_IWOTH:
            mode = oct(stat.S_IMODE(status.st_mode))
            return _refused(
                relative, mode, "world_writable", f"mode {mode} lets everybody write it"
            )
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        text = f"is larger than {max_bytes // 1024} KiB"
        return _refused(relative, str(status.st_size), "size", text)
    return content


def _refused(file: str, value: str | None, rule: str, message: str) -> Finding:
    return Finding(
        severity="error",
        file=file,
        line=None,
        value=value,
        rule=rule,
        message=f"{file} {message}",
    )
