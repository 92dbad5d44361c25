"""Where are the pages for planners, and who says who they are? The section `[review]` of
replan.toml.
"""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from replan.infra.workspace.shapes import StrictShape, parsed_by, refuse
from replan.infra.workspace.text_values import NotAValue

BROKER_KEY = "REPLAN_BROKER_KEY"
"""What Grafana shows to be believed about who asks; a secret."""
OIDC_SECRET = "REPLAN_OIDC_CLIENT_SECRET"
"""What the engine shows to the identity provider; a secret, none for a public client."""

LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
"""Names by which a browser reaches its own machine."""

Network = IPv4Network | IPv6Network


def _base(text: object) -> str:
    """A web address without a path of its own, so that ours can be put behind it."""
    try:
        parts = urlsplit(text) if isinstance(text, str) else None
        well = parts is not None and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        well = False
    if text == "":
        return ""
    if parts is None or not well or parts.scheme not in ("http", "https"):
        raise NotAValue("url", f"{text!r} is not an http or https address")
    if parts.username is not None or parts.query or parts.fragment:
        raise NotAValue("url", "an address holds no login, no query and no fragment")
    if parts.scheme == "http" and parts.hostname not in LOCAL_NAMES:
        raise NotAValue("url", f"{text!r} must begin with https:// anywhere but on this machine")
    return str(text).rstrip("/")


def _origin(text: object) -> str:
    base = _base(text)
    if urlsplit(base).path:
        raise NotAValue("url", f"{text!r} has a path; the pages stand at the root of their host")
    return base.lower()


def _networks(texts: object) -> tuple[Network, ...]:
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise NotAValue("type", f"{texts!r} is not a list of addresses")
    try:
        return tuple(ip_network(text) for text in texts)
    except ValueError as wrong:
        raise NotAValue("address", f"{wrong}; write 10.0.0.7 or 10.0.0.0/24") from None


def _header(name: object) -> str:
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,63}", name):
        raise NotAValue("charset", f"{name!r} is not the name of a header")
    return name.lower()


class Review(StrictShape):
    """Who says who a planner is, the address at which browsers reach the pages (empty: this
    machine's) and Grafana, where Grafana publishes the keys that it signs with (empty: it need not
    sign), how long a session may rest, requests a second for one login and one
    address (the token of a run on this machine is not counted); what a trusted proxy, and what an
    OpenID provider is known by."""

    identity: Literal["auto", "dev", "grafana_broker", "trusted_proxy", "oidc"] = "auto"
    public_url: Annotated[str, parsed_by(_origin)] = ""
    grafana_url: Annotated[str, parsed_by(_base)] = ""
    grafana_keys: Annotated[str, parsed_by(_base)] = ""
    session_minutes: Annotated[int, Field(ge=15, le=30)] = 30
    login_per_second: Annotated[int, Field(ge=1, le=1000)] = 10
    address_per_second: Annotated[int, Field(ge=1, le=1000)] = 20
    trusted_proxies: Annotated[tuple[Network, ...], parsed_by(_networks)] = ()
    user_header: Annotated[str, parsed_by(_header)] = "x-forwarded-user"
    oidc_issuer: Annotated[str, parsed_by(_base)] = ""
    oidc_client_id: Annotated[str, Field(max_length=256)] = ""
    oidc_login_claim: Annotated[str, Field(min_length=1, max_length=64)] = "preferred_username"

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.identity == "trusted_proxy" and not self.trusted_proxies:
            text = "with identity 'trusted_proxy' trusted_proxies says which addresses are believed"
            raise refuse("missing", text)
        if self.identity == "oidc" and not (self.oidc_issuer and self.oidc_client_id):
            raise refuse("missing", "identity 'oidc' needs oidc_issuer and oidc_client_id")
        return self

    @property
    def is_public(self) -> bool:
        """Whether browsers of other machines are meant to come."""
        return bool(self.public_url) and urlsplit(self.public_url).hostname not in LOCAL_NAMES

    @property
    def uses_tls(self) -> bool:
        """Whether browsers come over TLS."""
        return self.public_url.startswith("https://")
