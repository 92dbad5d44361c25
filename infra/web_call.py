"""Is it safe to call this address, and what did it say? One request, bounded in every way.

The host is resolved once, every address it has is checked, and the connection goes to one of those,
so that a name cannot point elsewhere in between. Nothing is followed: a redirect is an answer.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from replan.errors import ReplanError

MAX_ANSWER_BYTES: Final = 64 * 1024


class NotConnected(ReplanError):
    """No byte of the request has left: wrong address, nobody listens, no trusted certificate."""


class NoAnswer(ReplanError):
    """The request may have arrived, and no answer that can be read came back in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status and the beginning of the body of an HTTP answer."""

    status: int
    body: bytes


def call(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    *,
    seconds: float,
    private: bool,
    connected: Callable[[], None] = lambda: None,
) -> Answer:
    """One request to an `http` or `https` URL. `seconds` bound the connection, and then the whole
    exchange; `private`: whether this machine and private networks may be called. `connected` runs
    before the first byte leaves, and may forbid it by raising.

    Raises NotConnected or NoAnswer.
    """
    parts = urlsplit(url)
    assert parts.hostname is not None, url
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    line = _connect(parts.hostname, port, secure=secure, seconds=seconds, private=private)
    try:
        connected()
        # A slow drip of bytes never runs into the timeout of a single read.
        late = threading.Event()
        watch = threading.Timer(seconds, _hang_up, (line, late))
        watch.daemon = True
        watch.start()
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            answer = _exchange(line, method, path, parts.netloc, headers, body)
            if late.is_set():
                raise TimeoutError(f"not whole within {seconds} s")
            return answer
        except (OSError, http.client.HTTPException, ValueError) as wrong:
            raise NoAnswer(f"{url}: no answer: {type(wrong).__name__} {wrong}") from wrong
        finally:
            watch.cancel()
    finally:
        line.close()


def checked_addresses(host: str, port: int, *, private: bool) -> list[tuple[str, int]]:
    """Where a host is, each address checked. Raises NotConnected for a name that is not known, or
    one of whose addresses must not be called.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as wrong:
        raise NotConnected(f"{host}: is not a known host: {wrong}") from wrong
    addresses = list(dict.fromkeys((str(row[4][0]), port) for row in found))
    for text, _ in addresses:
        if not private and not _is_public(text):
            raise NotConnected(
                f"{host}: {text} is this machine, a private network or reserved; "
                "a target must say that it is private to be called there"
            )
    return addresses


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    seen = mapped or address
    return seen.is_global and not seen.is_multicast


def _connect(host: str, port: int, *, secure: bool, seconds: float, private: bool) -> socket.socket:
    wrong: OSError | None = None
    for address in checked_addresses(host, port, private=private):
        try:
            line = socket.create_connection(address, timeout=seconds)
        except OSError as failed:
            wrong = failed
            continue
        if not secure:
            return line
        try:
            return ssl.create_default_context().wrap_socket(line, server_hostname=host)
        except OSError as failed:
            line.close()
            wrong = failed
    raise NotConnected(f"{host}:{port}: cannot be reached: {wrong}") from wrong


def _exchange(
    line: socket.socket,
    method: str,
    path: str,
    host: str,
    headers: Mapping[str, str],
    body: bytes | None,
) -> Answer:
    connection = http.client.HTTPConnection(host)
    connection.sock = line
    connection.request(method, path, body=body, headers={"Connection": "close", **headers})
    response = connection.getresponse()
    return Answer(status=response.status, body=response.read(MAX_ANSWER_BYTES))


def _hang_up(line: socket.socket, late: threading.Event) -> None:
    late.set()
    try:
        line.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It is closed already.
        return
