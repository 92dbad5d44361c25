"""From where is it asked? The address of whoever asks, behind proxies that are trusted."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.requests import Request

from replan.infra.workspace.review_settings import Network


def peer_of(request: Request) -> IPv4Address | IPv6Address | None:
    """Who holds the other end of the connection; None where that is no address."""
    return _address(request.client.host if request.client is not None else "")


def is_among(address: IPv4Address | IPv6Address | None, networks: Sequence[Network]) -> bool:
    """Whether an address lies in one of these networks."""
    return address is not None and any(address in network for network in networks)


def client_of(request: Request, trusted: Sequence[Network]) -> str:
    """The address that asks: the peer, or what trusted proxies say stands behind them.

    `X-Forwarded-For` is read from its end, where the nearest proxy writes: the first address that
    is no trusted proxy is as far as anybody can vouch for.
    """
    peer = peer_of(request)
    if not is_among(peer, trusted):
        return str(peer) if peer is not None else ""
    said = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    for text in reversed([part.strip() for part in said if part.strip()]):
        address = _address(text)
        if address is None:
            break
        peer = address
        if not is_among(address, trusted):
            break
    return str(peer)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # An IPv4 address is one, also where it came in over a socket for both.
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found
