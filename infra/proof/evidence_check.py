"""Does an evidence pack prove what it says? Standard library only; a pack carries this file itself.

    python pack.zip [ANCHORS [KEY]]

Prints what was decided, under which authority and by whom it was released, checks every hash, and
ends with 0 if all holds, 1 if not. ANCHORS: a file of checkpoints kept outside the ledger; without
it the pack shows that its parts belong together, not that the ledger's tail was never cut off.
KEY: the public key, in base64, that must have signed every checkpoint (Ed25519, RFC 8032).
"""

import base64
import hashlib
import json
import sys
import zipfile
from typing import Any

TAG = b"replan-audit-v1"


def sha256(data: bytes) -> str:
    """Lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def link(writer: str, seq: int, prev: str, body_sha: str) -> str:
    """The hash of a chain row from the hash of its body."""
    head = TAG + writer.encode() + seq.to_bytes(8, "big") + bytes.fromhex(prev)
    return sha256(head + bytes.fromhex(body_sha))


def faults(pack: dict[str, Any], anchors: list[dict[str, Any]]) -> list[str]:
    """Everything that does not hold; an empty list: the pack proves what it says."""
    try:
        broken = [*_chain(pack, anchors), *_records(pack)]
        # What it means is asked only of what is what it was.
        return broken or [*_authority(pack), *_approvals(pack)]
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as wrong:
        return [f"the pack cannot be read: {type(wrong).__name__} {wrong}"]


def _chain(pack: dict[str, Any], anchors: list[dict[str, Any]]) -> list[str]:
    found = []
    prev, hashes, bodies = pack["prev"], {}, {}
    expected = None
    for seq, body_sha, hashed in pack["links"]:
        if expected is not None and seq != expected:
            found.append(f"chain {pack['writer']}: row {expected} is missing")
        if link(pack["writer"], seq, prev, body_sha) != hashed:
            found.append(f"chain {pack['writer']}: row {seq} does not follow the one before")
        prev, hashes[seq], bodies[seq], expected = hashed, hashed, body_sha, seq + 1
    for row in pack["rows"]:
        if bodies.get(row["seq"]) != sha256(row["body"].encode()):
            found.append(f"chain {pack['writer']}: row {row['seq']} has another body")
    for anchor in anchors:
        seq, hashed = anchor["heads"].get(pack["writer"], (0, ""))
        if seq in hashes and hashes[seq] != hashed:
            found.append(f"chain {pack['writer']}: row {seq} is not what was anchored")
        if hashes and seq > max(hashes):
            found.append(f"chain {pack['writer']}: {seq} rows were anchored, not all are here")
    return found


def _records(pack: dict[str, Any]) -> list[str]:
    found, stated = [], set()
    for row in pack["rows"]:
        body = json.loads(row["body"])
        kind = body["kind"]
        names = {
            "decision": [f"decision/{body.get('version')}", f"inputs/{body.get('version')}"],
            "command": [f"command/{body.get('idem')}"],
            "given": [f"given/{body.get('seq')}"],
        }.get(kind, [f"{kind}/{body.get('seq')}/{body.get('n')}"])
        for name, sha in zip(names, (body["body_sha"], body.get("inputs_sha")), strict=False):
            stated.add(name)
            if name not in pack["records"]:
                found.append(f"{name} is missing")
            elif sha256(pack["records"][name].encode()) != sha:
                found.append(f"{name} is not what row {row['seq']} states")
    unstated = [n for n in pack["records"] if n not in stated and not n.startswith("action/")]
    found += [f"{name} stands in no row" for name in sorted(unstated)]
    for sha, text in pack["artefacts"].items():
        if sha256(text.encode()) != sha:
            found.append(f"artefact {sha} is something else")
    return found


def _authority(pack: dict[str, Any]) -> list[str]:
    body = _first(pack)
    hashed = body["authority_hash"]
    if hashed == "none":
        return []
    text = pack["artefacts"].get(hashed.removeprefix("sha256:"))
    if text is None:
        return [f"table {hashed} is missing"]
    table = json.loads(text)
    found = []
    window = table["effective"]
    ran = body["state"] in ("executing", "shadowed", "recommended")
    if ran and not window["from"] <= body["decided_at"] < window["to"]:
        found.append(f"the table was not in force at {body['decided_at']}")
    if body["rule_id"] is not None and _rule(table, body["rule_id"]) is None:
        found.append(f"the table has no row {body['rule_id']}")
    if body["state"] == "executing" and (_rule(table, body["rule_id"]) or {})["mode"] != "AUTO":
        found.append(f"row {body['rule_id']} does not let anything run by itself")
    return found


def _approvals(pack: dict[str, Any]) -> list[str]:
    """Commands of a plan that did not run by itself need an accepted verdict."""
    runs = any(
        json.loads(text)["state"] == "executing"
        for name, text in pack["records"].items()
        if name.startswith("decision/")
    )
    commands = [name for name in pack["records"] if name.startswith("command/")]
    if commands and not runs and not _approvers(pack):
        return ["commands were given that nobody approved and no row let run"]
    return []


def _approvers(pack: dict[str, Any]) -> list[str]:
    verdicts = [json.loads(t) for n, t in pack["records"].items() if n.startswith("verdict/")]
    return [
        f"{v['verdict']} by {v['login']} ({v['chip']}) at {v['at']}"
        for v in sorted(verdicts, key=lambda v: (v["seq"], v["n"]))
        if v["result"] == "accepted"
    ]


def _rule(table: dict[str, Any], rule_id: str | None) -> dict[str, Any] | None:
    return next((rule for rule in table["rules"] if rule["rule_id"] == rule_id), None)


def _first(pack: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(pack["records"]["decision/1"])
    return body


def story(pack: dict[str, Any]) -> list[str]:
    """What the pack is about, in lines."""
    body = _first(pack)
    lines = [
        f"decision {body['decision_id']} of {body['decided_at']}",
        f"about {body['item']}, {body['category']}, {body['cause']}",
        f"value {body['value_minor']} minor units {body['currency']}, row {body['rule_id']}",
        f"table {body['authority_hash']}, mode {body['mode']}",
        f"decided: {body['reasoning']}; rests on {', '.join(body['evidence'])}",
    ]
    signed = body["versions"].get("signature")
    lines += [] if signed is None else [f"table signed by {signed.split()[1]}: {signed.split()[2]}"]
    lines += [f"released: {said}" for said in _approvers(pack)]
    moves = sorted(n for n in pack["records"] if n.startswith("moved/"))
    for name in moves:
        move = json.loads(pack["records"][name])
        lines.append(f"{move['at']} {move['changes'].get('state', '')}: {move['reason']}")
    for name in sorted(n for n in pack["records"] if n.startswith("action/")):
        action = json.loads(pack["records"][name])
        lines.append(f"action {action['action_id']}: {action['state']}, sent {action['sent_at']}")
    return lines


P = 2**255 - 19
D = -121665 * pow(121666, P - 2, P) % P
ORDER = 2**252 + 27742317777372353535851937790883648493
Point = tuple[int, int, int, int]
"""A point of the curve in extended coordinates."""


def unsigned(anchors: list[dict[str, Any]], key: str) -> list[str]:
    """Checkpoints that this key did not sign."""
    found = []
    for n, anchor in enumerate(anchors, start=1):
        stated = {name: anchor[name] for name in ("at", "heads", "prev")}
        message = json.dumps(stated, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        signature = base64.b64decode(anchor.get("signature") or "")
        if not is_signed(message.encode(), signature, base64.b64decode(key)):
            found.append(f"checkpoint {n} was not signed by {key}")
    return found


def is_signed(message: bytes, signature: bytes, key: bytes) -> bool:
    """Whether an Ed25519 signature (64 bytes) is of this message by this public key (32 bytes);
    RFC 8032, 5.1.7.
    """
    if len(signature) != 64 or len(key) != 32:
        return False
    a, r = _point(key), _point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= ORDER:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    base = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    assert base is not None, "the base point lies on the curve"
    left, right = _times(s, base), _plus(r, _times(h, a))
    return all((left[n] * right[2] - right[n] * left[2]) % P == 0 for n in (0, 1))


def _point(data: bytes) -> Point | None:
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def _plus(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(n: int, p: Point) -> Point:
    total: Point = (0, 1, 1, 0)
    while n:
        if n & 1:
            total = _plus(total, p)
        p, n = _plus(p, p), n >> 1
    return total


def main(pack_file: str, anchors_file: str | None, key: str | None = None) -> int:
    """Check a pack; the exit code."""
    with zipfile.ZipFile(pack_file) as archive:
        pack = json.loads(archive.read("evidence.json"))
    anchors = []
    if anchors_file is not None:
        with open(anchors_file, encoding="utf-8") as lines:
            anchors = [json.loads(line) for line in lines if line.strip()]
    wrong = faults(pack, anchors) + ([] if key is None else unsigned(anchors, key))
    for line in story(pack) if not wrong else ():
        sys.stdout.write(line + "\n")
    for fault in wrong:
        sys.stdout.write(f"WRONG: {fault}\n")
    if not wrong:
        rows, links = len(pack["rows"]), len(pack["links"])
        sys.stdout.write(f"holds: {rows} rows of evidence in {links} links of the chain\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    given = [*sys.argv[1:3], None, None]
    sys.exit(main(sys.argv[0], given[0], given[1]))
