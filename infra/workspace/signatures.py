"""Did the person who answers for a file sign it? Detached signatures of the authority table and of
the risk record.

Beside `authority.yaml` lies `authority.yaml.sig`, beside `risk_record.yaml` `risk_record.yaml.sig`:
a line a signature, `sha256:HASH LOGIN SIGNATURE`. HASH is that of the canonical form, so that
comments and layout are free; a table must be signed by its approver, a risk record by `signed_by`.
Which key is whose stands in the file that `security.keys` names, which belongs where those who edit
the workspace cannot write.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from replan.canonical import digest
from replan.findings import Finding
from replan.infra.workspace.keys import SigningKey, is_signed, public_bytes
from replan.infra.workspace.people_file import RiskRecord
from replan.infra.workspace.safe_read import read_config
from replan.infra.workspace.shapes import StrictShape
from replan.infra.workspace.strict_yaml import read_yaml

SIGNATURE: Final = ".sig"
TAG: Final = "replan-signature-v1"
TABLE: Final = "authority"
RISK: Final = "risk_record"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Who signed the content of a hash, and how."""

    content: str
    login: str
    signature: str

    @property
    def line(self) -> str:
        """As it stands in the file."""
        return f"{self.content} {self.login} {self.signature}"


class _KeyShape(StrictShape):
    login: str
    public: str


class _KeysShape(StrictShape):
    keys: list[_KeyShape]


def risk_hash(risk: RiskRecord) -> str:
    """What is signed of a risk record: the hash of its canonical form."""
    plain = {field.name: getattr(risk, field.name) for field in fields(risk)}
    return digest(
        {
            name: value.isoformat() if isinstance(value, date) else _listed(value)
            for name, value in plain.items()
        }
    )


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def signed_message(kind: str, content: str) -> bytes:
    """The bytes that are signed: what kind of file, and the hash of what it says."""
    return f"{TAG}\n{kind}\n{content}\n".encode()


def sign(key: SigningKey, kind: str, content: str, login: str) -> Signature:
    """A login's signature of a content."""
    made = key.sign(signed_message(kind, content))
    return Signature(content=content, login=login, signature=made)


def add_signature(file: Path, signature: Signature) -> None:
    """Put a signature beside a file, in place of an earlier one of the same login and content."""
    place = file.with_name(file.name + SIGNATURE)
    known = place.read_text(encoding="utf-8").splitlines() if place.is_file() else []
    same = f"{signature.content} {signature.login} "
    kept = [line for line in known if line.strip() and not line.startswith(same)]
    place.write_text("\n".join((*kept, signature.line)) + "\n", encoding="utf-8")


def signatures_of(root: Path, file: str) -> tuple[Signature, ...]:
    """The signatures beside a file of the workspace; none where there is no such file."""
    content = read_config(root, file + SIGNATURE)
    if isinstance(content, Finding):
        return ()
    rows = [line.split() for line in content.decode("utf-8", "replace").splitlines()]
    return tuple(
        Signature(content=row[0], login=row[1], signature=row[2]) for row in rows if len(row) == 3
    )


def keys_of(root: Path, file: str) -> Mapping[str, tuple[str, ...]] | str:
    """The public keys by login, several where somebody changes to a new one; or why there are
    none.
    """
    place = Path(file)
    folder, name = (place.parent, place.name) if place.is_absolute() else (root, file)
    content = read_config(folder, name, private=True)
    if isinstance(content, Finding):
        return f"{file}: {content.message}"
    documents, refused = read_yaml(content, file)
    if refused or len(documents) != 1:
        return f"{file}: {refused[0].message if refused else 'holds no list of keys'}"
    found: dict[str, tuple[str, ...]] = {}
    try:
        for row in _KeysShape.model_validate(documents[0].data).keys:
            public_bytes(row.public)
            found[row.login] = (*found.get(row.login, ()), row.public)
    except ValidationError as wrong:
        return f"{file}: {wrong.errors()[0]['msg']}"
    except ValueError as wrong:
        return f"{file}: {wrong}"
    return found


def by_whom(
    kind: str,
    content: str,
    login: str,
    signatures: Iterable[Signature],
    keys: Mapping[str, tuple[str, ...]],
) -> Signature | None:
    """The signature of this content by this login that a key of theirs confirms; None: none."""
    message = signed_message(kind, content)
    for one in signatures:
        if (one.content, one.login) == (content, login) and any(
            is_signed(message, one.signature, public) for public in keys.get(login, ())
        ):
            return one
    return None
