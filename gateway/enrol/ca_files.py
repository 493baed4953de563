"""The directory of a certificate authority.

    root/root.pem, root/root.key              the root: to be taken away, off every machine that is on a network
    issuing/issuing.pem, issuing/issuing.key  the issuing authority: the gateway's
    ca.pem                                    the root's certificate: what edges, gateways and channels believe
    broker/server.pem, broker/server.key      the broker's certificate with its issuer's, and its key
    gateway/<name>.pem                        a gateway's key, certificate and issuer's, in one file

Files with keys are for their owner only. What is there is never overwritten, but by a renewal, and then as a whole:
a crash leaves the old file or the new one.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.enrol import authority as ca
from gateway.enrol.authority import Authority
from gateway.enrol.errors import AuthorityError
from wire.identity import Kind, Principal

CA: Final = "ca.pem"
ROOT: Final = Path("root/root.pem")
ROOT_KEY: Final = Path("root/root.key")
ISSUING: Final = Path("issuing/issuing.pem")
ISSUING_KEY: Final = Path("issuing/issuing.key")
SERVER: Final = Path("broker/server.pem")
SERVER_KEY: Final = Path("broker/server.key")
GATEWAYS: Final = Path("gateway")

_SECRET_MODE: Final = 0o600
_OPEN_MODE: Final = 0o644
_FOLDER_MODE: Final = 0o700
_FILE_MAX_BYTES: Final = 64 * 1024
"""A chain and a key have some 2 KB."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """What issues certificates: the issuing authority, and the root that everybody believes."""

    authority: Authority
    root: x509.Certificate

    @property
    def ca_pem(self) -> str:
        """The root, as boxes get it."""
        return ca.certificate_pem(self.root)

    def chain(self, certificate: x509.Certificate) -> str:
        """Return a certificate and its issuer's, as its holder shows them."""
        return ca.certificate_pem(certificate, self.authority.certificate)


@dataclass(frozen=True, slots=True)
class Own:
    """A certificate that lies in the directory, and whose it is."""

    certificate: x509.Certificate
    principal: Principal


def write_secret(path: Path, text: str) -> None:
    """Write a file for its owner only, as a whole: a crash leaves what was there, or the new one."""
    write_whole(path, text.encode("ascii"), _SECRET_MODE)


def write_open(path: Path, text: str) -> None:
    """Write a file that anybody may read, as a whole."""
    write_whole(path, text.encode("ascii"), _OPEN_MODE)


def write_whole(path: Path, data: bytes, mode: int) -> None:
    """Write a file beside its place, make sure of it, and put it there. Raises `OSError`."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)  # whatever the umask says
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def make_folder(folder: Path) -> None:
    """Make a directory for its owner only, unless it is there. Raises `OSError`."""
    folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)


def check_empty(folder: Path) -> None:
    """Raises `AuthorityError` when a directory has anything in it: a key that is overwritten is lost for good."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AuthorityError(f"{folder} is there and not empty: nothing is overwritten; name a new directory")


def write_authority(folder: Path, root: Authority, issuing: Authority) -> Issuer:
    """Write a new authority into an empty directory. Raises `AuthorityError`, `OSError`."""
    check_empty(folder)
    for one in (ROOT, ISSUING, SERVER, GATEWAYS / "any"):
        make_folder(folder / one.parent)
    write_secret(folder / ROOT_KEY, ca.key_pem(root.key))
    write_open(folder / ROOT, ca.certificate_pem(root.certificate))
    write_secret(folder / ISSUING_KEY, ca.key_pem(issuing.key))
    write_open(folder / ISSUING, ca.certificate_pem(issuing.certificate))
    write_open(folder / CA, ca.certificate_pem(root.certificate))
    return Issuer(issuing, root.certificate)


def read_issuer(folder: Path) -> Issuer:
    """Return the issuing authority of a directory. Raises `AuthorityError` that names the file to mend."""
    certificate, root = read_certificate(folder / ISSUING), read_certificate(folder / CA)
    key = read_key(folder / ISSUING_KEY)
    if ca.key_digest(key.public_key()) != _digest(certificate):
        raise AuthorityError(f"{folder / ISSUING_KEY}: not the key of {folder / ISSUING}")
    try:
        certificate.verify_directly_issued_by(root)
    except Exception as error:
        raise AuthorityError(f"{folder / ISSUING}: not signed by {folder / CA}") from error
    return Issuer(Authority(certificate, key), root)


def own_certificates(folder: Path) -> Iterator[Own]:
    """Yield the certificates that lie in the directory: the broker's and those of gateways. Raises `AuthorityError`."""
    if (folder / SERVER).exists():
        yield Own(read_certificate(folder / SERVER), Principal(Kind.BROKER, "mqtt"))
    for path in sorted((folder / GATEWAYS).glob("*.pem")):
        yield Own(read_certificate(path), Principal(Kind.GATEWAY, path.stem))


def read_certificate(path: Path) -> x509.Certificate:
    """Return the first certificate of a PEM file. Raises `AuthorityError`."""
    data = _read(path)
    try:
        return x509.load_pem_x509_certificates(data)[0]
    except ValueError as error:
        raise AuthorityError(f"{path}: expected a certificate in PEM") from error


def read_key(path: Path) -> ca.Key:
    """Return a private key. Raises `AuthorityError`, which says nothing of its content."""
    data = _read(path)
    try:
        key = serialization.load_pem_private_key(data, None)
    except (ValueError, TypeError) as error:
        raise AuthorityError(f"{path}: expected a private key in PEM without a passphrase") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise AuthorityError(f"{path}: expected an ECDSA key")
    return key


def _digest(certificate: x509.Certificate) -> str:
    public = certificate.public_key()
    return ca.key_digest(public) if isinstance(public, ec.EllipticCurvePublicKey) else ""


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AuthorityError(f"{path}: {error.strerror or error}") from error
    if len(data) > _FILE_MAX_BYTES:
        raise AuthorityError(f"{path} has {len(data)} bytes, expected at most {_FILE_MAX_BYTES}: not one of ours")
    return data
