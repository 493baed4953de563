"""Certificates for tests, made by OpenSSL's command when a test first asks: nothing secret, nothing that grows old."""

from __future__ import annotations

import ssl
import subprocess
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

READER_NAME = "reader-7.store.example"


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, PEM files."""

    cert: Path
    key: Path

    def server(self, believes: Path | None = None) -> ssl.SSLContext:
        """A server that shows this; one that `believes` wants a client's certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        if believes is not None:
            context.load_verify_locations(believes)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client(self, believes: Path) -> ssl.SSLContext:
        """A client that shows this."""
        context = believer(believes)
        context.load_cert_chain(self.cert, self.key)
        return context


def believer(ca: Path) -> ssl.SSLContext:
    """A client that shows nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca)
    return context


@dataclass(frozen=True, slots=True)
class Certificates:
    """`reader` and `edge` are signed by `ca` and good for 127.0.0.1; `named` too, but for READER_NAME only.

    `stranger` is its own authority. `locked` is a key with a passphrase.
    """

    folder: tempfile.TemporaryDirectory[str]
    ca: Path
    reader: Pair
    named: Pair
    edge: Pair
    stranger: Pair
    locked: Path


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def _signed(folder: Path, name: str, alternative: str, ca: Pair | None) -> Pair:
    made = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    signer = ("-CA", ca.cert, "-CAkey", ca.key) if ca is not None else ()
    _openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "2"),
        *("-subj", f"/CN={name}", "-addext", f"subjectAltName={alternative}"),
        *("-keyout", made.key, "-out", made.cert, *signer),
    )
    return made


@lru_cache
def certificates() -> Certificates:
    """Make them, once in a process; they go with it."""
    held = tempfile.TemporaryDirectory(prefix="certificates-")
    folder = Path(held.name)
    ca = _signed(folder, "authority", "DNS:authority.example", None)
    reader = _signed(folder, "reader", "IP:127.0.0.1", ca)
    locked = folder / "locked.key"
    _openssl("ec", "-in", reader.key, "-out", locked, "-aes128", "-passout", "pass:secret")
    return Certificates(
        held,
        ca.cert,
        reader,
        _signed(folder, "named", f"DNS:{READER_NAME}", ca),
        _signed(folder, "edge", "IP:127.0.0.1", ca),
        _signed(folder, "stranger", "IP:127.0.0.1", None),
        locked,
    )
