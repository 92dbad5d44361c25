"""Is this the commonest event of all, a plain sale? Then decode it without the general machinery.

Most events are sales of a whole number of units with nothing unusual about them. For exactly
those the answer is built here; for anything else it is None and the general path decides, so this
path can refuse nothing. A property test holds that both paths give equal results.

A line is parsed by the stdlib's parser as it is, which takes more than we do: doubled keys, NaN,
numbers too large. Here each of them shows: a key stands before a colon, so there are as many `":`
as the objects have keys; every value is looked at; and there is no backslash that could hide one.
"""

import json
import re
import sys
from functools import lru_cache
from typing import Any

from replan.canonical import sha256_hex
from replan.events import SaleRecorded
from replan.network import Network
from replan.streams.messages import Decoded, Place, Refusal
from replan.streams.strict_json import LARGEST_INTEGER
from replan.streams.translate import subject_ids
from replan.streams.wire_values import ID_PATTERN, LARGEST_QUANTITY, SOURCE_PATTERN, read_instant
from replan.units import ONE_UNIT, EventId, ItemId, SiteId, Units

_is_id = re.compile(ID_PATTERN).fullmatch
_is_source = re.compile(SOURCE_PATTERN).fullmatch

_ATTRIBUTES = frozenset(
    {"specversion", "id", "source", "type", "time", "recordedtime", "subject", "data"}
)


_scan = json.JSONDecoder().raw_decode


def plain_sale_line(raw: bytes, place: Place, network: Network | None) -> Decoded | None:
    """The decoded sale of a line that holds one and nothing else, of an item and site that the
    master data know; else None, as for `plain_sale`.
    """
    if raw[:1] != b"{" or raw[-1:] != b"}" or b"\\" in raw or b'"pos.sale.v1"' not in raw:
        return None
    try:
        text = raw.decode()
        event, end = _scan(text)
    except (ValueError, RecursionError):
        return None
    data = event.get("data")
    if type(data) is not dict or end != len(text):
        return None
    if text.count('":') != len(event) + len(data):
        return None
    decoded = plain_sale(event, raw, place)
    if decoded is None or network is None:
        return decoded
    fact = decoded.fact
    assert isinstance(fact, SaleRecorded), "a plain sale is a sale"
    return decoded if fact.item in network.items and fact.site in network.sites else None


def plain_sale(event: dict[str, Any], raw: bytes, place: Place) -> Decoded | None:
    """The decoded sale, or None if the general path must look at it."""
    if event.get("type") != "pos.sale.v1" or event.get("specversion") != "1.0":
        return None
    event_id, source, subject = event.get("id"), event.get("source"), event.get("subject")
    if not (isinstance(event_id, str) and isinstance(source, str) and isinstance(subject, str)):
        return None
    if not _is_id(event_id) or not _is_source(source):
        return None
    content = _plain_content(event.get("data"))
    if content is None or not _ATTRIBUTES.issuperset(event):
        return None
    sold, price, promo, payload = content
    try:
        occurred_at = read_instant(event.get("time"))
        recorded = event.get("recordedtime")
        arrived_at = occurred_at if recorded is None else read_instant(recorded)
        item, site = subject_ids("pos.sale.v1", subject)
    except (ValueError, Refusal):
        return None
    # A log names few sources and subjects, very often: one string of each is enough.
    fact = SaleRecorded(
        event_id=EventId(event_id),
        source=sys.intern(source),
        occurred_at=occurred_at,
        arrived_at=arrived_at,
        payload_sha=_payload_sha(payload),
        item=ItemId(item),
        site=SiteId(site),
        sold=Units(sold * ONE_UNIT),
        price_minor=price,
        promo=promo,
    )
    return Decoded(
        fact=fact,
        place=place,
        type="pos.sale.v1",
        subject=sys.intern(subject),
        raw=raw,
        is_recorded=recorded is not None,
    )


def _plain_content(data: Any) -> tuple[int, int | None, str | None, str] | None:
    """Quantity, price, promotion and canonical text of a payload of whole units, perhaps with a
    price, perhaps with price and promotion.
    """
    if type(data) is not dict:
        return None
    sold = data.get("qty")
    if type(sold) is not int or not 0 <= sold <= LARGEST_QUANTITY:
        return None
    if len(data) == 1:
        return sold, None, None, f'{{"qty":{sold}}}'
    price = data.get("price")
    if type(price) is not int or not 0 < price <= LARGEST_INTEGER:
        return None
    if len(data) == 2:
        return sold, price, None, f'{{"price":{price},"qty":{sold}}}'
    promo = data.get("promo_id")
    if len(data) != 3 or not isinstance(promo, str) or not _is_id(promo):
        return None
    # An id holds nothing that JSON would write in another way.
    return sold, price, promo, f'{{"price":{price},"promo_id":"{promo}","qty":{sold}}}'


@lru_cache(maxsize=8192)
def _payload_sha(payload: str) -> str:
    # A log names few prices and quantities, very often.
    return sha256_hex(payload.encode())
