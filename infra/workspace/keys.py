"""How is something signed so that an outsider can check it? Ed25519 keys and signatures (RFC 8032).

A private key is a PEM file (PKCS 8), as `replan sign key` or `openssl genpkey -algorithm ed25519`
makes it; a public key is written as its 32 bytes in base64. Whoever has the public key can check,
and only who has the private one can sign.
"""

import base64
import binascii
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from replan.errors import NotSo, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

# Every command reads a workspace, and few of them sign or check anything: cryptography is loaded
# where it is used.

KEY_BYTES: Final = 32
PRIVATE_MODE: Final = 0o600


class SigningKey:
    """Signs; never shown."""

    def __init__(self, private: "Ed25519PrivateKey") -> None:
        self._private = private

    def __repr__(self) -> str:
        return "SigningKey(…)"

    @property
    def public(self) -> str:
        """The public key in base64."""
        raw = self._private.public_key().public_bytes_raw()
        return base64.b64encode(raw).decode()

    def sign(self, message: bytes) -> str:
        """The signature in base64."""
        return base64.b64encode(self._private.sign(message)).decode()


def signing_key(pem: bytes, where: str) -> SigningKey:
    """The key of a PEM text; NotSo where it is none or of another kind."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        private = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as wrong:
        raise NotSo(f"{where} holds no private key in PEM that can be read: {wrong}") from wrong
    if not isinstance(private, Ed25519PrivateKey):
        raise NotSo(f"{where} holds a key of another kind than Ed25519")
    return SigningKey(private)


def read_signing_key(file: Path) -> SigningKey:
    """The key of a PEM file; NotSo where there is none."""
    try:
        return signing_key(file.read_bytes(), str(file))
    except OSError as wrong:
        raise NotSo(f"{file} cannot be read: {wrong.strerror}") from wrong


def make_signing_key(file: Path) -> SigningKey:
    """A new key in a new file that only its owner may read; UsageError where a file is there."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    made = Ed25519PrivateKey.generate()
    pem = made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
    except FileExistsError as there:
        raise UsageError(f"{file} is there already; name another file") from there
    with os.fdopen(handle, "wb") as sink:
        sink.write(pem)
    return SigningKey(made)


def public_bytes(text: str) -> bytes:
    """The bytes of a public key in base64; ValueError for what is none."""
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as wrong:
        raise ValueError(f"{text!r} is not base64") from wrong
    if len(raw) != KEY_BYTES:
        raise ValueError(f"{text!r} has {len(raw)} bytes, an Ed25519 key has {KEY_BYTES}")
    return raw


def is_signed(message: bytes, signature: str, public: str) -> bool:
    """Whether the signature is of this message by this key; both in base64."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        raw = base64.b64decode(signature, validate=True)
        Ed25519PublicKey.from_public_bytes(public_bytes(public)).verify(raw, message)
    except (ValueError, InvalidSignature):
        return False
    return True
