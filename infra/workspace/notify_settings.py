"""Who is told outside of the queue, and how? The section `[notify]` of replan.toml."""

import re
from collections.abc import Mapping
from datetime import time
from importlib.metadata import entry_points
from ipaddress import ip_address
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from replan.infra.workspace.shapes import StrictShape, parsed_by, refuse
from replan.infra.workspace.text_values import NotAValue, day_time, web_address

GROUP: Final = "replan.notifiers"
"""Entry points under which plug-ins register their kind of way."""
BUILT_IN: Final = ("smtp", "webhook")
ANYBODY: Final = "*"
"""Stands for every recipient that is not named."""
SECRET: Final = "REPLAN_NOTIFY_{}_PASSWORD"
"""With the name of a way in capitals: the password of its mail account, or its bearer token."""


def kinds() -> tuple[str, ...]:
    """The kinds of way there are: ours, and those of installed plug-ins."""
    return (*BUILT_IN, *sorted({entry.name for entry in entry_points(group=GROUP)}))


def _kind(name: object) -> str:
    if name not in kinds():
        raise NotAValue("unknown_name", f"{name!r} is not one of {', '.join(kinds())}")
    return str(name)


def _addresses(given: object) -> Mapping[str, tuple[str, ...]]:
    """Recipient → addresses; the recipient `*` stands for everybody else."""
    if not isinstance(given, dict):
        raise NotAValue("type", f"{given!r} is not a table of recipients and addresses")
    found: dict[str, tuple[str, ...]] = {}
    for recipient, listed in given.items():
        if recipient != ANYBODY and not recipient.startswith("role:"):
            raise NotAValue("unknown_name", f"{recipient!r} is no recipient such as role:planner")
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            raise NotAValue("type", f"{recipient}: {listed!r} is not a list of addresses")
        for one in listed:
            if not re.fullmatch(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+", one):
                raise NotAValue("address", f"{recipient}: {one!r} is not a mail address")
        found[recipient] = tuple(listed)
    return found


def _recipients(given: object) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise NotAValue("type", f"{given!r} is not a list of recipients")
    for one in given:
        if one != ANYBODY and not one.startswith("role:"):
            raise NotAValue("unknown_name", f"{one!r} is no recipient such as role:planner")
    return tuple(given)


def _link(text: object) -> str:
    if text == "":
        return ""
    address = web_address(text)
    if "{id}" not in address:
        raise NotAValue("link", f"{text!r} must hold {{id}} where the id of a decision belongs")
    return address


class Way(StrictShape):
    """One way to tell people. `smtp`: a mail server (`host`, `port`, `security`, `sender`,
    `account`) and addresses by recipient (`to`). `webhook`: a `url` that gets a POST for each of
    `recipients` (none named: all); `format` text is the bare `{"text": …}` that chats take.
    `private`: it is on this machine or in a private network. `digest`: whether it gets the daily
    digest too. A plug-in reads its `options`."""

    kind: Annotated[str, parsed_by(_kind)]
    recipients: Annotated[tuple[str, ...], parsed_by(_recipients)] = (ANYBODY,)
    digest: bool = True
    private: bool = False
    host: str = ""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: str = ""
    account: str = ""
    to: Annotated[Mapping[str, tuple[str, ...]], parsed_by(_addresses)] = Field(
        default_factory=dict
    )
    url: str = ""
    format: Literal["cloudevent", "text"] = "cloudevent"
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.kind == "smtp":
            if not self.host or "@" not in self.sender or not self.to:
                raise refuse("missing", "a way by smtp needs host, sender and to")
            if self.security == "none" and not (self.private or _is_here(self.host)):
                text = f"mail to {self.host} travels open: use starttls or tls, or say private"
                raise refuse("not_allowed", text)
        if self.kind == "webhook":
            address = urlsplit(web_address(self.url) if self.url else "")
            if not address.hostname:
                raise refuse("missing", "a way by webhook needs a url")
            if address.scheme != "https" and not self.private:
                raise refuse("not_allowed", "a way that is not private needs https")
        return self

    def serves(self, recipient: str, is_digest: bool) -> bool:
        """Whether this recipient is told this way, or gets the digest."""
        if is_digest and not self.digest:
            return False
        named = tuple(self.to) if self.kind == "smtp" else self.recipients
        return recipient in named or ANYBODY in named

    def addresses(self, recipient: str) -> tuple[str, ...]:
        """Mail addresses of a recipient."""
        return self.to.get(recipient, self.to.get(ANYBODY, ()))


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Notify(StrictShape):
    """How people hear of what waits for them: `link` is where they can look, with `{id}` for the
    decision; `digest_at` when the daily digest is told, in the policy zone (none: no digest);
    `timeout_seconds` for one message; ways by name."""

    link: Annotated[str, parsed_by(_link)] = ""
    digest_at: Annotated[time | None, parsed_by(lambda x: None if x is None else day_time(x))] = (
        None
    )
    timeout_seconds: Annotated[int, Field(ge=1, le=300)] = 10
    ways: dict[str, Way] = {}  # noqa: RUF012 (pydantic copies it)

    @model_validator(mode="after")
    def _names(self) -> Self:
        for name in sorted(self.ways):
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", name):
                raise refuse("charset", f"way {name!r}: a name is lower-case letters, digits, _")
        return self

    @property
    def roles(self) -> tuple[str, ...]:
        """The recipients that ways name, sorted."""
        named = {r for way in self.ways.values() for r in (*way.recipients, *way.to)}
        return tuple(sorted(named - {ANYBODY}))
