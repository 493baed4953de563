"""By which address a client is counted: what it may ask without a key, and how often it may show a wrong one."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from starlette.types import Scope

Networks = Sequence[IPv4Network | IPv6Network]

LOCAL_PROXIES: Final = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def address_of(scope: Scope, proxies: Networks = LOCAL_PROXIES) -> str:
    """Return whose requests are counted together: an IPv4 address, or the /64 of an IPv6 one (RFC 6177).

    Behind a proxy of ours the last address in X-Forwarded-For counts: that one the proxy wrote itself.
    """
    client = scope.get("client")
    came = str(client[0]) if client else ""
    forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    if forwarded and _is_in(came, proxies):
        came = forwarded[-1].decode("latin-1").rpartition(",")[2].strip()
    try:
        address = ip_address(came.partition("%")[0])
    except ValueError:
        return ""  # whoever has no address shares one bucket
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((int(address) >> 64 << 64, 64)))
    return str(address)


def _is_in(text: str, networks: Networks) -> bool:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return any(address in network for network in networks)
