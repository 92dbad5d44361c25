"""Who carries actions out, and where? The section `[executor]` of replan.toml."""

import re
from datetime import timedelta
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from replan.authority_table import ACTIONS
from replan.infra.workspace.shapes import StrictShape, parsed_by, refuse
from replan.infra.workspace.text_values import NotAValue, duration, web_address

ACK_TIMEOUT = timedelta(hours=72)
"""So long a command may wait for its final answer before that is an alarm."""
COMMAND_SECRET = "REPLAN_COMMAND_SECRET"
"""Signs commands, where it is set; see `signing`."""
TARGET_TOKEN = "REPLAN_EXECUTOR_TOKEN_"
"""And the name of a target in capitals: what that target is shown to let us in."""


def _actions(names: object) -> tuple[str, ...]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise NotAValue("type", f"{names!r} is not a list of names")
    for name in names:
        if name not in ACTIONS:
            raise NotAValue("unknown_name", f"{name!r} is no action: {', '.join(sorted(ACTIONS))}")
    return tuple(sorted(set(names)))


Url = Annotated[str, parsed_by(web_address)]


class Target(StrictShape):
    """A web address that carries out some kinds of action (none named: all that no other has).
    `idempotent`: it does a key once however often it comes; `private`: it is on this machine or in
    a private network; `query_url` tells what became of a key."""

    url: Url
    actions: Annotated[tuple[str, ...], parsed_by(_actions)] = ()
    idempotent: bool = False
    private: bool = False
    query_url: Annotated[str | None, parsed_by(lambda x: None if x is None else web_address(x))] = (
        None
    )


class Executor(StrictShape):
    """Who carries actions out; `reference_erp` runs the small replenishment system that comes with
    the engine, `ack_timeout` is how long an answer may take before an alarm, `answer_seconds` how
    long a tick of the log clock waits for answers by topic. With `http`: hosts that may be called,
    seconds for one call, and targets by name."""

    kind: Literal["file", "http", "kafka"] = "file"
    reference_erp: bool = False
    ack_timeout: Annotated[timedelta, parsed_by(duration)] = ACK_TIMEOUT
    answer_seconds: Annotated[int, Field(ge=0, le=300)] = 10
    allowed_hosts: tuple[str, ...] = Field(default=(), strict=False)
    timeout_seconds: Annotated[int, Field(ge=1, le=300)] = 10
    targets: dict[str, Target] = {}  # noqa: RUF012 (pydantic copies it)

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.kind != "http":
            if self.targets:
                raise refuse("unused", f"targets are for kind 'http', not {self.kind!r}")
            return self
        if self.reference_erp:
            raise refuse("unused", "reference_erp is for kind 'file', not 'http'")
        for name, target in sorted(self.targets.items()):
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", name):
                raise refuse("charset", f"target {name!r}: a name is lower-case letters, digits, _")
            for url in filter(None, (target.url, target.query_url)):
                self._check(name, url, private=target.private)
        named = [action for target in self.targets.values() for action in target.actions]
        twice = sorted({action for action in named if named.count(action) > 1})
        rest = [name for name, target in self.targets.items() if not target.actions]
        if twice or len(rest) > 1:
            which = ", ".join(twice) or "the actions that none names"
            raise refuse("unique", f"more than one target carries out {which}")
        missing = sorted(set(ACTIONS) - set(named))
        if missing and not rest:
            raise refuse("missing", f"no target carries out {', '.join(missing)}")
        return self

    def _check(self, name: str, url: str, *, private: bool) -> None:
        parts = urlsplit(url)
        if parts.hostname not in self.allowed_hosts:
            raise refuse("not_allowed", f"target {name}: {parts.hostname} is not an allowed host")
        if parts.scheme != "https" and not private:
            raise refuse("not_allowed", f"target {name}: a target that is not private needs https")
