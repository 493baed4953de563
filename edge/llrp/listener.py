"""Readers that connect to us (LLRP 1.1 section 7.1): one listening socket for each port, a door for each device.

Theory of operation. Several readers may call the same port; who calls is told by the address that the connection
comes from. A call from an address of no door is closed at once, before a byte is read: it is counted, and each such
address is logged once. A call for a door waits there until the device's driver takes it. One waits at most: a newer
call takes the place of an older one, because a reader that calls again has given the older one up. So may a reader have
done that still seems to be connected: its call waits, too, until the older connection proves alive (then the call is a
rival's, and closed) or ends.

A port is the whole machine's, so its listener is the whole process's: it begins with its first door and ends with its
last. Names instead of addresses are looked up whenever a driver begins to wait.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import structlog

from edge.llrp.limits import ACCEPT_PAUSE_S, CALLS_WAITING_MAX, CONNECT_TIMEOUT_S, STRANGERS_NAMED_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

Address: TypeAlias = IPv4Address | IPv6Address


class NobodyCalledError(OSError):
    """The reader did not connect in the time that it was waited for."""


class Door:
    """One device's place at a port.

    Args:
        device: its id.
        host: address or name from which it connects.
        port: where we listen.

    Attributes:
        on_rival: called when a call was closed because its reader is connected.
        busy: whether its reader is connected; set by the owner.
        waited_s: how long the newest connection waited to be taken: what the reader said first is so old.
    """

    def __init__(self, device: str, host: str, port: int) -> None:
        self.device = device
        self.port = port
        self.addresses: frozenset[Address] = frozenset()
        self.busy = False
        self.waited_s = 0.0
        self.on_rival: Callable[[], None] = lambda: None
        self._host = host
        self._waiting: socket.socket | None = None
        self._arrived_s = 0.0
        self._heard_s = 0.0
        self._knock = asyncio.Event()
        self._listener: _Listener | None = None

    async def wait(self, for_s: float) -> socket.socket:
        """Return the next connection of the reader; it is the caller's to close.

        Raises:
            NobodyCalledError: none came within `for_s` seconds, or `wake` was called.
            OSError: the port cannot be had, or the reader's name has no address.
        """
        self.addresses = await _addresses(self._host)
        if self._listener is None:
            self._listener = _open(self)
        with suppress(TimeoutError):
            async with asyncio.timeout(for_s):
                await self._knock.wait()
        self._knock.clear()
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            raise NobodyCalledError(f"{self._host} did not call port {self.port}{self._listener.others()}")
        self.waited_s = asyncio.get_running_loop().time() - self._arrived_s
        return waiting

    def wake(self) -> None:
        """Let `wait` return."""
        self._knock.set()

    async def close(self) -> None:
        """Leave the port; whoever waits is sent away."""
        if self._waiting is not None:
            self._waiting.close()
            self._waiting = None
        listener, self._listener = self._listener, None
        if listener is not None:
            await listener.leave(self)

    def heard(self, newest_s: float) -> None:
        """Say when the reader was heard on the connection that it has: if since a call, it was not the reader's."""
        before_s, self._heard_s = self._heard_s, newest_s
        if newest_s != before_s and self.busy and self._waiting is not None:
            self._waiting.close()
            self._waiting = None
            self._knock.clear()
            self.on_rival()

    def arrived(self, caller: socket.socket) -> None:
        """Take a connection from one of `addresses`."""
        if self._waiting is not None:
            self._waiting.close()
        self._waiting = caller
        self._arrived_s = asyncio.get_running_loop().time()
        self._knock.set()


class _Listener:
    """One listening socket and the task that accepts. Raises `OSError` where the port cannot be had."""

    def __init__(self, port: int) -> None:
        self.doors: list[Door] = []
        self.strangers = 0
        self._port = port
        self._last_stranger = ""
        self._named: set[str] = set()
        self._log: Any = structlog.get_logger("edge.llrp").bind(port=port)
        self._socket = _listening(port)
        self._task = asyncio.get_running_loop().create_task(self._accept(), name=f"llrp port {port}")

    def others(self) -> str:
        """Return who called that is not expected, for the reason why somebody is missed."""
        if not self.strangers:
            return ""
        return f"; {self.strangers} calls came from elsewhere, the last from {self._last_stranger}"

    async def leave(self, door: Door) -> None:
        """Take a door away; with the last one the port is given up."""
        self.doors.remove(door)
        if self.doors:
            return
        del _LISTENERS[self._port]
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._socket.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                caller, peer = await loop.sock_accept(self._socket)
            except OSError as error:  # no descriptors left, or the caller is gone already
                self._log.warning("call not taken", reason=str(error))
                await asyncio.sleep(ACCEPT_PAUSE_S)
                continue
            self._arrived(caller, peer[0])

    def _arrived(self, caller: socket.socket, peer: str) -> None:
        address = _plain(peer)
        for door in self.doors:
            if address in door.addresses:
                door.arrived(caller)
                return
        caller.close()
        self.strangers += 1
        self._last_stranger = str(address)
        if self._last_stranger not in self._named and len(self._named) < STRANGERS_NAMED_MAX:
            self._named.add(self._last_stranger)
            self._log.warning("stranger sent away", peer=self._last_stranger)


_LISTENERS: Final[dict[int, _Listener]] = {}
"""By port: the operating system has one of each, too."""


def _open(door: Door) -> _Listener:
    listener = _LISTENERS.get(door.port)
    if listener is None:
        listener = _LISTENERS[door.port] = _Listener(door.port)
    listener.doors.append(door)
    return listener


def _listening(port: int) -> socket.socket:
    """Return a socket that listens on every address of this machine. Raises `OSError`."""
    both = socket.has_dualstack_ipv6()
    try:
        listening = socket.create_server(
            ("", port),
            family=socket.AF_INET6 if both else socket.AF_INET,
            backlog=CALLS_WAITING_MAX,
            dualstack_ipv6=both,
        )
    except OSError as error:
        raise OSError(f"cannot listen on port {port}: {error.strerror or error}") from error
    listening.setblocking(False)
    return listening


async def _addresses(host: str) -> frozenset[Address]:
    """Return the addresses of a host. Raises `OSError` for a name that has none."""
    with suppress(ValueError):
        return frozenset({_plain(host)})
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # TimeoutError is an OSError
        raise OSError(f"{host} has no address: {str(error) or 'no answer'}") from error
    return frozenset(_plain(str(entry[4][0])) for entry in found)


def _plain(text: str) -> Address:
    """Return an address without its zone, and an IPv4 one that came through an IPv6 socket as itself."""
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
