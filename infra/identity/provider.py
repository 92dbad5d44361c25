"""What is a provider of identity? Somebody the engine believes about who a planner is.

A provider only says which login asks. Whether that login is known, active and allowed is for
planners.yaml and the authority table to say; a provider that cannot be sure says nothing.
"""

from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from replan.infra.identity.book import Book


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """A login that somebody vouched for: which provider, of which organisation (where it says one),
    and the address it is asked from.
    """

    login: str
    provider: str
    org: str
    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WayIn:
    """How a browser that nobody knows gets in: by a form for token and login, by a link that is
    followed at once (`goes_to`), or as `text` says, with a `link` to follow.
    """

    form: bool = False
    goes_to: str | None = None
    text: str = ""
    link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnedAway:
    """Why a browser was not let in, and where it may try again."""

    text: str
    link: str | None = None


class House(Protocol):
    """What a provider may ask of the pages."""

    @property
    def book(self) -> Book:
        """Where sessions and tickets are kept."""
        ...

    @property
    def over_tls(self) -> bool:
        """Whether browsers come over TLS."""
        ...

    def own_path(self, path: str) -> str:
        """The page to go on to: the one named if it is ours, else the queue."""
        ...

    def admits(self, login: str) -> bool:
        """Whether this is an active login of planners.yaml that has a role."""
        ...

    def address(self, request: Request) -> str:
        """Where browsers reach the pages, as `https://replan.example`."""
        ...

    def client(self, request: Request) -> str:
        """The address that asks, behind whatever proxies are trusted."""
        ...

    def has(self, decision_id: str) -> bool:
        """Whether there is a decision of that id."""
        ...

    def let_in(self, vouched: Vouched, path: str) -> Response:
        """A new session, and on to a page of ours."""
        ...


class Provider(Protocol):
    """One who vouches. `name` stands in the record of every verdict."""

    @property
    def name(self) -> str: ...

    def of_request(self, request: Request, house: House) -> Vouched | None:
        """Who a request is from by itself, whatever session it belongs to; None where only sessions
        tell.
        """
        ...

    def holds(self, request: Request, house: House, login: str) -> bool:
        """Whether a session that began here may still speak for its login in this request."""
        ...

    def answer(self, request: Request, house: House) -> Response | TurnedAway | None:
        """What the provider answers itself, before any route is looked at; None: not its path."""
        ...

    def way_in(self, path: str) -> WayIn:
        """How a browser that nobody knows gets to the page it asked for."""
        ...
