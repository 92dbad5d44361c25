"""Was the tail of the ledger cut off, or all of it written anew? Checkpoints kept outside tell.

A checkpoint is a line with the head of every chain; lines are chained by their own digests, sealed
(HMAC-SHA256) where a shared key is given, and signed (Ed25519) where a private one is: then anybody
who has the public key can check them, and nobody who has only that can make one. Whoever can
rewrite the ledger cannot rewrite a file that lies elsewhere. Rows after the newest checkpoint are
not covered yet, and said to be so.
"""

import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from replan.canonical import canonical_bytes, sha256_hex
from replan.errors import NotSo, UsageError
from replan.infra.ledger.rows import AuditReport
from replan.infra.ledger.store import Ledger
from replan.infra.workspace.keys import SigningKey, is_signed, public_bytes, signing_key
from replan.infra.workspace.secret_values import secret
from replan.ledger import BadRow
from replan.units import instant_text

KEY: Final = "REPLAN_ANCHOR_KEY"
"""Environment variable with the key that seals checkpoints, or with `_FILE` where it stands."""

SIGNING_KEY: Final = "REPLAN_CHECKPOINT_KEY"
"""Environment variable with the private key, in PEM, that signs checkpoints, or with `_FILE`."""

SHORTEST_KEY: Final = 16
_STATED: Final = ("at", "heads", "prev")
"""What of a line is sealed and signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchored:
    """A verification with checkpoints: how many there are, and how many rows came after them."""

    report: AuditReport
    anchors: int
    uncovered: int


def add_anchor(ledger: Ledger, file: Path) -> dict[str, Any]:
    """Append a checkpoint of the ledger as it stands; NotSo where the ledger or the file does not
    hold, since it would be sealed as it is.
    """
    lines = _lines(file) if file.exists() else []
    known = _parsed(lines, file)
    anchored = held_against(ledger, known)
    if not anchored.report.ok:
        bad = anchored.report.first_bad
        assert bad is not None, "what is not ok names a row"
        raise NotSo(f"no checkpoint is made: writer {bad.writer}, seq {bad.seq}: {bad.reason}")
    prev = sha256_hex(lines[-1].encode()) if lines else None
    append_anchor(file, ledger.audit_heads(), ledger.clock(), prev)
    newest: dict[str, Any] = json.loads(_lines(file)[-1])
    return newest


def append_anchor(
    file: Path, heads: Mapping[str, tuple[int, str]], clock: datetime | None, prev: str | None
) -> str:
    """Append a checkpoint of these heads after the line with digest `prev`; its own digest."""
    line: dict[str, Any] = {
        "at": None if clock is None else instant_text(clock),
        "heads": {writer: list(head) for writer, head in heads.items()},
        "prev": prev,
    }
    seal, key = _seal(line), _signing_key()
    stated = checkpoint_message(line)
    line["seal"] = seal
    if key is not None:
        line["signature"] = key.sign(stated)
    written = canonical_bytes(line).decode()
    with file.open("a", encoding="utf-8") as sink:
        sink.write(written + "\n")
        sink.flush()
        os.fsync(sink.fileno())
    return sha256_hex(written.encode())


def newest_anchor(file: Path) -> tuple[dict[str, tuple[int, str]], str | None]:
    """The heads of the newest checkpoint of a file, and the digest of its line; none of a file that
    is not there yet. NotSo where the file was changed.
    """
    lines = _lines(file) if file.exists() else []
    known = _parsed(lines, file)
    if not known:
        return {}, None
    heads = {writer: (head[0], head[1]) for writer, head in known[-1]["heads"].items()}
    return heads, sha256_hex(lines[-1].encode())


def checkpoint_message(line: Mapping[str, Any]) -> bytes:
    """What is signed of a checkpoint: its canonical bytes without seal and signature."""
    return canonical_bytes({name: line[name] for name in _STATED})


def verify_anchored(ledger: Ledger, file: Path, public: str | None = None) -> Anchored:
    """The ledger held against itself and against a file of checkpoints; with a public key each of
    them must be signed by it. UsageError where there is no such file or the key is none, NotSo
    where the file was changed.
    """
    if not file.is_file():
        raise UsageError(f"{file}: there is no such file of checkpoints")
    if public is not None:
        try:
            public_bytes(public)
        except ValueError as wrong:
            raise UsageError(f"public key: {wrong}") from wrong
    return held_against(ledger, _parsed(_lines(file), file, public))


def held_against(ledger: Ledger, anchors: list[Mapping[str, Any]]) -> Anchored:
    """The first bad row by the ledger itself or by a checkpoint."""
    report = ledger.verify_audit()
    heads = ledger.audit_heads()
    newest: dict[str, int] = {}
    for n, anchor in enumerate(anchors, start=1):
        for writer, (seq, hashed) in sorted(anchor["heads"].items()):
            newest[writer] = max(newest.get(writer, 0), seq)
            if report.ok and ledger.audit_hash(writer, seq) != hashed:
                gone = seq > heads.get(writer, (0, ""))[0]
                what = "is gone" if gone else "is another one"
                # Of a cut tail the first missing row; of a changed one where it was anchored.
                first = heads.get(writer, (0, ""))[0] + 1 if gone else seq
                bad = BadRow(writer=writer, seq=first, reason=f"{what}, by checkpoint {n}")
                report = replace(report, first_bad=bad)
    uncovered = sum(max(0, seq - newest.get(writer, 0)) for writer, (seq, _) in heads.items())
    return Anchored(report=report, anchors=len(anchors), uncovered=uncovered)


def _lines(file: Path) -> list[str]:
    return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def _parsed(lines: list[str], file: Path, public: str | None = None) -> list[Mapping[str, Any]]:
    """The checkpoints of a file; NotSo names the first line that does not follow, is not sealed by
    our key, or is not signed by the key asked for.
    """
    found: list[Mapping[str, Any]] = []
    prev: str | None = None
    for n, line in enumerate(lines, start=1):
        try:
            anchor = json.loads(line)
            follows = anchor["prev"] == prev
            sealed = {name: anchor[name] for name in _STATED}
            for seq, hashed in anchor["heads"].values():
                follows &= isinstance(seq, int) and isinstance(hashed, str)
        except (ValueError, KeyError, TypeError, AttributeError) as wrong:
            raise NotSo(f"{file}:{n}: not a checkpoint: {wrong}") from wrong
        if not follows:
            raise NotSo(f"{file}:{n}: the checkpoint does not follow the one before")
        seal = _seal(sealed)
        if seal is not None and not hmac.compare_digest(seal, str(anchor.get("seal"))):
            raise NotSo(f"{file}:{n}: the checkpoint was not sealed with the key in {KEY}")
        signature = str(anchor.get("signature"))
        if public is not None and not is_signed(checkpoint_message(sealed), signature, public):
            raise NotSo(f"{file}:{n}: the checkpoint was not signed by the key {public}")
        found.append(anchor)
        prev = sha256_hex(line.encode())
    return found


def _signing_key() -> SigningKey | None:
    pem = secret(SIGNING_KEY)
    return None if pem is None else signing_key(pem.encode(), SIGNING_KEY)


def _seal(line: Mapping[str, Any]) -> str | None:
    """The seal of a checkpoint; None without a key. UsageError for a key that is too short."""
    key = os.environ.get(KEY)
    place = os.environ.get(f"{KEY}_FILE")
    if key is None and place is not None:
        key = Path(place).read_text(encoding="utf-8").strip()
    if key is None:
        return None
    if len(key) < SHORTEST_KEY:
        raise UsageError(f"{KEY} has {len(key)} characters, at least {SHORTEST_KEY} are needed")
    return hmac.new(key.encode(), canonical_bytes(dict(line)), "sha256").hexdigest()
