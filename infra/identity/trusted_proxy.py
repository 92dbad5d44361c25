"""Who does the proxy in front say is asking? It signs planners in and adds the login as a header.

Plain headers can be forged by anybody, so they count only from the addresses of that proxy, and the
proxy must take away what a browser sends under the same name. A session speaks for its login only
as long as the proxy goes on to say so.
"""

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from replan.infra.identity.addresses import is_among, peer_of
from replan.infra.identity.provider import House, TurnedAway, Vouched, WayIn
from replan.infra.workspace.review_settings import Network

NAME: Final = "trusted_proxy"


class TrustedProxy:
    """Believes the addresses in `trusted`; `header`: in which they name the login."""

    name = NAME

    def __init__(self, trusted: Sequence[Network], header: str) -> None:
        self._trusted = trusted
        self._header = header

    def of_request(self, request: Request, house: House) -> Vouched | None:
        """Who the proxy says it is; None if it is not the proxy that speaks."""
        if not is_among(peer_of(request), self._trusted):
            return None
        said = request.headers.getlist(self._header)
        if len(said) != 1 or not house.admits(said[0]):
            return None
        return Vouched(login=said[0], provider=NAME, org="", client=house.client(request))

    def holds(self, request: Request, house: House, login: str) -> bool:
        """Whether the proxy still names this login."""
        vouched = self.of_request(request, house)
        return vouched is not None and vouched.login == login

    def answer(self, request: Request, house: House) -> Response | TurnedAway | None:
        """No path is the proxy's."""
        return None

    def way_in(self, path: str) -> WayIn:
        """Through the proxy."""
        return WayIn(text="The sign-in in front of this page did not say who you are.")
