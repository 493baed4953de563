"""Closed by default: until there are keys, only this machine may ask.

Three checks, before anything else looks at a request. The client's address must be loopback. No proxy may stand in
between (it would make every client look local). And the Host header must name this machine: a page from elsewhere
whose name was rebound to 127.0.0.1 still carries its own name there.
"""

from ipaddress import IPv6Address, ip_address
from typing import Final

from starlette.types import Scope

from gateway.http import problem
from gateway.http.problem import Problem
from gateway.http.refusals import shown

FORWARDING: Final = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"via")


def is_loopback(host: str) -> bool:
    """Whether this address (no name) is of the machine itself; IPv4 inside IPv6 counts as what it carries."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def host_of(header: str) -> str:
    """Return the host of a Host header without its port and brackets, in lower case."""
    text = header.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]


def is_local_name(header: str) -> bool:
    """Whether a Host header names this machine."""
    host = host_of(header)
    return host == "localhost" or is_loopback(host)


def refusal(scope: Scope) -> Problem | None:
    """What forbids this request, or None."""
    client = scope.get("client")
    if client is None or not is_loopback(client[0]):
        came = client[0] if client else "a socket without an address"
        return Problem(problem.LOOPBACK_ONLY, f"request from {came}, expected 127.0.0.0/8 or ::1")
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    for name, _ in scope["headers"]:
        if name in FORWARDING:
            return Problem(problem.LOOPBACK_ONLY, f"request through a proxy (header {name.decode()}), expected none")
    if len(hosts) != 1 or not is_local_name(hosts[0]):
        found = shown(hosts[0]) if len(hosts) == 1 else f"{len(hosts)} Host headers"
        return Problem(problem.WRONG_HOST, f"Host is {found}, expected localhost or a loopback address")
    return None
