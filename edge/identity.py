"""Who this box is: its key and certificate, how it gets them by a code, and how it gets the next ones.

    DIR/edge.pem       the key, the certificate and its issuer's, in one file: replaced as a whole, never half
    DIR/ca.pem         the root that signs the broker's certificate
    DIR/identity.json  site, edge and broker, as the gateway told them
    DIR/.pending.json  what was asked and not answered yet: asked again, it gets the same answer

Theory of operation. The key is made here and never leaves the box. An answer counts only when the gateway proved that
it knows the code's secret (`wire.enrolment`), or, for a renewal, when the new certificate is signed under the root that
is believed already, for the same site and edge, and for the key that was just made. Everything is checked before the
first file is written, and `edge.pem` comes last: it is what says that the box is enrolled.

Instants are UTC microseconds, and passed in. Times in certificates are not checked here: a box without a battery
learns the time later than its name, and the broker checks them anyway.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge.errors import ConfigError
from wire.enrolment import (
    Code,
    EnrolAnswer,
    EnrolRequest,
    RenewAnswer,
    RenewRequest,
    answer_mac,
    is_same_mac,
    renewal_bytes,
    request_mac,
)

EDGE: Final = "edge.pem"
CA: Final = "ca.pem"
IDENTITY: Final = "identity.json"
PENDING: Final = ".pending.json"

RENEW_PART: Final = 2 / 3
"""A certificate is renewed after two thirds of its life: a third is left for whatever stands in the way."""

_SECRET_MODE: Final = 0o600
_OPEN_MODE: Final = 0o644
_FILE_MAX_BYTES: Final = 64 * 1024
"""A key, two certificates and a few words have 3 KB."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CURVE: Final = ec.SECP256R1()


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Whose certificate it is, and where the broker is (empty: not told)."""

    site: str
    edge: str
    broker: str = ""


class _Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was made: `about` is the name of its code, or the fingerprint of what it renews."""

    about: str
    key: str
    nonce: str
    csr: str


@dataclass(frozen=True, slots=True)
class Held:
    """The certificate that this box has."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        """The certificate alone, in PEM."""
        return _pem(self.certificate)

    @property
    def not_after_us(self) -> int:
        """When it ends."""
        return _micros(self.certificate.not_valid_after_utc)

    def renew_at_us(self) -> int:
        """Return when it is to be renewed."""
        began_us = _micros(self.certificate.not_valid_before_utc)
        return began_us + int((self.not_after_us - began_us) * RENEW_PART)


def read_identity(folder: Path) -> Identity:
    """Return who the box is. Raises `ConfigError` that says how it becomes somebody."""
    path = folder / IDENTITY
    try:
        return msgspec.json.decode(_read(path), type=Identity)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: {error}: enrol the box again (`lastunit enroll`)") from error


def read_held(folder: Path) -> Held:
    """Return the certificate and its key. Raises `ConfigError`, which says nothing of the key."""
    path = folder / EDGE
    data = _read(path)
    try:
        certificate = x509.load_pem_x509_certificate(data)
        key = serialization.load_pem_private_key(data, None)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path}: expected a key and a certificate in PEM: enrol the box again") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or _spki(key.public_key()) != _spki_of(certificate):
        raise ConfigError(f"{path}: the key is not that of the certificate: enrol the box again")
    return Held(certificate, key)


def not_after_us(cert_file: Path) -> int | None:
    """Return when the first certificate of a PEM file ends; None when it cannot be read."""
    try:
        return max(0, _micros(x509.load_pem_x509_certificate(_read(cert_file)).not_valid_after_utc))
    except (ConfigError, ValueError):
        return None


def ask_to_enrol(folder: Path, code: Code, nonce: str) -> EnrolRequest:
    """Return the request for a code; a new key unless this code was asked with before. Raises `ConfigError`."""
    if (folder / EDGE).exists():
        known = read_identity(folder)
        raise ConfigError(
            f"{folder} holds the certificate of edge {known.edge} of site {known.site}: renew it (--renew), or name "
            "another directory"
        )
    _make_folder(folder)
    pending = _pending(folder, code.name, nonce)
    mac = request_mac(code.key(), code.name, pending.nonce, pending.csr)
    return EnrolRequest(code=code.name, nonce=pending.nonce, csr=pending.csr, mac=mac)


def take_enrolment(folder: Path, code: Code, answer: EnrolAnswer) -> Identity:
    """Check the answer, write the files, return who the box is now. Raises `ConfigError`, and writes nothing then."""
    pending = _read_pending(folder, code.name)
    if pending is None:
        raise ConfigError(f"{folder}: nothing was asked with this code")
    if not is_same_mac(answer.mac, answer_mac(code.key(), pending.nonce, answer)):
        raise ConfigError(
            "the answer does not come from the gateway that made this code: is the address right, is somebody in "
            "between? Nothing was written; the code may be used up: `lastunit ca code` makes another"
        )
    root = _certificates(answer.ca)[0]
    _check_ours(answer.certificate, root, pending.key, answer.site, answer.edge)
    identity = Identity(site=answer.site, edge=answer.edge, broker=answer.broker)
    _write(folder / CA, answer.ca, _OPEN_MODE)
    _write(folder / IDENTITY, msgspec.json.format(msgspec.json.encode(identity)).decode() + "\n", _OPEN_MODE)
    _finish(folder, pending.key + answer.certificate)
    return identity


def ask_to_renew(folder: Path, nonce: str) -> RenewRequest:
    """Return the request for the certificate that follows. Raises `ConfigError`."""
    held = read_held(folder)
    pending = _pending(folder, _fingerprint(held.certificate), nonce)
    signature = held.key.sign(renewal_bytes(held.pem, pending.csr), ec.ECDSA(hashes.SHA256()))
    return RenewRequest(certificate=held.pem, csr=pending.csr, signature=signature.hex())


def take_renewal(folder: Path, answer: RenewAnswer) -> Held:
    """Check the answer and replace the certificate; return it. Raises `ConfigError`: the old one stays then."""
    held, identity = read_held(folder), read_identity(folder)
    pending = _read_pending(folder, _fingerprint(held.certificate))
    if pending is None:
        raise ConfigError(f"{folder}: no renewal was asked for")
    root = _certificates(_read(folder / CA).decode("ascii", "replace"))[0]
    _check_ours(answer.certificate, root, pending.key, identity.site, identity.edge)
    _finish(folder, pending.key + answer.certificate)
    return read_held(folder)


def _check_ours(chain: str, root: x509.Certificate, key: str, site: str, edge: str) -> None:
    """Raises `ConfigError` unless it is a certificate of this edge, for this key, under this root."""
    found = _certificates(chain)
    loaded = serialization.load_pem_private_key(key.encode("ascii"), None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    if len(found) != 2 or _spki_of(found[0]) != _spki(loaded.public_key()):
        raise ConfigError("the answer is no certificate for the key that was made here: nothing was written")
    leaf, issuing = found
    try:
        limits = issuing.extensions.get_extension_for_class(x509.BasicConstraints).value
        leaf.verify_directly_issued_by(issuing)
        issuing.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound) as error:
        raise ConfigError("the answer is not signed under the root that this box believes") from error
    if not limits.ca:
        raise ConfigError("the answer is signed by somebody who may sign nothing: nothing was written")
    if (_field(leaf, NameOID.ORGANIZATION_NAME), _field(leaf, NameOID.ORGANIZATIONAL_UNIT_NAME)) != (site, edge):
        raise ConfigError(
            f"the answer is a certificate of another edge than {edge} of site {site}: nothing was written"
        )


def _pending(folder: Path, about: str, nonce: str) -> _Pending:
    before = _read_pending(folder, about)
    if before is not None:
        return before
    key = ec.generate_private_key(_CURVE)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "edge")])  # the gateway says what it is called
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    form, bare = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    made = _Pending(
        about=about,
        key=key.private_bytes(serialization.Encoding.PEM, form, bare).decode("ascii"),
        nonce=nonce,
        csr=csr.public_bytes(serialization.Encoding.PEM).decode("ascii"),
    )
    _write(folder / PENDING, msgspec.json.encode(made).decode("ascii"), _SECRET_MODE)
    return made


def _read_pending(folder: Path, about: str) -> _Pending | None:
    """Return what was asked before; None when it was something else, or the file is damaged."""
    try:
        found = msgspec.json.decode((folder / PENDING).read_bytes(), type=_Pending)
    except (OSError, msgspec.DecodeError):
        return None
    return found if found.about == about else None


def _finish(folder: Path, pem: str) -> None:
    _write(folder / EDGE, pem, _SECRET_MODE)
    with suppress(OSError):
        (folder / PENDING).unlink()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror or error}") from error


def _write(path: Path, text: str, mode: int) -> None:
    """Write a file as a whole: a crash leaves what was there, or the new one."""
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}: `lastunit enroll` makes it") from error
    if len(data) > _FILE_MAX_BYTES:
        raise ConfigError(f"{path} has {len(data)} bytes: expected at most {_FILE_MAX_BYTES}")
    return data


def _certificates(text: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(text.encode("ascii", "replace"))
    except ValueError as error:
        raise ConfigError("the answer holds no certificate in PEM: nothing was written") from error


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def _field(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    found = certificate.subject.get_attributes_for_oid(oid)
    return str(found[0].value) if len(found) == 1 else ""


def _spki(public: ec.EllipticCurvePublicKey) -> bytes:
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _spki_of(certificate: x509.Certificate) -> bytes:
    public = certificate.public_key()
    return _spki(public) if isinstance(public, ec.EllipticCurvePublicKey) else b""


def _micros(when: datetime) -> int:
    return (when - _EPOCH) // timedelta(microseconds=1)
