"""Where the broker is, and how we prove who we are. Secrets come from files only: not from URLs, not from arguments."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from edge.errors import ConfigError
from edge.limits import SECRET_FILE_MAX_BYTES
from wire.default_logins import is_well_known
from wire.this_machine import is_this_machine

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class BrokerUrl:
    """A parsed `mqtt://host[:port]` or `mqtts://host[:port]`."""

    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Files that prove who is who: a CA, a client certificate (mTLS), a user name and password."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    username_file: Path | None = None
    password_file: Path | None = None

    def login(self) -> tuple[str, str | None] | None:
        """Return user name and password; None when there is no user name. Raises `ConfigError`."""
        if self.username_file is None:
            if self.password_file is not None:
                raise ConfigError("a password file without a user name file: give both")
            return None
        password = read_secret(self.password_file) if self.password_file else None
        return read_secret(self.username_file), password

    def tls_context(self) -> ssl.SSLContext:
        """Return the context for a connection that checks the broker's name. Raises `ConfigError`."""
        if (self.cert_file is None) != (self.key_file is None):
            raise ConfigError("a client certificate needs both its certificate file and its key file")
        try:
            context = ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.cert_file is not None and self.key_file is not None:
                context.load_cert_chain(self.cert_file, self.key_file)
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(str(one) for one in (self.ca_file, self.cert_file, self.key_file) if one)
            raise ConfigError(f"TLS files {files}: {error}") from error
        return context


def parse_broker_url(text: str) -> BrokerUrl:
    """Parse a broker URL. Raises `ConfigError` that says what was expected."""
    expected = "expected mqtt://host[:port] or mqtts://host[:port]"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"broker {text!r}: {error}; {expected}") from error
    if parts.username is not None or parts.password is not None:
        raise ConfigError("broker URL with a user name or password: put them into files, they would show in `ps`")
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ConfigError(f"broker {text!r}: {expected}")
    return BrokerUrl(parts.hostname, _PORTS[parts.scheme] if port is None else port, parts.scheme == "mqtts")


def check_not_open(broker: BrokerUrl, credentials: Credentials) -> str:
    """Refuse a broker that lets anybody in, and passwords that everybody knows; return what to warn of, or nothing.

    This machine's own broker may be open: whoever reaches it is on the machine already. Raises `ConfigError`.
    """
    login = credentials.login()
    if login is not None and login[1] is not None and is_well_known(login[1], login[0]):
        raise ConfigError(
            f"secret file {credentials.password_file}: this password stands in manuals and examples, and is tried "
            "first; make one that nobody knows: `openssl rand -base64 32` (or --insecure-dev on a developer's machine)"
        )
    shows = broker.tls and credentials.cert_file is not None
    if shows:
        return ""
    if is_this_machine(broker.host):
        return "" if login is not None else "the broker takes whoever is on this machine"
    if login is None:
        raise ConfigError(
            f"broker {broker}: another machine, and we have neither a certificate nor a login there: a broker that "
            "takes us takes anybody. Enrol this box (`lastunit enroll`, docs/identity.md) and give --identity, or "
            "--username-file and --password-file (or --insecure-dev on a developer's own network)"
        )
    return "" if broker.tls else "the password travels in the clear: use mqtts://"


def read_secret(path: Path) -> str:
    """Read a one-line secret. Raises `ConfigError` that names the file and never its content."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"secret file {path}: {error.strerror}") from error
    if len(data) > SECRET_FILE_MAX_BYTES:
        raise ConfigError(f"secret file {path} has {len(data)} bytes: expected at most {SECRET_FILE_MAX_BYTES}")
    try:
        text = data.decode().strip()
    except UnicodeDecodeError as error:
        raise ConfigError(f"secret file {path}: expected UTF-8 text") from error
    if not text or "\n" in text:
        raise ConfigError(f"secret file {path}: expected one line with the secret")
    return text
