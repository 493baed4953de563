"""A name, an address, a port: what stands between the edge and anything on the network."""

import asyncio
import errno
import os
import socket
from typing import Final, NamedTuple

from edge.doctor.finding import Finding, bad, well

LOOKUP_S: Final = 5.0
"""A resolver answers in milliseconds, or asks its next server after some seconds."""
TCP_S: Final = 5.0

_DO: Final = {
    errno.ECONNREFUSED: "the host answers, nothing listens there: is the service enabled on it, is the port right?",
    errno.EHOSTUNREACH: "nobody has this address: is it plugged in, has it another address now?",
    errno.ENETUNREACH: "this box has no way to that network: check its own address and gateway",
    errno.EACCES: "a firewall of this box forbids it",
    errno.EPERM: "a firewall of this box forbids it",
}


class Reached(NamedTuple):
    """What was found on the way, and the connection if there is one: it is the caller's to close."""

    findings: list[Finding]
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None


async def reach(subject: str, host: str, port: int, service: str) -> Reached:
    """Look the name up and connect. Without a connection the last finding is a problem."""
    try:
        async with asyncio.timeout(LOOKUP_S):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        do = "check this box's DNS, or use an IP address"
        return Reached([bad(subject, "name", f"{host}: no name server answered", do)], None)
    except (OSError, UnicodeError) as error:  # a name that cannot be one fails in the IDNA codec
        why = getattr(error, "strerror", None) or str(error)
        do = "check the spelling in the site file, or use an IP address"
        return Reached([bad(subject, "name", f"{host}: {why}", do)], None)
    address = found[0][4][0]
    findings = [] if address == host else [well(subject, "name", f"{host} is {address}")]
    place = f"{host}:{port} ({service})"
    try:
        async with asyncio.timeout(TCP_S):
            streams = await asyncio.open_connection(host, port)
    except TimeoutError:
        do = "nothing answers: power, cable, switch, VLAN, firewall; does `ping` get through?"
        return Reached([*findings, bad(subject, "port", f"{place}: no answer in {TCP_S:g} s", do)], None)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        do = _DO.get(error.errno or 0, "check power, cable, address and port")
        return Reached([*findings, bad(subject, "port", f"{place}: {why}", do)], None)
    return Reached([*findings, well(subject, "port", f"{place} answers")], streams)


async def check_reachable(subject: str, host: str, port: int, service: str) -> list[Finding]:
    """Return what the name and the port say. The connection that shows it is closed at once, without a word."""
    findings, streams = await reach(subject, host, port, service)
    if streams is not None:
        streams[1].transport.abort()
    return findings
