"""Whose address stands behind a proxy, and whose does not?"""

from ipaddress import ip_network

import pytest
from starlette.requests import Request

from replan.infra.identity.addresses import client_of

TRUSTED = (ip_network("10.0.0.0/24"),)


def asked(peer: str, *forwarded: str) -> Request:
    headers = [(b"x-forwarded-for", text.encode()) for text in forwarded]
    return Request({"type": "http", "client": (peer, 4711), "headers": headers})


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.7", (), "192.0.2.7"),
        ("192.0.2.7", ("203.0.113.5",), "192.0.2.7"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("203.0.113.5",), "203.0.113.5"),
        ("10.0.0.1", ("1.2.3.4, 203.0.113.5",), "203.0.113.5"),
        ("10.0.0.1", ("1.2.3.4", "203.0.113.5, 10.0.0.2"), "203.0.113.5"),
        ("10.0.0.1", ("nonsense",), "10.0.0.1"),
        ("::ffff:10.0.0.1", ("203.0.113.5",), "203.0.113.5"),
        ("no address", ("203.0.113.5",), ""),
    ],
)
def test_only_a_trusted_proxy_speaks_for_another_address(
    peer: str, forwarded: tuple[str, ...], client: str
) -> None:
    assert client_of(asked(peer, *forwarded), TRUSTED) == client
