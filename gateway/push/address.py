"""Where a webhook may go: a URL that a customer typed, and the addresses behind its name. Pure.

The gateway stands inside a company's network, and whoever may register a webhook could make it talk to what stands
beside it: a database, a printer, a cloud's metadata service (server-side request forgery). So:

* the URL is https, without user, password or fragment, and its port is 443 or one above 1023: none of mail or SSH;
* the name is resolved by us, *all* its addresses must be public ones, and the connection goes to the very address that
  was judged. The name is not asked again, so that an answer that changes (DNS rebinding) changes nothing;
* redirects are not followed (`gateway.push.sender`).

Public is what IANA's special-purpose registries (RFC 6890) leave over. IPv6 addresses that carry an IPv4 address, or
lead out of the net by a translator (mapped, compatible, NAT64, 6to4, Teredo), are refused whatever they carry.

`allow_private` (the gateway's `webhook_allow_private`) lets a company send to its own systems: private and loopback
addresses, any port, and plain http to loopback. Link-local addresses, where clouds keep their metadata, stay closed.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

import httpx

from gateway.push.limits import TRIED_ADDRESSES_MAX, URL_MAX_CHARS

HTTPS: Final = "https"
_PORTS: Final = {HTTPS: 443, "http": 80}
_PORT_LEAST: Final = 1_024

_PUBLIC_V6: Final = ip_network("2000::/3")
_CLOSED: Final = tuple(
    ip_network(net)
    for net in (
        "168.63.129.16/32",  # Azure's platform, reachable from every machine there, on a public address
        "192.0.0.0/24",  # IETF protocol assignments; a cloud keeps its metadata here
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "2001::/23",  # IETF protocol assignments, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation (RFC 9637)
    )
)
_OWN: Final = tuple(
    ip_network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "::1/128", "fc00::/7")
)
"""What `allow_private` opens."""


class AddressError(ValueError):
    """A URL or an address that nothing is sent to; the text says why, and names no address behind a name."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A URL that may be sent to, once the addresses of `host` are judged: `target` is path and query."""

    scheme: str
    host: str
    port: int
    target: str
    allow_private: bool = False

    @property
    def authority(self) -> str:
        """What the Host header says (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def at(self, address: str) -> str:
        """Return the URL that leads to one address."""
        host = f"[{address}]" if ":" in address else address
        return f"{self.scheme}://{host}:{self.port}{self.target}"


def parse_url(text: str, *, allow_private: bool = False) -> Destination:
    """Return where a URL leads. Raises `AddressError`."""
    url = _well_formed(text)
    if url.scheme not in _PORTS or (url.scheme != HTTPS and not allow_private):
        raise AddressError(f"url: scheme {url.scheme!r}, expected https")
    port = _PORTS[url.scheme] if url.port is None else url.port
    if not 0 < port <= 0xFFFF:
        raise AddressError(f"url: port {port}, expected 1 to 65535")
    if not allow_private and port != _PORTS[HTTPS] and port < _PORT_LEAST:
        raise AddressError(f"url: port {port}, expected 443 or one from {_PORT_LEAST} on")
    host = url.raw_host.decode("ascii").rstrip(".").lower()  # `host` would undo Punycode, and may fail
    if not host or "%" in host:
        raise AddressError("url: it names no host")
    return Destination(url.scheme, host, port, url.raw_path.decode("ascii"), allow_private)


def _well_formed(text: str) -> httpx.URL:
    """Return a URL without anything that readers of URLs disagree about. Raises `AddressError`."""
    if len(text) > URL_MAX_CHARS:
        raise AddressError(f"url of {len(text)} characters: the longest is {URL_MAX_CHARS}")
    if not text.isascii() or any(mark <= " " or mark in "\\\x7f" for mark in text):
        raise AddressError("url: expected printable ASCII without spaces and backslashes; encode the others")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise AddressError(f"url: {error}") from None
    if "@" in text.partition("://")[2].partition("/")[0] or url.userinfo:
        raise AddressError("url: it holds a user or a password; the signature says who sends")
    if url.fragment or "#" in text:
        raise AddressError("url: it holds a fragment, which is never sent")
    return url


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address belongs to the public Internet, and to one machine there."""
    if any(address in net for net in _CLOSED if net.version == address.version):
        return False
    if address.is_multicast or address.is_reserved or address.is_unspecified or address.is_link_local:
        return False
    if isinstance(address, IPv6Address):
        return address in _PUBLIC_V6 and address.is_global
    return address.is_global


def is_own(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is of the company's own network, or of this machine."""
    return any(address in net for net in _OWN if net.version == address.version)


def judged(destination: Destination, addresses: list[str]) -> list[str]:
    """Return the addresses to try in order, of those behind the name. Raises `AddressError` unless all are allowed."""
    if not addresses:
        raise AddressError(f"host {destination.host!r}: the name has no address")
    for text in addresses:
        try:
            address = ip_address(text)  # `fe80::1%eth0` has a scope, which a public one never has
        except ValueError:
            raise AddressError(f"host {destination.host!r}: not an IP address behind it") from None
        own = destination.allow_private and is_own(address)
        if not (own or is_public(address)):
            raise AddressError(f"host {destination.host!r}: nothing is sent to private or special addresses")
        if destination.scheme != HTTPS and not address.is_loopback:
            raise AddressError(f"host {destination.host!r}: plain http goes to this machine only, expected https")
    return addresses[:TRIED_ADDRESSES_MAX]
