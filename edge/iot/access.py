"""How to get at a reader or its broker: addresses, logins, certificates of the site file. Secrets come from files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError
from edge.iot.broker import BrokerLink
from edge.iot.driver import SessionOver
from edge.iot.impinj_rest import open_client
from edge.iot.wishes import IotError
from edge.tls import TlsError, tls_settings
from edge.uplink.broker_url import BrokerUrl, Credentials, parse_broker_url

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import httpx

    from edge.iot.broker import Inbox
    from wire.site import Device, Site


class RestAccess:
    """A reader's REST interface, over HTTPS unless the site file says `tls: false`.

    Raises:
        IotError: login files that cannot be used.
        TlsError: certificate files that cannot be used.
    """

    def __init__(self, device: Device) -> None:
        self._login = login_of(device, "username_file", "password_file")
        self._tls = tls_settings(replace(device, options={"tls": True, **device.options}))
        self._host, self._port = device.host_port(443 if self._tls else 80)
        if self._tls is not None:
            self._tls.client_context()  # what cannot be used is told before the daemon runs

    @property
    def has_login(self) -> bool:
        """Whether the site file gives one."""
        return self._login is not None

    def client(self) -> httpx.AsyncClient:
        """Return a client; its certificates are read anew. Raises `SessionOver`."""
        try:
            context = None if self._tls is None else self._tls.client_context()
        except TlsError as error:
            raise SessionOver(str(error)) from error
        name = self._host if self._tls is None else self._tls.name(self._host)
        return open_client(self._host, self._port, tls=context, name=name, login=self._login)


@dataclass(frozen=True, slots=True)
class BrokerAccess:
    """The broker that a reader publishes to."""

    url: BrokerUrl
    credentials: Credentials
    client_id: str

    def link(self, topics: Sequence[str], on_inbox: Callable[[Inbox], None]) -> BrokerLink:
        """Return a connection, not open yet; its files are read anew. Raises `SessionOver`."""
        try:
            login = self.credentials.login()
            tls = self.credentials.tls_context() if self.url.tls else None
        except ConfigError as error:
            raise SessionOver(str(error)) from error
        return BrokerLink(self.url, self.client_id, topics, on_inbox, login=login, tls=tls)


def broker_of(device: Device, site: Site, name_key: str, password_key: str) -> BrokerAccess:
    """Return a device's broker; the keys name its login files. Raises `IotError` for what cannot be used."""
    if "broker" not in device.options:
        raise IotError(f"device {device.id}: broker is missing: the MQTT broker that the reader publishes to")
    credentials = _credentials(device, name_key, password_key)
    try:
        url = parse_broker_url(str(device.options["broker"]))
        credentials.login()
        if url.tls:
            credentials.tls_context()
    except ConfigError as error:
        raise IotError(f"device {device.id}: {error}") from error
    return BrokerAccess(url, credentials, f"lastunit-{site.id}-{device.edge}-{device.id}")


def topic_of(device: Device, key: str, what: str) -> str:
    """Return a topic that must be there. Raises `IotError`."""
    topic = str(device.options.get(key, ""))
    if not topic:
        raise IotError(f"device {device.id}: {key} is missing: {what}")
    if "#" in topic or "+" in topic:
        raise IotError(f"device {device.id}: {key}: {topic!r}: expected the topic of this reader, without # and +")
    return topic


def login_of(device: Device, name_key: str, password_key: str) -> tuple[str, str | None] | None:
    """Return user name and password; None without a user name. Raises `IotError`."""
    try:
        return _credentials(device, name_key, password_key).login()
    except ConfigError as error:
        raise IotError(f"device {device.id}: {error}") from error


def _credentials(device: Device, name_key: str, password_key: str) -> Credentials:
    def path(key: str) -> Path | None:
        return Path(str(device.options[key])) if key in device.options else None

    return Credentials(path("ca_file"), path("cert_file"), path("key_file"), path(name_key), path(password_key))
