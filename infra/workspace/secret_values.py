"""Where do passwords and keys come from? From the environment, or from a file that it names.

`REPLAN_LEDGER_PASSWORD` holds a secret itself, `REPLAN_LEDGER_PASSWORD_FILE` names a file that
holds it, as container platforms mount them. A secret never stands in a message.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from replan.errors import NotSo

LEDGER_PASSWORD: Final = "REPLAN_LEDGER_PASSWORD"

PLACEHOLDERS: Final = ("", "changeme")

SECRET_ENDINGS: Final = ("PASSWORD", "SECRET", "TOKEN", "KEY")
"""What the names of secrets end with."""

MAX_SECRET_BYTES: Final = 64 * 1024


def secret(name: str, environment: Mapping[str, str] | None = None) -> str | None:
    """The secret of a name, None where neither it nor its file is set.

    Raises NotSo if both are set, the file cannot be read, or what is found is empty or a
    placeholder.
    """
    found = os.environ if environment is None else environment
    value, path = found.get(name), found.get(f"{name}_FILE")
    if value is not None and path is not None:
        raise NotSo(f"{name}: is set, and {name}_FILE too; set one of them")
    if path is not None:
        try:
            with Path(path).open("rb") as file:
                value = file.read(MAX_SECRET_BYTES).decode().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as wrong:
            raise NotSo(f"{name}_FILE: {path} cannot be read as text: {wrong}") from wrong
    if value is not None and value.strip() in PLACEHOLDERS:
        raise NotSo(f"{name}: is empty or a placeholder; a secret must be set, or none at all")
    return value


def known_secrets(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Every secret that the environment holds or names under a name of ours, so that logs can mask
    them. Raises NotSo as `secret` does.
    """
    found = os.environ if environment is None else environment
    names = {name.removesuffix("_FILE") for name in found if name.startswith("REPLAN_")}
    secrets = (secret(name, found) for name in sorted(names) if name.endswith(SECRET_ENDINGS))
    return tuple(value for value in secrets if value is not None)
