"""TLS to and from devices: the settings of the site file as contexts, and failed handshakes in words for a person.

A device on TLS is always verified: by the certificates in `ca_file` (who signed the device's, or the device's own), or
by this machine's authorities where there is none. Its certificate must carry `tls_name`, or the device's address.
`cert_file` and `key_file` are our own certificate: for devices that ask for one, and for those that connect to us.

Contexts are made anew for each connection, so that a renewed certificate counts without a restart. Readers of years ago
are spoken to with what OpenSSL's defaults still allow, which is TLS 1.2 at the least.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wire.site import Device

HANDSHAKE_TIMEOUT_S: Final = 10.0
"""The processor of a reader takes a second or two for a 2048-bit key; none takes ten."""

_FILE_KEYS: Final = ("ca_file", "tls_name", "cert_file", "key_file")


class TlsError(ValueError):
    """The TLS settings of a device cannot be used: a person must mend the site file or a file that it names."""


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """What a device's TLS rests on: paths of PEM files, None where there is none."""

    device: str
    ca_file: str | None = None
    tls_name: str | None = None
    cert_file: str | None = None
    key_file: str | None = None

    def name(self, host: str) -> str:
        """Return the name that the certificate of a device at `host` must carry."""
        return self.tls_name or host

    def client_context(self) -> ssl.SSLContext:
        """Return a context for connecting to the device. Raises `TlsError` that names the file to mend."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.ca_file is None:
            context.load_default_certs()
        else:
            self._believe(context, self.ca_file)
        if self.cert_file is not None:
            self._show(context, self.cert_file)
        return context

    def server_context(self) -> ssl.SSLContext:
        """Return a context for a device that connects to us; with a `ca_file` it must show a certificate.

        Raises:
            TlsError: there is no `cert_file`, or a file cannot be used.
        """
        if self.cert_file is None:
            raise TlsError(
                f"device {self.device}: cert_file is missing: a reader that connects to us over TLS wants our own"
            )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._show(context, self.cert_file)
        if self.ca_file is not None:
            self._believe(context, self.ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _believe(self, context: ssl.SSLContext, ca_file: str) -> None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:  # SSLError is one
            raise self._unusable("ca_file", ca_file, "certificates in PEM", error) from error
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the device's own certificate, signed by whomever

    def _show(self, context: ssl.SSLContext, cert_file: str) -> None:
        try:
            # The empty password keeps OpenSSL from asking for one at a terminal that a daemon does not have.
            context.load_cert_chain(cert_file, self.key_file, password="")
        except OSError as error:
            path = cert_file if self.key_file is None else f"{cert_file}, key_file: {self.key_file}"
            wanted = "a certificate and its key in PEM, the key without a passphrase"
            raise self._unusable("cert_file", path, wanted, error) from error

    def _unusable(self, key: str, path: str, wanted: str, error: OSError) -> TlsError:
        why = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        return TlsError(f"device {self.device}: {key}: {path}: {why or error}, expected {wanted}")


def tls_settings(device: Device) -> TlsSettings | None:
    """Return the TLS settings of a device; None where it has no TLS. Raises `TlsError` for settings without `tls`."""
    options = device.options
    given = {key: str(options[key]) for key in _FILE_KEYS if key in options}
    if not options.get("tls"):
        if given:
            raise TlsError(f"device {device.id}: {', '.join(given)}: means nothing without `tls: true`")
        return None
    if "key_file" in given and "cert_file" not in given:
        raise TlsError(f"device {device.id}: key_file: a key without its certificate: give cert_file too")
    return TlsSettings(device.id, **given)


def tls_problem(error: BaseException) -> str:
    """Return why a connection did not come about, in words for a person; empty where TLS has no part in it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not believed: {error.verify_message} (ca_file, tls_name)"
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or str(error)).replace("_", " ").lower()
        if "wrong version number" in reason or "record layer failure" in reason or "http request" in reason:
            return "it does not speak TLS there (tls, the port)"
        if "alert" in reason:
            return f"it ends the handshake: {reason} (cert_file, key_file: does it want our certificate?)"
        return f"no TLS: {reason}"
    return ""
