"""What do these bytes say? One record in; per event a decoded fact or a refusal with its reason.

All rules that need no memory are here: size, encoding, JSON, the envelope, the payload, signs,
units and names against the network. Lateness, duplicates and events that wait for others are the
intake's. A record is one CloudEvent or a JSON array of them; each event of an array is judged
alone, but a record that is not JSON as a whole gets one answer.
"""

import json
import re
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from replan.canonical import canonical_bytes, sha256_hex
from replan.network import Network
from replan.streams.base_units import in_base_units
from replan.streams.fast_sale import plain_sale, plain_sale_line
from replan.streams.master_check import check_names
from replan.streams.messages import (
    MAX_RAW_BYTES,
    PARKED_CODES,
    Code,
    Decoded,
    Place,
    Refusal,
    Refused,
    refusal_of,
)
from replan.streams.schemas import (
    DATA_MODELS,
    DATA_NAMES,
    ENVELOPE_NAMES,
    MINOR_VERSION,
    ActionAnswer,
    ClarificationAnswer,
    Data,
    Envelope,
)
from replan.streams.schemas_masters import Master
from replan.streams.strict_json import (
    Element,
    NotJson,
    StrictParser,
    first_fault,
    keys_within,
    member_pointer,
    plain,
)
from replan.streams.translate import FactBase, fact_of, subject_ids
from replan.streams.wire_values import ID_PATTERN, SOURCE_PATTERN, read_instant
from replan.units import EventId

MAX_RECORD_BYTES = 256 * 1024
"""A larger record is refused before it is parsed."""

PERSONAL_NAMES = frozenset(
    {
        *("card", "cardno", "cardnumber", "pan", "iban", "firstname", "lastname", "fullname"),
        *("birthdate", "dateofbirth", "dob", "address", "street", "ssn", "mobile", "email"),
    }
)
PERSONAL_PREFIXES = (
    *("customer", "loyalty", "shopper", "household", "cardholder", "member", "consumer"),
    *("email", "phone"),
)
"""Field names, lower-case and without punctuation, that mean personal data: no event needs them."""

_PLAIN_TYPES = frozenset({int, str, bool, type(None)})
_OPENINGS = frozenset({b"{", b"["})
_ID = re.compile(ID_PATTERN)
_SHOWN_SOURCE = re.compile(SOURCE_PATTERN)
_SHOWN_TYPE = re.compile(r"[A-Za-z0-9._:/-]{1,128}")
_SCHEMA_VERSION = re.compile(
    r"(?:^|[:/#])(?P<name>[a-z_.]+)[:/.-]v?(?P<major>\d+)\.(?P<minor>\d+)(?:\.json)?$",
    re.ASCII,
)
_JSON_TYPE = re.compile(r"application/(?:[a-z0-9.-]+\+)?json(?:;.*)?", re.IGNORECASE)

_CODE_OF_ERROR: dict[str, Code] = {
    "missing": "missing",
    "extra_forbidden": "extra",
    "greater_than_equal": "sign",
    "greater_than": "sign",
    "string_pattern_mismatch": "charset",
    "string_too_long": "range",
    "too_short": "range",
    "too_long": "range",
    "type": "type",
    "time": "time",
    "range": "range",
    "sign": "sign",
    "charset": "charset",
}


class Decoder:
    """Decodes records against one state of the master data (None: names are not looked up)."""

    def __init__(self, network: Network | None = None) -> None:
        self._network = network
        self._parser = StrictParser()

    def record(self, raw: bytes, place: Place) -> list[Decoded | Refused]:
        """One result per event, in order of the record; a blank one or an empty array has none.

        `raw` without its line end. `place` names the record; members of an array get their number.
        """
        if len(raw) > MAX_RECORD_BYTES:
            return [oversized(place, len(raw), sha256_hex(raw))]
        if (sale := plain_sale_line(raw, place, self._network)) is not None:
            return [sale]
        if not raw.strip(b" \t\r\n"):
            return []
        is_plain = raw[:1] in _OPENINGS and raw[1:2] != b"\0"
        if not is_plain and json.detect_encoding(raw) != "utf-8":
            return [_unreadable("encoding", "the record is not UTF-8 without a mark", raw, place)]
        try:
            elements = self._parser.elements(raw.decode())
        except UnicodeDecodeError as trouble:
            return [_unreadable("encoding", f"not UTF-8 at byte {trouble.start}", raw, place)]
        except NotJson as trouble:
            return [_unreadable("malformed", str(trouble), raw, place)]
        return [self._event(element, place) for element in elements]

    def _event(self, element: Element, place: Place) -> Decoded | Refused:
        event = element.value
        raw = element.text.encode()
        if element.member is not None:
            place = place._replace(member=element.member)
        if not isinstance(event, dict):
            return _unreadable("malformed", "an event is a JSON object", raw, place)
        try:
            if self._parser.has_noticed and (fault := first_fault(event)) is not None:
                raise Refusal(*fault, f"{fault[1] or 'the event'} cannot be taken: {fault[0]}")
            decoded = plain_sale(event, raw, place) or _decode(event, raw, place)
        except Refusal as refusal:
            return _refused(refusal, event, raw, place)
        if decoded.ignored and (personal := _personal_member(event)) is not None:
            return _refused(personal, event, raw, place)
        return self._against_network(decoded, event)

    def _against_network(self, decoded: Decoded, event: dict[str, Any]) -> Decoded | Refused:
        if self._network is None:
            return decoded
        return against(self._network, decoded, event)


def against(
    network: Network, decoded: Decoded, event: dict[str, Any] | None = None
) -> Decoded | Refused:
    """The event held against master data: its names are known, its quantity is in base units.
    `event`: its parsed text, if at hand.
    """
    try:
        check_names(network, decoded)
        if decoded.uom is not None and decoded.corrects is None:
            return replace(decoded, fact=in_base_units(network, decoded.fact, decoded.uom))
    except Refusal as refusal:
        text = None
        if refusal.code in PARKED_CODES:
            text = parked_text(decoded) if event is None else _parked_text(event)
        return refusal_of(decoded, refusal.code, refusal.pointer, refusal.reason, parked=text)
    return decoded


def payload_digest(data: dict[str, Any]) -> str:
    """Hex SHA-256 of the canonical JSON of a parsed payload, decimals as plain text."""
    is_plain = all(type(value) in _PLAIN_TYPES for value in data.values())
    return sha256_hex(canonical_bytes(data if is_plain else plain(data)))


def oversized(place: Place, size: int, raw_sha256: str) -> Refused:
    """The refusal of a record that was too large to be kept or parsed."""
    return Refused(
        code="size",
        pointer=None,
        reason=f"the record has {size} bytes, at most {MAX_RECORD_BYTES} are read",
        status="REJECTED",
        place=place,
        raw=b"",
        raw_bytes=size,
        raw_sha256=raw_sha256,
        sha256=raw_sha256,
    )


def _decode(event: dict[str, Any], raw: bytes, place: Place) -> Decoded:
    try:
        envelope = Envelope.model_validate(event)
    except ValidationError as trouble:
        raise _envelope_refusal(trouble.errors(include_url=False)[0]) from None
    kind, subject = envelope.type, envelope.subject
    model = DATA_MODELS.get(kind)
    if model is None:
        raise Refusal("schema_version", "/type", f"type {kind!r} is not handled")
    _check_correction(envelope, model)
    if envelope.datacontenttype is not None and not _JSON_TYPE.fullmatch(envelope.datacontenttype):
        raise Refusal("type", "/datacontenttype", "data is read as JSON only")
    ids = subject_ids(kind, subject)
    members, ignored = _known_members(envelope, _unknown(event))
    try:
        data = model.model_validate(members)
    except ValidationError as trouble:
        raise _data_refusal(trouble.errors(include_url=False)[0]) from None
    base = FactBase(
        event_id=EventId(envelope.id),
        source=envelope.source,
        occurred_at=envelope.time,
        arrived_at=envelope.recordedtime or envelope.time,
        payload_sha=payload_digest(envelope.data),
    )
    assert subject is not None
    about = partial(
        Decoded,
        place=place,
        type=kind,
        subject=subject,
        raw=raw,
        ignored=ignored,
        is_recorded=envelope.recordedtime is not None,
        uom=getattr(data, "uom", None),
        currency=getattr(data, "currency", None),
        corrects=None if envelope.corrects is None else EventId(envelope.corrects),
        corrects_reason=envelope.correctsreason or "did_not_occur",
    )
    return fact_of(about, base, ids, data, envelope)


def _check_correction(envelope: Envelope, model: type[Data]) -> None:
    """A correction says what it corrects and why; what executors answered stands."""
    if envelope.corrects is None and envelope.correctsreason is not None:
        raise Refusal("missing", "/corrects", "a reason to correct names no event")
    if envelope.corrects is None:
        return
    if envelope.correctsreason is None:
        raise Refusal("missing", "/correctsreason", "a correction says why")
    if model in (ActionAnswer, ClarificationAnswer):
        raise Refusal("scope", "/corrects", "an answer to us cannot be taken back")
    if issubclass(model, Master):
        raise Refusal("scope", "/corrects", "master data are changed by stating them anew")
    if envelope.corrects == envelope.id:
        raise Refusal("scope", "/corrects", "an event cannot correct itself")


def _unknown(event: dict[str, Any]) -> int:
    return 0 if ENVELOPE_NAMES.issuperset(event) else len(event.keys() - ENVELOPE_NAMES)


def _known_members(envelope: Envelope, unknown_attributes: int) -> tuple[dict[str, Any], int]:
    """The payload as this version knows it, and how many names are passed over."""
    if envelope.dataschema is None:
        return envelope.data, unknown_attributes
    name, _, major = envelope.type.rpartition(".v")
    found = _SCHEMA_VERSION.search(envelope.dataschema)
    if found is None or found["name"] != name:
        return envelope.data, unknown_attributes
    if found["major"] != major:
        raise Refusal("schema_version", "/dataschema", f"the type is version {major}")
    if int(found["minor"][:9]) <= MINOR_VERSION:
        return envelope.data, unknown_attributes
    names = DATA_NAMES[envelope.type]
    known = {key: value for key, value in envelope.data.items() if key in names}
    return known, unknown_attributes + len(envelope.data) - len(known)


def _envelope_refusal(error: ErrorDetails) -> Refusal:
    name = str(error["loc"][0])
    pointer = member_pointer("", name)
    value = error["input"]
    if value is None and name != "data":
        return Refusal("missing", pointer, f"attribute {name} is required")
    if name == "specversion" and isinstance(value, str):
        return Refusal("schema_version", pointer, "only CloudEvents 1.0 is read")
    return Refusal(_code(error), pointer, f"{pointer}: {error['msg']}")


def _data_refusal(error: ErrorDetails) -> Refusal:
    pointer = "/data"
    for part in error["loc"]:
        pointer = member_pointer(pointer, str(part))
    # A member that may be left out may be null; one that may not is missing either way.
    code = "missing" if error["input"] is None else _code(error)
    if error["type"] == "string_pattern_mismatch":
        code = {"/data/uom": "unit", "/data/currency": "currency"}.get(pointer, code)  # type: ignore[assignment]
    return Refusal(code, pointer, f"{pointer}: {error['msg']}")


def _code(error: ErrorDetails) -> Code:
    return _CODE_OF_ERROR.get(error["type"], "type")


def _refused(refusal: Refusal, event: dict[str, Any], raw: bytes, place: Place) -> Refused:
    personal = _personal_member(event)
    code, pointer, reason = refusal.code, refusal.pointer, refusal.reason
    if personal is not None:
        code, pointer, reason = personal.code, personal.pointer, personal.reason
    raw_sha = sha256_hex(raw)
    return Refused(
        code=code,
        pointer=pointer,
        reason=reason,
        status="QUARANTINED" if code in PARKED_CODES else "REJECTED",
        place=place,
        raw=b"" if personal is not None else raw[:MAX_RAW_BYTES],
        raw_bytes=len(raw),
        raw_sha256=raw_sha,
        sha256=_payload_sha(event) or raw_sha,
        event_id=_shown(event.get("id"), _ID),
        source=_shown(event.get("source"), _SHOWN_SOURCE),
        type=_shown(event.get("type"), _SHOWN_TYPE),
        arrived_at=_readable_arrival(event),
    )


def _unreadable(code: Code, reason: str, raw: bytes, place: Place) -> Refused:
    raw_sha = sha256_hex(raw)
    return Refused(
        code=code,
        pointer=None,
        reason=reason,
        status="REJECTED",
        place=place,
        raw=raw[:MAX_RAW_BYTES],
        raw_bytes=len(raw),
        raw_sha256=raw_sha,
        sha256=raw_sha,
    )


def _personal_member(event: dict[str, Any]) -> Refusal | None:
    for key, pointer in keys_within(event):
        name = "".join(letter for letter in key.lower() if letter.isalnum())
        if name in PERSONAL_NAMES or name.startswith(PERSONAL_PREFIXES):
            return Refusal("pii_field", pointer, "personal data is neither needed nor kept")
    return None


def _payload_sha(event: dict[str, Any]) -> str | None:
    data = event.get("data")
    if not isinstance(data, dict) or first_fault(data) is not None:
        return None
    return payload_digest(data)


def _shown(value: Any, pattern: re.Pattern[str]) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _readable_arrival(event: dict[str, Any]) -> datetime | None:
    for name in ("recordedtime", "time"):
        if event.get(name) is not None:
            try:
                return read_instant(event[name])
            except ValueError:
                return None
    return None


def parked_text(decoded: Decoded) -> str:
    """The text from which an event is decoded again once its reason to wait is gone."""
    (element,) = StrictParser().elements(decoded.raw.decode())
    return _parked_text(element.value)


def _parked_text(event: dict[str, Any]) -> str:
    known = {key: value for key, value in event.items() if key in ENVELOPE_NAMES}
    return canonical_bytes(plain(known)).decode()
