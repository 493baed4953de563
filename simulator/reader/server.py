"""A simulated reader on a TCP socket: one machine, one client at a time, timers from the injected clock.

Nothing is decided here: bytes go into `ReaderMachine`, its effects go out, its deadline sets the timer. A client that
does not read is told to the machine (`writable`), which then keeps its reports, and is not read from either.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Final, Self

from simulator.reader.clock import Clock, SystemClock
from simulator.reader.faults import Faults, Refusal
from simulator.reader.limits import WRITE_HIGH_BYTES
from simulator.reader.machine import Close, ReaderMachine
from wire.llrp.tables.enumerations import ConnectionAttemptStatusType

if TYPE_CHECKING:
    import ssl
    from collections import deque
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from simulator.reader.counters import Counters
    from simulator.reader.machine import Effect
    from simulator.reader.persona import Persona
    from simulator.reader.sighting import Looking, Sighting

_HELD: Final = ConnectionAttemptStatusType.Failed_A_Client_Initiated_Connection_Already_Exists
_OTHER: Final = ConnectionAttemptStatusType.Failed_Reason_Other_Than_A_Connection_Already_Exists
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class _Link(asyncio.Protocol):
    """One TCP connection."""

    def __init__(self, server: ReaderServer) -> None:
        self._server = server
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(f"transport {transport!r}, expected one that reads and writes")
        self.transport = transport
        transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
        self._server.opened(self)

    def data_received(self, data: bytes) -> None:
        self._server.received(self, data)

    def connection_lost(self, _exc: Exception | None) -> None:
        self.transport = None
        self._server.lost(self)

    def pause_writing(self) -> None:
        self._server.flow(self, can_write=False)

    def resume_writing(self) -> None:
        self._server.flow(self, can_write=True)

    def write(self, data: bytes) -> None:
        if data and self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def reset(self) -> None:
        """Close with a RST: what a vanished client or a rebooted reader looks like."""
        if self.transport is not None:
            raw = self.transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.transport.abort()


class ReaderServer:
    """A reader that listens for LLRP clients.

    Args:
        device_id: names the reader; its hardware address derives from it.
        persona: what model it is.
        host, port: where to listen; port 0 = any free one, see `port`.
        clock: the simulation's time.
        version: highest LLRP version (1 = 1.0.1, 2 = 1.1); the persona's own if None.
        tls: clients must speak TLS.
        on_looking: called when what the reader inventories changes.

    Raises:
        OSError: by `start` or `plug`, if the address cannot be bound.
    """

    def __init__(
        self,
        device_id: str,
        persona: Persona,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Clock | None = None,
        version: int | None = None,
        tls: ssl.SSLContext | None = None,
        on_looking: Callable[[Looking | None], None] | None = None,
    ) -> None:
        self.device_id = device_id
        self.persona = persona
        self.host, self.port = host, port
        self.clock: Clock = clock or SystemClock()
        self.faults = Faults()
        self._version = version
        self._tls = tls
        self._on_looking = on_looking
        self._machine = self._booted()
        self._listener: asyncio.Server | None = None
        self._running = False
        self._link: _Link | None = None
        self._others: set[_Link] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._looked: Looking | None = None

    # -- what it is

    @property
    def address(self) -> str:
        """``host:port``, as a site file has it."""
        return f"{self.host}:{self.port}"

    @property
    def looking(self) -> Looking | None:
        """What it inventories right now."""
        return self._machine.looking

    @property
    def plugged(self) -> bool:
        """Whether it is in the network."""
        return self._listener is not None

    @property
    def connected(self) -> bool:
        """Whether a client holds it."""
        return self._machine.connected

    @property
    def counters(self) -> Counters:
        """What it has counted since it booted."""
        return self._machine.counters

    @property
    def heard(self) -> deque[str]:
        """Names of the last messages from clients."""
        return self._machine.heard

    @property
    def machine(self) -> ReaderMachine:
        """The reader itself; a new one after `reboot`."""
        return self._machine

    # -- life

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen. Raises `OSError`."""
        await self.plug()
        self._running = True
        self._set_timer()

    async def stop(self) -> None:
        """Reset all connections and listen no more."""
        self._running = False
        await self.unplug()
        self._set_timer()

    async def plug(self) -> None:
        """Listen (again), on the same port as before. Raises `OSError`."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self.new_link, self.host, self.port, ssl=self._tls)
        self.port = self._listener.sockets[0].getsockname()[1]
        self._after(())

    async def unplug(self) -> None:
        """Cut the network: nobody listens, connections are reset, the reader itself goes on."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
        for link in [*self._others, self._link]:
            if link is not None:
                link.reset()
        await self.until(lambda: self._link is None and not self._others)
        if listener is not None:
            await listener.wait_closed()

    async def reboot(self) -> None:
        """Cut the power and come back: ROSpecs, configuration and kept reports are gone."""
        await self.unplug()
        self._machine = self._booted()
        await self.plug()

    def _booted(self) -> ReaderMachine:
        return ReaderMachine(
            self.persona, self.persona.reader_id(self.device_id), self.clock.now_us(), version=self._version
        )

    # -- what happens to it

    def feed(self, sightings: Sequence[Sighting]) -> None:
        """Let its antennas see tags."""
        self._after(self._machine.observe(sightings, self.clock.now_us()))

    def set_antenna(self, port: int, *, connected: bool) -> None:
        """Plug an antenna in or out. Raises `KeyError` for a port that it has not."""
        self._after(self._machine.set_antenna(port, connected, self.clock.now_us()))

    def set_gpi(self, port: int, *, high: bool) -> None:
        """Change an input's level. Raises `KeyError` for an input that it has not."""
        self._after(self._machine.set_gpi(port, high, self.clock.now_us()))

    def report_exception(self, text: str) -> None:
        """Let it complain."""
        self._after(self._machine.report_exception(text, self.clock.now_us()))

    def close_by_reader(self) -> None:
        """Let it close its client's connection, as a reader does before an update."""
        if self.connected:
            self._after(self._machine.close(self.clock.now_us()))

    def drop(self) -> None:
        """Reset its client's connection."""
        if self._link is not None:
            self._link.reset()
            self._leave(self._link)
            self._after(())

    async def until(self, condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Wait until the condition holds; it is looked at after everything that happens to the reader.

        Raises:
            TimeoutError: it did not become true in time.
        """
        if condition():
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = (condition, future)
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                await future
        finally:
            self._waiters.remove(waiter)

    # -- what the links report

    def new_link(self) -> asyncio.Protocol:
        """Return the protocol of a connection, whoever opened it (LLRP 1.1 section 7.1 allows both)."""
        return _Link(self)

    def opened(self, link: _Link) -> None:
        """Let a client in, or refuse it."""
        now_us = self.clock.now_us()
        refusal = self.faults.refusal
        if refusal is None and self._link is None:
            self._link = link
            self._after(self._machine.connect(now_us))
            return
        self._others.add(link)
        if refusal is None:
            self._say(link, self._machine.refuse(_HELD, now_us))
            self._after(self._machine.another_attempt(now_us))
        elif refusal is Refusal.RESET:
            self._machine.counters.refused += 1
            link.reset()
        elif refusal is Refusal.MUTE:
            self._machine.counters.refused += 1
        else:
            effects = self._machine.refuse(_OTHER if refusal is Refusal.OTHER else _HELD, now_us)
            self._say(link, effects[:1] if refusal is Refusal.HELD_OPEN else effects)
        self._look_around()

    def received(self, link: _Link, data: bytes) -> None:
        """Take a client's bytes."""
        if link is self._link and not self.faults.silent:
            self._after(self._machine.receive(data, self.clock.now_us()))

    def lost(self, link: _Link) -> None:
        """A client's connection is gone."""
        if link is self._link:
            self._leave(link)
        self._others.discard(link)
        self._after(())

    def _leave(self, link: _Link) -> None:
        """Let the reader know that its client is gone; from now on another may come."""
        if link is self._link:
            self._link = None
            self._others.add(link)
            self._machine.disconnected(self.clock.now_us())

    def flow(self, link: _Link, *, can_write: bool) -> None:
        """A client stops taking our bytes, or takes them again."""
        if link is not self._link or link.transport is None:
            return
        if can_write:
            link.transport.resume_reading()
        else:
            link.transport.pause_reading()
        self._after(self._machine.writable(can_write, self.clock.now_us()))

    # -- effects and time

    def _after(self, effects: Iterable[Effect]) -> None:
        """Carry effects out, set the timer, tell who waits."""
        if self._link is not None:
            self._say(self._link, effects)
        self._set_timer()
        self._look_around()

    def _say(self, link: _Link, effects: Iterable[Effect]) -> None:
        loop = asyncio.get_running_loop()
        delay_s = self.faults.answer_delay_s
        plain: list[bytes] = []
        for effect in effects:
            if isinstance(effect, Close):
                link.write(b"".join(plain))
                if delay_s:
                    loop.call_later(delay_s, link.close)
                else:
                    link.close()
                self._leave(link)
                return
            sent = self.faults.outgoing(effect)
            if effect.answer and delay_s:
                loop.call_later(delay_s, link.write, sent.data)
            else:
                plain.append(sent.data)
            if sent.reset:
                link.write(b"".join(plain))
                link.reset()
                self._leave(link)
                return
        link.write(b"".join(plain))

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due_us = self._machine.deadline_us()
        if due_us is not None and self._running:
            delay_s = self.clock.delay_s(due_us)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._after(self._machine.tick(self.clock.now_us()))

    def _look_around(self) -> None:
        """Tell who wants to know what has changed."""
        if self._looked != self._machine.looking:
            self._looked = self._machine.looking
            if self._on_looking is not None:
                self._on_looking(self._looked)
        for condition, future in self._waiters:
            if not future.done() and condition():
                future.set_result(None)
