"""The certificate authority: an offline root, the issuing authority of the gateway, what it signs (X.509, RFC 5280).

    root (20 years, in a safe) -> issuing (5 years, the gateway's) -> broker, gateways, edges, channels (1 year)

All keys are ECDSA on P-256: small, quick on the processor of a box, and spoken by every OpenSSL since 1.0. An issuing
authority may sign no further authorities (path length 0). A client's certificate is good for clients only, the
broker's for servers only, so that no box can pose as the broker.

Nothing here reads a clock or a file: instants are UTC microseconds and passed in, serial numbers too. Signing and
making keys draw randomness from the operating system, as they must.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.enrol.errors import AuthorityError, RequestError
from gateway.enrol.limits import CLOCK_BEHIND_S, DAY_S, ISSUING_DAYS, LEAF_DAYS, ROOT_DAYS
from wire.identity import Kind, Principal, serial_text

_CURVE: Final = ec.SECP256R1()
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US: Final = DAY_S * 1_000_000

_LABEL: Final = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST: Final = re.compile(rf"{_LABEL}([.]{_LABEL})*")
_HOST_MAX_CHARS: Final = 253
"""RFC 1123 section 2.1."""

Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate that signs others, with its key."""

    certificate: x509.Certificate
    key: Key


@dataclass(frozen=True, slots=True)
class Revoked:
    """A certificate that is not to be believed any more, though its time is not over."""

    serial: int
    revoked_us: int


def new_key() -> Key:
    """Return a new private key."""
    return ec.generate_private_key(_CURVE)


def make_root(name: str, serial: int, now_us: int) -> Authority:
    """Return a new root."""
    key = new_key()
    subject = _name(("common_name", f"{name} root"))
    wanted = _Wanted(subject, key.public_key(), serial, now_us, now_us + ROOT_DAYS * _DAY_US)
    return Authority(_authority(wanted, subject, depth=1).sign(key, hashes.SHA256()), key)


def make_issuing(name: str, root: Authority, serial: int, now_us: int) -> Authority:
    """Return a new issuing authority under a root; it ends with the root at the latest."""
    key = new_key()
    subject = _name(("common_name", f"{name} issuing {serial_text(serial)[:16]}"))
    ends_us = min(now_us + ISSUING_DAYS * _DAY_US, span_us(root.certificate)[1])
    wanted = _Wanted(subject, key.public_key(), serial, now_us, ends_us)
    builder = _authority(wanted, root.certificate.subject, depth=0).add_extension(_issued_by(root), critical=False)
    return Authority(builder.sign(root.key, hashes.SHA256()), key)


def issue(
    authority: Authority, principal: Principal, public: ec.EllipticCurvePublicKey, serial: int, now_us: int
) -> x509.Certificate:
    """Return a client's certificate: O is the site, OU the edge, CN unique (`wire.identity`)."""
    fields = [("common_name", principal.common_name(serial))]
    if principal.kind is Kind.EDGE:
        fields = [("organization", principal.site), ("unit", principal.edge), *fields]
    builder = _leaf(authority, _name(*fields), public, serial, now_us)
    return builder.add_extension(_usage(ExtendedKeyUsageOID.CLIENT_AUTH), critical=False).sign(
        authority.key, hashes.SHA256()
    )


def issue_broker(
    authority: Authority, names: Iterable[str], public: ec.EllipticCurvePublicKey, serial: int, now_us: int
) -> x509.Certificate:
    """Return the broker's certificate for these names and addresses, the first of which is shown as its own."""
    given = tuple(names)
    principal = Principal(Kind.BROKER, "mqtt")
    builder = _leaf(authority, _name(("common_name", principal.common_name(serial))), public, serial, now_us)
    alternatives = x509.SubjectAlternativeName([_alternative(name) for name in given])
    return (
        builder.add_extension(_usage(ExtendedKeyUsageOID.SERVER_AUTH), critical=False)
        .add_extension(alternatives, critical=False)
        .sign(authority.key, hashes.SHA256())
    )


def revocation_list(authority: Authority, revoked: Iterable[Revoked], number: int, now_us: int) -> bytes:
    """Return the list of revoked certificates in PEM (RFC 5280 section 5).

    It ends with the authority: a list that is over makes the broker refuse everybody, and this one is never fetched
    from afar, where its age would say something; it is written anew at each change. Raises `AuthorityError` when that
    is over.
    """
    _check_lasts(authority, now_us)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(_time(now_us) - timedelta(seconds=CLOCK_BEHIND_S))
        .next_update(authority.certificate.not_valid_after_utc)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(_issued_by(authority), critical=False)
    )
    for one in sorted(revoked, key=lambda one: one.serial):
        entry = x509.RevokedCertificateBuilder().serial_number(one.serial).revocation_date(_time(one.revoked_us))
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def check_request(csr: str) -> ec.EllipticCurvePublicKey:
    """Return the public key that a request in PEM proves to hold; nothing else of the request counts.

    Raises `RequestError`: not a request, not signed by its key, not ECDSA on P-256.
    """
    try:
        request = x509.load_pem_x509_csr(csr.encode("ascii", "replace"))
        public = request.public_key()
        proven = request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise RequestError("csr: expected a PKCS #10 request in PEM") from error
    if not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name != _CURVE.name:
        raise RequestError("csr: expected a key on the curve P-256 (ECDSA)")
    if not proven:
        raise RequestError("csr: not signed by the key that it names")
    return public


def is_signed_by(authority: Authority, certificate: x509.Certificate) -> bool:
    """Whether the authority signed it; its time and the register are not looked at."""
    try:
        certificate.verify_directly_issued_by(authority.certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def signed(certificate: x509.Certificate, signature: bytes, data: bytes) -> bool:
    """Whether the key of a certificate signed these bytes (ECDSA, SHA-256)."""
    public = certificate.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey):
        return False
    try:
        public.verify(signature, data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def key_digest(public: ec.EllipticCurvePublicKey) -> str:
    """Return what a public key is known by: SHA-256 of its SubjectPublicKeyInfo, in hexadecimal."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(public.public_bytes(serialization.Encoding.DER, form)).hexdigest()


def certificate_pem(*certificates: x509.Certificate) -> str:
    """Return certificates in PEM, one behind the other."""
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates).decode("ascii")


def key_pem(key: Key) -> str:
    """Return a private key in PEM, without a passphrase: daemons start without a person."""
    form, bare = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, bare).decode("ascii")


def common_name(certificate: x509.Certificate) -> str:
    """Return the common name: what the broker takes for the user."""
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def span_us(certificate: x509.Certificate) -> tuple[int, int]:
    """Return from when to when it is good, UTC microseconds."""
    return _micros(certificate.not_valid_before_utc), _micros(certificate.not_valid_after_utc)


def _micros(when: datetime) -> int:
    return (when - _EPOCH) // timedelta(microseconds=1)


def _time(at_us: int) -> datetime:
    return _EPOCH + timedelta(seconds=at_us // 1_000_000)  # X.509 counts whole seconds


_OIDS: Final = {
    "common_name": NameOID.COMMON_NAME,
    "organization": NameOID.ORGANIZATION_NAME,
    "unit": NameOID.ORGANIZATIONAL_UNIT_NAME,
}


def _name(*fields: tuple[str, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(_OIDS[field], value) for field, value in fields])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        pass
    try:
        plain = name.encode("idna").decode("ascii")
    except UnicodeError:
        plain = ""
    if len(plain) > _HOST_MAX_CHARS or not _HOST.fullmatch(plain):
        raise AuthorityError(f"broker name {name[:80]!r}: expected a host name or an address")
    return x509.DNSName(plain)


def _usage(oid: x509.ObjectIdentifier) -> x509.ExtendedKeyUsage:
    return x509.ExtendedKeyUsage([oid])


def _issued_by(authority: Authority) -> x509.AuthorityKeyIdentifier:
    found = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found.value)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a certificate says of itself."""

    subject: x509.Name
    public: ec.EllipticCurvePublicKey
    serial: int
    now_us: int
    ends_us: int


def _builder(wanted: _Wanted, issuer: x509.Name) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(wanted.subject)
        .issuer_name(issuer)
        .public_key(wanted.public)
        .serial_number(wanted.serial)
        .not_valid_before(_time(wanted.now_us) - timedelta(seconds=CLOCK_BEHIND_S))
        .not_valid_after(_time(wanted.ends_us))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(wanted.public), critical=False)
    )


def _authority(wanted: _Wanted, issuer: x509.Name, *, depth: int) -> x509.CertificateBuilder:
    builder = _builder(wanted, issuer)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=depth), critical=True)
    return builder.add_extension(_key_usage(signs=True), critical=True)


def _leaf(
    authority: Authority, subject: x509.Name, public: ec.EllipticCurvePublicKey, serial: int, now_us: int
) -> x509.CertificateBuilder:
    """Return a leaf to sign; it ends with its authority at the latest. Raises `AuthorityError` when that is over."""
    over_us = _check_lasts(authority, now_us)
    wanted = _Wanted(subject, public, serial, now_us, min(now_us + LEAF_DAYS * _DAY_US, over_us))
    builder = _builder(wanted, authority.certificate.subject)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(signs=False), critical=True)
    return builder.add_extension(_issued_by(authority), critical=False)


def _check_lasts(authority: Authority, now_us: int) -> int:
    """Return when an authority ends. Raises `AuthorityError` when it is over."""
    over_us = span_us(authority.certificate)[1]
    if now_us >= over_us:
        ended = authority.certificate.not_valid_after_utc
        raise AuthorityError(f"the issuing authority ended {ended:%Y-%m-%d}: `lastunit ca init` makes a new one")
    return over_us


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
